"""ONNX files say what the network says, for any number of pictures, and nothing of this machine."""

import json
import os

import numpy as np
import pytest
import torch
from torch import nn

from cnn_cli.errors import TrainingError
from cnn_cli.export import onnx_file
from cnn_cli.export.deployed import Deployed, trace
from cnn_cli.export.parity import compare, first_difference
from cnn_cli.models.classifier import Classifier, Normalize

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

ABOUT = {"classes": json.dumps(["ä", "猫"]), "run": "mine"}


@pytest.fixture
def data(deployed):
    return onnx_file.to_onnx(deployed, (3, 8), ABOUT)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_number_of_pictures(data, deployed, images, count):
    opened = onnx_file.session(data, 1)
    found = opened.run(["logits", "probabilities"], {"images": images[:count].numpy()})
    for ours, theirs in zip(deployed(images[:count]), found, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_what_the_file_says_of_itself(data):
    proto = onnx.load_from_string(data)
    assert {entry.key: entry.value for entry in proto.metadata_props} == ABOUT
    assert [value.name for value in proto.graph.input] == ["images"]
    assert [value.name for value in proto.graph.output] == ["logits", "probabilities"]
    for value in (*proto.graph.input, *proto.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {entry.domain: entry.version for entry in proto.opset_import}[""] == onnx_file.OPSET


def test_nothing_of_this_machine_is_in_it(data, checkout):
    for trace_of_it in (str(checkout), __file__, "stack_trace", "Deployed"):
        assert trace_of_it.encode() not in data


def test_nothing_is_said_on_the_console(deployed, capfd):
    onnx_file.to_onnx(deployed, (3, 8), ABOUT)
    assert capfd.readouterr() == ("", "")


def test_every_stage_is_found_in_the_file(data, deployed, images):
    ours = trace(deployed, images)
    theirs = onnx_file.stages_of(data, images, tuple(ours))
    assert list(theirs) == list(ours)
    for name, out in ours.items():
        torch.testing.assert_close(theirs[name], out, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("weight", "stage"),
    [
        ("conv.weight", "net.conv"),
        ("blocks.0.0.bias", "net.blocks.0.0"),
        ("blocks.2.bias", "net.blocks.2"),
        ("fc.bias", "net.fc"),
    ],
)
def test_an_altered_weight_is_noticed_and_its_stage_named(data, deployed, images, weight, stage):
    proto = onnx.load_from_string(data)
    (tensor,) = (t for t in proto.graph.initializer if t.name.endswith(weight))
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] += 0.05
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    altered = proto.SerializeToString()

    def logits(batch):
        return deployed(batch)[0].numpy()

    assert compare(logits, onnx_file.runner(data, 1), [images], 1e-4).passed
    parity = compare(logits, onnx_file.runner(altered, 1), [images], 1e-4)
    assert not parity.passed
    ours = trace(deployed, parity.worst)
    theirs = onnx_file.stages_of(altered, parity.worst, tuple(ours))
    assert first_difference(ours, theirs).stage == stage


def test_a_network_that_cannot_be_traced_is_refused_in_one_line():
    class Asks(nn.Module):
        def forward(self, maps):
            return maps.flatten(1) if maps.sum() > 0 else -maps.flatten(1)

    deployed = Deployed(Classifier(Normalize((0.5,) * 3, (0.5,) * 3), Asks()), 1.0)
    with pytest.raises(TrainingError, match="cannot be written as ONNX: ") as caught:
        onnx_file.to_onnx(deployed, (3, 8), {})
    assert "\n" not in str(caught.value)


def test_processes_that_are_forked_after_an_export_can_train(data, model, images):
    """Of the tests themselves: see conftest.py, and scripts/faults, whose cases are forks."""
    model(images).sum().backward()
    child = os.fork()
    if not child:
        code = 1
        try:
            model(images).sum().backward()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0

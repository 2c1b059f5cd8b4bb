"""A program of torch says what the network says, without its code."""

import io

import numpy as np
import pytest
import torch
from torch import nn

from cnn_cli.errors import TrainingError
from cnn_cli.export import pt2_file
from cnn_cli.export.deployed import Deployed, trace
from cnn_cli.export.parity import first_difference
from cnn_cli.models.classifier import Classifier, Normalize


@pytest.mark.parametrize("count", [1, 7])
def test_any_number_of_pictures_and_the_metadata(deployed, images, count, checkout):
    data = pt2_file.to_pt2(deployed, (3, 8), {"classes": '["ä"]'})
    run = pt2_file.runner(data)
    np.testing.assert_allclose(run(images[:count]), deployed(images[:count])[0], atol=1e-6)
    extra = {"classes": ""}
    torch.export.load(io.BytesIO(data), extra_files=extra)
    assert extra == {"classes": '["ä"]'}
    assert str(checkout).encode() not in data


def test_the_first_stage_that_differs(deployed, images):
    data = pt2_file.to_pt2(deployed, (3, 8), {})
    ours = trace(deployed, images)
    theirs = pt2_file.stages_of(data, images, tuple(ours))
    assert list(ours) == list(theirs)
    for name, out in ours.items():
        torch.testing.assert_close(theirs[name], out)
    with torch.no_grad():
        deployed.net.blocks[2].weight += 0.01
    assert first_difference(trace(deployed, images), theirs).stage == "net.blocks.2"


def test_a_network_that_cannot_be_traced_is_refused_in_one_line():
    class Asks(nn.Module):
        def forward(self, maps):
            return maps.flatten(1) if maps.sum() > 0 else -maps.flatten(1)

    deployed = Deployed(Classifier(Normalize((0.5,) * 3, (0.5,) * 3), Asks()), 1.0)
    with pytest.raises(TrainingError, match="cannot be written as a program: ") as caught:
        pt2_file.to_pt2(deployed, (3, 8), {})
    assert "\n" not in str(caught.value)

"""Weights as safetensors: the state dict as it is, whatever its layout in memory."""

import pytest
import torch

from cnn_cli.export.safetensors_file import to_safetensors, weights_of

safetensors = pytest.importorskip("safetensors")


def test_the_state_dict_comes_back(model, tmp_path):
    model.to(memory_format=torch.channels_last)
    data = to_safetensors(model, {"classes": '["ä"]'})
    found = weights_of(data)
    assert found.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(found[name], value)
    (tmp_path / "x.safetensors").write_bytes(data)
    with safetensors.safe_open(tmp_path / "x.safetensors", "numpy") as opened:
        assert opened.metadata() == {"format": "pt", "classes": '["ä"]'}
        assert opened.get_tensor("net.conv.weight").shape == (4, 3, 3, 3)


def test_weights_that_are_shared_are_written_twice(model):
    model.net.blocks[2].weight = torch.nn.Parameter(torch.ones(6, 4, 3, 3))
    model.net.other = model.net.blocks[2]
    found = weights_of(to_safetensors(model, {}))
    assert torch.equal(found["net.other.weight"], found["net.blocks.2.weight"])

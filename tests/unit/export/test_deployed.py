"""What stands around the network, and its stages in the order of execution."""

import torch
from torch import nn

from cnn_cli.export.deployed import Deployed, captured, example, trace
from cnn_cli.models.classifier import Classifier, Normalize

STAGES = [
    "scaling", "normalisation", "net.conv", "net.blocks.0.0", "net.blocks.0.1", "net.blocks.2",
    "net.fc", "temperature",
]  # fmt: skip


def test_the_whole_way_is_the_models_divided_by_the_temperature(model, deployed, images):
    logits, probabilities = deployed(images)
    torch.testing.assert_close(logits, model(images) / 1.5)
    torch.testing.assert_close(probabilities, (model(images) / 1.5).softmax(1))
    torch.testing.assert_close(Deployed(model, 1.0)(images)[0], model(images))


def test_the_model_itself_stays_as_it_is(model):
    model.to(memory_format=torch.channels_last)
    deployed = Deployed(model, 1.0)
    assert model.net.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert deployed.net.conv.weight.is_contiguous()
    assert model.net.conv.weight.requires_grad
    assert not deployed.net.conv.weight.requires_grad


def test_the_stages_in_their_order_without_those_that_hand_on(model, deployed, images):
    found = trace(deployed, images)
    assert list(found) == STAGES
    torch.testing.assert_close(found["scaling"], images / 255)
    torch.testing.assert_close(found["temperature"], model(images) / 1.5)
    assert list(trace(Deployed(model, 1.0), images)) == STAGES[:-1]


def test_no_hook_is_left_behind(deployed, images):
    with captured(deployed) as found:
        deployed(images)
    held = dict(found)
    deployed(images.flip(0))
    assert all(found[name] is held[name] for name in held)
    assert not any(module._forward_hooks for module in deployed.modules())


def test_of_a_part_that_is_used_twice_the_first_use_counts(images):
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.AvgPool2d(2)

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            return self.pool(self.pool(maps)).flatten(1)

    model = Classifier(Normalize((0.5,) * 3, (0.5,) * 3), Twice())
    assert trace(Deployed(model, 2.0), images)["net.pool"].shape[-1] == 4


def test_a_network_without_parts_is_one_stage(images):
    model = Classifier(Normalize((0.5,) * 3, (0.5,) * 3), nn.Flatten())
    assert list(trace(Deployed(model, 1.0), images)) == ["scaling", "normalisation", "net"]


def test_the_example_is_two_pictures_of_many_values():
    made = example(3, 16)
    assert (made.shape, made.dtype) == ((2, 3, 16, 16), torch.uint8)
    assert made.unique().numel() == 256

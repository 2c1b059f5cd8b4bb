"""A model's layers joined into stages, against its summary and patterns that can be read off."""

import pytest
import torch
from torch import nn

from cnn_cli.models.densenet import DenseNet
from cnn_cli.models.resnet import ResNet
from cnn_cli.visualize.stages import counted, names, stages_of


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ("", ""),
        ("A", "A"),
        ("A B C", "A, B, C"),
        ("A A A", "3 × A"),
        ("P A B A B", "P, 2 × (A, B)"),
        ("A B C A B C A B D", "2 × (A, B, C), A, B, D"),
        ("A A B A A B", "2 × (A, A, B)"),
    ],
)
def test_a_repeated_pattern_is_told_once(kinds: str, told: str) -> None:
    assert ", ".join(counted(kinds.split())) == told


def resnet(depth: int) -> ResNet:
    with torch.device("meta"):
        return ResNet(3, 5, 32, depth=depth, width=None, block="auto", stem="auto", zero_init=True)


def test_a_deep_resnet_is_its_three_stages_between_stem_and_head() -> None:
    _, stages = stages_of(resnet(56), 3, 32, 14)
    assert names(stages) == ["conv1 – bn1", "layer1", "layer2", "layer3", "fc"]
    assert [stage.layers for stage in stages[1:4]] == ["9 × BasicBlock"] * 3
    assert [stage.shape for stage in stages] == [
        (16, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8), (5,)
    ]  # fmt: skip


@pytest.mark.parametrize("at_most", [1, 3, 6, 14])
def test_nothing_is_lost_by_joining(at_most: int) -> None:
    with torch.device("meta"):
        dense = DenseNet(3, 5, 32, depth=22, growth=12, compression=0.5, dropout=0.0)
    for model in (resnet(20), dense):
        summary, stages = stages_of(model, 3, 32, at_most)
        assert sum(stage.parameters for stage in stages) == summary.parameters
        assert sum(stage.flops for stage in stages) == summary.flops
        assert len({*names(stages)}) == len(stages)
        assert len(stages) <= max(at_most, 4)  # maps of three sizes, and none


def test_what_has_no_arithmetic_goes_with_what_follows_it() -> None:
    model = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 2, 1), nn.Flatten())
    _, (stage,) = stages_of(model, 1, 4, 9)
    assert (stage.layers, stage.shape, names([stage])) == ("MaxPool, Conv, Flatten", (8,), ["1"])


def test_a_model_without_layers_to_count_is_one_stage() -> None:
    _, stages = stages_of(nn.Sequential(nn.ReLU(), nn.Flatten()), 1, 4, 9)
    assert [stage.layers for stage in stages] == ["ReLU, Flatten"]

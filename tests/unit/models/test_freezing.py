"""What stays as it is: by name, by stage, all but the head."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.freezing import freeze, head, stages


class Net(nn.Module):
    """A stem with its norm, two stages and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.first = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.second(self.first(self.norm(self.stem(images))))
        logits: Tensor = self.head(self.pool(maps).flatten(1))
        return logits


def made() -> Classifier:
    return Classifier(Normalize((0.5,), (0.5,)), Net())


def trained(model: Classifier) -> set[str]:
    return {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize(
    ("what", "left"),
    [
        (None, {"stem", "norm", "first", "second", "head"}),
        (0, {"stem", "norm", "first", "second", "head"}),
        (1, {"first", "second", "head"}),  # a norm belongs to the layer before it
        (2, {"second", "head"}),
        ("body", {"head"}),
        ("first", {"stem", "norm", "second", "head"}),
        (["stem", "second"], {"norm", "first", "head"}),
    ],
)
def test_what_is_left_to_train(what: Any, left: set[str]) -> None:
    model = made()
    freeze(model, what)
    assert trained(model) == left


def test_frozen_norms_keep_their_statistics_and_the_others_learn_theirs() -> None:
    model = made()
    freeze(model, 2)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    model(torch.rand(8, 1, 9, 9))
    changed = {name for name, buffer in model.named_buffers() if not buffer.equal(before[name])}
    assert changed
    assert {name.split(".")[1] for name in changed} == {"second"}
    model.eval()
    model.train()
    assert not model.net.norm.training  # type: ignore[union-attr]
    assert model.net.second[1].training  # type: ignore[index, union-attr]


def test_a_wrapper_of_all_stages_is_no_stage() -> None:
    network = nn.Sequential()
    blocks = [nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)) for _ in range(3)]
    network.add_module("features", nn.Sequential(*blocks))
    network.add_module("classifier", nn.Linear(4, 2))
    assert stages(network) == [["features.0"], ["features.1"], ["features.2"]]
    assert head(network) == "classifier"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (4, r"4 stages are too many; before the head there are stem\+norm, first, second"),
        ("heat", r"no heat to train \(did you mean 'head'\?\); it has stem, norm"),
        ("pool", r"no pool to train"),
        (["body"], r"no body to train"),
        (["stem", "norm", "first", "second", "head"], r"leaves nothing to train"),
    ],
)
def test_what_cannot_be_frozen_is_named(what: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        freeze(made(), what)


def test_dense_layers_before_the_head_are_stages_and_part_of_the_body() -> None:
    features = nn.Sequential(*(nn.Conv2d(1, 1, 3) for _ in range(3)))
    dense = nn.Sequential(nn.Flatten(), nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 2))
    network = nn.Sequential()
    network.add_module("features", features)
    network.add_module("classifier", dense)
    model = Classifier(Normalize((0.5,), (0.5,)), network)
    assert head(network) == "classifier.3"
    assert stages(network) == [["features.0"], ["features.1"], ["features.2"], ["classifier.1"]]
    freeze(model, "body")
    left = {name for name, p in model.named_parameters() if p.requires_grad}
    assert left == {"net.classifier.3.weight", "net.classifier.3.bias"}

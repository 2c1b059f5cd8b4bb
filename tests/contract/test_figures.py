"""Every figure in configs/figure is drawn from its YAML as it stands, in grey and in colour."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure
from PIL import Image

from cnn_cli import build
from cnn_cli.augmentation.geometry import PaddedCrop
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch, Dataset, Preprocessing
from cnn_cli.engine.predict import Predictions
from cnn_cli.errors import UserError
from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.resnet import ResNet
from cnn_cli.optim.schedules import Constant
from cnn_cli.sources import UNTRAINED
from cnn_cli.visualize.style import save
from cnn_cli.visualize.subject import Course, Subject

FOLDER = Path(__file__).parents[2] / "configs" / "figure"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
CLASSES = tuple("abcdefghijkl")


class Pictures:
    """Random pictures, three of each class."""

    crops = False

    def __init__(self, channels: int, size: int) -> None:
        self.labels = torch.arange(len(CLASSES)).repeat(3)
        shape = (len(self.labels), channels, size, size)
        source = torch.Generator().manual_seed(0)
        self.images = torch.randint(0, 256, shape, generator=source).to(torch.uint8)
        self.names = [str(i) for i in range(len(self.labels))]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: torch.Tensor) -> Batch:
        return Batch(self.images[indices], self.labels[indices], 0)


def node(name: str) -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return read


def subject(channels: int, size: int) -> Subject:
    split = Pictures(channels, size)
    normalize = Normalize([0.5] * channels, [0.2] * channels)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = ResNet(
            channels,
            len(CLASSES),
            size,
            depth=20,
            width=None,
            block="auto",
            stem="auto",
            zero_init=False,
        )
    model = Classifier(normalize, net).eval()
    chances = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), len(split))
    predictions = Predictions(split.labels.numpy(), chances, tuple(split.names), CLASSES)
    values = {"loss": 1.0, "accuracy": 0.5}
    line = {
        "step": 1, "epoch": 1, "lr": 0.1, "train": {**values, "grad_norm": 1.0}, "val": values,
        "best": True, "time": {"elapsed": 1.0, "images_per_second": 1.0},
    }  # fmt: skip
    return Subject(
        classes=CLASSES,
        preprocessing=Preprocessing(channels, size),
        device=torch.device("cpu"),
        seed=0,
        title="2026-05-01_12-30-00_a-rather-long-name-for-a-run_abcd",
        model=model,
        split=split,  # type: ignore[arg-type]
        augmentation=Augmentation({"crop": PaddedCrop(1, "zero")}, 0),
        predictions=cache(lambda: predictions),
        metrics=(line, {**line, "epoch": 2}),
        dataset=Dataset("letters", CLASSES, split, split, split, ""),  # type: ignore[arg-type]
        network=lambda: copy.deepcopy(model).to("meta"),
        course=lambda: Course(
            Constant(0.1, 0.0), torch.optim.SGD(model.parameters(), 0.1), 1.0, 5, 20
        ),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 28)])
def test_every_figure_is_drawn_and_saved(
    name: str, channels: int, size: int, tmp_path: Path
) -> None:
    given = subject(channels, size)
    (draw,) = build.figures({name: node(name)}, ()).values()
    pictures = draw(given)
    assert pictures
    for stem, figure in pictures.items():
        assert isinstance(figure, Figure)
        save(figure, tmp_path / f"{stem}.png", dpi=60)
        with Image.open(tmp_path / f"{stem}.png") as picture:
            grey = np.asarray(picture.convert("L"))
        assert min(grey.shape) > 120
        assert grey.std() > 5, "nothing is drawn"
        edges = np.concatenate([grey[:2].ravel(), grey[-2:].ravel(), grey[:, :2].ravel()])
        assert edges.min() == 255, "something is cut off at the edge"
        assert grey[:, -2:].min() == 255, "something is cut off at the right edge"
    assert given.model is not None
    assert not given.model.training
    assert not any(module._forward_hooks for module in given.model.modules())
    assert all(p.grad is None for p in given.model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_that_says_so_needs_no_trained_model(name: str) -> None:
    untrained = replace(subject(1, 8), model=None, predictions=None, metrics=())
    (draw,) = build.figures({name: node(name)}, ()).values()
    if node(name).get(UNTRAINED):
        assert draw(untrained)
    else:
        with pytest.raises(UserError, match=f"figure.{name}: needs"):
            draw(untrained)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_says_what_it_lacks(name: str) -> None:
    bare = Subject(CLASSES, Preprocessing(1, 8), torch.device("cpu"), 0, "nothing")
    (draw,) = build.figures({name: node(name)}, ()).values()
    with pytest.raises(UserError, match=f"figure.{name}: needs"):
        draw(bare)


@pytest.mark.parametrize("name", NAMES)
def test_every_yaml_is_named_placed_and_explained(name: str) -> None:
    lines = (FOLDER / f"{name}.yaml").read_text().splitlines()
    assert lines[0] == f"# @package figure.{name}"
    assert lines[1].startswith("# ")
    assert lines[1].endswith(".")
    options = [line for line in lines[2:] if not line.startswith("_target_")]
    assert all("  # " in line and len(line) <= 100 for line in options)

"""What a figure may draw: a trained model, its data and its run, each possibly absent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from cnn_cli.data.contract import Batch, Dataset, Preprocessing, Split
from cnn_cli.errors import UserError
from cnn_cli.rng import generator

if TYPE_CHECKING:
    from cnn_cli.augmentation.pipeline import Augmentation
    from cnn_cli.engine.predict import Predictions

T = TypeVar("T")


@dataclass(frozen=True)
class Course:
    """How the learning rates go: what is known of a training before its first step."""

    schedule: Callable[[float], float]
    """progress in [0, 1] -> factor of the peak rates"""
    optimizer: torch.optim.Optimizer
    """its groups have the rates of the config"""
    scale: float
    """peak rate over the config's, for the size of the batch"""
    steps_per_epoch: int
    total: int
    """steps"""


@dataclass(frozen=True)
class Subject:
    """Everything that figures are drawn from. A figure names what it needs and has not got."""

    classes: tuple[str, ...]
    preprocessing: Preprocessing
    device: torch.device
    seed: int
    title: str
    """what the figures are of: the run's name"""
    part: str = ""
    """what the pictures are of, where there are any: `cifar10 test`"""
    model: nn.Module | None = None
    """in evaluation mode, on `device`; (N, C, H, W) float in [0, 1] -> logits (N, K)"""
    dataset: Dataset | None = None
    split: Split | None = None
    """the part of `dataset` whose pictures are shown"""
    augmentation: "Augmentation | None" = None
    predictions: "Callable[[], Predictions] | None" = None
    """the model's predictions for `split`, in its order; computed at the first call"""
    metrics: tuple[Mapping[str, Any], ...] = ()
    """the lines of metrics.jsonl"""
    network: Callable[[], nn.Module] | None = None
    """the layers with their sizes, and no values: on the meta device, trained or not"""
    course: Callable[[], Course] | None = None

    @property
    def origin(self) -> str:
        """The run and the pictures, for the subtitle of a figure that shows them."""
        return " · ".join(filter(None, (self.title, self.part)))


def needed(value: T | None, figure: str, what: str) -> T:
    """`value`, or a UserError that names the figure and what it lacks."""
    if value is None:
        raise UserError(f"figure.{figure}: needs {what}; this checkpoint or command has none")
    return value


def pictures_of(subject: Subject, figure: str) -> Split:
    """The split whose pictures `figure` shows; UserError where there is none or it is empty."""
    split = needed(subject.split, figure, "pictures of a data set")
    if not len(split):
        raise UserError(f"figure.{figure}: the chosen split has no pictures; choose split=test")
    return split


def one_of_each(subject: Subject, figure: str, count: int) -> Batch:
    """Up to `count` pictures of the split, seeded: of as many classes as there are, in turn."""
    split = pictures_of(subject, figure)
    order = torch.randperm(len(split), generator=generator(subject.seed, f"figure/{figure}"))
    labels = split.labels.cpu()[order]
    turn = torch.zeros(len(order), dtype=torch.int64)
    for label in range(len(subject.classes)):
        mine = labels == label
        turn[mine] = torch.arange(int(mine.sum()))
    ranked = torch.argsort(turn * (len(subject.classes) + 1) + labels, stable=True)
    return split.take(order[ranked[:count]])

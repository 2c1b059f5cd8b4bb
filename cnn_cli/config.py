"""What each command is told: types, ranges and one line per field; YAML holds the values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from cnn_cli.checking import conform
from cnn_cli.errors import UserError, closest
from cnn_cli.limits import Count, NonNegativeInt, Positive, Range, SomeFraction, seconds
from cnn_cli.resolving import plain
from cnn_cli.sections import (
    DatasetFacts,
    DeviceConfig,
    LossConfig,
    RequireConfig,
    RunConfig,
    RunsConfig,
    TrainerConfig,
    TrainRequireConfig,
)

if TYPE_CHECKING:
    from omegaconf import DictConfig

CHECKS = ("data", "overfit", "lr", "resume")
"""What `check` can name."""

Node = Mapping[str, Any]
"""A component's part of the config: plain values and, where it has one, its `_target_`."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything `cnn-train train` is told."""

    dataset: Node
    model: Node
    augmentation: Node
    optimizer: Node
    schedule: Node
    device: DeviceConfig
    loss: LossConfig
    trainer: TrainerConfig
    require: TrainRequireConfig
    baseline: str | None
    """an earlier report, than which the new one may not be worse beyond noise"""
    run: RunConfig
    seed: NonNegativeInt
    resume: str | None
    trust: tuple[str, ...]
    check: str | tuple[str, ...] | None
    """looks at the set-up that are taken instead of training"""

    @property
    def checks(self) -> tuple[str, ...]:
        """The names in `check`, each once."""
        given = (self.check,) if isinstance(self.check, str) else self.check or ()
        return tuple(dict.fromkeys(given))


@dataclass(frozen=True)
class EvaluateConfig:
    """Everything `cnn-train evaluate` is told."""

    checkpoint: str
    dataset: Node
    device: DeviceConfig
    split: Literal["train", "val", "test"]
    batch_size: Count | None
    """null = as in training"""
    tta: Literal["none", "flip", "shift"]
    """views of a picture that are averaged"""
    class_map: Mapping[str, str] | None
    """names of the data's classes -> names of the model's, where they differ"""
    calibrated: bool
    """probabilities by the temperature of the validation pictures, fitted where it is not yet"""
    require: RequireConfig
    baseline: str | None
    """an earlier report, than which the new one may not be worse beyond noise"""
    run: RunsConfig
    slices: str | None
    """CSV whose first column names pictures, and whose others tell of them"""
    output: str | None
    trust: tuple[str, ...]


@dataclass(frozen=True)
class VisualizeConfig:
    """Everything `cnn-train visualize` is told."""

    checkpoint: str
    dataset: Node
    augmentation: Node
    figure: Mapping[str, Node]
    """figure name -> its node with `_target_` and options"""
    device: DeviceConfig
    split: Literal["train", "val", "test"]
    batch_size: Count | None
    class_map: Mapping[str, str] | None
    dpi: Annotated[int, Range(50, 600)]
    seed: NonNegativeInt
    run: RunsConfig
    output: str | None
    trust: tuple[str, ...]


@dataclass(frozen=True)
class PreviewConfig:
    """Everything `cnn-train visualize` is told where there is no run: what `train` would be."""

    checkpoint: None
    dataset: Node
    model: Node
    augmentation: Node
    optimizer: Node
    schedule: Node
    device: DeviceConfig
    loss: LossConfig
    trainer: TrainerConfig
    require: TrainRequireConfig
    figure: Mapping[str, Node]
    split: Literal["train", "val", "test"]
    dpi: Annotated[int, Range(50, 600)]
    seed: NonNegativeInt
    run: RunsConfig
    output: str | None
    trust: tuple[str, ...]

    @property
    def training(self) -> TrainConfig:
        """The training that would start from these choices."""
        shared = TrainConfig.__dataclass_fields__.keys() & self.__dataclass_fields__.keys()
        given = {name: getattr(self, name) for name in shared}
        run = RunConfig(self.run.root, None, None)
        unset = {"resume": None, "check": None, "baseline": None}
        return TrainConfig(**{**given, "run": run, **unset})


@dataclass(frozen=True)
class PredictConfig:
    """Everything `cnn-train predict` is told."""

    checkpoint: str
    images: str
    """a file, a folder (searched through), a glob, or - for paths on standard input"""
    top_k: Count
    calibrated: bool
    """probabilities by the temperature of the validation pictures"""
    threshold: SomeFraction | None
    """probability of the likeliest class below which the answer is `unsure`"""
    format: Literal["csv", "jsonl", "both"]
    device: DeviceConfig
    batch_size: Count
    run: RunsConfig
    output: str | None
    trust: tuple[str, ...]


@dataclass(frozen=True)
class ExportConfig:
    """Everything `cnn-train export` is told."""

    checkpoint: str
    format: Literal["onnx", "pt2", "safetensors"]
    calibrated: bool
    """logits divided by the temperature of the validation pictures"""
    dataset: Node
    split: Literal["train", "val", "test"]
    images: str | None
    """a file, a folder or a glob to compare on instead of the data set's"""
    parity: Count
    """pictures that file and model have to agree on"""
    tolerance: Positive
    """largest difference of a logit"""
    device: DeviceConfig
    run: RunsConfig
    output: str | None
    trust: tuple[str, ...]


Config = (
    TrainConfig | EvaluateConfig | VisualizeConfig | PreviewConfig | PredictConfig | ExportConfig
)

COMMANDS: Mapping[str, type[Config]] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "visualize": VisualizeConfig,
    "predict": PredictConfig,
    "export": ExportConfig,
}
"""Command -> the type of its config."""


def short_name(node: Node) -> str:
    """What a data set or model is called in a word: digits, cnn, resnet50."""
    target = str(node["_target_"]).rpartition(".")[2].removesuffix("_file")  # csv_file is csv
    return str(node.get("name") or target).lower()


def parse(command: str, cfg: "DictConfig") -> Config:
    """The typed config of `command`. Raises UserError with every problem found."""
    problems: list[str] = []
    values = plain(cfg, problems)
    if isinstance(values.get("dataset"), Mapping):
        _check_facts(values["dataset"], problems)
    untrained = command == "visualize" and values.get("checkpoint") is None
    kind = PreviewConfig if untrained else COMMANDS[command]
    config: Config = conform("", values, kind, problems)
    if not problems and isinstance(config, TrainConfig | PreviewConfig):
        _check_train(config, problems)
    # of a value that could not be resolved, the reason is enough
    reasons = [
        line.removeprefix("missing value: ") for line in problems if line[-9:] != ": missing"
    ]
    told = {re.split("[:;]", line)[0] for line in reasons}
    problems = [line for line in problems if line.removesuffix(": missing") not in told]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return config


def _check_facts(dataset: Mapping[str, Any], problems: list[str]) -> None:
    """A data set of one's own may leave facts out; those it states must be right."""
    hints = get_type_hints(DatasetFacts, include_extras=True)
    for name in hints.keys() & dataset.keys():
        conform(f"dataset.{name}", dataset[name], hints[name], problems)


def _check_train(config: TrainConfig | PreviewConfig, problems: list[str]) -> None:
    trainer = config.trainer
    if isinstance(trainer.batch_size, int) and trainer.accumulate > trainer.batch_size:
        problems.append(
            f"trainer.accumulate={trainer.accumulate}: must be at most"
            f" trainer.batch_size={trainer.batch_size}"
        )
    if trainer.budget is not None and trainer.max_time is not None:
        given, most = seconds(trainer.budget), seconds(trainer.max_time)
        if most < given:
            problems.append(
                f"trainer.max_time={trainer.max_time}: ends a training before its schedule has come"
                f" down, which trainer.budget={trainer.budget} fits into its time; leave one out"
            )
    if trainer.budget is not None and config.device.compile:
        problems.append(
            "device.compile=true: how long that takes cannot be foreseen, and trainer.budget has"
            " to; leave one of them out (trainer.max_time ends a training as well)"
        )
    run = config.run
    if isinstance(run, RunConfig) and run.dir is not None and run.name is not None:
        problems.append("run.name: has no meaning beside run.dir; give one of them")
    if isinstance(config, TrainConfig):
        _check_checks(config, problems)


def _check_checks(config: TrainConfig, problems: list[str]) -> None:
    there = f"there are {', '.join(CHECKS)}"
    problems += [
        f"check={name}: no such check{closest(name, CHECKS)}; {there}"
        for name in config.checks
        if name not in CHECKS
    ]
    if config.check == ():
        problems.append(f"check=[]: names no check; {there}")
    if config.check is not None and config.baseline is not None:
        problems.append(
            "baseline: has no meaning beside check, which makes no report; leave it out"
        )
    if config.check is not None and config.resume is not None:
        problems.append("check: looks at a training before its first step; leave out resume")

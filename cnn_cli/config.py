"""The fixed sections of a config: types, ranges and one line per field; YAML holds the values."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from cnn_cli.checking import conform
from cnn_cli.errors import UserError
from cnn_cli.limits import (
    Count,
    Duration,
    Fraction,
    NonNegative,
    NonNegativeInt,
    Positive,
    ProperFraction,
    Range,
    RunName,
)
from cnn_cli.resolving import leaves, plain

if TYPE_CHECKING:
    from omegaconf import DictConfig

Node = Mapping[str, Any]
"""A component's part of the config: plain values and, where it has one, its `_target_`."""


@dataclass(frozen=True)
class DatasetFacts:
    """What a data set's YAML says for other groups to interpolate: `${dataset.mirror}`."""

    mirror: bool
    """a mirrored picture still shows the same class"""
    crop_padding: NonNegativeInt
    """pixels by which `standard` augmentation may shift a picture"""
    rotation: NonNegative
    """degrees by which `standard` augmentation may turn a picture, where it may not mirror it"""
    epochs: Count
    """a sensible length of training"""
    batch_size: Count
    """a sensible number of pictures a step"""


@dataclass(frozen=True)
class DeviceConfig:
    """Where and how the arithmetic is done."""

    name: Literal["auto", "cpu", "cuda", "mps"]
    """auto takes a GPU where there is one"""
    precision: Literal["fp32", "bf16", "fp16"]
    """fp16 scales the loss; bf16 on a CPU without AMX is slow"""
    channels_last: bool
    """memory format NHWC for convolutions: faster on CPUs and tensor cores"""
    deterministic: bool
    """only kernels that give the same bits each time"""
    threads: Count | None
    """CPU threads; null = all cores"""
    workers: NonNegativeInt
    """processes that decode pictures of folders too large for memory"""


@dataclass(frozen=True)
class LossConfig:
    label_smoothing: ProperFraction
    """share of the target spread evenly over all classes"""
    class_weights: Literal["auto"] | Mapping[str, Positive] | None
    """what each class counts; auto makes all classes count alike, a mapping names some"""
    focal_gamma: NonNegative
    """focus on pictures that are hard; 0 = none"""


@dataclass(frozen=True)
class TrainerConfig:
    epochs: Count
    """passes over the training pictures"""
    batch_size: Count
    """pictures a step, in all"""
    lr_batch: Count | None
    """batch size that the optimizer's rates are meant for; they grow and shrink with the real one
    (Goyal et al. 2017); null = they are as given"""
    sampling: Literal["uniform", "balanced"]
    """balanced shows every class as often, and so repeats pictures of the rare ones"""
    accumulate: Count
    """parts that a batch is computed in, to save memory; the step is the same only without batch
    norm, which takes each part by itself"""
    clip_norm: Positive | None
    """largest norm of the whole gradient; null = no clipping"""
    ema_decay: Annotated[float, Range(0, 1, open_low=True, open_high=True)] | None
    """decay a step of the averaged weights, which are then evaluated and saved; null = none"""
    validate_every: Count
    """epochs between validations"""
    monitor: Literal["accuracy", "loss"]
    """validation figure that chooses the best checkpoint"""
    patience: Count | None
    """validations without a new best before stopping early; null = never"""
    max_time: Duration | None
    """a hard stop for training: 90s, 10m, 1.5h; null = none"""
    checkpoint_every: Count | None
    """steps between checkpoints inside an epoch; null = after each validation only"""
    eval_batch_size: Count
    """pictures a batch in evaluation"""
    tensorboard: bool
    """write TensorBoard event files"""


@dataclass(frozen=True)
class RequireConfig:
    """Thresholds on the report's metrics; null = no demand."""

    accuracy: Fraction | None
    top5_accuracy: Fraction | None
    loss: NonNegative | None
    """an upper bound; all others are lower bounds"""
    balanced_accuracy: Fraction | None
    macro_precision: Fraction | None
    macro_recall: Fraction | None
    macro_f1: Fraction | None
    weighted_f1: Fraction | None


@dataclass(frozen=True)
class RunsConfig:
    root: str
    """folder that holds the run folders"""


@dataclass(frozen=True)
class RunConfig:
    root: str
    """folder that holds the run folders"""
    dir: str | None
    """this very folder for the run"""
    name: RunName | None
    """the run's folder under root; null = time, data set, model and four letters"""


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
    require: Mapping[str, float | None]
    run: RunConfig
    seed: NonNegativeInt
    resume: str | None
    trust: tuple[str, ...]


@dataclass(frozen=True)
class EvaluateConfig:
    """Everything `cnn-train evaluate` is told."""

    checkpoint: str
    dataset: Node
    device: DeviceConfig
    split: Literal["train", "val", "test"]
    batch_size: Count | None
    """null = as in training"""
    class_map: Mapping[str, str] | None
    """names of the data's classes -> names of the model's, where they differ"""
    require: Mapping[str, float | None]
    run: RunsConfig
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
class PredictConfig:
    """Everything `cnn-train predict` is told."""

    checkpoint: str
    images: str
    """a file, a folder (searched through) or a glob"""
    top_k: Count
    device: DeviceConfig
    batch_size: Count
    run: RunsConfig
    output: str | None
    trust: tuple[str, ...]


Config = TrainConfig | EvaluateConfig | VisualizeConfig | PredictConfig

COMMANDS: Mapping[str, type[Config]] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "visualize": VisualizeConfig,
    "predict": PredictConfig,
}
"""Command -> the type of its config."""

MAX_TEXT = 1_000_000
"""Characters of a recorded config that are read at most."""


def parse(command: str, cfg: "DictConfig") -> Config:
    """The typed config of `command`. Raises UserError with every problem found."""
    problems: list[str] = []
    values = plain(cfg, problems)
    if isinstance(values.get("require"), Mapping):
        conform("require", values["require"], RequireConfig, problems)
    if isinstance(values.get("dataset"), Mapping):
        _check_facts(values["dataset"], problems)
    config: Config = conform("", values, COMMANDS[command], problems)
    if not problems and isinstance(config, TrainConfig):
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


def _check_train(config: TrainConfig, problems: list[str]) -> None:
    trainer = config.trainer
    if trainer.accumulate > trainer.batch_size:
        problems.append(
            f"trainer.accumulate={trainer.accumulate}: must be at most"
            f" trainer.batch_size={trainer.batch_size}"
        )
    if config.run.dir is not None and config.run.name is not None:
        problems.append("run.name: has no meaning beside run.dir; give one of them")


def to_yaml(config: Config) -> str:
    """`config` as plain YAML, every value resolved: what is recorded with a run."""
    import yaml

    # asdict leaves tuples, for which plain YAML has no word
    values = _lists(dataclasses.asdict(config))
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return text


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def from_yaml(text: str) -> dict[str, Any]:
    """What `to_yaml` wrote, read as if by a stranger: plain values only, nothing to interpolate.

    Raises UserError for anything else: too long, not a mapping, YAML tags, aliases (a short text of
    aliases of aliases takes minutes to expand), or `${`.
    """
    import yaml

    if len(text) > MAX_TEXT:
        raise UserError(
            f"the recorded config has more than {MAX_TEXT} characters; it is not one of ours"
        )
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise UserError("the recorded config has YAML aliases; it is not one of ours")
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(
            f"the recorded config is not plain YAML: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UserError("the recorded config is not a mapping of names; it is not one of ours")
    if any(
        "${" in f"{key}{leaf}" for key, leaf in leaves(values)
    ):  # YAML has other ways to spell $
        raise UserError("the recorded config has an interpolation; it is not one of ours")
    return values

"""The fixed sections that several commands' configs share: types, ranges and one line per field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from cnn_cli.limits import (
    Coefficient,
    Count,
    Duration,
    NonNegative,
    NonNegativeInt,
    Positive,
    ProperFraction,
    Range,
    RunName,
    SomeFraction,
)

PerClass = SomeFraction | Mapping[str, SomeFraction]
"""A share that every class is to reach, or the shares of some by their names."""


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
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """auto: bf16 where a GPU, or a CPU (AMX, AVX512-BF16), has it; fp16 scales the loss"""
    channels_last: bool
    """memory format NHWC for convolutions: faster on CPUs and tensor cores"""
    deterministic: bool
    """only kernels that give the same bits each time"""
    graph: bool
    """replay each step as one CUDA graph, where device and optimizer allow it"""
    compile: bool
    """torch.compile the forward and backward pass of training"""
    side_by_side: Literal["auto"] | bool
    """on a CPU, train small maps several pictures a row; auto: where it has AMX"""
    threads: Count | None
    """CPU threads; null = all cores, fewer where others keep some busy"""
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
    budget: Duration | None
    """time that training is fitted into, instead of epochs: 90s, 10m, 1.5h; null = none"""
    batch_size: Count | Literal["auto"]
    """pictures a step, in all; auto: the largest power of two that fits into a GPU's memory"""
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
    non_finite: Literal["stop", "skip", "rollback"]
    """what follows a step whose loss or gradient is not finite, which never changes a weight"""
    checkpoint_every: Count | None
    """steps between checkpoints; null = after each validation only"""
    eval_batch_size: Count | None
    """pictures a batch in evaluation; null = 500, fewer where they are larger than 64x64"""
    crop_while_gathering: bool
    """cut a leading padded crop while pictures are gathered, where they lie in memory: the same
    pictures, sooner; false = afterwards, as all other augmentation"""
    tensorboard: bool
    """write TensorBoard event files"""


@dataclass(frozen=True)
class RequireConfig:
    """Thresholds on the report; null = no demand. One that nothing could miss is out of range."""

    accuracy: SomeFraction | None
    micro_f1: SomeFraction | None
    top5_accuracy: SomeFraction | None
    balanced_accuracy: SomeFraction | None
    macro_precision: SomeFraction | None
    macro_recall: SomeFraction | None
    macro_f1: SomeFraction | None
    weighted_f1: SomeFraction | None
    kappa: Coefficient | None
    mcc: Coefficient | None
    roc_auc: SomeFraction | None
    average_precision: SomeFraction | None
    loss: NonNegative | None
    """an upper bound, as the next ones; all above are lower bounds"""
    brier: Annotated[float, Range(0, 2, open_high=True)] | None
    ece: ProperFraction | None
    classwise_ece: ProperFraction | None
    precision: PerClass | None
    """lower bounds, as the next ones"""
    recall: PerClass | None
    f1: PerClass | None
    evaluate_time: Duration | None
    """the most that the evaluation may take"""
    latency_ms: Positive | None
    """the most milliseconds that one picture may take, in the median"""


@dataclass(frozen=True)
class TrainRequireConfig(RequireConfig):
    """And on the training."""

    train_time: Duration | None
    """the most that it may take"""


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
    """the run's folder under root; null = time, data set, model and six letters"""

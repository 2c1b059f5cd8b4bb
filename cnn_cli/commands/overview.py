"""The summary before training, and what to type after it."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.config import Node, TrainConfig
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.engine.graph import why_not
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.models import convolution
from cnn_cli.models.summary import Summary, summarise
from cnn_cli.report.files import PAGE
from cnn_cli.run import Run
from cnn_cli.sections import LossConfig

MOST_ROWS = 24
"""Layers listed; a deeper model is shown by its blocks."""
NOTEWORTHY = 0.1
"""Share of the pictures that an epoch leaves out, from which on it is said."""
MOST_WEIGHTS = 10
"""Classes up to which their weights are listed."""
UNEVEN = 1.5
"""Largest class over smallest from which a data set is called uneven."""


def overview(
    config: TrainConfig, task: Task, state: TrainState, *, brief: bool = False
) -> RenderableType:
    """What is about to happen, in tables; `brief` leaves the layers out."""
    preprocessing = task.preprocessing
    summary = summarise(state.model, preprocessing.channels, preprocessing.size, MOST_ROWS)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold cyan", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(config, task, state, summary).items():
        facts.add_row(name, Text(text))
    texts = [*summary.warnings, *filter(None, [task.device.warning, _twice(config)])]
    warnings = [Text(f"warning: {text}", "yellow") for text in texts]
    layers: list[RenderableType] = [] if brief else [_layers(summary), Text()]
    return Group(*layers, facts, *warnings, Text())


def _facts(
    config: TrainConfig, task: Task, state: TrainState, summary: Summary
) -> Mapping[str, str]:
    trainer = task.trainer
    return {
        "data": _data(task.dataset),
        "balance": _balance(task.dataset),
        "input": _input(task.preprocessing),
        "model": f"{summary.parameters:,} parameters{_trained(state)},"
        f" {_short_number(summary.flops)} FLOPs an image",
        "augment": _augmentation(task.settings.augmentation),
        "optimizer": _component(config.optimizer) + _scaled(task),
        "schedule": _component(config.schedule),
        "loss": _loss(config.loss) + _weights(task),
        "steps": _length(task, state)
        + _left_out(task)
        + (f" in {trainer.accumulate} parts" if trainer.accumulate > 1 else "")
        + (", every class as often" if trainer.sampling == "balanced" else "")
        + (f", from step {state.step} on" if state.step else ""),
        "device": str(task.device),
        "speed": _speed(task, state),
        "run": str(task.run.folder),
    }


def _length(task: Task, state: TrainState) -> str:
    """Epochs and steps; under a time budget as they are expected to come out."""
    plan, pictures = task.plan, f"of {task.batch_size} pictures"
    if plan.epochs is not None:
        each = _many(plan.steps_per_epoch, "step")
        return f"{_many(plan.epochs, 'epoch')} x {each} {pictures}"
    epochs = state.total / plan.steps_per_epoch
    return (
        f"about {_many(state.total, 'step')} {pictures}, {epochs:{'.1f' if epochs >= 1 else '.2g'}}"
        f" epochs: what fits into trainer.budget={task.trainer.budget} (trainer.epochs is not used)"
    )


def _speed(task: Task, state: TrainState) -> str:
    """What makes it fast or slow beside the model, each with the key that changes it."""
    layout = "channels_last" if task.device.channels_last else "contiguous"
    parts = {"device.channels_last": f"layout {layout}"}
    parts["device.threads"] = _many(task.device.threads, "thread")
    group = state.optimizer.param_groups[0]
    if "fused" in group:  # this package's own have one way alone
        parts["optimizer.fused"] = f"optimizer {'' if group['fused'] else 'not '}fused"
    crops = any(getattr(op, "gathers", False) for op in task.settings.augmentation.ops.values())
    if crops and (task.settings.cropped or not task.trainer.crop_while_gathering):
        when = "while" if task.settings.cropped else "after"
        parts["trainer.crop_while_gathering"] = f"crops {when} gathering"
    parts["trainer.eval_batch_size"] = f"evaluation of {task.eval_batch_size} at once"
    joins = convolution.may_join(state.model, task.device.products)
    if task.device.place.type == "cpu" and task.device.channels_last and joins is not None:
        parts["device.side_by_side"] = f"small maps {'side by side' if joins else 'one by one'}"
    if task.device.place.type == "cuda":
        problem = why_not(state.optimizer, task.device)
        graph = f"no CUDA graph: {problem}" if problem else "steps replayed as a CUDA graph"
        parts["device.graph"] = graph
    return ", ".join(f"{text} ({key})" for key, text in parts.items())


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _left_out(task: Task) -> str:
    """Where whole batches leave a good part of the pictures to other epochs."""
    rest = task.plan.n % task.batch_size
    return (
        f" ({rest} of the {task.plan.n} are left to other epochs: smaller batches leave fewer)"
        if rest > NOTEWORTHY * task.plan.n
        else ""
    )


def _weights(task: Task) -> str:
    """The weight of each class, where there are few."""
    weights, classes = task.settings.loss.weights, task.dataset.classes
    if weights is None or len(classes) > MOST_WEIGHTS:
        return ""
    pairs = zip(classes, weights.tolist(), strict=True)
    return f" ({', '.join(f'{name} {weight:.3g}' for name, weight in pairs)})"


def _twice(config: TrainConfig) -> str:
    """A warning where rare classes are helped in two ways."""
    both = config.loss.class_weights == "auto" and config.trainer.sampling == "balanced"
    return (
        "loss.class_weights=auto and trainer.sampling=balanced both make rare classes count more,"
        " and together too much; one of them is enough"
        if both
        else ""
    )


def _augmentation(augmentation: Augmentation) -> str:
    shares = {name: f" until {share:.4g} of training" for name, share in augmentation.until.items()}
    return ", ".join(f"{name}{shares.get(name, '')}" for name in augmentation.ops) or "none"


def _trained(state: TrainState) -> str:
    sizes = [p.numel() for p in state.model.parameters() if p.requires_grad]
    frozen = any(not p.requires_grad for p in state.model.parameters())
    return f" ({sum(sizes):,} of them trained)" if frozen else ""


def _scaled(task: Task) -> str:
    if task.trainer.lr_batch is None:
        return ""
    return f", peak rate scaled to {task.settings.rates[0]:.3g} for batches of {task.batch_size}"


def _loss(config: LossConfig) -> str:
    training = []
    if config.label_smoothing:
        training.append(f"label smoothing {config.label_smoothing:g}, and so larger there")
    if config.class_weights is not None:
        given = config.class_weights
        training.append(f"class weights {given if isinstance(given, str) else 'by name'}")
    if config.focal_gamma:
        training.append(f"focal gamma {config.focal_gamma:g}")
    return "cross-entropy" + (f"; in training with {', '.join(training)}" if training else "")


def _data(dataset: Dataset) -> str:
    sizes = [
        f"{name} {len(split):,}"
        for name, split in (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))
    ]
    return f"{dataset.name}: {len(dataset.classes)} classes, {', '.join(sizes)} pictures"


def _balance(dataset: Dataset) -> str:
    counts = dataset.train.labels.bincount(minlength=len(dataset.classes)).tolist()
    low, high = min(counts), max(counts)
    if low == 0:
        return f"no training pictures of {dataset.classes[counts.index(0)]}"
    rare, common = dataset.classes[counts.index(low)], dataset.classes[counts.index(high)]
    if high <= UNEVEN * low:
        each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        return f"even: {each} training pictures a class"
    return (
        f"uneven: {high / low:.1f} times as many of {common} ({high:,}) as of {rare} ({low:,});"
        " look at the balanced accuracy"
    )


def _input(preprocessing: Preprocessing) -> str:
    kind = {1: "grey", 3: "RGB"}.get(preprocessing.channels, f"{preprocessing.channels} channels")
    mean = ", ".join(f"{value:.3f}" for value in preprocessing.mean or ())
    std = ", ".join(f"{value:.3f}" for value in preprocessing.std or ())
    return f"{preprocessing.size}x{preprocessing.size} {kind}, mean {mean}, std {std}"


def _component(node: Node) -> str:
    name = str(node["_target_"]).rpartition(".")[2]
    values = ", ".join(f"{key}={value}" for key, value in node.items() if key != "_target_")
    return f"{name}({values})"


def _layers(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("layer", overflow="fold")
    table.add_column("kind", style="dim", overflow="fold")
    for name in ("output", "parameters", "FLOPs", "receptive\nfield"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in summary.rows:
        field = "" if row.receptive_field is None else f"{row.receptive_field}"
        table.add_row(
            row.name.removeprefix("net."),
            row.kind,
            "x".join(map(str, row.shape)),
            f"{row.parameters:,}" if row.parameters else "",
            _short_number(row.flops) if row.flops else "",
            field,
        )
    return table


def _short_number(value: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return f"{value:.0f}"


def next_commands(run: Run, trust: tuple[str, ...], *, validated: bool) -> RenderableType:
    """What one would type now; lines that can be copied whole. `validated`: val has pictures."""
    other = f"split={'val' if validated else 'train'}"
    folder, own, trusted = shlex.quote(str(run.folder)), program("cnn-train"), _trust(trust)
    text = Text("\n", overflow="fold", no_wrap=True).append("next\n", "bold")
    for command, purpose in (
        (shlex.quote(str(run.report / PAGE)), "the report, for a browser"),
        (f"{own} visualize checkpoint={folder}{trusted}", "curves, mistakes, Grad-CAM as PNG"),
        (f"{own} predict checkpoint={folder}{trusted} images=FILE", "pictures of your own"),
        (
            f"{own} evaluate checkpoint={folder}{trusted} {other}",
            "the report on other data",
        ),
        (f"{own} export checkpoint={folder}{trusted}", "a file for other programs, as ONNX"),
        (f"{program('tensorboard')} --logdir {folder}", "curves in the browser"),
    ):
        text.append(f"  {command}").append(f"  # {purpose}\n", "dim")
    return text


def resume_command(run: Run, trust: tuple[str, ...]) -> str:
    """How to go on with a run that was stopped."""
    return f"{program('cnn-train')} resume={shlex.quote(str(run.folder))}{_trust(trust)}"


def _trust(trust: tuple[str, ...]) -> str:
    return f" 'trust=[{','.join(trust)}]'" if trust else ""


def program(name: str) -> str:
    """`name` as this person can type it: alone where the shell finds it, else with its folder."""
    beside = Path(sys.executable).with_name(name)
    if shutil.which(name) or not beside.is_file():
        return name
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))

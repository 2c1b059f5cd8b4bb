"""The only place where a config's node becomes an object: named, checked, then called."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from cnn_cli import checking, pretrained
from cnn_cli import device as devices
from cnn_cli.augmentation.pipeline import Augmentation, Op
from cnn_cli.binding import bind, construct, require_kind, returns
from cnn_cli.config import Config, Node
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.plan import Plan
from cnn_cli.errors import UserError, closest
from cnn_cli.inputs import PREPROCESSING, SELECTION, preprocessing, selection
from cnn_cli.limits import Fraction
from cnn_cli.models import cpu_layers
from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.layers import exact_logits
from cnn_cli.models.trial import CLASSES, check_output, check_smaller, check_training
from cnn_cli.optim.groups import parameter_groups
from cnn_cli.optim.ranges import argument_kinds
from cnn_cli.optim.schedules import Schedule
from cnn_cli.rng import seed_layers
from cnn_cli.sections import DatasetFacts, DeviceConfig
from cnn_cli.sources import UNTRAINED
from cnn_cli.targets import locate

FACTS = tuple(DatasetFacts.__dataclass_fields__)
Trust = Sequence[str]


def dataset(node: Node, preprocessing: Preprocessing, workers: int, trust: Trust) -> Dataset:
    """Read or generate the data that `node` names."""
    make = dataset_maker(node, preprocessing, workers, trust)
    made: Dataset = make()
    return made


def dataset_maker(
    node: Node, preprocessing: Preprocessing, workers: int, trust: Trust
) -> Callable[[], Dataset]:
    """The call that gives the data set, checked but not made. Raises UserError."""
    target = locate("dataset._target_", node.get("_target_"), "dataset", trust)
    require_kind("dataset", target, trust, returns(target, Dataset), "a function returning Dataset")
    selects = "selection" in inspect.signature(target).parameters
    apart = {*FACTS, *PREPROCESSING, *(SELECTION if selects else ())}
    supplied = {"preprocessing": preprocessing, "workers": workers, "selection": selection(node)}
    return bind("dataset", target, {k: v for k, v in node.items() if k not in apart}, supplied)


def model(
    node: Node, preprocessing: Preprocessing, num_classes: int, seed: int, trust: Trust
) -> Classifier:
    """The network with its normalisation in front, weights drawn from (seed, "init")."""
    target = locate("model._target_", node.get("_target_"), "model", trust)
    require_kind("model", target, trust, returns(target, nn.Module), "an nn.Module")
    supplied = {
        "in_channels": preprocessing.channels,
        "num_classes": num_classes,
        "image_size": preprocessing.size,
    }
    make = bind("model", target, pretrained.network_arguments(node), supplied)
    seed_layers(seed, "init")
    net: nn.Module = construct("model", make, nn.Module)
    exact_logits(net, num_classes)
    cpu_layers.replace(net)
    mean = preprocessing.mean or (0.0,) * preprocessing.channels
    std = preprocessing.std or (1.0,) * preprocessing.channels
    return Classifier(Normalize(mean, std), net)


def augmentation(node: Node, seed: int, trust: Trust, plan: Plan | None = None) -> Augmentation:
    """The ops of `node`, in order; each draws from (seed, its name, step) for the steps of `plan`.

    Every op may have a key `until` beside its own: the share of training after which it stops.
    """
    problems = [
        f"augmentation.{key}: no such key{closest(key, ['ops'])}; there is ops"
        for key in node
        if key != "ops"
    ]
    ops: dict[str, Op] = {}
    until: dict[str, float] = {}
    nodes = node.get("ops")
    if not isinstance(nodes, Mapping):
        raise UserError("augmentation.ops: must be keys with values (name: op)", *problems)
    for name, part in nodes.items():
        key = f"augmentation.ops.{name}"
        try:
            if isinstance(part, Mapping) and "until" in part:
                until[name] = checking.conform(f"{key}.until", part["until"], Fraction, problems)
            ops[name] = _op(key, part, trust)
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(*problems)
    return Augmentation(ops, seed, until, plan)


def _op(key: str, node: Any, trust: Trust) -> Op:
    if not isinstance(node, Mapping):
        raise UserError(f"{key}={checking.show(node)}: must be keys with values and a _target_")
    target = locate(f"{key}._target_", node.get("_target_"), "augmentation", trust)
    is_op = isinstance(target, type) and callable(getattr(target, "draw", None))
    require_kind(key, target, trust, is_op and callable(getattr(target, "apply", None)), "an op")
    own = {name: value for name, value in node.items() if name != "until"}
    made: Op = construct(key, bind(key, target, own, {}), object)
    return made


def optimizer(
    node: Node, model: nn.Module, trust: Trust, products: torch.dtype = torch.float32
) -> Optimizer:
    """Of `model`'s parameters, norms and biases without decay; fused where that can be.

    `products` goes to those that multiply matrices: what these may be rounded to.
    """
    target = locate("optimizer._target_", node.get("_target_"), "optimizer", trust)
    require_kind("optimizer", target, trust, returns(target, Optimizer), "a torch Optimizer")
    supplied: dict[str, Any] = {"params": (), "products": products}
    chosen = {"fused", "foreach", "differentiable"} & node.keys()
    if not chosen and next(model.parameters()).device.type in ("cpu", "cuda"):
        supplied["fused"] = True  # one kernel for all: 5 times faster
    make = bind("optimizer", target, node, supplied, argument_kinds(target))
    decay = make.keywords.get("weight_decay")
    groups = parameter_groups(model, decay or 0.0)
    if decay is None:
        groups = [{"params": group["params"]} for group in groups]
    made: Optimizer = construct("optimizer", partial(make, params=groups), Optimizer)
    return made


def schedule(node: Node, trust: Trust) -> Schedule:
    """The factor of the peak learning rate as a function of progress in [0, 1]."""
    target = locate("schedule._target_", node.get("_target_"), "schedule", trust)
    is_schedule = isinstance(target, type) and "__call__" in vars(target)
    require_kind("schedule", target, trust, is_schedule, "a schedule class")
    made: Schedule = construct("schedule", bind("schedule", target, node, {}), object)
    return made


def figures(nodes: Mapping[str, Node], trust: Trust) -> dict[str, Callable[..., Any]]:
    """Figure name -> function of the Subject that draws it. Raises UserError with all problems."""
    found: dict[str, Callable[..., Any]] = {}
    problems: list[str] = []
    for name, node in nodes.items():
        try:
            found[name] = _figure(f"figure.{name}", node, trust)
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(*problems)
    return found


def _figure(key: str, node: Any, trust: Trust) -> Callable[..., Any]:
    if not isinstance(node, Mapping):
        raise UserError(f"{key}={checking.show(node)}: must be keys with values and a _target_")
    target = locate(f"{key}._target_", node.get("_target_"), "figure", trust)
    promised = str(inspect.signature(target).return_annotation)
    is_figure = inspect.isfunction(target) and promised.endswith("Figure]")
    require_kind(key, target, trust, is_figure, "a function returning dict[str, Figure]")
    own = {name: value for name, value in node.items() if name != UNTRAINED}  # no argument
    options = bind(key, target, own, {"subject": None}).keywords
    return partial(target, **{k: v for k, v in options.items() if k != "subject"})


def check(config: Config) -> None:
    """`check_components` of a whole config. Raises UserError with all problems."""
    problems = check_components(dataclasses.asdict(config), config.trust)
    if problems:
        raise UserError(*problems)


def check_components(
    values: Mapping[str, Any], trust: Trust, overrides: Sequence[str] = ()
) -> list[str]:
    """All that can be known to be wrong with the components in `values` before any work.

    No data is touched, and nothing written but first weights of torchvision's, where all else is
    right: the model is built on the meta device and shown a batch without content, the optimizer
    gets one layer. Groups that are not in `values` are left out.
    `overrides` are those of the command line.
    """
    problems: list[str] = []
    form = _attempt(problems, preprocessing, values.get("dataset"))
    checks: dict[str, Callable[[Any], Any]] = {
        "device": _check_device,
        "trainer": lambda node: devices.check_batch(node.get("batch_size"), values.get("device")),
        "dataset": lambda node: form and dataset_maker(node, form, 0, trust),
        "optimizer": lambda node: optimizer(node, nn.Linear(1, 1), trust),
        "schedule": lambda node: [schedule(node, trust)(progress) for progress in (0.0, 0.5, 1.0)],
        "figure": lambda node: figures(node, trust),
    }
    for group, attempt in checks.items():
        _attempt(problems, attempt, values.get(group))
    first = None
    if values.get("resume") is None:  # a resumed run has weights of its own
        root = values["run"]["root"] if isinstance(values.get("run"), Mapping) else "runs"
        # what is wrong in any case downloads nothing
        read = partial(pretrained.read, root=root, offline=bool(problems))
        first = _attempt(problems, read, values.get("model"))
    if form and first:
        given = pretrained.settings(overrides)
        form = dataclasses.replace(form, **pretrained.adopted(form, first.preprocessing, given))
    ops = _attempt(
        problems,
        lambda node: _check_window(
            augmentation(node, 0, trust), form if "model" in values else None
        ),
        values.get("augmentation"),
    )
    sides = ops.sides(form.size) if ops and form else []
    _attempt(
        problems,
        lambda node: _check_model(node, form, values.get("trainer"), trust, first, sides),
        values.get("model"),
    )
    return list(dict.fromkeys(problems))


def _attempt(problems: list[str], call: Callable[[Any], Any], node: Any) -> Any:
    """call(node), or None where there is no node or it is wrong."""
    try:
        return call(node) if isinstance(node, Mapping) else None
    except UserError as error:
        problems.extend(error.problems)
        return None


def _check_device(node: Node) -> None:
    problems: list[str] = []
    config = checking.conform("device", node, DeviceConfig, problems)
    if not problems:  # else config.parse tells them
        devices.chosen_name(config)


def _check_model(
    node: Node,
    form: Preprocessing | None,
    trainer: Any,
    trust: Trust,
    first: pretrained.Pretrained | None,
    sides: Sequence[int],
) -> None:
    """`sides` are the sizes that augmentation gives to pictures."""
    if form is None:  # its own fault is told already; the arguments can be checked all the same
        target = locate("model._target_", node.get("_target_"), "model", trust)
        supplied = {"in_channels": 1, "num_classes": CLASSES, "image_size": 1}
        bind("model", target, pretrained.network_arguments(node), supplied)
        return
    plain = dataclasses.replace(form, mean=None, std=None)
    with torch.device("meta"):
        network = model(node, plain, CLASSES, 0, trust)
        pretrained.prepare(network, node, first, None)
        check_output(network, form.channels, form.size)
        others = [side for side in sides if side != form.size]
        for side in others:
            check_smaller(network, form.channels, form.size, side)
        given = trainer if isinstance(trainer, Mapping) else {}
        batch_size, parts = given.get("batch_size"), given.get("accumulate")
        right = [type(n) is int and n > 0 for n in (batch_size, parts)]
        if isinstance(batch_size, int) and isinstance(parts, int) and all(right):
            for side in (form.size, *others):
                check_training(network, form.channels, side, batch_size, parts)


def _check_window(ops: Augmentation, form: Preprocessing | None) -> Augmentation:
    try:
        if form is not None:
            ops.window(form.size)
    except ValueError as error:
        raise UserError(f"augmentation.ops.{next(iter(ops.ops))}.{error}") from error
    return ops


def flat(config: Config) -> dict[str, str | int | float | bool]:
    """Dotted key -> value, for tables of settings; lists and null as text."""
    found: dict[str, str | int | float | bool] = {}

    def visit(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                visit(f"{prefix}.{key}" if prefix else str(key), item)
        else:
            plain = isinstance(value, str | int | float)
            found[prefix] = value if plain else checking.show(value)

    visit("", dataclasses.asdict(config))
    return found

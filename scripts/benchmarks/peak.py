"""What share of a step its convolutions take alone, and what everything else costs.

Each convolution of the model runs forward and backward by itself, on maps of its own shape; their
sum is what a step cannot be faster than with these kernels. A step is timed with small maps one by
one and side by side; the convolutions and their share are those of the way that the trainer takes
on this processor. In float32, and in bfloat16 as well where the processor multiplies that.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import common
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch
from cnn_cli.device import Device, has_amx, keep_memory
from cnn_cli.engine.loss import Loss
from cnn_cli.engine.state import new_state
from cnn_cli.engine.step import StepSettings, train_step
from cnn_cli.models import convolution, cpu_layers
from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.cnn import CNN
from cnn_cli.models.torchvision_model import torchvision_model
from cnn_cli.models.vgg import VGG
from cnn_cli.models.whitened import Whitened
from cnn_cli.optim.groups import parameter_groups
from cnn_cli.optim.schedules import OneCycle

CLASSES = 10
MODELS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "cnn": (lambda: CNN(3, CLASSES, 32, **PLAIN, channels=(32, 64, 128), convs=2), 32, 128),
    "resnet18": (lambda: torchvision_model(3, CLASSES, 64, name="resnet18"), 64, 32),
    "vgg": (lambda: VGG(3, CLASSES, 32, depth=11, width=64, hidden=(), dropout=0.0), 32, 128),
    "whitened": (
        lambda: Whitened(3, CLASSES, 32, channels=(128, 384, 384), depth=3, scale=0.2), 32, 125,
    ),
}  # fmt: skip
"""Name -> network, side of its pictures, pictures a step."""
PLAIN: dict[str, Any] = {
    "kernel_size": 3, "stride": None, "padding": None, "activation": "relu", "norm": "batch",
    "pooling": "max", "head": "global_average", "hidden": (), "dropout": 0.0,
}  # fmt: skip
KINDS: dict[str, tuple[type[nn.Module], ...]] = {
    "convolution": (nn.Conv2d,),
    "norm": (nn.BatchNorm2d,),
    "activation": (nn.ReLU,),
    "pooling": (nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
}
STEPS = {"one by one": False, "side by side": True}
"""Ways of a step, and whether small maps are then side by side."""
Call = tuple[nn.Module, Tensor]


def measure(names: list[str], rounds: int) -> common.Rows:
    """For each model the step, and the sum of its layers of each kind, in turn."""
    common.refuse_unknown(names, MODELS)
    keep_memory()
    return [_row(name, p, rounds) for name in names or MODELS for p in common.precisions()]


def show(rows: common.Rows, rounds: int) -> None:
    def milliseconds(key: str) -> Callable[[Any], str]:
        return lambda row: f"{1000 * row[key]:.1f}"

    common.show(
        "milliseconds a step, and of its layers alone; share of the convolutions",
        {
            "model": lambda row: row["model"],
            "arithmetic": lambda row: row["precision"],
            **{way: milliseconds(way) for way in STEPS},
            "gain": lambda row: f"{row['gain']:.2f}x",
            **{kind: milliseconds(kind) for kind in KINDS},
            "share": lambda row: f"{row['share']:.0%}",
        },
        rows,
        f"n = {rounds}",
    )


def _row(name: str, precision: str, rounds: int) -> dict[str, Any]:
    device = Device(torch.device("cpu"), precision, True, False, 1, 0, side_by_side=has_amx())
    step, model, calls = _prepared(*MODELS[name], device)
    ways = {way: lambda on=on: _seconds(lambda: step(on)) for way, on in STEPS.items()}
    for kind, own in calls.items():
        ways[kind] = lambda own=own: _alone(model, own, device)
    found = common.take_turns(ways, rounds)
    middles = {way: common.spread(values)[0] for way, values in found.items()}
    taken = next(way for way, beside in STEPS.items() if beside == device.side_by_side)
    return {
        "model": name,
        "precision": precision,
        "taken": taken,
        **middles,
        "gain": middles["one by one"] / middles["side by side"],
        "share": middles["convolution"] / middles[taken],
    }


def _prepared(
    make: Callable[[], nn.Module], size: int, batch: int, device: Device
) -> tuple[Callable[[bool], None], nn.Module, dict[str, list[Call]]]:
    """A training step, its model, and by kind the layers that it calls, with what they are given.

    The step is told whether small maps are side by side.
    """
    torch.manual_seed(0)
    model = Classifier(Normalize((0.5,) * 3, (0.25,) * 3), make())
    cpu_layers.replace(model)
    device.place_model(model.train())
    optimizer = torch.optim.SGD(
        parameter_groups(model, 5e-4), lr=0.01, momentum=0.9, nesterov=True, fused=True
    )
    images = torch.randint(256, (batch, size, size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    given = Batch(images, torch.arange(batch) % CLASSES, 0)
    state = new_state(model, optimizer, device, False, 10, 10)
    rates = tuple(group["lr"] for group in optimizer.param_groups)
    settings = StepSettings(
        Augmentation({}, 0), OneCycle(0.2, 0.05, 0.0), rates, CLASSES, Loss(), 1, None, None, 0,
        cropped=False,
    )  # fmt: skip

    def step(beside: bool) -> None:
        convolution.set_side_by_side(model, beside)
        train_step(state, given, settings, device)

    return step, model, _calls(model, images, device)


def _calls(model: nn.Module, images: Tensor, device: Device) -> dict[str, list[Call]]:
    calls: dict[str, list[Call]] = {kind: [] for kind in KINDS}

    def note(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        for kind, types in KINDS.items():
            if isinstance(module, types):
                calls[kind].append((module, given[0].detach().clone()))

    handles = [module.register_forward_pre_hook(note) for module in model.modules()]
    with device.autocast():
        model(images)
    for handle in handles:
        handle.remove()
    return calls


def _alone(model: nn.Module, calls: list[Call], device: Device) -> float:
    """Seconds of some layers of the model, each by itself, in the way that the trainer takes."""
    convolution.set_side_by_side(model, device.side_by_side)
    return sum(_layer(*call, device) for call in calls)


def _layer(module: nn.Module, maps: Tensor, device: Device) -> float:
    """Seconds of one layer forward and backward; the first layer's input needs no gradient."""
    first = maps.shape[1] <= 3
    given = maps.detach().requires_grad_(not first)
    start = time.perf_counter()
    with device.autocast():
        out = module(given)
    between = time.perf_counter() - start
    gradient = torch.ones_like(out)
    start = time.perf_counter()
    torch.autograd.backward(out, gradient)
    return between + time.perf_counter() - start


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

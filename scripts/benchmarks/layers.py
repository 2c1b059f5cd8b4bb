"""Layers that train on a CPU in another way than torch's, each against torch's own.

Forward and backward, with the layer before where it is that one's work that changes, and whole
networks with depthwise kernels. In float32, and in bfloat16 where the processor multiplies that.
What maps side by side give is in `peak`.
"""

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import common
from cnn_cli.device import Device, keep_memory
from cnn_cli.models import cpu_layers
from cnn_cli.models.mobilenet import MobileNet
from cnn_cli.models.torchvision_model import torchvision_model

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dropout": (lambda: nn.Dropout(0.25), (128, 9216)),
    "max pooling, flattened": (
        lambda: nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), (128, 64, 24, 24),
    ),
    "ReLU, global average": (
        lambda: nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1)), (128, 64, 16, 16),
    ),
    "depthwise 3x3, stride 2": (lambda: _depthwise(144, 3, 2), (64, 144, 16, 16)),
    "depthwise 5x5": (lambda: _depthwise(144, 5, 1), (64, 144, 16, 16)),
    "depthwise 7x7": (lambda: _depthwise(96, 7, 1), (64, 96, 16, 16)),
    "mobilenet": (lambda: MobileNet(3, 10, 32, width=1.0, dropout=0.0), (64, 3, 32, 32)),
    "efficientnet_b0": (
        lambda: torchvision_model(3, 10, 64, name="efficientnet_b0"), (64, 3, 64, 64),
    ),
    "mobilenet_v3_small": (
        lambda: torchvision_model(3, 10, 64, name="mobilenet_v3_small"), (64, 3, 64, 64),
    ),
}  # fmt: skip
"""Name -> network of torch's layers, and the shape of what it is given."""
REPEATS = 3
"""Passes that are timed as one."""


def measure(names: list[str], rounds: int) -> common.Rows:
    """For each the passes of torch's layers and of ours, in turn."""
    common.refuse_unknown(names, LAYERS)
    keep_memory()
    return [_row(name, p, rounds) for name in names or LAYERS for p in common.precisions()]


def show(rows: common.Rows, rounds: int) -> None:
    common.show(
        "milliseconds forward and backward",
        {
            "layers": lambda row: row["layers"],
            "arithmetic": lambda row: row["precision"],
            "torch": lambda row: f"{1000 * row['torch']:.2f}",
            "ours": lambda row: f"{1000 * row['ours']:.2f}",
            "gain": lambda row: f"{row['gain']:.2f}x",
        },
        rows,
        f"n = {rounds}",
    )


def _depthwise(channels: int, size: int, stride: int) -> nn.Module:
    return nn.Conv2d(channels, channels, size, stride, size // 2, groups=channels, bias=False)


def _row(name: str, precision: str, rounds: int) -> dict[str, Any]:
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    device = Device(torch.device("cpu"), precision, True, False, 1, 0)
    plain = make().train()
    device.place_model(plain)
    ours = copy.deepcopy(plain)
    cpu_layers.replace(ours)
    given = torch.randn(shape)
    if given.dim() == 4:
        given = given.contiguous(memory_format=device.memory_format)
    ways = {
        way: lambda net=net: _seconds(net, given, device)
        for way, net in (("torch", plain), ("ours", ours))
    }
    middles = {way: common.spread(v)[0] for way, v in common.take_turns(ways, rounds).items()}
    gain = middles["torch"] / middles["ours"]
    return {"layers": name, "precision": precision, **middles, "gain": gain}


def _seconds(network: nn.Module, given: Tensor, device: Device) -> float:
    """Seconds of a pass; what is given comes from a layer before, in the device's arithmetic."""
    dtype = torch.bfloat16 if device.precision == "bf16" else torch.float32
    before = given.to(dtype).requires_grad_()
    start = time.perf_counter()
    for _ in range(REPEATS):
        with device.autocast():
            found = network(before * 1)
        found.backward(torch.ones_like(found))
    return (time.perf_counter() - start) / REPEATS

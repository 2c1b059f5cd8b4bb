"""What all programs train, and how: networks of cnn-train's own and of PyTorch's MNIST example."""

from typing import Any

import yaml
from torch import Tensor, nn

from cnn_cli.models.cnn import CNN
from cnn_cli.models.resnet import ResNet
from cnn_cli.paths import config_dir

FORMS = {"tutorial-cnn": (1, 28), "small": (3, 32), "medium": (1, 28), "resnet18": (3, 32)}
"""Network -> channels and side (pixels) of its pictures."""
MEAN, STD = 0.5, 0.25
"""Of every channel, for pictures in [0, 1]."""
PADDING = {28: 2, 32: 4}
"""Side of a picture -> pixels by which it is shifted at most."""
RATE, MOMENTUM = 0.01, 0.9
"""Of SGD; the rate is constant."""
LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "tutorial-cnn": ("tutorial", {}),
    "small": ("cnn", {"channels": (32, 64)}),
    "medium": ("cnn", {"channels": (64, 128, 256)}),
    "resnet18": ("resnet", {"depth": 18}),
}
"""Network -> cnn-train's model and the settings that differ from its defaults."""


class Tutorial(nn.Module):
    """The network of PyTorch's MNIST example: (N, C, 28, 28) to logits (N, num_classes)."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * 12 * 12, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def network(name: str, num_classes: int) -> nn.Module:
    """The network that cnn-train builds from `words(name)`."""
    (channels, size), (kind, own) = FORMS[name], LAYERS[name]
    if kind == "tutorial":
        return Tutorial(channels, num_classes)
    node: dict[str, Any] = yaml.safe_load((config_dir() / "model" / f"{kind}.yaml").read_text())
    settings = {key: node[key] for key in node if key not in {"_target_", "weights", "freeze"}}
    built = CNN if kind == "cnn" else ResNet
    return built(channels, num_classes, size, **(settings | own))


def words(name: str) -> list[str]:
    """What asks cnn-train for the network, its pictures' form, and the same recipe."""
    (channels, size), (kind, own) = FORMS[name], LAYERS[name]
    mean, std = (",".join([str(value)] * channels) for value in (MEAN, STD))
    return [
        f"model={kind}", *(f"model.{key}={_word(value)}" for key, value in own.items()),
        f"dataset.channels={channels}", f"dataset.size={size}",
        f"dataset.mean=[{mean}]", f"dataset.std=[{std}]",
        f"dataset.crop_padding={PADDING[size]}", "augmentation.ops.crop.fill=zero",
        "optimizer=sgd", f"optimizer.lr={RATE}", f"optimizer.momentum={MOMENTUM}",
        "optimizer.nesterov=false", "optimizer.weight_decay=0",
        "schedule=constant", "schedule.warmup=0", "loss.label_smoothing=0",
    ]  # fmt: skip


def _word(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, tuple) else str(value)

"""What every model of configs/model must do, at its defaults."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from torch import Tensor

from cnn_cli import build
from cnn_cli.data.contract import Preprocessing
from cnn_cli.models.classifier import Classifier
from cnn_cli.models.summary import summarise

CONFIGS = Path(__file__).parents[2] / "configs" / "model"
MODELS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
CLASSES = 5

every_model = pytest.mark.parametrize("name", MODELS)


@cache
def node(name: str) -> dict[str, Any]:
    loaded = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"), resolve=True)
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()}


def make(
    name: str, channels: int = 3, size: int = 16, seed: int = 0, classes: int = CLASSES
) -> Classifier:
    form = Preprocessing(channels, size, mean=(0.5,) * channels, std=(0.25,) * channels)
    return build.model(node(name), form, classes, seed, trust=())


def pictures(n: int = 10, channels: int = 3, size: int = 16) -> Tensor:
    """Noise on a brightness that tells the class: `arange(n) % CLASSES`."""
    numbers = torch.Generator().manual_seed(3)
    noise = torch.rand(n, channels, size, size, generator=numbers)
    return (noise + (torch.arange(n) % CLASSES).view(-1, 1, 1, 1)) / CLASSES


def train(model: Classifier, images: Tensor, steps: int) -> list[float]:
    labels = torch.arange(len(images)) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_there_are_models() -> None:
    assert {"cnn", "resnet"} <= set(MODELS)


@every_model
def test_the_loss_falls_on_one_batch(name: str) -> None:
    model = make(name).train()
    if model.wants_images:
        model.initialise(pictures())
    losses = train(model, pictures(), steps=20)
    assert losses[-1] < 0.7 * losses[0]
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())


@every_model
def test_the_size_in_the_file_is_true(name: str) -> None:
    made = summarise(make(name, 3, 32, classes=10), 3, 32)
    stated = f"{made.parameters:,} parameters, {made.flops / 1e6:,.1f} MFLOPs"
    line = f"# Size: {stated} (3x32x32 pixels, 10 classes)."
    assert line in (CONFIGS / f"{name}.yaml").read_text().splitlines()


@every_model
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 8), (1, 28), (3, 32), (3, 33), (3, 96)])
def test_channels_and_sizes(name: str, channels: int, size: int) -> None:
    model = make(name, channels, size).train()
    logits = model(pictures(2, channels, size))
    assert logits.shape == (2, CLASSES)
    assert logits.isfinite().all()
    logits.sum().backward()


@every_model
def test_the_state_gives_the_same_model_again(name: str) -> None:
    model = make(name).train()
    train(model, pictures(), steps=2)
    again = make(name, seed=9)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(pictures()), model.eval()(pictures()))


@every_model
def test_the_seed_decides_the_weights(name: str) -> None:
    first, same, other = (make(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert not all(torch.equal(value, other[key]) for key, value in first.items())


@every_model
def test_a_picture_is_judged_alone_in_any_memory_format(name: str) -> None:
    model = make(name).train()
    train(model, pictures(), steps=2)
    model.eval()
    images = pictures(4)
    with torch.no_grad():
        together = model(images)
        alone = torch.cat([model(image[None]) for image in images])
        model.to(memory_format=torch.channels_last)
        last = model(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last, together, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "torchvision"])
def test_logits_are_float32_whatever_the_layers_compute_in(name: str) -> None:
    model = make(name, size=32)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(pictures(size=32)).dtype == torch.float32


@every_model
def test_bytes_are_taken_as_well(name: str) -> None:
    model = make(name).eval()
    pixels = (pictures(3) * 255).round().to(torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(model(pixels), model(pixels / 255), rtol=1e-3, atol=1e-4)


@every_model
def test_it_can_be_tried_without_memory_and_summarised(name: str) -> None:
    with torch.device("meta"):
        model = make(name).eval()
        assert model(torch.empty(2, 3, 16, 16)).shape == (2, CLASSES)
    summary = summarise(make(name), channels=3, size=16)
    assert summary.rows[-1].shape == (CLASSES,)
    assert summary.flops > 0
    assert summary.parameters == sum(p.numel() for p in model.parameters())

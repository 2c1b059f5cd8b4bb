"""What every augmentation of configs/augmentation must do, on the facts of every data set."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from torch import Tensor

from cnn_cli import build
from cnn_cli.augmentation.geometry import PaddedCrop
from cnn_cli.augmentation.pipeline import Augmentation

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in (CONFIGS / "augmentation").glob("*.yaml"))
DATASETS = sorted(path.stem for path in (CONFIGS / "dataset").glob("*.yaml"))
N, CLASSES = 24, 4

every_case = pytest.mark.parametrize(
    ("name", "dataset"), [(name, dataset) for name in NAMES for dataset in DATASETS]
)


def load(name: str) -> Any:
    """The YAML of that name, on top of the ones it is based on."""
    own: Any = OmegaConf.load(CONFIGS / "augmentation" / f"{name}.yaml")
    bases = [load(base) for base in own.pop("defaults", [])]
    return OmegaConf.merge(*bases, own)


def make(name: str, dataset: str, seed: int = 0) -> tuple[Augmentation, Tensor]:
    """The augmentation as it is for `dataset`, and pictures of that kind, all of them the same."""
    tree: Any = OmegaConf.create(
        {
            "dataset": OmegaConf.load(CONFIGS / "dataset" / f"{dataset}.yaml"),
            "augmentation": load(name),
        }
    )
    ops = OmegaConf.to_container(tree.augmentation, resolve=True)
    assert isinstance(ops, dict)
    node = {str(key): value for key, value in ops.items()}
    numbers = torch.Generator().manual_seed(1)
    shape = (1, tree.dataset.channels, tree.dataset.size, tree.dataset.size)
    picture = torch.randint(256, shape, dtype=torch.uint8, generator=numbers)
    images = picture.repeat(N, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    return build.augmentation(node, seed, trust=()), images


def targets() -> Tensor:
    return F.one_hot(torch.arange(N) % CLASSES, CLASSES).float()


@every_case
def test_pictures_and_targets_keep_their_form(name: str, dataset: str) -> None:
    augmentation, images = make(name, dataset)
    kept = images.clone()
    out, soft = augmentation(images, targets(), step=0, cropped=False)
    (side, *_) = augmentation.sides(images.shape[-1])
    assert out.shape == (*images.shape[:2], side, side)
    assert out.dtype in (torch.uint8, torch.float32)
    assert 0 <= out.min() <= out.max() <= (255 if out.dtype == torch.uint8 else 1)
    assert soft.shape == (N, CLASSES)
    assert 0 <= soft.min() <= soft.max() <= 1
    torch.testing.assert_close(soft.sum(1), torch.ones(N))
    assert torch.equal(images, kept)


@every_case
def test_randomness_belongs_to_the_seed_and_the_step(name: str, dataset: str) -> None:
    augmentation, images = make(name, dataset)

    def at(step: int, by: Augmentation = augmentation) -> Tensor:
        return by(images, targets(), step=step, cropped=False)[0]

    first = at(3)
    at(4)
    torch.manual_seed(99)
    assert torch.equal(at(3), first)
    assert torch.equal(at(3, make(name, dataset)[0]), first)
    if augmentation.ops:
        assert not torch.equal(at(4), first)
        assert not torch.equal(at(3, make(name, dataset, seed=1)[0]), first)


@every_case
def test_each_picture_has_parameters_of_its_own(name: str, dataset: str) -> None:
    augmentation, images = make(name, dataset)
    out, _ = augmentation(images, targets(), step=0, cropped=False)
    different = {picture.numpy().tobytes() for picture in out}
    assert len(different) > (N // 3 if augmentation.ops else 0)  # 9 places of a shift by 1 pixel
    assert len(different) == 1 or augmentation.ops


@every_case
def test_a_source_may_perform_the_leading_crop(name: str, dataset: str) -> None:
    augmentation, images = make(name, dataset)
    window = augmentation.window(images.shape[-1])
    whole, _ = augmentation(images, targets(), step=5, cropped=False)
    if window is not None:
        crop = PaddedCrop(window.padding, window.fill)
        images, _ = crop.apply(images, targets(), window.offsets(5, N))
    rest, _ = augmentation(images, targets(), step=5, cropped=window is not None)
    assert torch.equal(rest, whole)


@every_case
def test_every_op_takes_rows_one_by_one(name: str, dataset: str) -> None:
    augmentation, images = make(name, dataset)
    for key, op in augmentation.ops.items():
        given = images if op.pixels_only else images / 255
        params = augmentation.draw(key, 0, N, size=images.shape[-1])
        assert params.shape[0] == N
        assert params.device.type == "cpu"
        together, _ = op.apply(given, targets(), params)
        alone = [
            op.apply(given[i : i + 1], targets()[i : i + 1], params[i : i + 1])[0] for i in range(N)
        ]
        assert together.dtype == given.dtype
        torch.testing.assert_close(torch.cat(alone), together)


@every_case
def test_a_mixed_target_says_what_the_picture_is_made_of(name: str, dataset: str) -> None:
    """Pictures of one brightness for each class: the mean of a mixture is that of its target."""
    tree: Any = load(name)
    for op in tree.ops.values():
        if "alpha" in op:  # also what the YAML has switched off
            op.alpha = 0.7
            op.probability = 1.0
    facts = OmegaConf.load(CONFIGS / "dataset" / f"{dataset}.yaml")
    whole: Any = OmegaConf.create({"dataset": facts, "augmentation": tree})
    node: Any = OmegaConf.to_container(whole.augmentation, resolve=True)
    augmentation = build.augmentation(node, 0, trust=())
    labels = torch.randint(CLASSES, (N,), generator=torch.Generator().manual_seed(2))
    level = 40.0 + 50 * torch.arange(CLASSES)
    shape = (N, facts.channels, facts.size, facts.size)
    images = level[labels].view(-1, 1, 1, 1).expand(shape).to(torch.uint8)
    given = F.one_hot(labels, CLASSES).float()
    for key, op in augmentation.ops.items():
        floats = 1 if op.pixels_only else 255
        params = augmentation.draw(key, 0, N, size=facts.size)
        out, soft = op.apply(images if op.pixels_only else images / 255, given, params)
        if torch.equal(soft, given):
            continue
        mixed = (soft - given).abs().sum(1) > 0.05
        assert mixed.sum() > N // 4
        found = out.float().mean((1, 2, 3)) * floats
        torch.testing.assert_close(found, soft @ level, atol=1.0, rtol=0)


def test_standard_does_what_the_data_set_allows() -> None:
    assert set(make("standard", "cifar10")[0].ops) == {"crop", "flip"}
    assert set(make("standard", "digits")[0].ops) == {"crop", "rotation"}
    assert not make("none", "digits")[0].ops

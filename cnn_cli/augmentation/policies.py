"""Policies: for every picture random operations out of fourteen, with strengths of its own."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, get_args

import torch
from torch import Tensor

from cnn_cli.augmentation.geometry import memory_format
from cnn_cli.augmentation.policy_ops import Kind, apply_kind
from cnn_cli.data.contract import Fill
from cnn_cli.limits import Count, Fraction, NonNegative, NonNegativeInt, Range

LEVELS = 30
"""Strengths go from none at level 0 to the full range at this level, as in both papers."""

UNSIGNED = ("posterize", "solarize")
"""Kinds that work in one direction only."""

SHIFTS = ("translate_x", "translate_y")
"""Kinds whose strengths are whole pixels, cut off as in torchvision; bits are rounded there."""

Bits = Annotated[int, Range(1, 8)]


@dataclass(frozen=True)
class Policy:
    """What both policies share: how strong each kind can be, and how a batch is changed.

    params (N, 2 * layers) float: for each layer the number of a kind in `kinds`, and its strength:
    degrees, slope, pixels, bits, threshold, or factor. `shear` is a slope, `enhance` the largest
    change of a factor (brightness, colour, contrast, sharpness), `posterize` the fewest bits.
    """

    plans_on_cpu: ClassVar[bool] = True  # how large each kind's group is
    mixes: ClassVar[bool] = False
    pixels_only: ClassVar[bool] = True  # it works on bytes: floats become bytes and floats again

    without: tuple[Kind, ...]
    rotate: Annotated[float, Range(0, 180)]
    shear: NonNegative
    enhance: Fraction
    posterize: Bits
    fill: Fill

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError("without: leaves none of the operations")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The operations that are drawn from."""
        return tuple(kind for kind in get_args(Kind) if kind not in self.without)

    @property
    def active(self) -> bool:
        return self.kinds != ("identity",)

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """`params` are best on the CPU: how large each kind's group is has to be known there."""
        floats = images.is_floating_point()
        pixels = (images * 255).round_().to(torch.uint8) if floats else images
        for layer in params.cpu().view(len(params), -1, 2).unbind(1):
            pixels = self._layer(pixels, layer[:, 0].long(), layer[:, 1])
        return pixels / 255 if floats else pixels, targets

    def _draw(self, generator: torch.Generator, levels: Tensor, shift: float) -> Tensor:
        """Kinds and signs at random, strengths by `levels` (n, layers); `shift` is in pixels."""
        shares = levels / LEVELS
        numbers = torch.randint(len(self.kinds), levels.shape, generator=generator)
        signs = 2 * torch.randint(2, levels.shape, generator=generator) - 1
        ranges = self._ranges(shift)
        start, reach = torch.tensor([ranges.get(kind, (0.0, 0.0)) for kind in self.kinds]).unbind(1)
        signed = torch.tensor([kind not in UNSIGNED for kind in self.kinds])
        directions = torch.where(signed[numbers], signs, 1)
        strengths = start[numbers] + reach[numbers] * shares * directions
        shifts = torch.tensor([kind in SHIFTS for kind in self.kinds])
        bits = torch.tensor([kind == "posterize" for kind in self.kinds])
        just_whole = strengths + 1e-4 * strengths.sign()  # 32 * 15 / 30 is a little under 16
        strengths = torch.where(shifts[numbers], just_whole.trunc(), strengths)
        strengths = torch.where(bits[numbers], strengths.round(), strengths)
        return torch.stack([numbers, strengths], dim=2).flatten(1)

    def _ranges(self, shift: float) -> dict[Kind, tuple[float, float]]:
        """Kind -> strength at level 0, and what the highest level adds to it or takes away."""
        factor = (1.0, self.enhance)
        return {
            "rotate": (0, self.rotate),
            "shear_x": (0, self.shear),
            "shear_y": (0, self.shear),
            "translate_x": (0, shift),
            "translate_y": (0, shift),
            "brightness": factor,
            "colour": factor,
            "contrast": factor,
            "sharpness": factor,
            "posterize": (8, self.posterize - 8),
            "solarize": (255, -255),
        }

    def _layer(self, images: Tensor, numbers: Tensor, strengths: Tensor) -> Tensor:
        """Pictures of one kind are brought together, changed at once, and put back in order."""
        order, sizes = numbers.argsort(), numbers.bincount(minlength=len(self.kinds)).tolist()
        there = order.to(images.device, non_blocking=True)
        rows = images.permute(0, 2, 3, 1)  # whole pictures in memory: quick to pick and put back
        picked = rows.index_select(0, there)
        sorted_strengths = strengths[order].to(images.device, non_blocking=True)
        groups = (torch.split(each, sizes) for each in (picked, sorted_strengths))
        for kind, group, strength in zip(self.kinds, *groups, strict=True):
            if len(group) and kind != "identity":
                changed = apply_kind(kind, group.permute(0, 3, 1, 2), strength, self.fill)
                group.copy_(changed.permute(0, 2, 3, 1))
        changed = torch.empty_like(picked).index_copy_(0, there, picked).permute(0, 3, 1, 2)
        return changed.contiguous(memory_format=memory_format(images))


@dataclass(frozen=True)
class TrivialAugment(Policy):
    """One kind a picture at a strength drawn from all levels (Mueller & Hutter 2021).

    `translate` is the largest shift in pixels, which is never more than the side.
    """

    translate: NonNegativeInt

    def draw(self, generator: torch.Generator, n: int, size: int) -> Tensor:
        levels = torch.randint(LEVELS + 1, (n, 1), generator=generator)
        return self._draw(generator, levels, min(self.translate, size))


@dataclass(frozen=True)
class RandAugment(Policy):
    """`layers` kinds a picture one after another, all at level `magnitude` (Cubuk et al. 2020).

    `translate` is the largest shift as a share of the side.
    """

    translate: Fraction
    layers: Count
    magnitude: Annotated[int, Range(0, LEVELS)]

    def draw(self, generator: torch.Generator, n: int, size: int) -> Tensor:
        levels = torch.full((n, self.layers), self.magnitude)
        return self._draw(generator, levels, self.translate * size)

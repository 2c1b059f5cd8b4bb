"""Looks at every picture of a data set: what cannot be read, and what is there twice.

Duplicates are looked for in the pictures as the model gets them, so that the same photograph in
two file formats or sizes is found. A test picture that was trained on makes the test worthless.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.data.contract import Dataset, Split
from cnn_cli.data.plan import Plan
from cnn_cli.errors import UserError

BLOCK = 64
SIDE, COARSE = 16, 8
"""Pixels of the side of the small grey pictures that are compared, finely and at first."""
NEAR = 8.0
"""Root mean square difference, in levels of 255, up to which two small pictures nearly agree."""
CROWD = 64
"""Pictures that nearly agree with more others than this say nothing by it: blank ones, say."""
ROWS = 1024
"""Pictures that are compared with all others at a time."""

Place = tuple[str, int]
"""Split and index of a picture."""


@dataclass(frozen=True)
class Inspection:
    """What was found in all splits."""

    counts: dict[str, int]
    """split -> pictures"""
    unreadable: tuple[tuple[Place, str], ...]
    """with the reason"""
    exact: tuple[tuple[Place, ...], ...]
    """groups of pictures that are equal to the last pixel"""
    near: tuple[tuple[Place, Place, float], ...]
    """pairs that are nearly so, with their difference in levels of 255; the nearest first"""
    too_uniform: int
    """pictures that nearly agree with too many others (blank ones, say) to be listed"""

    @property
    def leaks(self) -> tuple[tuple[Place, ...], ...]:
        """Groups of equal pictures that lie in more than one split."""
        return tuple(group for group in self.exact if len({split for split, _ in group}) > 1)


def inspect(dataset: Dataset, advance: Callable[[int], None]) -> Inspection:
    """Decode every picture and compare them all; `advance(n)` is told of every n done."""
    places: list[Place] = []
    digests: list[bytes] = []
    small: list[Tensor] = []
    unreadable: list[tuple[Place, str]] = []
    splits = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    for name, split in splits.items():
        for start, images, bad in _blocks(split):
            unreadable += [((name, index), reason) for index, reason in bad]
            lost = {index for index, _ in bad}
            own = [i for i in range(start, start + len(images) + len(bad)) if i not in lost]
            places += [(name, index) for index in own]
            digests += [_digest(image) for image in images]
            small.append(_small(images))
            advance(len(images) + len(bad))
    thumbs = torch.cat(small) if small else torch.empty(0, SIDE, SIDE, dtype=torch.uint8)
    exact = _equal(digests)
    near, too_uniform = _nearly_equal(thumbs, exact)
    return Inspection(
        counts={name: len(split) for name, split in splits.items()},
        unreadable=tuple(unreadable),
        exact=tuple(tuple(places[i] for i in group) for group in exact),
        near=tuple((places[a], places[b], difference) for a, b, difference in near),
        too_uniform=too_uniform,
    )


def unreadable(split: Split, advance: Callable[[int], None]) -> list[tuple[int, str]]:
    """(index, reason) of the pictures of a split that cannot be read."""
    found: list[tuple[int, str]] = []
    for _, images, bad in _blocks(split):
        found += bad
        advance(len(images) + len(bad))
    return found


def labels_of(dataset: Dataset, group: Sequence[Place]) -> set[int]:
    """The classes that the pictures of a group have."""
    splits = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    return {int(splits[split].labels[index]) for split, index in group}


def _blocks(split: Split) -> Iterator[tuple[int, Tensor, list[tuple[int, str]]]]:
    """(first index, readable images, (index, reason) of the others), block by block."""
    plan = Plan(len(split), BLOCK, shuffle=False)
    source = getattr(split, "stream", split.batches)  # which gives bad files instead of raising
    for step, answer in enumerate(source(plan)):
        start = step * BLOCK
        if hasattr(answer, "images"):
            yield start, answer.images, []
        else:
            yield start, *_one_by_one(split, range(start, min(start + BLOCK, len(split))))


def _one_by_one(split: Split, indices: Sequence[int]) -> tuple[Tensor, list[tuple[int, str]]]:
    images, bad = [], []
    for index in indices:
        try:
            images.append(split.take(torch.tensor([index])).images)
        except UserError as error:
            bad.append((index, str(error)))
    return torch.cat(images) if images else torch.empty(0, 1, 1, 1, dtype=torch.uint8), bad


def _digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()


def _small(images: Tensor) -> Tensor:
    """(N, C, H, W) uint8 -> (N, SIDE, SIDE) uint8, grey."""
    if not len(images):
        return torch.empty(0, SIDE, SIDE, dtype=torch.uint8)
    grey = images.float().mean(dim=1, keepdim=True)
    return F.adaptive_avg_pool2d(grey, SIDE).round().to(torch.uint8).squeeze(1)


def _equal(digests: Sequence[bytes]) -> list[list[int]]:
    """Groups of two or more with the same digest, by their first member."""
    groups: dict[bytes, list[int]] = {}
    for index, digest in enumerate(digests):
        groups.setdefault(digest, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _nearly_equal(
    thumbs: Tensor, exact: Sequence[Sequence[int]]
) -> tuple[list[tuple[int, int, float]], int]:
    """Pairs of small pictures that hardly differ, of each group of equal ones only the first.

    Averaging brings two pictures nearer to each other, never apart: so each pair is first compared
    at COARSE pixels, by a product of matrices, and none is missed by that.
    """
    repeated = {index for group in exact for index in group[1:]}
    own = torch.tensor([i for i in range(len(thumbs)) if i not in repeated], dtype=torch.int64)
    fine = thumbs[own].float()
    rows = F.adaptive_avg_pool2d(fine.unsqueeze(1), COARSE).flatten(1) - 127.5
    lengths = rows.square().sum(dim=1)
    limit = (NEAR + 0.01) ** 2 * COARSE**2  # a little more, for the rounding of the product
    pairs, crowded = [], torch.zeros(len(own), dtype=torch.bool)
    for start in range(0, len(own), ROWS):
        some = rows[start : start + ROWS]
        apart = lengths[start : start + ROWS, None] + lengths - 2 * some @ rows.T
        close = apart <= limit
        crowd = close.sum(dim=1) > CROWD + 1  # itself among them
        crowded[start : start + ROWS] = crowd
        close[crowd] = False
        pairs.append(close.nonzero() + torch.tensor([start, 0]))
    if not pairs:
        return [], 0
    first, second = torch.cat(pairs).unbind(1)
    wanted = (first < second) & ~crowded[second]
    first, second = first[wanted], second[wanted]
    parts = zip(torch.split(first, ROWS), torch.split(second, ROWS), strict=True)
    differences = [(fine[a] - fine[b]).square().mean(dim=(1, 2)).sqrt() for a, b in parts]
    found = [
        (int(own[a]), int(own[b]), float(apart))
        for a, b, apart in zip(
            first, second, torch.cat(differences or [torch.empty(0)]), strict=True
        )
        if apart <= NEAR
    ]
    return sorted(found, key=lambda pair: pair[2]), int(crowded.sum())

"""A model's rows joined into the stages that a person would draw."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from torch import nn

from cnn_cli.models.summary import Row, Summary, summarise

DETAIL = (48, 24, 12, 1)
"""Rows asked of the summary, the finest first that gives few enough stages."""
LONGEST_PATTERN = 6


@dataclass(frozen=True)
class Stage:
    """Rows in the order of their calls, at one place of the network or on maps of one size."""

    rows: tuple[Row, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Output without the batch: (C, H, W) or (K,)."""
        return self.rows[-1].shape

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def flops(self) -> int:
        return sum(row.flops for row in self.rows)

    @property
    def receptive_field(self) -> int | None:
        """Side in pixels; None = all of the picture, or not known."""
        return self.rows[-1].receptive_field

    @property
    def layers(self) -> str:
        """The kinds of its layers, repeats counted: `MaxPool, 2 × (Conv, ReLU)`."""
        return ", ".join(counted([row.kind.removesuffix("2d") for row in self.rows]))


def stages_of(
    model: nn.Module, channels: int, size: int, at_most: int
) -> tuple[Summary, tuple[Stage, ...]]:
    """The summary of `model` and its stages, joined until there are `at_most` if that can be.

    A stage ends where the maps change their size or the next named part begins. Rows without
    arithmetic (pooling, norms) go with what follows them; the normalisation is left out.
    """
    for detail in DETAIL:
        summary = summarise(model, channels, size, detail)
        rows = [row for row in summary.rows if row.name != "normalize"]
        stages = _joined(rows, by_part=True)
        if len(stages) <= at_most:
            return summary, stages
    return summary, _joined(rows, by_part=False)


def names(stages: Sequence[Stage]) -> list[str]:
    """A name for each stage: the part that only it lies in, else its first and last layer."""
    paths = [[_short(row).split(".") for row in _weighty(stage)] for stage in stages]
    parts = [".".join(_shared(path)) for path in paths]
    return [
        part if part and parts.count(part) == 1 else _range(path)
        for part, path in zip(parts, paths, strict=True)
    ]


def counted(kinds: Sequence[str]) -> Iterator[str]:
    """`kinds` with each repeated pattern told once: the one that covers most, at each place."""
    place = 0
    while place < len(kinds):
        patterns = [
            (_repeats(kinds, place, length) * length, -length)
            for length in range(1, LONGEST_PATTERN + 1)
            if _repeats(kinds, place, length) > 1
        ]
        covered, length = max(patterns, default=(1, -1))
        pattern = ", ".join(kinds[place : place - length])
        times = covered // -length
        grouped = f"({pattern})" if length < -1 else pattern
        yield f"{times} × {grouped}" if times > 1 else pattern
        place += covered


def _repeats(kinds: Sequence[str], place: int, length: int) -> int:
    pattern = kinds[place : place + length]
    starts = range(place, len(kinds) - length + 1, length)
    return len(list(takewhile(lambda start: kinds[start : start + length] == pattern, starts)))


def _joined(rows: Iterable[Row], *, by_part: bool) -> tuple[Stage, ...]:
    groups: list[list[Row]] = []
    for row in rows:
        before = groups[-1][-1] if groups else None
        same = before is not None and row.shape[1:] == before.shape[1:]
        if same and before is not None and by_part:
            same = _owner(row) == _owner(before)
        if same:
            groups[-1].append(row)
        else:
            groups.append([row])
    stages: list[Stage] = []
    waiting: list[Row] = []
    for group in groups:
        waiting += group
        if any(row.flops for row in group):
            stages.append(Stage(tuple(waiting)))
            waiting = []
    if waiting:
        before_it = stages.pop().rows if stages else ()
        stages.append(Stage((*before_it, *waiting)))
    return tuple(stages)


def _owner(row: Row) -> list[str]:
    """The part that a row belongs to: layer1 of layer1.0, stages.0 of stages.0.1.2."""
    return _short(row).split(".")[:-1][:2]


def _short(row: Row) -> str:
    return row.name.removeprefix("net.")


def _weighty(stage: Stage) -> list[Row]:
    """The rows that learn or compute, without the pooling before them; all where none does."""
    return [row for row in stage.rows if row.parameters or row.flops] or list(stage.rows)


def _shared(paths: Sequence[Sequence[str]]) -> list[str]:
    """What all paths begin with."""
    return [names[0] for names in takewhile(lambda n: len({*n}) == 1, zip(*paths, strict=False))]


def _range(paths: Sequence[Sequence[str]]) -> str:
    """`conv1 – bn1`, `features.0–3`."""
    first, last = paths[0], paths[-1]
    if first == last:
        return ".".join(first)
    if first[:-1] and first[:-1] == last[:-1]:
        return f"{'.'.join(first)}–{last[-1]}"
    return f"{'.'.join(first)} – {'.'.join(last)}"

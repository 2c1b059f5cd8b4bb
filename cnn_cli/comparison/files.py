"""The comparison on disk: a page, a table and JSON."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cnn_cli.comparison import words
from cnn_cli.comparison.contrasts import Contrast, Contrasts
from cnn_cli.comparison.page import page
from cnn_cli.comparison.pairs import ClassChange, Pair
from cnn_cli.comparison.sides import Figure, Side
from cnn_cli.files import replacing, write_json

HEAD = (
    *("run", "name", "report", "metric", "value", "low", "high"),
    *("difference", "difference_low", "difference_high", "paired", "p", "p_holm"),
)


def write_comparison(
    folder: Path, sides: Sequence[Side], pairs: Sequence[Pair], found: Contrasts
) -> list[Path]:
    """Write compare.html, compare.csv and compare.json into `folder`, which exists."""
    paths = [folder / f"compare.{kind}" for kind in ("html", "csv", "json")]
    with replacing(paths[0]) as file:
        file.write(page(sides, pairs, found).encode("utf-8", "backslashreplace"))
    with paths[1].open("w", newline="", encoding="utf-8", errors="backslashreplace") as table:
        csv.writer(table).writerows([HEAD, *_rows(sides, pairs)])
    write_json(paths[2], record(sides, pairs, found))
    return paths


def _rows(sides: Sequence[Side], pairs: Sequence[Pair]) -> Iterator[list[object]]:
    """A line a run and metric; shares in [0, 1], times in seconds, empty where nothing is known."""
    by_run = {pair.second.letter: pair for pair in pairs}
    for side in sides:
        start = [side.letter, side.name, str(side.folder)]
        pair = by_run.get(side.letter)
        for name, figure in side.figures.items():
            row = [*start, name, figure.value, *(figure.interval or ("", ""))]
            yield [*row, *_difference_cells(pair, name)]
        for name, value in _counts(side).items():
            yield [*start, name, "" if value is None else value, *[""] * 8]


def _difference_cells(pair: Pair | None, name: str) -> list[object]:
    figure = pair.differences.get(name) if pair else None
    if pair is None or figure is None:
        return [""] * 6
    tested = [pair.p, pair.corrected] if name == "accuracy" else ["", ""]
    return [figure.value, *(figure.interval or ("", "")), int(pair.alone is not None), *tested]


def _counts(side: Side) -> dict[str, Any]:
    return {
        "parameters": side.cost.get("parameters"),
        "train_seconds": words.training_seconds(side),
        "images": side.images,
    }


def record(sides: Sequence[Side], pairs: Sequence[Pair], found: Contrasts) -> dict[str, Any]:
    """All of it as plain JSON: shares in [0, 1], times in seconds."""
    return {
        "runs": [_run(side) for side in sides],
        "comparisons": [_pair(pair, len(pairs)) for pair in pairs],
        "config": _contrasts(found.config, sides),
        "overrides": _by_letter(sides, [list(given) for given in found.overrides]),
        "data": _contrasts(found.data, sides),
        "environment": _contrasts(found.environment, sides),
        "notes": list(found.notes),
    }


def _run(side: Side) -> dict[str, Any]:
    origin = ("dataset", "dataset_fingerprint", "split", "tta", "checkpoint_sha256", "step")
    return {
        "run": side.letter,
        "name": side.name,
        "report": str(side.folder),
        "figures": {name: _figure(figure) for name, figure in side.figures.items()},
        **_counts(side),
        **{key: side.provenance[key] for key in origin if key in side.provenance},
    }


def _figure(figure: Figure) -> dict[str, Any]:
    limits = None if figure.interval is None else list(figure.interval)
    return {"value": figure.value, "interval": limits}


def _pair(pair: Pair, comparisons: int) -> dict[str, Any]:
    return {
        "first": pair.first.letter,
        "second": pair.second.letter,
        "verdict": words.verdict(pair, comparisons),
        "paired": pair.alone is not None,
        "why_not_paired": pair.unlike or None,
        "right_in_first_alone": pair.alone[0] if pair.alone else None,
        "right_in_second_alone": pair.alone[1] if pair.alone else None,
        "test": "mcnemar_exact" if pair.alone is not None else "fisher_exact",
        "p": pair.p,
        "p_holm": pair.corrected,
        "beyond_noise": pair.is_certain,
        "differences": {name: _figure(figure) for name, figure in pair.differences.items()},
        "classes": [_change(change) for change in pair.classes],
    }


def _change(change: ClassChange) -> dict[str, Any]:
    return {
        "class": change.name,
        "images": list(change.images),
        "recall": list(change.recall),
        "difference": change.difference,
        "p": change.p,
        "p_holm": change.corrected,
        "beyond_noise": change.is_certain,
    }


def _contrasts(rows: Sequence[Contrast], sides: Sequence[Side]) -> dict[str, Any]:
    return {row.key: _by_letter(sides, row.values) for row in rows}


def _by_letter(sides: Sequence[Side], values: Sequence[Any]) -> dict[str, Any]:
    return {side.letter: value for side, value in zip(sides, values, strict=True)}

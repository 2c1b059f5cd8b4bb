"""The pictures of report.html, each with what is said of it."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from cnn_cli.report.examples import SUSPECTS, Album
from cnn_cli.report.report import Report

MANY = 0.1
"""Share of the pictures from which on suspects say more of the model than of the labels."""
PAIRS = 6
"""Pairs of classes that are shown with pictures."""

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions


def caption(predictions: "Predictions", index: int) -> list[str]:
    """The true class, the predicted one, both with their probabilities, and the picture's name."""
    label, chances = int(predictions.labels[index]), predictions.probabilities[index]
    guess = int(chances.argmax())  # the first in a tie, as everywhere
    return [
        f"{predictions.classes[label]} ({_percent(float(chances[label]))})",
        f"{predictions.classes[guess]} ({_percent(float(chances[guess]))})",
        predictions.names[index],
    ]


def worst(predictions: "Predictions", album: Album, wrong: Sequence[int]) -> str:
    """The mistakes with the highest loss."""
    if not wrong:
        return "<p>There are none.</p>"
    note = "<p>The pictures whose own class got the least probability.</p>"
    return note + _gallery(predictions, album, wrong)


def pairs(
    report: Report,
    predictions: "Predictions",
    album: Album,
    shown: Mapping[tuple[int, int], Sequence[int]],
) -> str:
    """The classes mistaken for one another most often, with the worst pictures of each pair."""
    places = {name: place for place, name in enumerate(predictions.classes)}
    parts = []
    for pair in report.metrics["most_confused"][:PAIRS]:
        cell = places[pair["true"]], places[pair["predicted"]]
        times = "once" if pair["count"] == 1 else f"{pair['count']:,} times"
        names = [f"<bdi>{escape(pair[key])}</bdi>" for key in ("true", "predicted")]
        told = f"{' taken for '.join(names)}: {times}"
        parts.append(
            f'<div class="pair"><strong>{told}</strong>, {100 * pair["share"]:.1f}\u00a0% of the'
            f" class{_gallery(predictions, album, shown.get(cell, ()))}</div>"
        )
    return "<h3>Mistaken most often, each with its worst pictures</h3>" + "".join(parts)


def suspected(report: Report, predictions: "Predictions") -> list[int]:
    """Numbers of the pictures whose label may be wrong, the first SUSPECTS."""
    listed = report.metrics["suspects"]["listed"][:SUSPECTS]
    places: dict[tuple[str, str], int] = {}
    for place, (name, label) in enumerate(zip(predictions.names, predictions.labels, strict=True)):
        places.setdefault((name, predictions.classes[label]), place)
    return [places[row["picture"], row["label"]] for row in listed]


def suspects(
    report: Report, predictions: "Predictions", album: Album, doubted: Sequence[int]
) -> str:
    """Pictures that another class claims and their own does not."""
    count, images = report.metrics["suspects"]["count"], report.metrics["images"]
    if not count:
        return ""
    pictures = "one picture" if count == 1 else f"{count:,} pictures"
    note = (
        f"<p>For {pictures} another class is at least as probable as it usually is for its own"
        " pictures, and likelier than the given one (confident learning, Northcutt et al. 2021)."
        " Either the label is wrong or the model. report.json lists the first 50.</p>"
    )
    if count > MANY * images:
        note += (
            f'<p class="flag">These are {100 * count / images:.0f}\u00a0% of all: the model is'
            " wrong too often for most of them to be wrong labels.</p>"
        )
    return note + _gallery(predictions, album, doubted)


def _gallery(predictions: "Predictions", album: Album, indices: Sequence[int]) -> str:
    items = [_item(predictions, album, i) for i in indices if i in album.pictures]
    return f'<ul class="gallery">{"".join(items)}</ul>'


def _item(predictions: "Predictions", album: Album, index: int) -> str:
    true, guess, name = (escape(text) for text in caption(predictions, index))
    shown = name.rpartition("/")[2]
    return (
        f'<li><img src="{album.pictures[index]}" alt="{name}: {true}, taken for {guess}">'
        f'<span class="is-wrong"><bdi>{guess}</bdi></span>'
        f'<span class="is-true"><bdi>{true}</bdi></span>'
        f'<span class="quiet small" title="{name}">{shown}</span></li>'
    )


def _percent(chance: float) -> str:
    """Whole percents where they say enough: never 100 % or 0 % for what is not."""
    if 0.995 <= chance < 1:
        return f"{min(100 * chance, 99.99):.2f}\u00a0%"
    return "<\u00a01\u00a0%" if 0 < chance < 0.01 else f"{100 * chance:.0f}\u00a0%"

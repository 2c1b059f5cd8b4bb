"""The comparison as a page in one file."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from cnn_cli.comparison import words
from cnn_cli.comparison.contrasts import Contrast, Contrasts
from cnn_cli.comparison.pairs import ClassChange, Pair
from cnn_cli.comparison.plot import Dot, dots
from cnn_cli.comparison.sides import Side
from cnn_cli.report.document import document

CLASSES_SHOWN = 30
"""Classes of a comparison that the page shows at most; compare.json has all."""


def page(sides: Sequence[Side], pairs: Sequence[Pair], found: Contrasts) -> str:
    """HTML that needs nothing else."""
    names = ", ".join(side.name for side in sides)
    title = f"Comparison: {names}"
    parts = [
        "<main>",
        f"<h1>Comparison of {len(sides)} runs</h1>",
        f'<p class="quiet">{escape(words.heading(sides[0]))}</p>' if _alike(sides) else "",
        _legend(sides),
        *(_verdict(pair, len(pairs)) for pair in pairs),
        f'<p class="quiet small">{escape(words.method(pairs))}</p>',
        *_plots(sides, pairs),
        "<h2>Figures</h2>",
        _figures(sides),
        '<p class="quiet small">Below each figure its 95 % interval.</p>',
        *(part for pair in pairs for part in _pair(pair)),
        *_contrasts(sides, found),
        "</main>",
    ]
    return document(title, "\n".join(part for part in parts if part), styles=("compare.css",))


def _alike(sides: Sequence[Side]) -> bool:
    return len({words.heading(side) for side in sides}) == 1


def _legend(sides: Sequence[Side]) -> str:
    told = {side.letter: "" if _alike(sides) else f" {words.heading(side)}" for side in sides}
    items = [
        f'<li><span class="letter">{side.letter}</span> <strong>{escape(side.name)}</strong>'
        f'<span class="quiet small">{escape(told[side.letter])}</span></li>'
        for side in sides
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _kind(pair: Pair) -> str:
    if not pair.is_certain:
        return "same"
    return "better" if pair.differences["accuracy"].value > 0 else "worse"


def _verdict(pair: Pair, comparisons: int) -> str:
    claim, _, evidence = words.verdict(pair, comparisons).partition(": ")
    told = f" <span>{escape(evidence)}</span>" if evidence else ""
    claim = claim[0].upper() + claim[1:]
    return f'<p class="verdict {_kind(pair)}"><strong>{escape(claim)}</strong>{told}</p>'


def _plots(sides: Sequence[Side], pairs: Sequence[Pair]) -> Iterator[str]:
    rows = []
    for side in sides:
        figure = side.figures["accuracy"]
        low, high = figure.interval or (figure.value, figure.value)
        rows.append(Dot(side.letter, 100 * figure.value, 100 * low, 100 * high))
    yield "<figure><figcaption>Accuracy of each run, with its 95 % interval</figcaption>"
    yield dots("Accuracy", "accuracy (%)", rows) + "</figure>"
    rows = []
    for pair in pairs:
        figure = pair.differences["accuracy"]
        low, high = figure.interval or (figure.value, figure.value)
        label = f"{pair.second.letter} - {pair.first.letter}"
        rows.append(Dot(label, 100 * figure.value, 100 * low, 100 * high, _kind(pair)))
    first = pairs[0].first.letter
    yield f"<figure><figcaption>Difference of the accuracy from {first}'s</figcaption>"
    yield dots("Difference of the accuracy", "points", rows, zero=True) + "</figure>"


def _figures(sides: Sequence[Side]) -> str:
    rows = []
    for name, title in words.TITLES.items():
        cells = []
        for side in sides:
            figure = side.figures.get(name)
            limits = words.limits(name, figure)
            below = f'<br><span class="quiet small">{limits}</span>' if limits else ""
            cells.append(f"{words.value(name, figure)}{below}")
        rows.append([title, *cells])
    costs = zip(*(words.plain_rows(side) for side in sides), strict=True)
    rows += [[lines[0][0], *(escape(told) for _, told in lines)] for lines in costs]
    return _table(["figure", *(side.letter for side in sides)], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], text: bool = False) -> str:
    """`rows` are HTML, the first cell of each its heading; `text` to the left."""
    kind = ' class="text"' if text else ""
    first, *others = head
    tops = f'<th scope="col">{escape(first)}</th>'
    tops += "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name in others)
    lines = [
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return (
        f'<div class="wide" tabindex="0"><table class="plain"><thead><tr>{tops}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _pair(pair: Pair) -> Iterator[str]:
    a, b = pair.first, pair.second
    yield f"<h2>{b.letter} against {a.letter}</h2>"
    yield f'<p class="quiet">{escape(b.name)} against {escape(a.name)}</p>'
    yield f"<p>{escape(words.basis(pair))}</p>"
    rows = []
    for name, figure in pair.differences.items():
        value, _, limits = words.difference(name, figure).partition(", ")
        word = words.difference_word(name, pair)
        marked = f'<span class="{word}">{word}</span>' if word else ""
        rows.append([words.TITLES[name], value, limits or words.UNKNOWN, marked])
    yield _table([f"{b.letter} - {a.letter}", "difference", "95 % interval", "meaning"], rows)
    yield f"<p>{escape(words.classes_line(pair))}</p>"
    shown = words.changed(pair)[:CLASSES_SHOWN]
    if shown:
        head = ["class", f"recall of {a.letter}", f"recall of {b.letter}", "points"]
        yield _table(
            [*head, "pictures", "p (Holm)", "meaning"], [_class_row(change) for change in shown]
        )
        left = len(words.changed(pair)) - len(shown)
        if left:
            yield f'<p class="quiet small">{left:,} more are in compare.json.</p>'


def _class_row(change: ClassChange) -> list[str]:
    word = words.change_word(change)
    style = word if change.is_certain else "quiet"
    before, after = change.images
    images = f"{before:,}" if before == after else f"{before:,} and {after:,}"
    return [
        escape(change.name),
        *(f"{100 * recall:.1f} %" for recall in change.recall),
        words.signed(100 * change.difference, 1),
        images,
        escape(words.probability(change.corrected).removeprefix("p ").removeprefix("= ")),
        f'<span class="{style}">{word}</span>',
    ]


def _contrasts(sides: Sequence[Side], found: Contrasts) -> Iterator[str]:
    yield "<h2>What differs</h2>"
    if any(found.overrides):
        yield "<h3>As it was typed</h3>"
        rows = [
            [side.letter, f"<code>{escape(' '.join(given)) or '(nothing)'}</code>"]
            for side, given in zip(sides, found.overrides, strict=True)
        ]
        yield _table(["run", "settings"], rows, text=True)
    for title, contrasts in (
        ("Settings", found.config),
        ("Data", found.data),
        ("Environment", found.environment),
    ):
        yield f"<h3>{title}</h3>"
        yield _contrast_table(sides, contrasts) if contrasts else "<p>All the same.</p>"
    for note in found.notes:
        yield f'<p class="flag">{escape(note)}</p>'


def _contrast_table(sides: Sequence[Side], contrasts: Sequence[Contrast]) -> str:
    rows = [[f"<code>{escape(c.key)}</code>", *map(escape, c.values)] for c in contrasts]
    return _table(["key", *(side.letter for side in sides)], rows, text=True)

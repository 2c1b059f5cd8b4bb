"""The comparison on the console, legible from 60 columns on."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnn_cli.comparison import words
from cnn_cli.comparison.contrasts import Contrast, Contrasts
from cnn_cli.comparison.pairs import Pair
from cnn_cli.comparison.sides import Side

NAME, CELL = 18, 18
"""Columns that the names of figures take, and those of one run."""
CLASSES_SHOWN, MORE_CLASSES = 5, 12
"""Classes shown of which nothing is sure, and of those beyond noise."""
SETTINGS_SHOWN = 24
STYLES = {"better": "green", "worse": "red"}


def print_comparison(
    console: Console, sides: Sequence[Side], pairs: Sequence[Pair], found: Contrasts
) -> None:
    """Runs, verdicts, figures, classes, and what differs."""
    for side in sides:
        console.print(
            Text.assemble((f"{side.letter}  ", "bold"), (side.name, "bold")), soft_wrap=True
        )
        console.print(Text(f"   {words.heading(side)}", "dim"))
    console.print()
    for pair in pairs:
        console.print(Text(words.verdict(pair, len(pairs)), _verdict_style(pair)))
    for part in _parts(len(sides), console.width):
        console.print()
        console.print(_figures([sides[place] for place in part]))
    for pair in pairs:
        console.print()
        _print_pair(console, pair)
    console.print()
    console.print(Text(words.method(pairs), "dim"))
    _print_contrasts(console, sides, found)


def print_written(console: Console, folder: Path, files: Sequence[Path]) -> None:
    names = ", ".join(path.name for path in files)
    console.print(Text(f"\nwrote {folder}: {names}"), soft_wrap=True)


def _verdict_style(pair: Pair) -> str:
    if not pair.is_certain:
        return "bold"
    return "bold green" if pair.differences["accuracy"].value > 0 else "bold red"


def _parts(runs: int, width: int) -> list[range]:
    """Numbers of the runs, as many at a time as fit beside each other."""
    size = max(1, (width - NAME) // CELL)
    return [range(start, min(start + size, runs)) for start in range(0, runs, size)]


def _figures(sides: Sequence[Side]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for side in sides:
        table.add_column(side.letter, justify="right", no_wrap=True, min_width=CELL - 2)
    for name, title in words.TITLES.items():
        figures = [side.figures.get(name) for side in sides]
        table.add_row(title, *(words.value(name, figure) for figure in figures))
        told = [words.limits(name, figure) for figure in figures]
        if any(told):
            table.add_row("", *(Text(line, "dim") for line in told))
    for rows in zip(*(words.plain_rows(side) for side in sides), strict=True):
        table.add_row(rows[0][0], *(told for _, told in rows))
    return table


def _print_pair(console: Console, pair: Pair) -> None:
    console.print(Text(f"{pair.second.letter} against {pair.first.letter}", "bold"))
    console.print(Text(words.basis(pair)))
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, figure in pair.differences.items():
        word = words.difference_word(name, pair)
        told = Text(words.difference(name, figure))
        table.add_row(f"  {words.TITLES[name]}", told, Text(word, STYLES.get(word, "")))
    console.print(table)
    changes = words.changed(pair)
    certain = [change for change in changes if change.is_certain]
    shown = certain[:MORE_CLASSES] if certain else changes[:CLASSES_SHOWN]
    console.print(Text(words.classes_line(pair)))
    if not shown:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("  class", overflow="ellipsis", no_wrap=True, max_width=20)
    a, b = pair.first.letter, pair.second.letter
    for head in (f"{a} %", f"{b} %", "points", "p"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("")
    for change in shown:
        word = words.change_word(change)
        recalls = [f"{100 * recall:.1f}" for recall in change.recall]
        points = words.signed(100 * change.difference, 1)
        p = words.probability(change.corrected).removeprefix("p ").removeprefix("= ")
        style = STYLES.get(word, "dim")
        table.add_row(Text(f"  {change.name}"), *recalls, points, p, Text(word, style))
    console.print(table)


def _print_contrasts(console: Console, sides: Sequence[Side], found: Contrasts) -> None:
    for title, rows, alike in (
        ("settings that differ", found.config, "settings: all the same"),
        ("data that differs", found.data, "data: the same"),
        ("environment that differs", found.environment, "environment: the same"),
    ):
        console.print()
        if not rows:
            console.print(Text(alike, "bold"))
            continue
        console.print(Text(title, "bold"))
        for part in _parts(len(sides), console.width):
            console.print(_contrast_table(rows[:SETTINGS_SHOWN], sides, part))
        if len(rows) > SETTINGS_SHOWN:
            text = f"  and {len(rows) - SETTINGS_SHOWN} more, which the files have"
            console.print(Text(text, "dim"))
    if any(found.overrides):
        console.print(Text("\ntyped", "bold"))
        for side, given in zip(sides, found.overrides, strict=True):
            console.print(Text(f"  {side.letter}  {' '.join(given) or '(nothing)'}"))
    for note in found.notes:
        console.print(Text(f"note: {note}", "yellow"))


def _contrast_table(
    rows: Sequence[Contrast], sides: Sequence[Side], chosen: Sequence[int]
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold")
    for place in chosen:
        table.add_column(sides[place].letter, overflow="fold", max_width=40)
    for row in rows:
        table.add_row(Text(f"  {row.key}"), *(Text(row.values[place]) for place in chosen))
    return table

"""What looking at every picture has found, for the person at the terminal and for check.json."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from cnn_cli.data.contract import Dataset
from cnn_cli.data.inspection import Inspection, Place, labels_of
from cnn_cli.engine.display import Display

SHOWN = 10
"""Files, groups or pairs listed on the terminal; check.json has them all."""


def say_data(display: Display, dataset: Dataset, found: Inspection) -> bool:
    """PASS, or FAIL with every kind of fault. Returns whether it failed."""
    sizes = ", ".join(f"{split} {count:,}" for split, count in found.counts.items())
    torn = [group for group in found.exact if len(labels_of(dataset, group)) > 1]
    failed = bool(found.unreadable or found.leaks or torn)
    verdict = ("FAIL", "bold red") if failed else ("PASS", "bold green")
    display.say(Text.assemble(("data  ", "bold"), verdict, f"  {dataset.name}: {sizes} pictures"))
    _list(
        display,
        f"{len(found.unreadable)} cannot be read; repair or remove them, or leave them out of"
        " training by dataset.unreadable=skip",
        [reason.removesuffix("; repair or remove it") for _, reason in found.unreadable],
    )
    _list(
        display,
        f"{len(found.leaks)} are in two splits: what is trained on tells nothing when tested",
        [_told(dataset, group) for group in found.leaks],
    )
    _list(
        display,
        f"{len(torn)} have different classes each time they are there",
        [_told(dataset, group) for group in torn],
    )
    others = [g for g in found.exact if g not in found.leaks and g not in torn]
    _list(
        display,
        f"{len(others)} are there more than once in a split",
        [_told(dataset, group) for group in others],
    )
    across = [pair for pair in found.near if pair[0][0] != pair[1][0]]
    _list(
        display,
        f"{len(found.near)} pairs are nearly equal, {len(across)} of them in two splits: look at"
        " them",
        [
            f"{_told(dataset, (one, other))}  (differ by {apart:.1f} of 255)"
            for one, other, apart in [*across, *(p for p in found.near if p not in across)]
        ],
    )
    if found.too_uniform:
        display.say(
            f"{found.too_uniform:,} pictures nearly agree with too many others to be listed (blank"
            " ones, say); of them only those are named that are equal"
        )
    return failed


def _list(display: Display, head: str, lines: Sequence[str]) -> None:
    """`head` and the first lines, where there are any."""
    if not lines:
        return
    display.say(head, style="yellow", markup=False)
    for line in lines[:SHOWN]:
        display.say(f"  {line}", markup=False)
    if len(lines) > SHOWN:
        display.say(f"  and {len(lines) - SHOWN:,} more, see check.json")


def duplicates(dataset: Dataset, found: Inspection) -> list[tuple[Place, Place, str]]:
    """Pairs to draw: the gravest first."""
    pairs: list[tuple[Place, Place, str]] = []
    for group in found.leaks:
        one = group[0]
        other = next(place for place in group if place[0] != one[0])
        pairs.append((one, other, "equal, in two splits"))
    leaks = set(found.leaks)
    torn = [g for g in found.exact if g not in leaks and len(labels_of(dataset, g)) > 1]
    pairs += [(group[0], group[1], "equal, of two classes") for group in torn]
    across = [p for p in found.near if p[0][0] != p[1][0]]
    pairs += [(one, other, f"nearly equal ({apart:.1f})") for one, other, apart in across]
    inside = [g for g in found.exact if g not in leaks and g not in torn]
    pairs += [(group[0], group[1], "equal") for group in inside]
    pairs += [(a, b, f"nearly equal ({d:.1f})") for a, b, d in found.near if a[0] == b[0]]
    return pairs


def recorded(dataset: Dataset, found: Inspection) -> dict[str, Any]:
    """All of it as plain JSON, pictures by split and name."""

    def named(place: Place) -> list[str]:
        return [place[0], _name(dataset, place)]

    return {
        "pictures": found.counts,
        "unreadable": [[*named(place), reason] for place, reason in found.unreadable],
        "equal": [[named(place) for place in group] for group in found.exact],
        "nearly_equal": [[named(a), named(b), round(apart, 2)] for a, b, apart in found.near],
        "too_uniform": found.too_uniform,
    }


def _told(dataset: Dataset, group: Sequence[Place]) -> str:
    places = [_place(dataset, place) for place in group[:3]]
    more = f" and {len(group) - 3} more" if len(group) > 3 else ""
    return " = ".join(places) + more


def _place(dataset: Dataset, place: Place) -> str:
    """The split and the name, which often begins with the split already."""
    split, name = place[0], _name(dataset, place)
    return name if name.startswith(f"{split}/") else f"{split} {name}"


def _name(dataset: Dataset, place: Place) -> str:
    split, index = place
    return {"train": dataset.train, "val": dataset.val, "test": dataset.test}[split].names[index]

"""What looking at every picture has found, for the person at the terminal and for check.json."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.text import Text

from cnn_cli.data.contract import Dataset
from cnn_cli.data.inspection import Inspection, Place, labels_of
from cnn_cli.data.manifest import CAP
from cnn_cli.engine.display import Display

SHOWN = 10
"""Files, groups or pairs listed on the terminal; check.json has them all."""


class Kinds(NamedTuple):
    """What was found, sorted by what it means."""

    leaks: list[tuple[Place, ...]]
    """groups of equal pictures in more than one split"""
    torn: list[tuple[Place, ...]]
    """groups whose pictures have different classes; they may be among the leaks as well"""
    repeated: list[tuple[Place, ...]]
    """all other groups of equal pictures"""
    across: list[tuple[Place, Place, float]]
    """nearly equal pairs in two splits"""
    inside: list[tuple[Place, Place, float]]
    """nearly equal pairs within a split"""


def kinds(dataset: Dataset, found: Inspection) -> Kinds:
    """The groups and pairs of `found`, each in one place."""
    leaks = list(found.leaks)
    torn = [group for group in found.exact if len(labels_of(dataset, group)) > 1]
    return Kinds(
        leaks,
        torn,
        repeated=[group for group in found.exact if group not in leaks and group not in torn],
        across=[pair for pair in found.near if pair[0][0] != pair[1][0]],
        inside=[pair for pair in found.near if pair[0][0] == pair[1][0]],
    )


def say_data(display: Display, dataset: Dataset, found: Inspection) -> bool:
    """PASS, or FAIL with every kind of fault. Returns whether it failed."""
    sizes = ", ".join(f"{split} {count:,}" for split, count in found.counts.items())
    sort = kinds(dataset, found)
    failed = bool(found.unreadable or sort.leaks or sort.torn)
    verdict = ("FAIL", "bold red") if failed else ("PASS", "bold green")
    display.say(Text.assemble(("data  ", "bold"), verdict, f"  {dataset.name}: {sizes} pictures"))
    train = [place for place, _ in found.unreadable if place[0] == "train"]
    few = len(train) == len(found.unreadable) <= max(1, found.counts.get("train", 0) // CAP)
    skip = ", or leave them out of training by dataset.unreadable=skip" if few else ""
    _list(
        display,
        f"cannot be read: {len(found.unreadable)}; repair or remove them{skip}",
        [reason.removesuffix("; repair or remove it") for _, reason in found.unreadable],
    )
    _list(
        display,
        f"in two splits: {len(sort.leaks)}; what is trained on tells nothing when tested",
        [_told(dataset, group) for group in sort.leaks],
    )
    _list(
        display,
        f"equal and of different classes: {len(sort.torn)}",
        [_told(dataset, group) for group in sort.torn],
    )
    _list(
        display,
        f"more than once in a split: {len(sort.repeated)}",
        [_told(dataset, group) for group in sort.repeated],
    )
    _list(
        display,
        f"nearly equal pairs: {len(found.near)}, of them in two splits: {len(sort.across)}; look"
        " at them",
        [
            f"{_told(dataset, (one, other))}  (differ by {apart:.1f} of 255)"
            for one, other, apart in [*sort.across, *sort.inside]
        ],
    )
    if found.too_uniform:
        display.say(
            f"nearly equal to too many others to be listed (blank, say): {found.too_uniform:,}; of"
            " them only those are named that are equal"
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
    """Pairs to draw, with what each is: the gravest first."""
    sort = kinds(dataset, found)
    pairs: list[tuple[Place, Place, str]] = []
    for group in sort.leaks:
        other = next(place for place in group if place[0] != group[0][0])
        pairs.append((group[0], other, "equal, in two splits"))
    for group in sort.torn:
        first = labels_of(dataset, group[:1])
        other = next(place for place in group if labels_of(dataset, [place]) != first)
        pairs.append((group[0], other, "equal, of two classes"))
    pairs += [(a, b, f"nearly equal ({apart:.1f})") for a, b, apart in sort.across]
    pairs += [(group[0], group[1], "equal") for group in sort.repeated]
    pairs += [(a, b, f"nearly equal ({apart:.1f})") for a, b, apart in sort.inside]
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

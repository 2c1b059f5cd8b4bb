"""What a data set's node says about its pictures: their form, and which of them are used."""

import dataclasses
from pathlib import Path

from cnn_cli import checking
from cnn_cli.config import Node
from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.selection import Selection
from cnn_cli.errors import UserError
from cnn_cli.limits import Count, Positive

PREPROCESSING = tuple(Preprocessing.__dataclass_fields__)
PLACES = ("root", "file")
SELECTION = tuple(Selection.__dataclass_fields__)


def located(node: Node) -> Node:
    """`node` with absolute places of its files, so that a run can be used from other folders too.

    What begins with ~ stays as it is.
    """
    given = {name: str(node[name]) for name in PLACES if node.get(name) is not None}
    moved = {name: place for name, place in given.items() if not place.startswith("~")}
    return {**node, **{name: str(Path(place).resolve()) for name, place in moved.items()}}


def preprocessing(node: Node) -> Preprocessing:
    """What the model's input looks like, from a data set's node. Raises UserError.

    A single mean or std stands for all channels: grey shown as RGB is three times the same.
    """
    problems: list[str] = []
    given = {name: node[name] for name in PREPROCESSING if name in node}
    made = checking.conform("dataset", {"mean": None, "std": None} | given, Preprocessing, problems)
    for name, kind in (("channels", Count), ("size", Count)):
        if not problems:
            checking.conform(f"dataset.{name}", given[name], kind, problems)
    for name in ("mean", "std"):
        values = given.get(name)
        if problems or values is None or len(values) == made.channels:
            continue
        if len(values) == 1:
            made = dataclasses.replace(made, **{name: tuple(values) * made.channels})
        else:
            problems.append(
                f"dataset.{name}={checking.show(values)}: must have one value for each of the"
                f" {made.channels} channels, one for all of them, or be null to be measured"
            )
    if not problems and made.std is not None:
        checking.conform("dataset.std", made.std, tuple[Positive, ...], problems)
    if problems:
        raise UserError(*problems)
    return made  # type: ignore[no-any-return]  # conform gives a Preprocessing where nothing is wrong


def selection(node: Node) -> Selection:
    """Which of the pictures a data set's node asks for. Raises UserError."""
    problems: list[str] = []
    given = {name: node.get(name) for name in SELECTION}  # configs of old runs lack the newer ones
    made: Selection = checking.conform("dataset", given, Selection, problems)
    if not problems and made.fold is not None and made.folds is None:
        problems.append(f"dataset.fold={made.fold}: needs dataset.folds=K, the number of parts")
    elif not problems and made.fold is not None and made.fold > (made.folds or 0):
        problems.append(
            f"dataset.fold={made.fold}: must be from 1 to dataset.folds, which is {made.folds}"
        )
    if problems:
        raise UserError(*problems)
    return made

"""Which pictures lie where in a folder: parts, classes, files; every problem said by name."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor

from cnn_cli.errors import UserError, closest

PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
FORMATS = (
    "jpg jpeg jpe jfif png bmp gif webp tif tiff ppm pgm pbm pnm jp2 avif"  # what Pillow reads
)
SUFFIXES = frozenset(f".{name}" for name in FORMATS.split())
TABLES = (".csv", ".tsv", ".txt")
LAYOUT = (
    "expected are the folders train/CLASS, val/CLASS and test/CLASS with the pictures of each "
    "class, or CLASS folders alone, which are then split"
)


class Files(NamedTuple):
    """paths, labels (N,) int64, names (each path as seen from the root), and perhaps groups."""

    paths: list[Path]
    labels: Tensor
    names: list[str]
    groups: Sequence[str] = ()

    def part(self, indices: Tensor) -> "Files":
        """The files at `indices`."""
        places = indices.tolist()
        paths, names = [self.paths[i] for i in places], [self.names[i] for i in places]
        groups = [self.groups[i] for i in places] if self.groups else ()
        return Files(paths, self.labels[indices], names, groups)

    def joined(self, other: "Files") -> "Files":
        """These files and, after them, the others."""
        labels = torch.cat([self.labels, other.labels])
        paths, names = [*self.paths, *other.paths], [*self.names, *other.names]
        return Files(paths, labels, names, [*self.groups, *other.groups])

    def relabelled(self, labels: Tensor) -> "Files":
        """The same files with other labels (N,) int64."""
        return self._replace(labels=labels)


class Tree(NamedTuple):
    """The classes, in the order of their names, and those of the parts that there are."""

    classes: tuple[str, ...]
    parts: dict[str, Files]
    notes: list[str]


def read_tree(root: Path) -> Tree:
    """What lies under `root`; class folders without part folders count as "train".

    The classes are those of "train" (of "test", where that is all there is). Hidden files and
    folders are passed over. Raises UserError for a missing or empty root, a class without
    pictures, and a class of another part that is none of the classes.
    """
    folders = _part_folders(root)
    folders = {part: folders[part] for part in PARTS if part in folders}
    own = {part: _class_folders(root, folder) for part, folder in folders.items()}
    classes = tuple(sorted(own["train"] if "train" in own else own["test"]))
    listed = {part: _list(root, classes, names) for part, names in own.items()}
    files, left_out = {p: f for p, (f, _) in listed.items()}, [o for _, o in listed.values()]
    problems = _strangers(root, classes, own) + _empty(root, classes, next(iter(files.values())))
    if problems:
        raise UserError(*problems)
    return Tree(classes, files, _left_out(left_out) + _missing(classes, files))


def _part_folders(root: Path) -> dict[str, Path]:
    """Part -> its folder; {"train": root} where the class folders lie in `root` itself."""
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        if root.suffix.lower() in TABLES and root.exists():
            raise UserError(f"dataset.root: {root} {what}; give dataset=csv dataset.file={root}")
        raise UserError(f"dataset.root: {root} {what}; {LAYOUT}")
    named = [(part, folder) for folder in _folders(root) if (part := _part_of(folder.name))]
    with_classes = [(part, folder) for part, folder in named if _folders(folder)]
    if not with_classes:
        if named and len(named) == len(_folders(root)):
            _refuse(root, f"holds {_names(named)} without class folders in them")
        return {"train": root}  # "train" and "test" may well be names of classes
    found = dict(with_classes)
    if len(found) < len(with_classes):
        _refuse(root, f"has two folders for one part: {_names(with_classes)}")
    if "train" not in found and "test" not in found:
        _refuse(root, f"holds {_names(with_classes)} but no train folder")
    return found


def _class_folders(root: Path, folder: Path) -> dict[str, Path]:
    """Class name -> its folder. Names are composed (NFC): macOS writes accents as two signs."""
    own = {unicodedata.normalize("NFC", path.name): path for path in _folders(folder)}
    if not own:
        there = list(folder.iterdir())
        if any(path.suffix.lower() in SUFFIXES for path in there):
            parent = folder.resolve().parent
            _refuse(root, f"holds pictures and no class folders (dataset.root={parent}?)")
        _refuse(root, "holds no class folders" if there else "is empty")
    return own


def _list(root: Path, classes: tuple[str, ...], own: dict[str, Path]) -> tuple[Files, list[str]]:
    """The pictures of one part, class by class, and the suffixes of what is left out."""
    paths: list[Path] = []
    labels: list[int] = []
    left_out: list[str] = []
    for label, name in enumerate(classes):
        if name in own:
            pictures, others = _walk(own[name])
            paths += pictures
            labels += [label] * len(pictures)
            left_out += others
    names = [_printable(path.relative_to(root)) for path in paths]
    return Files(paths, torch.tensor(labels, dtype=torch.int64), names), left_out


def _walk(folder: Path) -> tuple[list[Path], list[str]]:
    """(pictures, suffixes of other files) at any depth, in the order of their names."""
    pictures: list[Path] = []
    others: list[str] = []
    for place, folders, files in os.walk(folder, onerror=_unlistable):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for path in (Path(place, name) for name in sorted(files) if not _hidden(name)):
            if path.suffix.lower() in SUFFIXES:
                pictures.append(path)
            else:
                others.append(path.suffix or path.name)
    return pictures, others


def _strangers(root: Path, classes: tuple[str, ...], own: dict[str, dict[str, Path]]) -> list[str]:
    """A line for each part with classes that the first part does not have."""
    first = next(iter(own))
    strange = {part: sorted(set(names) - set(classes)) for part, names in own.items()}
    return [
        f"dataset.root: {root} has classes in {part} that are not in {first}: "
        + ", ".join(name + closest(name, classes) for name in names)
        for part, names in strange.items()
        if names
    ]


def _empty(root: Path, classes: tuple[str, ...], files: Files) -> list[str]:
    names = _absent(classes, files)
    hint = f"add some ({', '.join(sorted(SUFFIXES))}) or remove the folder"
    return [f"dataset.root: {root} has no pictures of {', '.join(names)}; {hint}"] if names else []


def _missing(classes: tuple[str, ...], parts: dict[str, Files]) -> list[str]:
    absent = {part: _absent(classes, files) for part, files in parts.items()}
    return [
        f"{part} has no pictures of {', '.join(names)}" for part, names in absent.items() if names
    ]


def _absent(classes: tuple[str, ...], files: Files) -> list[str]:
    present = set(files.labels.tolist())
    return [name for label, name in enumerate(classes) if label not in present]


def _left_out(suffixes: Iterable[list[str]]) -> list[str]:
    counts = Counter(suffix for part in suffixes for suffix in part)
    some = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(5))
    return [f"files that are no pictures were left out: {some}"] if counts else []


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(path.name))
    except OSError as error:
        _unlistable(error)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _part_of(name: str) -> str | None:
    return next((part for part, names in PARTS.items() if name.lower() in names), None)


def _names(named: list[tuple[str, Path]]) -> str:
    return ", ".join(f"{folder.name}/" for _, folder in named)


def _printable(path: Path) -> str:
    """A name that every file and terminal takes, also for one that is no valid text."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def _refuse(root: Path, what: str) -> NoReturn:
    raise UserError(f"dataset.root: {root} {what}; {LAYOUT}")


def _unlistable(error: OSError) -> NoReturn:
    raise UserError(f"dataset.root: cannot list {error.filename}: {error.strerror}") from error

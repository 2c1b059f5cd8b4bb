"""`cnn-train runs`: what there is, with its key figures. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cnn_cli.listing.entries import Entry, entries
from cnn_cli.listing.table import as_csv, as_json, print_runs
from cnn_cli.plain import ListConfig


def run(folders: Sequence[str], config: ListConfig) -> int:
    """List the runs in `folders`, or under run.root; gives the exit code."""
    places = [Path(folder).expanduser() for folder in folders] or [Path(config.run.root)]
    found: dict[Path, Entry] = {}
    for place in places:
        for entry in entries(place, jobs=config.jobs):
            found.setdefault(entry.folder.resolve(), entry)
    listed = ranked(list(found.values()), config.sort)
    if config.format == "csv":
        print(as_csv(listed))
    elif config.format == "json":
        print(as_json(listed))
    elif listed:
        print_runs(Console(highlight=False), listed)
    else:
        print(f"no runs in {', '.join(map(str, places))}; cnn-train makes one")
    return 0


def ranked(found: Sequence[Entry], by: str) -> list[Entry]:
    """The newest, the best, the quickest or the first by name first; what is not known last."""
    newest = sorted(found, key=lambda entry: -entry.saved)

    def place(entry: Entry) -> tuple[bool, float | str]:
        if by == "name":
            return False, entry.name
        value = {
            "newest": entry.saved,
            "accuracy": entry.test,
            "validation": entry.validation,
            "time": None if entry.seconds is None else -entry.seconds,
        }[by]
        return value is None, -(value or 0.0)

    return sorted(newest, key=place)

"""Files, folders and runs that a value may name."""

from collections.abc import Iterator
from pathlib import Path


def is_folder_key(key: str) -> bool:
    """Whether the value of a path key is always a folder."""
    return key in ("output", "run.dir") or key.endswith(".root")


def files(typed: str, folders_only: bool) -> Iterator[str]:
    """Paths that begin as typed; folders end in a slash, hidden ones come when asked for."""
    folder, slash, start = typed.rpartition("/")
    place = Path(folder + slash or ".")
    try:
        found = sorted(place.expanduser().iterdir(), key=lambda path: path.name)
    except (OSError, RuntimeError):  # RuntimeError: no such user's home
        return
    for path in found:
        shown = path.name.startswith(start) and (start or not path.name.startswith("."))
        is_folder = path.is_dir()
        if shown and (is_folder or not folders_only):
            yield f"{folder}{slash}{path.name}{'/' if is_folder else ''}"


def run_names(root: Path, typed: str) -> Iterator[str]:
    """`latest` and the names of the runs that can be named so, the newest first."""
    from cnn_cli.run import runs

    found = [run.folder.name for run in runs(root)]
    yield from (name for name in ["latest", *found] if found and name.startswith(typed))

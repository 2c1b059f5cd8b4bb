"""Where data sets usually lie, and one process at a time that puts one there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnn_cli.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: there, two first downloads at once may do the work twice
    fcntl = None  # type: ignore[assignment]


def places(root: Path) -> list[Path]:
    """`root`, then the folders where torchvision's and Keras's users keep their data."""
    home = Path.home()
    usual = (
        home / "data",
        home / ".cache/cnn-train",
        home / ".cache/torch",
        home / ".keras/datasets",
    )
    return list(dict.fromkeys([root, Path("data"), *usual]))


@contextmanager
def locked(root: Path, name: str, key: str = "dataset.root") -> Iterator[None]:
    """Have the data set `name` under `root` to oneself; others wait.

    Raises UserError that begins with `key`, the setting that says so, where it cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / f".{name}.lock").open("w")
    except OSError as error:
        raise UserError(f"{key}: cannot write to {root}: {error.strerror}") from error
    with file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

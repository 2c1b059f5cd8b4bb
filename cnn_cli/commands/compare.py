"""`cnn-train compare`: two runs or more, against the first. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cnn_cli.comparison.console import print_comparison, print_written
from cnn_cli.comparison.contrasts import contrasts
from cnn_cli.comparison.files import write_comparison
from cnn_cli.comparison.pairs import compare
from cnn_cli.comparison.references import find_reports
from cnn_cli.comparison.sides import Side, read_sides
from cnn_cli.errors import UserError
from cnn_cli.files import check_output, check_writable
from cnn_cli.plain import CompareConfig
from cnn_cli.run import COMPARISONS, new_folder, stamp

LONGEST = 60
"""Letters of the runs' names in the folder's name."""


def run(refs: Sequence[str], config: CompareConfig) -> int:
    """Print and write the comparison; gives the exit code."""
    root = Path(config.run.root)
    folders = find_reports(refs, root)
    if config.output is not None:
        check_output(Path(config.output))
    else:
        check_writable(root, "run.root")
    sides = read_sides(folders)
    pairs, found = compare(sides), contrasts(sides)
    folder = _folder(config, root, sides)
    files = write_comparison(folder, sides, pairs, found)
    console = Console(highlight=False)
    print_comparison(console, sides, pairs, found)
    print_written(console, folder, files)
    return 0


def _folder(config: CompareConfig, root: Path, sides: Sequence[Side]) -> Path:
    """A new, empty folder. Raises UserError where it cannot be made."""
    if config.output is None:
        names = "+".join(side.name.replace("/", "-") for side in sides)
        told = names if len(names) <= LONGEST else f"{len(sides)}-runs"
        return new_folder(root / COMPARISONS, f"{stamp()}_{told}")
    folder = Path(config.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"output={folder}: cannot be made: {error.strerror}") from error
    return folder

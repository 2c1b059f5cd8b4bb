"""What REF means: `latest`, a run's folder or name, a report's folder, or a report.json."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from cnn_cli.errors import UserError, closest
from cnn_cli.run import Run, ending, runs

REPORT = "report.json"
FEWEST, MOST = 2, 26
"""REFs: each has a letter."""
LISTED = 8


def find_reports(refs: Sequence[str], root: Path) -> list[Path]:
    """The folder of each REF's report. Raises UserError with all that is wrong with any of them."""
    problems: list[str] = []
    folders = [_report_of(ref, root, problems) for ref in refs]
    if not problems and len(refs) < FEWEST:
        problems.append(_too_few(refs, folders, root))
    if len(refs) > MOST:
        problems.append(f"compare: takes {MOST} REFs at most, and these are {len(refs)}")
    first: dict[Path, str] = {}
    for ref, folder in zip(refs, folders, strict=True):
        place = folder.resolve()
        if folder != Path() and place in first:
            told = "is given twice" if first[place] == ref else f"is the report of {first[place]}"
            problems.append(f"{ref}: {told}; name another run, or another report of the run")
        first.setdefault(place, ref)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return folders


def reported(root: Path) -> list[Run]:
    """The runs under `root` that have a report, the one saved last first."""
    return [run for run in runs(root) if run.is_reported]


def _too_few(refs: Sequence[str], folders: Sequence[Path], root: Path) -> str:
    taken = {folder.resolve() for folder in folders}
    others = [run for run in reported(root) if run.report.resolve() not in taken]
    names = [run.folder.name for run in others]
    start = shlex.join(["cnn-train", "compare", *refs])
    if len(names) + len(refs) >= FEWEST:
        more = " ".join(shlex.quote(name) for name in names[: FEWEST - len(refs)])
        return f"compare: takes two runs or more, as in {start} {more}; {_there(names, root)}"
    return f"compare: takes two runs or more; {_there(names, root)}"


def _there(names: Sequence[str], root: Path) -> str:
    if not names:
        return f"there is no {'other ' if root.is_dir() else ''}run with a report under {root}"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"runs under {root}: {', '.join(names[:LISTED])}{more}"


def _report_of(ref: str, root: Path, problems: list[str]) -> Path:
    """The folder that holds report.json; an empty path where there is none."""
    if ref == "latest":
        newest = next(iter(runs(root)), None)
        if newest is None:
            problems.append(f"latest: no run with a checkpoint under {root}; train one first")
            return Path()
        return _of_folder(newest.folder, ref, problems)
    places = (Path(ref).expanduser(), root / ref, *ending(ref, root))
    there = [path for path in places if ref and path.exists()]
    if not there:
        names = [run.folder.name for run in runs(root)]
        problems.append(
            f"{ref or repr(ref)}: no such run or report{closest(ref, names)}; {_there(names, root)}"
        )
        return Path()
    path = next((path for path in there if _holds_report(path)), there[0])
    if path.is_file():
        if path.suffix == ".json" and path.name != "best.json":
            return path.parent if path.name == REPORT else _not_one(path, problems)
        return _not_one(path, problems)
    return _of_folder(path, ref, problems)


def _holds_report(path: Path) -> bool:
    return path.name == REPORT or (path / REPORT).is_file() or Run(path).is_reported


def _not_one(path: Path, problems: list[str]) -> Path:
    problems.append(f"{path}: is no {REPORT}; name a run, a report's folder or a {REPORT}")
    return Path()


def _of_folder(folder: Path, ref: str, problems: list[str]) -> Path:
    if (folder / REPORT).is_file():
        return folder
    run = Run(folder)
    if run.is_reported:
        return run.report
    below = sorted(path.parent for path in folder.glob(f"*/{REPORT}"))
    below += sorted(path.parent.parent for path in folder.glob(f"*/report/{REPORT}"))
    if run.config.is_file() or run.checkpoints.is_dir():
        command = shlex.join(["cnn-train", f"resume={folder}"])
        problems.append(
            f"{ref}: this run has no report, as its training was not finished; go on with it by"
            f" {command}, or have its weights as they are reported, and name that report: cnn-train"
            f" evaluate checkpoint={shlex.quote(str(folder))}"
        )
    elif below:
        names = ", ".join(str(path) for path in below[:LISTED])
        problems.append(f"{ref}: holds several runs or reports; name them one by one: {names}")
    else:
        problems.append(f"{ref}: holds no {REPORT}; name a run, or the folder of a report")
    return Path()

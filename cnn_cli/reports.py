"""Where an earlier report lies: known before the work that is to be held against it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_cli.errors import UserError, closest
from cnn_cli.run import CROSS_VALIDATION, Run, ending, runs

REPORT = "report.json"


def find_reports(ref: str, root: Path) -> tuple[Path, ...]:
    """The report.json that `ref` means; of a cross-validation's folder, those of its folds.

    `ref` is such a file, the folder of a report, a run's folder or its name under `root`, or
    `latest`. Raises UserError where there is none.
    """
    if ref == "latest":
        newest = next(iter(runs(root)), None)
        if newest is None:
            raise UserError(f"baseline=latest: no run with a checkpoint under {root}")
        ref = str(newest.folder)
    for place in dict.fromkeys((Path(ref), root / ref, *ending(ref, root))):
        if place.is_file():
            if place.suffix != ".json":
                raise UserError(f"baseline={ref}: is no report; give its folder or its {REPORT}")
            return (place,)
        for folder in (place, Run(place).report):
            if (folder / REPORT).is_file():
                return (folder / REPORT,)
        folds = sorted(place.glob(f"fold-*/report/{REPORT}"))
        if folds and (place / CROSS_VALIDATION).is_file():
            return tuple(folds)
        if place.is_dir() and place != root:
            raise UserError(
                f"baseline={ref}: holds no {REPORT}; give a run that has come to its end,"
                " or the folder of a report"
            )
    near = closest(ref, [run.folder.name for run in runs(root)])
    raise UserError(f"baseline={ref}: no such report or run{near}; runs are sought under {root}")


def check_baseline(values: Mapping[str, Any]) -> list[str]:
    """A problem where `baseline` of a composed config names no report."""
    ref, run = values.get("baseline"), values.get("run")
    root = run.get("root") if isinstance(run, Mapping) else None
    if not isinstance(ref, str) or not isinstance(root, str):
        return []
    try:
        find_reports(ref, Path(root))
    except UserError as error:
        return list(error.problems)
    return []

"""What the jobs of a sweep came to: a record in each job's folder, and the table at the end."""

import csv
import json
import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnn_cli.engine.display import duration
from cnn_cli.files import write_json
from cnn_cli.run import CROSS_VALIDATION, Run

RESULT = "result.json"
TABLE = "sweep.csv"
"""The table in the sweep's folder, as numbers: a line for each setting."""
WIDEST = 24
"""Characters of a swept value before it is folded."""
LONGEST_REASON = 160
"""Characters of an error below the table: all of it was said when the job failed."""
DONE, MISSED = 0, 3
"""Exit codes of jobs that trained to the end; the others failed."""


@dataclass(frozen=True)
class Job:
    """One job of a sweep. Figures are None where it did not come to them."""

    folder: Path
    settings: Mapping[str, str]
    """the overrides of this job, key -> value as text"""
    code: int
    error: str
    validation: float | None
    """accuracy of the reported weights on validation pictures"""
    test: float | None
    seconds: float | None
    """of training"""

    @property
    def failed(self) -> bool:
        return self.code not in (DONE, MISSED)


def note(folder: Path, overrides: Sequence[str], code: int, error: str) -> None:
    """Write how the job in `folder` ended, for the table and for whoever looks there later."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"exit_code": code, "error": error, "overrides": list(overrides)}
    write_json(folder / RESULT, record)


def conclude(sweep: Path, console: Console | None = None, flags: Sequence[str] = ()) -> None:
    """Print the table of all jobs in the folder `sweep`, the best setting, and what failed.

    `flags` are those of the command line that the command of the best needs as well.
    """
    console = console or Console(highlight=False)
    jobs = read(sweep)
    if not jobs:
        return
    settings = grouped(jobs)
    write_table(jobs, settings, sweep / TABLE)
    console.print(_fitting(jobs, settings, best_of(settings), console))
    for line in _remarks(sweep, jobs, best_of(settings), flags):
        console.print(line, soft_wrap=True)


def read(sweep: Path) -> list[Job]:
    """The jobs in `sweep` by their number."""
    folders = [path.parent for path in sweep.glob(f"*/{RESULT}")]
    return [_job(folder) for folder in sorted(folders, key=lambda f: (len(f.name), f.name))]


def _job(folder: Path) -> Job:
    record = json.loads((folder / RESULT).read_text())
    pairs = [line.partition("=") for line in record["overrides"]]
    validation, test, seconds = _figures(folder)
    return Job(
        folder=folder,
        settings={key: _bare(value) for key, _, value in pairs},
        code=record["exit_code"],
        error=record["error"],
        validation=validation,
        test=test,
        seconds=seconds,
    )


def _bare(value: str) -> str:
    """As a person types it: paths have got quotes for Hydra on their way."""
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return value[1:-1] if quoted else value


def _figures(folder: Path) -> tuple[float | None, float | None, float | None]:
    """Validation and test accuracy and the seconds of training; of a cross-validation the means."""
    report, folds = Run(folder).report / "report.json", folder / CROSS_VALIDATION
    if report.is_file():
        made = json.loads(report.read_text())
        validation = Run(folder).validation_accuracy(made["provenance"]["step"])
        return validation, made["metrics"]["accuracy"], made["cost"].get("train_seconds")
    if folds.is_file():
        made = json.loads(folds.read_text())
        return made["validation_accuracy"], made["mean"]["accuracy"], made["train_seconds"]
    return None, None, None


def grouped(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that differ in nothing but their seed, together; in the order of their first ones."""
    groups: dict[tuple[tuple[str, str], ...], list[Job]] = {}
    for job in jobs:
        key = tuple(sorted((k, v) for k, v in job.settings.items() if k != "seed"))
        groups.setdefault(key, []).append(job)
    return list(groups.values())


def best_of(settings: Sequence[Sequence[Job]]) -> Sequence[Job] | None:
    """The setting with the highest mean validation accuracy; the test is not for choosing."""

    def worth(jobs: Sequence[Job]) -> float:
        values = [job.validation for job in jobs if job.validation is not None]
        whole = len(values) == len(jobs)
        return mean(values) if values and whole else -math.inf

    if len(settings) < 2:
        return None
    best = max(settings, key=worth)
    return best if worth(best) > -math.inf else None


def _swept(jobs: Sequence[Job]) -> list[str]:
    """The keys that differ between jobs, the seed apart."""
    keys = dict.fromkeys(key for job in jobs for key in job.settings if key != "seed")
    return [key for key in keys if len({job.settings.get(key) for job in jobs}) > 1]


def write_table(jobs: Sequence[Job], settings: Sequence[Sequence[Job]], path: Path) -> None:
    """The same rows for programs: accuracies are shares, times are seconds."""
    keys = _swept(jobs)
    head = ["jobs", "done", "validation_accuracy", "validation_sd", "test_accuracy", "test_sd"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*keys, "seeds", *head, "train_seconds"])
        for group in settings:
            done = [job for job in group if not job.failed]
            row = [group[0].settings.get(key, "") for key in keys]
            row += [" ".join(job.settings.get("seed", "") for job in group).strip()]
            row += [" ".join(job.folder.name for job in group), str(len(done))]
            for values in ([job.validation for job in done], [job.test for job in done]):
                known = [value for value in values if value is not None]
                row += [f"{mean(known):.6g}" if known else ""]
                row += [f"{stdev(known):.6g}" if len(known) > 1 else ""]
            seconds = [job.seconds for job in done if job.seconds is not None]
            writer.writerow([*row, f"{mean(seconds):.1f}" if seconds else ""])


def _fitting(
    jobs: Sequence[Job],
    settings: Sequence[Sequence[Job]],
    best: Sequence[Job] | None,
    console: Console,
) -> Table:
    """The table; where the terminal is too narrow, without times, then with one settings column."""
    room = console.options.update(max_width=1000)
    for times, apart in ((True, True), (False, True), (False, False)):
        table = _table(jobs, settings, best, times=times, apart=apart)
        if console.measure(table, options=room).maximum <= console.width:
            break
    return table


def _table(
    jobs: Sequence[Job],
    settings: Sequence[Sequence[Job]],
    best: Sequence[Job] | None,
    *,
    times: bool,
    apart: bool,
) -> Table:
    """A row for each of `settings`; `apart` gives each swept key a column."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    keys = _swept(jobs)
    names = _names(keys)
    for key, name in zip(keys, names, strict=True) if apart else ():
        widest = max(len(job.settings.get(key, "")) for job in jobs)
        table.add_column(name, overflow="fold", width=min(max(widest, len(name)), WIDEST))
    if not apart:
        table.add_column("setting", overflow="fold")
    seeds = any(len(group) > 1 for group in settings)
    figures = ["validation %", "test %", *(["training"] if times else []), "job"]
    for name in (["seeds"] if seeds else []) + figures:
        table.add_column(name, justify="right", no_wrap=True)
    for group in settings:
        given = [group[0].settings.get(key, "") for key in keys]
        pairs = (f"{name}={value}" for name, value in zip(names, given, strict=True))
        cells = given if apart else [" ".join(pairs)]
        done = [job for job in group if not job.failed]
        if seeds:
            missing = len(done) < len(group)
            cells.append(f"{len(done)}" + (f" of {len(group)}" if missing else ""))
        cells += [_share([job.validation for job in done]), _share([job.test for job in done])]
        cells += [_times([job.seconds for job in done])] if times else []
        cells.append(_numbers(group))
        style = "bold green" if group is best else "" if len(done) == len(group) else "red"
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def _names(keys: Sequence[str]) -> list[str]:
    """The last part of each key, or all of it where that could be taken for something else."""
    ends = [key.rpartition(".")[2] for key in keys]
    return [
        key if key.startswith("require.") or ends.count(end) > 1 else end
        for key, end in zip(keys, ends, strict=True)
    ]


def _share(values: Sequence[float | None]) -> str:
    """Mean and, of several, standard deviation, in per cent."""
    known = [value for value in values if value is not None]
    if not known:
        return "failed" if not values else "-"
    spread = f" ± {100 * stdev(known):.2f}" if len(known) > 1 else ""
    return f"{100 * mean(known):.2f}{spread}"


def _times(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    low, high = duration(min(known)), duration(max(known))
    return low if low == high else f"{low} - {high}"


def _numbers(group: Sequence[Job]) -> str:
    """The jobs' folders: 3-5 where they follow each other, else 3,7,9."""
    names = [job.folder.name for job in group]
    numbers = [int(name) for name in names if name.isdigit()]
    together = numbers == list(range(numbers[0], numbers[0] + len(names))) if numbers else False
    return f"{names[0]}-{names[-1]}" if together and len(names) > 1 else ",".join(names)


def _remarks(
    sweep: Path, jobs: Sequence[Job], best: Sequence[Job] | None, flags: Sequence[str]
) -> list[Text]:
    failed = [job for job in jobs if job.failed]
    done = len(jobs) - len(failed)
    lines = [Text(f"{done} of {len(jobs)} jobs done, in {sweep}; the table is {TABLE} there")]
    reasons: dict[str, list[Job]] = {}
    for job in failed:
        reasons.setdefault(job.error, []).append(job)
    swept = {*_swept(jobs), "seed"}
    for error, group in reasons.items():
        names = ", ".join(f"{job.folder.name} ({_given(job, swept)})" for job in group)
        short = error if len(error) <= LONGEST_REASON else f"{error[:LONGEST_REASON].rstrip()} ..."
        lines.append(Text(f"failed: job{'s' * (len(group) > 1)} {names}: {short}", "red"))
    missed = [job.folder.name for job in jobs if job.code == MISSED]
    if missed:
        lines.append(Text(f"a required figure was missed in job {', '.join(missed)}", "yellow"))
    if best is not None:
        several = len({job.settings.get("seed") for job in jobs}) > 1
        given = best[0].settings.items()
        settings = [f"{k}={v}" for k, v in given if k != "seed" or not several]
        command = shlex.join(["cnn-train", *flags, *settings])
        lines.append(Text("best on validation: ", "bold").append(command, "not bold"))
    return lines


def _given(job: Job, keys: Collection[str]) -> str:
    """The settings in which the job differs from others."""
    return ", ".join(f"{key}={value}" for key, value in job.settings.items() if key in keys)

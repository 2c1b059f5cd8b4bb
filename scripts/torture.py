"""Every fault of scripts/faults at all of its places, counted: what CI does in part.

    scripts/torture list                  kinds of fault, and how many of their cases are done
    scripts/torture run [KIND ...]        go on with what is not done yet
    scripts/torture table                 the table in the README, from all rows

Each stretch of cases adds a line to torture.jsonl. Cases of an older commit are done again.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import results
import torch
from faults.case import Case
from faults.kinds import KINDS
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "scripts" / "torture.jsonl"
README = ROOT / "README.md"
BEGIN, END = "<!-- torture: drawn by scripts/torture table -->\n", "<!-- end of torture -->"
STRETCH = 100
"""Cases after which a line is written."""


def commit() -> dict[str, Any]:
    """The commit of this folder, and whether code was changed since (the results do not count)."""
    return results.commit("cnn_cli", "configs", "scripts/faults")


def done(kind: str) -> list[dict[str, Any]]:
    """The rows of `kind` that were made with the code as it is."""
    now = commit()
    own = [row for row in results.rows(RESULTS) if row["kind"] == kind]
    return [row for row in own if (row["commit"], row["changed"]) == (now["commit"], False)]


def run(names: Iterable[str]) -> int:
    """All cases that are not done yet. Returns 1 where one fails."""
    code = 0
    for name in names:
        if name == "disk" and not KINDS[name].can_mount():
            print("disk: this system lets no process have a file system of its own", flush=True)
            continue
        cases = list(KINDS[name].cases(full=True))
        start = sum(row["cases"] for row in done(name))
        rest = iter(cases[start:])
        while stretch := list(islice(rest, STRETCH)):
            row = {"kind": name, "first": start, "of": len(cases), **_stretch(name, stretch)}
            start += row["cases"]
            code = 1 if row["failed"] else code
            results.append(RESULTS, row)
    return code


def _stretch(name: str, cases: Sequence[Case]) -> dict[str, Any]:
    """Do these cases, each in a folder of its own; those that fail are told at once."""
    failed, begin = [], time.monotonic()
    for case in track(cases, f"{name}", console=Console(stderr=True), transient=True):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "case"
            folder.mkdir()
            try:
                case.check(folder)
            except Exception:  # noqa: BLE001  whatever it was: the others are done as well
                failed.append(case.name)
                print(f"{name}: {case.name} failed", file=sys.stderr)
                traceback.print_exc()
                kept = Path(tempfile.gettempdir()) / f"torture-{case.name}"
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                print(f"its folder is kept in {kept}", file=sys.stderr, flush=True)
    seconds = round(time.monotonic() - begin, 1)
    about = {**commit(), "torch": str(torch.__version__), "cores": os.cpu_count()}
    written = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return {"cases": len(cases), "failed": failed, "seconds": seconds, **about, "written": written}


def lines() -> Iterator[str]:
    """The README's table: the newest full count of each kind."""
    yield "| fault | survived | time | commit |"
    yield "|---|---|---|---|"
    for name, kind in KINDS.items():
        own = [row for row in results.rows(RESULTS) if row["kind"] == name]
        newest = own[-1]["commit"] if own else None
        own = [row for row in own if row["commit"] == newest]
        cases, failed = sum(row["cases"] for row in own), sum(len(row["failed"]) for row in own)
        seconds = sum(row["seconds"] for row in own)
        told = f"{cases - failed:,} of {cases:,}" if own else "not run"
        if own and cases < own[-1]["of"]:
            told += f" (of {own[-1]['of']:,} in all)"
        time_taken = f"{seconds / 60:.0f} min" if own else ""
        yield f"| {kind.TOLD} | {told} | {time_taken} | {(newest or '')[:7]} |"


def main(words: Sequence[str]) -> int:
    verb, names = (words[0], words[1:]) if words else ("", ())
    for name in names:
        if name not in KINDS:
            results.refuse("torture", f"there is no fault {name}; there are {', '.join(KINDS)}")
    torch.set_num_threads(1)
    # A job in the background of a script is started with Ctrl-C ignored, one under nohup with
    # SIGHUP ignored, and so are its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if verb == "run":
        return run(names or KINDS)
    if verb == "list":
        for name, kind in KINDS.items():
            count = sum(row["cases"] for row in done(name))
            total = sum(1 for _ in kind.cases(full=True))
            print(f"{name}: {count:,} of {total:,} cases done\n  {kind.TOLD}")
    elif verb == "table":
        results.draw(README, BEGIN, END, lines())
    else:
        results.refuse("torture", str(__doc__))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone: | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

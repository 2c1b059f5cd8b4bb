"""What is answered to pictures, and the files that it is written to, row by row as it comes."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

UNSURE = "unsure"
"""Stands for the class where the likeliest one is below the threshold."""
CSV, JSONL = "predictions.csv", "predictions.jsonl"


@dataclass(frozen=True)
class Answer:
    """The likeliest classes of one picture, best first, or why it could not be read."""

    path: Path
    label: str = ""
    """the likeliest class, or UNSURE"""
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str = ""


Write = Callable[[Sequence[Answer]], None]


def names(form: Literal["csv", "jsonl", "both"]) -> list[str]:
    """The files of a format."""
    return {"csv": [CSV], "jsonl": [JSONL], "both": [CSV, JSONL]}[form]


@contextmanager
def writing(folder: Path, files: Sequence[str], top: int) -> Iterator[Write]:
    """Gives what adds the rows of some answers, each with `top` classes, to all of `files`.

    They are on their way to the disk when it returns, and whatever ends the process, the files hold
    whole rows.
    """
    with ExitStack() as stack:
        tables = [(name, stack.enter_context(_rows(folder / name))) for name in files]

        def write(answers: Sequence[Answer]) -> None:
            for name, add in tables:
                add(csv_rows(answers, top) if name == CSV else json_lines(answers))

        for name, add in tables:
            if name == CSV:
                add(_csv([_head(top)]))
        yield write


@contextmanager
def _rows(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A new file, and what adds bytes to it: all of them, or, where that fails, none."""
    with path.open("xb", buffering=0) as file:
        whole = 0

        def add(rows: bytes) -> None:
            nonlocal whole
            left = memoryview(rows)
            while left:
                left = left[file.write(left) :]
            whole += len(rows)

        try:
            yield add
        finally:
            file.truncate(whole)


def csv_rows(answers: Sequence[Answer], top: int) -> bytes:
    """A line a picture: file, error, class, then class and probability from the likeliest on."""
    rows = []
    for answer in answers:
        pairs = zip(answer.classes, answer.probabilities, strict=True)
        cells = [cell for name, p in pairs for cell in (name, f"{p:.8g}")]
        empty = [""] * (2 * top - len(cells))
        rows.append([str(answer.path), answer.error, answer.label, *cells, *empty])
    return _csv(rows)


def _head(top: int) -> list[str]:
    ranks = range(1, top + 1)
    return ["file", "error", "class", *(n for r in ranks for n in (f"top{r}", f"p_top{r}"))]


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    """A file's name may hold bytes that are not UTF-8; they are written as they are on disk."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def json_lines(answers: Sequence[Answer]) -> bytes:
    """An object a line: file and error, or file, class and `top`, a list of class and probability.

    Stray bytes of a file's name become \\udcXX, which JSON reads back.
    """
    lines = []
    for answer in answers:
        row: dict[str, object] = {"file": str(answer.path)}
        if answer.error:
            row["error"] = answer.error
        else:
            pairs = zip(answer.classes, answer.probabilities, strict=True)
            top = [{"class": name, "probability": float(f"{p:.8g}")} for name, p in pairs]
            row |= {"class": answer.label, "top": top}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines).encode("utf-8", "backslashreplace")

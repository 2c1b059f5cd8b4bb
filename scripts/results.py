"""Files of measured rows, one JSON object a line, and the README tables drawn of them."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn


def refuse(program: str, message: str) -> NoReturn:
    """End the program as cnn-train does for a wrong request."""
    print(f"{program}: {message}", file=sys.stderr)
    raise SystemExit(2)


ROOT = Path(__file__).parents[1]


def commit(*code: str) -> dict[str, Any]:
    """The commit of this folder, and whether the folders `code` were changed since then."""
    return {
        "commit": _git("rev-parse", "HEAD") or None,
        "changed": bool(_git("status", "--porcelain", *code)),
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def rows(path: Path) -> list[dict[str, Any]]:
    """What has been measured, in the order of measuring."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def append(path: Path, row: dict[str, Any]) -> None:
    """One more line."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def draw(readme: Path, begin: str, end: str, lines: Iterable[str]) -> None:
    """Put a table between its marks. Raises ValueError where the file has none."""
    text = readme.read_text()
    before, opening, rest = text.partition(begin)
    _, closing, after = rest.partition(end)
    if not opening or not closing:
        raise ValueError(f"{readme}: has no place for the table: {begin.strip()} ... {end}")
    readme.write_text(before + begin + "\n".join(lines) + "\n" + end + after)

"""The environment of the programs compared with: .venv-peers, made at its first use.

It has the packages of peers.txt and, by a .pth file, all of this environment's after them. So
everybody runs the same build of torch, which is what makes the comparison fair, a second torch of
6 GB is not needed, and the set-up takes seconds. `--system-site-packages` would not do: it shows
the packages of the Python that both environments were made from, not those of .venv.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WANTED = HERE / "peers.txt"
NO_NETWORK = ("connection broken", "ConnectionError", "Could not fetch URL", "timed out")
"""What pip says where it cannot reach the package index."""


def peers_python(folder: Path = ROOT / ".venv-peers") -> Path:
    """The Python of `folder`, made where it is missing or peers.txt has changed.

    Ends the program, with one line and exit code 2, where that cannot be done.
    """
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    shared = sysconfig.get_path("purelib")
    wanted = f"{sys.version}\n{shared}\n{WANTED.read_text()}"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Installing the programs to compare with into {folder} ...", file=sys.stderr)
    _must([sys.executable, "-m", "venv", "--clear", str(folder)], folder)
    _must(_pip(python), folder)
    (next((folder / "lib").glob("python*")) / "site-packages" / "shared.pth").write_text(shared)
    stamp.write_text(wanted)
    return python


def versions() -> list[str]:
    """Name and version of each program of peers.txt, without what they need."""
    named = dict(line.split("==") for line in WANTED.read_text().splitlines() if "==" in line)
    return [f"{name} {named[name]}" for name in ("lightning", "keras", "skorch")]


def refuse(problem: str) -> NoReturn:
    """End the program: the request cannot be met."""
    print(f"benchmark: {problem}", file=sys.stderr)
    raise SystemExit(2)


def _pip(python: Path) -> list[str]:
    return [
        str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--progress-bar", "off", "--retries", "2", "--no-deps", "--requirement", str(WANTED),
    ]  # fmt: skip


def _must(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = (done.stdout + done.stderr).strip()
    if any(sign in said for sign in NO_NETWORK):
        why = "no network: pip cannot reach the package index; try again when it can"
    else:
        lines = [line for line in said.splitlines() if "error" in line.lower()] or ["no reason"]
        why = f"the installation failed: {lines[-1].strip()}"
    if folder.is_dir():
        log = folder / "install.log"
        log.write_text(said + "\n")
        why += f" (details: {log})"
    refuse(f"{why}; `endtoend cnn-train loop` needs no other program")

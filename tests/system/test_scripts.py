"""The scripts set up once, pass arguments on, and say in one line what is missing.

Python, pip and the installed command are stand-ins that write down how they were called.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = (
    "bash", "basename", "cat", "chmod", "cksum", "cp", "dirname", "env", "grep", "head", "mkdir",
    "rm", "tail",
)  # fmt: skip

PYTHON = r"""#!/usr/bin/env bash
printf '%s' "$(basename "$0")" >>"$CALLS"; printf ' <%s>' "$@" >>"$CALLS"; echo >>"$CALLS"
case "$1 ${2:-}" in
    -c*) exit "$(cat "$0.fits" 2>/dev/null || echo 0)" ;;
    "--version ") echo "Python 3.9.1" ;;
    "-m venv")
        mkdir -p "$4/bin"
        cp "$0" "$4/bin/python"
        printf '#!/usr/bin/env bash\nprintf "<%%s>" "$@"; echo; pwd\n' >"$4/bin/cnn-train"
        chmod +x "$4/bin/cnn-train" ;;
    "-m pip") echo "${PIP_SAYS:-installed}"; exit "${PIP_STATUS:-0}" ;;
esac
"""


@dataclass
class Clone:
    """A checkout with stand-ins on an otherwise bare PATH."""

    root: Path
    bin: Path
    calls: Path

    def python(self, name: str, fits: int = 0) -> None:
        """Put a stand-in on the PATH; `fits` is what it answers when asked whether it will do."""
        (self.bin / name).write_text(PYTHON)
        (self.bin / name).chmod(0o755)
        (self.bin / f"{name}.fits").write_text(str(fits))

    def run(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "scripts" / script, *arguments],
            env={"PATH": str(self.bin), "CALLS": str(self.calls), **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def pips(self) -> list[str]:
        """How pip has been called since the last time."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.write_text("")
        return [line for line in lines if "<-m> <pip>" in line]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root = tmp_path / "my clone é"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copy(ROOT / "pyproject.toml", root)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return Clone(root, tmp_path / "bin", tmp_path / "calls")


def problem(done: subprocess.CompletedProcess[str]) -> str:
    """The only line that a failed script prints besides saying that it installs."""
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Installing")]
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return lines[0]


def test_quickstart_sets_up_once_and_passes_its_arguments_on(clone: Clone, tmp_path: Path) -> None:
    clone.python("python3")
    first = clone.run("quickstart", "dataset=cifar10", "run.dir=a b")
    assert first.stdout == f"<dataset=cifar10><run.dir=a b>\n{tmp_path / 'place'}\n"
    assert "about 3 minutes" in first.stderr
    installs = clone.pips()
    assert all("<--constraint> <scripts/constraints.txt>" in line for line in installs)
    assert installs[0].endswith(" <hatchling> <setuptools>")  # what the next one builds with
    assert installs[-1].endswith("<--no-build-isolation> <--editable> <.>")

    second = clone.run("quickstart", "model=resnet")
    assert (second.stdout.splitlines()[0], second.stderr) == ("<model=resnet>", "")
    assert clone.pips() == []
    assert clone.calls.read_text() == ""


def test_the_test_extra_is_added_once_to_the_same_environment(clone: Clone) -> None:
    clone.python("python3")
    clone.run("quickstart")
    clone.pips()
    assert clone.run("test", "-k", "a b").returncode == 0
    assert "<-k> <a b>" in clone.calls.read_text()
    assert clone.pips()[-1].endswith("<--editable> <.[test]>")
    clone.run("test")
    clone.run("quickstart")
    assert clone.pips() == []


@pytest.mark.parametrize("file", ["pyproject.toml", "scripts/constraints.txt"])
def test_a_changed_requirement_is_installed(clone: Clone, file: str) -> None:
    clone.python("python3")
    clone.run("quickstart")
    clone.pips()
    path = clone.root / file
    path.write_text(path.read_text() + "# changed\n")
    clone.run("quickstart")
    assert clone.pips()


def test_a_moved_checkout_is_installed_anew(clone: Clone) -> None:
    clone.python("python3")
    clone.run("quickstart")
    clone.pips()
    clone.root = clone.root.rename(clone.root.with_name("elsewhere"))
    clone.run("quickstart")
    assert clone.pips()


def test_a_failed_installation_is_tried_again(clone: Clone) -> None:
    clone.python("python3")
    assert clone.run("quickstart", PIP_STATUS="1").returncode == 1
    clone.pips()
    assert clone.run("quickstart").returncode == 0
    assert clone.pips()


def test_no_python(clone: Clone) -> None:
    assert "Python is missing; install Python 3.11" in problem(clone.run("quickstart"))


def test_an_old_python(clone: Clone) -> None:
    clone.python("python3", fits=3)
    assert "Python 3.9.1 is too old; install Python 3.11" in problem(clone.run("quickstart"))


def test_a_python_without_venv(clone: Clone) -> None:
    clone.python("python3", fits=4)
    assert "apt install python3-venv" in problem(clone.run("test"))


@pytest.mark.parametrize(("first", "taken"), [(3, "python3.12"), (5, "python3.12"), (0, "python3")])
def test_the_first_python_that_fits_is_taken(clone: Clone, first: int, taken: str) -> None:
    clone.python("python3", fits=first)
    clone.python("python3.12")
    assert clone.run("quickstart").returncode == 0
    assert f"\n{taken} <-m> <venv>" in clone.calls.read_text()


def test_a_python_newer_than_tested_is_better_than_none(clone: Clone) -> None:
    clone.python("python3", fits=5)
    assert clone.run("quickstart").returncode == 0


def test_python_can_be_named(clone: Clone) -> None:
    clone.python("python3")
    clone.python("my python")
    assert clone.run("quickstart", PYTHON=str(clone.bin / "my python")).returncode == 0
    assert "\nmy python <-m> <venv>" in clone.calls.read_text()


def test_a_named_python_that_cannot_be_run(clone: Clone) -> None:
    clone.python("python3")
    assert "PYTHON=python3.12 cannot be run" in problem(
        clone.run("quickstart", PYTHON="python3.12")
    )


@pytest.mark.parametrize(
    ("said", "problem_told"),
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "no network"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "no disk space"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "cannot write to"),
        ("Collecting torch\nERROR: no such version\n", "failed: ERROR: no such version (details: "),
    ],
)
def test_why_pip_failed(clone: Clone, said: str, problem_told: str) -> None:
    clone.python("python3")
    line = problem(clone.run("quickstart", PIP_SAYS=said, PIP_STATUS="1"))
    assert problem_told in line
    assert (clone.root / ".venv/install.log").read_text().strip() == said.strip()


@pytest.mark.parametrize(
    "script", ["scripts/quickstart", "scripts/test", "scripts/check", ".ci/run"]
)
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)

"""Running the command as a user does, many times."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TINY = (
    "dataset=shapes", "dataset.count=400", "dataset.size=16", "dataset.channels=1",
    "model.channels=[8]", "model.convs=1", "trainer.batch_size=32", "trainer.epochs=2",
    "optimizer.lr=0.05", "device=cpu", "device.threads=1", "device.workers=0",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a command left at the prompt."""

    code: int
    out: str
    err: str

    def succeeded(self) -> bool:
        """Exit code 0 and no warning; else an error that shows all that was said."""
        if self.code or self.err:
            raise AssertionError(f"exit code {self.code}\n{self.out}\n{self.err}")
        return True


class Server:
    """A process that has imported everything and forks for each command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *argv: str, out: Path) -> tuple[int, Path]:
        """Start a command; gives its process id and the file of its error output."""
        self.count += 1
        err = self.folder / f"{self.count}.err"
        streams = {"out": str(out), "err": str(err)}
        request = {"argv": argv, "cwd": str(Path.cwd()), "env": dict(os.environ), **streams}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer(), err

    def answer(self) -> int:
        """The next answer: first the process id, then the exit code."""
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def run(self, *argv: str) -> Result:
        """Run a command to its end."""
        out = self.folder / f"{self.count + 1}.out"
        _, err = self.start(*argv, out=out)
        return Result(self.answer(), out.read_text(), err.read_text())

    def close(self) -> None:
        """End the process: its input may stay open in workers that were forked meanwhile."""
        self.process.terminate()
        with self.process:  # closes its pipes and waits
            pass


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    opened = Server(tmp_path_factory.mktemp("commands"))
    yield opened
    opened.close()


@pytest.fixture
def command(server: Server) -> Callable[..., Result]:
    """`command("evaluate", "split=val")`: runs cnn-train in the current folder."""
    return server.run


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Overrides with which a training takes about a second."""
    return TINY


@pytest.fixture
def pictures() -> Path:
    """A folder of small pictures, one folder a class, with names that are hard to type."""
    root = Path.cwd() / "été, 写真 #1 = a 'b' \"c\" (d)"
    draw = np.random.default_rng(0)
    for label, name in enumerate(("dark = noir", "bright, 明るい")):
        (root / name).mkdir(parents=True)
        for number in range(20):
            pixels = draw.integers(0, 128, (12, 16, 3)) + 127 * label
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"photo ({number}).png")
    return root


@pytest.fixture(scope="session")
def tiny_run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests that write into it take a copy: `own_run`."""
    folder = tmp_path_factory.mktemp("trained") / "tiny"
    done = server.run("train", *TINY, f"run.dir={folder}")
    assert done.succeeded()
    return folder


@pytest.fixture
def own_run(tiny_run: Path) -> Path:
    """A copy of the finished run, at runs/tiny in the current folder."""
    return Path(shutil.copytree(tiny_run, Path.cwd() / "runs" / "tiny"))

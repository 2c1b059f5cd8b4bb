"""The Tab key in a real bash and a real zsh, at a terminal of their own."""

import fcntl
import os
import pty
import select
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 20
"""Seconds for a shell to answer, at most."""

START = {
    "bash": (
        "bash --norc --noprofile -i",
        'show() { echo "$READLINE_LINE|" >> lines; }; bind -x \'"\\C-x\\C-g": show\'',
    ),
    "zsh": (
        "zsh -f -i",
        "show() { print -r -- \"$BUFFER|\" >> lines }; zle -N show; bindkey '^X^G' show",
    ),
}
"""How a shell is started, and how it is told to write what stands at its prompt into a file."""

SAME = [
    ("cnn-train ev", "cnn-train evaluate "),
    ("cnn-train model=re", "cnn-train model=resnet "),
    ("cnn-train model=resnet model.st", "cnn-train model=resnet model.stem="),
    ("cnn-train model=resnet model.stem=l", "cnn-train model=resnet model.stem=large "),
    ("cnn-train opti", "cnn-train optimizer"),
    ("cnn-train augm", "cnn-train augmentation"),
    ("cnn-train augmentation.", "cnn-train augmentation.ops."),
    ("cnn-train -m optimizer=sgd,ad", "cnn-train -m optimizer=sgd,adam"),
    ("cnn-train visualize 'figure=[gradcam,cu", "cnn-train visualize 'figure=[gradcam,curves"),
    ("cnn-train 'trainer.mon", "cnn-train 'trainer.monitor="),
    ("cnn-train 'model=resn", "cnn-train 'model=resnet' "),
    ("cnn-train --cfg=j", "cnn-train --cfg=job "),
    ("cnn-train predict images=pho", "cnn-train predict images=photo\\ \\(1\\).jpg "),
    ("cnn-train predict images=photo\\ ", "cnn-train predict images=photo\\ \\(1\\).jpg "),
    ("cnn-train predict 'images=pho", "cnn-train predict 'images=photo (1).jpg' "),
    ("cnn-train predict images=fol", "cnn-train predict images=folder/"),
    ("cnn-train predict images=~/d", "cnn-train predict images=~/data/"),
    ("cnn-train trainer.epochs=", "cnn-train trainer.epochs="),
    ("true; LANG=C cnn-train compl", "true; LANG=C cnn-train completion "),
    ("cnn-train compare trai", "cnn-train compare trained "),
    ("cnn-train compare trained my", "cnn-train compare trained my\\ run "),
    ("cnn-train evaluate checkpoint=trai", "cnn-train evaluate checkpoint=trained "),
    ("cnn-train compare runs/tr", "cnn-train compare runs/trained/"),
    ("cnn-train runs fol", "cnn-train runs folder/"),
    ("cnn-train runs sort=acc", "cnn-train runs sort=accuracy "),
]  # fmt: skip


class Shell:
    """An interactive shell with the completion set up as the README says."""

    def __init__(self, name: str) -> None:
        command, show = START[name]
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        # the first terminal that a new session opens becomes its own
        words = ["sh", "-c", f'exec {command} <"$0" >"$0" 2>&1', os.ttyname(inner)]
        environ = {**os.environ, "TERM": "dumb"}
        self.process = subprocess.Popen(words, start_new_session=True, env=environ)
        self.inner = inner
        self.lines = Path("lines")
        self.type(f'eval "$(cnn-train completion {name})"; {show}; echo ready >> lines\n')
        self.answer(1)

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def answer(self, count: int) -> str:
        """The last of `count` lines written by now; the screen is read meanwhile."""
        screen, end = b"", time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.02)[0]:
                screen += os.read(self.terminal, 4096)
            written = self.lines.read_text().splitlines() if self.lines.exists() else []
            if len(written) >= count:
                return written[-1]
        raise AssertionError(screen.decode(errors="replace"))

    def tab(self, text: str) -> str:
        """What stands at the prompt after `text` and the Tab key."""
        count = len(self.lines.read_text().splitlines()) + 1
        self.type(f"{text}\t\x18\x07")
        found = self.answer(count).removesuffix("|")
        self.type("\x15")
        return found

    def close(self) -> None:
        os.close(self.inner)
        os.close(self.terminal)
        self.process.wait(PATIENCE)


@pytest.fixture(params=START)
def shell(request: pytest.FixtureRequest, checkout: Path) -> Iterator[Shell]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    program = Path("bin", "cnn-train").resolve()
    program.parent.mkdir()
    python = f"PYTHONPATH={shlex.quote(str(checkout))} exec {shlex.quote(sys.executable)}"
    program.write_text(f'#!/bin/sh\n{python} -m cnn_cli "$@"\n')
    program.chmod(0o755)
    Path("photo (1).jpg").touch()
    Path("folder").mkdir()
    (Path.home() / "data").mkdir()
    for name in ("trained", "my run"):
        checkpoints = Path("runs", name, "checkpoints")
        checkpoints.mkdir(parents=True)
        (checkpoints.parent / "config.yaml").touch()
        (checkpoints / "step-00000001.ckpt").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        started = Shell(request.param)
    yield started
    started.close()


def test_tab_completes_what_was_typed(shell: Shell) -> None:
    assert [(typed, shell.tab(typed)) for typed, _ in SAME] == SAME

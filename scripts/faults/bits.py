"""Damaged checkpoint files: noticed, passed over by name, never loaded as if they were whole."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from cnn_cli import sidecar
from cnn_cli.engine.checkpoint import load, save
from cnn_cli.errors import UserError
from cnn_cli.run import Run, find_checkpoint
from faults.case import Case
from faults.saves import example

TOLD = "one bit flipped, 4 KB holes, truncation, swapped files, the newest two bad"
FEW, MANY = 200, 10_000
STEPS = (1, 2, 3)


def cases(full: bool) -> Iterator[Case]:
    """Every kind of damage in turn, each time at another place."""
    kinds = list(KINDS)
    for number in range(MANY if full else FEW):
        kind = kinds[number % len(kinds)]
        yield Case(f"{kind}-{number}", lambda folder, k=kind, n=number: _check(folder, k, n))


def _flip(run: Run, draw: random.Random) -> int:
    """One bit of the newest file. Gives the step that is left."""
    return _change(run, 3, lambda data: _xor(data, draw.randrange(8 * len(data))))


def _hole(run: Run, draw: random.Random) -> int:
    """4 KB of zeros, as a disk leaves them."""

    def zero(data: bytearray) -> None:
        start = draw.randrange(max(1, len(data) - 4096))
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))

    return _change(run, 3, zero)


def _cut(run: Run, draw: random.Random) -> int:
    def shorten(data: bytearray) -> None:
        del data[draw.randrange(len(data)) :]

    return _change(run, 3, shorten)


def _lengthen(run: Run, draw: random.Random) -> int:
    return _change(run, 3, lambda data: data.extend(draw.randbytes(draw.randrange(1, 5000))))


def _swap(run: Run, draw: random.Random) -> int:  # noqa: ARG001
    """The newest two files under each other's names."""
    two, three = _path(run, 2), _path(run, 3)
    spare = two.with_name("spare")
    two.rename(spare)
    three.rename(two)
    spare.rename(three)
    return 1


def _swap_pairs(run: Run, draw: random.Random) -> int:  # noqa: ARG001
    """With their sidecars: each is whole, but neither is the step that its name says."""
    two, three = _path(run, 2), _path(run, 3)
    for one, other in ((two, three), (sidecar.path_of(two), sidecar.path_of(three))):
        spare = one.with_name("spare")
        one.rename(spare)
        other.rename(one)
        spare.rename(other)
    return 1


def _two_bad(run: Run, draw: random.Random) -> int:
    _change(run, 2, lambda data: _xor(data, draw.randrange(8 * len(data))))
    _flip(run, draw)
    return 1


def _sidecar(run: Run, draw: random.Random) -> int:
    path = sidecar.path_of(_path(run, 3))
    data = bytearray(path.read_bytes())
    at = data.index(b'"sha256": "') + 11 + draw.randrange(64)
    data[at] = ord("0") if data[at] != ord("0") else ord("1")
    path.write_bytes(data)
    return 2


def _pointer(run: Run, draw: random.Random) -> int:
    """A bit of what names the best or the last checkpoint: both are found, and both are kept."""
    file = run.checkpoints / draw.choice(("best.json", "last.json"))
    data = bytearray(file.read_bytes())
    _xor(data, draw.randrange(8 * len(data)))
    file.write_bytes(data)
    assert find_checkpoint(str(run.folder), run.folder, "best").path == _path(run, 1)
    assert find_checkpoint(str(run.folder), run.folder, "last").path == _path(run, 3)
    save(run, replace(example(4), best_step=1))
    assert run.pointer("best") == _path(run, 1)
    return -1


def _alone(run: Run, draw: random.Random) -> int:
    """Without a sidecar only the zip's checksums tell: of the contents, not of the padding."""
    for step in STEPS[:2]:
        _path(run, step).unlink()
        sidecar.path_of(_path(run, step)).unlink()
    sidecar.path_of(_path(run, 3)).unlink()
    _flip(run, draw)
    return -1


KINDS: dict[str, Callable[[Run, random.Random], int]] = {
    "flip": _flip, "hole": _hole, "cut": _cut, "longer": _lengthen, "swap": _swap,
    "swapped-pairs": _swap_pairs, "two-bad": _two_bad, "sidecar": _sidecar, "alone": _alone,
    "pointer": _pointer,
}  # fmt: skip
"""Kind -> what it does; gives the step that is to be found, -1 = any, with its own weights."""


def _check(folder: Path, kind: str, number: int) -> None:
    run = Run(folder)
    run.config.write_text("seed: 0\n")
    for step in STEPS:
        save(run, replace(example(step), best_step=1))  # which keeps all three
    kept = folder / "kept"
    shutil.copytree(run.checkpoints, kept)
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    expected = KINDS[kind](run, random.Random(number))
    if {path.name: path.read_bytes() for path in run.checkpoints.iterdir()} == before:
        return  # a hole where zeros were already
    try:
        found = find_checkpoint(str(folder), folder, "last")
        saved = load(found.path)
    except UserError as error:
        if expected > 0:
            raise AssertionError(f"step {expected} was not found: {error}") from error
        return
    step = saved.step
    assert torch.equal(saved.model["net.weight"], example(step).model["net.weight"])
    if expected > 0:
        assert step == expected, f"step {step} was taken, not {expected}"
        assert found.notes, "nothing was said"
        assert f"step-{3:08d}" in found.notes[0]


def _change(run: Run, step: int, act: Callable[[bytearray], object]) -> int:
    path = _path(run, step)
    data = bytearray(path.read_bytes())
    act(data)
    path.write_bytes(data)
    return step - 1


def _xor(data: bytearray, bit: int) -> None:
    data[bit // 8] ^= 1 << bit % 8


def _path(run: Run, step: int) -> Path:
    return run.checkpoints / f"step-{step:08d}.ckpt"

"""Foreign files: nothing of them is executed, one line says what they are, memory stays small."""

import io
import itertools
import os
import pickle
import resource
import shutil
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from cnn_cli.engine.checkpoint import _plain
from faults.case import Case
from faults.saves import example
from faults.training import check_no_traceback, command, on_files

TOLD = "malicious checkpoints through every command: no canary, one clear line, little memory"

CANARY = "CANARY"
"""The file that code of a checkpoint would make, in the folder of the case."""
ROOM = 60_000
"""KB of memory that a command may need more than it does for a file that is no checkpoint."""


class Runs:
    """Unpickled, it makes the canary by a function of the standard library."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def _saved(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def _fields(**changes: Any) -> bytes:
    """A checkpoint of ours, with changed fields."""
    return _saved(_plain(example(3)) | changes)


def _rewritten(
    data: bytes, change: Callable[[str, bytes], tuple[str, bytes]], packed: bool
) -> bytes:
    """A zip file with changed members, compressed where asked for."""
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", kind) as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return file.getvalue()


def _claiming(number: int) -> bytes:
    """A description that claims a storage of `number` floats, where the file has 1,600."""

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name.endswith("data.pkl"):
            content = content.replace(*_claims(number), 1)
        return name, content

    return _rewritten(_fields(), change, packed=False)


def _claims(number: int) -> tuple[bytes, bytes]:
    """The number 1600 in a pickle, and another one in its place."""
    small = pickle.BININT2 + struct.pack("<H", 1600)
    return small, pickle.LONG1 + b"\x08" + struct.pack("<q", number)


def _bomb() -> bytes:
    """Compressed members that unpack to a thousand times the size of the file."""

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, bytes(200_000_000) if name.endswith("data/0") else content

    return _rewritten(_fields(), change, packed=True)


def _tar() -> bytes:
    """The format of torch before 0.4: a tar file with pickles inside."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(Runs(os.mkdir, CANARY))
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _script() -> bytes:
    """What marks a TorchScript archive, which torch.load would hand on to its interpreter."""
    file = io.BytesIO(_fields())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/constants.pkl", pickle.dumps(()))
        archive.writestr("archive/code/__torch__.py", f"op_version_set = 1\nopen('{CANARY}')")
    return file.getvalue()


def _described(content: bytes) -> bytes:
    """A checkpoint of ours with another description."""

    def change(name: str, old: bytes) -> tuple[str, bytes]:
        return name, content if name.endswith("data.pkl") else old

    return _rewritten(_fields(), change, packed=False)


def _legacy_claiming(number: int) -> bytes:
    """As `_claiming`, in the format before torch 1.6, of the weights alone."""
    plain = _saved({"net.weight": torch.zeros(1600)}, _use_new_zipfile_serialization=False)
    return plain.replace(*_claims(number), 1)


def _deep() -> bytes:
    """Lists in lists, ten thousand deep."""
    return _described(b"\x80\x02" + b"(" * 20_000 + b"l" * 20_000 + b".")


def _aliases() -> str:
    """A short YAML text that takes minutes to expand."""
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    names = "abcdefghijkl"
    for before, after in itertools.pairwise(names):
        lines.append(f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join(lines)


def _config(text: str) -> Callable[[], bytes]:
    return lambda: _fields(config=text)


def _with_target(target: str) -> Callable[[], bytes]:
    return _config(
        f"model:\n  _target_: {target}\n  args: [{CANARY}]\ndataset: {{}}\naugmentation: {{}}\n"
        "optimizer: {}\nschedule: {}\ndevice: {}\nloss: {}\ntrainer: {}\nrequire: {}\nseed: 0\n"
    )


KINDS: dict[str, Callable[[], bytes]] = {
    "pickle-mkdir": lambda: pickle.dumps(Runs(os.mkdir, CANARY)),
    "pickle-eval": lambda: pickle.dumps(Runs(eval, f"__import__('os').mkdir('{CANARY}')")),
    "torch-mkdir": lambda: _saved({"format": 1, "model": Runs(os.mkdir, CANARY)}),
    "torch-exec": lambda: _saved({"format": 1, "x": Runs(exec, f"open('{CANARY}','w')")}),
    "torch-getattr": lambda: _saved([Runs(__import__, "os")]),
    "torch-open": lambda: _saved({"format": 1, "x": Runs(io.open, CANARY, "w")}),
    "torch-system": lambda: _saved([Runs(os.system, f"mkdir {CANARY}")]),
    "legacy": lambda: _saved(
        {"format": 1, "x": Runs(os.mkdir, CANARY)}, _use_new_zipfile_serialization=False
    ),
    "legacy-plain": lambda: _saved(_plain(example(3)), _use_new_zipfile_serialization=False),
    "tar": _tar,
    "torchscript": _script,
    "claims-10-gb": lambda: _claiming(2_500_000_000),
    "claims-more": lambda: _claiming(1601),
    "claims-memory": lambda: _described(b"\x80\x02K\x01r\xff\xff\xff\x1f."),
    "claims-names": lambda: _described(b"\x80\x02" + b"ca\nb\n0" * 100_000 + b"}."),
    "claims-objects": lambda: _described(b"\x80\x02" + b"}0" * 3_000_000 + b"}."),
    "config-deep": _config(f"seed: {'[' * 20_000}"),
    "format-tensor": lambda: _fields(format=torch.ones(3)),
    "claims-by-call": lambda: _described(pickle.dumps(Runs(bytearray, 2_000_000_000), 2)),
    "legacy-claims": lambda: _legacy_claiming(2_500_000_000),
    "legacy-claims-more": lambda: _legacy_claiming(1601),
    "bomb": _bomb,
    "deep": _deep,
    "empty": lambda: b"",
    "text": lambda: b"#!/bin/sh\nmkdir CANARY\n",
    "zip-of-nothing": lambda: b"PK\x05\x06" + bytes(18),
    "no-fields": lambda: _saved({"weights": torch.zeros(3)}),
    "module": lambda: _saved(torch.nn.Linear(2, 2)),
    "config-target": _with_target("os.mkdir"),
    "config-builtin": _with_target("builtins.eval"),
    "config-attribute": _with_target("cnn_cli.run.os.mkdir"),
    "config-torch": _with_target("torch.load"),
    "config-tag": _config("!!python/object/apply:os.mkdir [CANARY]"),
    "config-environment": _config("seed: ${oc.env:HOME}"),
    "config-aliases": lambda: _fields(config=_aliases()),
    "config-huge": lambda: _fields(config=f"seed: {'9' * 5_000}"),
    "config-defaults": _config("dataset: {defaults: [/etc]}\nhydra: {run: {dir: CANARY}}"),
    "classes-number": lambda: _fields(classes=5),
    "step-negative": lambda: _fields(step=-5, total=-1),
    "format-new": lambda: _fields(format=999),
    "nan": lambda: _fields(model={"net.weight": torch.full((3,), float("nan"))}),
}
"""Kind -> the bytes of the file."""

COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "evaluate": lambda file, _: ["evaluate", f"checkpoint={file}"],
    "visualize": lambda file, _: ["visualize", f"checkpoint={file}"],
    "predict": lambda file, folder: [
        "predict", f"checkpoint={file}", f"images={folder}/pictures/dark/0.png"
    ],
    "export": lambda file, folder: [
        "export", f"checkpoint={file}", "format=pt2", f"images={folder}/pictures/dark/0.png"
    ],
    "resume": lambda file, _: [f"resume={file}"],
    "weights": lambda file, folder: [*on_files(folder, 0), f"model.weights={file}"],
    "state-dict": lambda file, folder: [
        *on_files(folder, 0), f"model.weights={shutil.copy(file, file.with_suffix('.pth'))}"
    ],
}  # fmt: skip


def cases(full: bool) -> Iterator[Case]:
    """Every kind through every command; in the tests each kind through one."""
    names = list(COMMANDS)
    for number, kind in enumerate(KINDS):
        for name in names if full else [names[number % len(names)]]:
            yield Case(f"{kind}-{name}", lambda f, k=kind, n=name: _check(f, k, n))


def _check(folder: Path, kind: str, name: str) -> None:
    file, log = folder / "evil.ckpt", folder / "log"
    file.write_bytes(KINDS[kind]())
    code, memory = _run(folder, name)
    assert not (folder / CANARY).exists(), "code of the file was run"
    check_no_traceback(log)
    lines = [line for line in log.read_text().splitlines() if line.startswith("cnn-train: ")]
    harmless = kind == "nan" and name != "resume"
    assert code == 2 or (harmless and code in (0, 1, 2)), f"{code}: {log.read_text()[-1500:]}"
    if code == 2:
        assert len(lines) == 1, log.read_text()[-1500:]
    assert memory < _usual(name) + ROOM + 2 * file.stat().st_size // 1000, f"{memory} KB"


@cache
def _usual(name: str) -> int:
    """KB that a command needs to see that a file is no checkpoint."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "evil.ckpt").write_bytes(b"nothing")
        return _run(Path(place), name)[1]


def _run(folder: Path, name: str) -> tuple[int, int]:
    """(exit code, largest size in KB) of a command that is given the file."""
    on_files(folder, 0)
    told = folder / "memory"

    def note() -> None:
        told.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))

    words = COMMANDS[name](folder / "evil.ckpt", folder)
    code = command(words, folder / "log", before=lambda: os.chdir(folder), after=note)
    return code, int(told.read_text())

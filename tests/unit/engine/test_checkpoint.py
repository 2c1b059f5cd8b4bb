"""Checkpoint files: whole, checked, plain data, and nothing of them executed."""

import json
import math
import os
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cnn_cli import sidecar
from cnn_cli.data.contract import Preprocessing
from cnn_cli.engine.checkpoint import Checkpoint, NonFiniteError, load, read_config, save
from cnn_cli.errors import UserError
from cnn_cli.run import Run

EXAMPLE = Checkpoint(
    model={"weight": torch.arange(6.0).view(2, 3)},
    ema=None,
    optimizer={"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
    scaler=None,
    step=7,
    total=20,
    best=0.5,
    best_loss=0.7,
    best_step=7,
    stale=1,
    rows=torch.zeros(3, 4),
    elapsed=1.5,
    metrics_bytes=12,
    classes=("a", "ü"),
    preprocessing=Preprocessing(3, 8, "pad", (0.1, 0.2, 0.3), (1.0, 1.0, 1.0)),
    config="seed: 0\n",
    fingerprint="f",
    versions={"torch": "2"},
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_comes_back_as_it_was(run):
    path = save(run, EXAMPLE)
    found = load(path)
    assert torch.equal(found.model["weight"], EXAMPLE.model["weight"])
    for name in ("step", "total", "best", "classes", "preprocessing", "config", "fingerprint"):
        assert getattr(found, name) == getattr(EXAMPLE, name)
    assert read_config(path) == "seed: 0\n"
    assert run.pointer("best") == run.pointer("last") == path


def test_keeps_the_best_and_the_two_newest(run):
    for step in range(1, 5):
        save(run, replace(EXAMPLE, step=step, best_step=1))
    names = sorted(path.name for path in run.checkpoints.iterdir())
    steps = [f"step-0000000{step}{kind}" for step in (1, 3, 4) for kind in (".ckpt", ".json")]
    assert names == ["best.json", "last.json", *steps]


def test_what_the_run_did_not_write_stays(run):
    run.checkpoints.mkdir()
    mine = run.checkpoints / "step-00000000.ckpt"
    mine.write_text("a copy of my own")
    for step in range(1, 6):
        save(run, replace(EXAMPLE, step=step, best_step=None))
    assert mine.read_text() == "a copy of my own"
    (run.checkpoints / "last.json").write_text("{")  # damaged: what was written is not known
    for step in range(6, 9):
        save(run, replace(EXAMPLE, step=step, best_step=None))
    left = {int(path.stem[5:]) for path in run.checkpoints.glob("step-*.ckpt")}
    assert left == {0, 4, 5, 7, 8}


def test_a_journal_from_a_stranger_removes_nothing_else(run):
    save(run, EXAMPLE)
    (run.folder / "mine").write_text("mine")
    (run.checkpoints / "mine").write_text("mine")
    names = ["../mine", "mine", "best.json", 5, "step-00000007.ckpt/../mine"]
    record = json.loads((run.checkpoints / "last.json").read_text())
    (run.checkpoints / "last.json").write_text(json.dumps({**record, "obsolete": names}))
    save(run, replace(EXAMPLE, step=8))
    assert (run.folder / "mine").exists()
    assert {"mine", "best.json"} <= {path.name for path in run.checkpoints.iterdir()}


def test_weights_that_are_not_finite_replace_none(run):
    path = save(run, EXAMPLE)
    for part in ("model", "ema"):
        bad = replace(EXAMPLE, **{part: {"net.weight": torch.tensor([1.0, math.inf])}}, step=8)
        with pytest.raises(NonFiniteError, match=rf"{part}\.net\.weight is not finite"):
            save(run, bad)
    momentum = {"state": {0: {"momentum_buffer": torch.tensor([math.nan])}}, "param_groups": []}
    with pytest.raises(NonFiniteError, match=r"optimizer\.0\.momentum_buffer is not finite"):
        save(run, replace(EXAMPLE, optimizer=momentum, step=8))
    assert run.saved() == [path]


def test_a_full_disk_is_told_before_half_a_file_is_written(run, monkeypatch):
    path = save(run, EXAMPLE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
    with pytest.raises(OSError, match=r"0\.1 MB are needed and 0\.0 MB are free"):
        save(run, replace(EXAMPLE, step=8))
    assert run.saved() == [path]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_one_flipped_bit_is_noticed(run, part):
    path = save(run, EXAMPLE)
    data = bytearray(path.read_bytes())
    data[int(len(data) * part)] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        load(path)


def test_without_a_sidecar_the_zip_checks_itself(run):
    path = save(run, EXAMPLE)
    path.with_suffix(".json").unlink()
    assert load(path).step == 7
    with zipfile.ZipFile(path) as archive:
        entry = next(i for i in archive.infolist() if i.filename.endswith("data/0"))
    data = bytearray(path.read_bytes())
    place = data.index(EXAMPLE.model["weight"].numpy().tobytes(), entry.header_offset)
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        load(path)


def test_a_cut_file_is_refused(run):
    path = save(run, EXAMPLE)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="cut off"):
        load(path)


class Canary:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("canary",)


def test_code_in_a_file_is_not_run(run):
    path = run.folder / "evil.ckpt"
    torch.save({"format": 1, "model": Canary()}, path)
    with pytest.raises(UserError, match=r"it names posix\.mkdir"):
        load(path)
    path.write_bytes(pickle.dumps(Canary()))
    with pytest.raises(UserError, match="not a checkpoint"):
        load(path)
    assert not Path("canary").exists()


def test_another_format_is_named(run):
    path = run.folder / "new.ckpt"
    torch.save({"format": 99}, path)
    with pytest.raises(UserError, match="format 99; this version reads format 1"):
        load(path)
    torch.save({"weights": 1}, path)
    with pytest.raises(UserError, match="not a checkpoint of cnn-train"):
        load(path)


def test_a_failed_write_leaves_the_old_files(run, monkeypatch):
    first = save(run, EXAMPLE)
    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RuntimeError, match="disk"):
        save(run, replace(EXAMPLE, step=8))
    assert run.pointer("best") == first
    assert load(first).step == 7
    assert not list(run.checkpoints.glob(".*"))


def fail(*_: object) -> None:
    raise RuntimeError("disk full")


def test_sidecar_states_size_and_hash(run):
    path = save(run, EXAMPLE)
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["size"] == path.stat().st_size
    assert len(record["sha256"]) == 64


@pytest.mark.parametrize("text", ["{", "{}", "[]", "5"])
def test_a_damaged_sidecar_is_named(run, text):
    path = save(run, EXAMPLE)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(UserError, match=r"its step-00000007\.json cannot be read"):
        load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", "7"),
        ("config", 5),
        ("model", 3),
        ("elapsed", "x"),
        ("rows", [1.0]),
        ("classes", "abc"),
        ("preprocessing", [1]),
    ],
)
def test_a_field_of_another_type_is_named(run, field, value):
    path = save(run, EXAMPLE)
    path.with_suffix(".json").unlink()
    fields = torch.load(path, weights_only=True)
    torch.save(fields | {field: value}, path)
    with pytest.raises(UserError, match="not a checkpoint of cnn-train"):
        load(path)


@pytest.mark.parametrize(("key", "value"), [("size", "8"), ("mean", ["x"]), ("resize", 1)])
def test_preprocessing_of_another_type_is_named(run, key, value):
    path = save(run, EXAMPLE)
    path.with_suffix(".json").unlink()
    fields = torch.load(path, weights_only=True)
    fields["preprocessing"][key] = value
    torch.save(fields, path)
    with pytest.raises(UserError, match=rf"wrong preprocessing\.{key}"):
        load(path)


@pytest.mark.parametrize("content", [None, "{", '{"step": 5, "checkpoint": "step-00000005.ckpt"}'])
def test_the_best_is_kept_though_its_pointer_is_damaged(run, content):
    for step in range(1, 4):
        save(run, replace(EXAMPLE, step=step, best_step=1))
    pointer = run.checkpoints / "best.json"
    pointer.unlink() if content is None else pointer.write_text(content)
    save(run, replace(EXAMPLE, step=4, best_step=1))
    assert run.pointer("best") == run.checkpoints / "step-00000001.ckpt"
    assert load(run.pointer("best")).step == 1


def test_everything_is_on_the_disk_before_it_gets_its_name(run, monkeypatch):
    """Each rename is of a file that was flushed, and is itself flushed before the next act."""
    acts = []
    fsync, rename = os.fsync, Path.replace

    def note_flush(handle):
        acts.append(("flush", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def note_rename(self, target):
        acts.append(("rename", self.name))
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(Path, "replace", note_rename)
    save(run, EXAMPLE)
    names = ["step-00000007.ckpt", "step-00000007.json", "best.json", "last.json"]
    expected = []
    for name in names:
        own = f".{name}.{os.getpid()}.tmp"
        expected += [("flush", own), ("rename", own), ("flush", run.checkpoints.name)]
    assert acts == expected


def test_a_full_disk_leaves_the_same_step_as_it_was(run, monkeypatch):
    path = save(run, EXAMPLE)
    monkeypatch.setattr(torch, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(OSError, match="No space"):
        save(run, EXAMPLE)
    assert sidecar.path_of(path).exists()
    assert load(path).step == 7

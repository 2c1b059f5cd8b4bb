"""The run's folder: names, whole writes, and how a run is found again."""

import json
import os
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from cnn_cli import sidecar
from cnn_cli.errors import UserError
from cnn_cli.files import size_and_hash
from cnn_cli.lock import claimed
from cnn_cli.run import (
    Run,
    find_checkpoint,
    find_run,
    new_folder,
    run_folder,
    run_of,
    runs,
)


def make_run(folder: Path, age: int = 0, best: bool = True) -> Run:
    run = Run(folder)
    run.checkpoints.mkdir(parents=True)
    run.config.write_text("seed: 0\n")
    for name, step in (("last", 2), ("best", 1)):
        make_checkpoint(run, step, age)
        if name == "last" or best:
            (run.checkpoints / f"{name}.json").write_text(
                json.dumps({"step": step, "checkpoint": sidecar.name_of(step)})
            )
    return run


def make_checkpoint(run: Run, step: int, age: int = 0) -> Path:
    """A zip file with its sidecar."""
    path = run.checkpoints / sidecar.name_of(step)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", f"weights of step {step}" * 50)
    sidecar.write(path, step, *size_and_hash(path))
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def found(ref: str, root: Path, prefer: Literal["best", "last"]) -> Path:
    """The checkpoint file alone."""
    return find_checkpoint(ref, root, prefer).path


def test_latest_is_the_newest_run_and_no_job_of_a_sweep(tmp_path):
    make_run(tmp_path / "old", age=100)
    newest = make_run(tmp_path / "new", age=50)
    make_run(tmp_path / "sweeps")
    (tmp_path / "empty").mkdir()
    assert [run.folder.name for run in runs(tmp_path)] == ["new", "old"]
    assert found("latest", tmp_path, "best") == newest.checkpoints / "step-00000001.ckpt"
    assert found("latest", tmp_path, "last") == newest.checkpoints / "step-00000002.ckpt"


def test_name_folder_and_file_mean_the_same(tmp_path):
    run = make_run(tmp_path / "a b")
    file = run.checkpoints / "step-00000001.ckpt"
    for ref in ("a b", str(run.folder), str(file)):
        assert found(ref, tmp_path, "best") == file
    assert run_of(file).folder == run.folder
    lone = tmp_path / "lone.ckpt"
    lone.write_text("x")
    assert run_of(lone) is None


def test_without_a_best_the_last(tmp_path):
    run = make_run(tmp_path / "a", best=False)
    assert found("a", tmp_path, "best").name == "step-00000002.ckpt"
    (run.checkpoints / "last.json").write_text('{"checkpoint": "step-00000009.ckpt"}')
    assert found("a", tmp_path, "last").name == "step-00000002.ckpt"
    for path in run.saved():
        path.unlink()
    with pytest.raises(UserError, match="holds no checkpoint"):
        find_checkpoint("a", tmp_path, "last")


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(tmp_path):
    run = make_run(tmp_path / "a", best=False)
    newest = make_checkpoint(run, 3)
    flip(newest)
    taken = find_checkpoint("a", tmp_path, "best")
    assert taken.path.name == "step-00000002.ckpt"
    told = "damaged: size or sha256 differ from step-00000003.json; step-00000002.ckpt is used"
    assert taken.notes == (f"{newest}: {told} instead",)
    for path in run.saved():
        flip(path)
    with pytest.raises(UserError, match="no checkpoint of this run is whole") as raised:
        find_checkpoint("a", tmp_path, "last")
    for step, line in zip((3, 2, 1), raised.value.problems[1:], strict=True):
        assert f"{sidecar.name_of(step)}: damaged" in line
    assert [run.folder.name for run in runs(tmp_path)] == ["a"]  # never a silent start from scratch


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    os.utime(path, (2_000_000, 2_000_000))  # another time: coarse clocks may not show the change


def test_a_save_that_was_cut_short_comes_last(tmp_path):
    run = make_run(tmp_path / "a", best=False)
    lone = make_checkpoint(run, 3)
    sidecar.path_of(lone).unlink()
    taken = find_checkpoint("a", tmp_path, "last")
    assert taken.path.name == "step-00000002.ckpt"
    assert "step-00000003.json, so its save was cut short; step-00000002.ckpt" in taken.notes[0]
    for step in (1, 2):
        (run.checkpoints / sidecar.name_of(step)).unlink()
    taken = find_checkpoint("a", tmp_path, "last")
    assert taken.path == lone
    assert taken.notes[-1] == f"{lone}: has no step-00000003.json; its own checksums hold"


def test_a_lone_file_is_taken_with_a_notice(tmp_path):
    run = make_run(tmp_path / "a")
    lone = run.checkpoints.joinpath("step-00000002.ckpt").rename(tmp_path / "lone.ckpt")
    taken = find_checkpoint(str(lone), tmp_path, "best")
    assert taken.path == lone
    assert "has no lone.json; its own checksums hold" in taken.notes[0]
    assert find_run("a", tmp_path).folder == run.folder


def test_leftovers_of_dead_processes_go_when_the_run_is_claimed(tmp_path):
    run = make_run(tmp_path / "a")
    alive = os.getppid()
    names = [f".step-00000009.ckpt.{process}.tmp" for process in (2**22 + 1, os.getpid(), alive)]
    for name in (*names, ".mine.tmp"):
        (run.checkpoints / name).write_text("half")
    with claimed(run.folder, is_new=False):
        left = {path.name for path in run.checkpoints.glob(".*")}
    assert left == {names[2], ".mine.tmp"}


def test_a_pointer_cannot_lead_out_of_the_folder(tmp_path):
    run = make_run(tmp_path / "a")
    (tmp_path / "evil.ckpt").write_text("x")
    (run.checkpoints / "last.json").write_text('{"checkpoint": "../../evil.ckpt"}')
    assert run.pointer("last") is None


def test_an_unknown_run_names_the_near_one(tmp_path):
    make_run(tmp_path / "digits-one")
    with pytest.raises(UserError, match=r"did you mean 'digits-one'.*runs under.*digits-one"):
        find_checkpoint("digits-on", tmp_path, "best")
    with pytest.raises(UserError, match="no run with a checkpoint"):
        find_checkpoint("latest", tmp_path / "nowhere", "best")


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(UserError, match="not empty"):
        run_folder(tmp_path, None, "full", "what")
    with pytest.raises(UserError, match="not empty"):
        run_folder(tmp_path, str(tmp_path / "full"), None, "what")
    names = {run_folder(tmp_path, None, None, "digits-cnn").name for _ in range(20)}
    assert len(names) == 20


def test_a_folder_of_pictures_hides_no_run_of_its_name(tmp_path):
    (tmp_path / "place" / "cats").mkdir()
    run = make_run(tmp_path / "cats")
    assert found("cats", tmp_path, "last") == run.checkpoints / "step-00000002.ckpt"


def test_a_claimed_folder_is_refused_to_others_and_goes_if_unused(tmp_path):
    folder = tmp_path / "runs" / "one"
    with claimed(folder, is_new=True):
        with (
            pytest.raises(UserError, match=f"process {os.getpid()} is at work"),
            claimed(folder, is_new=True),
        ):
            pass
        assert folder.is_dir()
    assert not folder.parent.exists()
    with claimed(folder, is_new=True):
        (folder / "config.yaml").write_text("")
    with pytest.raises(UserError, match="is not empty"), claimed(folder, is_new=True):
        pass
    with claimed(folder, is_new=False):
        pass
    assert (folder / "config.yaml").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"), claimed(tmp_path / "file" / "x", True):
        pass


def test_an_earlier_report_is_kept(tmp_path):
    run = Run(tmp_path / "one")
    run.folder.mkdir()
    for text in ("first", "second", "third"):
        run.clear_report()
        (run.report / "report.txt").write_text(text)
    texts = {path.name: (path / "report.txt").read_text() for path in run.folder.iterdir()}
    assert texts == {"report-1": "first", "report-2": "second", "report": "third"}


def test_new_folders_never_share_a_name(tmp_path):
    assert [new_folder(tmp_path, "a").name for _ in range(3)] == ["a", "a-2", "a-3"]


def test_fifty_starts_at_once_get_fifty_folders(tmp_path):
    children = []
    for number in range(50):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                folder = run_folder(tmp_path / "runs", None, None, "digits-cnn")
                with claimed(folder, is_new=True):
                    (folder / "who").write_text(str(number))
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * 50
    written = sorted(int(path.read_text()) for path in (tmp_path / "runs").glob("*/who"))
    assert written == list(range(50))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "best.json: is not there; step-00000001.ckpt is used"),
        (b"{", "best.json: cannot be read; step-00000001.ckpt is used"),
        (b"\xff\xfe", "best.json: cannot be read"),
        (b'{"step": 1, "checkpoint": "step-00000002.ckpt"}', "best.json: cannot be read"),
        (b'{"step": 0, "checkpoint": "step-00000000.ckpt"}', "and last.json says step-00000001"),
    ],
)
def test_a_damaged_pointer_to_the_best_is_told_and_made_up_for(tmp_path, content, told):
    run = make_run(tmp_path / "a")
    last = {"step": 2, "checkpoint": sidecar.name_of(2), "best": sidecar.name_of(1)}
    (run.checkpoints / "last.json").write_text(json.dumps(last))
    best = run.checkpoints / "best.json"
    best.unlink() if content is None else best.write_bytes(content)
    taken = find_checkpoint("a", tmp_path, "best")
    assert taken.path.name == "step-00000001.ckpt"
    assert told in taken.notes[0]


@pytest.mark.parametrize("other", [2, 9])
def test_a_last_json_that_says_another_best_is_told_and_not_believed(tmp_path, other):
    run = make_run(tmp_path / "a")
    last = {"step": 2, "checkpoint": sidecar.name_of(2), "best": sidecar.name_of(other)}
    (run.checkpoints / "last.json").write_text(json.dumps(last))
    taken = find_checkpoint("a", tmp_path, "best")
    assert taken.path.name == "step-00000001.ckpt"
    assert f"and last.json says {sidecar.name_of(other)}" in taken.notes[0]


def test_a_best_checkpoint_that_is_gone_is_told(tmp_path):
    run = make_run(tmp_path / "a")
    (run.checkpoints / sidecar.name_of(1)).unlink()
    taken = find_checkpoint("a", tmp_path, "best")
    assert taken.path.name == "step-00000002.ckpt"
    assert "step-00000001.ckpt: the best checkpoint is not there; step-0" in taken.notes[0]


def test_the_last_checkpoint_is_missed_where_it_is_gone(tmp_path):
    run = make_run(tmp_path / "a")
    (run.checkpoints / sidecar.name_of(2)).unlink()
    taken = find_checkpoint("a", tmp_path, "last")
    assert taken.path.name == "step-00000001.ckpt"
    assert "step-00000002.ckpt: is not there; step-00000001.ckpt is used" in taken.notes[0]


@pytest.mark.parametrize("prefer", ["best", "last"])
def test_a_checkpoint_that_was_completed_does_without_its_sidecar(tmp_path, prefer):
    run = make_run(tmp_path / "a")
    for step in (1, 2):
        sidecar.path_of(run.checkpoints / sidecar.name_of(step)).unlink()
    taken = find_checkpoint("a", tmp_path, prefer)
    name = sidecar.name_of(1 if prefer == "best" else 2)
    assert taken.path.name == name
    assert taken.notes == (f"{taken.path}: has no {name[:-5]}.json; its own checksums hold",)

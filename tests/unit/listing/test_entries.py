"""What a folder of runs holds, finished, stopped, at work, grouped and damaged."""

import json
import os
from pathlib import Path

import pytest

from cnn_cli.commands.runs import ranked
from cnn_cli.errors import UserError
from cnn_cli.listing.entries import Entry, entries
from cnn_cli.lock import claimed
from cnn_cli.run import CROSS_VALIDATION

ROOT = Path("runs")
CONFIG = """dataset:
  _target_: cnn_cli.data.csv_file.csv_file
model:
  _target_: cnn_cli.models.torchvision_model.torchvision
  name: ResNet18
trainer:
  epochs: 4
"""


def line(epoch: int, accuracy: float | None, best: bool) -> str:
    val = None if accuracy is None else {"loss": 1.0, "accuracy": accuracy}
    train = {"loss": 1.0, "accuracy": 0.5}
    time = {"elapsed": 2.5 * epoch}
    row = {"step": 10 * epoch, "epoch": epoch, "train": train, "val": val, "best": best}
    return json.dumps({**row, "time": time}) + "\n"


def make(folder: Path, epochs: int = 4, accuracy: float | None = 0.9, when: int = 0) -> Path:
    """A run whose second epoch was the best; with an accuracy it has a report."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    rows = [
        line(epoch, epoch / 10 if epoch < 3 else 0.1, epoch < 3) for epoch in range(1, epochs + 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(rows))
    file = folder / "checkpoints/step-00000020.ckpt"
    file.touch()
    if when:
        os.utime(file, (when, when))
    if accuracy is not None:
        (folder / "report").mkdir()
        report = {
            "metrics": {
                "accuracy": accuracy,
                "images": 100,
                "intervals": {"accuracy": [0.8, 0.95]},
            },
            "cost": {"parameters": 1234, "train_seconds": 11.5},
            "provenance": {"dataset": "csv", "split": "test", "step": 20},
        }
        (folder / "report/report.json").write_text(json.dumps(report))
    return folder


def only(folder: Path = ROOT, jobs: bool = False) -> Entry:
    (found,) = entries(folder, jobs=jobs)
    return found


def test_a_finished_run() -> None:
    make(ROOT / "one", when=1_700_000_000)
    found = only()
    assert (found.name, found.kind, found.state, found.problem) == ("one", "run", "finished", "")
    assert (found.dataset, found.model) == ("csv", "resnet18")
    assert (found.epochs, found.planned, found.seconds, found.parameters) == (4, 4, 11.5, 1234)
    assert (found.validation, found.test, found.interval) == (0.2, 0.9, (0.8, 0.95))
    assert found.saved == 1_700_000_000
    assert only(ROOT / "one") == found  # named itself


def test_a_stopped_run_has_the_figures_so_far() -> None:
    make(ROOT / "one", epochs=3, accuracy=None)
    found = only()
    assert (found.state, found.epochs, found.planned) == ("stopped", 3, 4)
    assert (found.validation, found.test, found.interval) == (0.2, None, None)
    assert found.seconds == 7.5


def test_under_a_time_budget_no_epochs_are_planned() -> None:
    run = make(ROOT / "one")
    (run / "config.yaml").write_text(f"{CONFIG}  budget: 10m\n")
    assert (only().epochs, only().planned) == (4, None)


def test_a_report_without_intervals_gets_wilsons() -> None:
    path = make(ROOT / "one", accuracy=1.0) / "report/report.json"
    report = json.loads(path.read_text())
    del report["metrics"]["intervals"]
    path.write_text(json.dumps(report))
    low, high = only().interval or (0, 0)
    assert (low, high) == (pytest.approx(0.963, abs=5e-4), 1.0)


def test_a_run_whose_lock_is_held_is_running() -> None:
    pytest.importorskip("fcntl")
    make(ROOT / "one", epochs=1, accuracy=None)
    (ROOT / "one/checkpoints/step-00000020.ckpt").unlink()
    ready, end = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        with claimed(ROOT / "one", is_new=False):
            os.write(ready[1], b".")
            os.read(end[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    found = only()
    assert (found.state, found.problem) == ("running", "")
    os.write(end[1], b".")
    os.waitpid(child, 0)
    assert only().state == "stopped"  # its number is still in the file
    for handle in (*ready, *end):
        os.close(handle)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.yaml", b"model: [", "config.yaml cannot be read"),
        ("config.yaml", b"\xff\xfe", "config.yaml cannot be read"),
        ("config.yaml", None, "config.yaml is not there"),
        ("report/report.json", b"{", "report.json cannot be read"),
        ("report/report.json", b'{"metrics": {}}', "report.json cannot be read"),
        ("report/report.json", b'{"metrics": 1, "cost": 2, "provenance": 3}', "report.json cannot"),
        (
            "checkpoints/last.json",
            b'{"checkpoint": "step-00000030.ckpt", "step": 30}',
            "step-00000030.ckpt is not there",
        ),
    ],
)
def test_a_damaged_run_is_listed_with_what_is_wrong(
    file: str, content: bytes | None, told: str
) -> None:
    place = make(ROOT / "one") / file
    if content is None:
        place.unlink()
    else:
        place.write_bytes(content)
    found = only()
    assert found.state == "damaged"
    assert told in found.problem


def test_lines_that_are_damaged_are_passed_over() -> None:
    run = make(ROOT / "one", accuracy=None)
    text = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").write_text('{"step": 1}\n\x00\n' + text[:-20])
    assert (only().epochs, only().state) == (3, "stopped")


def test_without_a_checkpoint_there_is_nothing_to_go_on_from() -> None:
    run = make(ROOT / "one", epochs=0, accuracy=None)
    (run / "checkpoints/step-00000020.ckpt").unlink()
    assert (only().state, only().problem, only().epochs) == ("stopped", "no checkpoint", 0)


def test_the_jobs_of_a_sweep_are_one_line_or_many() -> None:
    sweep = ROOT / "sweeps/2026"
    make(sweep / "0", accuracy=0.7)
    make(sweep / "1", accuracy=0.9)
    path = sweep / "1/metrics.jsonl"
    path.write_text(path.read_text().replace('"accuracy": 0.2}', '"accuracy": 0.25}'))
    make(sweep / "2", accuracy=None, epochs=1)
    found = only()
    assert (found.name, found.kind, found.state) == ("sweeps/2026", "sweep", "stopped")
    assert (found.epochs, found.planned, found.seconds) == (2, 3, 11.5 + 11.5 + 2.5)
    assert (found.validation, found.test) == (0.25, 0.9)  # the job that validation chooses
    assert [one.name for one in entries(ROOT, jobs=True)] == [f"sweeps/2026/{n}" for n in range(3)]
    assert [one.name for one in entries(sweep, jobs=False)] == ["0", "1", "2"]


def test_folds_have_their_mean() -> None:
    for number in (1, 2):
        make(ROOT / f"cv/fold-{number}")
    assert (only().kind, only().test, only().state) == ("folds", None, "finished")
    record = {
        "mean": {"accuracy": 0.6}, "pooled": {"images": 200}, "accuracy_interval": [-0.1, 1.2],
        "validation_accuracy": 0.65,
    }  # fmt: skip
    (ROOT / "cv" / CROSS_VALIDATION).write_text(json.dumps(record))
    found = only()
    assert (found.test, found.validation, found.interval) == (0.6, 0.65, (0.0, 1.0))
    assert (found.images, found.epochs, found.planned) == (200, 2, 2)
    assert [one.name for one in entries(ROOT, jobs=True)] == ["cv/fold-1", "cv/fold-2"]
    (ROOT / "cv" / CROSS_VALIDATION).write_text("{")
    assert only().test is None


def test_what_is_no_run_is_left_out() -> None:
    for name in ("compare/x", "checks/y", "figures", "sweeps/empty", ".hidden"):
        (ROOT / name).mkdir(parents=True)
    (ROOT / "notes.txt").touch()
    assert entries(ROOT, jobs=False) == []


@pytest.mark.parametrize(("place", "told"), [("none", "is not there"), ("file", "is no folder")])
def test_a_folder_that_is_none(place: str, told: str) -> None:
    Path("file").touch()
    with pytest.raises(UserError, match=f"{place}: {told}"):
        entries(Path(place), jobs=False)


def test_the_order() -> None:
    make(ROOT / "old", accuracy=0.8, when=1_000_000_000)
    make(ROOT / "mid", accuracy=0.95, when=1_100_000_000)
    make(ROOT / "new", accuracy=None, epochs=1, when=1_200_000_000)
    found = entries(ROOT, jobs=False)
    orders = {by: [one.name for one in ranked(found, by)] for by in
              ("newest", "accuracy", "validation", "time", "name")}  # fmt: skip
    assert orders == {
        "newest": ["new", "mid", "old"],
        "accuracy": ["mid", "old", "new"],
        "validation": ["mid", "old", "new"],
        "time": ["new", "mid", "old"],
        "name": ["mid", "new", "old"],
    }

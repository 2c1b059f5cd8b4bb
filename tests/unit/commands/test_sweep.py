"""The table at the end of a sweep, from job folders as training leaves them."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cnn_cli.commands.sweep import best_of, conclude, grouped, note, read


def job(
    sweep: Path,
    number: int,
    settings: str,
    test: float | None,
    val: float | None = None,
    seconds: float = 61.0,
    error: str = "",
) -> None:
    folder = sweep / str(number)
    note(folder, settings.split(), 0 if test is not None else 1, error)
    if test is None:
        return
    rows = [
        {
            "step": step,
            "epoch": step // 10,
            "train": {},
            "val": val and {"accuracy": val if step == 20 else 0.99},
        }
        for step in (10, 20, 30)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "report").mkdir()
    report = {
        "metrics": {"accuracy": test},
        "cost": {"train_seconds": seconds},
        "provenance": {"step": 20},
    }
    (folder / "report/report.json").write_text(json.dumps(report))


def shown(sweep: Path) -> str:
    out = StringIO()
    conclude(sweep, Console(file=out, width=100))
    return out.getvalue()


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two rates with three seeds each, the second better on validation; its last job failed."""
    for number, (rate, seed, test, val) in enumerate(
        [
            (0.1, 0, 0.90, 0.80),
            (0.1, 1, 0.92, 0.82),
            (0.1, 2, 0.94, 0.84),
            (0.2, 0, 0.70, 0.95),
            (0.2, 1, 0.74, 0.97),
        ]
    ):
        job(tmp_path, number, f"optimizer.lr={rate} seed={seed}", test, val, 60 + number)
    job(tmp_path, 5, "optimizer.lr=0.2 seed=2", None, error="the loss is no longer finite")
    return tmp_path


def test_seeds_of_a_setting_are_one_row(sweep: Path) -> None:
    lines = shown(sweep).splitlines()
    head = next(line for line in lines if "seeds" in line)
    assert head.split() == ["lr", "seeds", "validation", "%", "test", "%", "training", "job"]
    first = next(line for line in lines if line.strip().startswith("0.1 "))
    cells = ["0.1", "3", "82.00 ± 2.00", "92.00 ± 2.00", "1:00 - 1:02", "0-2"]
    assert first.split() == " ".join(cells).split()
    second = next(line for line in lines if line.strip().startswith("0.2 "))
    assert "2 of 3" in second
    assert "72.00 ± 2.83" in second


def test_failures_are_told_with_their_reason_and_counted(sweep: Path) -> None:
    text = shown(sweep)
    assert f"5 of 6 jobs done, in {sweep}" in text
    assert "failed: job 5 (optimizer.lr=0.2, seed=2): the loss is no longer finite" in text


def test_one_reason_of_many_jobs_is_told_once_and_briefly(tmp_path: Path) -> None:
    for number in range(3):
        job(tmp_path, number, f"model.norm=none seed={number}", None, error="x" * 300)
    text = shown(tmp_path)
    assert f"failed: jobs 0 (seed=0), 1 (seed=1), 2 (seed=2): {'x' * 160} ...\n" in text


def test_the_table_is_kept_as_numbers(sweep: Path) -> None:
    shown(sweep)
    head, first, second = (sweep / "sweep.csv").read_text().splitlines()
    assert head == (
        "optimizer.lr,seeds,jobs,done,validation_accuracy,validation_sd,test_accuracy,test_sd,"
        "train_seconds"
    )
    assert first == "0.1,0 1 2,0 1 2,3,0.82,0.02,0.92,0.02,61.0"
    assert second == "0.2,0 1 2,3 4 5,2,0.96,0.0141421,0.72,0.0282843,63.5"


def test_the_best_is_chosen_on_validation_alone_and_only_where_all_have_one(sweep: Path) -> None:
    assert "best on validation: " not in shown(sweep)[: shown(sweep).index("jobs done")]
    settings = grouped(read(sweep))
    assert best_of(settings) is settings[0]  # a failed seed has no validation
    for path in (sweep / "5").iterdir():
        path.unlink()
    (sweep / "5").rmdir()
    assert "best on validation: cnn-train optimizer.lr=0.2\n" in shown(sweep)


def test_jobs_are_ordered_by_number(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        job(tmp_path, number, f"model.width={number}", 0.5)
    assert [found.folder.name for found in read(tmp_path)] == ["2", "9", "10"]
    assert best_of(grouped(read(tmp_path))) is None  # without validation there is no choosing
    assert "best on" not in shown(tmp_path)


def test_nothing_is_printed_of_no_jobs(tmp_path: Path) -> None:
    assert shown(tmp_path) == ""


def test_a_sweep_of_seeds_alone_has_one_row(tmp_path: Path) -> None:
    for seed in range(2):
        job(tmp_path, seed, f"seed={seed}", 0.5, 0.5)
    text = shown(tmp_path)
    assert "50.00 ± 0.00" in text
    assert "best on" not in text


def test_settings_that_need_quotes_are_quoted(tmp_path: Path) -> None:
    job(tmp_path, 0, "model.channels=[8,16]", 0.5, 0.5)
    job(tmp_path, 1, "model.channels=[8,32]", 0.5, 0.6)
    assert "cnn-train 'model.channels=[8,32]'" in shown(tmp_path)


def test_keys_that_end_alike_are_written_out_and_jobs_apart_are_listed(tmp_path: Path) -> None:
    for number, (width, depth) in enumerate([(1, 1), (2, 1), (1, 2)]):
        job(tmp_path, number, f"a.width={width} b.width={depth}", 0.5, 0.5)
    assert shown(tmp_path).splitlines()[1].split()[:2] == ["a.width", "b.width"]
    for number in (3, 4):
        job(tmp_path, number, f"a.width=1 b.width=2 seed={number}", 0.5, 0.5)
    assert "2,3,4" not in shown(tmp_path)
    job(tmp_path, 6, "a.width=2 b.width=1 seed=4", 0.5, 0.5)
    assert " 1,6" in shown(tmp_path)


def test_a_table_of_three_keys_fits_80_columns(tmp_path: Path) -> None:
    for number, seed in enumerate(range(2)):
        job(tmp_path, number, f"model.channels=[16,32] optimizer.lr=0.05 seed={seed}", 0.5, 0.5)
        job(tmp_path, 2 + seed, f"model.channels=[16] optimizer.lr=0.1 seed={seed}", 0.5, 0.5)
    out = StringIO()
    conclude(tmp_path, Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert ["[16,32]", "0.05", "2"] in [line.split()[:3] for line in lines]


@pytest.mark.parametrize("width", [80, 60])
def test_a_narrow_table_keeps_jobs_and_figures_whole(tmp_path: Path, width: int) -> None:
    for number in range(4):
        given = f"model={('cnn', 'lenet')[number // 2]} optimizer=muon,adamw"
        settings = f"{given} augmentation=standard loss.label_smoothing=0.{number // 2}"
        job(tmp_path, number, f"{settings} x=long-value-{number // 2} seed={number % 2}", 0.5, 0.5)
    out = StringIO()
    conclude(tmp_path, Console(file=out, width=width))
    lines = out.getvalue().splitlines()
    assert "job" in {line.split()[-1] for line in lines[:3] if line.split()}
    assert [line.split()[-1] for line in lines if "50.00 ± 0.00" in line] == ["0-1", "2-3"]
    assert all(len(line) <= width for line in lines if "±" in line)

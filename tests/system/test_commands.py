"""The commands as a user runs them: train, evaluate, visualize, predict, resume."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

Command = Callable[..., Any]
FIGURES = tuple(path.stem for path in (Path(__file__).parents[2] / "configs/figure").glob("*.yaml"))


def metrics_text(report: Path) -> str:
    """The bytes of report.json between cost and provenance, which must not depend on the run."""
    found = re.search(
        r'^  "metrics": .*?^  "provenance"', report.read_text(), re.DOTALL | re.MULTILINE
    )
    assert found
    return found.group()


def lines(run: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without its timings."""
    read = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "time"} for line in read]


def file_of(run: Path, which: str) -> Path:
    """The checkpoint that best.json or last.json names."""
    pointer = json.loads((run / "checkpoints" / f"{which}.json").read_text())
    return run / "checkpoints" / str(pointer["checkpoint"])


def saved(run: Path, which: str) -> dict[str, Any]:
    return dict(torch.load(file_of(run, which), weights_only=True))


def test_a_run_leaves_what_the_readme_says(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir() if not path.name.startswith(".")}
    events = {name for name in names if name.startswith("events.out.tfevents")}
    assert len(events) == 1
    assert names - events == {
        "config.yaml", "metrics.jsonl", "environment.json", "train.log", "checkpoints", "report",
    }  # fmt: skip
    assert {path.name for path in (tiny_run / "report").iterdir()} == {
        "report.json", "report.txt", "predictions.npz", "predictions.csv", "confusion_matrix.png",
        "summary.md", "report.html",
    }  # fmt: skip
    assert [line["epoch"] for line in lines(tiny_run)] == [1, 2]
    assert not list(tiny_run.rglob("*.tmp"))


def test_evaluate_computes_the_same_metrics_to_the_byte(own_run: Path, command: Command) -> None:
    done = command("evaluate", "device=cpu", "device.threads=1")
    assert done.succeeded()
    (folder,) = (own_run / "evaluate").iterdir()
    first, again = own_run / "report", folder
    assert metrics_text(first / "report.json") == metrics_text(again / "report.json")
    for name in ("predictions.csv", "report.txt"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    with np.load(first / "predictions.npz") as a, np.load(again / "predictions.npz") as b:
        assert set(a) == set(b)
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_evaluate_of_another_split_into_a_folder_of_ones_own(
    own_run: Path, command: Command
) -> None:
    asked = ("evaluate", "checkpoint=tiny", "split=val", "output=my report")
    assert command(*asked).succeeded()
    report = json.loads(Path("my report/report.json").read_text())
    assert report["provenance"]["split"] == "val"
    assert report["metrics"]["accuracy"] == max(line["val"]["accuracy"] for line in lines(own_run))
    again = command(*asked)
    assert again.code == 2
    assert "my report" in again.err


def test_a_checkpoint_file_away_from_its_run(tiny_run: Path, command: Command) -> None:
    best = file_of(tiny_run, "best")
    for file in (best, best.with_suffix(".json")):
        shutil.copy(file, Path.cwd())
    done = command("evaluate", f"checkpoint={best.name}")
    assert done.succeeded()
    (folder,) = Path("runs/evaluate").iterdir()
    assert metrics_text(folder / "report.json") == metrics_text(tiny_run / "report/report.json")


def test_visualize_draws_every_figure(own_run: Path, command: Command) -> None:
    done = command("visualize", "figure=all", "dpi=60")
    assert done.succeeded()
    (folder,) = (own_run / "figures").iterdir()
    drawn = {path.stem for path in folder.glob("*.png")}
    assert all(any(stem.startswith(figure) for stem in drawn) for figure in FIGURES), drawn
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in folder.glob("*.png"))


def test_visualize_before_any_training(command: Command, tiny: tuple[str, ...]) -> None:
    """With the overrides that train would be given, and no run anywhere."""
    done = command("visualize", "figure=[model,schedule]", *tiny, "dpi=60")
    assert done.succeeded()
    assert {path.name for path in Path("runs").iterdir()} == {"figures"}
    (folder,) = Path("runs/figures").iterdir()
    assert folder.name.endswith("_model+schedule")
    assert {path.name for path in folder.iterdir()} == {"model.png", "schedule.png"}
    assert command("visualize", "checkpoint=null", "figure=all", *tiny, "output=all").succeeded()
    marked = {"augmentation", "dataset", "model", "schedule"}
    assert {path.stem for path in Path("all").iterdir()} == marked


def test_predict_names_the_unreadable_and_does_the_rest(
    own_run: Path, pictures: Path, command: Command
) -> None:
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    done = command("predict", f"images={pictures}", "checkpoint=latest", "top_k=3")
    assert (done.code, done.err) == (1, "")
    assert "broken.png" in done.out
    (table,) = (own_run / "predict").rglob("*.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 1 + len(list(pictures.rglob("*/*.png")))
    assert [Path(row["file"]).name for row in rows if row["error"]] == ["broken.png"]
    good = [row for row in rows if not row["error"]]
    assert all(float(row["p_top1"]) >= float(row["p_top2"]) >= float(row["p_top3"]) for row in good)


def test_a_stopped_run_resumes_bit_for_bit(
    server: Any, command: Command, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    settings = ("train", *tiny, "trainer.epochs=3", "trainer.ema_decay=0.9")
    assert command(*settings, "run.dir=whole").succeeded()

    os.mkfifo(tmp_path / "out")
    number, err = server.start(*settings, "run.dir=cut", out=tmp_path / "out")
    with (tmp_path / "out").open() as out:
        said = iter(out)
        next(line for line in said if re.search(r"\b1/3\b", line))  # the first epoch is over
        os.kill(number, signal.SIGTERM)
        rest = "".join(said)
    assert (server.answer(), err.read_text()) == (143, "")
    assert "resume=" in rest
    assert len(lines(Path("cut"))) < 3
    assert not Path("cut/report").exists()

    resumed = command("train", "resume=cut")
    assert resumed.succeeded()
    assert lines(Path("cut")) == lines(Path("whole"))
    whole, cut = (saved(Path(run), "last")["model"] for run in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    reports = [Path(run) / "report/report.json" for run in ("whole", "cut")]
    assert metrics_text(reports[0]) == metrics_text(reports[1])


def test_a_finished_run_goes_on_for_longer(own_run: Path, command: Command) -> None:
    before, report = lines(own_run), metrics_text(own_run / "report/report.json")
    done = command(f"resume={file_of(own_run, 'last')}", "trainer.epochs=3")
    assert done.succeeded()

    after = lines(own_run)
    assert after[:2] == before
    assert [line["epoch"] for line in after] == [1, 2, 3]
    last, end = saved(own_run, "last"), before[-1]["step"] // 2 * 3
    assert (last["step"], last["total"], after[-1]["step"]) == (end, end, end)

    best = max(after, key=lambda line: (line["val"]["accuracy"], -line["val"]["loss"]))
    assert (last["best"], last["best_step"]) == (best["val"]["accuracy"], best["step"])
    assert saved(own_run, "best")["step"] == best["step"]
    there = sorted((own_run / "checkpoints").glob("*.ckpt"))
    assert set(there) == {file_of(own_run, "best"), *there[-2:]}  # and the one before the last
    assert there[-1] == file_of(own_run, "last")

    written = (own_run / "config.yaml").read_text()
    assert yaml.safe_load(written)["trainer"]["epochs"] == 3
    assert "\n# override: trainer.epochs=3\n" in written
    assert metrics_text(own_run / "report-1/report.json") == report
    again = json.loads((own_run / "report/report.json").read_text())
    assert again["provenance"]["step"] == best["step"]


def test_a_run_that_has_gone_on_is_not_taken_back(own_run: Path, command: Command) -> None:
    """An earlier file is no place to go on from: what came after it would be overwritten."""
    early = file_of(own_run, "last")
    kept = {path: path.read_bytes() for path in (early, early.with_suffix(".json"))}
    assert command("resume=latest", "trainer.epochs=3").succeeded()
    for path, content in kept.items():
        path.write_bytes(content)
    before = {path: path.read_bytes() for path in own_run.rglob("*") if path.is_file()}
    done = command(f"resume={early}", "trainer.epochs=4")
    assert (done.code, done.out) == (2, "")
    assert file_of(own_run, "last").stem in done.err
    assert {path: path.read_bytes() for path in own_run.rglob("*") if path.is_file()} == before


def test_of_two_runs_of_one_name_one_is_refused(tiny: tuple[str, ...]) -> None:
    program = Path(sys.executable).with_name("cnn-train")
    twins = [
        subprocess.Popen(
            [program, *tiny, "trainer.epochs=1", "run.name=twin"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [twin.communicate()[1] for twin in twins]
    codes = [twin.returncode for twin in twins]
    assert sorted(codes) == [0, 2], said
    refused = said[codes.index(2)]
    assert (said[codes.index(0)], len(refused.splitlines())) == ("", 1)
    assert str(Path("runs/twin")) in refused
    assert list(Path("runs").iterdir()) == [Path("runs/twin")]
    assert [line["epoch"] for line in lines(Path("runs/twin"))] == [1]
    assert Path("runs/twin/report/report.json").is_file()


def test_a_sweep_makes_a_folder_for_each_job(command: Command, tiny: tuple[str, ...]) -> None:
    done = command("-m", *tiny, "trainer.epochs=1", "seed=0,1")
    assert done.succeeded()
    (sweep,) = Path("runs/sweeps").iterdir()
    jobs = sorted(path for path in sweep.iterdir() if path.is_dir())
    assert len(jobs) == 2
    seeds = [
        re.findall(r"^seed: (\d)$", (job / "config.yaml").read_text(), re.MULTILINE) for job in jobs
    ]
    assert seeds == [["0"], ["1"]]
    latest = command("evaluate")
    assert latest.code == 2  # jobs of sweeps are no one's latest run


def test_a_missed_threshold_is_exit_code_3(own_run: Path, command: Command) -> None:
    missed = command("evaluate", "require.accuracy=1.0", "require.loss=1e-9")
    assert missed.code == 3
    assert "require.accuracy" in missed.out + missed.err
    assert "require.loss" in missed.out + missed.err
    assert command("evaluate", "require.accuracy=0.001").succeeded()


@pytest.mark.parametrize("verb", [(), ("train",)])
def test_flags_and_overrides_come_in_any_order(command: Command, verb: tuple[str, ...]) -> None:
    expected = command("train", "--cfg", "job", "model=resnet", "seed=5")
    assert expected.code == 0
    assert "seed: 5" in expected.out
    for arguments in (
        ("model=resnet", "--cfg", "job", "seed=5"),
        ("seed=5", "model=resnet", "-c", "job"),
    ):
        assert command(*verb, *arguments) == expected


def test_a_cold_start_proves_that_it_learns() -> None:
    program = Path(sys.executable).with_name("cnn-train")
    done = subprocess.run(
        [program, "experiment=smoke", "device.threads=1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "require.accuracy=0.9: met" in done.stdout
    (run,) = Path("runs").iterdir()
    assert run.name in done.stdout
    assert "cnn-train evaluate" in done.stdout


@pytest.mark.parametrize("settings", [(7, 0), (64, 2), (1, 2)])
def test_batch_and_workers_change_no_answer(
    own_run: Path, command: Command, settings: tuple[int, int]
) -> None:
    """The row of training's own report is the measure."""
    batch_size, workers = settings
    given = (f"batch_size={batch_size}", f"device.workers={workers}", "output=again")
    assert command("evaluate", f"checkpoint={own_run}", *given).succeeded()
    before, after = (
        json.loads((folder / "report.json").read_text())["metrics"]
        for folder in (own_run / "report", Path("again"))
    )
    assert before["accuracy"] == after["accuracy"]
    assert before["confusion"] == after["confusion"]
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-6)

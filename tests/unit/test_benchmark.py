"""scripts/benchmark: competitors take turns, measured processes say what they found."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks import (
    accuracy,
    airbench,
    common,
    competitors,
    endtoend,
    environment,
    layers,
    ops,
    overhead,
    peak,
)
from benchmarks.peers import networks, pictures

from cnn_cli.data.contract import Preprocessing
from cnn_cli.device import Device
from cnn_cli.models import cpu_layers
from cnn_cli.models.summary import summarise


def test_competitors_take_turns_and_the_first_round_is_dropped() -> None:
    calls: list[str] = []

    def way(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = common.take_turns({"a": lambda: way("a"), "b": lambda: way("b")}, rounds=2)
    assert calls == ["a", "b"] * 3
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_the_spread_of_few_is_from_the_least_to_the_most() -> None:
    assert common.spread([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert common.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 1.5, 4.5)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_process_gives_what_it_found(terminal: bool) -> None:
    def work() -> list[object]:
        print("x" * 100_000)
        return [1.5, os.isatty(1)]

    assert common.in_process(work, terminal=terminal) == [1.5, terminal]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_process_that_fails_is_told(terminal: bool) -> None:
    with pytest.raises(RuntimeError, match="a measured process ended with 1"):
        common.in_process(lambda: 1 / 0, terminal=terminal)


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        ops.measure(["crop_flp"], 1)
    told = "benchmark: no crop_flp here (did you mean 'crop_flip'?); there are crop_flip, "
    assert capsys.readouterr().err.startswith(told)


def test_the_engine_and_the_bare_loop_make_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"channels": [4], "size": 12, "batch": 10, "steps": 40}
    monkeypatch.setattr(overhead, "STEPS", {"tiny": small})
    (row,) = overhead.measure([], rounds=1)
    assert row["bare_ms"] > 0
    assert row["engine_ms"] > 0
    overhead.show([row], 1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_layers_of_a_step_are_found_by_kind(precision: str) -> None:
    make, _, _ = peak.MODELS["cnn"]
    device = Device(torch.device("cpu"), precision, True, False, 1, 0)
    step, model, calls = peak._prepared(make, 32, 4, device)
    for beside in peak.STEPS.values():
        step(beside)
    assert all(peak._alone(model, own, device) > 0 for own in calls.values())
    assert {kind: len(own) for kind, own in calls.items()} == {
        "convolution": 6, "norm": 6, "activation": 6, "pooling": 3,
    }  # fmt: skip


@pytest.mark.parametrize("name", layers.LAYERS)
def test_layers_are_compared_with_torchs_and_are_other_ones(name: str) -> None:
    row = layers._row(name, "fp32", 1)
    assert row["gain"] == pytest.approx(row["torch"] / row["ours"])
    make, _ = layers.LAYERS[name]
    cpu_layers.replace(ours := make())
    assert {type(layer) for layer in ours.modules()} != {type(layer) for layer in make().modules()}


@pytest.mark.parametrize("part", [endtoend, accuracy])
def test_programs_that_are_none_are_refused(
    part: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        part.measure(["cnn-train", "tensorflow"], 1, None, 1)
    assert "benchmark: no tensorflow here; there are " in capsys.readouterr().err


def test_the_workers_of_the_highest_rate_are_chosen() -> None:
    rates = {"0": 90.0, "1": 120.0, "2": 110.0}
    assert endtoend.best_workers(("0", "1", "2"), rates.__getitem__) == ("1", rates)


def test_programs_that_train_other_networks_are_told() -> None:
    endtoend.check_parameters({"cnn-train": 10, "keras": 10})
    with pytest.raises(RuntimeError, match="cnn-train 1,000, keras 1,010"):
        endtoend.check_parameters({"cnn-train": 1000, "keras": 1010})


def test_the_table_compares_with_cnn_train_where_it_took_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = {"cnn-train": 1.0, "loop": 4.0}

    def train(name: str, *_: object) -> dict[str, Any]:
        taken = seconds[name]
        return {"seconds": taken, "train_seconds": taken, "accuracy": 0.5, "parameters": 7}

    monkeypatch.setattr(endtoend, "train", train)
    monkeypatch.setenv("COLUMNS", "200")
    rows = endtoend._network("small", ["cnn-train", "loop"], 2, tmp_path / "data.npz", 1)
    assert [row["ratio"] for row in rows] == [1.0, 4.0]
    endtoend.show(rows, 2)
    assert "4.00 x" in capsys.readouterr().out
    (alone,) = endtoend._network("small", ["loop"], 1, tmp_path / "data.npz", 1)
    assert alone["ratio"] is None


@pytest.mark.parametrize(
    ("name", "mflops"), [("tutorial-cnn", 24), ("small", 49), ("medium", 232), ("resnet18", 1111)]
)
def test_the_networks_are_as_large_as_is_told(name: str, mflops: int) -> None:
    found = summarise(networks.network(name, 10), *networks.FORMS[name]).flops
    assert round(found / 1e6) == mflops


def test_all_programs_read_the_same_pictures(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    competitors.write_pictures("small", None, {"train": 24, "test": 16}, file)
    with np.load(file) as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
    assert shapes["train_images"] == (24, 3, 32, 32)
    assert shapes["test_labels"] == (16,)
    read = pictures.pictures(Preprocessing(3, 32), file=str(file))
    assert (len(read.train), len(read.val), len(read.test)) == (24, 0, 16)


def test_a_program_that_fails_is_told_with_its_last_words() -> None:
    assert competitors.shell([sys.executable, "-c", "print(1)"], 1) > 0
    with pytest.raises(RuntimeError, match=r"ended with 3:\nno pictures"):
        competitors.shell([sys.executable, "-c", "print('no pictures'); exit(3)"], 1)


def test_a_level_counts_from_the_first_point_that_reaches_it() -> None:
    points = [(10.0, 0.87), (20.0, 0.90), (30.0, 0.89)]
    assert accuracy.reached(points, 0.88) == 20.0
    assert accuracy.reached(points, 0.91) is None


def test_what_airbench_prints_is_read() -> None:
    said = (
        "|  run     |  epoch  |  train_acc  |  val_acc  |  tta_val_acc  |  time_seconds  |\n"
        "|       0  |      7  |     0.9600  |   0.8977  |               |        2.2342  |\n"
        "|          |   eval  |     0.9600  |   0.8977  |       0.9071  |        2.2830  |\n"
    )
    assert airbench.ends(said) == [{"seconds": 2.283, "accuracy": 0.8977, "augmented": 0.9071}]


def test_airbench_needs_a_gpu_and_its_script(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    with pytest.raises(SystemExit, match="2"):
        airbench.measure([], 1, None, tmp_path / "none.py")


def test_seconds_to_a_level_are_compared_where_every_run_arrived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [[(10.0, 0.905), (20.0, 0.92)], [(12.0, 0.905), (22.0, 0.92)]]
    other = [[(55.0, 0.905), (90.0, 0.906)], [(55.0, 0.905), (99.0, 0.91)]]
    rows = accuracy.made_rows({"cnn-train": own, "adam": other}, "1")
    assert rows[1]["levels"]["0.90"]["ratio"] == 5.0
    assert rows[1]["levels"]["0.91"] == {
        "seconds": None, "spread": None, "arrived": 1, "ratio": None,
    }  # fmt: skip
    monkeypatch.setenv("COLUMNS", "200")
    accuracy.show(rows, 2)
    printed = capsys.readouterr().out
    assert "55 (55 - 55) 5.0 x" in printed
    assert "- (1 arrived)" in printed


def test_the_programs_are_installed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(words)
        (tmp_path / "v" / "lib" / "python3" / "site-packages").mkdir(parents=True, exist_ok=True)
        (tmp_path / "v" / "bin").mkdir(exist_ok=True)
        (tmp_path / "v" / "bin" / "python").touch()
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    python = environment.peers_python(tmp_path / "v")
    assert [words[1:3] for words in calls] == [["-m", "venv"], ["-m", "pip"]]
    assert "--no-deps" in calls[1]
    assert environment.peers_python(tmp_path / "v") == python
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("WARNING: connection broken by NewConnectionError\nERROR: none found", "no network: pip"),
        ("ERROR: No space left on device", "failed: ERROR: No space left on device"),
    ],
)
def test_programs_that_cannot_be_installed_are_told_in_a_line(
    said: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, 1, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit, match="2"):
        environment.peers_python(tmp_path)
    installing, problem = capsys.readouterr().err.splitlines()
    assert installing.startswith("Installing")
    assert problem.startswith("benchmark: ")
    assert told in problem
    assert (tmp_path / "install.log").read_text() == said + "\n"


def test_options_for_other_programs_are_refused_elsewhere() -> None:
    script = Path(environment.ROOT) / "scripts" / "benchmark.py"
    done = subprocess.run(
        [sys.executable, script, "ops", "--threads", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--threads is for accuracy and endtoend" in done.stderr

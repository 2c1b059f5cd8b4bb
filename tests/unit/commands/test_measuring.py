"""What a report says of cost: true sizes, and what test-time augmentation brings and takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from cnn_cli.cli import main
from cnn_cli.models.summary import summarise
from cnn_cli.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: Any) -> Run:
    folder = tmp_path_factory.mktemp("trained") / "run"
    small = ["device.threads=1", "model.channels=[8]", "trainer.epochs=1"]
    assert main(["train", *small, "trainer.tensorboard=false", f"run.dir={folder}"]) == 0
    return Run(folder)


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_sizes_are_those_of_the_model_and_the_file(run: Run) -> None:
    from cnn_cli.commands.trained import load
    from cnn_cli.device import choose
    from cnn_cli.sections import DeviceConfig

    cost = report(run.report)["cost"]
    config = DeviceConfig("cpu", "fp32", True, False, False, False, True, 1, 0)
    path = run.pointer("best")
    assert path is not None
    trained = load(path, choose(config), ())
    summary = summarise(trained.model, 1, trained.preprocessing.size)
    assert cost["parameters"] == summary.parameters
    assert cost["flops"] == summary.flops > 0
    assert cost["checkpoint_bytes"] == path.stat().st_size
    assert 4 * summary.parameters <= cost["weights_bytes"] < cost["checkpoint_bytes"]
    assert 0 < cost["latency_ms"]["median"] <= cost["latency_ms"]["p95"]
    assert cost["peak_memory_bytes"] > 10**7
    assert "tta" not in cost


def test_views_are_held_against_one_look(run: Run, tmp_path: Path) -> None:
    given = ["evaluate", f"checkpoint={run.folder}", "device.threads=1", "tta=shift"]
    assert main([*given, f"output={tmp_path / 'views'}"]) == 0
    views, plain = report(tmp_path / "views"), report(run.report)
    told = views["cost"]["tta"]
    assert told["accuracy_without"] == plain["metrics"]["accuracy"]
    assert told["gain"] == pytest.approx(
        views["metrics"]["accuracy"] - plain["metrics"]["accuracy"], abs=1e-12
    )
    assert told["times_as_long"] > 0
    assert views["metrics"]["loss"] != plain["metrics"]["loss"]

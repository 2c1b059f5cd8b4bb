"""dataset.folds: a training for each fold, and what they say together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Callable[..., Any]


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report/report.json").read_text()))


def test_folds_are_runs_of_their_own_and_their_mean_is_told(
    command: Command, tiny: tuple[str, ...]
) -> None:
    done = command(*tiny, "dataset.folds=3", "run.name=cv", "require.accuracy=1.0")
    assert done.code in (0, 3), done.err
    record = json.loads(Path("runs/cv/crossvalidation.json").read_text())
    folders = [Path("runs/cv") / f"fold-{number}" for number in (1, 2, 3)]
    accuracies = [report(folder)["metrics"]["accuracy"] for folder in folders]
    assert done.code == (0 if np.mean(accuracies) >= 1 else 3)
    assert record["mean"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert record["accuracy_sd"] == pytest.approx(np.std(accuracies, ddof=1))
    tested = [np.load(folder / "report/predictions.npz")["names"].tolist() for folder in folders]
    every = [name for names in tested for name in names]
    assert len(every) == len(set(every)) == record["pooled"]["images"]
    assert f"{np.mean(accuracies):.2%}" in done.out
    assert "fold 3 of 3" in done.out

    again = command("evaluate", "checkpoint=runs/cv/fold-2", "output=again")
    assert again.succeeded()
    metrics = json.loads(Path("again/report.json").read_text())["metrics"]
    assert metrics == report(folders[1])["metrics"]

    assert "runs/cv is not empty" in command(*tiny, "dataset.folds=3", "run.name=cv").err
    assert command("resume=runs/cv/fold-1", "trainer.epochs=3").succeeded()


def test_a_sweep_shows_the_means_of_its_cross_validations(
    command: Command, tiny: tuple[str, ...]
) -> None:
    one = tuple(setting for setting in tiny if not setting.startswith("trainer.epochs"))
    done = command("-m", *one, "dataset.folds=2", "trainer.epochs=1", "optimizer.lr=0.05,0.1")
    assert done.succeeded()
    (sweep,) = Path("runs/sweeps").iterdir()
    for job in ("0", "1"):
        mean = json.loads((sweep / job / "crossvalidation.json").read_text())["mean"]["accuracy"]
        assert f"{100 * mean:.2f}" in done.out.rpartition("validation %")[2]


def test_folds_trained_one_by_one_are_told_together_by_the_last(
    command: Command, tiny: tuple[str, ...]
) -> None:
    one = (*tiny, "dataset.folds=2", "trainer.epochs=1")
    assert command(*one, "dataset.fold=1", "run.dir=runs/parts/fold-1").succeeded()
    assert not Path("runs/parts/crossvalidation.json").exists()
    second = command(*one, "dataset.fold=2", "run.dir=runs/parts/fold-2")
    assert second.succeeded()
    assert "each tested once" in second.out
    assert command(*one, "run.name=together").succeeded()
    means = [
        json.loads(Path(f"runs/{name}/crossvalidation.json").read_text())["mean"]
        for name in ("parts", "together")
    ]
    assert means[0] == means[1]
    refused = command("evaluate", "checkpoint=parts")
    assert refused.code == 2
    assert "holds the folds of a cross-validation, fold-1, fold-2" in refused.err

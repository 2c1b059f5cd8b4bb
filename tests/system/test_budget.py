"""A training under a time budget, as a person starts it."""

import json
import re
from pathlib import Path

from cnn_cli.config_text import from_yaml
from cnn_cli.engine import checkpoint
from cnn_cli.run import Run


def test_a_budget_is_kept_and_gone_on_with(command, tiny) -> None:
    own = tuple(setting for setting in tiny if not setting.startswith("trainer.epochs"))
    done = command("train", *own, "trainer.budget=3s", "run.name=timed")
    assert done.succeeded()
    run = Run(Path("runs/timed").resolve())
    saved = checkpoint.load(run.pointer("last"))
    report = json.loads((run.report / "report.json").read_text())
    seconds = report["cost"]["train_seconds"]
    assert 1.5 < seconds < 4.5  # whatever else this machine does
    said = " ".join(done.out.split())
    assert re.search(r"expected: 3\.0 s \(\S+ s an epoch\), memory \S+ [MG]B, checkpoints ", said)
    assert re.search(r"training took \S+ s \(expected 3\.0 s\), memory .*expected up to ", said)
    steps = [json.loads(line)["step"] for line in run.metrics.read_text().splitlines()]
    assert steps[-1] == saved.step
    peak = from_yaml(saved.config)["optimizer"]["lr"]
    assert saved.optimizer["param_groups"][0]["lr"] < 0.1 * peak, "the schedule did not end"

    assert command("resume=timed").code == 2
    assert command("resume=timed", "trainer.budget=5s").succeeded()
    more = checkpoint.load(run.pointer("last"))
    assert more.step > saved.step
    assert more.elapsed > seconds


def test_jobs_and_folds_have_the_budget_each(command, tiny) -> None:
    own = tuple(setting for setting in tiny if not setting.startswith("trainer.epochs"))
    done = command("train", *own, "trainer.budget=1s", "dataset.folds=2", "run.dir=cv")
    assert done.succeeded()
    for fold in (1, 2):
        report = json.loads(Path(f"cv/fold-{fold}/report/report.json").read_text())
        assert 0.4 < report["cost"]["train_seconds"] < 2.5
    done = command("-m", "hydra.sweep.dir=sw", *own, "trainer.budget=1s", "seed=0,1")
    assert done.succeeded()
    assert Path("sw/sweep.csv").is_file()

"""What a resumed run keeps, refuses and makes up for."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from cnn_cli.cli import main
from cnn_cli.commands import concluding, train
from cnn_cli.run import Run

SMALL = (
    "device.threads=1",
    "dataset.limit=60",
    "trainer.batch_size=20",
    "model.channels=[4]",
    "trainer.tensorboard=false",
)


@pytest.fixture
def run() -> Run:
    assert main(["train", *SMALL, "trainer.epochs=2", "run.name=one"]) == 0
    return Run(Path("runs/one").resolve())


def test_a_finished_run_is_not_trained_again(run, capsys):
    before = run.metrics.read_bytes()
    assert main(["resume=one"]) == 2
    assert "give more epochs" in capsys.readouterr().err
    assert run.metrics.read_bytes() == before


def test_a_report_that_was_never_written_is_made_up_for(run):
    made = (run.report / "report.json").read_text()
    shutil.rmtree(run.report)
    assert main(["resume=one"]) == 0
    metrics = json.loads((run.report / "report.json").read_text())["metrics"]
    assert metrics == json.loads(made)["metrics"]


def test_a_longer_run_keeps_the_record_of_the_first_part(run):
    assert main(["resume=one", "trainer.epochs=3"]) == 0
    lines = run.config.read_text().splitlines()
    assert lines[: len(SMALL)] == [f"# override: {line}" for line in SMALL]
    assert "# resumed at step 6" in lines
    assert "# override: trainer.epochs=3" in lines
    assert "  epochs: 3" in lines
    environment = json.loads(run.environment.read_text())
    assert [part["step"] for part in environment["resumed"]] == [6]
    assert (run.folder / "report-1" / "report.json").is_file()
    assert [json.loads(line)["step"] for line in run.metrics.read_text().splitlines()] == [3, 6, 9]


def test_a_used_up_time_limit_is_refused(capsys):
    assert main(["train", *SMALL, "run.name=timed", "trainer.max_time=0.01s"]) == 0
    assert "trainer.max_time=null" in capsys.readouterr().out
    assert main(["resume=timed"]) == 2
    assert "is used up" in capsys.readouterr().err
    assert main(["resume=timed", "trainer.max_time=null", "trainer.epochs=41"]) == 0


def test_an_earlier_checkpoint_is_no_place_to_go_on_from(run, capsys):
    last = run.pointer("last")
    earlier = last.with_name("step-00000003.ckpt")
    assert earlier.is_file()
    assert main([f"resume={earlier}", "trainer.epochs=9"]) == 2
    assert "has gone on to step-00000006" in capsys.readouterr().err


def test_a_run_that_has_stopped_early_is_not_trained_on(capsys):
    still = ("optimizer=sgd", "optimizer.lr=1e-9", "trainer.patience=1", "trainer.epochs=30")
    assert main(["train", *SMALL, *still, "run.name=early"]) == 0
    assert "early stop" in capsys.readouterr().out
    assert main(["resume=early"]) == 2
    assert "has stopped early" in capsys.readouterr().err
    shutil.rmtree("runs/early/report")
    steps = (Path("runs/early") / "metrics.jsonl").read_text()
    assert main(["resume=early"]) == 0
    assert (Path("runs/early") / "metrics.jsonl").read_text() == steps
    assert Path("runs/early/report/report.json").is_file()


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_helping_rare_classes_twice_is_warned_of(sampling, capsys):
    given = ("trainer.epochs=1", "loss.class_weights=auto", f"trainer.sampling={sampling}")
    assert main(["train", *SMALL, *given]) == 0
    assert ("together too much" in capsys.readouterr().out) is (sampling == "balanced")


def test_patience_without_validation_is_refused(capsys):
    assert main(["train", *SMALL, "trainer.patience=2", "dataset.val_fraction=0"]) == 2
    assert "trainer.patience=2: counts validations" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_threshold_that_nothing_misses_is_refused(run, capsys):
    few = ("dataset.classes=[1,2]", "require.top5_accuracy=0.9")
    assert main(["train", *SMALL, *few]) == 2
    assert "require.top5_accuracy: is always met by 2 classes" in capsys.readouterr().err


def test_a_frozen_layer_without_weights_is_warned_of(run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    frozen = (f"model.weights={run.folder}", "model.freeze=body")
    assert main(["train", *SMALL, *frozen, "trainer.epochs=1"]) == 0
    assert "random first weights" not in capsys.readouterr().out
    wider = "model.kernel_size=5"
    assert main(["train", *SMALL, *frozen, wider, "trainer.epochs=1"]) in (0, 2)
    out = capsys.readouterr()
    assert "frozen with random first weights" in out.out or "nothing in it fits" in out.err


def test_where_to_go_on_from_is_looked_up_when_nobody_else_is_at_work(run, monkeypatch, capsys):
    """Another process has trained on between the look at the folder and the lock."""
    hidden = run.folder / "hidden"
    shutil.copytree(run.checkpoints, hidden)
    for path in run.checkpoints.glob("*00000006*"):
        path.unlink()
    record = {"step": 3, "checkpoint": "step-00000003.ckpt", "kept": [], "obsolete": []}
    (run.checkpoints / "last.json").write_text(json.dumps(record))
    original = train.claimed

    def late(*given, **named):
        shutil.copytree(hidden, run.checkpoints, dirs_exist_ok=True)
        return original(*given, **named)

    monkeypatch.setattr(train, "claimed", late)
    assert main(["resume=one", "trainer.epochs=3"]) == 0
    assert "from step 6 on" in capsys.readouterr().out


def test_a_checkpoint_of_another_model_is_refused_before_it_takes_memory(run, capsys):
    path = run.pointer("last")
    fields = torch.load(path, weights_only=True)
    for old, new in (("- 4\n", "- 60000\n"), ("convs: 2", "convs: 100000")):
        assert old in fields["config"]
        other = run.folder / "other.ckpt"
        torch.save({**fields, "config": fields["config"].replace(old, new)}, other)
        assert main(["evaluate", f"checkpoint={other}"]) == 2
    err = capsys.readouterr().err
    assert "do not fit its model: model.net.stages.0.0.0.weight" in err
    assert "model.convs" in err


def test_a_signal_in_the_report_says_how_to_come_by_it(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(concluding, "publish", interrupted)
    assert main(["train", *SMALL, "trainer.epochs=1", "run.name=cut"]) == 130
    assert " resume=runs/cut" in capsys.readouterr().out


def test_a_new_run_takes_the_threads_that_others_leave(monkeypatch, capsys):
    own = [word for word in SMALL if not word.startswith("device")]
    monkeypatch.setattr("cnn_cli.device.cores", lambda: 4)
    monkeypatch.setattr(train, "free_cores", lambda: 2)
    assert main(["train", *own, "trainer.epochs=1", "run.name=beside"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "others keep 2 of 4 processors busy" in said
    record = json.loads(Path("runs/beside/environment.json").read_text())
    assert "2 threads" in record["device"]
    assert main(["train", *own, "trainer.epochs=1", "device.threads=3", "run.name=told"]) == 0
    assert "processors busy" not in capsys.readouterr().out
    record = json.loads(Path("runs/told/environment.json").read_text())
    assert "3 threads" in record["device"]
    torch.set_num_threads(1)

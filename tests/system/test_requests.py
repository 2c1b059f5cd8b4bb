"""Every wrong request is one clear message and exit code 2, before any work and any file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("evalute", "evaluate"),
        ("model=resnt", "resnet"),
        ("modell=resnet", "model"),
        ("optimizer.lrr=1", "lr"),
        ("+optimizer.lrr=1", "lr"),
        ("trainer.epoch=1", "epochs"),
        ("+nothing=1", "nothing"),
        ("trainer.epochs=0", "at least 1"),
        ("trainer.epochs=many", "whole number"),
        ("device.threads=0", "at least 1"),
        ("dataset.val_fraction=1.5", "dataset.val_fraction"),
        ("model.activation=rely", "relu"),
        ("augmentation=progressive model=lenet", "global pooling"),
        ("model=resnet model.activation=relu", "model.activation"),
        ("dataset=image_folder", "dataset.root"),
        ("dataset=image_folder dataset.root=nowhere", "nowhere"),
        ("evaluate checkpoint=nothing", "no run"),
        ("evaluate", "no run"),
        ("visualize figure=gradcam", "needs a trained model"),
        ("device=cuda", "cuda"),
        ("run.root=file/runs", "run.root"),
        ("run.dir=taken", "taken"),
        ("-m run.dir=one seed=0,1", "run.dir"),
        ("seed=0,1", "-m"),
        ("model._target_=os.system", "os.system"),
        ("+hydra.callbacks.x._target_=shutil.copy", "callbacks"),
        ("seed=[1", "seed"),
    ],
)
def test_the_mistake_is_named(argv: str, told: str, command: Command, monkeypatch: Any) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    Path("file").touch()
    Path("taken").mkdir()
    Path("taken/photo.jpg").touch()
    before = sorted(Path.cwd().rglob("*"))
    done = command(*argv.split())
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("visualize figure=[curve]", "curves"),
        ("visualize figure.curves.log_loss=maybe", "true or false"),
        ("visualize dpi=1", "dpi"),
        ("evaluate split=tests", "test"),
        ("evaluate model=resnet", "model"),
        ("evaluate device=tpu", "cuda"),
        ("evaluate output=file", "file"),
        ("predict", "images"),
        ("predict images=nothing.jpg", "nothing.jpg"),
        ("predict images=runs top_k=0", "at least 1"),
    ],
)
def test_a_mistake_about_a_trained_model(
    argv: str, told: str, own_run: Path, command: Command
) -> None:
    Path("file").touch()
    before = sorted(Path.cwd().rglob("*"))
    done = command(*argv.split())
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert sorted(Path.cwd().rglob("*")) == before


def test_all_mistakes_are_told_at_once(command: Command) -> None:
    done = command(
        "model.convs=0", "trainer.epochs=-1", "optimizer.momentun=0.9", "loss.label_smoothing=2"
    )
    assert done.code == 2
    for key in ("model.convs", "trainer.epochs", "optimizer.momentun", "loss.label_smoothing"):
        assert key in done.err
    assert len(done.err.splitlines()) < 12


def test_absent_data_without_network(command: Command) -> None:
    done = command(
        "dataset=cifar10", "dataset.root=data", "dataset.url=http://127.0.0.1:9/x.tar.gz"
    )
    assert done.code == 2
    assert "cifar-10-python.tar.gz" in done.err
    assert "data" in done.err


def test_other_classes_are_refused_or_mapped_by_name(
    own_run: Path, pictures: Path, command: Command
) -> None:
    other = ("evaluate", "dataset=image_folder", f"dataset.root={pictures}")
    refused = command(*other)
    assert refused.code == 2
    assert "dark = noir" in refused.err
    assert "class_map" in refused.err
    for name, short in (("dark = noir", "dark"), ("bright, 明るい", "bright")):
        (pictures / name).rename(pictures / short)
    mapped = command(*other, "class_map={dark: circle, bright: square}")
    assert mapped.succeeded()


def test_a_damaged_checkpoint_is_refused(own_run: Path, command: Command) -> None:
    for file in (own_run / "checkpoints").glob("*.ckpt"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    done = command("evaluate")
    assert done.code == 2
    assert ".ckpt" in done.err


@pytest.mark.parametrize("key", ["seed=1", "optimizer.lr=0.1", "trainer.epochs=1"])
def test_resume_changes_nothing_that_matters(own_run: Path, key: str, command: Command) -> None:
    before = (own_run / "metrics.jsonl").read_bytes()
    done = command("resume=latest", key)
    assert done.code == 2
    assert key.split("=")[0] in done.err
    assert (own_run / "metrics.jsonl").read_bytes() == before

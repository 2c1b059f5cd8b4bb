"""What makes training faster changes its results by no more than rounding.

A few steps show it: in many, a maximum that rounding moves to another pixel grows to anything.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_cli.cli import main
from cnn_cli.engine import checkpoint

BASE = (
    "dataset=digits", "dataset.limit={train: 96}", "trainer.epochs=1", "trainer.batch_size=32",
    "dataset.size=16", "optimizer=sgd", "optimizer.lr=0.02", "device=cpu", "device.threads=1",
    "trainer.tensorboard=false", "trainer.ema_decay=0.9", "device.precision=fp32",
)  # fmt: skip
CHOICES = {
    "memory format": "device.channels_last=false",
    "optimizer's kernel": "+optimizer.fused=false",
    "threads": "device.threads=2",
    "crop": "trainer.crop_while_gathering=false",
    "evaluation batch": "trainer.eval_batch_size=7",
    "CUDA graph": "device.graph=false",
}
EXACT = {"crop", "evaluation batch", "CUDA graph"}
"""Choices that change no number of training at all."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tensor]:
    return trained(tmp_path_factory.mktemp("plain") / "run")


def trained(run: Path, *words: str) -> Mapping[str, Tensor]:
    assert main(["train", *BASE, *words, f"run.dir={run}"]) == 0
    saved = checkpoint.load(max((run / "checkpoints").glob("step-*.ckpt")))
    assert saved.ema is not None
    return saved.ema


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_of_speed_changes_nothing_but_rounding(
    choice: str, plain: Mapping[str, Tensor], tmp_path: Path
) -> None:
    found = trained(tmp_path / "run", CHOICES[choice])
    for name, tensor in plain.items():
        if choice in EXACT:
            assert torch.equal(found[name], tensor), name
        else:
            torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_small_maps_side_by_side_change_nothing_but_rounding(
    precision: str, tmp_path: Path
) -> None:
    words = ("dataset.size=8", "model=whitened", "model.channels=[256,256]")
    words += (f"device.precision={precision}", "optimizer.lr=0.002")
    beside = trained(tmp_path / "beside", *words, "device.side_by_side=true")
    alone = trained(tmp_path / "alone", *words, "device.side_by_side=false")
    most = {"fp32": 1e-4, "bf16": 0.02}[precision]
    for name, tensor in alone.items():
        assert (beside[name].float() - tensor).norm() <= most * tensor.float().norm(), name
    assert any(not torch.equal(beside[name], alone[name]) for name in alone)


def test_bfloat16_changes_little(plain: Mapping[str, Tensor], tmp_path: Path) -> None:
    """Three steps: by less than a hundredth of the weights; another seed changes far more."""
    names = [name for name in plain if name.endswith("weight") and plain[name].ndim > 1]
    same = trained(tmp_path / "bf16", "device.precision=bf16")
    other = trained(tmp_path / "other", "seed=1")
    for name in names:
        size = plain[name].norm()
        assert 0 < (same[name] - plain[name]).norm() < 0.01 * size, name
    assert any((other[name] - plain[name]).norm() > 0.1 * plain[name].norm() for name in names)


def test_a_run_that_was_told_float32_is_evaluated_in_it(
    own_run: Path, command: Callable[..., Any], tiny: tuple[str, ...]
) -> None:
    """Where the processor multiplies it, `auto` is bfloat16."""
    assert command("train", *tiny, "device.precision=fp32", "run.name=exact").succeeded()
    assert command("evaluate", "checkpoint=exact", "device=cpu", "device.threads=1").succeeded()
    (folder,) = (own_run.parent / "exact" / "evaluate").iterdir()
    first = own_run.parent / "exact" / "report" / "predictions.csv"
    assert first.read_bytes() == (folder / "predictions.csv").read_bytes()
    bf16 = ("device.precision=bf16", "output=rounded")
    assert command("evaluate", "checkpoint=exact", "device=cpu", *bf16).succeeded()
    assert first.read_bytes() != Path("rounded/predictions.csv").read_bytes()


def test_a_run_goes_on_and_is_evaluated_in_what_it_began_in(
    own_run: Path, command: Callable[..., Any], tiny: tuple[str, ...]
) -> None:
    """Where `auto` has come to mean something else: another machine, or a newer version."""
    assert command("train", *tiny, "device.precision=fp32", "run.name=before").succeeded()
    run = own_run.parent / "before"
    (run / "config.yaml").write_text(
        (run / "config.yaml").read_text().replace("precision: fp32", "precision: auto")
    )
    more = ("resume=before", "trainer.epochs=3", "device.precision=auto")
    assert command("train", *more).succeeded()
    record = json.loads((run / "environment.json").read_text())
    assert ", fp32, " in record["device"]
    assert ", fp32, " in record["resumed"][-1]["device"]


JOINED = ("model.channels=[64,64]", "device.precision=bf16")
"""Wide enough for maps side by side."""


def test_the_summary_tells_how_small_maps_are_trained(
    own_run: Path, command: Callable[..., Any], tiny: tuple[str, ...]
) -> None:
    for wanted, told in (("true", "side by side"), ("false", "one by one")):
        found = command("train", *tiny, *JOINED, f"device.side_by_side={wanted}")
        assert f"small maps {told} (device" in " ".join(found.out.split())
    assert "small maps" not in command("train", *tiny).out


def test_a_run_from_before_small_maps_were_joined_goes_on_without(
    own_run: Path,
    command: Callable[..., Any],
    tiny: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = (*tiny, *JOINED, "run.name=older", "device.side_by_side=false")
    assert command("train", *words).succeeded()
    run = own_run.parent / "older"
    for name, line in (
        ("config.yaml", "  side_by_side: false\n"),
        ("environment.json", '  "side_by_side": false,\n'),
    ):
        before = (run / name).read_text()
        assert line in before
        (run / name).write_text(before.replace(line, ""))
    monkeypatch.setattr("cnn_cli.device.has_amx", lambda: True)
    out = command("train", "resume=older", "trainer.epochs=3").out
    assert "small maps one by one (" in " ".join(out.split())
    assert "not before" not in out
    more = ("trainer.epochs=4", "device.side_by_side=true")
    out = command("train", "resume=older", *more).out
    assert "device.side_by_side=true from here on, not before" in " ".join(out.split())


def test_a_resume_in_another_arithmetic_is_told(
    own_run: Path, command: Callable[..., Any], tiny: tuple[str, ...]
) -> None:
    assert command("train", *tiny, "device.precision=fp32", "run.name=told").succeeded()
    more = ("resume=told", "trainer.epochs=3", "device.precision=bf16")
    found = command("train", *more)
    assert found.succeeded()
    assert "cpu in bf16 from here on, cpu in fp32 before" in " ".join(found.out.split())
    again = command("train", "resume=told", "trainer.epochs=4", "device.precision=bf16")
    assert "from here on" not in again.out


def test_the_comparison_can_fail(plain: Mapping[str, Tensor], tmp_path: Path) -> None:
    found = trained(tmp_path / "run", "seed=1")
    assert any(not torch.allclose(found[name], plain[name], atol=2e-4) for name in plain)

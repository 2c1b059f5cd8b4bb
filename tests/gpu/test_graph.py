"""On a GPU: steps replayed as a CUDA graph are the steps themselves, and resume as they do."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnn_cli.cli import main
from cnn_cli.engine import checkpoint
from cnn_cli.engine.resume_check import differences

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

SMALL = (
    "dataset=shapes", "dataset.count=700", "dataset.size=16", "trainer.epochs=3",
    "trainer.batch_size=32", "device=cuda", "device.deterministic=true",
    "trainer.tensorboard=false",
)  # fmt: skip
WAYS: dict[str, tuple[str, ...]] = {
    "muon": ("trainer.ema_decay=0.9",),
    "sgd": ("optimizer=sgd", "trainer.clip_norm=1", "model.dropout=0.5"),
    "adamw": ("optimizer=adamw", "trainer.accumulate=2", "trainer.ema_decay=0.9"),
    "adam": ("optimizer=adam", "loss.class_weights=auto", "augmentation=strong"),
    "lion": ("optimizer=lion", "loss.focal_gamma=2", "augmentation=trivial"),
    "whitened": ("model=whitened", "augmentation=alternating", "device.precision=fp32"),
    "deeper": ("model=whitened", "model.depth=3", "model.activation=gelu", "optimizer.ns_steps=3"),
    "fp16": ("optimizer=sgd", "device.precision=fp16", "trainer.ema_decay=0.9"),
    "until": ("augmentation.ops.rotation.until=0.5", "augmentation.ops.rotation.degrees=9"),
}


def trained(folder: Path, *words: str) -> dict[str, Tensor]:
    assert main(["train", *SMALL, *words, f"run.dir={folder}"]) == 0
    return weights(folder)


def weights(folder: Path) -> dict[str, Tensor]:
    """All that the last checkpoint holds of the model, the average and the optimizer."""
    path = max((folder / "checkpoints").glob("step-*.ckpt"))
    saved = checkpoint.load(path)
    found = {f"model.{name}": tensor for name, tensor in saved.model.items()}
    found |= {f"ema.{name}": tensor for name, tensor in (saved.ema or {}).items()}
    for place, parts in saved.optimizer["state"].items():
        tensors = {key: part for key, part in parts.items() if isinstance(part, Tensor)}
        found |= {f"optimizer.{place}.{key}": tensor for key, tensor in tensors.items()}
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_replayed_step_is_the_step(tmp_path: Path, way: str) -> None:
    plain = trained(tmp_path / "plain", *WAYS[way], "device.graph=false")
    replayed = trained(tmp_path / "replayed", *WAYS[way], "device.graph=true")
    differing = differences(plain, replayed)
    # Muon's rate is rounded to float32 on the device before it is used, not after
    assert max(differing.values(), default=0.0) < 1e-5, differing


@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_training_ends_as_a_whole_one(tmp_path: Path, way: str) -> None:
    whole = trained(tmp_path / "whole", *WAYS[way])
    assert main(["check=resume", *SMALL, *WAYS[way]]) == 0
    again = trained(tmp_path / "again", *WAYS[way])
    assert not differences(whole, again)


def test_steps_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replays = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(
        torch.cuda.CUDAGraph, "replay", lambda graph: (replays.append(1), replay(graph))
    )
    trained(tmp_path / "run")
    assert len(replays) > 40


def test_what_cannot_be_recorded_trains_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tmp_path / "run", "optimizer=rmsprop")
    assert "no CUDA graph: RMSprop waits for the GPU" in capsys.readouterr().out

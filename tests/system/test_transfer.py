"""A run's weights as the first weights of another, part of them frozen."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Command = Callable[..., Any]


def weights(run: str) -> dict[str, torch.Tensor]:
    """The last weights of a run."""
    pointer = json.loads((Path(run) / "checkpoints/last.json").read_text())
    loaded = torch.load(Path(run) / "checkpoints" / pointer["checkpoint"], weights_only=True)
    return dict(loaded["model"])


def test_frozen_weights_stay_through_a_resume_and_the_head_learns(
    own_run: Path, tiny: tuple[str, ...], command: Command
) -> None:
    transfer = ("train", *tiny, "model.weights=tiny", "model.freeze=body", "run.name=new")
    done = command(*transfer, "trainer.epochs=1")
    assert done.succeeded()
    assert "of them trained" in done.out
    assert "as the weights were trained: mean and std" in done.out
    assert "(100% of the parameters)" in done.out.replace("\n", " ")
    assert "frozen: " in done.out

    shutil.move(own_run, own_run.with_name("gone"))  # a run needs its first weights only once
    assert command("train", "resume=new", "trainer.epochs=2").succeeded()
    assert command("evaluate", "checkpoint=new").succeeded()

    before, after = weights("runs/gone"), weights("runs/new")
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    assert changed
    assert all(name.startswith("net.head.") for name in changed), changed
    record = json.loads(Path("runs/new/environment.json").read_text())
    assert record["weights"]["file"].startswith(str(own_run.resolve()))
    assert len(record["resumed"]) == 1
    assert len(record["weights"]["sha256"]) == 64

"""The first losses of a few recipes, so that no change moves them unnoticed.

Bits differ between processors, hence the tolerance. After a change that means to move them:
`python tests/golden/test_losses.py` writes the file anew, and the commit says why.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from cnn_cli.cli import main

RECORDED = Path(__file__).with_name("losses.json")
SMALL = (
    *("device=cpu", "device.threads=1", "device.precision=fp32"),
    *("dataset.limit=192", "trainer.epochs=2"),
)
GENTLE = "optimizer.lr=0.02"
"""At a default of 0.1 processors differ in the third digit of a loss, after six steps."""
RECIPES = {
    "digits": (GENTLE,),
    "resnet": (GENTLE, "dataset=shapes", "dataset.size=16", "model=resnet", "trainer.clip_norm=1"),
    "adamw": ("dataset=shapes", "dataset.size=16", "optimizer=adamw", "schedule=cosine"),
    "plain": (
        "augmentation=none",
        "schedule=constant",
        "model.norm=group",
        "model.dropout=0.2",
        "trainer.ema_decay=0.9",
        "trainer.accumulate=2",
        "loss.label_smoothing=0",
    ),
}


def losses(folder: Path, name: str) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, without times."""
    quiet = ("trainer.tensorboard=false", f"run.dir={folder / name}")
    assert main(["train", *SMALL, *RECIPES[name], *quiet]) == 0
    text = (folder / name / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    return [{key: line[key] for key in ("lr", "train", "val")} for line in lines]


@pytest.mark.parametrize("name", RECIPES)
def test_first_losses_are_those_recorded(name, tmp_path):
    expected = json.loads(RECORDED.read_text())[name]
    found = losses(tmp_path, name)
    assert len(found) == len(expected)
    for line, wanted in zip(found, expected, strict=True):
        assert line["lr"] == pytest.approx(wanted["lr"], rel=1e-6)
        assert line["train"]["loss"] == pytest.approx(wanted["train"]["loss"], rel=1e-3)
        assert line["train"]["grad_norm"] == pytest.approx(wanted["train"]["grad_norm"], rel=1e-2)
        assert line["val"]["loss"] == pytest.approx(wanted["val"]["loss"], rel=1e-3)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    with tempfile.TemporaryDirectory() as place:
        found = {name: losses(Path(place), name) for name in RECIPES}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(f"wrote {RECORDED}\n")

"""Reports of made-up models, as training leaves them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cnn_cli.engine.predictions import Predictions
from cnn_cli.report.files import encode, write_arrays
from cnn_cli.report.report import metrics

CLASSES = ("cat", "dog", "eel")
CONFIG = """# override: trainer.epochs=2
# override: dataset.root=/somewhere
dataset:
  _target_: cnn_cli.data.digits.digits
  root: /data
  size: 16
model:
  _target_: cnn_cli.models.cnn.CNN
  channels:
  - {width}
seed: 0
run:
  root: runs
  name: null
"""


def predictions(
    right: NDArray[np.bool_], classes: Sequence[str] = CLASSES, prefix: str = "picture"
) -> Predictions:
    """Labels go round the classes; where a picture is not right, the next class is taken."""
    number = len(classes)
    labels = np.arange(len(right)) % number
    answers = np.where(right, labels, (labels + 1) % number)
    chances = np.full((len(right), number), 0.3 / (number - 1))
    chances[np.arange(len(right)), answers] = 0.7
    names = tuple(f"{prefix}/{place}" for place in range(len(right)))
    return Predictions(labels.astype(np.int64), chances, names, tuple(classes))


Maker = Callable[..., Path]


@pytest.fixture
def make_run() -> Maker:
    """`make_run("name", right, width=8)`: a finished run under ./runs; gives its folder."""

    def make(name: str, right: NDArray[np.bool_] | Predictions, width: int = 8) -> Path:
        found = right if isinstance(right, Predictions) else predictions(right)
        folder = Path("runs", name)
        (folder / "report").mkdir(parents=True)
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "step-00000010.ckpt").touch()
        (folder / "config.yaml").write_text(CONFIG.format(width=width))
        environment = {"versions": {"torch": "2.0"}, "python": "3.11.1", "device": "cpu, 1 thread"}
        (folder / "environment.json").write_text(json.dumps({**environment, "git": None}))
        origin = {
            "dataset": "zoo",
            "split": "test",
            "dataset_fingerprint": "ab" * 32,
            "tta": "none",
        }
        cost = {"parameters": 1000 * width, "train_seconds": 12.5, "train_images": 99}
        report = {"metrics": metrics(found), "cost": cost, "provenance": {**origin, "run": name}}
        (folder / "report" / "report.json").write_bytes(encode(report))
        write_arrays(found, folder / "report" / "predictions.npz")
        return folder

    return make

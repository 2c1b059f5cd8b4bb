"""Predictions read back from a report's folder, without torch."""

from pathlib import Path

import numpy as np

from cnn_cli.engine.predictions import Predictions


def read_arrays(path: Path) -> Predictions:
    """The predictions that `report.files.write_arrays` has written."""
    # numpy leaves a damaged file open that it has opened itself
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return Predictions(
            labels=file["labels"],
            probabilities=file["probabilities"],
            names=tuple(file["names"].tolist()),
            classes=tuple(file["classes"].tolist()),
        )

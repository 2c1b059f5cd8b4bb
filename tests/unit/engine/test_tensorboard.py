"""The event files hold the tags that a person looks for, in one run."""

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnn_cli.engine.records import Figures, Record
from cnn_cli.engine.tensorboard import Board


def test_scalars_pictures_and_hparams_in_one_run(tmp_path):
    folder = tmp_path / "run"
    board = Board(folder, 0, print)
    rows = torch.tensor([[8.0, 2, 4, 1], [4.0, 3, 4, 2]])
    record = Record(
        2, 1, Figures(1.5, 0.6, 1.5, 0.1), {"loss": 1.0, "accuracy": 0.7}, True, True, 3.0, 50.0
    )
    board.epoch(record, rows)
    board.images("pictures/augmented", torch.zeros(4, 3, 8, 8, dtype=torch.uint8), 0)
    board.hparams({"optimizer.lr": 0.1, "model": "cnn"}, {"accuracy": 0.9}, 2)
    board.close()
    assert [path.is_file() for path in folder.iterdir()] == [True]
    found = EventAccumulator(str(folder)).Reload()
    values = {
        tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }
    assert values["loss/step"] == [(1, 2.0), (2, 1.0)]
    assert values["accuracy/step"] == [(1, 0.5), (2, 0.75)]
    assert values["loss/train"] == [(2, 1.5)]
    assert values["loss/val"] == [(2, 1.0)]
    assert {"learning_rate", "gradient_norm", "images_per_second"} <= values.keys()
    assert [round(v, 6) for _, v in values["final/accuracy"]] == [0.9]
    assert found.Tags()["images"] == ["pictures/augmented"]
    assert (
        found.SummaryMetadata("_hparams_/session_start_info").plugin_data.plugin_name == "hparams"
    )

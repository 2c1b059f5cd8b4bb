"""Where commands write: a new folder each time, never over what is there."""

import pytest
from torch import nn

from cnn_cli.commands.trained import Trained, evaluation_node, output_folder
from cnn_cli.data.contract import Preprocessing
from cnn_cli.errors import UserError


def test_an_output_folder_must_be_empty(tmp_path):
    made = output_folder(str(tmp_path / "out"), tmp_path / "x.ckpt", "runs", "evaluate", "w", None)
    assert made == tmp_path / "out"
    (made / "mine").write_text("")
    with pytest.raises(UserError, match="not empty"):
        output_folder(str(made), tmp_path / "x.ckpt", "runs", "evaluate", "w", None)


def test_inside_the_run_or_under_the_root_for_a_lone_file(tmp_path):
    run = tmp_path / "runs" / "one"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("")
    inside = output_folder(None, run / "checkpoints" / "s.ckpt", "r", "figures", "curves", None)
    assert inside.parent == run / "figures"
    assert inside.name.endswith("_curves")
    lone = output_folder(None, tmp_path / "s.ckpt", str(tmp_path / "root"), "figures", "c", None)
    assert lone.parent == tmp_path / "root" / "figures"


def test_a_job_of_a_sweep_has_its_own(tmp_path):
    job = tmp_path / "sweep" / "0"
    assert output_folder(None, tmp_path / "s.ckpt", "r", "evaluate", "w", job) == job


@pytest.mark.parametrize(
    ("node", "overrides", "expected"),
    [
        ({"root": "new", "test_fraction": 0.1}, [], 1),
        ({"root": "old", "test_fraction": 0.1}, [], 0.1),
        ({"root": "./new/../old", "test_fraction": 0.1}, [], 0.1),
        ({"root": "new", "test_fraction": 0.5}, ["dataset.test_fraction=0.5"], 0.5),
        ({"root": "new"}, [], None),
    ],
)
def test_of_another_folder_all_pictures_are_the_test(tmp_path, node, overrides, expected):
    config = {"dataset": {"root": "old", "test_fraction": 0.1}}
    trained = Trained(nn.Identity(), (), Preprocessing(1, 8), config, 0, 0.0, "", tmp_path)
    assert evaluation_node(node, trained, overrides).get("test_fraction") == expected

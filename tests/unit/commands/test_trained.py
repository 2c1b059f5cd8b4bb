"""Where commands write: a new folder each time, never over what is there."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from cnn_cli.commands import trained
from cnn_cli.commands.trained import (
    Trained,
    as_it_was,
    evaluation_node,
    fewer_threads,
    other_arithmetic,
    output_folder,
)
from cnn_cli.data.contract import Preprocessing
from cnn_cli.device import Device
from cnn_cli.errors import UserError
from cnn_cli.sections import DeviceConfig


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


OPEN = DeviceConfig(
    name="cpu", precision="auto", graph=True, compile=False, side_by_side="auto",
    channels_last=True, deterministic=False, threads=None, workers=0,
)  # fmt: skip
HERE = Device(torch.device("cpu"), "bf16", True, False, threads=4, workers=0)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """Of a run that was recorded with `record`, on a machine with six processors."""
    monkeypatch.setattr(trained, "cores", lambda: 6)
    monkeypatch.setattr(trained, "told_threads", lambda: 0)
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("")

    def of(record):
        (folder / "environment.json").write_text(record)
        return folder / "checkpoints" / "step-4.ckpt"

    yield of
    torch.set_num_threads(1)


def device(text, *resumed):
    return json.dumps({"device": text, "resumed": [{"device": other} for other in resumed]})


@pytest.mark.parametrize(
    ("record", "told", "precision", "threads"),
    [
        (device("cpu, 2 threads, fp32, channels_last"), "auto", "fp32", 2),
        (device("cpu, 1 thread, bf16, channels_last"), "auto", "bf16", 1),
        (device("cpu, 1 thread, bf16", "cpu, 3 threads, fp32"), "auto", "fp32", 3),
        (device("cpu, 9 threads, bf16, channels_last"), "fp32", "fp32", 6),
        (device("NVIDIA H100, bf16, channels_last"), "auto", "bf16", 4),
        ("{", "auto", "bf16", 4),
        ("[]", "auto", "bf16", 4),
        ('{"device": "cpu, 0 threads, fp32"}', "auto", "fp32", 1),
        ('{"device": 3, "resumed": 4}', "auto", "bf16", 4),
    ],
)
def test_a_run_keeps_its_arithmetic(checkpoint, record, told, precision, threads):
    found = as_it_was(checkpoint(record), told, HERE, OPEN)
    assert (found.precision, found.threads) == (precision, threads)
    if threads != HERE.threads:
        assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("last", "wanted", "beside", "told"),
    [
        ({"device": "cpu, fp32", "side_by_side": True}, "auto", True, False),
        ({"device": "cpu, fp32", "side_by_side": False}, "auto", False, False),
        ({"device": "cpu, fp32"}, "auto", False, False),
        ({"device": "cpu, fp32"}, True, True, True),
        ({"device": "cpu, fp32", "side_by_side": False}, True, True, True),
        ({"device": "NVIDIA H100, bf16"}, "auto", True, True),
        ({}, "auto", True, False),
    ],
    ids=[
        "yes",
        "no",
        "before it was recorded",
        "recorded elsewhere",
        "told otherwise",
        "from a GPU",
        "lost",
    ],
)
def test_small_maps_are_trained_as_before(checkpoint, last, wanted, beside, told):
    path = checkpoint(json.dumps({"device": "cpu, bf16", "resumed": [last]}))
    there = replace(HERE, side_by_side=True)
    found = as_it_was(path, "auto", there, replace(OPEN, side_by_side=wanted))
    assert found.side_by_side is beside
    assert bool(other_arithmetic(path, found)) is told


@pytest.mark.parametrize(("wanted", "told"), [("auto", False), (True, False), (False, True)])
def test_an_older_run_that_put_maps_side_by_side_says_so_in_its_config(checkpoint, wanted, told):
    path = checkpoint(device("cpu, 2 threads, bf16"))
    run = path.parents[1]
    (run / "config.yaml").write_text("device:\n  side_by_side: true\n")
    found = as_it_was(path, "auto", HERE, replace(OPEN, side_by_side=wanted))
    asked = replace(found, side_by_side=wanted if wanted != "auto" else found.side_by_side)
    assert found.side_by_side is (wanted == "auto")
    assert bool(other_arithmetic(path, asked)) is told


def test_what_is_asked_for_now_is_taken(checkpoint):
    record = device("cpu, 2 threads, fp32, channels_last")
    wanted = replace(OPEN, precision="bf16", threads=4)
    assert as_it_was(checkpoint(record), "auto", HERE, wanted) == HERE


def test_a_gpu_needs_no_threads(checkpoint):
    there = replace(HERE, place=torch.device("cuda"))
    found = as_it_was(checkpoint(device("cpu, 2 threads, fp32")), "auto", there, OPEN)
    assert found == replace(there, precision="fp32")


def test_omp_num_threads_is_heeded(checkpoint, monkeypatch):
    path = checkpoint(device("cpu, 2 threads, fp32"))
    monkeypatch.setattr(trained, "told_threads", lambda: 4)
    assert as_it_was(path, "auto", HERE, OPEN) == replace(HERE, precision="fp32")


def test_fewer_threads_than_there_are_processors_are_told():
    (note,) = fewer_threads(HERE, replace(HERE, threads=1))
    assert note == "1 of 4 threads, as in this run before (device.threads=4 takes them all)"
    assert fewer_threads(HERE, HERE) == []

"""`cnn-train export`: a file and a script that need nothing of ours, and a gate that holds."""

import copy
import csv
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from cnn_cli.commands import export, exporting
from cnn_cli.config import ExportConfig
from cnn_cli.errors import TrainingError
from cnn_cli.sections import DeviceConfig, RunsConfig

Command = Callable[..., Any]
ALONE = """
import runpy, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def pictures() -> Path:
    """Pictures of several kinds and shapes."""
    folder, draw = Path("some pictures"), np.random.default_rng(0)
    folder.mkdir()
    for number in range(24):
        height, width = draw.integers(8, 60, 2)
        values = draw.integers(0, 256, (height, width, (3, 4)[number % 2]), dtype=np.uint8)
        values[: height // (1 + number % 3), : width // 2] //= 4
        Image.fromarray(values).save(folder / f"{number:02}.{('jpg', 'png')[number % 2]}")
    return folder


def answers(script: Path, folder: Path, *blocked: str) -> dict[str, dict[str, Any]]:
    """What the script says of each picture, in a process that cannot import some packages."""
    line = [sys.executable, "-c", ALONE.format(blocked=blocked), script, folder, "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return {answer["file"]: answer for answer in json.loads(done.stdout)}


def predicted(command: Command, folder: Path, *words: str) -> dict[str, tuple[str, float]]:
    exact = ("device=cpu", "device.precision=fp32", "output=predicted")
    done = command("predict", f"images={folder}", *exact, *words)
    assert done.succeeded()
    rows = csv.DictReader(Path("predicted/predictions.csv").read_text().splitlines())
    return {row["file"]: (row["top1"], float(row["p_top1"])) for row in rows}


def check_answers(found: dict[str, dict[str, Any]], ours: dict[str, tuple[str, float]]) -> None:
    assert found.keys() == ours.keys()
    assert {name: answer["class"] for name, answer in found.items()} == {
        name: best for name, (best, _) in ours.items()
    }
    for name, (_, probability) in ours.items():
        assert found[name]["probability"] == pytest.approx(probability, abs=1e-5)


@pytest.fixture
def _onnx() -> None:
    for name in exporting.PACKAGES["onnx"]:
        pytest.importorskip(name)


@pytest.mark.usefixtures("_onnx")
def test_onnx_and_its_script_without_torch(own_run: Path, command: Command, pictures: Path) -> None:
    assert command("evaluate", "calibrated=true").succeeded()
    done = command("export", "calibrated=true", "parity=60")
    assert done.succeeded()
    assert "the same class for all" in done.out
    (folder,) = (own_run / "export").iterdir()
    assert {file.name for file in folder.iterdir()} == {"model.onnx", "predict.py", "export.json"}
    record = json.loads((folder / "export.json").read_text())
    assert record["parity"]["passed"]
    assert (record["parity"]["images"], record["parity"]["top1_equal"]) == (60, 60)
    assert record["parity"]["largest_logit_difference"] < 1e-4
    assert record["temperature"] != 1
    assert set(record["timing"]) == {"device", "onnxruntime", "torch"}
    moved = shutil.copytree(folder, "elsewhere/with spaces")
    found = answers(Path(moved) / "predict.py", pictures, "torch", "torchvision", "cnn_cli")
    check_answers(found, predicted(command, pictures, "calibrated=true"))


def test_pt2_and_its_script(own_run: Path, command: Command, pictures: Path) -> None:
    done = command("export", "format=pt2", "output=out", f"images={pictures}")
    assert done.succeeded()
    assert json.loads(Path("out/export.json").read_text())["parity"]["images"] == 24
    check_answers(
        answers(Path("out/predict.py"), pictures, "cnn_cli"), predicted(command, pictures)
    )


def test_safetensors(own_run: Path, command: Command) -> None:
    safetensors = pytest.importorskip("safetensors")
    assert command("export", "format=safetensors", "output=out").succeeded()
    assert {file.name for file in Path("out").iterdir()} == {"model.safetensors", "export.json"}
    parity = json.loads(Path("out/export.json").read_text())["parity"]
    assert parity["passed"]
    assert parity["largest_logit_difference"] < 1e-4
    with safetensors.safe_open("out/model.safetensors", "pt") as opened:
        about = opened.metadata()
        names = set(opened.keys())
    assert json.loads(about["preprocessing"])["size"] == 16
    assert "model" in yaml.safe_load(about["config"])
    assert {"normalize.mean", "normalize.std"} < names


def told(run: Path, form: str) -> ExportConfig:
    recorded = yaml.safe_load((run / "config.yaml").read_text())
    return ExportConfig(
        checkpoint=str(run),
        format=form,  # type: ignore[arg-type]
        calibrated=False,
        dataset=recorded["dataset"],
        split="test",
        images=None,
        parity=20,
        tolerance=1e-4,
        device=DeviceConfig(**recorded["device"]),
        run=RunsConfig("runs"),
        output="out",
        trust=(),
    )


@pytest.mark.parametrize("form", ["onnx", "pt2", "safetensors"])
def test_the_gate_keeps_a_file_that_differs_from_its_name(
    form: str, own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is made of a model with one altered weight."""
    for name in exporting.PACKAGES[form]:
        pytest.importorskip(name)
    written = exporting.write

    def wrong(trained: Any, *rest: Any) -> exporting.Written:
        model = copy.deepcopy(trained.model)
        norm = next(m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
        with torch.no_grad():
            norm.bias += 0.5
        return written(dataclasses.replace(trained, model=model), *rest)

    monkeypatch.setattr(exporting, "write", wrong)
    with pytest.raises(
        TrainingError, match=r"the first stage that differs is net\.stages"
    ) as told_:
        export.run(told(own_run, form), [], None)
    assert "model.failed." in str(told_.value)
    assert {file.name for file in Path("out").iterdir()} == {f"model.failed.{form}", "export.json"}
    parity = json.loads(Path("out/export.json").read_text())["parity"]
    assert not parity["passed"]
    assert parity["first_difference"]["stage"].startswith("net.stages")


@pytest.mark.usefixtures("_onnx")
def test_a_refused_file_is_exit_code_1(own_run: Path, command: Command) -> None:
    done = command("export", "tolerance=1e-30", "output=out")
    assert done.code == 1
    assert done.err.startswith("cnn-train: failed: the file does not say what the model says")
    assert {file.name for file in Path("out").iterdir()} == {"model.failed.onnx", "export.json"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("device.precision=bf16",), "device.precision=bf16: files are made and compared"),
        (("images=.", "split=val"), "split=val: has no meaning beside images"),
        (("images=nothing.png",), "no such file"),
        (("format=tflite",), "must be onnx | pt2 | safetensors"),
        (("parity=0",), "at least 1"),
        (("tolerance=0",), "tolerance=0"),
        (("calibrated=true",), "no temperature was fitted"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    words: tuple[str, ...], told: str, own_run: Path, command: Command
) -> None:
    for file in (own_run / "checkpoints").glob("*.calibration.json"):
        file.unlink()
    done = command("export", "format=pt2", *words)
    assert done.code == 2
    assert told in done.err
    assert not (own_run / "export").exists()

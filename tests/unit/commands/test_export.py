"""What is missing is said before the work; which pictures file and model are compared on."""

import importlib.util
from pathlib import Path

import pytest
import torch
from PIL import Image

from cnn_cli.commands.export_pictures import Pictures
from cnn_cli.commands.exporting import PACKAGES, check_packages
from cnn_cli.data.contract import Preprocessing
from cnn_cli.errors import UserError


@pytest.mark.parametrize(
    ("form", "absent", "told"),
    [
        ("onnx", {"onnxruntime"}, "onnxruntime is not installed"),
        ("onnx", {"onnx", "onnxscript"}, "onnx and onnxscript are not installed"),
        ("safetensors", {"safetensors"}, "safetensors is not installed"),
    ],
)
def test_missing_packages_are_one_line(form, absent, told, monkeypatch):
    there = importlib.util.find_spec

    def find_spec(name):
        return None if name in absent else there("json")

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(UserError, match=told) as caught:
        check_packages(form)
    (line,) = caught.value.problems
    assert line.endswith(f"pip install 'cnn-train[{form}]'")
    check_packages("pt2")


def test_the_extras_have_what_the_formats_need(checkout):
    import tomllib

    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for form, names in PACKAGES.items():
        found = {line.partition(">")[0] for line in extras.get(form, [])}
        assert found == set(names)
    pinned = (checkout / "scripts" / "constraints.txt").read_text()
    assert all(f"\n{name}==" in pinned for names in PACKAGES.values() for name in names)


@pytest.fixture
def files(tmp_path) -> tuple[Path, ...]:
    for level in range(100):
        Image.new("L", (4, 4), level).save(tmp_path / f"{level:03}.png")
    return tuple(sorted(tmp_path.glob("*.png")))


@pytest.mark.parametrize(("count", "levels"), [(4, [0, 25, 50, 75]), (100, list(range(100)))])
def test_pictures_are_spread_over_all(count, levels, files):
    some = Pictures(files, Preprocessing(1, 4), count, "")
    batches = list(some.batches())
    assert torch.cat(batches)[:, 0, 0, 0].tolist() == levels
    assert all(batch.dtype == torch.uint8 for batch in batches)

"""scripts/parity.py: which families are run, and the lines of its table."""

import importlib.util
from types import ModuleType

import pytest


@pytest.fixture
def parity(checkout) -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity", checkout / "scripts" / "parity.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FOUND = {
    "parity": {"images": 1000, "top1_equal": 1000, "largest_logit_difference": 1.9e-6},
    "timing": {
        "onnxruntime": {"median_ms": 0.1823, "images_per_second": 5336.0},
        "torch": {"median_ms": 0.832, "images_per_second": 3799.0},
    },
}


def test_a_line_of_the_table(parity):
    line = "| `cnn` | digits | 1,000 | 1,000 | 1.9e-06 | 0.182, 0.832 | 5,336, 3,799 |"
    assert parity.row("cnn", "digits", FOUND) == line
    assert line.count("|") == parity.HEAD.count("|")
    failed = parity.row("cnn", "digits", {"error": "why"})
    assert "failed: why" in failed
    assert failed.count("|") == parity.HEAD.count("|")


def test_names_choose_and_settings_are_of_cifar10(parity, monkeypatch, capsys):
    done = []

    def compared(family, data, settings, root):
        done.append((family, data, settings))
        return FOUND if family != "vgg" else {"error": "why"}

    monkeypatch.setattr(parity, "compared", compared)
    assert parity.main(["cnn", "dataset.root=x"]) == 0
    assert done == [(("cnn", data, ["dataset.root=x"])) for data in ("digits", "cifar10")]
    assert parity.main(["digits"]) == 1  # of all families vgg fails
    assert {name for name, *_ in done} == set(parity.FAMILIES)
    with pytest.raises(SystemExit, match="2"):
        parity.main(["nope"])
    assert "nope: no such data set or model" in capsys.readouterr().err

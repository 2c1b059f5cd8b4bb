"""The help pages as they are read: 80 columns, drawn from the configs.

After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/golden/test_help.py`, and read the diff.
"""

import os
from pathlib import Path

import pytest

from cnn_cli.help import page

PAGES = {
    "overview": ("", []),
    "train": ("train", []),
    "evaluate": ("evaluate", []),
    "visualize": ("visualize", []),
    "predict": ("predict", []),
    "export": ("export", []),
    "topics": ("", ["schedule", "device=cpu", "run", "figure=gradcam"]),
    "groups": ("", ["device", "augmentation"]),
    "compare": ("", ["compare"]),
    "runs": ("", ["runs"]),
    "keys": ("", ["model.depth", "optimizer.lr", "device.threads", "checkpoint", "images", "lr"]),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_as_it_should(name: str) -> None:
    golden = Path(__file__).parent / f"help_{name}.txt"
    text = page(*PAGES[name]) + "\n"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80

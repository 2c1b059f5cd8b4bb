"""On a GPU with little memory: batches in parts, and the largest one that fits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cnn_cli.cli import main

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

WIDE = (
    "dataset=shapes", "dataset.count=9000", "dataset.size=32", "model=cnn", "trainer.epochs=1",
    "model.channels=[128,128]", "trainer.eval_batch_size=50", "device=cuda",
    "trainer.tensorboard=false",
)  # fmt: skip


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """800 MB for this process."""
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(8e8 / whole)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def test_a_batch_that_does_not_fit_is_done_in_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("trainer.batch_size=4096", f"run.dir={tmp_path / 'run'}")
    assert main(["train", *WIDE, *words]) == 0
    assert "a batch of 4096 does not fit" in " ".join(capsys.readouterr().out.split())


def test_auto_finds_what_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("trainer.batch_size=auto", f"run.dir={tmp_path / 'run'}")
    assert main(["train", *WIDE, *words]) == 0
    assert "trainer.batch_size=auto is" in " ".join(capsys.readouterr().out.split())

"""trainer.batch_size=auto: which sizes are tried, and where it has no meaning."""

import pytest

from cnn_cli.cli import main
from cnn_cli.commands.sizing import sizes_for


def test_sizes_are_powers_of_two_as_long_as_an_epoch_has_fifty_steps() -> None:
    assert sizes_for(100) == [32]
    assert sizes_for(50_000)[-1] == 512
    assert sizes_for(51_200)[-1] == 1024
    assert sizes_for(50_000, 100)[0] == 128


@pytest.mark.parametrize("words", [[], ["check=lr"], ["dataset=csv", "dataset.file=nowhere.csv"]])
def test_without_a_gpu_there_is_nothing_to_find(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch
) -> None:
    """Which is said before any data is looked for."""
    monkeypatch.chdir(tmp_path)
    small = ["dataset=shapes", "dataset.count=60"] if not words[1:] else []
    assert main(["train", "trainer.batch_size=auto", "device=cpu", *small, *words]) == 2
    told = "trainer.batch_size=auto: fills the memory of a GPU, and the device is cpu"
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())

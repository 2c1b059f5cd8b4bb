"""Pictures decoded in the order of their paths, by any number of workers."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.streaming import decoded
from cnn_cli.errors import WorkerError

FORM = Preprocessing(1, 4)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.png" for number in range(10)]
    for number, path in enumerate(found):
        Image.new("L", (4, 4), number).save(path)
    found[3].write_bytes(b"none")
    return found


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_order_pictures_and_errors(paths: list[Path], workers: int) -> None:
    parts = list(decoded(iter(paths), FORM, 4, workers))
    assert [len(some) for some, _ in parts] == [4, 4, 2]
    assert [path for some, _ in parts for path in some] == paths
    assert [list(found.errors) for _, found in parts] == [[3], [], []]
    levels = torch.cat([found.images[:, 0, 0, 0] for _, found in parts])
    assert levels.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert parts[0][1].images.dtype == torch.uint8


def test_no_paths_and_no_readable_ones(paths: list[Path]) -> None:
    assert list(decoded([], FORM, 4, 2)) == []
    ((_, found),) = decoded([paths[3]], FORM, 4, 2)
    assert found.images.shape == (0, 1, 4, 4)
    assert "not a picture" in found.errors[0]


def test_one_part_needs_no_worker(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data.dataloader._MultiProcessingDataLoaderIter", None)
    assert len(list(decoded(paths, FORM, 10, 2))) == 1
    with pytest.raises(TypeError):
        list(decoded(paths, FORM, 9, 2))


def test_a_worker_that_dies_is_named_with_its_file(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.getpid()

    def fatal(path: Path, form: Preprocessing) -> torch.Tensor:
        if path == paths[5]:
            assert os.getpid() != own
            os._exit(9)
        return torch.zeros(1, 4, 4, dtype=torch.uint8)

    monkeypatch.setattr("cnn_cli.data.streaming.read_image", fatal)
    with pytest.raises(WorkerError, match=rf"has died while it read {paths[5]}"):
        list(decoded(paths, FORM, 2, 1))


def test_a_folder_is_told_as_one(tmp_path: Path) -> None:
    ((_, found),) = decoded([tmp_path], FORM, 4, 0)
    assert found.errors[0].startswith("a folder, not a picture; give images=FOLDER")

"""Unreadable training pictures left out: counted, capped, remembered, never in evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.image_folder import image_folder
from cnn_cli.data.selection import ALL
from cnn_cli.errors import UserError

FORM = Preprocessing(1, 8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes with a train and a test folder."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 5)):
        for name in ("cat", "dog"):
            folder = tmp_path / "pictures" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (8, 8)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return tmp_path / "pictures"


def load(root: Path, resident_mb: int = 10, unreadable: str = "skip") -> Dataset:
    return image_folder(
        FORM, root=str(root), val_fraction=0.1, test_fraction=0.1, selection=ALL,
        resident_mb=resident_mb, workers=0, unreadable=unreadable,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("resident_mb", [0, 10])
def test_one_of_a_small_set_is_left_out_and_named(root: Path, resident_mb: int) -> None:
    whole = load(root, resident_mb)
    victim = root / whole.train.names[3]
    victim.write_bytes(b"")
    data = load(root, resident_mb)
    assert len(data.train) == len(whole.train) - 1
    assert list(data.train.names) == [n for n in whole.train.names if n != whole.train.names[3]]
    (note,) = (n for n in data.notes if "left out" in n)
    assert str(victim) in note
    assert data.fingerprint != whole.fingerprint  # a resume on other pictures is refused
    with pytest.raises(UserError, match="cannot be read"):
        load(root, 10, "error")


def test_more_than_one_in_a_thousand_is_an_error(root: Path) -> None:
    names = load(root).train.names
    for name in names[:2]:
        (root / name).write_bytes(b"")
    with pytest.raises(UserError, match=r"2 of 72 training pictures .* at most 1 in 1,000"):
        load(root)


def test_a_test_picture_is_never_left_out(root: Path) -> None:
    (root / "test/cat/00.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"test/cat/00\.png"):
        load(root)


def test_files_that_stayed_as_they_were_are_not_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(root)
    (manifest,) = (Path.home() / ".cache/cnn-train/manifests").iterdir()
    known = json.loads(manifest.read_text())
    assert len(known) == 72
    assert {reason for _, _, reason in known.values()} == {""}
    read: list[int] = []
    monkeypatch.setattr(
        "cnn_cli.data.manifest.unreadable", lambda split, _: read.append(len(split)) or []
    )
    load(root)
    assert read == []
    victim = next(iter(known))
    Path(victim).write_bytes(Path(victim).read_bytes() + b" ")
    load(root)
    assert read == [1]
    manifest.write_text("{")
    load(root)
    assert read == [1, 72]

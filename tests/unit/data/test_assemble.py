"""A data set's fingerprint and notes."""

import numpy as np
import pytest
import torch

from cnn_cli.data.assemble import Pictures, fingerprint, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.selection import Selection

PIXELS = np.arange(12, dtype=np.uint8)


@pytest.mark.parametrize(
    ("classes", "content"),
    [
        (("a", "c"), [PIXELS]),
        (("ab",), [PIXELS]),
        (("a", "b"), [PIXELS[::-1]]),
        (("a", "b"), [PIXELS[:-1]]),
        (("a", "b"), [PIXELS.reshape(3, 4)]),
        (("a", "b"), [PIXELS.astype(np.int64)]),
        (("a", "b"), [PIXELS, PIXELS]),
    ],
)
def test_a_fingerprint_changes_with_everything(
    classes: tuple[str, ...], content: list[np.ndarray]
) -> None:
    assert fingerprint(classes, content) != fingerprint(("a", "b"), [PIXELS])


def test_a_fingerprint_depends_on_values_not_on_memory() -> None:
    strided = np.repeat(PIXELS, 2)[::2]
    assert fingerprint(("a", "b"), [strided]) == fingerprint(("a", "b"), [PIXELS])
    assert len(fingerprint((), [])) == 64


def load(limit: int | None = None, size: int = 4, changed: int = 0) -> Dataset:
    images = torch.arange(20 * 16, dtype=torch.int64).to(torch.uint8).view(20, 1, 4, 4)
    images[3] += changed
    raw = Pictures(images, torch.arange(20) % 2, [f"x/{i}" for i in range(20)])
    train, val = raw.cut(4, "test")
    parts = {"train": train, "val": val, "test": raw.part(torch.arange(0))}
    chosen = Selection(limit=limit)
    return resident_dataset("x", ("a", "b"), parts, Preprocessing(1, size), chosen, ["a note"])


def test_parts_keep_pictures_labels_and_names_together() -> None:
    data = load()
    for split in (data.train, data.val):
        batch = split.take(torch.arange(len(split)))
        for image, label, name in zip(batch.images, batch.labels, split.names, strict=True):
            index = int(name.removeprefix("x/"))
            assert label == index % 2
            assert image[0, 0, 0] == index * 16 % 256
    assert len(data.test) == 0


def test_the_limit_is_noted_after_the_other_notes() -> None:
    assert load().notes == ("a note",)
    assert load(2).notes == ("a note", "dataset.limit=2 takes 2 of 16 train, 2 of 4 val pictures")
    assert len(load(2).train) == 2


def test_the_fingerprint_is_of_the_data_not_of_its_form() -> None:
    assert load().fingerprint == load(size=8).fingerprint
    assert load().fingerprint != load(changed=1).fingerprint
    assert load().fingerprint != load(2).fingerprint

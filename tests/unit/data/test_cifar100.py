"""CIFAR-100 in small: either kind of class."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_cli.data import cifar
from cnn_cli.data.cifar import cifar100
from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.selection import ALL

CLASSES = [f"class{i}" for i in range(10)]


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 3072), dtype=np.uint8)


def test_cifar_100_has_fine_and_coarse_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "CIFAR100", replace(cifar.CIFAR100, urls=()))
    folder = Path("mine") / cifar.CIFAR100.folder
    folder.mkdir(parents=True)
    fine, coarse = [i % 10 for i in range(20)], [i % 2 for i in range(20)]
    for name, seed in (("train", 0), ("test", 1)):
        batch = {"data": pixels(seed), "fine_labels": fine, "coarse_labels": coarse}
        (folder / name).write_bytes(pickle.dumps(batch))
    names = {"fine_label_names": CLASSES, "coarse_label_names": ["fish", "tree"]}
    (folder / "meta").write_bytes(pickle.dumps(names))
    form = Preprocessing(channels=3, size=32)
    options = {"root": "mine", "url": None, "verify": False, "val_fraction": 0.5, "selection": ALL}
    few = cifar100(form, labels="coarse", **options)  # type: ignore[arg-type]
    many = cifar100(form, labels="fine", **options)  # type: ignore[arg-type]
    assert (few.classes, many.classes) == (("fish", "tree"), tuple(CLASSES))
    assert [len(part) for part in (few.train, few.val, few.test)] == [10, 10, 20]
    test = many.test.take(torch.arange(20))
    assert np.array_equal(test.images.numpy(), pixels(1).reshape(-1, 3, 32, 32))
    assert test.labels.tolist() == fine
    assert few.test.labels.tolist() == coarse
    assert few.fingerprint != many.fingerprint

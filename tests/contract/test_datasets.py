"""What every data set of configs/dataset must do, at its defaults."""

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from scipy.io import savemat

from cnn_cli import build, inputs
from cnn_cli.data.contract import Dataset, Split, Window
from cnn_cli.data.plan import Plan
from cnn_cli.data.statistics import measure
from cnn_cli.errors import UserError
from cnn_cli.sections import DatasetFacts

CONFIGS = Path(__file__).parents[2] / "configs" / "dataset"
DATASETS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
PARTS = ("train", "val", "test")

every_dataset = pytest.mark.parametrize("name", DATASETS)
every_part = pytest.mark.parametrize("part", PARTS)


def small_cifar10(root: Path) -> dict[str, Any]:
    """Ten pictures a batch, which are no original ones."""
    root.mkdir()
    source = np.random.default_rng(0)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        pixels = source.integers(0, 256, (10, 3072), dtype=np.uint8)
        (root / name).write_bytes(pickle.dumps({"data": pixels, "labels": list(range(10))}))
    (root / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    return {"root": str(root), "verify": False}


def small_folder(root: Path) -> dict[str, Any]:
    source = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for index in range(12):
            pixels = source.integers(0, 256, (9, 11, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return {"root": str(root)}


def small_mnist(root: Path) -> dict[str, Any]:
    """Twenty pictures a part, in the files of MNIST and its successors."""
    root.mkdir()
    source = np.random.default_rng(0)
    for part in ("train", "t10k"):
        pixels = source.integers(0, 256, (20, 28, 28), dtype=np.uint8)
        for kind, array in (("images-idx3", pixels), ("labels-idx1", np.arange(20) % 10)):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (root / f"{part}-{kind}-ubyte").write_bytes(head + array.astype(np.uint8).tobytes())
    return {"root": str(root), "verify": False}


def small_cifar100(root: Path) -> dict[str, Any]:
    """Two pictures a class, which are no original ones."""
    root.mkdir()
    source = np.random.default_rng(0)
    labels = [index % 100 for index in range(200)]
    for name in ("train", "test"):
        pixels = source.integers(0, 256, (200, 3072), dtype=np.uint8)
        batch = {"data": pixels, "fine_labels": labels, "coarse_labels": labels}
        (root / name).write_bytes(pickle.dumps(batch))
    names = [f"class {index}" for index in range(100)]
    meta = {"fine_label_names": names, "coarse_label_names": names}
    (root / "meta").write_bytes(pickle.dumps(meta))
    return {"root": str(root), "verify": False}


def small_emnist(root: Path) -> dict[str, Any]:
    """Three pictures a class of the balanced set."""
    root.mkdir()
    source = np.random.default_rng(0)
    for part in ("train", "test"):
        pixels = source.integers(0, 256, (141, 28, 28), dtype=np.uint8)
        for kind, array in (("images-idx3", pixels), ("labels-idx1", np.arange(141) % 47)):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = head + array.astype(np.uint8).tobytes()
            (root / f"emnist-balanced-{part}-{kind}-ubyte").write_bytes(content)
    return {"root": str(root), "verify": False}


def small_stl10(root: Path) -> dict[str, Any]:
    root.mkdir()
    source = np.random.default_rng(0)
    for part in ("train", "test"):
        source.integers(0, 256, (20, 3, 96, 96), dtype=np.uint8).tofile(root / f"{part}_X.bin")
        (np.arange(20) % 10 + 1).astype(np.uint8).tofile(root / f"{part}_y.bin")
    (root / "class_names.txt").write_text("\n".join("abcdefghij"))
    return {"root": str(root), "verify": False}


def small_svhn(root: Path) -> dict[str, Any]:
    root.mkdir()
    source = np.random.default_rng(0)
    for part in ("train", "test"):
        pixels = source.integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)
        labels = (np.arange(20) % 10 + 1).astype(np.uint8)[:, None]
        savemat(root / f"{part}_32x32.mat", {"X": pixels, "y": labels})
    return {"root": str(root), "verify": False}


def small_table(root: Path) -> dict[str, Any]:
    small_folder(root)
    paths = sorted(path.relative_to(root) for path in root.rglob("*.png"))
    lines = ["path,label", *(f"{path},{path.parent}" for path in paths)]
    (root / "table.csv").write_text("\n".join(lines))
    return {"file": str(root / "table.csv")}


SOURCES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "cifar10": small_cifar10,
    "cifar100": small_cifar100,
    "emnist": small_emnist,
    "stl10": small_stl10,
    "svhn": small_svhn,
    "csv": small_table,
    "image_folder": small_folder,
    **dict.fromkeys(("mnist", "fashion_mnist", "kmnist"), small_mnist),
}
"""For data that does not come with the package: what writes a small copy and names it."""


def node(name: str, root: Path, **changed: Any) -> dict[str, Any]:
    loaded = OmegaConf.load(CONFIGS / f"{name}.yaml")
    there = root / name
    if name in SOURCES and not there.exists():
        loaded = OmegaConf.merge(loaded, SOURCES[name](there))
    elif name in SOURCES:
        place = {"file": str(there / "table.csv")} if name == "csv" else {"root": str(there)}
        loaded = OmegaConf.merge(loaded, place)
        loaded = OmegaConf.merge(loaded, {"verify": False} if "verify" in loaded else {})
    whole = OmegaConf.to_container(OmegaConf.merge(loaded, changed), throw_on_missing=True)
    assert isinstance(whole, dict)
    return {str(key): value for key, value in whole.items()}


def load(name: str, root: Path, **changed: Any) -> Dataset:
    chosen = node(name, root, **changed)
    return build.dataset(chosen, inputs.preprocessing(chosen), workers=0, trust=())


def plan(split: Split, size: int = 7) -> Plan:
    return Plan(len(split), size, shuffle=False)


def test_there_are_data_sets() -> None:
    assert {"digits", "shapes", "cifar10", "image_folder"} <= set(DATASETS)


@every_dataset
def test_the_facts_for_other_groups_are_stated(name: str, tmp_path: Path) -> None:
    facts = DatasetFacts.__dataclass_fields__
    assert set(facts) <= set(node(name, tmp_path))


@every_dataset
@every_part
def test_batches_have_the_form_of_the_contract(name: str, part: str, tmp_path: Path) -> None:
    chosen = node(name, tmp_path)
    form = inputs.preprocessing(chosen)
    data = load(name, tmp_path)
    split = getattr(data, part)
    assert len(split) == len(split.labels) == len(split.names) > 0
    assert split.labels.dtype == torch.int64
    assert set(split.labels.tolist()) <= set(range(len(data.classes)))
    batches = list(split.batches(plan(split)))
    assert sum(len(batch.labels) for batch in batches) == len(split)
    for step, batch in enumerate(batches):
        assert batch.step == step
        assert batch.images.dtype == torch.uint8
        assert batch.images.shape == (len(batch.labels), form.channels, form.size, form.size)
    assert torch.equal(torch.cat([batch.labels for batch in batches]), split.labels)


@every_dataset
def test_take_gives_what_batches_give(name: str, tmp_path: Path) -> None:
    split = load(name, tmp_path).test
    first = next(split.batches(plan(split)))
    taken = split.take(torch.arange(len(first.labels)))
    assert torch.equal(taken.images, first.images)
    assert torch.equal(taken.labels, first.labels)


@every_dataset
def test_no_picture_is_in_two_parts(name: str, tmp_path: Path) -> None:
    data = load(name, tmp_path)
    names = [name for part in PARTS for name in getattr(data, part).names]
    assert len(names) == len(set(names))


@every_dataset
def test_every_class_can_be_learned_and_tested(name: str, tmp_path: Path) -> None:
    data = load(name, tmp_path)
    assert len(set(data.classes)) == len(data.classes) >= 2
    for part in PARTS:
        assert len(getattr(data, part).labels.unique()) == len(data.classes)


@every_dataset
def test_a_second_loading_is_the_same_whatever_the_state_of_torch(
    name: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    first = load(name, tmp_path)
    torch.manual_seed(2)
    state = torch.default_generator.get_state()
    second = load(name, tmp_path)
    assert torch.equal(torch.default_generator.get_state(), state)
    assert first.fingerprint == second.fingerprint
    for part in PARTS:
        assert list(getattr(first, part).names) == list(getattr(second, part).names)


@every_dataset
@pytest.mark.parametrize(("channels", "size"), [(1, 12), (3, 10)])
def test_any_form_can_be_asked_for(name: str, channels: int, size: int, tmp_path: Path) -> None:
    """As `evaluate` does, which shows any data to a model in the model's own form."""
    data = load(name, tmp_path, channels=channels, size=size, mean=None, std=None)
    assert data.test.take(torch.arange(2)).images.shape == (2, channels, size, size)


@every_dataset
@pytest.mark.parametrize(("limit", "sizes"), [(1, [1, 1, 1]), (1.0, None), (3, [3, 3, 3])])
def test_a_limit_is_taken_of_each_part(
    name: str, limit: float, sizes: list[int] | None, tmp_path: Path
) -> None:
    whole = [len(getattr(load(name, tmp_path), part)) for part in PARTS]
    data = load(name, tmp_path, limit=limit)
    assert [len(getattr(data, part)) for part in PARTS] == [
        min(a, b) for a, b in zip(whole, sizes or whole, strict=True)
    ]
    assert any("dataset.limit" in note for note in data.notes) is (sizes is not None)


@every_dataset
def test_without_validation_there_is_none(name: str, tmp_path: Path) -> None:
    assert len(load(name, tmp_path, val_fraction=0.0).val) == 0


@every_dataset
def test_a_split_that_crops_cuts_where_it_is_told(name: str, tmp_path: Path) -> None:
    split = load(name, tmp_path).train
    if not split.crops:
        return
    corner = Window(1, "zero", lambda _step, n: torch.zeros(n, 2, dtype=torch.int64))
    cropped = next(split.batches(plan(split), 0, corner)).images
    whole = next(split.batches(plan(split))).images
    assert torch.equal(cropped[..., 1:, 1:], whole[..., :-1, :-1])
    assert not cropped[..., 0, :].any()


@every_dataset
def test_stated_means_are_those_of_the_pictures(name: str, tmp_path: Path) -> None:
    form = inputs.preprocessing(node(name, tmp_path))
    if name in SOURCES or form.mean is None or form.std is None:
        return  # the small copy has other pictures; null is measured anyway
    bare = inputs.preprocessing(node(name, tmp_path, mean=None, std=None))
    mean, std = measure(load(name, tmp_path).train, bare)
    assert form.mean == pytest.approx(mean, abs=2e-3)
    assert form.std == pytest.approx(std, abs=2e-3)


@every_dataset
def test_wrong_values_are_refused_by_their_key(name: str, tmp_path: Path) -> None:
    for key, value in (("val_fraction", 1.0), ("val_fraction", -0.1), ("limit", 0), ("size", 0)):
        with pytest.raises(UserError, match=rf"dataset.{key}"):
            load(name, tmp_path, **{key: value})

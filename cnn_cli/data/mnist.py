"""MNIST and its successors: 28x28 grey pictures, 60,000 to learn from and 10,000 for the test."""

from pathlib import Path

import torch

from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.idx import Bytes, read_idx
from cnn_cli.data.mnist_files import TEST, TRAIN, Origin, obtain
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import ProperFraction

MNIST = Origin(
    name="MNIST",
    folder="MNIST/raw",
    urls=("https://ossci-datasets.s3.amazonaws.com/mnist", "http://yann.lecun.com/exdb/mnist"),
    packed={
        TRAIN[0]: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        TRAIN[1]: "d53e105ee54ea40749a09fcbcd1e9432",
        TEST[0]: "9fb629c4189551a2d022fa330f9573f3",
        TEST[1]: "ec29112dd5afa0611ce80d1b7f02629c",
    },
    content={
        TRAIN[0]: "6bbc9ace898e44ae57da46a324031adb",
        TRAIN[1]: "a25bea736e30d166cdddb491f175f624",
        TEST[0]: "2646ac647ad5339dbf082846283269ea",
        TEST[1]: "27ae3e4e09519cfbb04c329615203637",
    },
)
FASHION_MNIST = Origin(
    name="Fashion-MNIST",
    folder="FashionMNIST/raw",
    urls=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",),
    packed={
        TRAIN[0]: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        TRAIN[1]: "25c81989df183df01b3e8a0aad5dffbe",
        TEST[0]: "bef4ecab320f06d8554ea6380940ec79",
        TEST[1]: "bb300cfdad3c16e7a12a480ee83cd310",
    },
    content={
        TRAIN[0]: "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        TRAIN[1]: "9018921c3c673c538a1fc5bad174d6f9",
        TEST[0]: "8181f5470baa50b63fa0f6fddb340f0a",
        TEST[1]: "15d484375f8d13e6eb1aabb0c3f46965",
    },
    elsewhere=(Path("/usr/share/datasets/fashion-mnist"),),  # Debian's dataset-fashion-mnist
)
KMNIST = Origin(
    name="KMNIST",
    folder="KMNIST/raw",
    urls=("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
    packed={
        TRAIN[0]: "bdb82020997e1d708af4cf47b453dcf7",
        TRAIN[1]: "e144d726b3acfaa3e44228e80efcd344",
        TEST[0]: "5c965bf0a639b31b8f53240b1b52f4d7",
        TEST[1]: "7320c461ea6c1c855c0b718fb2a4b134",
    },
    content={},
)
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def mnist(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """Handwritten digits (LeCun et al. 1998) from `root`, a usual place, or downloaded to `root`.

    `url` is a folder on the network in place of the known ones. With `verify` the files must hold
    their original bytes; without, others are accepted and a note says so. `val_fraction` in [0, 1)
    of the training pictures is validation. Raises UserError where the data is absent or damaged.
    """
    classes = tuple("0123456789")
    return _load("mnist", MNIST, classes, preprocessing, root, url, verify, val_fraction, selection)


def fashion_mnist(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """Articles of clothing (Xiao et al. 2017); arguments and errors as those of `mnist`."""
    name, origin = "fashion_mnist", FASHION_MNIST
    return _load(name, origin, CLOTHES, preprocessing, root, url, verify, val_fraction, selection)


def kmnist(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """Cursive Japanese characters (Clanuwat et al. 2018); arguments and errors as of `mnist`."""
    return _load("kmnist", KMNIST, KANA, preprocessing, root, url, verify, val_fraction, selection)


def _load(
    name: str,
    origin: Origin,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: float,
    selection: Selection,
) -> Dataset:
    files, notes = obtain(origin, Path(root).expanduser(), url, verify)
    whole, test = (
        read_pictures(files[images], files[labels], which, len(classes))
        for which, (images, labels) in (("train", TRAIN), ("test", TEST))
    )
    few = too_small(whole.labels, classes, 2 if val_fraction > 0 else 1)
    if few:
        raise UserError(f"dataset.root: {files[TRAIN[1]]} has too little of {', '.join(few)}")
    train, val = whole.cut(share(len(whole.labels), val_fraction), f"{name}/val")
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset(name, classes, parts, preprocessing, selection, notes)


def read_pictures(images: Path, labels: Path, which: str, classes: int, first: int = 0) -> Pictures:
    """The pictures of two IDX files, plain or .gz, named which/00000 and so on.

    Classes are numbered from `first` in the file, from 0 in what is given. Raises UserError where
    the files are damaged or do not fit together.
    """
    pixels, numbers = _content(images, 3), _content(labels, 1)
    if len(pixels) != len(numbers):
        raise UserError(f"dataset.root: {images} and {labels} have different numbers of pictures")
    last = first + classes - 1
    if len(numbers) == 0 or numbers.min() < first or numbers.max() > last:
        raise UserError(f"dataset.root: {labels} has labels outside {first} .. {last}")
    names = [f"{which}/{index:05d}" for index in range(len(numbers))]
    values = torch.tensor(numbers, dtype=torch.int64) - first
    return Pictures(torch.tensor(pixels)[:, None], values, names)


def _content(path: Path, dimensions: int) -> Bytes:
    try:
        return read_idx(path, dimensions)
    except (OSError, ValueError) as error:
        raise UserError(f"dataset.root: {path} cannot be read: {error}") from error

"""Every picture looked at: unreadable files, equal ones, nearly equal ones."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.inspection import NEAR, _small, inspect, labels_of
from cnn_cli.data.resident import Resident

FORM = Preprocessing(3, 32)


def pictures(n: int, seed: int) -> Tensor:
    """Smooth random pictures, as photographs are: each unlike all others."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 6, 6, generator=draw)
    fine = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic")
    return (fine.clamp(0, 1) * 255).to(torch.uint8)


def resident(images: Tensor) -> Resident:
    return Resident(images, torch.arange(len(images)) % 3, [f"{i}" for i in range(len(images))])


def dataset(train: Tensor, val: Tensor, test: Tensor) -> Dataset:
    return Dataset("x", ("a", "b", "c"), resident(train), resident(val), resident(test), "")


def silent(_: int) -> None:
    pass


def test_nothing_is_found_in_different_pictures() -> None:
    done = []
    found = inspect(dataset(pictures(300, 0), pictures(70, 1), pictures(100, 2)), done.append)
    assert (found.unreadable, found.exact, found.near, found.leaks) == ((), (), (), ())
    assert found.counts == {"train": 300, "val": 70, "test": 100}
    assert sum(done) == 470


def test_equal_pictures_are_grouped_and_leaks_told_apart() -> None:
    train, val, test = pictures(90, 0), pictures(20, 1), pictures(30, 2)
    train[5], train[80] = train[7], train[7]
    test[3], val[2] = train[11], train[11]
    data = dataset(train, val, test)
    found = inspect(data, silent)
    assert set(found.exact) == {
        (("train", 5), ("train", 7), ("train", 80)),
        (("train", 11), ("val", 2), ("test", 3)),
    }
    assert found.leaks == ((("train", 11), ("val", 2), ("test", 3)),)
    assert labels_of(data, found.exact[0]) == {1, 2}
    assert found.near == ()


@pytest.mark.parametrize("change", ["jpeg", "brighter", "noise", "smaller"])
def test_nearly_equal_pictures_are_found(change: str, tmp_path: Path) -> None:
    train, test = pictures(200, 0), pictures(50, 2)
    source = train[17].permute(1, 2, 0).numpy()
    if change == "jpeg":
        Image.fromarray(source).save(tmp_path / "x.jpg", quality=60)
        with Image.open(tmp_path / "x.jpg") as image:
            other = torch.tensor(list(image.tobytes()), dtype=torch.uint8).view(32, 32, 3)
        test[4] = other.permute(2, 0, 1)
    elif change == "brighter":
        test[4] = (train[17].int() + 2).clamp(max=255).to(torch.uint8)
    elif change == "noise":
        noise = torch.randint(-8, 9, (3, 32, 32), generator=torch.Generator().manual_seed(5))
        test[4] = (train[17].int() + noise).clamp(0, 255).to(torch.uint8)
    else:
        half = torch.nn.functional.interpolate(train[17:18].float(), scale_factor=0.5, mode="area")
        test[4] = torch.nn.functional.interpolate(half, size=(32, 32), mode="bilinear")[0].byte()
    found = inspect(dataset(train, pictures(9, 1), test), silent)
    ((one, other_place, apart),) = found.near
    assert (one, other_place) == (("train", 17), ("test", 4))
    assert 0 < apart <= NEAR


def test_pictures_that_agree_with_too_many_are_counted_and_not_listed() -> None:
    draw = torch.Generator().manual_seed(4)
    blank = torch.randint(100, 104, (100, 3, 32, 32), dtype=torch.uint8, generator=draw)
    train = torch.cat([blank, pictures(30, 0)])
    test = pictures(9, 2)
    test[1] = (train[110].int() + 3).clamp(max=255).to(torch.uint8)
    found = inspect(dataset(train, pictures(9, 1), test), silent)
    assert found.too_uniform == 100
    assert [pair[:2] for pair in found.near] == [(("train", 110), ("test", 1))]


def test_no_pair_is_missed() -> None:
    """Against a comparison of each with each."""
    base = pictures(40, 0)
    draw = torch.Generator().manual_seed(6)
    shifts = torch.randint(-14, 15, (200, 3, 32, 32), generator=draw)
    train = (base.repeat(5, 1, 1, 1).int() + shifts).clamp(0, 255).to(torch.uint8)
    found = inspect(dataset(train, pictures(9, 1), pictures(9, 2)), silent)
    small = _small(train).double()
    apart = (small[:, None] - small[None]).square().mean(dim=(2, 3)).sqrt()
    near = (apart <= NEAR).nonzero().tolist()
    wanted = {(a, b) for a, b in near if a < b}
    assert {(one[1], other[1]) for one, other, _ in found.near} == wanted
    assert len(wanted) > 100


@pytest.mark.parametrize("workers", [0, 2])
def test_every_unreadable_file_is_named_and_the_others_are_compared(
    tmp_path: Path, workers: int
) -> None:
    images = pictures(100, 0)
    paths = [tmp_path / f"{i:03d}.png" for i in range(100)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    paths[66].write_bytes(paths[67].read_bytes()[:200])
    paths[3].write_bytes(b"")
    paths[70].write_bytes(paths[71].read_bytes())
    names = [path.name for path in paths]
    split = Decoded(paths, torch.arange(100) % 3, names, FORM, workers)
    none = Decoded([], torch.empty(0, dtype=torch.int64), [], FORM, 0)
    found = inspect(Dataset("x", ("a", "b", "c"), split, none, none, ""), silent)
    assert [place for place, _ in found.unreadable] == [("train", 3), ("train", 66)]
    assert all(str(paths[i]) in found.unreadable[n][1] for n, i in enumerate((3, 66)))
    assert found.exact == ((("train", 70), ("train", 71)),)

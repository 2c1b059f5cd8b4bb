"""Batches from memory against a picture-by-picture reference."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.data.contract import Fill, Window
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.data.windows import cut, pad

TORCH_MODE = {"reflect": "reflect", "edge": "replicate", "zero": "constant"}


def pictures(n: int = 20, channels: int = 3, height: int = 6, width: int = 5) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return torch.randint(256, (n, channels, height, width), dtype=torch.uint8, generator=source)


def split(n: int = 20, **form: int) -> Resident:
    return Resident(pictures(n, **form), torch.arange(n) % 3, [f"train/{i}" for i in range(n)])


def offsets(step: int, n: int) -> Tensor:
    source = torch.Generator().manual_seed(step)
    return torch.randint(0, 2 * 2 + 1, (n, 2), generator=source)


def padded_reference(images: Tensor, padding: int, fill: Fill) -> Tensor:
    whole = F.pad(images.float(), (padding,) * 4, mode=TORCH_MODE[fill])
    return whole.to(torch.uint8)


@pytest.mark.parametrize("fill", ["reflect", "edge", "zero"])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_padding_is_that_of_torch(fill: Fill, padding: int) -> None:
    images = pictures()
    ours = pad(images.permute(0, 2, 3, 1), padding, fill).permute(0, 3, 1, 2)
    assert torch.equal(ours, padded_reference(images, padding, fill))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", ["reflect", "edge", "zero"])
def test_a_window_cuts_each_picture_at_its_own_place(fill: Fill, channels: int) -> None:
    plan = Plan(20, 8, epochs=2, seed=3)
    data = split(channels=channels)
    whole = padded_reference(pictures(channels=channels), 2, fill)
    batches = list(data.batches(plan, 1, Window(2, fill, offsets)))
    assert [batch.step for batch in batches] == [1, 2, 3]
    for batch in batches:
        for image, index, (top, left) in zip(
            batch.images, plan.indices(batch.step), offsets(batch.step, 8).tolist(), strict=True
        ):
            assert torch.equal(image, whole[index, :, top : top + 6, left : left + 5])


def test_batches_follow_the_plan_from_any_step() -> None:
    plan = Plan(20, 8, epochs=3, seed=5)
    data = split()
    for batch in data.batches(plan, start=2):
        assert torch.equal(batch.images, pictures()[plan.indices(batch.step)])
        assert torch.equal(batch.labels, plan.indices(batch.step) % 3)
    assert [batch.step for batch in data.batches(plan, start=2)] == list(range(2, plan.total))


def test_evaluation_neither_pads_nor_drops() -> None:
    batches = list(split().batches(Plan(20, 8, shuffle=False)))
    assert [len(batch.images) for batch in batches] == [8, 8, 4]
    assert torch.equal(torch.cat([batch.images for batch in batches]), pictures())


def test_batches_are_channels_last_bytes() -> None:
    batch = next(split().batches(Plan(20, 8)))
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_take_gives_pictures_in_the_order_asked_for() -> None:
    batch = split().take(torch.tensor([7, 0, 7]))
    assert torch.equal(batch.images, pictures()[[7, 0, 7]])
    assert batch.labels.tolist() == [1, 0, 1]
    assert batch.step == 0


def test_an_empty_split_has_no_batches() -> None:
    data = split(0)
    assert len(data) == 0
    assert list(data.batches(Plan(0, 8, shuffle=False))) == []


def test_windows_of_every_corner_are_what_slices_are() -> None:
    padded = pictures().permute(0, 2, 3, 1).contiguous()
    last = len(padded) - 1
    places = [(n, top, left) for n in (0, 3, last) for top in range(3) for left in range(2)]
    which, corners = torch.tensor(places)[:, 0], torch.tensor(places)[:, 1:]
    found = cut(padded, (4, 4), which, corners)
    assert found.is_contiguous()
    for window, (n, top, left) in zip(found, places, strict=True):
        assert torch.equal(window, padded[n, top : top + 4, left : left + 4])


def test_an_empty_split_has_no_windows() -> None:
    assert list(split(0).batches(Plan(0, 8, shuffle=False), 0, Window(1, "zero", offsets))) == []


def test_a_picture_too_small_to_reflect_is_refused() -> None:
    with pytest.raises(ValueError, match=r"5x6 pictures have too few pixels to reflect 5"):
        split().batches(Plan(20, 8), 0, Window(5, "reflect", offsets))


def test_a_plan_for_another_set_is_refused() -> None:
    with pytest.raises(ValueError, match=r"plan for 21 pictures cannot order 20"):
        split().batches(Plan(21, 8))


@pytest.mark.parametrize(
    ("images", "labels", "names", "message"),
    [
        (torch.zeros(2, 3, 4, 4), torch.zeros(2).long(), "ab", "must be uint8"),
        (pictures(2), torch.zeros(3).long(), "ab", r"labels must be int64 \(2,\)"),
        (pictures(2), torch.zeros(2), "ab", "labels must be int64"),
        (pictures(2), torch.zeros(2).long(), "abc", "3 names for 2 pictures"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    images: Tensor, labels: Tensor, names: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Resident(images, labels, names)


def test_moving_to_the_same_device_copies_nothing() -> None:
    data = split()
    assert data.to(torch.device("cpu")) is data


def test_moved_pictures_are_the_same() -> None:
    moved = split().to(torch.device("meta"))
    batch = moved.take(torch.arange(4))
    assert batch.images.device.type == batch.labels.device.type == "meta"
    assert batch.images.shape == (4, 3, 6, 5)
    assert moved.labels.device.type == "cpu"

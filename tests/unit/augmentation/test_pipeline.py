import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.augmentation.geometry import (
    AlternatingFlip,
    HorizontalFlip,
    PaddedCrop,
    Rotation,
)
from cnn_cli.augmentation.pipeline import Augmentation, Op
from cnn_cli.augmentation.policies import RandAugment
from cnn_cli.data.plan import Plan
from cnn_cli.rng import generator

CROP, FLIP, TURN = PaddedCrop(2, "reflect"), HorizontalFlip(True, 0.5), Rotation(20.0, "edge")
OPS: dict[str, Op] = {"crop": CROP, "flip": FLIP, "rotation": TURN}


def pictures(n: int = 16, size: int = 8) -> Tensor:
    numbers = torch.Generator().manual_seed(1)
    images = torch.randint(256, (n, 3, size, size), dtype=torch.uint8, generator=numbers)
    return images.contiguous(memory_format=torch.channels_last)


def targets(n: int = 16) -> Tensor:
    return F.one_hot(torch.arange(n) % 3, 3).float()


def test_it_is_the_ops_one_after_another_on_numbers_of_their_own() -> None:
    images = pictures()
    out, _ = Augmentation(OPS, seed=5)(images, targets(), step=7, cropped=False)
    for name, op in OPS.items():
        if name == "rotation":
            images = images / 255
        params = op.draw(generator(5, f"augment/{name}", 7), 16, 8)
        images, _ = op.apply(images, targets(), params)
    assert torch.equal(out, images)


def test_a_crop_by_the_source_gives_the_same_pictures() -> None:
    augmentation, images = Augmentation(OPS, seed=3), pictures()
    window = augmentation.window(8)
    assert window is not None
    assert (window.padding, window.fill) == (2, "reflect")
    cut, _ = PaddedCrop(window.padding, window.fill).apply(
        images, targets(), window.offsets(4, len(images))
    )
    ours, _ = augmentation(cut, targets(), step=4, cropped=True)
    whole, _ = augmentation(images, targets(), step=4, cropped=False)
    assert torch.equal(ours, whole)


def test_only_a_leading_crop_is_a_window() -> None:
    assert Augmentation({}, 0).window(8) is None
    assert Augmentation({"flip": FLIP, "crop": CROP}, 0).window(8) is None
    assert Augmentation({"crop": PaddedCrop(0, "zero"), "flip": FLIP}, 0).window(8) is None
    late = Augmentation({"flip": FLIP, "crop": CROP}, 0)
    images, _ = late(pictures(), targets(), step=0, cropped=True)
    flipped, _ = Augmentation({"flip": FLIP}, 0)(pictures(), targets(), step=0, cropped=False)
    assert not torch.equal(images, flipped)


def test_one_op_draws_the_same_whatever_the_others_do() -> None:
    alone, _ = Augmentation({"flip": FLIP}, 1)(pictures(), targets(), step=2, cropped=False)
    both = Augmentation({"crop": CROP, "flip": FLIP}, 1)
    joined, _ = both(pictures(), targets(), step=2, cropped=True)
    assert torch.equal(alone, joined)


def test_pictures_stay_bytes_until_an_op_needs_floats() -> None:
    flipped, _ = Augmentation({"flip": FLIP}, 0)(pictures(), targets(), step=0, cropped=False)
    assert flipped.dtype == torch.uint8
    turned, _ = Augmentation({"t": TURN, "flip": FLIP}, 0)(
        pictures(), targets(), step=0, cropped=False
    )
    assert turned.dtype == torch.float32
    assert 0 <= turned.min() < turned.max() <= 1


def test_inactive_ops_are_left_out() -> None:
    off = {"crop": PaddedCrop(0, "zero"), "flip": HorizontalFlip(False, 0.5)}
    augmentation = Augmentation({**off, "rotation": TURN}, 0)
    assert list(augmentation.ops) == ["rotation"]


def test_nothing_to_do_gives_the_very_pictures() -> None:
    images, labels = pictures(), targets()
    out, same = Augmentation({}, 0)(images, labels, step=0, cropped=True)
    assert out is images
    assert same is labels


def test_pictures_too_small_for_the_padding_are_refused_before_the_work() -> None:
    with pytest.raises(ValueError, match="use at most 1"):
        Augmentation(OPS, 0).window(2)


def test_an_op_works_until_its_share_of_training() -> None:
    augmentation = Augmentation(OPS, 0, until={"flip": 0.9})
    without = Augmentation({name: op for name, op in OPS.items() if name != "flip"}, 0)
    for step, on in ((16, True), (17, True), (18, False), (19, False)):  # of 20
        out, _ = augmentation(pictures(), targets(), step, False, step / 20)
        plain, _ = without(pictures(), targets(), step, False)
        assert torch.equal(out, plain) is not on


def test_an_op_until_0_is_left_out_and_one_until_1_is_as_without() -> None:
    augmentation = Augmentation(OPS, 0, until={"crop": 0, "flip": 1})
    assert list(augmentation.ops) == ["flip", "rotation"]
    assert augmentation.until == {}


def test_a_source_does_not_perform_a_crop_that_stops() -> None:
    augmentation = Augmentation({"crop": CROP}, 0, until={"crop": 0.5})
    assert augmentation.window(8) is None
    assert augmentation(pictures(), targets(), 3, False, 0.5)[0].equal(pictures())
    with pytest.raises(ValueError, match="use at most 1"):
        augmentation.window(2)


def test_floats_reach_a_policy_as_well() -> None:
    policy = RandAugment(
        without=(), rotate=30.0, shear=0.3, translate=0.4, enhance=0.9, posterize=4, fill="zero",
        layers=2, magnitude=9,
    )  # fmt: skip
    out, _ = Augmentation({"t": TURN, "r": policy}, 0)(pictures(), targets(), 0, False)
    assert out.dtype == torch.float32
    assert 0 <= out.min() < out.max() <= 1


def test_flips_alternate_picture_by_picture() -> None:
    """Every picture is mirrored in one of two epochs that follow, half of them in the first."""
    plan = Plan(200, 20, epochs=4, seed=3)
    augmentation = Augmentation({"flip": AlternatingFlip(enabled=True)}, 3, plan=plan)
    mirrored = torch.zeros(4, 200, dtype=torch.bool)
    for step in range(plan.total):
        params = augmentation.draw("flip", step, 20, size=8)
        mirrored[plan.epoch(step), plan.indices(step)] = params[:, 0]
    assert torch.equal(mirrored[0], ~mirrored[1])
    assert torch.equal(mirrored[0], mirrored[2])
    assert 70 < mirrored[0].sum() < 130
    again = Augmentation({"flip": AlternatingFlip(enabled=True)}, 3, plan=plan)
    assert torch.equal(
        again.draw("flip", 27, 20, size=8), augmentation.draw("flip", 27, 20, size=8)
    )


def test_flips_without_a_plan_are_drawn_anew() -> None:
    augmentation = Augmentation({"flip": AlternatingFlip(enabled=True)}, 0)
    draws = [augmentation.draw("flip", step, 50, size=8) for step in range(2)]
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], ~draws[1])


def test_an_alternating_flip_mirrors() -> None:
    images = pictures()
    params = torch.zeros(len(images), 1, dtype=torch.bool)
    params[1] = True
    out, _ = AlternatingFlip(enabled=True).apply(images, targets(), params)
    assert torch.equal(out[1], images[1].flip(2))
    assert torch.equal(out[0], images[0])
    assert not AlternatingFlip(enabled=False).active

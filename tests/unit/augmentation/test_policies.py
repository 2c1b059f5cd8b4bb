from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from cnn_cli.augmentation.policies import LEVELS, Policy, RandAugment, TrivialAugment
from cnn_cli.augmentation.policy_ops import Kind, apply_kind

KINDS = get_args(Kind)
N = 40


def trivial(**changes: Any) -> TrivialAugment:
    settings = {"without": (), "rotate": 135.0, "shear": 0.99, "translate": 32}
    return TrivialAugment(
        **(settings | {"enhance": 0.99, "posterize": 2, "fill": "zero"} | changes)
    )


def rand(**changes: Any) -> RandAugment:
    settings = {"without": (), "rotate": 30.0, "shear": 0.3, "translate": 0.5, "layers": 2}
    given = settings | {"magnitude": 9, "enhance": 0.9, "posterize": 4, "fill": "zero"} | changes
    return RandAugment(**given)


def but(*kinds: Kind) -> tuple[Kind, ...]:
    """All other kinds, to leave out."""
    return tuple(kind for kind in KINDS if kind not in kinds)


def pictures(channels: int = 3) -> Tensor:
    shape = (N, 16, 16, channels)
    numbers = torch.Generator().manual_seed(1)
    images = torch.randint(40, 200, shape, dtype=torch.uint8, generator=numbers)
    return images.permute(0, 3, 1, 2)


def targets() -> Tensor:
    return torch.eye(4).repeat(N // 4, 1)


def numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("op", [trivial(), rand(), rand(layers=3, magnitude=30)])
def test_each_picture_gets_its_own_kinds_one_after_another(op: Policy, channels: int) -> None:
    images = pictures(channels)
    kept = images.clone()
    params = op.draw(numbers(), N, 16)  # type: ignore[attr-defined]
    out, same = op.apply(images, targets(), params)
    for image, changed, row in zip(images, out, params.tolist(), strict=True):
        expected = image[None]
        for kind, strength in zip(row[::2], row[1::2], strict=True):
            one = torch.tensor([strength])
            expected = apply_kind(op.kinds[int(kind)], expected, one, op.fill)
        assert torch.equal(changed, expected[0])
    assert torch.equal(images, kept)
    assert torch.equal(same, targets())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_floats_give_the_same_as_bytes_and_formats_are_kept(
    memory_format: torch.memory_format,
) -> None:
    images = pictures().contiguous(memory_format=memory_format)
    params = trivial().draw(numbers(), N, 16)
    out, _ = trivial().apply(images, targets(), params)
    floats, _ = trivial().apply(images / 255, targets(), params)
    assert out.is_contiguous(memory_format=memory_format)
    assert floats.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(floats, out / 255)


def by_kind(params: Tensor, kind: Kind) -> Tensor:
    """The strengths of all pictures that a policy of one layer gives `kind`."""
    return params[params[:, 0] == KINDS.index(kind), 1]


def test_trivial_draws_every_kind_alike_and_torchvisions_whole_range() -> None:
    from torchvision.transforms.v2 import TrivialAugmentWide

    params = trivial().draw(numbers(), 28_000, 32)
    counts = params[:, 0].long().bincount(minlength=14)
    assert counts.min() > 1800
    assert counts.max() < 2200
    theirs = TrivialAugmentWide._AUGMENTATION_SPACE
    for kind, name in NAMES.items():
        strengths, signed = theirs[name][0](LEVELS + 1, 32, 32).float(), theirs[name][1]
        if kind.startswith("translate"):
            strengths = (strengths + 1e-4).trunc()  # theirs has 15.999999 for 16
        if kind == "solarize":
            strengths = strengths * 255
        values = torch.cat([strengths, -strengths]) if signed else strengths
        if kind in ENHANCED:
            values = 1 + values
        torch.testing.assert_close(
            by_kind(params, kind).unique(), values.unique(), rtol=1e-5, atol=1e-4
        )


NAMES: dict[Kind, str] = {
    "rotate": "Rotate", "solarize": "Solarize", "colour": "Color", "posterize": "Posterize",
    "contrast": "Contrast", "brightness": "Brightness", "sharpness": "Sharpness",
    "shear_x": "ShearX", "shear_y": "ShearY", "translate_x": "TranslateX",
    "translate_y": "TranslateY",
}  # fmt: skip
ENHANCED = ("colour", "contrast", "brightness", "sharpness")


def test_rand_has_one_strength_to_either_side() -> None:
    op = rand(layers=1, magnitude=15)
    params = op.draw(numbers(), 5000, 16)
    expected = {
        "rotate": [-15, 15], "shear_x": [-0.15, 0.15], "translate_y": [-4, 4],
        "brightness": [0.55, 1.45], "posterize": [6], "solarize": [127.5],
    }  # fmt: skip
    for kind, values in expected.items():
        found = by_kind(params, kind).unique()  # type: ignore[arg-type]
        torch.testing.assert_close(found, torch.tensor(values, dtype=torch.float32))


def test_layers_are_drawn_apart() -> None:
    kinds = rand(layers=2).draw(numbers(), 2000, 16)[:, ::2]
    assert (kinds[:, 0] == kinds[:, 1]).float().mean().item() == pytest.approx(1 / 14, abs=0.02)


def test_a_shift_is_never_more_than_the_side() -> None:
    params = trivial(without=but("translate_x")).draw(numbers(), 2000, 10)
    assert params[:, 1].abs().max() == 10


def test_only_the_kinds_chosen_are_used() -> None:
    op = trivial(without=but("identity", "posterize"))
    params = op.draw(numbers(), N, 16)
    out, _ = op.apply(pictures(), targets(), params)
    same = (out == pictures()).flatten(1).all(1)
    assert torch.equal(same, (params[:, 0] == 0) | (params[:, 1] == 8))
    assert 0 < same.sum() < N


def test_no_kind_is_refused_and_identity_alone_is_inactive() -> None:
    with pytest.raises(ValueError, match="without: leaves none"):
        trivial(without=KINDS)
    assert not trivial(without=but("identity")).active
    assert trivial(without=but("identity", "rotate")).active

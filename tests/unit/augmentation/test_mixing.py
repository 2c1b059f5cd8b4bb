import pytest
import torch
from torch import Tensor

from cnn_cli.augmentation.mixing import CutMix, MixUp

N = 7


def pictures() -> Tensor:
    return torch.rand(N, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def targets() -> Tensor:
    return torch.eye(N)


def test_mixup_is_the_weighted_mean_with_the_picture_opposite() -> None:
    op = MixUp(0.4, 1.0)
    params = op.draw(torch.Generator().manual_seed(0), N, 8)
    images, mixed_targets = op.apply(pictures(), targets(), params)
    for i, (weight,) in enumerate(params.tolist()):
        other = N - 1 - i
        expected = weight * pictures()[i] + (1 - weight) * pictures()[other]
        torch.testing.assert_close(images[i], expected)
        torch.testing.assert_close(
            mixed_targets[i], weight * targets()[i] + (1 - weight) * targets()[other]
        )


@pytest.mark.parametrize("as_bytes", [True, False])
def test_cutmix_pastes_a_box_and_mixes_targets_by_its_area(as_bytes: bool) -> None:
    images = (pictures() * 255).to(torch.uint8) if as_bytes else pictures()
    op = CutMix(1.0, 1.0)
    params = op.draw(torch.Generator().manual_seed(0), N, 8)
    mixed, mixed_targets = op.apply(images, targets(), params)
    assert mixed.dtype == images.dtype
    for i, (top, left, bottom, right) in enumerate(params.tolist()):
        expected = images[i].clone()
        box = images[N - 1 - i][:, top:bottom, left:right]
        expected[:, top:bottom, left:right] = box
        assert torch.equal(mixed[i], expected)
        share = (bottom - top) * (right - left) / 64
        torch.testing.assert_close(
            mixed_targets[i], (1 - share) * targets()[i] + share * targets()[N - 1 - i]
        )


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_have_the_variance_of_beta(alpha: float) -> None:
    weights = MixUp(alpha, 1.0).draw(torch.Generator().manual_seed(0), 20_000, 8)
    assert weights.mean().item() == pytest.approx(0.5, abs=0.01)
    assert weights.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


def test_the_share_that_is_mixed_is_the_probability() -> None:
    weights = MixUp(1.0, 0.3).draw(torch.Generator().manual_seed(0), 10_000, 8)
    assert (weights < 1).float().mean().item() == pytest.approx(0.3, abs=0.02)
    boxes = CutMix(1.0, 0.3).draw(torch.Generator().manual_seed(0), 10_000, 32)
    assert boxes.any(dim=1).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_boxes_lie_inside() -> None:
    top, left, bottom, right = CutMix(1.0, 1.0).draw(torch.Generator(), 5000, 9).unbind(1)
    assert min(top.min(), left.min()) == 0
    assert max(bottom.max(), right.max()) == 9
    assert (bottom >= top).all()
    assert (right >= left).all()


def test_no_alpha_or_no_probability_is_inactive() -> None:
    assert not any(op.active for op in (MixUp(0, 1), MixUp(1, 0), CutMix(0, 1), CutMix(1, 0)))
    assert MixUp(0.1, 0.1).active
    assert CutMix(0.1, 0.1).active

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnn_cli.models.trace import Trace


def measured_field(model: nn.Module, size: int) -> int:
    """Side of the area from which a gradient reaches the middle of the output."""
    images = torch.rand(1, 1, size, size, requires_grad=True)
    out = model(images)
    middle = out.shape[-1] // 2
    out[:, :, middle, middle].sum().backward()
    assert images.grad is not None
    rows = images.grad[0, 0].abs().sum(1).nonzero()
    return int(rows.max() - rows.min() + 1)


def traced_field(model: nn.Module, size: int) -> int | None:
    trace = Trace()
    with torch.no_grad(), trace:
        out = model(torch.zeros(1, 1, size, size))
    return trace.field(out).side


class Residual(nn.Module):
    """Paths of unequal width, joined by a sum and by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(1, 1, 5, padding=2)
        self.narrow = nn.Conv2d(1, 1, 3, padding=1)
        self.last = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.elu(self.wide(x) + x)
        return self.last(torch.cat([self.narrow(y), y], dim=1))


@pytest.mark.parametrize(
    ("model", "side"),
    [
        (nn.Conv2d(1, 1, 3), 3),
        (nn.Conv2d(1, 1, 3, dilation=2), 5),
        (nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.Conv2d(2, 1, 3, 1, 1)), 7),
        (nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 1, 5)), 10),
        (nn.Sequential(nn.AvgPool2d(3, 2), nn.Conv2d(1, 1, 3, 2), nn.Conv2d(1, 1, 3)), 15),
        (nn.Sequential(nn.Conv2d(1, 1, (1, 5)), nn.Conv2d(1, 1, (7, 1))), 11),
        (Residual(), 9),
    ],
    ids=["3x3", "dilated", "strided", "pooled", "overlapping", "oblong", "branches"],
)
def test_the_field_is_the_area_that_moves_the_output(model: nn.Module, side: int) -> None:
    torch.manual_seed(0)
    assert traced_field(model, 64) == side
    if side != 11:  # an oblong field is told by the sum of its longest sides
        assert measured_field(model, 64) == side


def test_max_pooling_and_slices_widen_the_steps() -> None:
    class Sliced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(F.max_pool2d(x, 2)[:, :, ::2, ::2])

    assert traced_field(Sliced(), 32) == 2 + 2 * 4


@pytest.mark.parametrize(
    "last",
    [nn.Flatten(), nn.AdaptiveAvgPool2d(1), nn.Upsample(scale_factor=2)],
    ids=["flatten", "average", "resize"],
)
def test_what_is_no_longer_a_map_sees_all(last: nn.Module) -> None:
    assert traced_field(nn.Sequential(nn.Conv2d(1, 1, 3), last), 8) is None


def test_flops_are_those_of_torchs_own_counter() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, 2, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 9, 5)
    )
    images, trace = torch.rand(2, 4, 7, 7), Trace()
    with torch.no_grad(), trace:
        model(images)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images)
    assert trace.flops == counter.get_total_flops() > 0

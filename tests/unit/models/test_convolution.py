from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnn_cli.models import convolution
from cnn_cli.models.convolution import Conv2d, apart, replace, set_side_by_side, side_by_side


def layer(channels: int = 256, out: int = 256, kernel: int = 3, **options: Any) -> Conv2d:
    """Large enough to be computed side by side in float32."""
    torch.manual_seed(0)
    return joining(Conv2d(channels, out, kernel, padding=kernel // 2, **options))


def joining(module: Conv2d) -> Conv2d:
    set_side_by_side(module, True)
    return module


def pictures(many: int, side: int, channels: int = 256) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(many, channels, side, side).contiguous(memory_format=torch.channels_last)


def counted(module: Conv2d, maps: Tensor) -> tuple[Tensor, list[int]]:
    """The result, and how many pictures each convolution was then given."""
    given: list[int] = []
    plain = module._conv_forward

    def noted(maps: Tensor, *rest: Any) -> Tensor:
        given.append(len(maps))
        return plain(maps, *rest)

    module._conv_forward = noted  # type: ignore[method-assign]
    return module(maps), given


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("many", [1, 5, 12, 50])
@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_side_by_side_gives_what_pictures_one_by_one_give(
    stride: int, kernel: int, bias: bool, many: int, side: int
) -> None:
    ours = layer(kernel=kernel, stride=stride, bias=bias)
    plain = nn.Conv2d(256, 256, kernel, stride, kernel // 2, bias=bias)
    plain.load_state_dict(ours.state_dict())
    mine, theirs = (pictures(many, side).requires_grad_() for _ in range(2))
    found, given = counted(ours, mine)
    expected = plain(theirs)
    assert len(given) == 1
    assert given[0] < many or many == 1
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    upstream = torch.randn_like(expected)
    found.backward(upstream)
    expected.backward(upstream)
    assert mine.grad is not None
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    for (name, got), wanted in zip(ours.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(got.grad, wanted.grad, rtol=1e-4, atol=1e-3, msg=name)


def test_wide_and_high_maps_are_told_apart() -> None:
    """What counts is the width: a high map may be side by side with others."""
    maps = torch.randn(6, 256, 9, 2).contiguous(memory_format=torch.channels_last)
    found, given = counted(ours := layer(), maps)
    assert given == [1]
    torch.testing.assert_close(found, nn.Conv2d.forward(ours.eval(), maps), rtol=1e-4, atol=1e-5)
    turned = maps.transpose(2, 3).contiguous(memory_format=torch.channels_last)
    assert counted(layer(), turned)[1] == [6]


def test_bfloat16_takes_maps_up_to_8_pixels_and_fewer_channels() -> None:
    for channels, side, rows in ((64, 4, 1), (64, 8, 6), (128, 7, 2), (128, 8, 2), (128, 9, 6)):
        maps = pictures(6, side, channels)
        with torch.autocast("cpu", torch.bfloat16):
            found, given = counted(layer(channels, channels), maps)
        assert given == [rows], (channels, side)
        assert found.dtype == torch.bfloat16
        with torch.autocast("cpu", torch.bfloat16):
            plain = layer(channels, channels).eval()(maps)
        torch.testing.assert_close(found, plain, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("module", "maps"),
    [
        (layer(channels=128), pictures(6, 2, 128)),
        (layer(), pictures(6, 5)),
        (layer().eval(), pictures(6, 2)),
        (layer(), pictures(6, 2).contiguous()),
        (layer(), pictures(6, 2)[0]),
        (layer(groups=2), pictures(6, 2)),
        (layer(dilation=2), pictures(6, 4)),
        (layer(kernel=1), pictures(6, 2)),
        (layer(padding_mode="circular"), pictures(6, 2)),
        (joining(Conv2d(256, 256, 3)), pictures(6, 4)),
        (joining(Conv2d(256, 256, 2, padding=1)), pictures(6, 2)),
        (joining(Conv2d(256, 256, 3, padding="same")), pictures(6, 2)),
        (layer().double(), pictures(6, 2).double()),
    ],
    ids=[
        "few channels", "wide", "evaluation", "NCHW", "a single picture", "groups", "dilation",
        "1x1", "another padding", "no padding", "even kernel", "padding by name", "float64",
    ],
)  # fmt: skip
def test_what_gains_nothing_or_is_not_known_is_left_alone(module: Conv2d, maps: Tensor) -> None:
    found, given = counted(module, maps)
    assert given == [len(maps)]
    assert torch.equal(found, nn.Conv2d.forward(module, maps))


def test_the_switch_reaches_every_layer() -> None:
    net = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU())
    replace(net)
    first = net[0]
    assert isinstance(first, Conv2d)
    assert counted(first, pictures(6, 2))[1] == [6]
    set_side_by_side(net, True)
    assert counted(first, pictures(6, 2))[1] == [1]


def test_layers_with_nothing_to_gain_stay_as_they_are() -> None:
    depthwise = {"kernel_size": 3, "groups": 4, "padding": 1}
    kinds = {"kernel_size": 1}, {"kernel_size": 3}, depthwise
    net = nn.Sequential(*(nn.Conv2d(4, 4, **kind) for kind in kinds))
    replace(net)
    assert {type(module) for module in net} == {nn.Conv2d}


def test_a_row_of_pictures_of_one_pixel_is_followed_by_another() -> None:
    """What comes back has to be dense, or the next layer would not see that it is NHWC."""
    first, second = layer(), layer()
    for side in (1, 2, 4):
        found, given = counted(first, pictures(12, side))
        assert given == [1]
        assert counted(second, found)[1] == [1], side


@pytest.mark.parametrize(
    ("channels", "dtype", "wanted"),
    [(32, torch.bfloat16, None), (64, torch.bfloat16, True), (64, torch.float32, None),
     (256, torch.float32, True), (256, torch.float64, None)],
)  # fmt: skip
def test_whether_any_layer_may_gain_is_told(channels: int, dtype: Any, wanted: bool | None) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(channels, channels, 3, padding=1))
    replace(net)
    assert convolution.may_join(net, dtype) is (None if wanted is None else False)
    set_side_by_side(net, True)
    assert convolution.may_join(net, dtype) is wanted


def test_subclasses_stay_what_they_are_and_names_stay() -> None:
    class Own(nn.Conv2d):
        pass

    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), Own(1, 1, 3, padding=1))
    names = list(net.state_dict())
    replace(net)
    assert [type(module) for module in net] == [Conv2d, Own]
    assert list(net.state_dict()) == names


@pytest.mark.parametrize(("many", "count"), [(1, 1), (4, 2), (5, 2), (7, 3), (2, 5)])
def test_between_pictures_is_nothing_and_they_come_back_as_they_were(many: int, count: int) -> None:
    maps = pictures(many, 3, 2)
    wide = side_by_side(maps, count, 5)
    assert wide.shape == (-(-many // count), 2, 3, 5 * count)
    assert wide.is_contiguous(memory_format=torch.channels_last)
    assert apart(wide, many, count, 3).is_contiguous(memory_format=torch.channels_last)
    for column in range(5 * count):
        if column % 5 >= 3:
            assert not wide[..., column].any()
    assert torch.equal(apart(wide, many, count, 3), maps)


def test_only_memory_that_is_set_gets_into_a_gradient() -> None:
    """The columns between pictures have gradients of their own, which count for nothing."""
    ours = layer()
    found, _ = counted(ours, pictures(5, 3))
    found.sum().backward()
    plain = nn.Conv2d.forward(twin := layer().eval(), pictures(5, 3))
    plain.sum().backward()
    assert ours.bias is not None
    assert twin.bias is not None
    torch.testing.assert_close(ours.bias.grad, twin.bias.grad)


def test_rules_are_in_order_of_width() -> None:
    """The first that is wide enough decides."""
    for rules in convolution.PAYS.values():
        widths = [widest for widest, _, _ in rules]
        assert widths == sorted(widths)


@pytest.mark.parametrize("groups", [1, 32])
def test_the_gradient_of_a_kernel_that_sees_padding_alone_is_zero_there(groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 32, 3, stride=2, padding=1, groups=groups)
    replace(nn.Sequential(layer))
    for _ in range(3):
        layer.weight.grad = None
        for size in (9 << 10, 1 << 18, 1 << 20):  # what is freed is what is found in memory
            del (garbage := {"x": torch.full((size,), 1e20)})["x"]
        with torch.autocast("cpu", torch.bfloat16):
            made = layer(torch.randn(16, 32, 1, 1))
        made.float().sum().backward()
        assert layer.weight.grad is not None
        around = layer.weight.grad.clone()
        around[:, :, 1, 1] = 0
        assert not garbage
        assert not around.any()


def test_only_what_a_stride_leaves_one_row_or_column_of_is_in_float32() -> None:
    layers = [nn.Conv2d(4, 4, 3, stride=stride, padding=1) for stride in (1, 2)]
    replace(nn.Sequential(*layers))
    with torch.autocast("cpu", torch.bfloat16):
        assert layers[1](torch.rand(1, 4, 1, 1)).dtype == torch.float32
        assert layers[1](torch.rand(1, 4, 2, 5)).dtype == torch.float32
        assert layers[1](torch.rand(1, 4, 2, 2)).dtype == torch.bfloat16
        assert layers[1](torch.rand(1, 4, 3, 3)).dtype == torch.bfloat16
        uncovered = Conv2d(4, 4, 2, 2, "valid")
        assert uncovered(torch.rand(1, 4, 6, 3)).dtype == torch.float32
        assert uncovered(torch.rand(1, 4, 6, 4)).dtype == torch.bfloat16
        assert Conv2d(4, 4, 2, (1, 2))(torch.rand(1, 4, 3, 3)).dtype == torch.float32
        assert layers[0](torch.rand(1, 4, 1, 1)).dtype == torch.bfloat16
    assert layers[1](torch.rand(1, 4, 1, 1)).dtype == torch.float32


@pytest.mark.parametrize(
    ("kernel", "stride", "groups", "exact"),
    [(3, 1, 8, False), (3, 2, 8, True), (5, 1, 8, True), (3, 2, 4, False), (5, 1, 1, False)],
)
def test_depthwise_kernels_train_in_float32_where_bfloat16_is_slow(
    kernel: int, stride: int, groups: int, exact: bool
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=groups)
    replace(nn.Sequential(layer))
    maps = pictures(2, 6, 8)
    full = nn.Conv2d.forward(layer, maps).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = nn.Conv2d.forward(layer, maps)
        assert not torch.equal(full, rounded)
        assert torch.equal(layer(maps), full if exact else rounded)
        assert torch.equal(layer.eval()(maps), rounded)
    assert torch.equal(layer.train()(maps), nn.Conv2d.forward(layer, maps))


def test_a_single_channel_is_not_depthwise() -> None:
    assert not convolution.is_depthwise(nn.Conv2d(1, 8, 5))
    assert convolution.is_depthwise(nn.Conv2d(2, 8, 5, groups=2))


def test_depthwise_kernels_may_be_bfloat16_themselves() -> None:
    layer = nn.Conv2d(8, 8, 5, groups=8).bfloat16()
    replace(nn.Sequential(layer))
    maps = pictures(2, 6, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(maps)
        torch.testing.assert_close(found, nn.Conv2d.forward(layer, maps), rtol=0.02, atol=0.02)

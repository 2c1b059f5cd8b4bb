from typing import Any

import pytest
import torch
from torch import nn

from cnn_cli.models.cnn import CNN

OPTIONS: dict[str, Any] = {
    "channels": (8, 16),
    "convs": 2,
    "kernel_size": 3,
    "stride": None,
    "padding": None,
    "activation": "relu",
    "norm": "batch",
    "pooling": "max",
    "head": "global_average",
    "hidden": (),
    "dropout": 0.0,
}


def cnn(in_channels: int = 1, image_size: int = 8, **options: Any) -> CNN:
    return CNN(in_channels, 4, image_size, **(OPTIONS | options))


def kinds(model: nn.Module, kind: type[nn.Module]) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, kind)]


def learns(model: nn.Module) -> bool:
    """Whether the loss falls on pictures whose bright corner is their class."""
    labels = torch.arange(16) % 4
    images = torch.rand(16, 1, 8, 8) / 2
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0].view(2, 4, 2, 4)[label // 2, :, label % 2] += 0.5
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[-1] < 0.8 * losses[0]


# A flattening head fits only if the side of the last map was foreseen right.
@pytest.mark.parametrize("size", [25, 32])
@pytest.mark.parametrize("kernel_size", [2, 3, 5])
@pytest.mark.parametrize("stride", [None, 1, 2])
@pytest.mark.parametrize("padding", [None, 1, 0])
@pytest.mark.parametrize("pooling", ["max", "strided"])
def test_the_last_map_has_the_side_foreseen(
    size: int, kernel_size: int, stride: int | None, padding: int | None, pooling: str
) -> None:
    model = cnn(
        1,
        size,
        channels=(4, 6),
        convs=1,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        pooling=pooling,
        head="flatten",
    )
    assert model(torch.rand(2, 1, size, size)).shape == (2, 4)


@pytest.mark.parametrize("image_size", [1, 2, 3, 5, 8, 13, 28, 95, 96, 191, 224])
def test_any_size_is_taken_or_refused_with_its_reason(image_size: int) -> None:
    if image_size < 2:
        with pytest.raises(ValueError, match="1 > 1 > 0"):
            cnn(3, image_size)
    else:
        assert cnn(3, image_size)(torch.rand(2, 3, image_size, image_size)).shape == (2, 4)


@pytest.mark.parametrize(("size", "stride"), [(8, 1), (95, 1), (96, 2), (191, 2), (192, 4)])
def test_the_first_stride_follows_the_picture_and_skips_no_pixel(size: int, stride: int) -> None:
    first = kinds(cnn(3, size), nn.Conv2d)[0]
    assert first.stride == (stride, stride)
    assert first.kernel_size[0] >= stride
    assert kinds(cnn(3, size, stride=3), nn.Conv2d)[0].stride == (3, 3)


def test_sizes_are_spelled_out_where_nothing_is_left() -> None:
    with pytest.raises(ValueError, match=r"3 stages .* 3 pixels .*3 > 3 > 1 > 0.*fewer stages"):
        cnn(1, 3, channels=(4, 8, 16))
    with pytest.raises(ValueError, match=r"8 > 4 > 0 > 0"):
        cnn(1, 8, channels=(4, 8, 16), padding=0)
    with pytest.raises(ValueError, match=r"4 > 4 > 2 > 1 > 0"):
        cnn(1, 4, channels=(4, 4, 4, 4), pooling="strided")


def test_no_stage_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one stage"):
        cnn(channels=())


def test_channels_and_convs_make_the_layers() -> None:
    convs = kinds(cnn(3, 16, channels=(4, 8, 12), convs=3), nn.Conv2d)
    assert [conv.out_channels for conv in convs] == [4] * 3 + [8] * 3 + [12] * 3


@pytest.mark.parametrize(
    ("pooling", "kind", "strides"),
    [("max", nn.MaxPool2d, 1), ("average", nn.AvgPool2d, 1), ("strided", nn.Conv2d, 2)],
)
def test_maps_are_halved_between_stages(pooling: str, kind: type, strides: int) -> None:
    model = cnn(1, 16, pooling=pooling)
    assert kinds(model, kind)
    assert kinds(model, nn.Conv2d)[2].stride == (strides, strides)
    assert model.stages(torch.rand(2, 1, 16, 16)).shape == (2, 16, 8, 8)


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("none", nn.Identity)]
)
def test_norm_after_each_convolution(norm: str, kind: type) -> None:
    assert len(kinds(cnn(norm=norm), kind)) == 4


def test_dense_layers_and_dropout_stand_in_the_head() -> None:
    model = cnn(hidden=(10, 7), dropout=0.3, head="flatten")
    widths = [layer.in_features for layer in kinds(model, nn.Linear)]
    assert widths == [16 * 4 * 4, 10, 7]
    assert [layer.p for layer in kinds(model, nn.Dropout)] == [0.3] * 3
    assert not kinds(cnn(hidden=(10,)), nn.Dropout)


@pytest.mark.parametrize(
    "options",
    [
        *({"activation": name} for name in ("relu", "leaky_relu", "elu", "gelu", "silu")),
        *({"pooling": name} for name in ("average", "strided")),
        {"norm": "group"},
        {"norm": "none", "head": "flatten"},
        {"head": "flatten", "hidden": (16,)},
        {"kernel_size": 5, "padding": 1, "convs": 1},
        {"stride": 2, "convs": 1},
    ],
    ids=str,
)
def test_every_option_learns(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    assert learns(cnn(**options))

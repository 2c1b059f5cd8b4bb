from typing import Any

import pytest
import torch
from torch import nn

from cnn_cli.models.resnet import BasicBlock, Bottleneck, PlainBlock, ResNet


def resnet(
    depth: int = 20, image_size: int = 32, in_channels: int = 3, classes: int = 10, **options: Any
) -> ResNet:
    settings = {"width": None, "block": "auto", "stem": "auto", "zero_init": True} | options
    return ResNet(in_channels, classes, image_size, depth=depth, **settings)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_the_imagenet_family_is_torchvisions(depth: int) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, f"resnet{depth}")()
    with torch.device("meta"):
        ours = resnet(depth, 224, classes=1000)
    ours.load_state_dict(theirs.state_dict(), assign=True)
    assert parameters(ours) == parameters(theirs)
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_the_cifar_family_is_that_of_the_paper(depth: int, millions: float) -> None:
    with torch.device("meta"):
        model = resnet(depth)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) + 1 == depth
    digits = 2 if millions < 1 else 1
    assert round(parameters(model) / 1e6, digits) == millions


def test_the_short_one_is_that_of_page() -> None:
    model = resnet(9, width=64)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 9
    assert [m.out_channels for m in layers[:-1]] == [64, 128, 128, 128, 256, 512, 512, 512]
    assert round(parameters(model) / 1e6, 2) == 6.57
    assert resnet(9).fc.in_features == 192
    x = model.relu(model.bn1(model.conv1(torch.rand(2, 3, 32, 32))))
    for number, side in ((1, 16), (2, 8), (3, 4)):
        x = model.get_submodule(f"layer{number}")(x)
        assert x.shape[2:] == (side, side)
    with pytest.raises(ValueError, match="block: basic is for depths from 18; depth 9 has its own"):
        resnet(9, block="basic")


@pytest.mark.parametrize(("depth", "features"), [(9, 64), (18, 64), (20, 32)])
def test_the_width_is_that_of_the_first_stage(depth: int, features: int) -> None:
    model = resnet(depth, width=8)
    assert model.bn1.num_features == 8
    assert model.fc.in_features == features
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_the_stem_follows_the_picture_unless_told() -> None:
    images = torch.rand(1, 3, 96, 96)
    for model, side in (
        (resnet(image_size=95), 96),
        (resnet(image_size=96), 24),
        (resnet(image_size=96, stem="small"), 96),
        (resnet(image_size=32, stem="large"), 24),
    ):
        stem = nn.Sequential(model.conv1, model.bn1, model.maxpool)
        assert stem(images).shape == (1, 16, side, side)


@pytest.mark.parametrize("depth", [18, 20])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_block_exchanges_the_kind_and_keeps_the_number(depth: int, block: str) -> None:
    model = resnet(depth, 16, block=block)
    kind, other = (BasicBlock, Bottleneck) if block == "basic" else (Bottleneck, BasicBlock)
    blocks = [module for module in model.modules() if isinstance(module, kind)]
    assert len(blocks) == {18: 8, 20: 9}[depth]
    assert not any(isinstance(module, other) for module in model.modules())
    assert model(torch.rand(2, 3, 16, 16)).shape == (2, 10)


def test_auto_takes_bottlenecks_only_for_depth_50() -> None:
    for depth, kind in ((18, BasicBlock), (34, BasicBlock), (50, Bottleneck), (110, BasicBlock)):
        with torch.device("meta"):
            model = resnet(depth)
        assert any(isinstance(module, kind) for module in model.modules())


@pytest.mark.parametrize("depth", [9, 18, 20, 50])
def test_with_zero_init_each_block_starts_as_its_shortcut(depth: int) -> None:
    model = resnet(depth, 16, zero_init=True).eval()
    blocks = [m for m in model.modules() if isinstance(m, BasicBlock | Bottleneck | PlainBlock)]
    channels = blocks[-1].conv1.in_channels
    x = torch.rand(2, channels, 4, 4)
    assert torch.equal(blocks[-1](x), x)
    plain = resnet(depth, 16, zero_init=False)
    assert all(b.last_norm.weight.all() for b in plain.modules() if isinstance(b, BasicBlock))


def test_a_shortcut_without_parameters_takes_every_second_pixel_and_adds_zeros() -> None:
    block = BasicBlock(4, 8, 2, project=False).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 4, 7, 7)
    out = block(x)
    assert torch.equal(out[:, :4], x[:, :, ::2, ::2])
    assert not out[:, 4:].any()


@pytest.mark.parametrize(
    ("depth", "size", "options", "sizes"),
    [
        (
            18,
            8,
            {"stem": "large"},
            r"picture 8x8, stem 4x4, pooling 2x2, layer2 1x1, layer3 1x1.*stem=small",
        ),
        (
            18,
            4,
            {},
            r"picture 4x4, layer2 2x2, layer3 1x1, layer4 1x1\); use depth=20 or larger pictures",
        ),
        (20, 2, {}, r"picture 2x2, layer2 1x1, layer3 1x1\); use larger pictures"),
        (9, 7, {}, r"picture 7x7, layer1 3x3, layer2 1x1, layer3 0x0\); use depth=20 or larger"),
        (9, 16, {"stem": "large"}, r"pooling 4x4, layer1 2x2, layer2 1x1.*use stem=small"),
    ],
)
def test_a_picture_too_small_is_refused_with_its_sizes(
    depth: int, size: int, options: dict[str, str], sizes: str
) -> None:
    with pytest.raises(ValueError, match=sizes):
        resnet(depth, size, **options)


@pytest.mark.parametrize(
    ("depth", "size"), [(9, 8), (9, 96), (18, 5), (18, 8), (20, 3), (20, 8), (50, 97)]
)
def test_the_smallest_pictures_that_are_taken_work(depth: int, size: int) -> None:
    model = resnet(depth, size, in_channels=1, classes=3)
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3)


def test_an_unknown_depth_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="depth: 19 is unknown; choose 9, 18, 20, 32, 34, 44, 50"):
        resnet(19)

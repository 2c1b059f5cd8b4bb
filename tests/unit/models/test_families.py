"""The families by name: the sizes that their papers state, and what they refuse."""

import pytest
import torch
from torch import nn

from cnn_cli.models.convnext import Block, ChannelNorm, ConvNeXt
from cnn_cli.models.densenet import DenseNet
from cnn_cli.models.lenet import LeNet
from cnn_cli.models.mobilenet import MobileNet
from cnn_cli.models.vgg import VGG
from cnn_cli.models.wide_resnet import WideResNet


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.fixture(autouse=True)
def _meta() -> object:
    """The largest have 150 million weights; sizes can be told without them."""
    with torch.device("meta"):
        yield


def lenet(size: int = 28, channels: int = 1) -> LeNet:
    return LeNet(channels, 10, size, width=1, activation="tanh", pooling="average", norm="none")


def convnext(size: int = 224, classes: int = 1000, **options: object) -> ConvNeXt:
    settings = {"channels": (96, 192, 384, 768), "blocks": (3, 3, 9, 3), "patch": None}
    settings |= {"drop_path": 0.0, "layer_scale": 1e-6}
    return ConvNeXt(3, classes, size, **(settings | options))  # type: ignore[arg-type]


def test_lenet_has_the_weights_of_lenet_5() -> None:
    assert parameters(lenet(28)) == parameters(lenet(32)) == 61_706
    assert lenet(28).features[0].padding == (2, 2)
    assert lenet(32).features[0].padding == (0, 0)


@pytest.mark.parametrize(
    ("depth", "features"), [(11, 9_225_984), (13, 9_410_880), (16, 14_723_136), (19, 20_035_392)]
)
def test_vgg_has_torchvisions_convolutions(depth: int, features: int) -> None:
    model = VGG(3, 10, 32, depth=depth, width=64, hidden=(), dropout=0.0)  # type: ignore[arg-type]
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == depth - 3
    biases = sum(conv.out_channels for conv in convs)  # torchvision's convolutions have them
    assert parameters(model.features) + biases == features
    assert sum(isinstance(m, nn.MaxPool2d) for m in model.modules()) == 5


def test_vgg_pools_no_map_of_one_pixel() -> None:
    model = VGG(1, 10, 8, depth=11, width=8, hidden=(20,), dropout=0.5)
    assert sum(isinstance(m, nn.MaxPool2d) for m in model.modules()) == 3
    assert [m.out_features for m in model.modules() if isinstance(m, nn.Linear)] == [20, 10]


@pytest.mark.parametrize(
    ("depth", "width", "millions"), [(16, 8, 11.0), (28, 10, 36.5), (40, 4, 8.9)]
)
def test_wide_resnets_are_those_of_the_paper(depth: int, width: int, millions: float) -> None:
    model = WideResNet(3, 10, depth=depth, width=width, dropout=0.0)
    assert round(parameters(model) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("depth", "growth", "millions"), [(100, 12, 0.8), (250, 24, 15.3), (190, 40, 25.6)]
)
def test_densenets_are_those_of_the_paper(depth: int, growth: int, millions: float) -> None:
    model = DenseNet(3, 10, 32, depth=depth, growth=growth, compression=0.5, dropout=0.0)
    assert round(parameters(model) / 1e6, 1) == millions


def test_mobilenet_has_torchvisions_weights() -> None:
    large = MobileNet(3, 1000, 224, width=1.0, dropout=0.2)
    assert parameters(large) == 3_504_872
    assert parameters(MobileNet(3, 1000, 32, width=1.0, dropout=0.2)) == 3_504_872
    strides = [m.stride[0] for m in large.modules() if isinstance(m, nn.Conv2d)]
    assert strides.count(2) == 5
    small = MobileNet(3, 10, 32, width=0.5, dropout=0.0)
    assert [m.stride[0] for m in small.modules() if isinstance(m, nn.Conv2d)].count(2) == 3


def test_convnext_has_the_weights_of_the_tiny_one() -> None:
    assert parameters(convnext()) == 28_589_128
    assert convnext().stem[0].kernel_size == (4, 4)
    assert convnext(32).stem[0].kernel_size == (2, 2)
    assert convnext(8).stem[0].kernel_size == (1, 1)


def test_channel_norm_is_layer_norm_of_each_place() -> None:
    with torch.device("cpu"):
        x, norm = torch.randn(2, 6, 3, 4), ChannelNorm(6)
        expected = (x - x.mean(1, keepdim=True)) / (
            x.var(1, keepdim=True, correction=0) + 1e-6
        ) ** 0.5
        torch.testing.assert_close(norm(x), expected)


def test_drop_path_skips_a_share_of_the_pictures_in_training_alone() -> None:
    with torch.device("cpu"):
        torch.manual_seed(0)
        block, x = Block(4, 0.4, 1.0), torch.randn(400, 4, 3, 3)
        branch = block.eval()(x) - x
        out = block.train()(x) - x
        skipped = out.flatten(1).abs().amax(1) < 1e-6
        assert skipped.float().mean().item() == pytest.approx(0.4, abs=0.08)
        torch.testing.assert_close(out[~skipped], branch[~skipped] / 0.6, atol=1e-4, rtol=1e-3)


def test_drop_path_grows_over_the_blocks() -> None:
    blocks = [m for m in convnext(drop_path=0.3).modules() if isinstance(m, Block)]
    rates = [block.drop_path for block in blocks]
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.3)


def test_what_cannot_be_is_refused_with_what_can() -> None:
    with pytest.raises(ValueError, match="depth: 17 is not 6n"):
        WideResNet(3, 10, depth=17, width=1, dropout=0.0)
    with pytest.raises(ValueError, match="depth: 41 is not 6n"):
        DenseNet(3, 10, 32, depth=41, growth=12, compression=0.5, dropout=0.0)
    with pytest.raises(ValueError, match="depth: 12 is unknown; choose 11, 13, 16, 19"):
        VGG(3, 10, 32, depth=12, width=8, hidden=(), dropout=0.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="3 pixels are too few"):
        lenet(3)
    with pytest.raises(ValueError, match="one number for each stage"):
        convnext(blocks=(1, 2))
    with pytest.raises(ValueError, match="patch: 9 is larger than the picture of 8 pixels"):
        convnext(8, patch=9)

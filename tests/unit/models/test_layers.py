import pytest
import torch
from torch import nn

from cnn_cli.models.layers import (
    OutputLayer,
    activation_layer,
    conv_block,
    exact_logits,
    initialise,
    norm_layer,
    out_size,
)


@pytest.mark.parametrize("channels", [1, 3, 8, 12, 20, 32, 100])
def test_group_norm_takes_any_width_and_more_than_one_channel_a_group(channels: int) -> None:
    layer = norm_layer("group", channels)
    assert isinstance(layer, nn.GroupNorm)
    assert layer.num_channels == channels
    assert channels // layer.num_groups >= min(channels, 8)


def test_group_norm_does_not_wipe_out_a_map_of_one_pixel() -> None:
    out = norm_layer("group", 32)(torch.randn(2, 32, 1, 1))
    assert out.abs().max() > 0.1


def test_only_a_convolution_without_norm_has_a_bias() -> None:
    for norm, bias in (("batch", False), ("group", False), ("none", True)):
        block = conv_block(3, 8, kernel_size=3, stride=1, padding=1, norm=norm, activation="relu")
        assert (block[0].bias is not None) is bias


def test_logits_are_not_rounded_where_the_layers_before_are() -> None:
    torch.manual_seed(0)
    layer, plain = OutputLayer(64, 10), nn.Linear(64, 10)
    plain.load_state_dict(layer.state_dict())
    features = torch.randn(1000, 64)
    assert torch.equal(layer(features), plain(features))
    with torch.autocast("cpu", torch.bfloat16):
        exact, rounded = layer(features.bfloat16()), plain(features.bfloat16())
    assert exact.dtype == torch.float32
    assert torch.equal(exact, plain(features.bfloat16().float()))
    assert len(exact.unique()) > 9900  # of 10,000
    assert len(rounded.unique()) < 2000


def test_the_dense_layer_registered_last_is_in_float32_if_it_has_a_class_an_output() -> None:
    hidden, last = nn.Linear(4, 3), nn.Linear(3, 3)
    exact_logits(nn.Sequential(hidden, nn.ReLU(), last), 3)
    assert type(hidden) is nn.Linear
    assert type(last) is OutputLayer
    narrow = nn.Linear(4, 2)
    exact_logits(nn.Sequential(narrow, nn.Identity()), 3)
    assert type(narrow) is nn.Linear
    exact_logits(nn.Sequential(nn.Conv2d(1, 3, 1), nn.Flatten()), 3)


def test_a_subclass_and_a_layer_of_another_dtype_stay_as_they_are() -> None:
    attention = nn.MultiheadAttention(3, 1)
    kind = type(attention.out_proj)
    exact_logits(attention, 3)
    assert type(attention.out_proj) is kind
    rounded = nn.Linear(4, 3).bfloat16()
    exact_logits(nn.Sequential(rounded), 3)
    assert type(rounded) is nn.Linear


def test_the_gradient_of_a_layer_in_float32_goes_back_in_bfloat16() -> None:
    layer = OutputLayer(8, 3)
    features = torch.randn(5, 8).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        summed = layer(features).sum()
    summed.backward()  # outside, as in training: inside, the gradient's products are rounded too
    assert features.grad is not None
    assert features.grad.dtype == torch.bfloat16
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32
    expected = layer.weight.detach().sum(0).bfloat16()
    torch.testing.assert_close(features.grad, expected.expand(5, 8))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "gelu", "silu"])
def test_activations_are_nonlinear_and_leave_their_input_alone(name: str) -> None:
    x = torch.linspace(-3, 3, 7)
    kept = x.clone()
    y = activation_layer(name)(x)
    assert torch.equal(x, kept)
    assert y[-1] > 2.8
    assert not torch.allclose(y, x)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="relu, leaky_relu, elu, gelu, silu"):
        activation_layer("rel")
    with pytest.raises(ValueError, match="batch, group or none"):
        norm_layer("layer", 8)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(32, 3, 1, 1), (7, 3, 2, 1), (8, 2, 2, 0), (9, 5, 3, 0)],
)
def test_out_size_is_that_of_a_real_convolution(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    out = nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size))
    assert out_size(size, kernel, stride, padding) == out.shape[-1]


def test_initialise_keeps_the_variance_of_the_gradient() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 128, 3)
    initialise(conv)
    assert conv.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert conv.bias is not None
    assert not conv.bias.any()

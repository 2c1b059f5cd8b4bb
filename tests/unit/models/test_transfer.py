"""Weights that fit, and a report of those that do not."""

import pytest
import torch
from torch import Tensor, nn

from cnn_cli.models.transfer import few, load


def network(channels: int = 3, classes: int = 2) -> nn.Module:
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(channels, 4, 3))
    net.add_module("norm", nn.BatchNorm2d(4))
    net.add_module("head", nn.Linear(4, classes))
    return net


def weights(channels: int = 3, classes: int = 2) -> dict[str, Tensor]:
    torch.manual_seed(7)
    return network(channels, classes).state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "net.", "_orig_mod.module."])
def test_names_may_have_a_common_prefix(prefix: str) -> None:
    net, given = network(), weights()
    match = load(net, {prefix + name: tensor for name, tensor in given.items()})
    assert all(net.state_dict()[name].equal(tensor) for name, tensor in given.items())
    assert match.share == 1
    assert str(match) == "8 of 8 tensors loaded (100% of the parameters)"


def test_three_channels_become_one_that_gives_the_same_on_grey_as_on_its_three_copies() -> None:
    colour, grey = network(3), network(1)
    load(colour, weights(3))
    match = load(grey, weights(3))
    assert match.stem == ("conv.weight",)
    pictures = torch.rand(2, 1, 5, 5)
    out = colour.conv(pictures.expand(-1, 3, -1, -1))  # type: ignore[operator]
    torch.testing.assert_close(grey.conv(pictures), out)  # type: ignore[operator]


def test_one_channel_is_shared_out_to_three() -> None:
    colour, grey = network(3), network(1)
    load(grey, weights(1))
    load(colour, weights(1))
    pictures = torch.rand(2, 1, 5, 5)
    out = colour.conv(pictures.expand(-1, 3, -1, -1))  # type: ignore[operator]
    torch.testing.assert_close(grey.conv(pictures), out)  # type: ignore[operator]


def test_what_does_not_fit_stays_as_drawn_and_is_told() -> None:
    net = network(classes=5)
    drawn = net.state_dict()["head.weight"].clone()
    given = weights() | {"extra": torch.zeros(1)}
    del given["norm.running_mean"]
    match = load(net, given)
    assert net.state_dict()["head.weight"].equal(drawn)
    assert match.other == ("head.weight", "head.bias")
    assert (match.missing, match.unused) == (("norm.running_mean",), ("extra",))
    assert str(match) == (
        "5 of 8 tensors loaded (82% of the parameters);"
        " left as drawn, of another shape: head.weight, head.bias;"
        " left as drawn, not in the file: norm.running_mean; not used: extra"
    )


def test_a_head_of_other_classes_is_left() -> None:
    net = network()
    drawn = net.state_dict()["head.weight"].clone()
    match = load(net, weights(), leave="head")
    assert match.left == ("head.weight", "head.bias")
    assert net.state_dict()["head.weight"].equal(drawn)


def test_two_channels_do_not_become_three() -> None:
    assert load(network(3), weights(2)).other == ("conv.weight",)


def test_long_lists_are_cut() -> None:
    assert few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnn_cli.models.cpu_layers import AdaptiveAvgPool2d, Dropout, Flatten, replace


def pictures(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(*shape).contiguous(memory_format=torch.channels_last)


def gradient_of(net: nn.Module, maps: Tensor) -> tuple[Tensor, Tensor]:
    """The result, and the maps' gradient of a loss that counts every number differently."""
    given = maps.clone(memory_format=torch.preserve_format).requires_grad_()
    through = given * 1  # as of a layer before
    found = net(through)
    seen: list[Tensor] = []
    through.register_hook(seen.append)  # what the layer before gets; a leaf's is laid out as it is
    found.backward(torch.arange(found.numel()).view(found.shape).to(found.dtype))
    assert given.grad is not None
    assert torch.equal(given.grad, seen[0])
    return found, seen[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (4, 8, 1, 1), (3, 1, 2, 2)])
def test_flatten_gives_torchs_numbers_and_a_gradient_in_the_format_of_its_maps(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    maps = pictures(*shape).to(dtype)
    (found, gradient), (expected, wanted) = (
        gradient_of(f, maps) for f in (Flatten(), nn.Flatten())
    )
    assert torch.equal(found, expected)
    assert torch.equal(gradient, wanted)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (4, 8, 1, 1), (3, 1, 2, 2)])
def test_global_averages_are_torchs_and_their_gradient_has_the_format_of_the_maps(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    maps = pictures(*shape).to(dtype)
    for size in (1, (1, 1)):
        found, gradient = gradient_of(AdaptiveAvgPool2d(size), maps)
        expected, wanted = gradient_of(nn.AdaptiveAvgPool2d(size), maps)
        assert torch.equal(found, expected)
        assert torch.equal(gradient, wanted)
        assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [2, (1, 2), (None, 1)])
def test_other_averages_are_torchs(size: Any) -> None:
    (found, gradient), (expected, wanted) = (
        gradient_of(kind(size), pictures(2, 3, 4, 4))
        for kind in (AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d)
    )
    assert torch.equal(found, expected)
    assert torch.equal(gradient, wanted)


def test_what_comes_after_may_work_in_place_and_a_gradient_have_a_gradient() -> None:
    for layer, side in ((Flatten(), 4), (Flatten(), 1), (AdaptiveAvgPool2d(1), 4)):
        maps = pictures(2, 3, side, side).requires_grad_()
        found = nn.ReLU(inplace=True)(layer(maps * 1)).square().sum()
        (first,) = torch.autograd.grad(found, maps, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), maps)
        assert second.abs().sum() > 0


@pytest.mark.parametrize(
    ("layer", "maps"),
    [
        (Flatten(2), pictures(2, 3, 4, 4)),
        (Flatten(1, 2), pictures(2, 3, 4, 4)),
        (Flatten(), pictures(2, 3, 4, 4).contiguous()),
        (Flatten(), torch.rand(2, 3, 4)),
    ],
    ids=["from another axis", "to another axis", "NCHW", "no maps"],
)
def test_what_flatten_has_nothing_to_do_for_is_torchs(layer: Flatten, maps: Tensor) -> None:
    found, gradient = gradient_of(layer, maps)
    expected, wanted = gradient_of(nn.Flatten(layer.start_dim, layer.end_dim), maps)
    assert torch.equal(found, expected)
    assert torch.equal(gradient, wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_dropout_leaves_out_as_many_as_asked_and_keeps_the_mean(
    p: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    n = 400_003
    found = Dropout(p)(torch.ones(n, dtype=dtype)).float()
    share = (found == 0).float().mean().item()
    assert abs(share - p) < 5 * (p * (1 - p) / n) ** 0.5
    (value,) = found[found != 0].unique().tolist()
    assert value == pytest.approx(1 / (1 - p), rel=1e-4 if dtype == torch.float32 else 4e-3)


def test_decisions_of_one_number_have_nothing_to_do_with_each_other() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.3)(torch.ones(400_000)) != 0).view(-1, 4).float()
    correlations = torch.corrcoef(kept.T) - torch.eye(4)
    assert correlations.abs().max() < 5 / 100_000**0.5
    neighbours = torch.corrcoef(torch.stack([kept[:-1, 3], kept[1:, 0]]))[0, 1]
    assert neighbours.abs() < 5 / 100_000**0.5


@pytest.mark.parametrize("maps", [pictures(3, 5, 4, 4), pictures(3, 5, 4, 4).contiguous()])
def test_a_gradient_is_dropped_with_its_value(maps: Tensor) -> None:
    torch.manual_seed(2)
    given = maps.clone(memory_format=torch.preserve_format).requires_grad_()
    found = Dropout(0.4)(given)
    assert found.stride() == maps.stride()
    noise = found.detach() / maps
    found.sum().backward()
    torch.testing.assert_close(given.grad, noise)
    assert 0 < (noise == 0).sum() < noise.numel()


def test_the_seed_decides_what_is_dropped() -> None:
    def once(seed: int) -> Tensor:
        torch.manual_seed(seed)
        found: Tensor = Dropout(0.5)(torch.ones(1000))
        return found

    assert torch.equal(once(3), once(3))
    assert not torch.equal(once(3), once(4))


@pytest.mark.parametrize(
    "values", [torch.ones(1, 7).expand(5, 7), torch.ones(6, 10)[:, ::2], torch.ones(0, 3)]
)
def test_values_that_are_not_dense_are_dropped_one_by_one(values: Tensor) -> None:
    torch.manual_seed(0)
    found = Dropout(0.5)(values)
    assert found.shape == values.shape
    assert set(found.unique().tolist()) <= {0.0, 2.0}
    if values.numel():
        assert len({tuple(row.tolist()) for row in found}) > 1


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.9999999, 1.0])
def test_what_16_bits_cannot_tell_from_all_or_nothing_is_torchs(p: float) -> None:
    torch.manual_seed(0)
    found = Dropout(p)(torch.ones(1000))
    drawn_next = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(found, nn.Dropout(p)(torch.ones(1000)))
    assert torch.equal(drawn_next, torch.rand(1))


def test_evaluation_drops_nothing() -> None:
    assert torch.equal(Dropout(0.5).eval()(torch.ones(100)), torch.ones(100))


def test_dropout_in_place_is_in_place() -> None:
    values = torch.ones(100)
    Dropout(0.5, inplace=True)(values)
    assert set(values.tolist()) == {0.0, 2.0}


class _Stop(torch.autograd.Function):
    """Lets no gradient through."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:  # noqa: ARG004
        return None


def test_maps_whose_gradient_never_comes_are_no_fault() -> None:
    """One of two branches is not trained, or something after lets none through."""
    for layer in (Flatten(), AdaptiveAvgPool2d(1)):
        maps = pictures(2, 3, 4, 4).requires_grad_()
        one, other = (maps * 1).chunk(2)
        layer(one)
        other.sum().backward()
        assert maps.grad is not None
        (_Stop.apply(layer(maps * 1)).sum() + maps.sum()).backward()


def test_nothing_stays_behind_at_maps() -> None:
    maps = pictures(2, 3, 4, 4).requires_grad_()
    for _ in range(3):
        Flatten()(maps).sum().backward()
    assert not maps._backward_hooks


def network() -> nn.Module:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, groups=8),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 2),
    )  # fmt: skip
    replace(net)
    return net


def test_the_compiler_sees_torchs_layers() -> None:
    explained = torch._dynamo.explain(network().train())(pictures(2, 3, 8, 8).requires_grad_())
    assert explained.graph_break_count == 0


def test_layers_in_evaluation_can_be_traced() -> None:
    net, maps = network().eval(), pictures(2, 3, 8, 8)
    assert torch.equal(torch.fx.symbolic_trace(net)(maps), net(maps))


def test_layers_of_torch_become_ours_and_others_stay() -> None:
    class Own(nn.Dropout):
        pass

    net = nn.Sequential(
        nn.Flatten(2), nn.Dropout(0.3), Own(), nn.Dropout2d(), nn.AdaptiveAvgPool2d(3)
    )
    replace(net)
    assert [type(layer) for layer in net] == [
        Flatten,
        Dropout,
        Own,
        nn.Dropout2d,
        AdaptiveAvgPool2d,
    ]
    assert isinstance(net[0], Flatten)
    assert isinstance(net[1], Dropout)
    assert (net[0].start_dim, net[1].p) == (2, 0.3)

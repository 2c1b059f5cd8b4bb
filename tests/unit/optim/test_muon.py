import copy
from typing import Any

import pytest
import torch
from torch import nn

from cnn_cli.optim.groups import parameter_groups
from cnn_cli.optim.muon import Muon, orthogonalised


def muon(model: nn.Module, **options: Any) -> Muon:
    settings = {"lr": 0.1, "momentum": 0.6, "rest_lr": 0.05, "rest_momentum": 0.9}
    decay = options.pop("weight_decay", 0.0)
    groups = parameter_groups(model, decay)
    return Muon(groups, **(settings | options), weight_decay=decay)


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (64, 4, 3, 3), (32, 1, 1, 1), (8, 1, 5, 5)])
def test_all_singular_values_become_about_one(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    made = orthogonalised(torch.randn(1, *shape) * 1e-4)[0]
    assert made.shape == shape
    values = torch.linalg.svdvals(made.flatten(1))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_the_directions_are_those_of_the_given_matrix() -> None:
    torch.manual_seed(0)
    kernel = torch.randn(16, 8, 3, 3)
    left, _, right = torch.linalg.svd(kernel.flatten(1), full_matrices=False)
    nearest = left @ right
    made = orthogonalised(kernel[None])[0].flatten(1)
    assert torch.cosine_similarity(made.flatten(), nearest.flatten(), dim=0) > 0.97


@pytest.mark.parametrize(("rows", "rounds"), [(256, True), (64, False)])
def test_bfloat16_is_for_large_matrices_and_changes_little(rows: int, rounds: bool) -> None:
    torch.manual_seed(0)
    kernel = torch.randn(1, rows, 128, 3, 3)
    exact, made = orthogonalised(kernel), orthogonalised(kernel, torch.bfloat16)
    assert made.dtype == torch.float32
    assert torch.equal(made, exact) is not rounds
    assert torch.cosine_similarity(made.flatten(), exact.flatten(), dim=0) > 0.999


def test_a_copy_multiplies_in_the_same() -> None:
    made = muon(nn.Conv2d(1, 4, 3), products=torch.bfloat16)
    assert copy.deepcopy(made).defaults["products"] is torch.bfloat16
    assert all("products" not in group for group in made.state_dict()["param_groups"])


def test_fewer_steps_of_newton_schulz_leave_small_singular_values_smaller() -> None:
    torch.manual_seed(0)
    values = torch.logspace(-2.5, 0, 16)
    left, right = (torch.linalg.qr(torch.randn(16, 16))[0] for _ in range(2))
    matrix = (left * values @ right).view(1, 16, 16, 1, 1)
    smallest = {
        steps: torch.linalg.svdvals(orthogonalised(matrix, ns_steps=steps).view(16, 16)).min()
        for steps in (1, 3, 5)
    }
    assert smallest[1] < smallest[3] < 0.3
    assert smallest[5] > 0.5


def test_an_optimizer_takes_as_many_steps_as_it_is_told() -> None:
    torch.manual_seed(0)
    first, gradient = torch.randn(8, 4, 3, 3), torch.randn(8, 4, 3, 3)
    ends = {}
    for steps in (1, 5):
        layer = nn.Conv2d(4, 8, 3, bias=False)
        layer.weight.data.copy_(first)
        layer.weight.grad = gradient.clone()
        copied = copy.deepcopy({"layer": layer, "by": muon(layer, ns_steps=steps)})
        layer = copied["layer"]
        layer.weight.grad = gradient.clone()
        copied["by"].step()
        ends[steps] = layer.weight.detach().clone()
        turned = orthogonalised(gradient[None], ns_steps=steps)[0]
        expected = first - 0.1 * first.norm() / turned.norm() * turned
        expected *= first.norm() / expected.norm()
        torch.testing.assert_close(ends[steps], expected)
    assert not torch.allclose(ends[1], ends[5])


def test_zeros_stay_zeros() -> None:
    assert not orthogonalised(torch.zeros(1, 4, 3, 3, 3)).any()


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_a_step_is_a_share_of_the_kernels_norm_and_keeps_that(scale: float) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 16, 3, bias=False)
    nn.init.normal_(layer.weight, std=scale)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.randn_like(before)
    muon(layer, lr=0.01).step()
    change = (layer.weight - before).norm() / before.norm()
    assert change.item() == pytest.approx(0.01, rel=0.02)
    torch.testing.assert_close(layer.weight.norm(), before.norm())


def test_a_kernel_keeps_the_norm_of_its_start_over_many_steps() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 6, 3, bias=False)
    start = layer.weight.norm().item()
    by = muon(layer, lr=0.3)
    for _ in range(50):
        layer.weight.grad = torch.randn_like(layer.weight)
        by.step()
    assert layer.weight.norm().item() == pytest.approx(start, rel=1e-5)


def test_a_kernel_that_starts_at_zero_is_trained() -> None:
    torch.manual_seed(0)
    last = nn.Conv2d(4, 3, 3, padding=1, bias=False)
    nn.init.zeros_(last.weight)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), last, nn.Flatten())
    images, wanted = torch.rand(8, 1, 4, 4), torch.rand(8, 48)
    by, losses = muon(model), []
    for _ in range(30):
        loss = (model(images) - wanted).square().mean()
        by.zero_grad()
        loss.backward()
        by.step()
        losses.append(loss.item())
    assert last.weight.norm() > 0.1
    assert losses[-1] < 0.7 * losses[0]


def test_all_but_kernels_go_by_nesterov_momentum() -> None:
    torch.manual_seed(0)
    mine = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    theirs = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    theirs.load_state_dict(mine.state_dict())
    by = muon(mine, rest_lr=0.1, weight_decay=0.01)
    reference = torch.optim.SGD(parameter_groups(theirs, 0.01), lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(4):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        by.step()
        reference.step()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_each_kind_has_its_rate_in_a_group_of_its_own() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    by = muon(model, lr=0.1, rest_lr=0.05)
    assert [(group["lr"], len(group["params"])) for group in by.param_groups] == [
        (0.1, 1),
        (0.05, 1),
        (0.05, 4),
    ]


def test_a_parameter_without_gradient_stays() -> None:
    layer = nn.Conv2d(1, 2, 3)
    before = layer.weight.detach().clone()
    muon(layer).step()
    assert torch.equal(layer.weight, before)


def test_a_closure_is_called_and_its_value_given_back() -> None:
    layer = nn.Conv2d(1, 2, 3)
    assert muon(layer).step(lambda: 7.0) == 7.0

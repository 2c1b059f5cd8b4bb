"""What every optimizer and schedule of configs/ must do, at its defaults."""

from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.optim import Optimizer

from cnn_cli import build
from cnn_cli.engine import fitting
from cnn_cli.optim.schedules import Schedule

CONFIGS = Path(__file__).parents[2] / "configs"
OPTIMIZERS = sorted(path.stem for path in (CONFIGS / "optimizer").glob("*.yaml"))
SCHEDULES = sorted(path.stem for path in (CONFIGS / "schedule").glob("*.yaml"))
STEPS = 60

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def node(group: str, name: str) -> dict[str, Any]:
    loaded = OmegaConf.to_container(OmegaConf.load(CONFIGS / group / f"{name}.yaml"))
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()}


def optimizer(name: str, model: nn.Module, **options: Any) -> Optimizer:
    return build.optimizer(node("optimizer", name) | options, model, trust=())


def schedule(name: str) -> Schedule:
    return build.schedule(node("schedule", name), trust=())


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)
    )


def step(model: nn.Module, by: Optimizer) -> float:
    """One step towards telling two kinds of pictures apart; gives the loss before it."""
    numbers = torch.Generator().manual_seed(2)
    images = torch.rand(8, 1, 5, 5, generator=numbers) + (torch.arange(8) % 2).view(-1, 1, 1, 1)
    loss = nn.functional.cross_entropy(model(images), torch.arange(8) % 2)
    by.zero_grad()
    loss.backward()
    by.step()
    return loss.item()


@every_optimizer
@pytest.mark.parametrize("plan", SCHEDULES)
def test_the_loss_falls_under_every_schedule(name: str, plan: str) -> None:
    model, factor = network(), schedule(plan)
    by = optimizer(name, model)
    peaks = [group["lr"] for group in by.param_groups]
    losses = []
    for index in range(STEPS):
        for group, peak in zip(by.param_groups, peaks, strict=True):
            group["lr"] = peak * factor(index / STEPS)
        losses.append(step(model, by))
    assert losses[-1] < 0.5 * losses[0]


@every_optimizer
def test_the_state_goes_on_where_it_stopped(name: str) -> None:
    model = network()
    by = optimizer(name, model)
    for _ in range(3):
        step(model, by)
    other = deepcopy(model)
    again = optimizer(name, other)
    again.load_state_dict(deepcopy(by.state_dict()))
    for _ in range(2):
        assert step(model, by) == step(other, again)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@every_optimizer
def test_only_weights_decay(name: str) -> None:
    model = network()
    by = optimizer(name, model, weight_decay=0.5, lr=1e-3)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    by.step()
    keeps_kernels = name == "muon"
    for old, new in zip(before, model.parameters(), strict=True):
        if new.ndim == 2 or (new.ndim == 4 and not keeps_kernels):
            assert new.norm() < old.norm()
        elif new.ndim == 4:
            torch.testing.assert_close(new, old)
        else:
            assert torch.equal(new, old)


@pytest.mark.parametrize("name", sorted({"adamw", "sgd"} & set(OPTIMIZERS)))
def test_the_fused_step_is_the_plain_one(name: str) -> None:
    fused, plain = network(), network()
    by = optimizer(name, fused, fused=True), optimizer(name, plain, fused=False)
    for _ in range(5):
        step(fused, by[0])
        step(plain, by[1])
    for mine, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@every_schedule
def test_a_schedule_warms_up_to_its_peak_and_stays_a_share(name: str) -> None:
    factor = schedule(name)
    values = [factor(index / 1000) for index in range(1001)]
    assert all(0 <= value <= 1 for value in values)
    assert values[0] < max(values) == pytest.approx(1, abs=1e-4)
    jumps = [b / a for a, b in pairwise(values) if abs(a - b) >= 0.03]
    assert jumps == [pytest.approx(0.1)] * len(jumps) if name == "step" else not jumps
    assert values == [factor(index / 1000) for index in range(1001)]


TORCH = ("Adadelta", "Adafactor", "Adagrad", "Adamax", "ASGD", "NAdam", "RAdam", "Rprop")


@pytest.mark.parametrize("name", [*OPTIMIZERS, *TORCH])
def test_what_an_optimizer_keeps_is_known_again(name: str) -> None:
    """Those of configs/ and the others of torch: a resumed run must not refuse its own state."""

    def made(model: nn.Module) -> Optimizer:
        own = {"_target_": f"torch.optim.{name}", "lr": 0.01}
        return build.optimizer(own, model, ()) if name in TORCH else optimizer(name, model)

    model = network()
    by = made(model)
    for _ in range(3):
        step(model, by)
    fresh = made(deepcopy(model))
    assert fitting.unlike_optimizer(fresh, deepcopy(by.state_dict())) == []
    for kept in by.state.values():
        kept["extra"] = torch.ones(7, 7, 7)
    assert fitting.unlike_optimizer(fresh, by.state_dict())

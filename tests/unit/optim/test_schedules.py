from collections.abc import Callable

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from cnn_cli.optim.schedules import (
    Constant,
    Cosine,
    OneCycle,
    Plateau,
    Schedule,
    Step,
    Triangular,
    Watch,
)

STEPS, PEAK = 100, 0.4


def torchs(make: Callable[[SGD], LRScheduler]) -> list[float]:
    """The rates of a scheduler of torch at steps 0 to STEPS, as shares of the peak."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    scheduler = make(optimizer)
    rates = [optimizer.param_groups[0]["lr"] / PEAK]
    for _ in range(STEPS):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"] / PEAK)
    return rates


def ours(schedule: Schedule) -> list[float]:
    return [schedule(step / STEPS) for step in range(STEPS + 1)]


def test_one_cycle_is_torchs() -> None:
    expected = torchs(
        lambda optimizer: OneCycleLR(
            optimizer,
            PEAK,
            total_steps=STEPS + 1,
            pct_start=31 / (STEPS + 1),  # torch's way up ends one step early
            div_factor=20,
            final_div_factor=50,
            cycle_momentum=False,
        )
    )
    assert ours(OneCycle(0.3, 1 / 20, 1 / 1000)) == pytest.approx(expected)


def test_cosine_is_torchs_linear_warm_up_and_cosine_annealing() -> None:
    expected = torchs(
        lambda optimizer: SequentialLR(
            optimizer,
            [
                LinearLR(optimizer, start_factor=0.1, total_iters=20),
                CosineAnnealingLR(optimizer, STEPS - 20, eta_min=0.05 * PEAK),
            ],
            milestones=[20],
        )
    )
    assert ours(Cosine(0.2, 0.1, 0.05)) == pytest.approx(expected)


def test_constant_is_torchs_linear_warm_up() -> None:
    expected = torchs(lambda optimizer: LinearLR(optimizer, start_factor=0.1, total_iters=20))
    assert ours(Constant(0.2, 0.1)) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", [OneCycle(0, 0.1, 0.01), Cosine(0, 0.1, 0.01)])
def test_without_warm_up_it_starts_at_the_peak(schedule: Schedule) -> None:
    assert schedule(0) == 1
    assert schedule(0.5) == pytest.approx((1 + 0.01) / 2)
    assert schedule(1) == pytest.approx(0.01)


def test_constant_without_warm_up_is_one() -> None:
    assert {Constant(0, 0.5)(p) for p in (0.0, 0.3, 1.0)} == {1.0}


def test_triangular_is_two_of_torchs_lines() -> None:
    expected = torchs(
        lambda optimizer: SequentialLR(
            optimizer,
            [LinearLR(optimizer, 0.1, 1.0, 20), LinearLR(optimizer, 1.0, 0.05, STEPS - 20)],
            milestones=[20],
        )
    )
    assert ours(Triangular(0.2, 0.1, 0.05)) == pytest.approx(expected)


def test_step_is_torchs_multi_step() -> None:
    expected = torchs(lambda optimizer: MultiStepLR(optimizer, [50, 75], 0.1))
    assert ours(Step(0.0, 0.0, (0.5, 0.75), 0.1)) == pytest.approx(expected)


def test_step_warms_up_in_a_line() -> None:
    rates = ours(Step(0.1, 0.5, (0.5,), 0.1))
    assert rates[:11] == pytest.approx([0.5 + 0.05 * step for step in range(11)])
    assert (rates[49], rates[50]) == pytest.approx((1.0, 0.1))


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("patience", [1, 2, 4])
def test_plateau_is_torchs(higher: bool, patience: int) -> None:
    figures = torch.rand(60, generator=torch.Generator().manual_seed(patience)).tolist()
    figures = [0.5 + 0.4 * f + (0.005 if higher else -0.005) * i for i, f in enumerate(figures)]
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    mode = "max" if higher else "min"
    torchs_own = ReduceLROnPlateau(
        optimizer, mode, factor=0.3, patience=patience, threshold=0.02, min_lr=1e-3
    )
    schedule = Plateau(0.0, 1.0, 0.3, patience, 0.02, 1e-3)
    watch, cuts = Watch(), 0
    for figure in figures:
        before = watch.factor
        torchs_own.step(figure)
        watch = schedule.after(watch, figure, higher_is_better=higher)
        assert schedule(0.5) * watch.factor == pytest.approx(optimizer.param_groups[0]["lr"])
        cuts += watch.factor < before
    assert cuts >= 3


def test_plateau_warms_up() -> None:
    assert ours(Plateau(0.2, 0.1, 0.3, 1, 0.0, 0.0)) == pytest.approx(ours(Constant(0.2, 0.1)))

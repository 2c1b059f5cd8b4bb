"""The order of the pictures, step by step."""

import pytest
import torch

from cnn_cli.data.plan import Plan


def test_an_epoch_shows_each_picture_at_most_once_and_leaves_out_only_the_rest() -> None:
    plan = Plan(23, 5, epochs=2, seed=1)
    assert plan.steps_per_epoch == 4
    assert plan.total == 8
    seen = torch.cat([plan.indices(step) for step in range(4)])
    assert len(set(seen.tolist())) == 20


def test_epochs_and_seeds_differ() -> None:
    plan = Plan(50, 50, epochs=2, seed=1)
    first = plan.indices(0)
    assert not torch.equal(first, plan.indices(1))
    assert not torch.equal(first, Plan(50, 50, epochs=2, seed=2).indices(0))
    assert torch.equal(first, Plan(50, 50, epochs=9, seed=1).indices(0))


def test_steps_can_be_asked_for_in_any_order() -> None:
    plan = Plan(23, 5, epochs=3, seed=1)
    forth = [plan.indices(step).tolist() for step in range(plan.total)]
    back = [plan.indices(step).tolist() for step in reversed(range(plan.total))]
    assert forth == back[::-1]


def test_a_set_smaller_than_a_batch_is_one_batch() -> None:
    plan = Plan(3, 8, epochs=2)
    assert plan.total == 2
    assert sorted(plan.indices(1).tolist()) == [0, 1, 2]


def test_evaluation_goes_through_all_in_order() -> None:
    plan = Plan(7, 3, shuffle=False)
    assert [plan.indices(step).tolist() for step in range(plan.total)] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
    ]


@pytest.mark.parametrize(("step", "epoch"), [(0, 0), (3, 0), (4, 1), (7, 1)])
def test_the_epoch_of_a_step(step: int, epoch: int) -> None:
    assert Plan(23, 5, epochs=2).epoch(step) == epoch

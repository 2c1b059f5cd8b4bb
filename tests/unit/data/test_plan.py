"""The order of the pictures, step by step."""

import pytest
import torch

from cnn_cli.data.plan import Balance, Plan


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


@pytest.mark.parametrize("epoch", [0, 1])
def test_balanced_every_class_comes_as_often(epoch: int) -> None:
    labels = torch.tensor([0] * 50 + [1] * 7 + [3] * 3)
    plan = Plan(60, 6, epochs=2, seed=1, balance=Balance.of(labels))
    order = torch.cat([plan.indices(step) for step in range(10 * epoch, 10 * epoch + 10)])
    assert labels[order].bincount().tolist() == [20, 20, 0, 20]
    times = order.bincount(minlength=60)
    assert times[:50].max() == 1
    assert set(times[50:57].tolist()) == {2, 3}
    assert set(times[57:].tolist()) == {6, 7}


def test_balanced_what_is_left_over_goes_round() -> None:
    labels = torch.arange(11) % 3
    plan = Plan(11, 11, epochs=3, balance=Balance.of(labels))
    counts = [labels[plan.indices(step)].bincount().tolist() for step in range(3)]
    assert torch.tensor(counts).sum(0).tolist() == [11, 11, 11]
    assert all(sorted(row) == [3, 4, 4] for row in counts)


def test_balanced_order_is_addressed_by_seed_and_epoch() -> None:
    labels = torch.arange(30) % 4
    first, again = (Plan(30, 10, 2, seed=3, balance=Balance.of(labels)) for _ in range(2))
    other = Plan(30, 10, 2, seed=4, balance=Balance.of(labels))
    assert all(torch.equal(first.indices(s), again.indices(s)) for s in (5, 0, 3))
    assert not torch.equal(first.indices(0), other.indices(0))
    assert not torch.equal(first.indices(0), first.indices(3))

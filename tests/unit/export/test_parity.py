"""The parity gate lets nothing pass that differs, and names the stage."""

import numpy as np
import pytest
import torch

from cnn_cli.export.parity import compare, first_difference

ROWS = np.array([[1.0, 0.0], [0.0, 1.0], [0.50001, 0.5]], np.float32)


def run(change=None):
    rows = ROWS.copy()
    if change is not None:
        rows += np.array(change, np.float32)
    return lambda batch: rows[batch.flatten().numpy()]


BATCHES = [torch.tensor([0, 1]).reshape(2, 1, 1, 1), torch.tensor([2]).reshape(1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("change", "largest", "equal", "worst"),
    [
        ([[0, 0], [0, 0], [0, 0]], 0, 3, 0),
        ([[5e-5, 0], [-9e-5, 0], [0, 0]], 9e-5, 3, 1),
    ],
)
def test_what_passes(change, largest, equal, worst):
    parity = compare(run(), run(change), BATCHES, 1e-4)
    assert parity.passed
    assert (parity.images, parity.top1_equal) == (3, equal)
    assert parity.largest == pytest.approx(largest, rel=1e-2)
    assert parity.worst.flatten().tolist() == [worst]


@pytest.mark.parametrize(
    ("change", "largest", "equal", "worst"),
    [
        ([[0, 0], [2e-4, 0], [0, 0]], 2e-4, 3, 1),  # beyond the tolerance
        ([[9e-5, 0], [0, 0], [-3e-5, 0]], 9e-5, 2, 2),  # within it, but another class
        ([[2e-4, 0], [0, 0], [-3e-5, 0]], 2e-4, 2, 0),
        ([[0, np.nan], [0, 0], [0, 0]], np.inf, 2, 0),
    ],
)
def test_what_does_not(change, largest, equal, worst):
    parity = compare(run(), run(change), BATCHES, 1e-4)
    assert not parity.passed
    assert parity.top1_equal == equal
    assert parity.largest == pytest.approx(largest, rel=1e-2)
    assert parity.worst.flatten().tolist() == [worst]


def outputs(**change):
    stages = {"first": [1.0, 100.0], "second": [0.0, 0.5], "third": [2.0, 3.0]}
    return {name: torch.tensor(values) + change.get(name, 0.0) for name, values in stages.items()}


@pytest.mark.parametrize(
    ("change", "stage"),
    [
        ({"second": 0.1, "third": 0.2}, "second"),
        ({"first": 5e-4, "second": 1e-4}, "second"),  # the first is rounding at its size
        ({"first": float("nan")}, "first"),
        ({"second": 1e-6, "third": 1e-6}, "third"),  # none by itself: where it has added up
    ],
)
def test_the_first_stage_that_differs(change, stage):
    assert first_difference(outputs(), outputs(**change)).stage == stage


def test_a_stage_that_is_missing_is_passed_over_and_one_of_another_shape_differs():
    theirs = outputs(third=1.0)
    del theirs["second"]
    assert first_difference(outputs(), theirs).stage == "third"
    assert first_difference(outputs(), outputs() | {"first": torch.ones(3)}).stage == "first"
    assert str(first_difference(outputs(), theirs)) == (
        "the first stage that differs is third, by up to 1 where its values reach 3"
    )
    assert str(first_difference(outputs(), outputs())) == (
        "no stage differs by more than rounding, which adds up until third"
    )

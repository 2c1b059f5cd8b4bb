"""Tests and intervals of two models: against scipy, closed forms, and samples of known truth."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from cnn_cli.report.calibration import BINS
from cnn_cli.report.intervals import wilson
from cnn_cli.report.paired import (
    FIGURES,
    Outcomes,
    calibration_interval,
    differences,
    holm,
    mcnemar,
    mcnemar_worse,
    mean_difference,
    newcombe,
    newcombe_paired,
    unpaired,
    unpaired_worse,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def outcomes(labels: Ints, predicted: Ints, classes: int, losses: Floats | None = None) -> Outcomes:
    own = np.where(labels == predicted, 0.1, 2.0) if losses is None else losses
    return Outcomes(labels, predicted, own, own / 2, classes)


@pytest.mark.parametrize("b", [0, 1, 2, 5, 17, 400])
@pytest.mark.parametrize("c", [0, 1, 3, 5, 30, 410])
def test_mcnemar_is_the_exact_binomial_test(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(b, c) == mcnemar(c, b)


@pytest.mark.parametrize("n", [1, 5, 6, 20, 51, 300])
def test_mcnemar_calls_a_difference_where_there_is_none_in_five_per_cent_at_most(n: int) -> None:
    wrong = sum(stats.binom.pmf(b, n, 0.5) for b in range(n + 1) if mcnemar(b, n - b) < 0.05)
    assert wrong <= 0.05
    assert n < 6 or wrong > 0  # and is not mute


def test_holm_as_in_his_paper() -> None:
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_holm_is_wrong_at_all_in_five_per_cent_of_families() -> None:
    draw = np.random.default_rng(0)
    families = draw.random((4000, 7))
    wrong = np.mean([min(holm(list(family))) < 0.05 for family in families])
    assert wrong == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / 4000) ** 0.5)


@pytest.mark.parametrize(
    ("first", "second", "limits"),
    [  # table II of Newcombe 1998, method 10
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_newcombes_own_examples(
    first: tuple[int, int], second: tuple[int, int], limits: tuple[float, float]
) -> None:
    low, high = newcombe(second, first)  # his difference is first minus second
    assert (low, high) == pytest.approx(limits, abs=5e-5)


def test_of_other_pictures_fishers_test_and_the_normal_interval() -> None:
    # Fisher's tea: three of four cups against one of four
    assert unpaired((3, 4), (1, 4)) == pytest.approx(34 / 70)
    draw = np.random.default_rng(0)
    one, other = draw.normal(0, 1, 200), draw.normal(0.5, 2, 300)
    welch = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.95)
    assert mean_difference(one, other) == pytest.approx((welch.low, welch.high), rel=0.02)
    assert mean_difference(one[:1], other[:1]) == (other[0] - one[0],) * 2


def pairs(draw: np.random.Generator, images: int, rates: tuple[float, float]) -> list[Outcomes]:
    """Two models of 3 classes that share many of their mistakes."""
    labels = draw.integers(0, 3, images)
    hard = draw.random(images)
    found = []
    for rate in rates:
        wrong = 0.7 * hard + 0.3 * draw.random(images) > rate
        losses = np.where(wrong, 2.0, 0.1) + hard + draw.random(images) * rate
        found.append(outcomes(labels, np.where(wrong, (labels + 1) % 3, labels), 3, losses))
    return found


def samples() -> Iterator[tuple[list[Outcomes], dict[str, tuple[float, float]]]]:
    draw = np.random.default_rng(3)
    for number in range(400):
        both = pairs(draw, 300, (0.75, 0.8))
        yield both, differences(*both, draws=400, seed=number)


def test_ninety_five_of_a_hundred_intervals_hold_the_difference() -> None:
    one, other = pairs(np.random.default_rng(1), 1_000_000, (0.75, 0.8))
    truth = {
        "accuracy": other.right.mean() - one.right.mean(),
        "balanced_accuracy": other.right.mean() - one.right.mean(),  # the classes are alike
        "macro_f1": other.right.mean() - one.right.mean(),  # and their mistakes
        "loss": (other.losses - one.losses).mean(),
        "brier": (other.briers - one.briers).mean(),
    }
    held = dict.fromkeys(FIGURES, 0)
    for _, found in samples():
        for name, (low, high) in found.items():
            held[name] += low <= truth[name] <= high
    assert all(0.92 <= held[name] / 400 <= 0.98 for name in FIGURES), held


def test_the_bootstrap_agrees_with_the_normal_interval_of_paired_differences() -> None:
    one, other = pairs(np.random.default_rng(5), 2000, (0.7, 0.72))
    found = differences(one, other)
    for name, values in (
        ("accuracy", other.right.astype(float) - one.right),
        ("loss", other.losses - one.losses),
    ):
        half = 1.96 * values.std(ddof=1) / len(values) ** 0.5
        expected = (values.mean() - half, values.mean() + half)
        assert found[name] == pytest.approx(expected, abs=half / 8)


def test_macro_f1_of_a_draw_is_that_of_the_pictures() -> None:
    """One draw that holds each picture once or more: scikit-learn on the drawn pictures."""
    from sklearn.metrics import balanced_accuracy_score, f1_score

    one, other = pairs(np.random.default_rng(2), 60, (0.5, 0.8))
    found = differences(one, other, draws=1, seed=4)
    chosen = np.random.default_rng(4).integers(0, 60, (1, 60), dtype=np.int64)[0]
    for name, figure in (
        ("macro_f1", lambda x: f1_score(x.labels[chosen], x.predicted[chosen], average="macro")),
        (
            "balanced_accuracy",
            lambda x: balanced_accuracy_score(x.labels[chosen], x.predicted[chosen]),
        ),
    ):
        expected = figure(other) - figure(one)
        assert found[name] == pytest.approx((expected, expected))


def test_equal_seeds_give_equal_intervals_however_many_pictures_are_drawn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = pairs(np.random.default_rng(0), 100, (0.5, 0.6))
    whole = differences(*both, draws=50)
    monkeypatch.setattr("cnn_cli.report.paired.AT_ONCE", 700)
    assert differences(*both, draws=50) == whole
    assert differences(*both, draws=50, seed=1) != whole


def test_models_of_other_classes_can_be_compared() -> None:
    one, other = pairs(np.random.default_rng(0), 200, (0.6, 0.6))
    wider = Outcomes(other.labels + 2, other.predicted + 2, other.losses, other.briers, 9)
    narrow, wide = differences(one, other), differences(one, wider)
    assert wide["accuracy"] == narrow["accuracy"]
    assert wide["balanced_accuracy"] == narrow["balanced_accuracy"]


@pytest.mark.parametrize("power", [1.0, 1.3, 2.0])
def test_the_calibration_interval_holds_the_true_error(power: float) -> None:
    """The share that is right at a confidence of c is c ** power: at 1 there is no error."""
    draw = np.random.default_rng(1)
    many = draw.beta(5, 1.5, 500_000)
    places = np.clip(np.ceil(many * BINS).astype(int) - 1, 0, BINS - 1)
    truth = np.abs(np.bincount(places, weights=many - many**power)).sum() / len(many)
    held = 0
    for number in range(150):
        confidence = draw.beta(5, 1.5, 400)
        right = draw.random(400) < confidence**power
        low, high = calibration_interval(confidence, right, draws=300, seed=number)
        held += low <= truth <= high
    assert held / 150 >= 0.91
    assert 0 <= low < high <= 1


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 0), (8, 3), (3, 8), (40, 22)])
def test_one_side_of_mcnemars_test_is_a_tail_of_the_binomial(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c, alternative="greater").pvalue if b + c else 1.0
    assert mcnemar_worse(b, c) == pytest.approx(expected, rel=1e-9)


def test_one_side_of_fishers_test_looks_at_drops_alone() -> None:
    table = [[95, 5], [160, 40]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert unpaired_worse((95, 100), (160, 200)) == pytest.approx(expected, rel=1e-9)
    assert unpaired_worse((160, 200), (95, 100)) > 0.99
    assert unpaired_worse((10, 10), (20, 20)) == 1


def test_newcombes_interval_for_pairs_is_that_of_his_table() -> None:
    """Newcombe 1998, table II, method 10: (a, b, c, d) = (36, 12, 2, 0) and (54, 0, 0, 0)."""
    low, high = newcombe_paired(36, 2, 12, 0)
    assert (low, high) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    assert newcombe_paired(54, 0, 0, 0) == pytest.approx((-0.0664, 0.0664), abs=5e-5)


def test_four_pictures_are_no_certain_difference() -> None:
    low, high = newcombe_paired(356, 0, 4, 0)
    assert low < 0 < high


def test_newcombes_interval_for_pairs_holds_the_true_difference() -> None:
    random, inside = np.random.default_rng(0), 0
    for _ in range(1000):
        both, b, c, neither = random.multinomial(300, [0.85, 0.03, 0.06, 0.06]).tolist()
        low, high = newcombe_paired(both, b, c, neither)
        inside += low <= 0.03 <= high
    assert 930 <= inside <= 975


def test_an_error_of_calibration_without_mistakes_is_not_sure() -> None:
    low, high = calibration_interval(np.full(100, 0.97), np.ones(100, dtype=bool))
    assert low == 0
    assert high > 0.05


def test_the_error_of_a_sure_and_calibrated_model_may_be_none() -> None:
    random, inside = np.random.default_rng(0), 0
    for _ in range(200):
        sure = random.uniform(0.97, 1, 100)
        low, _ = calibration_interval(sure, random.random(100) < sure, draws=200)
        inside += low == 0
    assert inside >= 190


def test_newcombes_interval_for_pairs_corrects_a_correlation_for_continuity() -> None:
    """Method 10 written out for (40, 6, 2, 12): phi = (40 x 12 - 6 x 2 - 60 / 2) / sqrt(...)."""
    phi = (480 - 12 - 30) / np.sqrt(46 * 14 * 42 * 18)
    (low_p, high_p), (low_q, high_q) = wilson(46, 60), wilson(42, 60)
    p, q = 46 / 60, 42 / 60
    below = np.hypot(q - low_q, high_p - p) ** 2 - 2 * phi * (q - low_q) * (high_p - p)
    above = np.hypot(high_q - q, p - low_p) ** 2 - 2 * phi * (high_q - q) * (p - low_p)
    expected = (q - p - np.sqrt(below), q - p + np.sqrt(above))
    assert newcombe_paired(40, 6, 2, 12) == pytest.approx(expected, rel=1e-12)

"""Intervals of the headline figures: how often they hold the true value, and their edges."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as reference

from cnn_cli.engine.predict import Predictions
from cnn_cli.report import agreement
from cnn_cli.report.intervals import wilson
from cnn_cli.report.report import metrics
from cnn_cli.report.resampling import draw_rows, intervals
from cnn_cli.report.uncertainty import (
    RESAMPLED,
    baselines,
    headline_intervals,
    mean_interval,
)

TRUE = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]])
"""Chances of each prediction, a row for each true class."""
SIZES = np.array([120, 80, 100])


def test_figures_of_a_matrix_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    chances = random.dirichlet(np.ones(4), 300) + np.eye(4)[labels] * 0.3
    chances /= chances.sum(axis=1, keepdims=True)
    found = metrics(Predictions(labels, chances, ("x",) * 300, tuple("abcd")))
    guesses = chances.argmax(axis=1)
    assert found["kappa"] == pytest.approx(reference.cohen_kappa_score(labels, guesses), abs=1e-12)
    assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(labels, guesses), abs=1e-12)
    assert found["micro_f1"] == reference.f1_score(labels, guesses, average="micro")
    area = reference.roc_auc_score(labels, chances, multi_class="ovr")
    assert found["roc_auc"] == pytest.approx(area, abs=1e-12)
    own = [row["average_precision"] for row in found["per_class"]]
    each = [reference.average_precision_score(labels == k, chances[:, k]) for k in range(4)]
    assert own == pytest.approx(each, abs=1e-12)
    assert found["average_precision"] == pytest.approx(np.mean(each), abs=1e-12)
    assert found["brier"] == pytest.approx(((chances - np.eye(4)[labels]) ** 2).sum(1).mean())


def test_every_figure_lies_in_its_interval() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 5, 200)
    chances = random.dirichlet(np.ones(5), 200) + np.eye(5)[labels] * 0.3
    chances /= chances.sum(axis=1, keepdims=True)
    found = metrics(Predictions(labels, chances, ("x",) * 200, tuple("abcde")))
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high, name
        assert high - low > 0 or name == "top5_accuracy", name
    for row in found["per_class"]:
        for name, (low, high) in row["intervals"].items():
            assert low <= row[name] <= high, name


def drawn(random: np.random.Generator) -> np.ndarray:
    return np.stack([random.multinomial(n, p) for n, p in zip(SIZES, TRUE, strict=True)])


def true_value(figure: Callable[..., np.ndarray]) -> float:
    expected = TRUE * SIZES[:, None]
    return float(figure(expected.diagonal()[None], expected.sum(axis=0)[None], SIZES)[0])


@pytest.mark.parametrize("name", RESAMPLED)
def test_resampled_intervals_hold_the_true_value_in_95_of_100(name: str) -> None:
    random = np.random.default_rng(0)
    true, inside = true_value(RESAMPLED[name]), 0
    for _ in range(1000):
        (found,) = intervals(drawn(random), {name: RESAMPLED[name]}, draws=500).values()
        inside += found[0] <= true <= found[1]
    assert 930 <= inside <= 970


def test_intervals_of_a_class_hold_the_true_value_in_95_of_100() -> None:
    random = np.random.default_rng(0)
    expected = TRUE * SIZES[:, None]
    true = agreement.f1(expected.diagonal()[None], expected.sum(axis=0)[None], SIZES)[0]
    inside = np.zeros(len(SIZES))
    for _ in range(1000):
        _, each = headline_intervals(drawn(random), 0, np.ones(2), np.ones(2))
        inside += [row["f1"][0] <= t <= row["f1"][1] for row, t in zip(each, true, strict=True)]
    assert ((inside >= 930) & (inside <= 975)).all(), inside


@pytest.mark.parametrize("pictures", [20, 300])
def test_a_model_without_mistakes_is_not_sure_to_make_none(pictures: int) -> None:
    counts = np.diag([pictures // 4] * 4)
    headline, each = headline_intervals(counts, pictures, np.zeros(2), np.zeros(2))
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "kappa", "mcc"):
        low, high = headline[name]
        assert 1 - 12 / pictures < low < 1 - 1 / pictures
        assert high == 1
    low = wilson(pictures // 4, pictures // 4)[0]
    for row in each:
        assert row["f1"] == pytest.approx([2 * low / (1 + low), 1])


def test_wilsons_interval_holds_the_true_share() -> None:
    random = np.random.default_rng(0)
    inside = sum(
        low <= 0.93 <= high
        for low, high in (wilson(int(k), 400) for k in random.binomial(400, 0.93, 1000))
    )
    assert 930 <= inside <= 970


def test_intervals_of_means_hold_the_true_mean() -> None:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        low, high = mean_interval(random.exponential(0.3, 400))
        inside += low <= 0.3 <= high
    assert 930 <= inside <= 970
    assert mean_interval(np.array([0.5])) == [0.5, 0.5]


def test_intervals_of_losses_of_a_good_model_hold_the_true_mean() -> None:
    """Many small ones, and a few large: where 18 of 900 pictures are wrong, all are."""
    random, inside = np.random.default_rng(0), 0
    true = 0.98 * 0.02 + 0.02 * 3
    for _ in range(1000):
        right = random.random(900) < 0.98
        losses = np.where(right, random.exponential(0.02, 900), random.exponential(3, 900))
        low, high = mean_interval(losses)
        inside += low <= true <= high
    assert 930 <= inside <= 975


@pytest.mark.parametrize("name", ["macro_precision", "macro_f1", "balanced_accuracy"])
def test_intervals_of_a_hundred_classes_of_ten_pictures_are_near(name: str) -> None:
    classes, images, trials = 100, 10, 60
    spread = np.full((classes, classes), 0.3 / (classes - 1))
    np.fill_diagonal(spread, 0.7)
    sizes = np.full(classes, images)
    expected = spread * sizes[:, None]
    figure = RESAMPLED[name]
    true = float(figure(expected.diagonal()[None], expected.sum(axis=0)[None], sizes)[0])
    random, inside = np.random.default_rng(0), 0
    for _ in range(trials):
        counts = np.stack([random.multinomial(images, row) for row in spread])
        (found,) = intervals(counts, {name: figure}, draws=200).values()
        inside += found[0] <= true <= found[1]
    assert inside / trials >= 0.83  # 0.9 in the mean of many


def test_drawn_rows_keep_the_classes_sizes_and_empty_cells() -> None:
    counts = np.array([[5, 0, 1], [0, 0, 0], [2, 3, 4]])
    hits, given = draw_rows(counts, 50)
    assert (given.sum(axis=1) == counts.sum()).all()
    assert (hits[:, 1] == 0).all()
    assert (hits[:, 0] + given[:, 1] + given[:, 2] <= counts.sum()).all()
    assert (draw_rows(counts, 50)[0] == hits).all()


def test_baselines_are_the_largest_class_and_chance() -> None:
    assert baselines(np.array([1, 3, 0]), ("a", "b", "c")) == {
        "majority": {"class": "b", "accuracy": 0.75},
        "random": {"accuracy": 1 / 3},
    }


def test_figures_without_anything_to_divide_by_are_0() -> None:
    none, support = np.zeros((1, 2)), np.array([4, 0])
    given = np.array([[0.0, 4.0]])
    assert agreement.precision(none, given, support).tolist() == [[0.0, 0.0]]
    assert agreement.mcc(none, given, support).tolist() == [0.0]

"""Two runs against each other: the same pictures in any order, or others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cnn_cli.comparison.pairs import Pair, aligned, compare
from cnn_cli.comparison.sides import Side, read_sides
from cnn_cli.comparison.words import verdict
from cnn_cli.engine.predictions import Predictions
from cnn_cli.report.paired import mcnemar, newcombe

Bools = NDArray[np.bool_]
Maker = Callable[..., Path]
ALL = np.ones(300, dtype=bool)


def without(*places: int) -> Bools:
    right = ALL.copy()
    right[list(places)] = False
    return right


def shuffled(found: Predictions, order: NDArray[np.int64]) -> Predictions:
    return replace(
        found,
        labels=found.labels[order],
        probabilities=found.probabilities[order],
        names=tuple(found.names[place] for place in order),
    )


@pytest.fixture
def sides(make_run: Maker) -> Callable[..., list[Side]]:
    def make(*models: Bools | Predictions) -> list[Side]:
        folders = [make_run(f"run{n}", model) for n, model in enumerate(models)]
        return read_sides([folder / "report" for folder in folders])

    return make


Sides = Callable[..., list[Side]]


def test_a_paired_comparison_counts_what_one_alone_has_right(sides: Sides) -> None:
    (pair,) = compare(sides(without(*range(20)), without(*range(18, 24))))
    assert (pair.alone, pair.unlike) == ((4, 18), "")
    assert pair.p == pair.corrected == mcnemar(4, 18)
    figure = pair.differences["accuracy"]
    assert figure.value == pytest.approx(14 / 300)
    low, high = figure.interval or (0.0, 0.0)
    assert 0 < low < 14 / 300 < high
    assert pair.differences["loss"].value < 0
    assert verdict(pair, 1).startswith("B is better than A: +4.67 points")


def test_neither_the_order_of_the_pictures_nor_that_of_the_classes_counts(
    sides: Sides, tmp_path: Path
) -> None:
    first, second = sides(without(*range(20)), without(*range(18, 24)))
    assert second.predictions is not None
    order = np.random.default_rng(0).permutation(300)
    turned = np.array([2, 0, 1])  # the class that stands at each new place
    other = shuffled(second.predictions, order)
    other = replace(
        other,
        labels=np.argsort(turned)[other.labels],
        probabilities=other.probabilities[:, turned],
        classes=tuple(other.classes[place] for place in turned),
    )
    (plain,), (mixed,) = (compare([first, s]) for s in (second, replace(second, predictions=other)))
    assert (mixed.alone, mixed.p) == (plain.alone, plain.p)
    for name, figure in plain.differences.items():
        assert mixed.differences[name].value == pytest.approx(figure.value)
        assert mixed.differences[name].interval == pytest.approx(figure.interval)
    assert {c.name: c.right for c in mixed.classes} == {c.name: c.right for c in plain.classes}


def test_other_pictures_are_compared_as_such(sides: Sides) -> None:
    (pair,) = compare(sides(without(*range(20)), without(1)[:200]))
    assert pair.alone is None
    assert pair.unlike == "A has 300 pictures and B 200"
    assert pair.differences["accuracy"].interval == newcombe((280, 300), (199, 200))
    assert set(pair.differences) == {"accuracy", "loss", "brier"}
    assert {change.images for change in pair.classes} == {(100, 67), (100, 66)}


def test_without_predictions_the_figures_alone_are_compared(sides: Sides) -> None:
    first, second = sides(without(*range(20)), ALL)
    alone = replace(second, predictions=None, missing="it is not there")
    (pair,) = compare([first, alone])
    assert (pair.alone, pair.unlike) == (None, "it is not there")
    assert set(pair.differences) == {"accuracy"}
    assert pair.is_certain


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda p: replace(p, names=("new", *p.names[1:])), "1 of 300 pictures of A are not"),
        (lambda p: replace(p, labels=(p.labels + 1) % 3), "300 of 300 pictures have another class"),
        (lambda p: replace(p, classes=("cat", "dog", "ape")), "100 of 300 pictures have another"),
    ],
)
def test_why_pictures_are_not_the_same(
    edit: Callable[[Predictions], Predictions], told: str, sides: Sides
) -> None:
    found = sides(ALL)[0].predictions
    assert found is not None
    order, why = aligned(found, edit(found))
    assert order is None
    assert told in why


def test_pictures_that_share_a_name_are_paired_where_their_order_is_the_same(sides: Sides) -> None:
    found = sides(ALL)[0].predictions
    assert found is not None
    same = replace(found, names=("one",) * 300)
    order, why = aligned(same, same)
    assert why == ""
    assert np.array_equal(order, np.arange(300))
    twice = replace(found, names=(found.names[1], *found.names[1:]))
    order, why = aligned(twice, shuffled(twice, np.arange(300)[::-1]))
    assert (order, why) == (None, "several pictures have one name, and their order is another")


def test_several_runs_are_corrected_together(sides: Sides) -> None:
    first = without(*range(40))
    found = compare(sides(first, ALL, without(*range(33)), first))
    raw = [pair.p for pair in found]
    assert raw[2] == 1.0
    assert [pair.corrected for pair in found] == pytest.approx([3 * raw[0], 2 * raw[1], 1.0])
    assert [pair.first.letter + pair.second.letter for pair in found] == ["AB", "AC", "AD"]
    assert "by Holm for 3 comparisons" in verdict(found[0], 3)
    assert verdict(found[2], 3) == "A and D have the same pictures right"


def test_classes_beyond_noise_come_first(sides: Sides) -> None:
    """Twenty cats are found that were missed, and two of the dogs are lost."""
    cats = range(0, 60, 3)
    (pair,) = compare(sides(without(*cats), without(1, 4)))
    assert [change.name for change in pair.classes] == ["cat", "dog", "eel"]
    cat, dog, eel = pair.classes
    assert cat.is_certain
    assert cat.p == mcnemar(0, 20)
    assert cat.corrected == 3 * cat.p
    assert (cat.recall, cat.difference) == ((0.8, 1.0), pytest.approx(0.2))
    assert (dog.difference, dog.is_certain) == (pytest.approx(-0.02), False)
    assert eel.difference == 0


def test_what_is_alike_is_no_difference(sides: Sides) -> None:
    pair: Pair = compare(sides(ALL, ALL))[0]
    assert (pair.p, pair.is_certain) == (1.0, False)
    found = {name: figure.interval for name, figure in pair.differences.items()}
    low, high = found.pop("accuracy") or (1.0, -1.0)
    assert low < 0 < high  # equal on these pictures, not on all
    assert set(found.values()) == {(0.0, 0.0)}

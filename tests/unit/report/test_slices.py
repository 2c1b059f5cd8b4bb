"""Slices: what is worse is flagged, what is noise is not, and nothing is counted twice."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from cnn_cli.report.slices import FEWEST, GROUPS, MOST_VALUES, OTHERS, slices

RANDOM = np.random.default_rng(5)


def test_the_dark_fifth_that_is_worse_is_flagged_and_no_other() -> None:
    brightness = RANDOM.random(2000)
    right = RANDOM.random(2000) < np.where(brightness < np.quantile(brightness, 0.2), 0.7, 0.95)
    found = slices({"brightness": brightness}, right)
    assert len(found) == GROUPS
    assert [row["worse"] for row in found] == [True, False, False, False, False]
    assert sum(row["images"] for row in found) == 2000
    dark = brightness < np.quantile(brightness, 0.2)
    assert found[0]["accuracy"] == pytest.approx(right[dark].mean())
    assert found[0]["interval"][0] < found[0]["accuracy"] < found[0]["interval"][1]


def test_the_chance_is_that_of_fishers_exact_test() -> None:
    site = np.array(["a"] * 40 + ["b"] * 60).tolist()
    right = np.arange(100) % 7 != 0
    right[:10] = False
    row = next(row for row in slices({"site": site}, right) if row["slice"] == "a")
    wrong, of_rest = int((~right[:40]).sum()), int((~right[40:]).sum())
    table = [[wrong, 40 - wrong], [of_rest, 60 - of_rest]]
    assert row["p"] == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)
    assert row["worse"]


def test_noise_is_flagged_in_one_of_twenty_reports_at_most() -> None:
    flagged, reports = 0, 400
    for _ in range(reports):
        traits = {name: RANDOM.random(300) for name in ("brightness", "contrast", "sharpness")}
        flagged += any(row["worse"] for row in slices(traits, RANDOM.random(300) < 0.8))
    assert flagged / reports < 0.075


def test_numbers_that_are_few_are_cut_where_they_differ_and_constants_are_left_out() -> None:
    right = RANDOM.random(400) < 0.5
    sizes = np.repeat([32.0, 64.0], 200)
    found = slices({"size": sizes, "depth": np.full(400, 8.0)}, right)
    assert {row["trait"] for row in found} <= {"size"}
    many = slices({"size": np.arange(400.0)}, right)
    assert [row["slice"] for row in many][:2] == ["0 to 80", "80 to 160"] or len(many) == GROUPS


def test_rare_words_count_as_one_and_what_is_empty_is_left_out() -> None:
    words = [f"word {i % 40}" for i in range(1000)] + [""] * 50 + ["alone"]
    found = slices({"camera": words}, np.arange(1051) % 3 != 0)
    assert len(found) == MOST_VALUES + 1
    assert found[-1]["slice"] == OTHERS
    assert sum(row["images"] for row in found) == 1001


def test_a_slice_of_a_few_pictures_says_nothing() -> None:
    words = ["rare"] * (FEWEST - 1) + ["common"] * 50 + ["usual"] * 50
    found = slices({"kind": words}, np.ones(len(words), dtype=bool))
    assert [row["slice"] for row in found] == ["common", "usual"]
    assert not any(row["worse"] for row in found)


def test_missing_numbers_are_in_no_slice() -> None:
    values = RANDOM.random(500)
    values[:100] = np.nan
    found = slices({"size": values}, RANDOM.random(500) < 0.9)
    assert sum(row["images"] for row in found) == 400

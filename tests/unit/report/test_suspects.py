"""Label errors that were planted are found, and the order is that of the margin."""

import numpy as np

from cnn_cli.engine.predict import Predictions
from cnn_cli.report.suspects import MOST, suspects


def sample(images: int, wrong: int, classes: int = 4) -> tuple[Predictions, set[str]]:
    """A good model's predictions; the labels of the first `wrong` pictures are of another class."""
    random = np.random.default_rng(0)
    true = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), true] += 6
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = true.copy()
    labels[:wrong] = (labels[:wrong] + 1) % classes
    names = tuple(f"{i}.png" for i in range(images))
    given = Predictions(labels, chances, names, tuple("abcd"[:classes]))
    return given, set(names[:wrong])


def test_planted_errors_are_found() -> None:
    given, planted = sample(2000, 20)
    found = suspects(given)
    listed = {row["picture"] for row in found["listed"]}
    assert len(planted & listed) >= 15  # of an unsure picture no class is sure
    assert found["count"] <= 30
    margins = [row["suggested_probability"] - row["label_probability"] for row in found["listed"]]
    assert margins == sorted(margins, reverse=True)


def test_it_is_what_a_loop_finds() -> None:
    given, _ = sample(300, 12)
    usual = [given.probabilities[given.labels == k, k].mean() for k in range(4)]
    expected = set()
    for name, label, row in zip(given.names, given.labels, given.probabilities, strict=True):
        claims = [k for k in range(4) if row[k] >= usual[k]]
        if claims and label != max(claims, key=lambda k: row[k]):
            expected.add(name)
    found = suspects(given)
    assert found["count"] == len(expected)
    assert {row["picture"] for row in found["listed"]} == expected


def test_many_are_counted_and_some_listed_and_none_is_none() -> None:
    given, _ = sample(1000, 400)
    found = suspects(given)
    assert found["count"] > len(found["listed"]) == MOST
    sure = Predictions(np.array([0, 1]), np.eye(2), ("a", "b"), ("x", "y"))
    assert suspects(sure) == {"count": 0, "listed": []}


def test_a_class_without_pictures_claims_none() -> None:
    chances = np.array([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7], [0.2, 0.7, 0.1]])
    given = Predictions(np.array([0, 1, 1]), chances, ("a", "b", "c"), ("x", "y", "z"))
    assert all(row["suggested"] != "z" for row in suspects(given)["listed"])


def test_the_likeliest_claim_counts_also_where_its_own_class_claims_a_picture() -> None:
    """Both classes claim the last picture; the other one is likelier."""
    chances = np.array([[0.6, 0.4], [0.5, 0.5], [0.4, 0.6], [0.5, 0.5], [0.55, 0.45]])
    given = Predictions(np.array([0, 0, 1, 1, 1]), chances, tuple("abcde"), ("x", "y"))
    usual = [chances[:2, 0].mean(), chances[2:, 1].mean()]
    assert usual[0] == 0.55
    assert [row["picture"] for row in suspects(given)["listed"]] == ["e"]
    given = Predictions(np.array([0, 0, 1, 1, 1]), chances[:, ::-1], tuple("abcde"), ("x", "y"))
    assert all(row["label"] != row["suggested"] for row in suspects(given)["listed"])

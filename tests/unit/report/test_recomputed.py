"""Every number under `metrics`, from predictions.npz alone, by scikit-learn or a closed form."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn import metrics as reference

from cnn_cli.engine.predict import Predictions
from cnn_cli.report.files import write_report
from cnn_cli.report.report import Report, metrics

CLOSE = 1e-9
ELSEWHERE = {"per_class", "most_confused", "suspects", "calibration", "baselines", "intervals"}
"""Parts that are no single numbers; each has its own test, here or beside this file."""


@pytest.fixture(scope="module", params=[(3, 200), (10, 1500), (40, 900)], ids=str)
def both(request: Any, tmp_path_factory: Any) -> tuple[dict[str, Any], Any]:
    classes, images = request.param
    random = np.random.default_rng(classes)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes)) * 1.5
    logits[np.arange(images), labels] += 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = tuple(f"{i}.png" for i in range(images))
    given = Predictions(labels, chances, names, tuple(f"c{k}" for k in range(classes)))
    folder: Path = tmp_path_factory.mktemp("report")
    write_report(Report(metrics(given), {}, {}), given, folder, "")
    with np.load(folder / "predictions.npz") as file:
        arrays = dict(file)
    return json.loads((folder / "report.json").read_text())["metrics"], arrays


def test_every_single_number(both: Any) -> None:
    found, arrays = both
    labels, chances = arrays["labels"], arrays["probabilities"]
    guesses, classes = chances.argmax(axis=1), range(chances.shape[1])
    truth = np.eye(len(classes))[labels]
    macro = {"average": "macro", "labels": classes, "zero_division": 0}
    expected = {
        "images": len(labels),
        "accuracy": reference.accuracy_score(labels, guesses),
        "micro_f1": reference.f1_score(labels, guesses, average="micro"),
        "top5_accuracy": reference.top_k_accuracy_score(labels, chances, k=5, labels=classes)
        if len(classes) > 5
        else 1.0,
        "loss": reference.log_loss(labels, chances, labels=classes),
        "brier": float(((chances - truth) ** 2).sum(axis=1).mean()),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, guesses),
        "macro_precision": reference.precision_score(labels, guesses, **macro),
        "macro_recall": reference.recall_score(labels, guesses, **macro),
        "macro_f1": reference.f1_score(labels, guesses, **macro),
        "weighted_f1": reference.f1_score(labels, guesses, average="weighted"),
        "kappa": reference.cohen_kappa_score(labels, guesses),
        "mcc": reference.matthews_corrcoef(labels, guesses),
        "roc_auc": reference.roc_auc_score(truth, chances, average="macro"),
        "average_precision": reference.average_precision_score(truth, chances, average="macro"),
    }
    matrix = reference.confusion_matrix(labels, guesses, labels=classes)
    assert found["confusion"] == matrix.tolist()
    assert found.keys() - ELSEWHERE - {"confusion"} == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=CLOSE, abs=CLOSE), name


def test_every_number_of_every_class(both: Any) -> None:
    found, arrays = both
    labels, chances = arrays["labels"], arrays["probabilities"]
    guesses, classes = chances.argmax(axis=1), range(chances.shape[1])
    each = reference.precision_recall_fscore_support(
        labels, guesses, labels=classes, zero_division=0
    )
    for place, row in enumerate(found["per_class"]):
        own = labels == place
        expected = {
            "name": arrays["classes"][place],
            **{key: each[n][place] for n, key in enumerate(("precision", "recall", "f1"))},
            "support": int(own.sum()),
            "roc_auc": reference.roc_auc_score(own, chances[:, place]),
            "average_precision": reference.average_precision_score(own, chances[:, place]),
        }
        assert row.keys() - {"intervals"} == expected.keys()
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=CLOSE, abs=CLOSE) or row[name] == value


def test_calibration_and_baselines(both: Any) -> None:
    found, arrays = both
    labels, chances = arrays["labels"], arrays["probabilities"]
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    ece = 0.0
    for place in range(15):
        inside = (sure > place / 15) & (sure <= (place + 1) / 15)
        row = found["calibration"]["bins"][place]
        assert row["images"] == inside.sum()
        if inside.any():
            ece += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
            assert row["confidence"] == pytest.approx(sure[inside].mean(), rel=CLOSE)
            assert row["accuracy"] == pytest.approx(right[inside].mean(), rel=CLOSE)
    assert found["calibration"]["ece"] == pytest.approx(ece, rel=CLOSE)
    order = np.argsort(-sure, kind="stable")
    for row in found["calibration"]["coverage"]:
        count = round(row["coverage"] * len(labels))
        assert row["accuracy"] == pytest.approx(right[order[:count]].mean(), rel=CLOSE)
        assert row["threshold"] == pytest.approx(sure[order[count - 1]], rel=CLOSE)
    share = np.bincount(labels).max() / len(labels)
    assert found["baselines"]["majority"]["accuracy"] == pytest.approx(share, rel=CLOSE)
    assert found["baselines"]["random"]["accuracy"] == pytest.approx(1 / chances.shape[1])


def test_the_interval_of_the_accuracy_is_wilsons(both: Any) -> None:
    """It holds the shares that the score test does not refuse: at its ends the test is just met."""
    found, arrays = both
    images = len(arrays["labels"])
    for edge in found["intervals"]["accuracy"]:
        deviation = abs(found["accuracy"] - edge) / np.sqrt(edge * (1 - edge) / images)
        assert deviation == pytest.approx(norm.ppf(0.975), rel=1e-6)
    low, high = found["intervals"]["accuracy"]
    assert binom.cdf(round(found["accuracy"] * images), images, high) < 0.05
    assert binom.sf(round(found["accuracy"] * images) - 1, images, low) < 0.05

"""The report's files: what is read back is what was written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import classification_report

from cnn_cli.engine.predict import Predictions
from cnn_cli.report.files import encode, read_arrays, write_arrays, write_report, write_table
from cnn_cli.report.report import Report, metrics


def predictions(classes: int, images: int = 40) -> Predictions:
    random = np.random.default_rng(3)
    chances = random.dirichlet(np.full(classes, 0.2), images)
    labels = random.integers(0, classes, images)
    names = tuple(f"folder/picture, {i}.png" for i in range(images))
    return Predictions(labels, chances, names, tuple(f"class {i}" for i in range(classes)))


def written(folder: Path, classes: int = 4) -> tuple[Report, Predictions, list[Path]]:
    given = predictions(classes)
    report = Report(metrics(given), {"seconds": 1.5}, {"checkpoint": None})
    return report, given, write_report(report, given, folder, "<!doctype html>größer")


def test_all_files_are_written_and_returned(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    _, _, files = written(folder)
    assert sorted(path.name for path in files) == [
        "confusion_matrix.png",
        "predictions.csv",
        "predictions.npz",
        "report.html",
        "report.json",
        "report.txt",
    ]
    assert sorted(folder.iterdir()) == sorted(files)
    with Image.open(folder / "confusion_matrix.png") as picture:
        assert min(picture.size) > 400
        assert len(picture.convert("RGB").getcolors(maxcolors=10**6) or []) > 20  # not blank


def test_the_json_holds_the_report_and_its_metrics_follow_from_the_arrays(tmp_path: Path) -> None:
    report, _, _ = written(tmp_path)
    read = json.loads((tmp_path / "report.json").read_text())
    assert read == {
        "metrics": report.metrics,
        "cost": report.cost,
        "provenance": report.provenance,
        "slices": [],
    }
    again = metrics(read_arrays(tmp_path / "predictions.npz"))
    assert encode(again) == encode(read["metrics"])


def test_equal_predictions_give_equal_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        written(folder)
    for name in ("report.json", "report.txt", "predictions.npz", "predictions.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_json_has_one_form_and_a_row_a_line() -> None:
    value = {"b": [[1, 0], [2, 3]], "a": {"y": [0.5, 1], "x": "Äpfel"}, "e": {}, "n": None}
    other = dict(reversed(value.items()))
    text = encode(value).decode()
    assert encode(other).decode() == text
    assert json.loads(text) == value
    assert text.splitlines() == [
        "{",
        '  "a": {',
        '    "x": "Äpfel",',
        '    "y": [0.5, 1]',
        "  },",
        '  "b": [',
        "    [1, 0],",
        "    [2, 3]",
        "  ],",
        '  "e": {},',
        '  "n": null',
        "}",
    ]


def test_json_refuses_numbers_it_has_no_word_for() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode({"loss": float("nan")})


def test_the_text_begins_with_scikit_learns_table(tmp_path: Path) -> None:
    _, given, _ = written(tmp_path)
    text = (tmp_path / "report.txt").read_text()
    expected = classification_report(
        given.labels,
        given.predicted,
        labels=range(4),
        target_names=given.classes,
        digits=4,
        zero_division=0,
    )
    assert text.startswith(expected)
    assert "taken for" in text


def test_the_table_has_every_probability_up_to_a_hundred_classes(tmp_path: Path) -> None:
    given = predictions(100)
    write_table(given, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(given.names)
    table = np.array([[float(row[f"p_{name}"]) for name in given.classes] for row in rows])
    np.testing.assert_allclose(table, given.probabilities, rtol=1e-7, atol=1e-300)
    for row, label, guess in zip(rows, given.labels, given.predicted, strict=True):
        assert (row["true"], row["predicted"]) == (given.classes[label], given.classes[guess])
        assert row["correct"] == str(int(label == guess))
        assert row["confidence"] == row[f"p_{row['predicted']}"]


def test_the_table_has_the_top_five_above_a_hundred_classes(tmp_path: Path) -> None:
    given = predictions(101)
    write_table(given, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, chances in zip(rows, given.probabilities, strict=True):
        best = np.argsort(-chances, kind="stable")[:5]
        assert [row[f"top{rank}"] for rank in range(1, 6)] == [f"class {i}" for i in best]
        shares = [float(row[f"p_top{rank}"]) for rank in range(1, 6)]
        np.testing.assert_allclose(shares, chances[best], rtol=1e-7)
        assert row["top1"] == row["predicted"]


def test_names_in_any_script_and_stray_bytes_survive(tmp_path: Path) -> None:
    names = ("größe/猫.jpg", 'a "quoted", name.png', "stray-\udcff.png")
    given = Predictions(np.array([0, 1, 1]), np.eye(2)[[0, 1, 0]], names, ("猫", "$x_1$ [red]"))
    report = Report(metrics(given), {}, {"first": names[2]})
    write_report(report, given, tmp_path, names[2])
    assert read_arrays(tmp_path / "predictions.npz").names == names
    assert read_arrays(tmp_path / "predictions.npz").classes == given.classes
    assert json.loads((tmp_path / "report.json").read_bytes())["provenance"]["first"] == names[2]
    with (tmp_path / "predictions.csv").open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        assert tuple(row["name"] for row in csv.DictReader(file)) == names


def test_arrays_are_kept_exactly(tmp_path: Path) -> None:
    given = predictions(6)
    write_arrays(given, tmp_path / "a.npz")
    read = read_arrays(tmp_path / "a.npz")
    assert read.labels.dtype == np.int64
    np.testing.assert_array_equal(read.labels, given.labels)
    np.testing.assert_array_equal(read.probabilities, given.probabilities)

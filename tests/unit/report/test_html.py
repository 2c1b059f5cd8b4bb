"""report.html: whole, self-contained, small, and honest about what it shows."""

import base64
import html.parser
import io
import json
import re
from typing import Any

import numpy as np
import torch
from PIL import Image

from cnn_cli.data.resident import Resident
from cnn_cli.engine.predict import Predictions
from cnn_cli.report.document import POLICY
from cnn_cli.report.examples import BYTES, IN_CELL, Album, cells, encoded, in_turn, mistakes
from cnn_cli.report.html import Background, page
from cnn_cli.report.report import Report, metrics
from cnn_cli.report.slices import slices
from cnn_cli.visualize.confusion import confusion_counts

VOID = {"meta", "img", "input", "br", "link"}


def made(images: int, classes: int, side: int = 8) -> tuple[Report, Predictions, Resident]:
    random = np.random.default_rng(classes)
    labels = np.arange(images) % classes
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), labels] += 3.5
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = tuple(f'test/<b>"{i}"&</script><script>alert(2)</script>.png' for i in range(images))
    given = Predictions(labels, chances, names, tuple(f"class <{k}>" for k in range(classes)))
    pixels = random.integers(0, 256, (images, 3, side, side), dtype=np.uint8)
    split = Resident(torch.from_numpy(pixels), torch.from_numpy(labels), names)
    parts = slices({"brightness": pixels.mean(axis=(1, 2, 3))}, given.predicted == labels)
    cost = {"parameters": 1234, "latency_ms": {"median": 1.5, "p95": 2.5, "runs": 20}}
    origin = {"run": "a & b", "dataset": "made up", "split": "test", "step": 7, "model": "CNN"}
    return Report(metrics(given), cost, origin, parts), given, split


BACKGROUND = Background(
    lines=tuple(
        {"epoch": n, "step": n, "train": {"loss": 2.0 / n, "accuracy": 0.5}, "val": None}
        for n in (1, 2, 3)
    ),
    config="seed: 0  # </script><script>alert(1)</script>\n",
    changed={"seed": "0"},
    environment={"python": "3.11", "versions": {"torch": "2"}},
    command="cnn-train 'seed=<0>'",
)


class Outline(html.parser.HTMLParser):
    """Every element in its place: raises where one is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_is_whole_and_fetches_nothing() -> None:
    report, given, split = made(200, 5)
    text = page(report, given, split, BACKGROUND)
    outline = Outline(text)
    assert POLICY in text
    for tag, attributes in outline.seen:
        for name in ("src", "href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/")), (tag, value)
        assert tag not in ("link", "iframe", "object")
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert attributes.get("alt")
    assert "alert(1)" in outline.words  # as text
    assert sum(tag == "script" for tag, _ in outline.seen) == 2
    links = {a["href"][1:] for tag, a in outline.seen if tag == "a" and a.get("href")}
    assert links <= {a["id"] for _, a in outline.seen if a.get("id")}
    right = round(report.metrics["accuracy"] * 200)
    assert f"{right} of 200 pictures" in outline.words


def test_every_mistake_of_a_cell_is_of_that_cell_and_the_worst_come_first() -> None:
    report, given, split = made(400, 4)
    data = data_of(page(report, given, split, Background()))
    counts = confusion_counts(given.labels, given.predicted, 4)
    shown = cells(given, counts)
    assert {tuple(map(int, key.split(","))) for key in data["cells"]} == set(shown)
    assert set(shown) == {tuple(cell) for cell in np.argwhere(counts).tolist()}
    for (true, predicted), indices in shown.items():
        inside = np.flatnonzero((given.labels == true) & (given.predicted == predicted))
        chances = given.probabilities[inside, true]
        expected = inside[np.argsort(chances, kind="stable")][:IN_CELL]
        assert indices == expected.tolist()
        captions = data["cells"][f"{true},{predicted}"]
        assert [caption[2] for _, caption in captions] == [given.names[i] for i in indices]


def test_a_small_picture_is_kept_pixel_by_pixel_and_a_large_one_is_scaled() -> None:
    random = np.random.default_rng(0)
    for channels in (1, 3):
        small = random.integers(0, 256, (channels, 28, 28), dtype=np.uint8)
        uri = encoded(torch.from_numpy(small))
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
            again = np.asarray(picture)
        np.testing.assert_array_equal(again if channels == 1 else again.transpose(2, 0, 1),
                                      small[0] if channels == 1 else small)  # fmt: skip
    large = random.integers(0, 256, (3, 224, 224), dtype=np.uint8)
    uri = encoded(torch.from_numpy(large))
    assert uri.startswith("data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        assert picture.size == (96, 96)


def test_an_album_has_each_picture_once_and_ends_where_the_page_would_be_too_large() -> None:
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (1500, 3, 40, 40), dtype=np.uint8))
    split = Resident(pixels, torch.zeros(1500, dtype=torch.int64), [str(i) for i in range(1500)])
    album = Album()
    album.add(split, [5, 3, 5])
    assert list(album.pictures) == [5, 3]
    album.add(split, range(1500))
    assert album.size == sum(map(len, album.pictures.values())) <= BYTES
    assert 300 < len(album.pictures) < 1500


def test_a_thousand_classes_and_ten_thousand_pictures_stay_small() -> None:
    report, given, split = made(10_000, 1000, side=32)
    text = page(report, given, split, BACKGROUND)
    assert len(text.encode()) < 5_000_000
    assert len(data_of(text)["cells"]) == 100
    outline = Outline(text)
    assert sum(tag == "tr" for tag, _ in outline.seen) > 1000
    assert not any(attributes.get("id") == "matrix" for _, attributes in outline.seen)


def test_a_model_without_mistakes_has_a_page_too() -> None:
    labels = np.array([0, 1] * 20)
    names = tuple(map(str, range(40)))
    given = Predictions(labels, np.eye(2)[labels], names, ("a", "b"))
    split = Resident(torch.zeros(40, 1, 8, 8, dtype=torch.uint8), torch.from_numpy(labels), names)
    outline = Outline(page(Report(metrics(given), {}, {}), given, split, Background()))
    assert "There are none." in outline.words
    assert mistakes(given) == []
    assert "Suspected labels" not in outline.words


def test_what_is_left_out_comes_last_of_each() -> None:
    assert in_turn([[1, 2, 3], [], [4], [5, 6]]) == [1, 4, 5, 2, 6, 3]

"""report.html in a browser: no error on its console, and sorting, clicking and keys work.

Needs Chromium (Debian's package `chromium`), which no test fetches.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnn_cli.data.resident import Resident
from cnn_cli.engine.predict import Predictions
from cnn_cli.report.html import Background, page
from cnn_cli.report.report import Report, metrics

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt-get install chromium")

ACT = """{
const told = {};
const rows = (table) => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
const table = document.querySelector("table.sortable");
const [name, support, , , f1] = table.tHead.rows[0].cells;
f1.querySelector("button").click();
told.worst = rows(table)[0];
told.sorted = f1.getAttribute("aria-sort");
f1.querySelector("button").click();
told.best = rows(table)[0];
name.querySelector("button").click();
told.names = rows(table).slice(0, 3);
told.unsorted = f1.getAttribute("aria-sort");
const cell = document.querySelector("button[data-cell='2,0']");
cell.click();
told.shown = [...document.querySelectorAll("#examples .is-true")].map((e) => e.textContent);
const images = [...document.querySelectorAll("#examples img")];
told.pictures = images.map((image) => image.src.slice(0, 22));
told.pressed = cell.getAttribute("aria-pressed");
const matrix = document.getElementById("matrix");
if (matrix) {
  const first = matrix.querySelector("button");
  first.focus();
  first.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
  told.focused = document.activeElement.dataset.cell;
  told.tabs = [...matrix.querySelectorAll("button")].filter((b) => b.tabIndex === 0).length;
  const shares = document.getElementById("as-shares");
  shares.click();
  told.share = cell.textContent;
}
told.wide = document.documentElement.scrollWidth <= window.innerWidth;
const result = document.createElement("pre");
result.id = "result";
result.textContent = JSON.stringify(told);
document.body.append(result);
}"""


def opened(text: str, folder: Path, width: int = 1200) -> dict[str, Any]:
    """What ACT finds in the page; fails where its console has anything."""
    path = folder / "page.html"
    path.write_text(text.replace("</body>", f"<script>{ACT}</script></body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    flags += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},1000"]
    done = subprocess.run(
        [str(BROWSER), *flags, "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ":CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    told: dict[str, Any] = json.loads(found[1])
    return told


def made(images: int, classes: int) -> tuple[Report, Predictions, Resident]:
    random = np.random.default_rng(1)
    labels = np.arange(images) % classes
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), labels] += np.linspace(5, 2, classes)[labels]
    logits[labels == 2, 0] += 4
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = tuple(f"test/{i}.png" for i in range(images))
    given = Predictions(labels, chances, names, tuple(f"c{k}" for k in range(classes)))
    pixels = random.integers(0, 256, (images, 3, 32, 32), dtype=np.uint8)
    split = Resident(torch.from_numpy(pixels), torch.from_numpy(labels), names)
    return Report(metrics(given), {}, {}), given, split


def check(told: dict[str, Any], report: Report) -> None:
    ranked = sorted(report.metrics["per_class"], key=lambda row: row["f1"])
    assert told["worst"] == ranked[0]["name"]
    assert told["best"] == ranked[-1]["name"]
    assert (told["sorted"], told["unsorted"]) == ("ascending", "none")
    assert told["names"] == ["c0", "c1", "c2"]
    assert told["shown"]
    assert all(text.startswith("c2 ") for text in told["shown"])
    assert len(told["pictures"]) == len(told["shown"])
    assert set(told["pictures"]) == {"data:image/png;base64,"}
    assert told["pressed"] == "true"


def test_a_page_of_ten_classes_sorts_and_shows_and_takes_keys(tmp_path: Path) -> None:
    report, given, split = made(600, 10)
    told = opened(page(report, given, split, Background()), tmp_path)
    check(told, report)
    assert told["focused"].split(",")[1] == "0"
    assert told["focused"] != "0,0"
    assert told["tabs"] == 1
    assert re.fullmatch(r"\d+\.\d %", told["share"])
    assert told["wide"]


def test_a_page_of_a_thousand_classes_opens_and_works(tmp_path: Path) -> None:
    report, given, split = made(10_000, 1000)
    told = opened(page(report, given, split, Background()), tmp_path)
    check(told, report)
    assert told["wide"]


def test_a_narrow_window_is_not_scrolled_sideways(tmp_path: Path) -> None:
    report, given, split = made(600, 20)
    told = opened(page(report, given, split, Background()), tmp_path, width=520)
    assert told["wide"]

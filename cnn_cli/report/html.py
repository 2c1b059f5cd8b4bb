"""report.html: all of a report in one file that can be mailed, printed and read without network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_cli.data.contract import Split
from cnn_cli.report import html_confusion, html_figures, html_pictures, html_tables
from cnn_cli.report.document import PAGE, document
from cnn_cli.report.examples import Album, cells, in_turn, mistakes
from cnn_cli.report.report import Report
from cnn_cli.report.wording import amount, bytes_told, share, span

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions


@dataclass(frozen=True)
class Background:
    """What is known of the training; all of it may be missing, as beside a file on its own."""

    lines: tuple[Mapping[str, Any], ...] = ()
    """of metrics.jsonl"""
    config: str = ""
    """config.yaml"""
    changed: Mapping[str, str] = field(default_factory=dict)
    """settings that differ from the defaults, as flat keys"""
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    """that gives this training again"""
    temperature: str = ""
    """what a temperature that was fitted, and is not applied, would do"""


def page(report: Report, predictions: "Predictions", split: Split, background: Background) -> str:
    """The whole page as HTML; `split` has the pictures, in the order of the predictions."""
    counts = np.array(report.metrics["confusion"], dtype=np.int64)
    shown = cells(predictions, counts)
    wrong, doubted = mistakes(predictions), html_pictures.suspected(report, predictions)
    album = Album()
    album.add(split, [*wrong, *doubted, *in_turn(list(shown.values()))])
    confusion = html_confusion.confusion(counts, predictions.classes)
    if report.metrics["most_confused"]:
        confusion += html_pictures.pairs(report, predictions, album, shown)
    sections = [
        ("numbers", "Figures", html_tables.numbers(report.metrics)),
        ("curves", "Learning curves", html_figures.curves(background.lines)),
        ("classes", "Classes", html_tables.classes(report.metrics["per_class"])),
        ("confusion", "Confusion", confusion),
        ("mistakes", "Worst mistakes", html_pictures.worst(predictions, album, wrong)),
        ("labels", "Suspected labels", html_pictures.suspects(report, predictions, album, doubted)),
        ("calibration", "Calibration", html_figures.calibration(report, background.temperature)),
        ("slices", "Slices", html_tables.slices(report)),
        ("cost", "Cost", html_tables.cost(report)),
        ("settings", "Settings", html_tables.settings(report, background)),
    ]
    kept = [(key, name, body) for key, name, body in sections if body]
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name, _ in kept)
    told = "".join(
        f'<section aria-labelledby="{key}"><h2 id="{key}">{name}</h2>{body}</section>\n'
        for key, name, body in kept
    )
    body = (
        f'<a class="skip" href="#numbers">Skip to the figures</a>\n<header>{_head(report)}'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n<main>{_cards(report)}'
        f"{told}</main>\n{_data(predictions, album, shown)}"
    )
    script = (PAGE / "report.js").read_text(encoding="utf-8")
    return document(_title(report), body, script, ["report.css"])


def _title(report: Report) -> str:
    return f"{report.provenance.get('run', 'a model')}: {share(report.metrics['accuracy'])}"


def _head(report: Report) -> str:
    metrics, origin = report.metrics, report.provenance
    images, right = metrics["images"], round(metrics["accuracy"] * metrics["images"])
    low, high = metrics["intervals"]["accuracy"]
    of = f"the {origin['split']} split of {origin['dataset']}" if "dataset" in origin else "a split"
    facts = [f"run {origin['run']}"] if "run" in origin else []
    facts += [f"step {origin['step']:,}"] if "step" in origin else []
    facts += [f"written {origin['written']}"] if "written" in origin else []
    facts += [f"tta={origin['tta']}"] if origin.get("tta", "none") != "none" else []
    majority, chance = (metrics["baselines"][key] for key in ("majority", "random"))
    other = origin.get("dataset_is_that_of_training") is False
    name = f"{origin['model']} on {origin['dataset']}" if "model" in origin else "Report"
    return (
        f"<h1>{escape(name)}</h1>"
        f'<p class="quiet">{escape(" · ".join(facts))}</p>'
        f"<p>On {escape(of)}, <strong>{right:,} of {images:,} pictures</strong> were right:"
        f" <strong>{share(metrics['accuracy'])}</strong>; on other pictures of this kind between"
        f" {share(low)} and {share(high)} (95&nbsp;% interval). Always saying"
        f" “{escape(majority['class'])}” would reach {share(majority['accuracy'])}, guessing"
        f" {share(chance['accuracy'])}.</p>"
        + ('<p class="flag">These are not the data of its training.</p>' if other else "")
    )


def _cards(report: Report) -> str:
    metrics, cost = report.metrics, report.cost
    cards = [
        ("Accuracy", share(metrics["accuracy"]), span(metrics, "accuracy")),
        (
            "Balanced accuracy",
            share(metrics["balanced_accuracy"]),
            span(metrics, "balanced_accuracy"),
        ),
        ("Macro F1", f"{metrics['macro_f1']:.4f}", span(metrics, "macro_f1")),
        ("Log loss", f"{metrics['loss']:.4f}", span(metrics, "loss")),
        ("Calibration error", share(metrics["calibration"]["ece"]), _between(metrics)),
    ]
    if "latency_ms" in cost:
        latency = cost["latency_ms"]
        cards.append(("Latency", f"{latency['median']:.3g} ms", "one picture, median"))
    if "parameters" in cost:
        size = bytes_told(cost["weights_bytes"]) if "weights_bytes" in cost else ""
        cards.append(("Parameters", amount(cost["parameters"]), size))
    rows = "".join(
        f'<li><span class="quiet">{name}</span><b>{value}</b><span class="quiet small">{note}'
        "</span></li>"
        for name, value, note in cards
    )
    return f'<ul class="cards">{rows}</ul>'


def _between(metrics: Mapping[str, Any]) -> str:
    low, high = metrics["calibration"]["ece_interval"]
    return f"{100 * low:.2f} to {share(high)}"


def _data(
    predictions: "Predictions", album: Album, shown: Mapping[tuple[int, int], list[int]]
) -> str:
    """What a click on a cell shows: pictures, and the captions of each cell."""
    used = [index for row in shown.values() for index in row if index in album.pictures]
    numbers = {index: place for place, index in enumerate(dict.fromkeys(used))}
    told = {
        f"{true},{predicted}": [
            [numbers[index], html_pictures.caption(predictions, index)]
            for index in row
            if index in numbers
        ]
        for (true, predicted), row in shown.items()
    }
    data = {"pictures": [album.pictures[index] for index in numbers], "cells": told}
    # Within a script element only "<" could end it.
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{text}</script>\n'

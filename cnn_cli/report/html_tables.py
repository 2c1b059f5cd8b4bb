"""The tables of report.html."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cnn_cli.report.report import Report
from cnn_cli.report.wording import amount, bytes_told, number, share, span

if TYPE_CHECKING:
    from cnn_cli.report.html import Background


BUSY = 5
"""Times the median that the 95th percentile is on a machine that does other work."""
FIGURES = {
    "accuracy": "Accuracy",
    "top5_accuracy": "Top-5 accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "kappa": "Cohen's kappa",
    "mcc": "Matthews correlation",
    "roc_auc": "ROC AUC, one class against the rest, mean",
    "average_precision": "Average precision, mean",
    "loss": "Log loss, nats",
    "brier": "Brier score",
}
COLUMNS = {
    "support": "Pictures",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
}


def numbers(metrics: Mapping[str, Any]) -> str:
    """Every headline figure with its interval."""
    few = len(metrics["per_class"]) <= 5
    rows = []
    for key, name in FIGURES.items():
        if metrics[key] is None or (few and key == "top5_accuracy"):
            continue
        value = share(metrics[key]) if "accuracy" in key else number(metrics[key], key)
        cells = f'<th scope="row">{name}</th><td>{value}</td><td class="quiet">'
        rows.append(f"<tr>{cells}{span(metrics, key)}</td></tr>")
    head = '<th scope="col">Figure</th><th scope="col">Value</th><th scope="col">95 % interval</th>'
    return table(head, rows)


def classes(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row for each class; a click on a heading sorts."""
    heads = [sorter("Class", "text"), *(sorter(name, "number") for name in COLUMNS.values())]
    body = []
    for row in rows:
        cells = [f'<th scope="row"><bdi>{escape(row["name"])}</bdi></th>']
        cells += [_class_cell(row, key) for key in COLUMNS]
        body.append(f"<tr>{''.join(cells)}</tr>")
    note = (
        "Behind a value: its 95 % interval. A heading sorts, a second click turns the order round."
    )
    return f'<p class="quiet small">{note}</p>' + table("".join(heads), body, "tall", "sortable")


def table(head: str, rows: Sequence[str], box: str = "", kind: str = "") -> str:
    """`head` holds the cells of the headings, `rows` whole rows."""
    return (
        f'<div class="wide {box}" tabindex="0" role="region" aria-label="table">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def sorter(name: str, kind: str) -> str:
    return (
        f'<th scope="col" aria-sort="none" data-kind="{kind}"><button type="button">{name}'
        '<span aria-hidden="true"></span></button></th>'
    )


def _class_cell(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if value is None:
        return '<td data-value="-1" class="quiet">–</td>'
    if key == "support":
        return f'<td data-value="{value}">{value:,}</td>'
    if key == "precision" and row["intervals"]["precision"] == [0.0, 1.0]:
        return '<td data-value="0" class="quiet small">never predicted</td>'
    between = ""
    if key in row["intervals"] and row["intervals"][key] is not None:
        low, high = row["intervals"][key]
        between = f' <span class="quiet small">{low:.3f}–{high:.3f}</span>'
    return f'<td data-value="{value!r}">{number(value)}{between}</td>'


def slices(report: Report) -> str:
    """Accuracy of each slice; flagged where it is worse than the rest beyond noise."""
    if not report.slices:
        return ""
    body, edges = [], [edge for row in report.slices for edge in row["interval"]]
    left, right = min(edges), max(edges)
    scale = 100 / ((right - left) or 1)
    for row in report.slices:
        low, high = row["interval"]
        flag = '<span class="flag">▼ worse beyond noise</span>' if row["worse"] else ""
        bar = (
            f'<span class="bar" aria-hidden="true"><i style="left:{scale * (low - left):.2f}%;'
            f'width:{max(scale * (high - low), 0.8):.2f}%"></i></span>'
        )
        body.append(
            f'<tr><th scope="row">{escape(row["trait"])}</th>'
            f'<td class="text"><bdi>{escape(row["slice"])}</bdi></td><td>{row["images"]:,}</td>'
            f"<td>{share(row['accuracy'])}</td>"
            f'<td class="quiet">{share(low)} to {share(high)}</td><td>{bar}</td>'
            f'<td class="text">{flag}</td></tr>'
        )
    heads = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in (
            ("Trait", ""), ("Slice", ' class="text"'), ("Pictures", ""), ("Accuracy", ""),
            ("95 % interval", ""), (f"{share(left)} to {share(right)}", ""), ("", ""),
        )
    )  # fmt: skip
    note = (
        "Brightness and contrast are mean and standard deviation of the grey values, sharpness that"
        " of their Laplacian, all of the pictures as the model sees them. Flagged is what Fisher's"
        " exact test against all other pictures finds worse, corrected for the number of slices."
    )
    return f'<p class="quiet small">{note}</p>' + table(heads, body)


def cost(report: Report) -> str:
    """What the model takes."""
    given = report.cost
    rows = {}
    if "parameters" in given:
        rows["Parameters"] = f"{given['parameters']:,}"
    if "flops" in given:
        rows["Arithmetic for a picture"] = f"{amount(given['flops'])}FLOPs"
    if "latency_ms" in given:
        latency = given["latency_ms"]
        rows["Latency of one picture"] = (
            f"{latency['median']:.3g} ms (median), {latency['p95']:.3g} ms (95 % of"
            f" {latency['runs']} runs were faster)"
        )
        if latency["p95"] > BUSY * latency["median"]:
            rows["Latency of one picture"] += "; so wide a spread: the machine was busy"
    if "images_per_second" in given:
        rows["Throughput in this evaluation"] = f"{given['images_per_second']:,.0f} pictures/s"
    for key, name in (
        ("weights_bytes", "Weights in memory"),
        ("checkpoint_bytes", "Checkpoint on disk, with what a resume needs"),
        ("peak_memory_bytes", "Peak memory of the process, or of the GPU"),
    ):
        if given.get(key):
            rows[name] = bytes_told(given[key])
    if "train_seconds" in given:
        rows["Training"] = f"{given['train_seconds']:,.1f} s on {given['train_images']:,} pictures"
    if "tta" in given:
        views = given["tta"]
        rows["Test-time augmentation"] = (
            f"{100 * views['gain']:+.2f} points over {share(views['accuracy_without'])}, for"
            f" {views['times_as_long']:.1f} times the time"
        )
    device = report.provenance.get("device")
    note = f'<p class="quiet small">On {escape(str(device))}.</p>' if device else ""
    return note + _pairs(rows) if rows else ""


def settings(report: Report, background: "Background") -> str:
    """What gives this training again, and all that it depended on."""
    parts = []
    if background.command:
        version = background.environment.get("versions", {}).get("cnn-train", "")
        parts.append(
            f"<h3>The same training again</h3><p>With cnn-train {escape(str(version))}:</p>"
            f"<pre>{escape(background.command)}</pre>"
        )
    if background.changed:
        parts.append("<h3>What differs from the defaults</h3>" + _pairs(background.changed))
    origin = dict(report.provenance)
    environment = {key: value for key, value in background.environment.items() if key != "command"}
    for name, given in (("Provenance", origin), ("Environment of the training", environment)):
        if given:
            table = _pairs(dict(_flat(given)))
            parts.append(f"<details><summary>{name}</summary>{table}</details>")
    if background.config:
        pre = f"<pre>{escape(background.config)}</pre>"
        parts.append(f"<details><summary>All settings</summary>{pre}</details>")
    return "".join(parts)


def _flat(given: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in given.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{before}{key}.")
        else:
            told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found.append((f"{before}{key}", told))
    return found


def _pairs(rows: Mapping[str, str]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="text">{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f'<div class="wide"><table class="pairs"><tbody>{body}</tbody></table></div>'

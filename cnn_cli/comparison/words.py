"""The comparison in words: figures, differences, verdicts; the same on the console and the page."""

from collections.abc import Sequence

from cnn_cli.comparison.pairs import ClassChange, Pair
from cnn_cli.comparison.sides import Figure, Side
from cnn_cli.engine.costing import span

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "loss": "loss",
    "brier": "Brier score",
    "ece": "calibration error",
}
SHARES = ("accuracy", "balanced_accuracy", "ece")
"""Told in per cent, their differences in points."""
BETTER_BELOW = ("loss", "brier", "ece")
UNKNOWN = "-"
NO_DIFFERENCE = "no difference of accuracy beyond noise"


def value(name: str, figure: Figure | None) -> str:
    """`99.17 %` or `0.1185`."""
    if figure is None:
        return UNKNOWN
    return f"{figure.value:.2%}".replace("%", " %") if name in SHARES else f"{figure.value:.4f}"


def limits(name: str, figure: Figure | None) -> str:
    """`97.58 to 99.72` or `0.1031 to 0.1340`; empty where there is no interval."""
    if figure is None or figure.interval is None:
        return ""
    low, high = figure.interval
    if name in SHARES:
        return f"{100 * low:.2f} to {100 * high:.2f}"
    return f"{low:.4f} to {high:.4f}"


def difference(name: str, figure: Figure) -> str:
    """`+0.82 points, 0.31 to 1.33`: the difference with its interval."""
    share = name in SHARES
    factor, digits = (100, 2) if share else (1, 4)
    told = f"{signed(factor * figure.value, digits)}{' points' if share else ''}"
    if figure.interval is None:
        return told
    low, high = (_rounded(factor * limit, digits) for limit in figure.interval)
    return f"{told}, {low:.{digits}f} to {high:.{digits}f}"


def difference_word(name: str, pair: Pair) -> str:
    """`better` or `worse` where a difference is beyond noise, else empty.

    The accuracy's test decides for all figures of right and wrong; of loss and Brier score, which
    see how sure a model is, their own intervals.
    """
    figure = pair.differences[name]
    low, high = figure.interval or (0.0, 0.0)
    tested = pair.is_certain or name in ("loss", "brier")
    if not tested or not (low > 0 or high < 0):
        return ""
    return "better" if (figure.value > 0) != (name in BETTER_BELOW) else "worse"


def signed(number: float, digits: int) -> str:
    """With its sign, none for what rounds to zero."""
    rounded = _rounded(number, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def _rounded(number: float, digits: int) -> float:
    """Without the sign of a zero."""
    return round(number, digits) + 0.0


def probability(p: float) -> str:
    """`p = 0.023`, `p < 0.0001`."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.1e}" if p < 0.001 else f"p = {p:.3f}"


def verdict(pair: Pair, comparisons: int) -> str:
    """`B is better than A: +0.82 points, 0.31 to 1.33; McNemar p = 0.002`."""
    a, b = pair.first.letter, pair.second.letter
    if pair.alone == (0, 0):
        return f"{a} and {b} have the same pictures right"
    test = "McNemar" if pair.alone is not None else "Fisher"
    tested = f"{test} {probability(pair.p)}"
    if comparisons > 1:
        tested += f" ({probability(pair.corrected)} by Holm for {comparisons} comparisons)"
    where = ", on other data" if _of_other_data(pair) else ""
    figure = pair.differences["accuracy"]
    told = f"{difference('accuracy', figure)}; {tested}"
    if not pair.is_certain:
        return f"{NO_DIFFERENCE} between {a} and {b}{where}: {told}"
    return f"{b} is {'better' if figure.value > 0 else 'worse'} than {a}{where}: {told}"


def _of_other_data(pair: Pair) -> bool:
    """Whether the runs are of two data sets."""
    names = {side.provenance.get("dataset") for side in (pair.first, pair.second)}
    return pair.alone is None and len(names) > 1


def basis(pair: Pair) -> str:
    """On what the comparison rests, in a sentence."""
    a, b = pair.first.letter, pair.second.letter
    if pair.alone is not None:
        return (
            f"Paired, on the same {pair.first.images:,} pictures; right in {a} alone:"
            f" {pair.alone[0]:,}, right in {b} alone: {pair.alone[1]:,}."
        )
    return (
        f"Not paired: {pair.unlike}. So {pair.first.images:,} pictures stand against"
        f" {pair.second.images:,} as if they were others, and only a large difference shows."
    )


def method(pairs: Sequence[Pair]) -> str:
    """How the intervals and tests were made."""
    parts = []
    if any(pair.alone is not None for pair in pairs):
        parts.append(
            "Differences: 95 % intervals, of accuracy by Newcombe's method for pairs, else by a"
            " paired bootstrap (2,000 draws); test: McNemar's, exact."
        )
    if any(pair.alone is None for pair in pairs):
        parts.append("Of other pictures: Newcombe's 95 % interval, Fisher's exact test.")
    if len(pairs) > 1:
        parts.append(f"Over the {len(pairs)} comparisons p is corrected by Holm.")
    parts.append("All of it is about these trained models: another seed may move each of them.")
    return " ".join(parts)


def classes_line(pair: Pair) -> str:
    """What the table of classes shows."""
    certain = [change for change in pair.classes if change.is_certain]
    if certain:
        better = sum(change.difference > 0 for change in certain)
        counts = ((better, "better"), (len(certain) - better, "worse"))
        told = " and ".join(f"{count:,} {word}" for count, word in counts if count)
        return f"Classes: {told} beyond noise (Holm over {len(pair.classes):,} classes)."
    if not changed(pair):
        return "Classes: none changed its recall."
    return f"Classes: none changed beyond noise (Holm over {len(pair.classes):,}); the largest:"


def changed(pair: Pair) -> list[ClassChange]:
    """The classes whose recall is another, those beyond noise first."""
    return [change for change in pair.classes if change.difference]


def change_word(change: ClassChange) -> str:
    word = "better" if change.difference > 0 else "worse" if change.difference < 0 else "same"
    return word if change.is_certain or word == "same" else f"{word}, may be noise"


def heading(side: Side) -> str:
    """What the run is: data, split, pictures."""
    told = side.provenance
    parts = [str(told[key]) for key in ("dataset", "split") if told.get(key)]
    what = " ".join(parts)
    tta = f", tta={told['tta']}" if told.get("tta") not in (None, "none") else ""
    calibrated = ", calibrated" if "temperature" in told else ""
    return f"{what + ', ' if what else ''}{side.images:,} pictures{tta}{calibrated}"


def plain_rows(side: Side) -> list[tuple[str, str]]:
    """What it took: parameters, training, pictures."""
    seconds, parameters = training_seconds(side), side.cost.get("parameters")
    least = (
        "" if "train_seconds" in side.cost else "over "
    )  # it may have gone on after these weights
    return [
        ("parameters", f"{parameters:,}" if isinstance(parameters, int) else UNKNOWN),
        ("training", UNKNOWN if seconds is None else f"{least}{span(seconds)}"),
        ("pictures", f"{side.images:,}"),
    ]


def training_seconds(side: Side) -> float | None:
    """Of the whole training where that is known, else to these weights."""
    found = side.cost.get("train_seconds", side.cost.get("train_seconds_to_these_weights"))
    return float(found) if isinstance(found, int | float) else None

"""The confusion matrix of report.html, whose cells show their pictures."""

from html import escape

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report.html_tables import sorter, table
from cnn_cli.visualize.confusion import confused_pairs

Ints = NDArray[np.int64]

MATRIX = 30
"""Classes up to which the whole matrix is shown; above, its PAIRS worst cells."""
PAIRS = 100


def confusion(counts: Ints, names: tuple[str, ...]) -> str:
    """The matrix, or of many classes its worst cells; each is a button that shows its pictures."""
    shown = '<div id="examples" aria-live="polite"></div>'
    if len(names) > MATRIX:
        return _worst_cells(counts, names) + shown
    return _matrix(counts, names) + shown


def _matrix(counts: Ints, names: tuple[str, ...]) -> str:
    support = np.maximum(counts.sum(axis=1), 1)
    most = max(0.02, float((counts / support[:, None] * (1 - np.eye(len(names)))).max()))
    heads = "".join(
        f'<th scope="col"><span><bdi>{escape(name)}</bdi></span></th>' for name in names
    )
    body = []
    for true, name in enumerate(names):
        cells = [
            _matrix_cell(counts, (true, predicted), names, float(support[true]), most)
            for predicted in range(len(names))
        ]
        body.append(f'<tr><th scope="row"><bdi>{escape(name)}</bdi></th>{"".join(cells)}</tr>')
    note = (
        "Rows are the true classes, columns what they were taken for. A click on a cell shows its"
        " pictures; arrow keys go from cell to cell."
    )
    return (
        f'<p class="quiet small">{note}<br><label><input type="checkbox" id="as-shares"> shares of'
        " the row instead of counts</label></p>"
        '<div class="wide" tabindex="0" role="region" aria-label="confusion matrix">'
        '<table id="matrix">'
        f'<thead><tr><td class="corner"></td>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _matrix_cell(
    counts: Ints, cell: tuple[int, int], names: tuple[str, ...], support: float, most: float
) -> str:
    count = int(counts[cell])
    if not count:
        return '<td class="none">·</td>'
    true, predicted = cell
    part = count / support
    colour = "--right" if true == predicted else "--wrong"
    depth = 0.08 + 0.42 * (part if true == predicted else part / most)
    told = f"{names[true]}, taken for {names[predicted]}: {count}"
    return (
        f'<td style="background:rgba(var({colour}),{depth:.2f})"><button type="button"'
        f' data-cell="{true},{predicted}" data-count="{count:,}" data-share="{100 * part:.1f} %"'
        f' aria-label="{escape(told)}">{count:,}</button></td>'
    )


def _worst_cells(counts: Ints, names: tuple[str, ...]) -> str:
    support = counts.sum(axis=1)
    listed = confused_pairs(counts, PAIRS)
    if not listed:
        return "<p>There are no mistakes.</p>"
    body = []
    for true, predicted in listed:
        count = int(counts[true, predicted])
        part = count / int(support[true])
        button = (
            f'<button type="button" data-cell="{true},{predicted}" aria-label="show the pictures of'
            f' {escape(names[true])} taken for {escape(names[predicted])}">show</button>'
        )
        body.append(
            f"<tr><td><bdi>{escape(names[true])}</bdi></td>"
            f'<td class="text"><bdi>{escape(names[predicted])}</bdi></td>'
            f'<td data-value="{count}">{count:,}</td><td data-value="{part!r}">{100 * part:.1f} %'
            f"</td><td>{button}</td></tr>"
        )
    heads = [sorter("True class", "text"), sorter("Taken for", "text")]
    heads += [sorter("Pictures", "number"), sorter("Of the class", "number"), "<td></td>"]
    wrong = int(counts.sum() - counts.diagonal().sum())
    held = int(sum(counts[pair] for pair in listed))
    note = (
        f"Of {len(names):,} classes, the {len(listed)} fullest cells beside the diagonal: {held:,}"
        f" of {wrong:,} mistakes."
    )
    return f'<p class="quiet small">{note}</p>' + table("".join(heads), body, "tall", "sortable")

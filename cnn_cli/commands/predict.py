"""`cnn-train predict`: the top classes of pictures, on the console and as CSV."""

import csv
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor

from cnn_cli.commands.calibrating import with_temperature
from cnn_cli.commands.trained import Trained, find, load, output_folder
from cnn_cli.config import PredictConfig
from cnn_cli.data.folder_tree import SUFFIXES
from cnn_cli.data.images import UnreadableImage, read_image
from cnn_cli.device import Device, choose
from cnn_cli.engine.display import Display, counting
from cnn_cli.errors import UserError

SHOWN = 20
"""Pictures shown on the console; the CSV has all."""


@dataclass(frozen=True)
class Answer:
    """The likeliest classes of one picture, best first, or why it could not be read."""

    path: Path
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str = ""


def run(config: PredictConfig, overrides: list[str], folder: Path | None) -> int:  # noqa: ARG001
    """Classify every picture; 1 where some could not be read (the rest is done), else 0."""
    display = Display()
    device = choose(config.device)
    paths = find_images(config.images)
    path = find(config.checkpoint, config.run.root, display)
    trained = load(path, device, config.trust)
    trained = with_temperature(trained, display) if config.calibrated else trained
    what = f"{len(paths)}-pictures"
    target = output_folder(config.output, path, config.run.root, "predict", what, folder)
    with counting(display.console, "pictures", len(paths)) as advance:
        answers: list[Answer] = []
        for start in range(0, len(paths), config.batch_size):
            some = paths[start : start + config.batch_size]
            answers += classify(trained, some, device, config.top_k)
            advance(len(some))
    write_csv(target / "predictions.csv", answers)
    unread = [answer for answer in answers if answer.error]
    _show(display, [answer for answer in answers if not answer.error])
    for answer in unread:
        display.say(f"could not be read: {answer.path}: {answer.error}", markup=False)
    display.say(
        f"{len(answers) - len(unread)} of {len(answers)} pictures classified by {trained.title},"
        f" step {trained.step}; wrote {target / 'predictions.csv'}",
        markup=False,
    )
    return 1 if unread else 0


def find_images(images: str) -> tuple[Path, ...]:
    """The files that a file's name, a folder (searched through) or a glob means, in order of name.

    Raises UserError where there is none.
    """
    path = Path(images).expanduser()
    if path.is_file():
        return (path,)
    if path.is_dir():
        named = [p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.is_dir()]
        # As in training, hidden files are passed over: macOS puts ._photo.jpg beside photo.jpg.
        files = [p for p in named if not any(n.startswith(".") for n in p.relative_to(path).parts)]
        nothing = f"images={images}: no picture in this folder ({', '.join(sorted(SUFFIXES))})"
    else:
        files = [p for p in map(Path, _matches(str(path))) if p.is_file()]
        nothing = f"images={images}: no such file or folder, and no file matches it as a pattern"
        if "," in images or images.startswith("["):
            nothing += "; it takes one of them: a file, a folder or a pattern"
    if not files:
        raise UserError(nothing)
    return tuple(sorted(files))


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)


def classify(
    trained: Trained, paths: tuple[Path, ...], device: Device, top_k: int
) -> Iterator[Answer]:
    """One answer for each path, in order."""
    read: dict[Path, Tensor] = {}
    errors: dict[Path, str] = {}
    for path in paths:
        try:
            read[path] = read_image(path, trained.preprocessing)
        except UnreadableImage as error:
            errors[path] = error.reason
    rows = dict(zip(read, _probabilities(trained, list(read.values()), device), strict=True))
    for path in paths:
        yield (
            _answer(path, rows[path], trained.classes, top_k)
            if path in rows
            else Answer(path, error=errors[path])
        )


def _probabilities(trained: Trained, images: list[Tensor], device: Device) -> Tensor:
    """(N, K) float64."""
    if not images:
        return torch.empty(0, len(trained.classes))
    with torch.inference_mode(), device.autocast():
        logits: Tensor = trained.model(device.input(torch.stack(images)))
    return (logits.cpu().double() / trained.temperature).softmax(dim=1)


def _answer(path: Path, row: Tensor, classes: tuple[str, ...], top_k: int) -> Answer:
    best = row.topk(min(top_k, len(classes)))
    names = tuple(classes[i] for i in best.indices.tolist())
    return Answer(path, names, tuple(best.values.tolist()))


def write_csv(path: Path, answers: list[Answer]) -> None:
    """One line a picture: file, error, then class and probability from the likeliest on."""
    columns = max((len(answer.classes) for answer in answers), default=0)
    head = [name for rank in range(1, columns + 1) for name in (f"top{rank}", f"p_top{rank}")]
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "error", *head])
        for answer in answers:
            pairs = zip(answer.classes, answer.probabilities, strict=True)
            cells = [cell for name, p in pairs for cell in (name, f"{p:.8g}")]
            empty = [""] * (len(head) - len(cells))
            writer.writerow([str(answer.path), answer.error, *cells, *empty])


def _show(display: Display, answers: list[Answer]) -> None:
    """A table; where there is no terminal, lines that can be searched and cut."""
    if not display.console.is_terminal:
        for answer in answers[:SHOWN]:
            pairs = zip(answer.classes, answer.probabilities, strict=True)
            best = ", ".join(f"{name} {p:.1%}" for name, p in pairs)
            display.say(f"{answer.path}: {best}", markup=False)
    elif answers:
        display.say(_table(answers[:SHOWN]))
    if len(answers) > SHOWN:
        display.say(f"... and {len(answers) - SHOWN} more in the CSV", style="dim")


def _table(answers: list[Answer]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=True)
    table.add_column("picture", overflow="fold")
    table.add_column("class")
    table.add_column("", justify="right")
    table.add_column("next", style="dim", overflow="fold")
    for answer in answers:
        others = [
            f"{name} {p:.1%}"
            for name, p in zip(answer.classes[1:], answer.probabilities[1:], strict=True)
        ]
        table.add_row(
            Text(str(answer.path)),
            Text(answer.classes[0], "bold"),
            f"{answer.probabilities[0]:.1%}",
            Text(", ".join(others)),
        )
    return table

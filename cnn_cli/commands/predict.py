"""`cnn-train predict`: the top classes of pictures, on the console, as CSV and as JSON lines."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread

import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor

from cnn_cli.commands import answers as files
from cnn_cli.commands.answers import UNSURE, Answer
from cnn_cli.commands.calibrating import with_temperature
from cnn_cli.commands.finding import STDIN, count_images, find_images
from cnn_cli.commands.trained import Trained, as_it_was, find, load, output_folder
from cnn_cli.config import PredictConfig
from cnn_cli.data.streaming import PartRead, decoded
from cnn_cli.device import Device, choose
from cnn_cli.engine.display import Counter as Bar
from cnn_cli.engine.display import Display, counting
from cnn_cli.errors import UserError

SHOWN = 20
"""Pictures, unreadable files and classes that the console shows at most; the files have all."""


def run(config: PredictConfig, overrides: list[str], folder: Path | None) -> int:  # noqa: ARG001
    """Classify every picture; 1 where some could not be read (the rest is done), else 0."""
    display = Display()
    device = choose(config.device)
    if config.images == STDIN and sys.stdin and sys.stdin.isatty():
        display.say("paths of pictures, one a line; Ctrl-D ends them", style="dim")
    paths = find_images(config.images)
    path = find(config.checkpoint, config.run.root, display)
    trained = load(path, device, config.trust)
    told = trained.config["device"]["precision"]
    device = as_it_was(path, told, device, replace(config.device, threads=device.threads))
    if config.threshold is not None and UNSURE in trained.classes:
        raise UserError(f"threshold: the model has a class named {UNSURE} of its own; leave it out")
    trained = with_temperature(trained, display) if config.calibrated else trained
    target = output_folder(config.output, path, config.run.root, "predict", "pictures", folder)
    top = min(config.top_k, len(trained.classes))
    names, tally, ended = files.names(config.format), Tally(), False
    try:
        with (
            counting(display.console, "pictures", None) as bar,
            files.writing(target, names, top) as write,
        ):
            _foresee(bar, config.images)
            size, threshold = config.batch_size, config.threshold
            for some in classified(trained, paths, device, size, top=top, threshold=threshold):
                write(some)
                tally.add(some, display)
                bar(len(some))
        ended = True
    finally:
        tally.tell(display)
        written = ", ".join(str(target / name) for name in names)
        read, images = f"{tally.read:,}", f"{tally.images:,} pictures"
        told = f"{read} of {images}" if ended else f"stopped after {images}, {read} of them"
        model = f"{trained.title}, step {trained.step}"
        display.say(f"{told} classified by {model}; wrote {written}", markup=False)
    return 1 if tally.unreadable else 0


def _foresee(bar: Bar, images: str) -> None:
    """Have the number of pictures counted while the first ones are classified."""
    if bar.is_shown and images != STDIN:
        Thread(target=lambda: bar.expect(count_images(images)), daemon=True).start()


def classified(
    trained: Trained,
    paths: Iterable[Path],
    device: Device,
    batch_size: int,
    *,
    top: int,
    threshold: float | None,
) -> Iterator[list[Answer]]:
    """An answer for each path, in order, in lists of up to `batch_size`.

    A picture's answer does not depend on the others in its batch, beyond the rounding of floats.
    """
    pin = device.place.type == "cuda"
    for some, found in decoded(paths, trained.preprocessing, batch_size, device.workers, pin=pin):
        rows = iter(_probabilities(trained, found, device))
        yield [
            Answer(path, error=found.errors[place])
            if place in found.errors
            else _answer(path, next(rows), trained.classes, top, threshold)
            for place, path in enumerate(some)
        ]


def _probabilities(trained: Trained, found: PartRead, device: Device) -> Tensor:
    """(M, K) float64."""
    if not len(found.images):
        return torch.empty(0, len(trained.classes))
    with torch.inference_mode(), device.autocast():
        logits: Tensor = trained.model(device.input(found.images))
    return (logits.cpu().double() / trained.temperature).softmax(dim=1)


def _answer(
    path: Path, row: Tensor, classes: tuple[str, ...], top: int, threshold: float | None
) -> Answer:
    best = row.topk(top)
    likeliest = tuple(classes[i] for i in best.indices.tolist())
    chances: tuple[float, ...] = tuple(best.values.tolist())
    is_sure = threshold is None or chances[0] >= threshold
    return Answer(path, likeliest[0] if is_sure else UNSURE, likeliest, chances)


@dataclass
class Tally:
    """What came of the pictures so far: numbers, and the first ones to show."""

    labels: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    first: list[Answer] = field(default_factory=list)
    first_unreadable: list[Answer] = field(default_factory=list)
    is_shown: bool = False

    @property
    def read(self) -> int:
        return self.labels.total()

    @property
    def images(self) -> int:
        return self.read + self.unreadable

    def add(self, some: Sequence[Answer], display: Display) -> None:
        """Count some answers; show the first ones as soon as there are enough."""
        for answer in some:
            if answer.error:
                self.unreadable += 1
            else:
                self.labels[answer.label] += 1
            first = self.first_unreadable if answer.error else self.first
            if len(first) < SHOWN:
                first.append(answer)
        if len(self.first) == SHOWN:
            self._show(display)

    def tell(self, display: Display) -> None:
        """What is left to say at the end."""
        self._show(display)
        if self.read > SHOWN:
            display.say(f"... and {self.read - SHOWN:,} more in the file", style="dim")
        if self.images > 1 and self.read:
            display.say(self._counts())
        for answer in self.first_unreadable:
            display.say(f"could not be read: {answer.path}: {answer.error}", markup=False)
        if self.unreadable > SHOWN:
            more = self.unreadable - SHOWN
            display.say(f"... and {more:,} more that could not be read, in the file", style="dim")

    def _show(self, display: Display) -> None:
        if not self.is_shown:
            show(display, self.first)
        self.is_shown = True

    def _counts(self) -> Table:
        """How many pictures of each class, the commonest first, then what has no class."""
        table = Table(box=None, header_style="bold", pad_edge=True)
        table.add_column("class", overflow="fold")
        table.add_column("pictures", justify="right", no_wrap=True)
        table.add_column("", justify="right", no_wrap=True)
        known = [(name, n) for name, n in self.labels.most_common() if name != UNSURE]
        rows = [(name, n, "") for name, n in known[:SHOWN]]
        rest = known[SHOWN:]
        rows += [(f"{len(rest)} other classes", sum(n for _, n in rest), "dim")] if rest else []
        rows += [(UNSURE, self.labels[UNSURE], "yellow")] if self.labels[UNSURE] else []
        rows += [("unreadable", self.unreadable, "red")] if self.unreadable else []
        for name, count, style in rows:
            table.add_row(Text(name), f"{count:,}", f"{count / self.images:.1%}", style=style)
        return table


def show(display: Display, answers: Sequence[Answer]) -> None:
    """A table; where there is no terminal, lines that can be searched and cut."""
    if not display.console.is_terminal:
        for answer in answers:
            pairs = zip(answer.classes, answer.probabilities, strict=True)
            best = ", ".join(f"{name} {p:.1%}" for name, p in pairs)
            doubt = f"{UNSURE}: " if answer.label == UNSURE else ""
            display.say(f"{answer.path}: {doubt}{best}", markup=False)
    elif answers:
        display.say(_table(answers))


def _table(answers: Sequence[Answer]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=True)
    table.add_column("picture", overflow="fold")
    table.add_column("class")
    table.add_column("", justify="right")
    table.add_column("next", style="dim", overflow="fold")
    for answer in answers:
        pairs = zip(answer.classes, answer.probabilities, strict=True)
        best, *others = [f"{name} {p:.1%}" for name, p in pairs]
        is_sure = answer.label != UNSURE
        table.add_row(
            Text(str(answer.path)),
            Text(answer.label, "bold" if is_sure else "yellow"),
            f"{answer.probabilities[0]:.1%}" if is_sure else "",
            Text(", ".join(others if is_sure else [best, *others])),
        )
    return table

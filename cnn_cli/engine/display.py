"""What the person sees: progress bars in a terminal, plain lines elsewhere, and train.log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from cnn_cli.engine.costing import Costing
from cnn_cli.engine.output import Log, Terminal
from cnn_cli.engine.records import Figures, Record

LOG_WIDTH = 120
LARGE = 1000
"""Loss from which its decimals say nothing."""
REFRESHES = 4
"""Of a bar a second: as often as there are new figures."""
LONG_LINE = 110
"""Columns from which the line of an epoch has room for all of its figures."""


def duration(seconds: float) -> str:
    """1:02:03 or 2:03 for a number of seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Display:
    """Prints to the terminal and, the same words, to the run's log."""

    def __init__(
        self, console: Console | None = None, *, brief: bool = False, lasting: bool = False
    ) -> None:
        """`brief` where this is one training of many: no layers, no commands to type next.

        `lasting` where the work goes on without a reader: its terminal was closed, | head is done.
        """
        terminal = cast("IO[str]", Terminal()) if lasting else None
        self.console = console or Console(highlight=False, file=terminal)
        self.brief = brief
        self._log: Console | None = None
        self._progress: Progress | None = None
        self._best: float | None = None
        self._corrected = False
        """the total is corrected as a time budget is used up"""
        self._width = 0
        self.expected: Costing | None = None
        """what the training was said to cost"""

    def say(self, part: RenderableType, style: str = "", markup: bool = True) -> None:
        """Print a line or a table, above the bars where there are any.

        `markup=False` for text that holds names and paths: brackets in them are not colours.
        """
        for console in self.consoles:
            console.print(part, style=style, markup=markup, soft_wrap=isinstance(part, str | Text))

    def warn(self, text: str) -> None:
        """A line on something that went wrong and is survived."""
        self.say(f"warning: {text}", style="yellow", markup=False)

    def note(self, text: str) -> None:
        """Write to the log alone."""
        if self._log:
            self._log.print(text, markup=False, soft_wrap=True)

    @property
    def consoles(self) -> tuple[Console, ...]:
        """The terminal and, while there is one, the log."""
        return (self.console, self._log) if self._log else (self.console,)

    @contextmanager
    def logging(self, path: Path) -> Iterator[None]:
        """Also write to the file at `path`, after what is there already."""
        log = Log(path, self.console)
        self._log = _log_console(cast("IO[str]", log))
        try:
            yield
        finally:
            self._log = None
            log.close()

    @contextmanager
    def training(
        self, step: int, total: int, steps_per_epoch: int, best: float | None
    ) -> Iterator[None]:
        """Show an epoch bar and an overall bar from `step` on, where there is a terminal."""
        self._best = best
        self._steps_per_epoch, self._total = steps_per_epoch, total
        if not self.console.is_terminal:
            yield
            return
        with _bars(self.console, told=True) as self._progress:
            self._epoch_task = self._progress.add_task(
                self._epoch_name(step, step), total=steps_per_epoch, figures="", left=""
            )
            self._total_task = self._progress.add_task(
                "in all", total=total, completed=step, figures="", left=""
            )
            try:
                yield
            finally:
                self._progress.stop()
                self._progress = None

    def retarget(self, total: int) -> None:
        """Training turns out to have `total` steps."""
        self._total, self._corrected = total, True
        if self._progress is not None:
            self._progress.update(self._total_task, total=total)

    def expect(self, costing: Costing) -> None:
        """Say what training will cost, to be held against it at the end."""
        self.expected = costing
        self.say(f"expected: {costing.told()}")

    def step(
        self, step: int, figures: Figures, images_per_second: float, seconds_left: float | None
    ) -> None:
        """Move the bars; `figures` are those of the last step."""
        if self._progress is None:
            return
        begun = (step - 1) // self._steps_per_epoch * self._steps_per_epoch
        best = "" if self._best is None else f"  best {self._best:.4g}"
        self._progress.update(
            self._epoch_task,
            completed=step - begun,
            total=min(self._steps_per_epoch, self._total - begun),
            description=self._epoch_name(begun, step),
            figures=f"loss {figures.loss:.3f}  acc {figures.accuracy:6.1%}"
            f"  lr {figures.learning_rate:.1e}",
        )
        self._progress.update(
            self._total_task,
            completed=step,
            left="" if seconds_left is None else f"{duration(seconds_left)} left",
            figures=f"{images_per_second:,.0f} images/s{best}",
        )

    def _follow(self, step: int, *, at_end: bool) -> None:
        """Start the next epoch's bar, or fill the last one's."""
        assert self._progress is not None
        begun = (step - at_end) // self._steps_per_epoch * self._steps_per_epoch
        self._progress.update(
            self._epoch_task,
            completed=step - begun,
            total=min(self._steps_per_epoch, max(1, self._total - begun)),
            description=self._epoch_name(begun, step),
            figures="",
        )

    def _epoch_name(self, begun: int, step: int) -> str:
        """The epoch that began at `begun`; where a budget may end within one, how many are done."""
        if self._corrected or self._total % self._steps_per_epoch:
            return f"epoch {self._epochs(step)}/{self._epochs(self._total)}"
        return f"epoch {begun // self._steps_per_epoch + 1}/{self._epochs(self._total)}"

    def _epochs(self, steps: int) -> str:
        """How many epochs `steps` are: 3, or 3.4 where a time budget ends within one."""
        whole, rest = divmod(steps, self._steps_per_epoch)
        if not rest and not self._corrected:
            return str(whole)
        share = steps / self._steps_per_epoch
        return f"{share:.1f}" if whole else f"{share:.2g}"

    def _epoch_line(self, record: Record, long: bool) -> str:
        """What an epoch gave; the long form has the learning rate and the speed as well."""
        epochs = self._epochs(self._total)
        self._width = max(self._width, len(epochs))
        line = f"epoch {self._epochs(record.step):>{self._width}}/{epochs:<{self._width}}"
        line += _loss_and_accuracy("train", record.train.loss, record.train.accuracy)
        if record.validation:
            line += _loss_and_accuracy("val", **record.validation)
        if long:
            line += f"  lr {record.train.learning_rate:.1e}"
            line += f"  {record.images_per_second:,.0f} img/s"
        return f"{line}  {duration(record.elapsed)}"

    def epoch(self, record: Record, best: float | None) -> None:
        """One line for a finished epoch; `best` is the best validation figure so far."""
        self._best = best
        for console in self.consoles:
            line = self._epoch_line(record, long=console.width >= LONG_LINE)
            line += "  [bold green]best[/]" if record.best else ""
            if record.train.skipped:
                line += f"  [yellow]steps skipped, not finite: {record.train.skipped}[/]"
            console.print(line, soft_wrap=True)
        if self._progress is not None:
            self._progress.update(self._total_task, completed=record.step)
            self._follow(record.step, at_end=record.step >= self._total)


def _loss_and_accuracy(name: str, loss: float, accuracy: float) -> str:
    figure = f"{loss:.3f}" if loss < LARGE else f"{loss:.2e}"
    return f"  {name} loss {figure} acc {accuracy:7.2%}"


def _log_console(file: IO[str]) -> Console:
    return Console(file=file, width=LOG_WIDTH, highlight=False, no_color=True)


def _bars(console: Console, *, told: bool = False) -> Progress:
    """The time that is left is guessed by rich, or `told` in a field of that name."""
    left = TextColumn("{task.fields[left]}") if told else TimeRemainingColumn(compact=True)
    return Progress(
        TextColumn("{task.description:>12}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        left,
        TextColumn("{task.fields[figures]}"),
        console=console,
        transient=True,
        refresh_per_second=REFRESHES,  # each holds up the training for some milliseconds
    )


@contextmanager
def counting(console: Console, what: str, total: int | None) -> Iterator["Counter"]:
    """A bar for `total` pictures (None = unknown yet), removed when done; no terminal, no bar."""
    if not console.is_terminal or total == 0:
        yield Counter(None)
        return
    with _bars(console) as progress:
        progress.add_task(what, total=total, figures="")
        yield Counter(progress)


class Counter:
    """Called with the number of pictures just done."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    @property
    def is_shown(self) -> bool:
        return self._progress is not None

    def __call__(self, done: int) -> None:
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], done)

    def expect(self, total: int | None) -> None:
        """Say how many there are, once that is known."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], total=total)

"""What the checks of a set-up found, for the person at the terminal."""

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cnn_cli.commands.peak_rates import PeakRates
from cnn_cli.config import TrainConfig
from cnn_cli.data.contract import Batch
from cnn_cli.device import Device
from cnn_cli.engine.checks import BELOW_MINIMUM, LEARNED, Overfit, RangeTest
from cnn_cli.engine.display import Display
from cnn_cli.engine.resume_check import Resumed
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task

STUCK, WORSE = 0.9, 2.0
"""Of the first loss: a last one above this hardly fell, one on the way above that rose."""
NEAR = 3.0
"""How many times as large or small a rate may be and still be near the suggested one."""


def say_setup(
    display: Display, config: TrainConfig, task: Task, state: TrainState, notes: Sequence[str]
) -> None:
    """What is checked, in a few lines."""
    sizes = [p.numel() for p in state.model.parameters() if p.requires_grad]
    target = str(config.model["_target_"]).rpartition(".")[2]
    facts = {
        "data": f"{task.dataset.name}, {len(task.dataset.train):,} training pictures of"
        f" {len(task.dataset.classes)} classes",
        "model": f"{config.model.get('name', target)}, {sum(sizes):,} parameters to train",
        "optimizer": ", ".join(
            [str(config.optimizer["_target_"]).rpartition(".")[2]]
            + [f"{k} {v}" for k, v in config.optimizer.items() if k != "_target_"]
        ),
        "device": str(task.device),
    }
    display.say(_rows({name: [Text(text)] for name, text in facts.items()}, "bold cyan"))
    for note in notes:
        display.say(f"note: {note}", markup=False)
    display.say("")


def say_overfit(
    display: Display, found: Overfit, batch: Batch, state: TrainState, classes: int
) -> None:
    """PASS, or FAIL with what to look at."""
    count, steps = len(batch.labels), len(found.losses)
    loss, right = found.losses[-1], round(found.accuracies[-1] * count)
    if found.passed:
        verdict = Text.assemble(
            ("PASS", "bold green"),
            f"  {count} pictures learned by heart in {steps} steps: loss {loss:.4f}, all right",
        )
        display.say(_rows({"overfit": [verdict]}, "bold"))
        return
    verdict = Text.assemble(
        ("FAIL", "bold red"),
        f"  {count} pictures not learned by heart in {steps} steps: loss {loss:.4g} (from"
        f" {found.losses[0]:.4g}, wanted below {LEARNED:g}), {right} right",
    )
    lines = [Text(f"- {line}") for line in causes(found, batch, state, classes)]
    display.say(_rows({"overfit": [verdict, Text("look at, in this order:"), *lines]}, "bold"))


def causes(found: Overfit, batch: Batch, state: TrainState, classes: int) -> list[str]:
    """What is likely to keep a set-up from learning one batch, the likeliest first."""
    first, last, highest = found.losses[0], found.losses[-1], max(found.losses)
    told = _contradictions(batch)
    frozen = not all(p.requires_grad for p in state.model.parameters())
    if not found.finite:
        told += ["a rate that is too high, or reduced precision (device.precision=fp32)"]
    elif highest > WORSE * max(first, math.log(classes)):
        told += [f"a rate that is too high: the loss was up to {highest:.3g}"]
    elif last > STUCK * first:
        told += ["a rate that is far too low: the loss hardly fell"]
        told += ["a part of the network that lets no gradient through"]
    elif found.accuracies[-1] == 1:
        told += ["the size of the network: all are right, but it is slow to become sure"]
        told += ["a rate that is too low for so few steps"]
    else:
        told += ["a rate that is too low for so few steps, or too high to settle"]
        told += ["a network that is too small for these pictures"]
    if frozen:
        told += ["model.freeze: what is frozen may not tell these pictures apart"]
    return [*told, "check=lr looks for a better rate"]


def _contradictions(batch: Batch) -> list[str]:
    """Pictures of the batch that are there with two labels, which nothing can learn."""
    labels: dict[bytes, set[int]] = {}
    for image, label in zip(batch.images.cpu(), batch.labels.tolist(), strict=True):
        labels.setdefault(image.contiguous().numpy().tobytes(), set()).add(label)
    twice = sum(len(found) > 1 for found in labels.values())
    return [f"the labels: {twice} of the pictures are there with two of them"] if twice else []


def say_range(display: Display, found: RangeTest, rates: PeakRates) -> None:
    """The overrides to type, by which rule, and how the present rates compare."""
    key, peak = rates.first
    factor, lowest, steepest = found.suggestion, found.lowest, found.steepest
    tried = f"{_rate(found.factors[0] * peak)} to {_rate(found.factors[-1] * peak)}"
    ended = {
        "diverged": "there the loss went up again",
        "not finite": "there the loss was no longer finite",
        "end of the range": "the end of the range",
    }[found.ended]
    if factor is None or lowest is None or steepest is None:
        verdict = Text.assemble(
            ("no suggestion", "bold yellow"),
            f"  at no {key} from {tried} did the loss fall by a tenth",
        )
        hint = Text(
            "a larger trainer.batch_size or augmentation=none may show one; check=overfit looks for"
            " a fault"
        )
        display.say(_rows({"lr": [verdict, hint]}, "bold"))
        return
    wanted = " ".join(f"{name}={value:g}" for name, value in rates.scaled(factor).items())
    lines = [
        Text(wanted, "bold green"),
        Text(
            f"the rate of the smallest loss, {_rate(found.factors[lowest] * peak)}, divided by"
            f" {BELOW_MINIMUM:g}; the loss fell fastest at {_rate(found.factors[steepest] * peak)}"
        ),
        Text(f"{len(found.losses)} steps from {tried}: {ended}"),
        Text(_compared(1 / factor, _rate(peak))),
    ]
    display.say(_rows({"lr": lines}, "bold"))


def _compared(ratio: float, peak: str) -> str:
    if 1 / NEAR <= ratio <= NEAR:
        return f"the present rate, {peak}, is near that; keep it, or try both"
    if ratio < 1:
        return f"the present rate, {peak}, is {_times(1 / ratio)} smaller: it may learn slowly"
    settles = "only a schedule that falls to almost nothing can settle there"
    return f"the present rate, {peak}, is {_times(ratio)} larger: {settles}"


def _times(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):,.0f} times"


def _rate(rate: float) -> str:
    return f"{rate:.2g}".replace("e-0", "e-")


def _rows(rows: dict[str, list[Text]], style: str) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style=style, no_wrap=True, min_width=9)
    table.add_column(overflow="fold")
    for name, lines in rows.items():
        table.add_row(name, Text("\n").join(lines))
    return table


def say_resume(display: Display, found: Resumed, device: Device) -> None:
    """PASS, or FAIL with what differs and what it means."""
    told = f"{found.steps} steps, and {found.saved} of them saved, loaded and gone on with"
    if found.passed:
        equal = f"  {told}: all {found.tensors} tensors equal bit for bit"
        verdict = Text.assemble(("PASS", "bold green"), equal)
        display.say(_rows({"resume": [verdict]}, "bold"))
        return
    name, largest = next(iter(found.differing.items()))
    lines = [
        Text.assemble(
            ("FAIL", "bold red"),
            f"  {told}: {len(found.differing)} of {found.tensors} tensors differ, most of all"
            f" {name}, by {largest:.3g}",
        )
    ]
    if not found.repeatable:
        fix = "" if device.deterministic else "; device.deterministic=true makes it so"
        lines.append(Text(f"two trainings without a stop differ as well on this device{fix}"))
    else:
        lines.append(
            Text(
                "two trainings without a stop are equal: something keeps a state of its own that"
                " no checkpoint holds (a part of yours? randomness that is not torch's?)"
            )
        )
    display.say(_rows({"resume": lines}, "bold"))

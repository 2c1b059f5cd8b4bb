"""`cnn-train check=...`: looks at a set-up before it is trained, each with first weights anew."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_cli import build, inputs, pretrained
from cnn_cli.commands import crossvalidation, first_weights, wiring
from cnn_cli.commands.duplicates import duplicates, recorded, say_data
from cnn_cli.commands.findings import say_overfit, say_range, say_resume, say_setup
from cnn_cli.commands.peak_rates import peak_rates
from cnn_cli.config import TrainConfig
from cnn_cli.data.contract import Batch, Dataset, Preprocessing
from cnn_cli.data.inspection import inspect
from cnn_cli.device import Device, choose
from cnn_cli.engine import checks, resume_check
from cnn_cli.engine.display import Display, counting
from cnn_cli.engine.saving import versions
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.errors import UserError
from cnn_cli.files import write_json
from cnn_cli.pretrained import Pretrained
from cnn_cli.run import CHECKS, Run, new_folder, stamp
from cnn_cli.visualize.checks import draw_overfit, draw_range
from cnn_cli.visualize.duplicates import draw_duplicates
from cnn_cli.visualize.style import save

FEWEST_STEPS, MOST_STEPS, EPOCHS = 100, 300, 2
"""The range test has two epochs, but no less and no more than these steps."""
DPI = 150
FAILED = 1


@dataclass(frozen=True)
class Bench:
    """What all checks share; each gets a network and an optimizer of its own."""

    config: TrainConfig
    device: Device
    preprocessing: Preprocessing
    dataset: Dataset
    first: Pretrained | None
    folder: Path

    def fresh(self) -> tuple[Task, TrainState, list[str]]:
        """The task and its state before step 0, as training has them, and notes on the weights."""
        model = wiring.model(self.config, self.preprocessing, self.dataset)
        notes = pretrained.prepare(model, self.config.model, self.first, self.dataset.classes)
        made = wiring.task(
            self.config, self.device, self.preprocessing, self.dataset, Run(self.folder), model
        )
        return *made, notes


def run(config: TrainConfig, overrides: list[str]) -> int:
    """Make the checks that `config.check` names. Returns 1 where one fails, else 0.

    Nothing is trained for keeps: what was found goes to run.root/checks/<time>_<names>. Raises
    UserError for what can only be seen with the data at hand.
    """
    display = Display()
    device = choose(config.device)
    if crossvalidation.wanted(config):
        config = dataclasses.replace(config, dataset={**config.dataset, "fold": 1})
    if "data" in config.checks:
        code = _pictures(config, overrides, device, display)
        rest = tuple(name for name in config.checks if name != "data")
        if code or not rest:  # what cannot be read cannot be trained on either
            return code
        config = dataclasses.replace(config, check=rest)
    config, first, notes = first_weights.settle(config, overrides)
    preprocessing, dataset = wiring.data(config, device, None)
    bench = Bench(config, device, preprocessing, dataset, first, Path(config.run.root))
    folder: Path | None = None
    record: dict[str, Any] = {"overrides": overrides, "versions": versions()}
    code = 0
    task, state, on_weights = bench.fresh()
    say_setup(display, config, task, state, [*notes, *on_weights, *dataset.notes])
    files = ["check.json"]
    for name in config.checks:
        found, figure, failed = _CHECKS[name](config, bench, display)
        record[name] = found
        folder = folder or new_folder(
            Path(config.run.root) / CHECKS, f"{stamp()}_{'+'.join(config.checks)}"
        )
        if figure is not None:
            save(figure, folder / f"{name}.png", DPI)
            files.append(f"{name}.png")
        write_json(folder / "check.json", record)
        code = FAILED if failed else code
    display.say(f"wrote {folder}: {', '.join(files)}", markup=False)
    return code


def _pictures(config: TrainConfig, overrides: list[str], device: Device, display: Display) -> int:
    """Look at every picture. Returns the exit code."""
    node = config.dataset
    if "resident_mb" in node:  # read one by one: unreadable ones are found, not stumbled over
        node = {
            **node,
            "resident_mb": 0,
            **({"unreadable": "error"} if "unreadable" in node else {}),
            **({"cache": False} if "cache" in node else {}),
        }
    form = inputs.preprocessing(config.dataset)
    dataset = build.dataset(node, form, device.workers, config.trust)
    total = len(dataset.train) + len(dataset.val) + len(dataset.test)
    with counting(display.console, "pictures", total) as advance:
        found = inspect(dataset, advance)
    for note in dataset.notes:
        display.say(f"note: {note}", markup=False)
    failed = say_data(display, dataset, found)
    folder = new_folder(Path(config.run.root) / CHECKS, f"{stamp()}_data")
    files = ["check.json"]
    if pairs := duplicates(dataset, found):
        save(draw_duplicates(dataset, pairs, dataset.name), folder / "duplicates.png", DPI)
        files.append("duplicates.png")
    record = {"overrides": overrides, "versions": versions(), "data": recorded(dataset, found)}
    write_json(folder / "check.json", record)
    display.say(f"wrote {folder}: {', '.join(files)}", markup=False)
    return FAILED if failed else 0


Finding = tuple[dict[str, Any], Any, bool]
"""What goes to check.json, a figure or None, and whether the set-up failed."""


def _overfit(config: TrainConfig, bench: Bench, display: Display) -> Finding:
    task, state, _ = bench.fresh()
    batch = next(task.dataset.train.batches(task.plan, 0))
    with counting(display.console, "overfit", checks.MOST_STEPS) as advance:
        found = checks.overfit(state, batch, task.settings, task.device, advance)
    say_overfit(display, found, batch, state, len(task.dataset.classes))
    figure = draw_overfit(found, len(batch.labels), _title(config))
    record = {
        "passed": found.passed,
        "pictures": len(batch.labels),
        "steps": len(found.losses),
        "loss": _plain(found.losses),
        "accuracy": list(found.accuracies),
    }
    return record, figure, not found.passed


def _learning_rate(config: TrainConfig, bench: Bench, display: Display) -> Finding:
    task, state, _ = bench.fresh()
    rates = peak_rates(config.optimizer, state.optimizer)
    steps = min(max(EPOCHS * task.plan.steps_per_epoch, FEWEST_STEPS), MOST_STEPS)
    batches = _batches(task, steps)
    with counting(display.console, "lr", steps) as advance:
        found = checks.range_test(
            state, batches, task.settings, task.device, rates.span, steps, advance
        )
    say_range(display, found, rates)
    factor = found.suggestion
    record = {
        "suggestion": None if factor is None else rates.scaled(factor),
        "peak": dict(rates.peaks),
        "ended": found.ended,
        "factors": list(found.factors),
        "loss": _plain(found.losses),
        "smoothed": list(found.smoothed),
    }
    return record, draw_range(found, *rates.first, _title(config)), False


def _resume(config: TrainConfig, bench: Bench, display: Display) -> Finding:  # noqa: ARG001
    def make() -> tuple[Task, TrainState]:
        return bench.fresh()[:2]

    try:
        with counting(display.console, "resume", 2 * resume_check.MOST_STEPS) as advance:
            found = resume_check.resume_check(make, advance)
    except ValueError as error:
        raise UserError(f"check=resume: {error}; give trainer.epochs=2 or more") from error
    say_resume(display, found, bench.device)
    record = {**vars(found), "differing": dict(found.differing), "passed": found.passed}
    return record, None, not found.passed


_CHECKS = {"overfit": _overfit, "lr": _learning_rate, "resume": _resume}


def _batches(task: Task, steps: int) -> Iterator[Batch]:
    """The batches of training, for as many epochs as `steps` take."""
    epochs = -(-steps // task.plan.steps_per_epoch)
    plan = dataclasses.replace(task.plan, epochs=epochs)
    return task.dataset.train.batches(plan, 0, task.window)


def _title(config: TrainConfig) -> str:
    return f"{_short(config.dataset)} · {_short(config.model)} · {_short(config.optimizer)}"


def _short(node: Mapping[str, Any]) -> str:
    return str(node.get("name") or str(node["_target_"]).rpartition(".")[2]).lower()


def _plain(losses: Sequence[float]) -> list[float | None]:
    """JSON has no word for what is not finite."""
    return [loss if math.isfinite(loss) else None for loss in losses]

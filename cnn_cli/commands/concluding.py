"""The end of a training: its report on the test split, by the code of `evaluate`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnn_cli import build
from cnn_cli.commands import calibrating, requirements
from cnn_cli.commands.overview import next_commands
from cnn_cli.commands.publishing import publish
from cnn_cli.commands.reporting import evaluate, list_files
from cnn_cli.commands.requirements import Demands
from cnn_cli.commands.trained import find, load
from cnn_cli.config import TrainConfig
from cnn_cli.engine.display import Display
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.engine.tensorboard import Board
from cnn_cli.report.baseline import outcomes_of
from cnn_cli.report.files import CONFUSION
from cnn_cli.report.text import print_report


def conclude(
    config: TrainConfig,
    task: Task,
    state: TrainState,
    display: Display,
    board: Board | None,
    wanted: Demands,
) -> int:
    """The report on the test split from the best checkpoint's file, as by `evaluate`."""
    path = find(str(task.run.folder), config.run.root, display, "best")
    trained = load(path, task.device, config.trust)
    has_test = len(task.dataset.test) > 0
    split = "test" if has_test else "val" if len(task.dataset.val) else "train"
    if not has_test:
        display.say(f"no test pictures: the report is on the {split} split", style="yellow")
    made = evaluate(trained, task.dataset, split, {}, task.device, task.eval_batch_size, display)
    if split == "test" and len(task.dataset.val):  # before the report, with which a run has ended
        calibrating.fit(trained, task.dataset, task.device, task.eval_batch_size, display)
    own = {"train_seconds": state.elapsed, "train_images": len(task.dataset.train)}
    report = replace(made.report, cost={**made.report.cost, **own})
    task.run.clear_report()
    folder = task.run.report
    verdicts = requirements.judge(wanted, report, lambda: outcomes_of(made.predictions))
    more = requirements.write(verdicts, report, folder)
    files = [*publish(replace(made, report=report), trained, folder), *more]
    which = "best" if trained.step == state.best_step else "last"
    epoch = -(-trained.step // task.plan.steps_per_epoch)
    display.say(f"\n{split} split, {which} weights (epoch {epoch})", style="bold")
    for console in display.consoles:
        print_report(console, report, folder)
    if board:
        _finish_board(board, config, report.metrics, folder, trained.step)
    list_files(display, folder, files)
    code = requirements.tell(verdicts, display)
    if not display.brief:
        display.say(next_commands(task.run, config.trust, validated=len(task.dataset.val) > 0))
    return code


def _finish_board(
    board: Board, config: TrainConfig, metrics: Mapping[str, Any], folder: Path, step: int
) -> None:
    board.picture("confusion matrix", folder / CONFUSION, step)
    final = {key: float(v) for key, v in metrics.items() if isinstance(v, int | float)}
    board.hparams(build.flat(config), final, step)

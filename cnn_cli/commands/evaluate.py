"""`cnn-train evaluate`: the report on a checkpoint."""

from pathlib import Path

from cnn_cli import build
from cnn_cli.commands import calibrating, requirements, slicing
from cnn_cli.commands.publishing import publish
from cnn_cli.commands.reporting import evaluate, list_files
from cnn_cli.commands.trained import (
    as_it_was,
    evaluation_node,
    fewer_threads,
    find,
    load,
    output_folder,
    warn_of_other_pictures,
    with_views,
)
from cnn_cli.config import EvaluateConfig
from cnn_cli.device import choose
from cnn_cli.engine.display import Display
from cnn_cli.report.baseline import outcomes_of
from cnn_cli.report.text import print_report


def run(config: EvaluateConfig, overrides: list[str], folder: Path | None) -> int:
    """Evaluate, print and write the report; 3 where what is required is missed, else 0."""
    display = Display()
    wanted = requirements.demands(config.require, config.baseline, config.run.root)
    table = None if config.slices is None else slicing.read(config.slices)
    device = choose(config.device)
    path = find(config.checkpoint, config.run.root, display)
    trained = load(path, device, config.trust)
    told = trained.config["device"]["precision"]
    every, device = device, as_it_was(path, told, device, config.device)
    requirements.check_sensible(wanted, trained.classes)
    node = evaluation_node(config.dataset, trained, overrides)
    trained = with_views(trained, config.tta, mirrored=bool(node.get("mirror")))
    dataset = build.dataset(node, trained.preprocessing, device.workers, config.trust)
    for note in (*fewer_threads(every, device), *dataset.notes):
        display.say(f"note: {note}", markup=False)
    display.say(
        f"{trained.title}, step {trained.step}, on the {config.split} split of {dataset.name}"
        f"{'' if config.tta == 'none' else f', tta={config.tta}'}"
        f"{', calibrated' if config.calibrated else ''}",
        style="bold",
        markup=False,
    )
    warn_of_other_pictures(dataset, node, trained, config.split, display)
    batch_size = config.batch_size or trained.batch_size
    if config.calibrated:
        trained = calibrating.ready(trained, dataset, device, batch_size, display)
    made = evaluate(
        trained, dataset, config.split, config.class_map or {}, device, batch_size, display, table
    )
    what = f"{dataset.name}-{config.split}"
    target = output_folder(config.output, path, config.run.root, "evaluate", what, folder)
    verdicts = requirements.judge(wanted, made.report, lambda: outcomes_of(made.predictions))
    own = requirements.write(verdicts, made.report, target)
    files = [*publish(made, trained, target), *own]
    print_report(display.console, made.report, target)
    if views := made.report.cost.get("tta"):
        display.say(
            f"tta={config.tta}: {100 * views['gain']:+.2f} points over"
            f" {views['accuracy_without']:.2%}, for {views['times_as_long']:.1f} times the time"
        )
    list_files(display, target, files)
    return requirements.tell(verdicts, display)

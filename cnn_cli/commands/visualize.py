"""`cnn-train visualize`: figures of a checkpoint, its data and its run."""

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cnn_cli import build
from cnn_cli.commands import first_weights, wiring
from cnn_cli.commands.outline import Outline
from cnn_cli.commands.reporting import list_files, split_of
from cnn_cli.commands.trained import (
    Trained,
    as_it_was,
    evaluation_node,
    find,
    load,
    output_folder,
)
from cnn_cli.config import PreviewConfig, VisualizeConfig
from cnn_cli.device import Device, choose
from cnn_cli.engine.display import Display, counting
from cnn_cli.engine.predict import Predictions, predict
from cnn_cli.errors import UserError
from cnn_cli.visualize.style import save, style
from cnn_cli.visualize.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 60
"""Characters of the figures' names in the name of their folder."""


def run(config: VisualizeConfig | PreviewConfig, overrides: list[str], folder: Path | None) -> int:
    """Draw every figure asked for into one folder."""
    display = Display()
    device = choose(config.device)
    path = None
    if isinstance(config, PreviewConfig):
        subject = _before_training(config, overrides, device, display)
    else:
        path = find(config.checkpoint, config.run.root, display)
        trained = load(path, device, config.trust)
        told = trained.config["device"]["precision"]
        device = as_it_was(
            path, told, device, dataclasses.replace(config.device, threads=device.threads)
        )
        subject = _subject(config, overrides, trained, device, display)
    # All are drawn before a folder is made, so that a wrong request leaves nothing behind.
    pictures = _draw(config, overrides, subject, display)
    what = "+".join(config.figure)
    what = what if len(what) <= LONGEST else f"{len(config.figure)}-figures"
    target = output_folder(config.output, path, config.run.root, "figures", what, folder)
    for stem, picture in pictures.items():
        save(picture, target / f"{stem}.png", dpi=config.dpi)
    list_files(display, target, [target / f"{stem}.png" for stem in pictures])
    return 0


def _draw(
    config: VisualizeConfig | PreviewConfig,
    overrides: list[str],
    subject: Subject,
    display: Display,
) -> dict[str, "Figure"]:
    """File stem -> figure. Of the default ones, and of all, those that lack input are left out."""
    chosen = any(re.match(r"figure=(?!\[?all\]?$)", line) for line in overrides)
    pictures: dict[str, Figure] = {}
    for draw in build.figures(config.figure, config.trust).values():
        try:
            with style():
                pictures |= draw(subject)
        except UserError as error:
            if chosen or len(config.figure) == 1:
                raise
            display.say(f"left out: {error}", markup=False)
    if not pictures:
        raise UserError("figure: none of the figures can be drawn of this checkpoint")
    return pictures


def _subject(
    config: VisualizeConfig,
    overrides: list[str],
    trained: Trained,
    device: Device,
    display: Display,
) -> Subject:
    node = evaluation_node(config.dataset, trained, overrides)
    dataset = build.dataset(node, trained.preprocessing, device.workers, config.trust)
    for note in dataset.notes:
        display.say(f"note: {note}", markup=False)
    split = split_of(dataset, config.split, trained, config.class_map or {}).to(device.place)

    batch_size = config.batch_size or trained.batch_size

    @cache
    def predictions() -> Predictions:
        with counting(display.console, f"{config.split} split", len(split)) as advance:
            return predict(trained.model, split, trained.classes, device, batch_size, advance)

    outline = Outline(
        trained.config,
        trained.preprocessing,
        len(trained.classes),
        len(dataset.train),
        config.trust,
    )
    if trained.run and (missing := trained.run.missing_epochs()):
        listed = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        display.warn(f"{trained.run.metrics} has no whole line of epoch {listed}")
    same = dataset.fingerprint == trained.fingerprint  # else its length is not the training's
    return Subject(
        model=trained.model,
        classes=trained.classes,
        preprocessing=trained.preprocessing,
        dataset=dataset,
        split=split,
        augmentation=build.augmentation(config.augmentation, config.seed, config.trust),
        predictions=predictions,
        metrics=trained.run.read_metrics() if trained.run else (),
        device=device.place,
        seed=config.seed,
        title=trained.title,
        part=f"{dataset.name} {config.split}",
        network=outline.network,
        course=outline.course if same else None,
    )


def _before_training(
    config: PreviewConfig, overrides: list[str], device: Device, display: Display
) -> Subject:
    """What `train` would start with: no weights, no predictions, no metrics."""
    training, _, notes = first_weights.settle(config.training, overrides)
    form, dataset = wiring.data(training, device, None)
    choices = dataclasses.asdict(training)
    outline = Outline(choices, form, len(dataset.classes), len(dataset.train), config.trust)
    for note in (*notes, *dataset.notes):
        display.say(f"note: {note}", markup=False)
    display.say(
        "drawn before any training, with the choices of train; checkpoint=latest draws a run"
    )
    splits = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    return Subject(
        classes=dataset.classes,
        preprocessing=form,
        dataset=dataset,
        split=splits[config.split].to(device.place),
        augmentation=build.augmentation(config.augmentation, config.seed, config.trust),
        device=device.place,
        seed=config.seed,
        title=f"{config.model.get('name') or _last(config.model['_target_'])} on {dataset.name}",
        part=f"{dataset.name} {config.split}",
        network=outline.network,
        course=outline.course,
    )


def _last(target: str) -> str:
    return target.rpartition(".")[2]

"""`cnn-train visualize`: figures of a checkpoint, its data and its run."""

from functools import cache
from pathlib import Path

from cnn_cli import build
from cnn_cli.commands.reporting import list_files, split_of
from cnn_cli.commands.trained import Trained, find, load, output_folder
from cnn_cli.config import VisualizeConfig
from cnn_cli.device import Device, choose
from cnn_cli.engine.display import Display, counting
from cnn_cli.engine.predict import Predictions, predict
from cnn_cli.visualize.style import save, style
from cnn_cli.visualize.subject import Subject


def run(config: VisualizeConfig, overrides: list[str], folder: Path | None) -> int:  # noqa: ARG001
    """Draw every figure asked for into one folder."""
    display = Display()
    device = choose(config.device)
    path = find(config.checkpoint, config.run.root)
    trained = load(path, device, config.trust)
    subject = _subject(config, trained, device, display)
    target: Path | None = None
    files: list[Path] = []
    for name, draw in build.figures(config.figure, config.trust).items():
        with style():
            pictures = draw(subject)
        if target is None:  # made only now, so that a wrong request leaves no empty folder
            what = "+".join(config.figure)[:60]
            target = output_folder(config.output, path, config.run.root, "figures", what, folder)
        for stem, picture in pictures.items():
            save(picture, target / f"{stem}.png", dpi=config.dpi)
            files.append(target / f"{stem}.png")
            display.say(f"{name}: {files[-1]}", markup=False)
    if target is not None and len(files) > 1:
        list_files(display, target, files)
    return 0


def _subject(
    config: VisualizeConfig, trained: Trained, device: Device, display: Display
) -> Subject:
    dataset = build.dataset(config.dataset, trained.preprocessing, device.workers, config.trust)
    split = split_of(dataset, config.split, trained, {}).to(device.place)

    @cache
    def predictions() -> Predictions:
        with counting(display.console, f"{config.split} split", len(split)) as advance:
            return predict(
                trained.model, split, trained.classes, device, config.batch_size, advance
            )

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
    )

"""The real pictures on which an exported file is compared with its model."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from cnn_cli import build
from cnn_cli.commands.finding import find_images
from cnn_cli.commands.trained import Trained, evaluation_node
from cnn_cli.config import ExportConfig
from cnn_cli.data.contract import Preprocessing, Split
from cnn_cli.data.images import UnreadableImage, read_image
from cnn_cli.device import Device
from cnn_cli.engine.display import Display
from cnn_cli.engine.predict import batch_size_for
from cnn_cli.errors import UserError


@dataclass(frozen=True)
class Pictures:
    """Pictures of a split, or of files."""

    split: Split | tuple[Path, ...]
    form: Preprocessing
    count: int
    """how many of them are compared, spread evenly over all"""
    origin: str
    unreadable: list[str] = field(default_factory=list)
    """files that were passed over, and why"""

    def batches(self) -> Iterator[Tensor]:
        """All of them: (N, C, S, S) uint8 on the CPU."""
        chosen = torch.arange(self.count) * len(self.split) // self.count
        for part in torch.split(chosen, batch_size_for(self.form.size)):
            if isinstance(self.split, tuple):
                some = self._read([self.split[i] for i in part.tolist()])
                if some:
                    yield torch.stack(some)
            else:
                yield self.split.take(part).images.cpu().contiguous()

    def _read(self, files: list[Path]) -> list[Tensor]:
        found = []
        for file in files:
            try:
                found.append(read_image(file, self.form))
            except UnreadableImage as error:
                self.unreadable.append(str(error))
        return found


def pictures(
    config: ExportConfig, trained: Trained, device: Device, overrides: list[str], display: Display
) -> Pictures:
    """Those that `config` asks for. Raises UserError where there are none."""
    form = trained.preprocessing
    if config.images is not None:
        for line in overrides:
            if line.startswith(("dataset", "split=")):
                raise UserError(f"{line}: has no meaning beside images; leave one of them out")
        paths = tuple(find_images(config.images))
        return Pictures(paths, form, min(config.parity, len(paths)), f"images={config.images}")
    node = evaluation_node(config.dataset, trained, overrides)
    try:
        dataset = build.dataset(node, form, device.workers, config.trust)
    except UserError as error:
        hint = "to compare on other pictures: images=FOLDER"
        raise UserError(*error.problems[:-1], f"{error.problems[-1]}; {hint}") from error
    for note in dataset.notes:
        display.say(f"note: {note}", markup=False)
    parts = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    split = parts[config.split]
    if not len(split):
        there = ", ".join(name for name, part in parts.items() if len(part))
        raise UserError(
            f"split={config.split}: {dataset.name} has no pictures in it; there are {there}"
        )
    origin = f"the {config.split} split of {dataset.name}"
    return Pictures(split, form, min(config.parity, len(split)), origin)

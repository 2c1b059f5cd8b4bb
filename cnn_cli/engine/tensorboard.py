"""TensorBoard: curves, sample pictures, the confusion matrix, and hyperparameters with results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from cnn_cli.engine.records import Record
from cnn_cli.engine.state import CORRECT, COUNT, LOSS

POINTS_AN_EPOCH = 50
"""Points of the step-wise training loss; more make the files large and the curve no clearer."""


class Board:
    """Writes event files into the run's folder; receives values, never the trainer."""

    def __init__(self, folder: Path, step: int) -> None:
        # Imported late: it takes a second and CI runs without TensorBoard need not pay it.
        from torch.utils.tensorboard.writer import SummaryWriter

        # After a resume, what a lost run wrote beyond this step is hidden.
        self._writer = SummaryWriter(str(folder), purge_step=step or None)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point each, tags like `loss/train`."""
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, step)

    def epoch(self, record: Record, rows: Tensor) -> None:
        """The figures of a finished epoch; `rows` holds those of its steps, see TrainState."""
        first = record.step - ((record.step - 1) % len(rows) + 1)
        every = max(1, len(rows) // POINTS_AN_EPOCH)
        steps = rows[: record.step - first : every].tolist()
        for number, row in enumerate(steps):
            step = first + number * every + 1
            self.scalars(
                step,
                {"loss/step": row[LOSS] / row[COUNT], "accuracy/step": row[CORRECT] / row[COUNT]},
            )
        values = {
            "loss/train": record.train.loss,
            "accuracy/train": record.train.accuracy,
            "learning_rate": record.train.learning_rate,
            "gradient_norm": record.train.grad_norm,
            "images_per_second": record.images_per_second,
        }
        for name, value in (record.validation or {}).items():
            values[f"{name}/val"] = value
        self.scalars(record.step, values)
        self._writer.flush()

    def images(self, tag: str, images: Tensor, step: int) -> None:
        """A grid of pictures, (N, C, H, W) uint8 or float in [0, 1], enlarged to be seen."""
        from torchvision.utils import make_grid

        factor = max(1, 96 // images.shape[-1])
        large = images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        self._writer.add_image(tag, make_grid(large, nrow=8, padding=2), step)

    def picture(self, tag: str, path: Path, step: int) -> None:
        """A picture from a file."""
        import numpy as np
        from PIL import Image

        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"))
        self._writer.add_image(tag, picture, step, dataformats="HWC")

    def hparams(self, values: Mapping[str, Any], metrics: Mapping[str, float], step: int) -> None:
        """Hyperparameters with final figures; torch's add_hparams would open a second run."""
        from torch.utils.tensorboard.summary import hparams

        plain = {
            key: v if isinstance(v, (bool, int, float)) else str(v) for key, v in values.items()
        }
        named = {f"final/{key}": value for key, value in metrics.items()}
        for part in hparams(plain, named):  # type: ignore[no-untyped-call]
            self._writer._get_file_writer().add_summary(part)  # type: ignore[no-untyped-call]
        self.scalars(step, named)

    def close(self) -> None:
        self._writer.close()

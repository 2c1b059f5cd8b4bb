"""TensorBoard: curves, sample pictures, the confusion matrix, and hyperparameters with results."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cnn_cli.engine.records import Record
from cnn_cli.engine.state import CORRECT, COUNT, LOSS

POINTS_AN_EPOCH = 50
"""Points of the step-wise training loss; more make the files large and the curve no clearer."""


QUEUE = 1000
"""Points that wait to be written; with torch's 10, training waits for the disk."""


class Board:
    """Writes event files into the run's folder; receives values, never the trainer.

    A file that cannot be written, on a full disk, ends the curves and not the training: `tell` gets
    a line once, and what comes later is left out.
    """

    def __init__(self, folder: Path, step: int, tell: Callable[[str], object]) -> None:
        # Imported late: it takes a second and CI runs without TensorBoard need not pay it.
        from torch.utils.tensorboard.writer import SummaryWriter

        # After a resume, what a lost run wrote beyond this step is hidden.
        self._tell = tell
        self._hook = threading.excepthook
        threading.excepthook = self._in_a_thread
        self._writer: Any = None
        with self._tolerant():
            self._writer = SummaryWriter(str(folder), purge_step=step or None, max_queue=QUEUE)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: BaseException | None) -> None:
        if self._writer is not None:
            self._writer = None
            self._tell(f"no more curves for TensorBoard: {getattr(error, 'strerror', error)}")

    def _in_a_thread(self, what: threading.ExceptHookArgs) -> None:
        """The writer's own thread dies of a full disk; its traceback would tell nobody anything."""
        if isinstance(what.exc_value, OSError):
            self._give_up(what.exc_value)
        else:
            self._hook(what)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point each, tags like `loss/train`."""
        with self._tolerant():
            for tag, value in values.items():
                if self._writer is not None:
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
        with self._tolerant():
            if self._writer is not None:
                self._writer.flush()

    def images(self, tag: str, images: Tensor, step: int) -> None:
        """A grid of pictures, (N, C, H, W) uint8 or float in [0, 1], enlarged to be seen."""
        factor = max(1, 96 // images.shape[-1])
        large = images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        self._add_image(tag, F.pad(large, (1, 1, 1, 1)), step, "NCHW")

    def picture(self, tag: str, path: Path, step: int) -> None:
        """A picture from a file."""
        import numpy as np
        from PIL import Image

        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"))
        self._add_image(tag, picture, step, "HWC")

    def _add_image(self, tag: str, picture: Any, step: int, layout: str) -> None:
        with self._tolerant():
            if self._writer is not None:
                self._writer.add_image(tag, picture, step, dataformats=layout)

    def hparams(self, values: Mapping[str, Any], metrics: Mapping[str, float], step: int) -> None:
        """Hyperparameters with final figures; torch's add_hparams would open a second run."""
        from torch.utils.tensorboard.summary import hparams

        plain = {
            key: v if isinstance(v, (bool, int, float)) else str(v) for key, v in values.items()
        }
        named = {f"final/{key}": value for key, value in metrics.items()}
        with self._tolerant():
            for part in hparams(plain, named):  # type: ignore[no-untyped-call]
                if self._writer is not None:
                    self._writer._get_file_writer().add_summary(part)
        self.scalars(step, named)

    def close(self) -> None:
        """Write what is left."""
        with self._tolerant():
            if self._writer is not None:
                self._writer.close()
        threading.excepthook = self._hook

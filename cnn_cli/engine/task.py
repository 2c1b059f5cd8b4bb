"""Task: all that a training is given, beside its state."""

from dataclasses import dataclass

from cnn_cli.data.contract import Dataset, Preprocessing, Window
from cnn_cli.data.plan import Plan
from cnn_cli.device import Device
from cnn_cli.engine.budget import Calendar
from cnn_cli.engine.predict import batch_size_for
from cnn_cli.engine.step import StepSettings
from cnn_cli.run import Run
from cnn_cli.sections import TrainerConfig


@dataclass(frozen=True)
class Task:
    """All that training is given and does not change."""

    dataset: Dataset
    preprocessing: Preprocessing
    plan: Plan
    window: Window | None
    settings: StepSettings
    trainer: TrainerConfig
    max_seconds: float
    device: Device
    run: Run
    config: str
    """the whole config as YAML text, for the checkpoint"""

    @property
    def batch_size(self) -> int:
        """Pictures that a step really has: no more than there are."""
        return min(self.plan.batch_size, self.plan.n)

    @property
    def eval_batch_size(self) -> int:
        """Pictures that are evaluated at once."""
        return self.trainer.eval_batch_size or batch_size_for(self.preprocessing.size)

    @property
    def calendar(self) -> Calendar:
        """When validations and checkpoints are due."""
        epoch = self.plan.steps_per_epoch
        return Calendar(epoch * self.trainer.validate_every, self.trainer.checkpoint_every)

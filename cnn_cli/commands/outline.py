"""What is known of a training before its first step, from the choices that it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from cnn_cli import build, pretrained
from cnn_cli.commands import wiring
from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.plan import Plan
from cnn_cli.errors import UserError
from cnn_cli.models.classifier import Classifier
from cnn_cli.visualize.subject import Course


@dataclass(frozen=True)
class Outline:
    """A training's choices with the form and number of its data; what they give is made on demand.

    It costs seconds (an optimizer's imports), and few figures ask for it.
    """

    choices: Mapping[str, Any]
    """a training's config: dataset, model, optimizer, ... as plain values"""
    form: Preprocessing
    num_classes: int
    pictures: int
    """those of the training split"""
    trust: tuple[str, ...]

    def network(self) -> Classifier:
        """The model on the meta device, frozen as told: layers and sizes, no values."""
        node = self.choices["model"]
        with torch.device("meta"):
            made = build.model(node, self.form, self.num_classes, 0, self.trust)
        pretrained.prepare(made, node, None, None)
        return made

    def course(self) -> Course:
        """How the learning rates go.

        Raises UserError under a time budget, where nobody knows over how many steps.
        """
        trainer = self.choices["trainer"]
        if trainer.get("budget"):
            raise UserError(
                f"figure=schedule: trainer.budget={trainer['budget']} finds the number of steps as"
                " training goes; figure=curves draws the rates that there were"
            )
        if trainer["batch_size"] == "auto":
            raise UserError("figure=schedule: trainer.batch_size=auto is not known before training")
        plan = Plan(self.pictures, trainer["batch_size"], trainer["epochs"], self.choices["seed"])
        return Course(
            schedule=build.schedule(self.choices["schedule"], self.trust),
            optimizer=build.optimizer(self.choices["optimizer"], self.network(), self.trust),
            scale=wiring.scale(trainer.get("lr_batch"), plan),
            steps_per_epoch=plan.steps_per_epoch,
            total=plan.total,
        )

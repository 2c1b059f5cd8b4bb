"""What is known of a training before its first step, from the choices that it is told."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from cnn_cli import build, pretrained
from cnn_cli.commands import wiring
from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.plan import Plan
from cnn_cli.models.classifier import Classifier
from cnn_cli.visualize.subject import Course


def network(
    choices: Mapping[str, Any], form: Preprocessing, num_classes: int, trust: tuple[str, ...]
) -> Classifier:
    """The model of `choices` on the meta device, frozen as told: layers and sizes, no values."""
    with torch.device("meta"):
        made = build.model(choices["model"], form, num_classes, 0, trust)
    pretrained.prepare(made, choices["model"], None, None)
    return made


def course(
    choices: Mapping[str, Any], model: Classifier, pictures: int, trust: tuple[str, ...]
) -> Course:
    """How the rates go in a training of `choices` on so many training pictures."""
    trainer = choices["trainer"]
    plan = Plan(pictures, trainer["batch_size"], trainer["epochs"], choices["seed"])
    optimizer: Optimizer = build.optimizer(choices["optimizer"], model, trust)
    return Course(
        schedule=build.schedule(choices["schedule"], trust),
        optimizer=optimizer,
        scale=wiring.scale(trainer.get("lr_batch"), plan),
        steps_per_epoch=plan.steps_per_epoch,
        total=plan.total,
    )

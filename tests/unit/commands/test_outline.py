"""What is drawn before training is what training is given."""

import dataclasses
from pathlib import Path

import pytest
from hydra.types import RunMode

from cnn_cli.commands import wiring
from cnn_cli.commands.outline import Outline
from cnn_cli.compose import Composer, make_loader
from cnn_cli.config import TrainConfig, parse
from cnn_cli.data.contract import Preprocessing
from cnn_cli.device import choose
from cnn_cli.errors import UserError
from cnn_cli.run import Run

SETTINGS = ("dataset.limit=300", "model.channels=[8,16]", "device=cpu", "device.threads=1")


@pytest.mark.parametrize("lr_batch", ["null", "16"])
@pytest.mark.parametrize("frozen", ["null", "1"])
def test_rates_steps_and_layers_are_those_of_training(
    lr_batch: str, frozen: str, tmp_path: Path
) -> None:
    given = [*SETTINGS, f"trainer.lr_batch={lr_batch}", f"model.freeze={frozen}"]
    config = parse("train", Composer(make_loader(None), "train").compose(given, RunMode.RUN))
    assert isinstance(config, TrainConfig)
    device = choose(config.device)
    form, dataset = wiring.data(config, device, None)
    model = wiring.model(config, form, dataset)
    outline = Outline(dataclasses.asdict(config), form, 10, len(dataset.train), ())
    network = outline.network()
    for layer, values in zip(network.parameters(), model.parameters(), strict=True):
        assert layer.is_meta
        assert layer.shape == values.shape
    assert all(p.requires_grad for p in network.parameters()) == (frozen == "null")
    course = outline.course()
    for layer, values in zip(network.parameters(), model.parameters(), strict=True):
        values.requires_grad_(layer.requires_grad)
    task, state = wiring.task(config, device, form, dataset, Run(tmp_path), model)
    rates = tuple(group["lr"] * course.scale for group in course.optimizer.param_groups)
    assert rates == task.settings.rates
    assert course.schedule == task.settings.schedule
    assert (course.total, course.steps_per_epoch) == (state.total, task.plan.steps_per_epoch)


def test_under_a_budget_nobody_knows_the_steps() -> None:
    trainer = {"batch_size": 10, "epochs": 3, "budget": "10m"}
    form = Preprocessing(1, 8, "crop", (0.5,), (0.25,))
    with pytest.raises(UserError, match=r"trainer\.budget=10m finds .* figure=curves draws"):
        Outline({"trainer": trainer, "seed": 0}, form, 10, 100, ()).course()

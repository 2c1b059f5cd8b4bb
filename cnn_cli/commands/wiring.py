"""From a config to what training works on: data, model, task. Shared by `train` and its checks."""

import math

from cnn_cli import build, inputs
from cnn_cli.config import TrainConfig
from cnn_cli.config_text import to_yaml
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.plan import Balance, Plan
from cnn_cli.data.statistics import measure, sample
from cnn_cli.device import Device
from cnn_cli.engine import checkpoint
from cnn_cli.engine.loss import Loss, class_weights
from cnn_cli.engine.state import TrainState, new_state
from cnn_cli.engine.step import StepSettings
from cnn_cli.engine.task import Task
from cnn_cli.errors import UserError
from cnn_cli.limits import seconds
from cnn_cli.models import convolution
from cnn_cli.models.classifier import Classifier
from cnn_cli.optim.schedules import Plateau, Schedule
from cnn_cli.run import Run
from cnn_cli.sections import LossConfig

LOOKED_AT = 2000
"""Training pictures that a network may look at before its first step."""


def data(
    config: TrainConfig, device: Device, saved: checkpoint.Checkpoint | None
) -> tuple[Preprocessing, Dataset]:
    """The data, and the preprocessing with its mean and std measured where the YAML has none."""
    preprocessing = saved.preprocessing if saved else inputs.preprocessing(config.dataset)
    dataset = build.dataset(config.dataset, preprocessing, device.workers, config.trust)
    if len(dataset.train) == 0:
        raise UserError(f"dataset: {dataset.name} has no training pictures; evaluate can use it")
    if preprocessing.mean is None or preprocessing.std is None:
        mean, std = measure(dataset.train, preprocessing)
        preprocessing = Preprocessing(
            preprocessing.channels, preprocessing.size, preprocessing.resize, mean, std
        )
    return preprocessing, dataset


def model(
    config: TrainConfig, preprocessing: Preprocessing, dataset: Dataset, *, is_new: bool = True
) -> Classifier:
    """The model with its random first weights; a new network that asks for it sees some pictures.

    One that is not gets the weights of a checkpoint, and with them what it had seen.
    """
    classes = len(dataset.classes)
    made = build.model(config.model, preprocessing, classes, config.seed, config.trust)
    if is_new and made.wants_images:
        made.initialise(dataset.train.take(sample(len(dataset.train), LOOKED_AT)).images)
    return made


def task(
    config: TrainConfig,
    device: Device,
    preprocessing: Preprocessing,
    dataset: Dataset,
    run: Run,
    model: Classifier,
) -> tuple[Task, TrainState]:
    """What training is given, and its state before step 0, on the device."""
    trainer = config.trainer
    device.place_model(model)
    convolution.set_side_by_side(model, device.side_by_side)
    optimizer = build.optimizer(config.optimizer, model, config.trust, device.products)
    balance = Balance.of(dataset.train.labels) if trainer.sampling == "balanced" else None
    epochs = None if trainer.budget else trainer.epochs
    if isinstance(trainer.batch_size, str):
        raise UserError("trainer.batch_size=auto: is found by training itself; give a number here")
    plan = Plan(len(dataset.train), trainer.batch_size, epochs, config.seed, balance=balance)
    augmentation = build.augmentation(config.augmentation, config.seed, config.trust, plan)
    gathers = dataset.train.crops and trainer.crop_while_gathering
    window = augmentation.window(preprocessing.size) if gathers else None
    settings = StepSettings(
        augmentation=augmentation,
        schedule=_schedule(config, dataset),
        rates=tuple(
            group["lr"] * scale(trainer.lr_batch, plan) for group in optimizer.param_groups
        ),
        num_classes=len(dataset.classes),
        loss=_loss(config.loss, dataset, device),
        accumulate=trainer.accumulate,
        clip_norm=trainer.clip_norm,
        ema_decay=trainer.ema_decay,
        seed=config.seed,
        cropped=window is not None,
    )
    made = Task(
        dataset=_on(dataset, device),
        preprocessing=preprocessing,
        plan=plan,
        window=window,
        settings=settings,
        trainer=trainer,
        max_seconds=seconds(trainer.max_time) if trainer.max_time else math.inf,
        device=device,
        run=run,
        config=to_yaml(config),
    )
    steps = plan.steps_per_epoch  # under a budget their number is not known before some are timed
    averaged = trainer.ema_decay is not None
    return made, new_state(model, optimizer, device, averaged, steps, steps * trainer.epochs)


def _schedule(config: TrainConfig, dataset: Dataset) -> Schedule:
    schedule = build.schedule(config.schedule, config.trust)
    if config.trainer.patience is not None and len(dataset.val) == 0:
        raise UserError(
            f"trainer.patience={config.trainer.patience}: counts validations, and there are no"
            " validation pictures (dataset.val_fraction=0); give it some, or leave patience out"
        )
    if isinstance(schedule, Plateau) and len(dataset.val) == 0:
        raise UserError(
            "schedule=plateau: follows the validation, and there are no validation pictures"
            " (dataset.val_fraction=0); give it some, or choose another schedule"
        )
    return schedule


def scale(lr_batch: int | None, plan: Plan) -> float:
    """What the optimizer's rates are multiplied with for the size of a batch (trainer.lr_batch)."""
    return 1.0 if lr_batch is None else min(plan.batch_size, plan.n) / lr_batch


def _loss(config: LossConfig, dataset: Dataset, device: Device) -> Loss:
    weights = class_weights(config.class_weights, dataset.classes, dataset.train.labels)
    placed = None if weights is None else weights.to(device.place)
    return Loss(config.label_smoothing, placed, config.focal_gamma)


def _on(dataset: Dataset, device: Device) -> Dataset:
    """Training and validation pictures where they are used, often and all at once."""
    train, val = dataset.train.to(device.place), dataset.val.to(device.place)
    return Dataset(
        dataset.name,
        dataset.classes,
        train,
        val,
        dataset.test,
        dataset.fingerprint,
        dataset.notes,
    )

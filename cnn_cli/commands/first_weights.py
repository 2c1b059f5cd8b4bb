"""What a new run's first weights decide before the data is read, and what is said about it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from cnn_cli import inputs, pretrained
from cnn_cli.config import TrainConfig
from cnn_cli.data.contract import Preprocessing
from cnn_cli.pretrained import Pretrained

RANDOM = "model.freeze without model.weights: what is frozen keeps its random first weights"


def settle(
    config: TrainConfig, overrides: Sequence[str]
) -> tuple[TrainConfig, Pretrained | None, list[str]]:
    """The weights that `config` asks for, the config with their preprocessing, and what to tell.

    The recorded data set then says what is done. Raises UserError where there are no such weights.
    """
    first = pretrained.read(config.model, config.run.root)
    if first is None:
        frozen = config.model.get("freeze") is not None
        return config, None, [RANDOM] if frozen else []
    before = inputs.preprocessing(config.dataset)
    given = pretrained.settings(overrides)
    changes = pretrained.adopted(before, first.preprocessing, given)
    settled = dataclasses.replace(config, dataset={**config.dataset, **changes})
    return settled, first, [_told(before, first.preprocessing, changes)]


def _told(before: Preprocessing, own: Preprocessing | None, changes: Mapping[str, Any]) -> str:
    if own is None:
        return "the file of weights says nothing of pictures: size, mean and std are the data set's"
    parts = ["mean and std"] if "mean" in changes or "std" in changes else []
    if changes.get("size", before.size) != before.size:
        keep = f"dataset.size={before.size}"
        parts.insert(0, f"size {own.size}, not {before.size} ({keep} keeps that)")
    if "resize" in changes:
        parts.append(f"resize={own.resize}")
    kept = (
        f"; trained on pictures of {own.size}"
        if before.size != own.size and "size" not in changes
        else ""
    )
    return f"as the weights were trained: {', '.join(parts) or 'nothing'}{kept}"

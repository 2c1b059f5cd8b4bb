"""What the arguments of torch's optimizers may be; their own annotations say only float."""

from collections.abc import Mapping
from typing import Annotated, Any

from torch.optim import Optimizer

from cnn_cli.limits import Count, NonNegative, Positive, Range

Rate = Annotated[float, Range(0, 100, open_low=True)]
Decay = Annotated[float, Range(0, 1, open_high=True)]
"""Decay of a running mean: at 1 it would never take anything in."""

KINDS: Mapping[str, Any] = {
    "lr": Rate,
    "weight_decay": Annotated[float, Range(0, 1)],
    "momentum": Decay,
    "dampening": Decay,
    "alpha": Decay,
    "rho": Decay,
    "betas": tuple[Decay, Decay],
    "eps": Positive,
    "lambd": NonNegative,
    "t0": NonNegative,
    "lr_decay": NonNegative,
    "momentum_decay": NonNegative,
    "initial_accumulator_value": NonNegative,
    "beta2_decay": Annotated[float, Range(-1, 0)],
    "d": Positive,
    "etas": tuple[
        Annotated[float, Range(0, 1, open_low=True, open_high=True)],
        Annotated[float, Range(1, open_low=True)],
    ],
    "step_sizes": tuple[Positive, Positive],
    "ns_steps": Count,
    "max_iter": Count,
    "history_size": Count,
}
"""Argument -> its annotation, in every optimizer of torch that has it."""

PARTICULAR: Mapping[str, Mapping[str, Any]] = {
    "Adafactor": {"eps": tuple[Positive | None, Positive]},
}
"""Optimizers in which an argument of that name means something else."""


def argument_kinds(target: type[Optimizer]) -> Mapping[str, Any]:
    """Annotations that count before those of `target`; an optimizer of one's own has its own."""
    if not f"{target.__module__}.".startswith("torch.optim."):
        return {"weight_decay": NonNegative}  # parameter_groups computes with it
    return {**KINDS, **PARTICULAR.get(target.__name__, {})}

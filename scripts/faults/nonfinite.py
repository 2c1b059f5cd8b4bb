"""Numbers that are not finite, in every place of a step: none of them reaches a checkpoint."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.engine import checkpoint
from cnn_cli.engine import step as one_step
from cnn_cli.engine import train as loop
from cnn_cli.engine.loss import Loss
from cnn_cli.run import Run
from faults.case import Case, at_call
from faults.training import check_no_traceback, command, on_shapes

TOLD = "NaN or Inf in loss, gradient, picture, activation, weight, statistic, average or momentum"

VALUES = {"nan": math.nan, "inf": math.inf, "minus-inf": -math.inf}
AT = (1, 8, 18)
"""The calls in which it comes: the first, one amid the training, its last."""
POLICIES = ("stop", "skip", "rollback")


def _result(owner: Any, name: str, at: int, spoil: Callable[[Any], Any]) -> None:
    """Have what that call of a function gives go through `spoil`."""
    original, calls = getattr(owner, name), 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        result = original(*given, **named)
        return spoil(result) if calls == at else result

    setattr(owner, name, counted)


def _state(owner: Any, name: str, at: int, spoil: Callable[[Any], None]) -> None:
    """Have the TrainState, first argument of that function, spoilt after that call."""
    original, calls = getattr(owner, name), 0

    def counted(state: Any, *given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        result = original(state, *given, **named)
        if calls == at:
            spoil(state)
        return result

    setattr(owner, name, counted)


def _fill(tensor: Tensor, value: float) -> None:
    tensor.detach().view(-1)[0] = value


def _loss(value: float, at: int) -> None:
    _result(Loss, "__call__", at, lambda loss: loss * value)


def _picture(value: float, at: int) -> None:
    def spoil(found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        pictures = found[0] / 255
        _fill(pictures, value)
        return pictures, found[1]

    _result(Augmentation, "__call__", at, spoil)


def _activation(value: float, at: int) -> None:
    def spoil(maps: Tensor) -> Tensor:
        return maps * value

    def arm() -> None:  # by then the forward passes that tell the shapes are done
        _result(nn.BatchNorm2d, "forward", at, spoil)

    at_call(loop, "train_step", 1, arm)


def _gradient(value: float, at: int) -> None:
    def spoil(state: Any) -> None:
        _fill(next(p.grad for p in state.model.parameters() if p.grad is not None), value)

    _state(one_step, "_backward", at, spoil)


def _in_state(find: Callable[[Any], Tensor]) -> Callable[[float, int], None]:
    def spoil(value: float, at: int) -> None:
        _state(loop, "train_step", at, lambda state: _fill(find(state), value))

    return spoil


def _momentum(state: Any) -> Tensor:
    kept = next(iter(state.optimizer.state.values()))
    return next(tensor for tensor in kept.values() if tensor.dim())


def _statistic(state: Any) -> Tensor:
    return next(buffer for name, buffer in state.model.named_buffers() if "running" in name)


PLACES: dict[str, Callable[[float, int], None]] = {
    "loss": _loss,
    "gradient": _gradient,
    "picture": _picture,
    "activation": _activation,
    "weight": _in_state(lambda state: next(state.model.parameters())),
    "statistic": _in_state(_statistic),
    "average": _in_state(lambda state: next(state.ema.parameters())),
    "momentum": _in_state(_momentum),
}
PASSING = ("loss", "gradient", "picture", "activation")
"""Places that are good again in the next step: leaving that one out is enough."""


def cases(full: bool) -> Iterator[Case]:
    """Every place with every number, moment and policy; all places and policies for the tests."""
    cells = [
        (place, name, at, policy)
        for place in PLACES
        for policy in POLICIES
        for name in VALUES
        for at in AT
    ]
    for place, name, at, policy in cells if full else cells[::7]:
        label = f"{place}-{name}-{at}-{policy}"
        yield Case(label, lambda folder, cell=(place, name, at, policy): _check(folder, *cell))


def _check(folder: Path, place: str, name: str, at: int, policy: str) -> None:
    run, log = folder / "run", folder / "log"
    words = [*on_shapes(), f"run.dir={run}", f"trainer.non_finite={policy}"]
    code = command(words, log, before=lambda: PLACES[place](VALUES[name], at))
    text = log.read_text()
    check_no_traceback(log)
    for path in Run(run).saved():
        checkpoint.check_finite(checkpoint.load(path))
    # In a step that passes, skipping goes on to the end; so does going back, where a checkpoint is.
    survives = place in PASSING if policy == "skip" else policy == "rollback" and at > AT[0]
    assert code == (0 if survives else 1), f"ended with {code}: {text[-2000:]}"
    if code == 0:
        assert Run(run).is_reported, "a training that ended well has its report"
    else:
        assert "finite" in text, f"what was wrong is not told: {text[-2000:]}"
        assert policy != "stop" or at == AT[0] or Run(run).saved(), "what was good is not saved"

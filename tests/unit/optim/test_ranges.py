"""Every argument of torch's optimizers is in the table, and its own defaults are in the range."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from cnn_cli import build
from cnn_cli.checking import conform
from cnn_cli.errors import UserError
from cnn_cli.limits import NonNegative
from cnn_cli.optim.ranges import argument_kinds

TORCHS = [
    kind
    for kind in vars(torch.optim).values()
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
]
UNLIMITED = {"tolerance_grad", "tolerance_change", "ns_coefficients"}


@pytest.mark.parametrize("target", TORCHS, ids=lambda target: target.__name__)
def test_the_defaults_of_torch_are_in_their_ranges(target: type[Optimizer]) -> None:
    kinds, problems = argument_kinds(target), list[str]()
    for name, parameter in inspect.signature(target).parameters.items():
        if name in kinds:
            conform(name, parameter.default, kinds[name], problems)
        else:  # numbers without a range are those whose range is any
            plain = isinstance(parameter.default, bool | str | None | type)
            assert plain or name in UNLIMITED, name
    assert not problems


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("SGD", {"lr": 0}, "optimizer.lr=0: must be in (0, 100]"),
        ("SGD", {"lr": -1.0}, "optimizer.lr=-1.0: must be in (0, 100]"),
        ("SGD", {"lr": 1e9}, "optimizer.lr=1000000000.0: must be in (0, 100]"),
        ("SGD", {"momentum": 2}, "optimizer.momentum=2: must be in [0, 1)"),
        ("SGD", {"dampening": 1}, "optimizer.dampening=1: must be in [0, 1)"),
        ("SGD", {"weight_decay": "abc"}, "optimizer.weight_decay=abc: must be a number, in [0, 1]"),
        ("SGD", {"weight_decay": None}, "optimizer.weight_decay=null: must be a number, in [0, 1]"),
        ("SGD", {"weight_decay": [1]}, "optimizer.weight_decay=[1]: must be a number, in [0, 1]"),
        ("SGD", {"weight_decay": 1.5}, "optimizer.weight_decay=1.5: must be in [0, 1]"),
        ("AdamW", {"betas": [0.9, 1.0]}, "optimizer.betas[1]=1.0: must be in [0, 1)"),
        ("AdamW", {"betas": 0.9}, "optimizer.betas=0.9: must be a list"),
        ("AdamW", {"eps": 0}, "optimizer.eps=0: must be above 0"),
        ("RMSprop", {"alpha": 1}, "optimizer.alpha=1: must be in [0, 1)"),
        ("Adafactor", {"eps": [None, 0]}, "optimizer.eps[1]=0: must be above 0"),
    ],
)
def test_what_is_out_of_range_is_named(name: str, change: dict[str, Any], told: str) -> None:
    node = {"_target_": f"torch.optim.{name}", "lr": 0.1} | change
    with pytest.raises(UserError) as caught:
        build.optimizer(node, nn.Linear(1, 1), ())
    (problem,) = caught.value.problems
    assert problem.startswith(told)


def test_adafactor_takes_its_own_eps() -> None:
    node = {"_target_": "torch.optim.Adafactor", "eps": [None, 1e-3]}
    assert build.optimizer(node, nn.Linear(1, 1), ()).defaults["eps"] == (None, 1e-3)


def test_another_way_of_computing_the_step_can_be_chosen() -> None:
    node = {"_target_": "torch.optim.SGD", "lr": 0.1}
    model = nn.Linear(1, 1)
    assert build.optimizer(node | {"foreach": True}, model, ()).defaults["fused"] is None
    with pytest.raises(UserError, match=r"optimizer: .*fused.*foreach"):
        build.optimizer(node | {"foreach": True, "fused": True}, model, ())


def test_an_optimizer_of_ones_own_keeps_its_annotations() -> None:
    class Own(torch.optim.SGD):
        pass

    assert argument_kinds(Own) == {"weight_decay": NonNegative}

"""The key that every op has beside its own arguments: how long it works."""

import pytest

from cnn_cli import build
from cnn_cli.errors import UserError

FLIP = {
    "_target_": "cnn_cli.augmentation.geometry.HorizontalFlip",
    "enabled": True,
    "probability": 0.5,
}


def test_every_op_may_have_an_end() -> None:
    ops = {"a": FLIP | {"until": 0.5}, "b": FLIP | {"until": 0}, "c": FLIP}
    augmentation = build.augmentation({"ops": ops}, 0, ())
    assert (list(augmentation.ops), augmentation.until) == (["a", "c"], {"a": 0.5})


def test_an_end_is_a_share() -> None:
    wrong = {"ops": {"a": FLIP | {"until": 1.5}, "b": FLIP | {"until": None}}}
    with pytest.raises(UserError) as refused:
        build.augmentation(wrong, 0, ())
    assert refused.value.problems == (
        "augmentation.ops.a.until=1.5: must be in [0, 1]",
        "augmentation.ops.b.until=null: must be a number, in [0, 1]",
    )

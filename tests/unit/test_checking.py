"""Values against annotations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
import torch

from cnn_cli.checking import conform, describe, hints, show
from cnn_cli.limits import Count, Duration, Fraction, Positive, ProperFraction, Range

Limit = Count | Annotated[float, Range(0, 1, open_low=True)] | None


@dataclass(frozen=True)
class Section:
    epochs: Count
    rate: Positive | None


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (True, bool, True),
        ("x", str, "x"),
        (None, int | None, None),
        (1, Limit, 1),
        (1.0, Limit, 1.0),
        (0.5, Fraction, 0.5),
        (0, ProperFraction, 0.0),
        ("a", Literal["a", "b"], "a"),
        (20, Literal[20, 32], 20),
        ([1, 2], tuple[Count, ...], (1, 2)),
        ([1, 2], tuple[int, float], (1, 2.0)),
        ([1, 2], list[float], [1.0, 2.0]),
        ([1], Sequence[int], (1,)),
        ([], tuple[Count, ...], ()),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
        ({"a": 1}, dict, {"a": 1}),
        ("1.5h", Duration | None, "1.5h"),
        ("10s", Duration, "10s"),
        ("0.5m", Duration, "0.5m"),
        ({"epochs": 1, "rate": 2}, Section, Section(1, 2.0)),
        (object, Any, object),
        (1.5, float | torch.Tensor, 1.5),
        (print, Callable[..., Any], print),
    ],
)
def test_a_right_value_is_given_its_type(value: Any, kind: Any, expected: Any) -> None:
    problems: list[str] = []
    result = conform("key", value, kind, problems)
    assert (problems, result, type(result)) == ([], expected, type(expected))


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (0, Count, "key=0: must be at least 1"),
        (True, int, "key=true: must be a whole number"),
        (1, bool, "key=1: must be true or false"),
        (1.0, int, "key=1.0: must be a whole number"),
        ("1", float, "key=1: must be a number"),
        ("ten", Count, "key=ten: must be a whole number, at least 1"),
        (None, Count, "key=null: must be a whole number, at least 1"),
        (float("nan"), float, "key=nan: must be a finite number"),
        (float("inf"), Positive, "key=inf: must be a finite number"),
        (0.0, Positive | None, "key=0.0: must be above 0"),
        ("x", Positive | None, "key=x: must be a number, above 0 or null"),
        (1.0, ProperFraction, "key=1.0: must be in [0, 1)"),
        (0, Limit, "key=0: must be at least 1"),
        (0.0, Limit, "key=0.0: must be in (0, 1]"),
        ("rely", Literal["relu", "elu"], "key=rely: must be relu | elu (did you mean 'relu'?)"),
        (True, Literal[1], "key=true: must be 1"),
        (3, list[int], "key=3: must be a list (each a whole number), written [a, b]"),
        ([1, 0], tuple[Count, ...], "key[1]=0: must be at least 1"),
        ([1], tuple[int, int], "key=[1]: must have 2 items"),
        ("ab", Sequence[str], "key=ab: must be a list (each text), written [a, b]"),
        (3, Mapping[str, int], "key=3: must be keys with values"),
        ({"a": "b"}, dict[str, int], "key.a=b: must be a whole number"),
        ({1: 2}, dict[str, int], "key (the key 1)=1: must be text"),
        ("10", Duration, "key=10: must be a time above 0 in s, m or h, as 90s, 10m, 1.5h"),
        ("0s", Duration, "key=0s: must be a time above 0 in s, m or h, as 90s, 10m, 1.5h"),
        ("0.00h", Duration, "key=0.00h: must be a time above 0 in s, m or h, as 90s, 10m, 1.5h"),
        (
            10,
            Duration | None,
            "key=10: must be a time above 0 in s, m or h, as 90s, 10m, 1.5h or null",
        ),
        (90, Fraction, "key=90: must be in [0, 1]; 90 % is 0.9"),
        (1.5, Fraction, "key=1.5: must be in [0, 1]"),
        ("98%", Fraction | None, "key=98%: must be a number, in [0, 1] or null; 98% is 0.98"),
        ("7.5 %", Positive, "key=7.5 %: must be a number, above 0; 7.5 % is 0.075"),
        ({"a": 0}, Literal["auto"] | Mapping[str, Positive] | None, "key.a=0: must be above 0"),
        ({"epochs": 1}, Section, "key.rate: missing"),
        (3, Section, "key=3: must be keys with values"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(value: Any, kind: Any, told: str) -> None:
    problems: list[str] = []
    conform("key", value, kind, problems)
    assert problems == [told]


def test_every_problem_of_a_section_is_told() -> None:
    problems: list[str] = []
    conform("", {"epochs": 0, "rate": "x", "epoch": 3}, Section, problems)
    assert problems == [
        "epoch: no such key (did you mean 'epochs'?); there are epochs, rate",
        "epochs=0: must be at least 1",
        "rate=x: must be a number, above 0 or null",
    ]


def test_values_are_shown_as_they_are_typed() -> None:
    assert show({"a": [None, True, 1.5, "x"], "b": ""}) == "{a: [null, true, 1.5, x], b: ''}"
    assert describe(int | Literal["auto"]) == "a whole number or auto"


def test_hints_leave_out_what_cannot_be_read() -> None:
    def draw(subject: "Unknown", count: Count) -> "dict[str, Unknown]":  # type: ignore[name-defined]  # noqa: F821
        raise NotImplementedError

    assert hints(draw) == {"count": Count}
    assert hints(Section)["epochs"] == Count

"""scripts/benchmark: competitors take turns, measured processes say what they found."""

import os

import pytest
from benchmarks import common, ops, overhead, peak


def test_competitors_take_turns_and_the_first_round_is_dropped() -> None:
    calls: list[str] = []

    def way(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = common.take_turns({"a": lambda: way("a"), "b": lambda: way("b")}, rounds=2)
    assert calls == ["a", "b"] * 3
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_the_spread_of_few_is_from_the_least_to_the_most() -> None:
    assert common.spread([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert common.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 1.5, 4.5)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_process_gives_what_it_found(terminal: bool) -> None:
    def work() -> list[object]:
        print("x" * 100_000)
        return [1.5, os.isatty(1)]

    assert common.in_process(work, terminal=terminal) == [1.5, terminal]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_process_that_fails_is_told(terminal: bool) -> None:
    with pytest.raises(RuntimeError, match="a measured process ended with 1"):
        common.in_process(lambda: 1 / 0, terminal=terminal)


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        ops.measure(["crops"], 1)
    assert "no crops here; there are crop_flip" in capsys.readouterr().err


def test_the_engine_and_the_bare_loop_make_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"channels": [4], "size": 12, "batch": 10, "steps": 40}
    monkeypatch.setattr(overhead, "STEPS", {"tiny": small})
    (row,) = overhead.measure([], rounds=1)
    assert row["bare_ms"] > 0
    assert row["engine_ms"] > 0
    overhead.show([row], 1)


def test_the_layers_of_a_step_are_found_by_kind() -> None:
    make, _, _ = peak.MODELS["cnn"]
    step, calls = peak._prepared(make, 32, 4)
    step()
    assert {kind: len(own) for kind, own in calls.items()} == {
        "convolution": 6, "norm": 6, "activation": 6, "pooling": 3,
    }  # fmt: skip

"""scripts/torture: cases counted, failures named, gone on with, the README's table drawn."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torture
from faults.case import Case, in_child

FOUND = {"commit": "abcdef0123", "changed": False}


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two kinds of fault, one with a case that fails; the names of the cases that were done."""
    names: list[str] = []

    def kind(count: int, bad: int) -> SimpleNamespace:
        def check(folder: Path, number: int) -> None:
            assert not any(folder.iterdir())
            names.append(f"{count}-{number}")
            assert number != bad, "lost"

        def cases(full: bool) -> Iterator[Case]:
            for number in range(count if full else 1):
                yield Case(f"case-{number}", lambda folder, n=number: check(folder, n))

        return SimpleNamespace(cases=cases, TOLD=f"{count} places")

    monkeypatch.setattr(torture, "KINDS", {"whole": kind(5, -1), "torn": kind(3, 1)})
    monkeypatch.setattr(torture, "RESULTS", tmp_path / "torture.jsonl")
    monkeypatch.setattr(torture, "README", tmp_path / "README.md")
    monkeypatch.setattr(torture, "STRETCH", 2)
    monkeypatch.setattr(torture, "commit", lambda: dict(FOUND))
    return names


def rows() -> list[dict]:
    return [json.loads(line) for line in torture.RESULTS.read_text().splitlines()]


def test_all_cases_are_done_once_and_failures_named(
    done: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert torture.main(["run"]) == 1
    assert done == [f"5-{n}" for n in range(5)] + [f"3-{n}" for n in range(3)]
    assert [(r["kind"], r["first"], r["cases"], r["of"], r["failed"]) for r in rows()] == [
        ("whole", 0, 2, 5, []), ("whole", 2, 2, 5, []), ("whole", 4, 1, 5, []),
        ("torn", 0, 2, 3, ["case-1"]), ("torn", 2, 1, 3, []),
    ]  # fmt: skip
    assert "torn: case-1 failed" in capsys.readouterr().err
    torture.README.write_text(f"a\n{torture.BEGIN}old\n{torture.END}\nb\n")
    assert torture.main(["table"]) == 0
    text = torture.README.read_text()
    assert "| 5 places | 5 of 5 | 0 min | abcdef0 |" in text
    assert "| 3 places | 2 of 3 | 0 min | abcdef0 |" in text
    assert "old" not in text


def test_what_is_done_is_not_done_again_by_the_same_code(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torture.main(["run", "whole"])
    lines = torture.RESULTS.read_text().splitlines()
    torture.RESULTS.write_text("\n".join(lines[:2]) + "\n")  # as after Ctrl-C
    done.clear()
    assert torture.main(["run", "whole"]) == 0
    assert done == ["5-4"]
    done.clear()
    assert torture.main(["run", "whole"]) == 0
    assert done == []
    monkeypatch.setattr(torture, "commit", lambda: {"commit": "other", "changed": False})
    torture.main(["run", "whole"])
    assert len(done) == 5


def test_a_wrong_name_is_refused(done: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in ((["run", "hole"], "no fault hole; there are whole, torn"), ([], "list")):
        with pytest.raises(SystemExit) as refused:
            torture.main(words)
        assert refused.value.code == 2
        assert told in capsys.readouterr().err


def test_a_child_that_fails_dies_or_hangs_is_told_apart(tmp_path: Path) -> None:
    import time

    def fail() -> None:
        raise ValueError("no")

    assert in_child(lambda: None) == 0
    assert in_child(lambda: 7) == 7
    assert in_child(fail, tmp_path / "log") == 1
    assert "ValueError: no" in (tmp_path / "log").read_text()
    assert in_child(lambda: time.sleep(60), kill_after=0.2) == -9

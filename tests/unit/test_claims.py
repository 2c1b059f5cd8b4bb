"""scripts/claims.py: headers read, rows kept apart by recipe, the README's table drawn."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TEXT = """# @package _global_
# Small pictures.
# Claim: at least 90 %.
# Command: cnn-train run.name=base \\
#   trainer.epochs=3
# Command: cnn-train -m experiment=small model.weights=base seed=0,1
seed: 3
"""


@pytest.fixture
def claims(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, at work in an empty folder with one recipe."""
    spec = importlib.util.spec_from_file_location("claims", checkout / "scripts" / "claims.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "claims", module)
    spec.loader.exec_module(module)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/small.yaml").write_text(TEXT)
    monkeypatch.setattr(module, "RECIPES", tmp_path / "recipes")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "claims.jsonl")
    monkeypatch.setattr(module, "README", tmp_path / "README.md")
    monkeypatch.setattr(module, "composed", lambda _: {"trainer.epochs": 3, "optimizer.lr": 0.1})
    return module


def finished(folder: Path, seed: int, accuracy: float) -> str:
    """A run of the recipe, as far as its row needs it."""
    (folder / "report").mkdir(parents=True)
    report = {
        "metrics": {"accuracy": accuracy, "images": 100},
        "cost": {"train_seconds": 100 * (seed + 1), "parameters": 5},
        "provenance": {"written": "today"},
    }
    about: dict[str, Any] = {"hardware": {"processor": "x", "cores": 2}, "device": "cpu, bf16"}
    (folder / "report/report.json").write_text(json.dumps(report))
    (folder / "environment.json").write_text(json.dumps(about | {"versions": {"torch": "2"}}))
    lines = ["# override: experiment=small", "# override: dataset.root=/x", f"seed: {seed}"]
    lines += ["trainer:", "  epochs: 3", "model: {weights: base}", "run: {root: runs}"]
    (folder / "config.yaml").write_text("\n".join(lines))
    return str(folder)


def test_a_header_is_read(claims: ModuleType) -> None:
    (found,) = claims.recipes()
    assert (found.title, found.claim, found.seeds) == ("Small pictures.", "at least 90 %.", (0, 1))
    assert found.commands[0] == "cnn-train run.name=base trainer.epochs=3"
    assert found.settings == ["experiment=small", "model.weights=base"]


def test_rows_are_added_and_the_table_drawn(claims: ModuleType, tmp_path: Path) -> None:
    claims.README.write_text(f"before\n{claims.BEGIN}old\n{claims.END}\nafter\n")
    assert claims.main(["table"]) == 0
    assert "| not measured |  |  |" in claims.README.read_text()
    runs = [finished(tmp_path / str(seed), seed, 0.9 + seed / 100) for seed in (0, 1)]
    assert claims.main(["add", *runs]) == 0
    row = json.loads(claims.RESULTS.read_text().splitlines()[0])
    assert row["config"] == {"trainer.epochs": 3}
    assert claims.main(["table"]) == 0
    text = claims.README.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert claims._time([{"train_seconds": 2.13}, {"train_seconds": 9.9}]) == "2.1 s to 9.9 s"
    assert claims._precisions([{"device": "NVIDIA X1, bf16, channels_last"}]) == "bf16, NVIDIA X1"
    assert "| 90.50 % (n = 2: 90.00, 91.00) | 100 s to 3.3 min | bf16, x |" in text


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        ({"trainer.epochs": 3}, True),
        ({"trainer.epochs": 3, "new.key": 1}, True),  # which had its default's effect before
        ({"trainer.epochs": 4}, False),  # here or in a default elsewhere
        ({"trainer.steps": 3}, False),
    ],
)
def test_rows_count_as_long_as_all_settings_are_what_they_were(
    claims: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    now: dict[str, Any],
    counts: bool,
) -> None:
    claims.main(["add", finished(tmp_path / "run", 0, 0.9)])
    monkeypatch.setattr(claims, "composed", lambda _: now)
    assert bool(claims.measured(claims.recipes()[0])) == counts


def test_settings_are_those_of_the_whole_config(checkout: Path, claims: ModuleType) -> None:
    spec = importlib.util.spec_from_file_location("claims2", checkout / "scripts" / "claims.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules["claims2"] = module
    spec.loader.exec_module(module)
    recipe = module.recipe(module.RECIPES / "smoke.yaml")
    found = module.composed(recipe)
    assert found["optimizer.momentum"] == 0.6  # of a file that the recipe does not name
    assert not [key for key in found if key.startswith(claims.UNCLAIMED)]
    assert {row["recipe"] for row in module.results.rows(module.RESULTS)} <= {
        each.name for each in module.recipes()
    }


def test_what_is_measured_is_not_run_again(
    claims: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims.main(["add", finished(tmp_path / "run", 0, 0.9)])
    asked: list[list[str]] = []

    class Done:
        returncode = 0

    def train(command: list[str], check: bool) -> Done:
        asked.append(command[3:])
        place = next(word for word in command if word.startswith(("run.dir=", "run.name=")))
        finished(Path(place.partition("=")[2]), 1, 0.8)
        return Done()

    monkeypatch.setattr(claims.subprocess, "run", train)
    monkeypatch.setattr(claims.results, "_git", lambda *words: "abc" * (words[0] == "rev-parse"))
    assert claims.main(["run", "dataset.root=/y"]) == 0
    assert {row["commit"] for row in claims.results.rows(claims.RESULTS)[1:]} == {"abc"}
    assert [words[:2] for words in asked] == [
        ["run.name=base", "trainer.epochs=3"],
        ["experiment=small", "model.weights=base"],
    ]
    assert all("dataset.root=/y" in words for words in asked)
    assert "seed=1" in asked[1]
    assert list(claims.measured(claims.recipes()[0])) == [0, 1]
    assert claims.main(["run"]) == 0
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "smal"], "there is no recipe smal; there are small"),
        (["add", "nowhere"], "nowhere"),
    ],
)
def test_wrong_requests_are_refused(
    claims: ModuleType, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        claims.main(words)
    assert refused.value.code == 2
    assert message in capsys.readouterr().err


def test_a_run_with_other_settings_is_no_claim(
    claims: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(finished(tmp_path / "run", 0, 0.9))
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("epochs: 3", "epochs: 1"))
    with pytest.raises(SystemExit) as refused:
        claims.main(["add", str(run)])
    assert refused.value.code == 2
    assert "with other settings: trainer.epochs=1" in capsys.readouterr().err
    assert not claims.RESULTS.exists()
    with pytest.raises(SystemExit):
        claims.main(["run", "trainer.epochs=1"])
    assert "trainer.epochs=1 would change what is claimed" in capsys.readouterr().err

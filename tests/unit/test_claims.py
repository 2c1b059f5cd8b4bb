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
    return module


def finished(folder: Path, seed: int, accuracy: float) -> str:
    """A run of the recipe, as far as its row needs it."""
    (folder / "report").mkdir(parents=True)
    report = {
        "metrics": {"accuracy": accuracy, "images": 100},
        "cost": {"train_seconds": 100 * (seed + 1), "parameters": 5},
        "provenance": {"written": "today"},
    }
    about: dict[str, Any] = {"hardware": {"processor": "x", "cores": 2}, "device": "cpu"}
    (folder / "report/report.json").write_text(json.dumps(report))
    (folder / "environment.json").write_text(json.dumps(about | {"versions": {"torch": "2"}}))
    lines = ["# override: experiment=small", "# override: dataset.root=/x", f"seed: {seed}"]
    (folder / "config.yaml").write_text(
        "\n".join([*lines[:2], "# override: model.weights='base'", lines[2]])
    )
    return str(folder)


def test_a_header_is_read(claims: ModuleType) -> None:
    (found,) = claims.recipes()
    assert (found.title, found.claim, found.seeds) == ("Small pictures.", "at least 90 %.", (0, 1))
    assert found.commands[0] == "cnn-train run.name=base trainer.epochs=3"
    assert found.settings == ["experiment=small", "model.weights=base"]


def test_rows_are_added_and_the_table_drawn(claims: ModuleType, tmp_path: Path) -> None:
    claims.README.write_text(f"before\n{claims.BEGIN}old\n{claims.END}\nafter\n")
    assert claims.main(["table"]) == 0
    assert "| not measured |  |" in claims.README.read_text()
    runs = [finished(tmp_path / str(seed), seed, 0.9 + seed / 100) for seed in (0, 1)]
    assert claims.main(["add", *runs]) == 0
    assert json.loads(claims.RESULTS.read_text().splitlines()[0])["settings"] == [
        "model.weights='base'"
    ]
    assert claims.main(["table"]) == 0
    text = claims.README.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| 90.50 % (n = 2: 90.00, 91.00) | 100 s to 3.3 min |" in text


def test_rows_of_another_recipe_of_that_name_do_not_count(
    claims: ModuleType, tmp_path: Path
) -> None:
    claims.main(["add", finished(tmp_path / "run", 0, 0.9)])
    assert list(claims.measured(claims.recipes()[0])) == [0]
    path = tmp_path / "recipes/small.yaml"
    path.write_text(TEXT.replace("Small", "Tiny"))  # a comment
    assert list(claims.measured(claims.recipes()[0])) == [0]
    path.write_text(TEXT.replace("seed: 3", "seed: 4"))
    assert not claims.measured(claims.recipes()[0])


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
    assert claims.main(["run", "dataset.root=/y"]) == 0
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
    (run / "config.yaml").write_text("# override: trainer.epochs=1\n" + text)
    with pytest.raises(SystemExit) as refused:
        claims.main(["add", str(run)])
    assert refused.value.code == 2
    assert "with other settings: trainer.epochs=1" in capsys.readouterr().err
    assert not claims.RESULTS.exists()
    with pytest.raises(SystemExit):
        claims.main(["run", "trainer.epochs=1"])
    assert "trainer.epochs=1 would change what is claimed" in capsys.readouterr().err

"""Names of files that are hard to type work wherever a path is given."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

NAMES = (
    "with space", "it's", 'a "b"', "a=b", "a,b", "C#1", "photo (1)", "[x] {y}", "a$b", "写真",
    "été", "~x", "50%", "a:b", "back\\\\slash", "1.0", "-dash", "@at!", "a&b;c|d",
)  # fmt: skip


def test_a_whole_round_with_hard_names(
    pictures: Path, command: Command, tiny: tuple[str, ...]
) -> None:
    run = Path.cwd() / "läufe, #2 = 'x'" / "run (1)"
    settings = [value for value in tiny if not value.startswith("dataset")]
    data = ("dataset=image_folder", f"dataset.root={pictures}", "dataset.size=16")
    done = command(*data, *settings, f"run.dir={run}")
    assert done.succeeded()
    assert command(
        "evaluate", f"checkpoint={run}", f"output={run.parent / 'report, «é»'}"
    ).succeeded()
    moved = pictures.rename(pictures.with_name("moved [a] = 写真.d"))
    done = command("evaluate", f"checkpoint={run}", f"dataset.root={moved}")
    assert done.succeeded()
    file = next(moved.rglob("*.png"))
    done = command("predict", f"images={file}", f"checkpoint={run}")
    assert done.succeeded()
    assert "dark = noir" in done.out


def test_a_run_on_a_relative_folder_is_used_from_elsewhere(
    pictures: Path, command: Command, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [value for value in tiny if not value.startswith("dataset")]
    relative = os.path.relpath(pictures)
    data = ("dataset=image_folder", f"dataset.root={relative}", "dataset.size=16")
    assert command(*data, *settings, "run.name=one").succeeded()
    run = Path("runs", "one").resolve()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert command("evaluate", f"checkpoint={run}").succeeded()
    same = (f"dataset.root={os.path.relpath(pictures)}", "output=again")
    assert command("evaluate", f"checkpoint={run}", *same).succeeded()
    reports = [next((run / "evaluate").glob("*/report.json")), Path("again", "report.json")]
    first, second = (json.loads(path.read_text())["metrics"] for path in reports)
    assert first == second  # the run's own folder, so its own test part


def test_a_run_goes_on_with_its_pictures_in_another_place(
    pictures: Path, command: Command, tiny: tuple[str, ...]
) -> None:
    settings = [value for value in tiny if not value.startswith("dataset")]
    data = ("dataset=image_folder", f"dataset.root={pictures}", "dataset.size=16")
    assert command(*data, *settings, "run.name=one").succeeded()
    moved = pictures.rename(pictures.with_name("moved"))
    assert command("resume=one", "trainer.epochs=3").code == 2
    assert command("resume=one", "trainer.epochs=3", f"dataset.root={moved}").succeeded()
    next(moved.rglob("*.png")).unlink()
    done = command("resume=one", "trainer.epochs=4", f"dataset.root={moved}")
    assert done.code == 2
    assert "the data set is not the one this run was started on" in done.err


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_that_name_is_found(name: str, tiny_run: Path, command: Command) -> None:
    shutil.copytree(tiny_run, Path("runs") / name)
    done = command("evaluate", f"checkpoint={name}", f"output=reports/{name}")
    assert done.succeeded()
    report = json.loads((Path("reports") / name / "report.json").read_text())
    assert Path(report["provenance"]["checkpoint"]).is_relative_to(Path("runs") / name)


def test_the_home_folder_is_expanded(tiny_run: Path, command: Command) -> None:
    shutil.copytree(tiny_run, Path.home() / "my runs" / "one")
    assert command("evaluate", "checkpoint=~/my runs/one", "output=~/a report").succeeded()
    assert (Path.home() / "a report" / "report.json").is_file()
    assert not Path("~").exists()

"""What is required of a report, and of one against another, as continuous integration asks it."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

Command = Callable[..., Any]


def failures(folder: Path) -> dict[str, bool]:
    """Test case -> whether it failed, of a junit.xml."""
    root = ElementTree.parse(folder / "junit.xml").getroot()
    return {
        case.get("name", ""): case.find("failure") is not None for case in root.iter("testcase")
    }


def test_all_that_is_missed_is_told_and_written(own_run: Path, command: Command) -> None:
    done = command(
        "evaluate", "output=out", "require.accuracy=0.001", "require.loss=1e-9",
        "require.recall={circle: 0.0001, ring: 1.0}", "require.f1=0.00001",
        "require.evaluate_time=1h", f"baseline={own_run}",
    )  # fmt: skip
    assert done.code == 3, done.err
    metrics = json.loads(Path("out/report.json").read_text())["metrics"]
    recall = {row["name"]: row["recall"] for row in metrics["per_class"]}
    worst = min(row["f1"] for row in metrics["per_class"])
    assert failures(Path("out")) == {
        "require.accuracy": False,
        "require.loss": True,
        "require.f1": worst < 0.00001,
        "require.recall.circle": recall["circle"] < 0.0001,
        "require.recall.ring": recall["ring"] < 1,
        "require.evaluate_time": False,
        "baseline": False,
    }
    assert "0 are right in the baseline alone (b) and 0 here alone (c)" in done.out
    text = Path("out/summary.md").read_text()
    assert "❌ missed" in text.splitlines()[0]
    assert f"{metrics['accuracy']:.2%}" in text
    assert "summary.md, junit.xml" in done.out


def test_a_training_that_is_worse_than_its_baseline_is_exit_code_3(
    own_run: Path, command: Command, tiny: tuple[str, ...]
) -> None:
    """The baseline is given a perfect score, which no training of a second reaches."""
    for name in ("report.json", "predictions.npz"):
        assert (own_run / "report" / name).is_file()
    shutil.copytree(own_run / "report", "perfect")
    made = json.loads(Path("perfect/report.json").read_text())
    made["metrics"]["accuracy"] = 1.0
    Path("perfect/report.json").write_text(json.dumps(made))
    torn = command("evaluate", "baseline=perfect")
    assert torn.code == 2
    assert "is not of the same report as report.json" in torn.err
    Path("perfect/predictions.npz").unlink()
    done = command(*tiny, "trainer.epochs=1", "baseline=perfect", "run.dir=new")
    assert done.code == 3
    assert "baseline=perfect: worse: accuracy" in done.out
    assert failures(Path("new/report")) == {"baseline": True}
    assert command("resume=new", "trainer.epochs=2").succeeded()  # it is not recorded
    assert not Path("new/report/junit.xml").exists()
    assert Path("new/report/summary.md").exists()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("baseline=nowhere", "baseline=nowhere: no such report or run"),
        ("baseline=runs/tiny/checkpoints", "holds no report.json"),
        ("baseline=tiny check=overfit", "baseline: has no meaning beside check"),
        ("evaluate require.recall={rings:0.5}", "no class 'rings' (did you mean 'ring'?)"),
        ("evaluate require.train_time=1m", "require.train_time: no such key"),
        ("evaluate require.accuracy=0", "in (0, 1]"),
        ("evaluate require.ece=1", "in [0, 1)"),
        ("require.train_time=2", "as 90s, 10m, 1.5h"),
        ("dataset=shapes require.recall={rings:0.5} trainer.epochs=1", "did you mean 'ring'?"),
        ("dataset=digits baseline=tiny", "has other classes, and cannot be compared"),
        ("dataset=digits dataset.folds=2 require.f1={x:1}", "there is no class 'x'"),
    ],
)
def test_what_cannot_be_required_is_refused_before_the_work(
    argv: str, told: str, own_run: Path, command: Command
) -> None:
    before = sorted(Path.cwd().rglob("*"))
    done = command(*argv.split())
    assert (done.code, told in done.err) == (2, True), done.err
    assert sorted(Path.cwd().rglob("*")) == before


def test_folds_are_judged_together(command: Command, tiny: tuple[str, ...]) -> None:
    one = (*tiny, "trainer.epochs=1", "dataset.folds=2")
    first = command(*one, "run.name=a", "require.loss=1e-9", "require.train_time=1h")
    assert first.code == 3, first.err
    assert failures(Path("runs/a")) == {"require.loss": True, "require.train_time": False}
    assert first.out.count("require.loss=1e-09: missed") == 1
    assert not Path("runs/a/fold-1/report/junit.xml").exists()
    again = command(*one, "run.name=b", "baseline=a")
    assert again.succeeded()
    assert "0 are right in the baseline alone (b) and 0 here alone (c)" in again.out


def test_the_workflow_of_the_readme_does_what_it_says(command: Command, checkout: Path) -> None:
    readme = (checkout / "README.md").read_text()
    (text,) = re.findall(
        r"^```yaml\n(# \.github/workflows.*?)^```", readme, re.MULTILINE | re.DOTALL
    )
    steps = yaml.safe_load(text)["jobs"]["smoke"]["steps"]
    (line,) = (step["run"] for step in steps if step.get("run", "").startswith("cnn-train"))
    assert command(*shlex.split(line)[1:], "device.threads=1").succeeded()
    (shown,) = (step["run"].split() for step in steps if step.get("run", "").startswith("cat"))
    assert Path(shown[1]).read_text().startswith("## shapes, test split: ✅ met, all 3")
    (kept,) = (step["with"]["path"] for step in steps if "upload" in step.get("uses", ""))
    assert (Path(kept) / "junit.xml").is_file()
    after = steps[steps.index(next(step for step in steps if step.get("run") == line)) + 1 :]
    assert all(step["if"] == "always()" for step in after)

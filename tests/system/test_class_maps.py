"""A model judged on other folders: classes are matched by name or refused, never by position."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]

CLASSES = {"10": (255, 0, 0), "2": (0, 255, 0), "ship": (0, 0, 255)}
"""In a folder's order, which is not that of numbers."""
SMALL = (
    "dataset.size=12", "model.channels=[8]",
    "model.convs=1", "trainer.batch_size=8", "trainer.epochs=3", "optimizer.lr=0.05",
    "trainer.tensorboard=false", "device=cpu", "device.threads=1", "device.workers=0",
)  # fmt: skip


def draw(root: Path, seed: int, *names: str) -> Path:
    """A folder a class, of pictures in its colour under noise."""
    rng = np.random.default_rng(seed)
    for name in names:
        (root / name).mkdir(parents=True)
        colour = np.array(CLASSES.get(name, (9, 9, 9)))
        for number in range(14):
            noisy = 0.4 * colour + rng.uniform(0, 153, (12, 12, 3))
            file = root / name / f"{name}-{number}.png"
            Image.fromarray(noisy.astype(np.uint8)).save(file)
    return root


@pytest.fixture(scope="module")
def trained(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the three classes."""
    place = tmp_path_factory.mktemp("classes")
    root = draw(place / "train", 0, *CLASSES)
    words = ("train", "dataset=image_folder", f"dataset.root={root}", *SMALL)
    assert server.run(*words, f"run.dir={place / 'run'}").succeeded()
    return place / "run"


@pytest.fixture
def judge(trained: Path, command: Command) -> Callable[..., Any]:
    """Evaluate the run on what the words say; gives the command's result."""
    shutil.rmtree("judged", ignore_errors=True)
    return lambda *words: command("evaluate", f"checkpoint={trained}", "output=judged", *words)


def predicted(folder: str = "judged") -> dict[str, tuple[str, str]]:
    """The true and the predicted class of each picture by the name of its file."""
    with (Path(folder) / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {Path(row["name"]).name: (row["true"], row["predicted"]) for row in rows}


def accuracy() -> float:
    return float(json.loads(Path("judged/report.json").read_text())["metrics"]["accuracy"])


def test_all_classes_whatever_their_order(judge: Any) -> None:
    assert judge("dataset=image_folder", f"dataset.root={draw(Path('new'), 1, *CLASSES)}").code == 0
    assert accuracy() > 0.9  # by position of sorted numbers 2 and 10 would be exchanged
    whole = predicted()
    shutil.rmtree("judged")
    for number, name in enumerate(("ship", "2", "10")):  # turns the folders' order round
        Path("new", name).rename(Path("new", f"{number}"))
    renamed = ("dataset.root=new", "class_map={0: ship, 1: '2', 2: '10'}")
    assert judge("dataset=image_folder", *renamed).code == 0
    assert predicted() == whole


def test_a_missing_class_leaves_the_others_as_they_were(judge: Any) -> None:
    draw(Path("new"), 1, *CLASSES)
    assert judge("dataset=image_folder", "dataset.root=new").code == 0
    whole = predicted()
    shutil.rmtree("judged")
    shutil.rmtree("new/2")
    assert judge("dataset=image_folder", "dataset.root=new").code == 0
    rest = {name: row for name, row in whole.items() if not name.startswith("2-")}
    assert predicted() == rest
    assert {label for label, _ in rest.values()} == {"10", "ship"}


@pytest.mark.parametrize(("extra", "told"), [("3", "'3'"), ("Ship", "'Ship' (did you mean")])
def test_a_class_that_the_model_does_not_know_is_refused(judge: Any, extra: str, told: str) -> None:
    draw(Path("new"), 1, *CLASSES, extra)
    done = judge("dataset=image_folder", "dataset.root=new")
    assert done.code == 2
    assert told in done.err
    assert not Path("judged").exists()


def test_an_empty_class_is_refused_by_name(judge: Any) -> None:
    draw(Path("new"), 1, "10", "2")
    Path("new/ship").mkdir()
    done = judge("dataset=image_folder", "dataset.root=new")
    assert (done.code, done.out) == (2, "")
    assert "ship" in done.err


def test_two_names_for_one_class_are_joined(judge: Any) -> None:
    draw(Path("new"), 1, *CLASSES)
    Path("new/boat").mkdir()
    for file in list(Path("new/ship").iterdir())[:5]:
        file.rename(Path("new/boat") / file.name)
    assert judge("dataset=image_folder", "dataset.root=new", "class_map={boat: ship}").code == 0
    assert sum(label == "ship" for label, _ in predicted().values()) == 14
    assert accuracy() > 0.9


def test_a_table_in_any_order_matches_by_name_too(judge: Any) -> None:
    draw(Path("new"), 1, *CLASSES)
    files = sorted(Path("new").rglob("*.png"), reverse=True)
    lines = ["path,label", *(f"{file},{file.parent.name}" for file in files)]
    Path("table.csv").write_text("\n".join(lines) + "\n")
    assert judge("dataset=csv", "dataset.file=table.csv").code == 0
    assert accuracy() > 0.9


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("workers", [0, 2])
def test_any_batch_and_workers_give_the_figures_of_training(
    trained: Path, judge: Any, batch: int, workers: int
) -> None:
    sizes = (f"batch_size={batch}", "device=cpu", "device.threads=1", f"device.workers={workers}")
    assert judge(*sizes).code == 0
    own = json.loads((trained / "report" / "report.json").read_text())["metrics"]
    found = json.loads(Path("judged/report.json").read_text())["metrics"]
    assert predicted() == predicted(str(trained / "report"))
    assert found["confusion"] == own["confusion"]
    assert found["accuracy"] == own["accuracy"]
    assert numbers(found) == pytest.approx(numbers(own), rel=1e-4, abs=1e-6)


def numbers(value: Any, name: str = "") -> dict[str, float]:
    """Every number of a report, by where it stands: other batches round them otherwise."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: n for own, part in parts for key, n in numbers(part, f"{name}.{own}").items()}
    return {name: value} if isinstance(value, int | float) else {}


def test_views_are_averaged_and_told(trained: Path, judge: Any, command: Command) -> None:
    assert judge("tta=flip", "device=cpu", "device.threads=1").code == 0
    report = json.loads(Path("judged/report.json").read_text())
    assert report["provenance"]["tta"] == "flip"
    own = json.loads((trained / "report" / "report.json").read_text())
    assert own["provenance"]["tta"] == "none"
    assert report["metrics"]["loss"] != own["metrics"]["loss"]
    shutil.rmtree("judged")
    refused = judge("tta=flip", "dataset.mirror=false")
    assert (refused.code, refused.out) == (2, "")
    assert "a mirrored picture may show another class" in refused.err
    assert judge("tta=shift", "dataset.mirror=false").code == 0


def test_a_folder_that_changed_since_the_training_is_warned_of(
    trained: Path, judge: Any, tmp_path: Path
) -> None:
    told = "is not as it was in training"
    assert told not in judge().out
    shutil.rmtree("judged")
    picture = trained.parent / "train" / "ship" / "ship-0.png"
    aside = picture.rename(tmp_path / picture.name)
    try:
        done = judge()
    finally:
        aside.rename(picture)
    assert done.code == 0
    assert told in done.out
    shutil.rmtree("judged")
    assert (
        told
        not in judge("dataset=image_folder", f"dataset.root={draw(Path('new'), 1, 'ship')}").out
    )

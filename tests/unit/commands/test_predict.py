"""An answer for each picture, the same whatever the batches; what is shown and counted."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from cnn_cli.commands.predict import SHOWN, Answer, Tally, classified, show
from cnn_cli.commands.trained import Trained
from cnn_cli.data.contract import Preprocessing
from cnn_cli.device import Device
from cnn_cli.engine.display import Display

LEVELS = (20, 200, 90, 130, 255, 0, 60)


class Brightness(nn.Module):
    """Logits of dark and bright."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images.float().mean((1, 2, 3)) / 255
        return torch.stack([1 - bright, bright], 1) * 10


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    form = Preprocessing(1, 8)
    path = tmp_path / "x.ckpt"
    return Trained(Brightness(), ("dark", "bright"), form, {}, 0, 0.0, "", path)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Seven pictures, and between them a damaged one and none at all."""
    found = [tmp_path / f"{number}.png" for number in range(7)]
    for path, level in zip(found, LEVELS, strict=True):
        Image.new("L", (12, 8), level).save(path)
    (tmp_path / "broken.png").write_text("no picture")
    return [*found[:2], tmp_path / "broken.png", *found[2:], tmp_path / "missing.png"]


def device(workers: int = 0) -> Device:
    return Device(torch.device("cpu"), "fp32", True, False, 1, workers)


def answers(
    trained: Trained, paths: list[Path], size: int = 64, workers: int = 0, **more: float | None
) -> list[Answer]:
    given = {"top": 2, "threshold": more.get("threshold")}
    found = classified(trained, iter(paths), device(workers), size, **given)  # type: ignore[arg-type]
    return [answer for some in found for answer in some]


def test_an_unreadable_file_does_not_stop_the_others(trained: Trained, paths: list[Path]) -> None:
    found = answers(trained, paths)
    assert [answer.path for answer in found] == paths
    levels = iter(LEVELS)
    for answer in found:
        if answer.path.name in ("broken.png", "missing.png"):
            assert (bool(answer.error), answer.label, answer.classes) == (True, "", ())
            continue
        level = next(levels) / 255
        right = torch.tensor([1 - level, level]).mul(10).double().softmax(0).sort(descending=True)
        assert answer.classes == (("dark", "bright") if level < 0.5 else ("bright", "dark"))
        assert answer.label == answer.classes[0]
        assert answer.probabilities == pytest.approx(tuple(right.values.tolist()), rel=1e-6)


@pytest.mark.parametrize(("size", "workers"), [(1, 0), (2, 0), (3, 2), (1, 1), (9, 2)])
def test_batches_and_workers_change_no_answer(
    trained: Trained, paths: list[Path], size: int, workers: int
) -> None:
    whole, again = answers(trained, paths), answers(trained, paths, size, workers)
    assert [(a.path, a.label, a.classes, a.error) for a in again] == [
        (a.path, a.label, a.classes, a.error) for a in whole
    ]
    for one, other in zip(whole, again, strict=True):
        assert other.probabilities == pytest.approx(one.probabilities, rel=1e-6)


def test_nothing_readable_at_all(trained: Trained, tmp_path: Path) -> None:
    (one,) = answers(trained, [tmp_path])
    assert one.error.startswith("a folder, not a picture")


def test_below_the_threshold_the_class_is_unsure(trained: Trained, paths: list[Path]) -> None:
    found = [a for a in answers(trained, paths, threshold=0.9) if not a.error]
    assert [a.label for a in found] == [
        a.classes[0] if a.probabilities[0] >= 0.9 else "unsure" for a in found
    ]
    assert {a.label for a in found} == {"unsure", "dark", "bright"}


def test_paths_are_asked_for_as_batches_are_done(trained: Trained, paths: list[Path]) -> None:
    asked: list[Path] = []

    def noted() -> object:
        for path in paths * 10:
            asked.append(path)
            yield path

    for number, some in enumerate(
        classified(trained, noted(), device(), 3, top=1, threshold=None)  # type: ignore[arg-type]
    ):
        assert len(some) == 3
        assert len(asked) <= 3 * (number + 3)
    assert len(asked) == 90


Screen = Callable[..., tuple[Display, io.StringIO]]


@pytest.fixture
def screen() -> Screen:
    def make(terminal: bool = False, width: int = 80) -> tuple[Display, io.StringIO]:
        out = io.StringIO()
        console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
        return Display(console), out

    return make


@pytest.mark.parametrize("terminal", [True, False])
def test_without_a_terminal_each_picture_has_one_whole_line(
    screen: Screen, tmp_path: Path, terminal: bool
) -> None:
    display, out = screen(terminal, 40)
    path = tmp_path / "a rather long name with spaces" / "and a [bracket].png"
    sure = Answer(path, "cat", ("cat", "dog"), (0.75, 0.25))
    show(display, [sure, Answer(path, "unsure", ("dog", "cat"), (0.51, 0.49))])
    lines = (f"{path}: cat 75.0%, dog 25.0%", f"{path}: unsure: dog 51.0%, cat 49.0%")
    assert all((line in out.getvalue().splitlines()) is not terminal for line in lines)
    assert "75.0%" in out.getvalue()
    assert "unsure" in out.getvalue()


def test_the_tally_shows_some_and_counts_all(screen: Screen) -> None:
    display, out = screen()
    tally = Tally()
    good = [Answer(Path(f"{i}.png"), "cat", ("cat",), (1.0,)) for i in range(30)]
    bad = [Answer(Path(f"bad {i}.png"), error="damaged") for i in range(25)]
    unsure = [Answer(Path("u.png"), "unsure", ("dog",), (0.4,))]
    tally.add(good[:19] + bad[:5], display)
    assert out.getvalue() == ""
    tally.add(good[19:], display)
    assert out.getvalue().splitlines()[-1] == "19.png: cat 100.0%"
    tally.add(unsure + bad[5:], display)
    tally.tell(display)
    assert (tally.read, tally.unreadable, tally.images) == (31, 25, 56)
    lines = out.getvalue().splitlines()
    assert sum(line.endswith(".png: cat 100.0%") for line in lines) == SHOWN
    assert "... and 11 more in the file" in lines
    counts = [line.split() for line in lines]
    assert ["cat", "30", "53.6%"] in counts
    assert ["unsure", "1", "1.8%"] in counts
    assert ["unreadable", "25", "44.6%"] in counts
    assert "could not be read: bad 19.png: damaged" in lines
    assert "could not be read: bad 20.png: damaged" not in lines
    assert "... and 5 more that could not be read, in the file" in lines


def test_many_classes_are_summed(screen: Screen) -> None:
    display, out = screen()
    tally = Tally()
    for number in range(23):
        some = [Answer(Path("a"), f"class {number}", ("x",), (1.0,))] * (30 - number)
        tally.add(some, display)
    tally.tell(display)
    assert "class 19" in out.getvalue()
    assert "class 20" not in out.getvalue()
    assert ["3", "other", "classes", "27"] in [
        line.split()[:4] for line in out.getvalue().splitlines()
    ]

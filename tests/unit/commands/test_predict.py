"""Which files are meant, and an answer for each of them."""

import csv
import io

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

from cnn_cli.commands.predict import Answer, _show, classify, find_images, write_csv
from cnn_cli.commands.trained import Trained
from cnn_cli.data.contract import Preprocessing
from cnn_cli.device import Device
from cnn_cli.engine.display import Display
from cnn_cli.errors import UserError


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "some (1) [pictures]"
    (folder / "inner").mkdir(parents=True)
    for name, level in (("b.png", 200), ("a.jpg", 20), ("inner/c.PNG", 90)):
        Image.new("L", (8, 8), level).save(folder / name)
    (folder / "d.png").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def test_a_file_a_folder_and_a_pattern(pictures):
    names = [path.name for path in find_images(str(pictures))]
    assert names == ["a.jpg", "b.png", "d.png", "c.PNG"]
    assert find_images(str(pictures / "b.png")) == (pictures / "b.png",)
    plain = pictures.rename(pictures.parent / "plain")
    assert [path.name for path in find_images(f"{plain}/*.png")] == ["b.png", "d.png"]
    assert [path.name for path in find_images(f"{plain}/**/*.PNG")] == ["c.PNG"]


def test_in_a_folder_hidden_files_are_passed_over_and_broken_links_are_not(pictures):
    (pictures / "._a.jpg").write_bytes(b"what macOS leaves")
    (pictures / ".cache").mkdir()
    Image.new("L", (8, 8)).save(pictures / ".cache" / "x.png")
    (pictures / "e.png").symlink_to("nowhere")
    names = [path.name for path in find_images(str(pictures))]
    assert names == ["a.jpg", "b.png", "d.png", "e.png", "c.PNG"]


@pytest.mark.parametrize("what", ["missing.png", "*.png"])
def test_nothing_found_is_said(what):
    with pytest.raises(UserError, match="no such file or folder"):
        find_images(what)


def test_an_unreadable_file_does_not_stop_the_others(pictures, tmp_path):
    class Brightness(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            bright = images.float().mean((1, 2, 3)) / 255
            return torch.stack([1 - bright, bright], 1) * 10

    trained = Trained(
        Brightness(), ("dark", "bright"), Preprocessing(1, 8), {}, 0, 0.0, "", tmp_path / "x.ckpt"
    )
    device = Device(torch.device("cpu"), "fp32", True, False, 1, 0)
    answers = list(classify(trained, find_images(str(pictures)), device, top_k=5))
    assert [answer.path.name for answer in answers] == ["a.jpg", "b.png", "d.png", "c.PNG"]
    assert [answer.classes[:1] for answer in answers] == [("dark",), ("bright",), (), ("dark",)]
    assert answers[2].error
    assert sum(answers[0].probabilities) == pytest.approx(1.0)

    write_csv(tmp_path / "out.csv", answers)
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["top1"] for row in rows] == ["dark", "bright", "", "dark"]
    assert rows[2]["error"] == answers[2].error


def test_no_readable_file_at_all(tmp_path):
    write_csv(tmp_path / "out.csv", [Answer(tmp_path / "a", error="broken")])
    assert (tmp_path / "out.csv").read_text().splitlines()[1].endswith("a,broken")


@pytest.mark.parametrize("terminal", [True, False])
def test_without_a_terminal_each_picture_has_one_whole_line(tmp_path, terminal):
    out = io.StringIO()
    display = Display(Console(file=out, width=40, force_terminal=terminal, color_system=None))
    path = tmp_path / "a rather long name with spaces" / "and a [bracket].png"
    _show(display, [Answer(path, ("cat", "dog"), (0.75, 0.25))])
    line = f"{path}: cat 75.0%, dog 25.0%"
    assert (line in out.getvalue().splitlines()) is not terminal
    assert "75.0%" in out.getvalue()

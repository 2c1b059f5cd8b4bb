"""What the README tells people to write works as it stands there."""

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cnn_cli import arguments, plain
from cnn_cli.augmentation.geometry import Rotation
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.compose import prepare
from cnn_cli.errors import UserError

Command = Callable[..., Any]
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OWN_PARTS = README.partition("## Your own parts")[2].partition("\n## ")[0]


def lines_starting(text: str, start: str) -> list[str]:
    """The indented command lines of the README that begin so, without their comments."""
    found = re.findall(rf"^    ({re.escape(start)}.*)$", text, re.MULTILINE)
    return [re.sub(r"  +#.*", "", line) for line in found]


def write_files(text: str) -> list[str]:
    """Write every block, just as it stands, to the file that its first comment names."""
    blocks = re.findall(r"^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = [re.findall(r"^# (\S+\.(?:py|yaml))$", block, re.MULTILINE)[0] for block in blocks]
    for name, block in zip(names, blocks, strict=True):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(block)
    return names


SHORT = ("dataset.count=100", "trainer.epochs=1", "device=cpu", "device.threads=1")


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("model=tiny", ("dataset=shapes", *SHORT)),
        ("dataset=stripes", SHORT),
        ("augmentation=negative", ("dataset=shapes", "model.channels=[4]", *SHORT)),
        ("figure=[confidence,curves]", ()),
    ],
)
def test_ones_own_part(
    part: str, settings: tuple[str, ...], own_run: Path, command: Command
) -> None:
    assert len(write_files(OWN_PARTS)) == 8
    (line,) = (line for line in lines_starting(OWN_PARTS, "cnn-train") if part in line)
    done = command(*shlex.split(line)[1:], *settings)
    assert done.succeeded()
    assert bool(list(own_run.glob("figures/*/confidence.png"))) == ("confidence" in part)


def test_the_augmentation_does_its_work_behind_one_that_needs_floats() -> None:
    write_files(OWN_PARTS)
    turn = Rotation(degrees=10, fill="edge")
    negative = runpy.run_path("myaugmentation.py")["Negative"](probability=1.0)
    images = torch.arange(192, dtype=torch.uint8).reshape(1, 3, 8, 8)
    targets = torch.ones(1, 1)
    turned, _ = Augmentation({"turn": turn}, 0)(images, targets, 0, cropped=False)
    both = Augmentation({"turn": turn, "negative": negative}, 0)
    torch.testing.assert_close(both(images, targets, 0, cropped=False)[0], 1 - turned)


def test_without_trust_nothing_of_ones_own_is_imported(command: Command) -> None:
    write_files(OWN_PARTS)
    Path("mymodels.py").write_text("open('imported', 'w')\n")
    done = command("--config-dir", "myconfigs", "model=tiny")
    assert done.code == 2
    assert "trust=[mymodels]" in done.err
    assert not Path("imported").exists()


def is_example(line: str) -> bool:
    """Whether a line can be typed as it stands: the forms of the commands cannot."""
    return not any(sign in line for sign in ("[train]", "[...]", "|"))


LINES = lines_starting(README.partition("## Your own parts")[0], "cnn-train")
LINES += lines_starting(README, "./scripts/quickstart")
EXAMPLES = [line for line in LINES if is_example(line)]


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_are_right(line: str, own_run: Path) -> None:
    """Keys, types, ranges and components, checked as before the work, which touches no data."""
    words = [word for word in shlex.split(line)[1:] if not word.startswith("model.weights=")]
    given = [word.replace("=RUN", "=tiny") for word in words]  # weights need a network, or a file
    if "dataset.root=/other/pictures" in given:  # of a run on pictures, which this one is not
        given.append("dataset=image_folder")
    if given and given[0] in plain.PLAIN:  # no Hydra: words and settings
        words, _ = plain.parse(given[0], given[1:])
        assert words or given[0] == "runs"
        return
    request = arguments.parse(given)
    assert request.action == "run"
    prepare(request)


def test_the_wrong_request_is_wrong() -> None:
    (line,) = lines_starting(README, "$ cnn-train")
    with pytest.raises(UserError) as caught:
        prepare(arguments.parse(shlex.split(line)[2:]))
    assert [problem.partition("=")[0] for problem in caught.value.problems] == [
        "model", "trainer.epochs",
    ]  # fmt: skip


def test_the_readme_has_examples_of_every_command() -> None:
    assert {line.split()[1] for line in EXAMPLES if len(line.split()) > 1} >= {
        "evaluate", "visualize", "predict", "export", "compare", "runs", "resume=latest", "-m",
    }  # fmt: skip


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) > 5
    assert [name for name in pictures if not (ROOT / name).is_file()] == []

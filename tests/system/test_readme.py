"""What the README tells people to write works as it stands there."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Command = Callable[..., Any]
README = (Path(__file__).parents[2] / "README.md").read_text()
OWN_PARTS = README.partition("## Your own parts")[2].partition("\n## ")[0]


def lines_starting(text: str, start: str) -> list[str]:
    """The indented command lines of the README that begin so, without their comments."""
    found = re.findall(rf"^    ({re.escape(start)}.*)$", text, re.MULTILINE)
    return [re.sub(r"  +#.*", "", line) for line in found]


def write_files(text: str) -> list[str]:
    """Write every block that begins with `# file name` where it says; gives the names."""
    blocks = re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for name, content in blocks:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    return [name for name, _ in blocks]


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


def test_without_trust_nothing_of_ones_own_is_imported(command: Command) -> None:
    write_files(OWN_PARTS)
    Path("mymodels.py").write_text("open('imported', 'w')\n")
    done = command("--config-dir", "myconfigs", "model=tiny")
    assert done.code == 2
    assert "trust=[mymodels]" in done.err
    assert not Path("imported").exists()


def is_example(line: str) -> bool:
    """Whether a line can be run: forms, the mistake, and other people's pictures cannot."""
    return not any(sign in line for sign in ("[train]", "[...]", "|", "resnt", "/other"))


LINES = lines_starting(README.partition("## What a run")[0], "cnn-train")
EXAMPLES = [line for line in LINES if is_example(line)]


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_are_right(line: str, own_run: Path, command: Command) -> None:
    Path("holiday (1)").mkdir()
    Image.new("L", (16, 16)).save("photo.jpg")
    Image.new("L", (16, 16)).save("holiday (1)/a.jpg")
    given = [value.replace("=RUN", "=tiny") for value in shlex.split(line)[1:]]
    if "-m" in given:  # --cfg shows one job
        given = [value.partition(",")[0] for value in given if value != "-m"]
    done = command(*given, "--cfg", "job")
    assert done.succeeded()


def test_the_readme_has_examples_of_every_command() -> None:
    assert {line.split()[1] for line in EXAMPLES if len(line.split()) > 1} >= {
        "evaluate", "visualize", "predict", "resume=latest", "-m",
    }  # fmt: skip

"""A line taken apart, against what a POSIX shell makes of it."""

import shlex
from pathlib import Path

import pytest

from cnn_cli.completion.line import read, split

WHOLE = (
    "cnn-train train model=cnn",
    "cnn-train 'dataset.root=my folder' seed=1",
    'cnn-train images="it\'s \\"x\\" \\n.png" a',
    "cnn-train images=my\\ folder/photo\\ \\(1\\).jpg",
    "cnn-train ''  \t \"\" a''b",
    "cnn-train images='a\\b'",
)


@pytest.mark.parametrize("text", WHOLE)
def test_a_line_is_split_as_a_shell_does(text: str) -> None:
    assert split(text) == shlex.split(text)
    assert split(f"{text} ") == [*shlex.split(text), ""]


def test_an_escaped_dollar_is_a_dollar() -> None:  # of which shlex leaves the backslash
    assert split('"\\$HOME"') == ["$HOME"]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("cnn-train 'model=re", "model=re"),
        ('cnn-train images="my f', "images=my f"),
        ("cnn-train images='my f", "images=my f"),
        ("cnn-train images=my\\ f", "images=my f"),
        ("cnn-train images=my\\", "images=my"),
    ],
)
def test_an_open_quote_reaches_to_the_end(text: str, last: str) -> None:
    assert split(text)[-1] == last


def test_the_words_say_command_values_and_flags(tmp_path: Path) -> None:
    line = read(["-m", "evaluate", "dataset=cifar10", f"--config-dir={tmp_path}", "+a.b=1", "-c"])
    assert (line.command, line.verb, line.multirun, line.is_help) == ("evaluate",) * 2 + (1, 0)
    assert line.values == {"dataset": "cifar10", "a.b": "1"}
    assert (line.config_dir, line.waiting) == (tmp_path, "--cfg")
    assert read(["--config-dir", str(tmp_path)]).config_dir == tmp_path
    assert read(["--config-dir", str(tmp_path / "none"), "seed=1"]).config_dir is None
    assert read(["seed=1"]).verb == "train"
    assert read(["help"]).is_help

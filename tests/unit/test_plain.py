"""Commands without Hydra: words, settings, and what is wrong with them."""

from pathlib import Path

import pytest

from cnn_cli import arguments
from cnn_cli.errors import UserError
from cnn_cli.paths import config_dir
from cnn_cli.plain import PLAIN, CompareConfig, ListConfig, parse
from cnn_cli.sections import RunsConfig


def test_each_has_a_config_and_is_a_command() -> None:
    assert tuple(PLAIN) == arguments.PLAIN
    assert all((config_dir() / f"{name}.yaml").is_file() for name in PLAIN)


@pytest.mark.parametrize("command", PLAIN)
def test_the_yaml_holds_every_default(command: str) -> None:
    words, config = parse(command, [])
    assert words == []
    assert isinstance(config, PLAIN[command])


def test_words_and_settings_come_in_any_order() -> None:
    words, config = parse("compare", ["a", "output=x = y, 'z'", "b c", "run.root=~/r", "é"])
    assert words == ["a", "b c", "é"]
    assert config == CompareConfig("x = y, 'z'", RunsConfig(str(Path.home() / "r")))
    words, config = parse("runs", ["jobs=true", "sort=accuracy", "--", "-odd-"])
    assert words == ["-odd-"]
    assert config == ListConfig("accuracy", "table", True, RunsConfig("runs"))
    assert parse("compare", ["output=x", "output=null"])[1].output is None


def test_a_path_with_an_equals_sign_is_a_word() -> None:
    Path("lr=0.1").mkdir()
    assert parse("compare", ["lr=0.1", "runs/a=b"])[0] == ["lr=0.1", "runs/a=b"]


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        ("runs", ["srt=name"], "srt=name: no such setting (did you mean 'sort'?)"),
        ("runs", ["sort=nam"], "sort=nam: must be newest | accuracy"),
        ("runs", ["jobs=maybe"], "jobs=maybe: must be true or false"),
        ("runs", ["format="], "format=null: must be table"),
        ("runs", ["sort=[1"], "sort=[1: must be newest"),
        ("runs", ["--all"], "--all: no such flag; runs takes words and settings"),
        ("compare", ["output="], "output=: names no folder"),
        ("compare", ["run.root=null"], "run.root=null: must be text"),
        ("compare", ["seed=1"], "seed=1: no such setting; there are output, run.root"),
    ],
)
def test_what_is_wrong_is_named(command: str, words: list[str], told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(command, words)
    assert told in caught.value.problems[0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        parse("runs", ["--x", "y=1", "sort=z"])
    assert len(caught.value.problems) == 3

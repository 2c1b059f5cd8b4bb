"""The pages name everything that the configs hold."""

from pathlib import Path

import pytest
import yaml

from cnn_cli.arguments import COMMANDS
from cnn_cli.errors import UserError
from cnn_cli.help import Entry, emphasised, groups, options, page, read
from cnn_cli.paths import config_dir

FILES = sorted(str(path.relative_to(config_dir())) for path in config_dir().rglob("*.yaml"))


def keys(node: object, prefix: str = "") -> list[str]:
    if not isinstance(node, dict) or not node:
        return [prefix]
    return [key for name in node for key in keys(node[name], f"{prefix}.{name}".strip("."))]


@pytest.mark.parametrize("file", FILES)
def test_every_key_of_a_file_is_read_with_its_default(file: str) -> None:
    content = yaml.safe_load((config_dir() / file).read_text())
    defaults = content.pop("defaults", [])
    content.pop("hydra", None)
    found = {entry.key: entry for entry in read(file).entries}
    assert [key for key, entry in found.items() if not entry.is_section] == keys(content)
    for key, entry in found.items():
        node = content
        for part in key.split("."):
            node = node[part]
        assert entry.is_section or yaml.safe_load(entry.default) == node
    chosen = [e for e in defaults if e != "_self_" and "hydra" not in str(e)]
    assert len(read(file).defaults) == len(chosen)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_lists_its_groups_and_settings(command: str) -> None:
    text = page(command, [])
    for entry in read(f"{command}.yaml").entries:
        assert entry.is_section or f"  {entry.key}={entry.default}" in text
    for group in read(f"{command}.yaml").defaults:
        assert all(f" {option} " in text for option in options(group))


@pytest.mark.parametrize("group", groups())
def test_a_group_lists_its_options(group: str) -> None:
    text = page("", [group])
    assert all(f"{group}={option}" in text for option in options(group))
    assert page("", [f"{group}={options(group)[0]}"]) in text


def test_the_overview_names_all_groups() -> None:
    there = {path.name for path in config_dir().iterdir() if path.is_dir()}
    assert set(groups()) == there
    assert all(f"  {group} " in page("", []) for group in there)


def test_a_key_and_a_section_are_topics() -> None:
    assert page("", ["trainer.patience"]).startswith("  trainer.patience=null  ")
    assert page("evaluate", ["split"]).startswith("  split=test  ")
    assert "require.loss=null" in page("train", ["require"])
    assert page("", ["seed", "trust"]) == "\n\n".join([page("", ["seed"]), page("", ["trust"])])


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("modell", r"did you mean 'model'"),
        ("model=resnt", r"model=resnt: no such model \(did you mean 'resnet'\?\); there are cnn"),
        ("trainer.epoch", r"did you mean 'trainer\.epochs'"),
    ],
)
def test_an_unknown_topic_names_the_closest(topic: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        page("", [topic])


def test_values_with_signs_are_read_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["# One.", "a: 'x # y'  # told: so", "b:", "  c: [1, 2]", "d:  # a section", "  e: {}"]
    (tmp_path / "odd.yaml").write_text("\n".join(lines))
    monkeypatch.setattr("cnn_cli.help.config_dir", lambda: tmp_path)
    assert read("odd.yaml").entries == (
        Entry("a", "'x # y'", "told: so", False),
        Entry("b", "", "", True),
        Entry("b.c", "[1, 2]", "", False),
        Entry("d", "", "a section", True),
        Entry("d.e", "{}", "", False),
    )
    read.cache_clear()


def test_headings_are_bold_on_a_terminal() -> None:
    assert emphasised("Usage\n  x\n\nMore") == "\033[1mUsage\033[0m\n  x\n\n\033[1mMore\033[0m"

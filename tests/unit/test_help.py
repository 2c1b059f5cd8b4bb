"""The pages name everything that the configs hold."""

import re
from pathlib import Path

import pytest
import yaml

from cnn_cli import cli
from cnn_cli.arguments import COMMANDS, PLAIN
from cnn_cli.errors import UserError
from cnn_cli.help import page
from cnn_cli.pages import emphasised
from cnn_cli.paths import config_dir
from cnn_cli.sources import Entry, bases, groups, options, read

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
    assert [key for key, entry in found.items() if not entry.is_section] == (
        keys(content) if content else []
    )
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
        in_words = entry.default.startswith(("$", "?"))
        shown = f"{entry.key} (" if in_words else f"{entry.key}={entry.default}"
        assert entry.is_section or f"  {shown}" in text
    assert not re.search(r"\$\{|\?\?\?", text)
    for group in read(f"{command}.yaml").defaults:
        assert all(re.search(rf" {option}\s", text) for option in options(group))


@pytest.mark.parametrize("command", PLAIN)
def test_a_command_without_hydra_has_a_page_under_every_spelling(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page("", [command])
    for entry in read(f"{command}.yaml").entries:
        assert entry.is_section or f"  {entry.key}={entry.default}" in text
    assert read(f"{command}.yaml").title in page("", [])
    lines = ([command, "--help"], [command, "a", "b=c", "-h"], ["--help", command],
             ["help", command], [command, "help"])  # fmt: skip
    for words in lines:
        assert cli.main(words) == 0
        assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize("group", groups())
def test_a_group_lists_its_options(group: str) -> None:
    text = page("", [group])
    assert all(f"{group}={option}" in text for option in options(group))
    whole = next(option for option in options(group) if not bases(group, option))
    assert page("", [f"{group}={whole}"]) in text
    assert not re.search(r"\$\{|\?\?\?|\{\}", text)


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
        ("model.dept", r"did you mean 'model\.depth'"),
        ("model.zoom=3", r"--help model\.zoom: no such topic"),
        ("figure=[curves,filter]", r"no such figure \(did you mean 'filters'"),
    ],
)
def test_an_unknown_topic_names_the_closest(topic: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        page("", [topic])


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(" ") and line]


@pytest.mark.parametrize(
    ("topic", "places"),
    [
        ("model.stem", ["model=resnet"]),
        ("model.stem=small", ["model=resnet"]),
        ("model.compression", ["model=densenet"]),
        ("optimizer.rest_lr", ["optimizer=muon"]),
        ("rest_lr", ["optimizer=muon"]),
        ("optimizer.nesterov", ["optimizer=sgd"]),
        ("alpha", ["augmentation=strong", "optimizer=rmsprop"]),
        ("device.threads", ["device=auto, cpu, cuda, mps"]),
        ("device.name", [f"device={name}" for name in ("auto", "cpu", "cuda", "mps")]),
        ("figure.gradcam", ["figure=gradcam"]),
        ("checkpoint", ["cnn-train evaluate, predict, export", "cnn-train visualize"]),
        (
            "output",
            [f"cnn-train {name}" for name in ("evaluate", "visualize", "predict", "export")],
        ),
        ("seed", []),
    ],
)
def test_a_key_is_looked_up_in_options_and_other_commands(topic: str, places: list[str]) -> None:
    text = page("", [topic])
    assert headings(text) == places
    assert f"{topic.split('=')[0]}" in text
    assert page("train", [topic]) == text


def test_a_command_explains_its_own_key_first() -> None:
    assert headings(page("visualize", ["seed"])) == []
    assert headings(page("evaluate", ["seed"])) == ["cnn-train train", "cnn-train visualize"]


def test_an_option_beside_its_base_shows_its_own_lines_only() -> None:
    together, alone = page("", ["device"]), page("", ["device=cpu"])
    assert together.count("device.threads=") == 1 == alone.count("device.threads=")
    assert "  As device=auto, with\n\n  device.name=cpu " in together
    assert "As device" not in alone


@pytest.fixture
def own_configs(tmp_path: Path) -> Path:
    """A model, one on top of it in another indentation, a circle, a data set in place of ours."""
    files = {
        "model/tiny.yaml": "# Small.\n_target_: t.T\nwidth: 16  # channels\nsize: ${model.width}\n",
        "model/wide.yaml": "# Wide.\ndefaults:\n- tiny\n\nwidth: 64\nhead:\n    bias: true # a\n",
        "model/round.yaml": "defaults:\n  - round\n\nwidth: ???\nrate: ${seed}\n",
        "dataset/digits.yaml": "# Mine.\nroot: here\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_folder_of_ones_own_is_searched_first(own_configs: Path) -> None:
    assert page("", ["model=tiny"], own_configs).startswith(
        "model=tiny\n  Small.\n\n  model.width=16 "
    )
    train = page("train", [], own_configs)
    assert all(title in train for title in ("  Mine.", "  Small.", "  Wide.", "  Plain conv"))
    models = page("", [], own_configs).partition("  model ")[2].partition("augmentation")[0]
    assert {"cnn,", "resnet,", "round,", "tiny,", "wide,"} <= set(models.split())
    assert (
        page("", ["dataset=digits"], own_configs)
        == "dataset=digits\n  Mine.\n\n  dataset.root=here"
    )
    assert page("", ["model.depth"], own_configs) == page("", ["model.depth"])
    assert "tiny" not in page("", [])
    with pytest.raises(UserError, match=r"nowhere: no such folder"):
        page("", [], own_configs / "nowhere")


@pytest.mark.parametrize(
    ("line", "beginning"),
    [
        ("--config-dir OWN model=tiny --help", "model=tiny\n  Small."),
        ("--help model=tiny --config-dir=OWN", "model=tiny\n  Small."),
        ("train --help -cd OWN", "cnn-train train: "),
        ("help", "cnn-train: train, evaluate"),
        ("help evaluate", "cnn-train evaluate: "),
        ("train help device", "device=\n  auto "),
    ],
)
def test_the_prompt_asks_for_pages(
    line: str, beginning: str, own_configs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(line.replace("OWN", str(own_configs)).split()) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(beginning)
    assert ("Small." in printed) == ("OWN" in line)


def test_an_option_of_ones_own_takes_keys_and_comments_from_its_base(own_configs: Path) -> None:
    rows = page("", ["model=wide"], own_configs).splitlines()[3:]
    assert [" ".join(row.split()) for row in rows] == [
        "model.width=64 channels",
        "model.size (the model's width)",
        "model.head.bias=true a",
    ]
    both = page("", ["model=[tiny,wide]"], own_configs)
    assert "As model=tiny, with\n\n  model.width=64 " in both
    assert both.count("model.size") == 1
    circle = page("", ["model=round"], own_configs)
    assert "  model.width (required)\n  model.rate (the value of seed)" in circle


def test_values_with_signs_are_read_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["# One.", "a: 'x # y'  # told: so", "b:", "  c: [1, 2]", "d:  # a section", "  e: {}"]
    (tmp_path / "odd.yaml").write_text("\n".join(lines))
    monkeypatch.setattr("cnn_cli.sources.config_dir", lambda: tmp_path)
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

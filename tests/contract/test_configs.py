"""Every YAML file: it composes, its components can be built, and each key says what it is for."""

from pathlib import Path

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from cnn_cli.build import check_components
from cnn_cli.compose import Composer, make_loader
from cnn_cli.config import parse
from cnn_cli.help import groups, options, read
from cnn_cli.paths import config_dir
from cnn_cli.resolving import plain
from cnn_cli.targets import check_targets

OPTIONS = [(group, option) for group in groups() for option in options(group)]
FILES = sorted(str(path.relative_to(config_dir())) for path in config_dir().rglob("*.yaml"))
IN_TRAIN = [(group, option) for group, option in OPTIONS if group != "figure"]


@pytest.mark.parametrize(("group", "option"), IN_TRAIN)
def test_an_option_composes_and_its_components_can_be_built(group: str, option: str) -> None:
    cfg = Composer(make_loader(None), "train").compose([f"{group}={option}"], RunMode.RUN)
    for key in ("root", "file"):
        if OmegaConf.is_missing(cfg.dataset, key):
            cfg.dataset[key] = "somewhere"
    config = parse("train", cfg)
    problems: list[str] = []
    values = plain(cfg, problems)
    problems += check_targets(values, ())
    problems += check_components(values, ())
    if group == "device" and option in ("cuda", "mps"):  # these tests run without one
        problems = [line for line in problems if not line.startswith(f"device.name={option}")]
    assert not problems
    assert config


@pytest.mark.parametrize("option", options("figure"))
def test_a_figure_composes_and_can_be_built(option: str) -> None:
    node = OmegaConf.to_container(OmegaConf.load(config_dir() / f"figure/{option}.yaml"))
    values = {"figure": {option: node}}
    assert not check_targets(values, ())
    assert not check_components(values, ())


@pytest.mark.parametrize("file", FILES)
def test_every_key_has_its_explanation_and_lines_are_short(file: str) -> None:
    source = read(file)
    assert source.header, "a file says in its first line what it is"
    assert max(map(len, (config_dir() / file).read_text().splitlines())) <= 100
    if not file.startswith("experiment/"):
        bare = [e.key for e in source.entries if not e.is_section and not e.comment]
        assert all(key.endswith(("_target_", "ops")) for key in bare), bare


@pytest.mark.parametrize("option", options("experiment"))
def test_a_recipe_states_its_claim_and_command(option: str) -> None:
    text = (config_dir() / Path("experiment", option)).with_suffix(".yaml").read_text()
    assert text.startswith("# @package _global_\n")
    assert "# Claim: " in text
    assert f"experiment={option}" in text

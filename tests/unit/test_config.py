"""From a composed config to the typed one, and its record as YAML."""

import dataclasses
import warnings

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from cnn_cli.compose import make_loader
from cnn_cli.config import COMMANDS, TrainConfig, parse
from cnn_cli.config_text import MAX_TEXT, from_yaml, to_yaml
from cnn_cli.errors import UserError
from cnn_cli.paths import config_dir


def composed(*overrides: str) -> DictConfig:
    from hydra.types import RunMode

    return make_loader(None).load_configuration("train", list(overrides), RunMode.RUN)


def problems(cfg: DictConfig, command: str = "train") -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        parse(command, cfg)
    return caught.value.problems


def test_the_defaults_are_right_and_resolved() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = parse("train", composed())
    assert isinstance(config, TrainConfig)
    assert config.trainer.epochs == config.dataset["epochs"]
    assert config.augmentation["ops"]["crop"]["padding"] == config.dataset["crop_padding"]
    assert config.trust == ()
    assert set(vars(config.require).values()) == {None}


def test_the_record_gives_back_every_value() -> None:
    config = parse("train", composed("optimizer.lr=1e-7", "run.name='naïve 写真'", "trust=[a.b]"))
    text = to_yaml(config)
    assert from_yaml(text) == yaml.safe_load(text)
    again = parse("train", OmegaConf.create(from_yaml(text)))
    assert again == config


def test_all_problems_are_told_at_once() -> None:
    cfg = composed(
        "trainer.epochs=0", "loss.label_smoothing=1", "device.precision=fp8", "require.accuracy=2",
        "+require.accurracy=1", "seed=-1", "dataset.mirror=1", "trainer.max_time=10",
        "trainer.monitor=f1", "+foo.bar=1", "~trainer.tensorboard",
    )  # fmt: skip
    keys = sorted(line.split(":")[0].split("=")[0] for line in problems(cfg))
    assert keys == sorted([
        "trainer.epochs", "loss.label_smoothing", "device.precision", "require.accuracy",
        "require.accurracy", "seed", "dataset.mirror", "trainer.max_time", "trainer.monitor", "foo",
        "trainer.tensorboard",
    ])  # fmt: skip


def test_what_depends_on_two_values() -> None:
    (told,) = problems(composed("trainer.budget=5m", "trainer.max_time=4m"))
    assert told.startswith("trainer.max_time=4m: ends a training before its schedule has come down")
    parse("train", composed("trainer.budget=5m", "trainer.max_time=300s"))
    (told,) = problems(composed("trainer.budget=5m", "device.compile=true"))
    assert told.startswith("device.compile=true: how long that takes cannot be foreseen")
    assert problems(composed("trainer.accumulate=100", "trainer.batch_size=64")) == (
        "trainer.accumulate=100: must be at most trainer.batch_size=64",
    )
    assert problems(composed("run.dir=a", "run.name=b")) == (
        "run.name: has no meaning beside run.dir; give one of them",
    )


@pytest.mark.parametrize("name", ["latest", "sweeps", "checks", "a/b", "..", ".", "''", "a\\b"])
def test_the_name_of_a_run_is_no_path_and_has_no_other_meaning(name: str) -> None:
    (problem,) = problems(composed(f"run.name={name}"))
    assert problem.startswith(f"run.name={name}: must be a name (no path, which run.dir takes;")


@pytest.mark.parametrize("name", ["latest2", "a.b", "..a", "my run", "写真"])
def test_any_other_name_of_a_run_is_right(name: str) -> None:
    config = parse("train", composed(f"run.name='{name}'"))
    assert isinstance(config, TrainConfig)
    assert config.run.name == name


def test_missing_values_are_told_once_and_say_what_to_give() -> None:
    assert problems(composed("dataset=image_folder")) == (
        "missing value: dataset.root; give dataset.root=FOLDER",
    )
    cfg = OmegaConf.create({"images": "???", "device": {}, "run": {"root": "${nowhere}"}})
    found = problems(cfg, "predict")
    assert found[0] == "missing value: images; give images=PICTURE or FOLDER"
    assert "run.root: Interpolation key 'nowhere' not found" in found
    assert "images: missing" not in found


def test_a_number_with_an_exponent_is_a_number_in_a_file_too() -> None:
    cfg = composed()
    cfg.merge_with(OmegaConf.create("loss: {label_smoothing: 1e-3}\ntrainer: {clip_norm: 1}"))
    config = parse("train", cfg)
    assert isinstance(config, TrainConfig)
    assert config.loss.label_smoothing == 0.001
    assert config.trainer.clip_norm == 1.0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_fixed_key_of_the_configs_has_a_type_and_the_other_way_round(command: str) -> None:
    body = OmegaConf.load(config_dir() / f"{command}.yaml")
    assert isinstance(body, DictConfig)
    hydra = {"hydra", "defaults"}
    groups = {
        key
        for entry in body.defaults
        if not isinstance(entry, str)
        for key in entry
        if not key.startswith("override") and key != "experiment"
    }
    assert {*body, *groups} - hydra == set(COMMANDS[command].__dataclass_fields__)
    for name, field in COMMANDS[command].__dataclass_fields__.items():
        if dataclasses.is_dataclass(field.type) and name in body:
            assert list(body[name]) == list(field.type.__dataclass_fields__)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: ${b}", "interpolation"),
        ('a: "\\x24{b}"', "interpolation"),
        ('"\\x24{b}": 1', "interpolation"),
        ('a: [[{b: "$\\x7bc}"}]]', "interpolation"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "not plain YAML"),
        ("a: [", "not plain YAML"),
        ("[1]", "not a mapping"),
        ("1: 2", "not a mapping"),
        ("", "not a mapping"),
        ("[" * 5000, "nested 21 deep"),
        ("a: " + "[" * 20 + "1" + "]" * 20, "nested 21 deep"),
        ("a: [1", "not plain YAML"),
        ("a: " + "x" * MAX_TEXT, "characters"),
    ],
)
def test_a_record_by_a_stranger_is_refused(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        from_yaml(text)

"""Every problem of a request, before Hydra runs; recorded choices under the overrides."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.types import RunMode

from cnn_cli.arguments import parse as request_of
from cnn_cli.compose import Composer, make_loader, prepare
from cnn_cli.config import parse
from cnn_cli.config_text import to_yaml
from cnn_cli.errors import UserError
from cnn_cli.run import Found


def problems(*argv: str) -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        prepare(request_of(argv))
    return caught.value.problems


def record(*overrides: str) -> dict[str, Any]:
    """What a run of these overrides would have recorded."""
    cfg = Composer(make_loader(None), "train").compose(overrides, RunMode.RUN)
    values: dict[str, Any] = yaml.safe_load(to_yaml(parse("train", cfg)))
    return values


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run, as far as its config is concerned; tests may change what it recorded."""
    values = record("dataset.limit=50", "model.channels=[8]", "trainer.epochs=7", "trust=[mine]")
    monkeypatch.setattr("cnn_cli.run.find_checkpoint", lambda ref, *_: Found(Path(ref)))
    monkeypatch.setattr("cnn_cli.engine.checkpoint.read_config", lambda _: yaml.safe_dump(values))
    return values


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model=resnt", "model=resnt: no such model (did you mean 'resnet'?); there are cnn, con"),
        ("modell=cnn", "modell: no such key (did you mean 'model'?); there are augmentation,"),
        ("model=null", "model=null: no such model"),
        ("model=[cnn,x]", "model=x: no such model; there are cnn"),
        ("model=[cnn,resnet]", "model=[cnn,resnet]: model takes one option; there are cnn, con"),
        ("figure=curves", "figure=curves: this command takes no figure; it takes augmentation, da"),
        ("trainer.epoch=1", "trainer.epoch: no such key (did you mean 'epochs'?); there are acc"),
        ("lr=0.1", "lr: no such key (did you mean 'optimizer.lr'?); there are augmentation, "),
        ("epochs=3", "epochs: no such key (did you mean 'trainer.epochs'?)"),
        ("batchsize=3", "batchsize: no such key (did you mean 'trainer.batch_size'?)"),
        ("name=x", "name: no such key (did you mean 'device.name' or 'run.name'?)"),
        ("growth=3", "growth: no such key (did you mean 'model.growth' of model=densenet?)"),
        ("depth=56", "depth: no such key (did you mean 'model.depth' of model=densenet, resnet, "),
        ("zzz=1", "zzz: no such key; there are augmentation, "),
        ("+hydra.x=1", "+hydra.x=1: no such key; Hydra's own are set without +"),
        ("+hydra.job.foo=1", "+hydra.job.foo=1: no such key; Hydra's own are set without +"),
        ("model.depth=20", "model.depth: model=cnn has no such key; there are activation, chann"),
        ("seed.x=1", "seed.x: seed is a value and has no keys"),
        ("+seed=1", "+seed=1: seed is there already; leave out the +"),
        ("seed=1,2", "seed=1,2: several values; add -m to run one after the other"),
        ("seed=", "seed='': must be a whole number, at least 0"),
        ("=3", "=3: settings are written key=value"),
        ("model.head=a=b", "model.head=a=b: the value has signs"),
        ("seed=[1", "seed=[1: not understood"),
        ("~trainer.nothing", "trainer.nothing: no such key"),
        ("hydra/launcher=joblb", "hydra/launcher=joblb: no such hydra/launcher"),
        ("hydra.sweep.dri=x", "hydra.sweep.dri: no such key (did you mean 'dir'?)"),
        ("trust=mine", "trust=mine: must be a list, such as trust=[mymodels]"),
        ("trust=[a-b]", "trust=[a-b]: must be the name of a module"),
        ("trainer.epochs=${nothing}", "trainer.epochs: Interpolation key 'nothing' not found"),
    ],
)
def test_a_wrong_override_is_explained(override: str, told: str) -> None:
    found = problems(override)
    assert len(found) == 1, found
    assert found[0].startswith(told)


def test_problems_of_every_kind_are_told_together() -> None:
    found = problems(
        "model=resnt", "trainer.epoch=1", "seed=x", "optimizer.momentum=1", "+optimizer.lrr=1",
        "device.threads=0", "schedule.warmup=2", "run.root=/dev/null/runs", "+x.y=1",
    )  # fmt: skip
    keys = sorted(line.split(":")[0].split("=")[0] for line in found)
    assert keys == [
        "device.threads", "model", "optimizer.lrr", "optimizer.momentum", "run.root",
        "schedule.warmup", "seed", "trainer.epoch", "x",
    ]  # fmt: skip


def test_right_requests_pass() -> None:
    assert prepare(request_of(["seed=1", "device.threads=1"])).overrides == (
        "seed=1",
        "device.threads=1",
    )
    assert prepare(request_of(["-m", "seed=1,2", "experiment=digits,smoke"])).config_name == "train"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("seed=1,x model=cnn,resnt", ["model=resnt: no such model", "seed=x: must be a whole"]),
        ("seed=range(0,3) run.dir=here", ["run.dir: has no meaning in a multirun"]),
        ("seed=0,1 run.name=here", ["run.name: has no meaning in a multirun"]),
        ("hydra.sweep.dir=a,b", ["hydra.sweep.dir=a,b: Sweeping over Hydra's"]),
        ("resume=a,b", ["resume: takes one value, not a sweep"]),
        ("trust=[a],[b]", ["trust=[a],[b]: must be a list"]),
        ("seed=interval(0,1)", ["--multirun: BasicSweeper does not support"]),
    ],
)
def test_every_job_of_a_sweep_is_checked_before_the_first(argv: str, told: list[str]) -> None:
    found = problems("-m", *argv.split())
    assert len(found) == len(told), found
    for line, start in zip(found, told, strict=True):
        assert line.startswith(start)


def test_a_config_folder_of_ones_own_and_its_mistakes() -> None:
    Path("mine/model").mkdir(parents=True)
    Path("mine/model/wide.yaml").write_text("defaults: [cnn]\nchannels: [64, 1e3]\n")
    Path("mine/model/broken.yaml").write_text("a: [\n")
    prepare(request_of(["--config-dir", "mine", "model=wide", "model.channels=[64]"]))
    assert "model.channels[1]=1000.0: must be a whole number, at least 1" in problems(
        "--config-dir=mine", "model=wide"
    )
    assert problems("--config-dir=mine", "model=broken")[0].startswith("model=broken: ")


def test_showing_a_config_needs_no_torch_and_no_values(tmp_path: Path) -> None:
    prepare(request_of(["--cfg", "job", "trainer.epochs=0", "dataset=image_folder"]))
    code = (
        "import sys; from cnn_cli.cli import main; code = main(['--cfg', 'job']);"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    pid = os.spawnve(
        os.P_WAIT,
        os.sys.executable,
        [os.sys.executable, "-c", code],
        os.environ | {"PYTHONPATH": str(root)},  # type: ignore[attr-defined]
    )
    assert pid == 0


def composed(*argv: str) -> Any:
    request = request_of(argv)
    prepared = prepare(request)
    composer = Composer(make_loader(None), prepared.config_name)
    return composer.compose(prepared.overrides, RunMode.RUN)


def test_recorded_choices_lie_under_the_overrides(recorded: dict[str, Any]) -> None:
    cfg = composed("evaluate", "dataset.val_fraction=0.3", "device=cpu", "device.threads=1")
    assert cfg.dataset == recorded["dataset"] | {"val_fraction": 0.3}
    assert cfg.device.name == "cpu"
    assert cfg.checkpoint == "latest"
    other = composed("visualize", "dataset=shapes", "dataset.count=100", "checkpoint=x")
    assert other.dataset._target_ == "cnn_cli.data.shapes.shapes"
    assert other.augmentation == recorded["augmentation"]
    assert composed("predict", "images=x").device == recorded["device"]


def test_a_resumed_run_is_the_recorded_one(recorded: dict[str, Any]) -> None:
    cfg = composed(
        "resume=latest", "trainer.epochs=9", "device=cpu", "trainer.max_time=5m",
        "run.root=elsewhere", "require.accuracy=0.5", "model.channels=[8]", "trust=[mine]",
    )  # fmt: skip
    assert cfg.model == recorded["model"]
    assert cfg.trainer == recorded["trainer"] | {"epochs": 9, "max_time": "5m"}
    assert (cfg.dataset.limit, cfg.device.name, cfg.run.root) == (50, "cpu", "elsewhere")
    assert composed("resume=latest").trust == []


def test_a_resumed_run_stays_where_it_is(recorded: dict[str, Any]) -> None:
    recorded["run"]["name"] = "before"  # how it got its name does not count
    Path("runs/first/checkpoints").mkdir(parents=True)
    Path("runs/first/checkpoints/step-1.pt").touch()
    Path("runs/first/config.yaml").touch()
    ref = "resume=runs/first/checkpoints/step-1.pt"
    stays = f"a resumed run stays in its own folder, {Path('runs/first').resolve()}; leave this out"
    assert problems(ref, "run.name=other") == (f"run.name=other: {stays}",)
    assert problems(ref, "run.dir=a/b") == (f"run.dir=a/b: {stays}",)
    prepare(request_of([ref, "run.root=/dev/null/runs"]))  # looked through, not written in


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("run.dir=full", "run.dir: full is not empty; choose another name, or go on with resume="),
        ("run.name=full", "run.name: runs/full is not empty; choose another name"),
        ("run.dir=/dev/null/x", "run.dir=/dev/null/x: /dev/null is not a folder"),
        ("run.root=/dev/null/x", "run.root=/dev/null/x: /dev/null is not a folder"),
    ],
)
def test_the_folder_that_will_be_written_is_checked(override: str, told: str) -> None:
    Path("full/run").mkdir(parents=True)
    Path("runs/full/run").mkdir(parents=True)
    (problem,) = problems(override)
    assert problem.startswith(told)


def test_a_folder_that_will_not_be_written_is_not_checked(recorded: dict[str, Any]) -> None:
    assert recorded
    prepare(request_of(["run.root=/dev/null/x", "run.dir=new"]))
    prepare(request_of(["evaluate", "run.root=/dev/null/x"]))


def test_an_output_folder_in_use_is_refused_before_any_work(recorded: dict[str, Any]) -> None:
    assert recorded
    Path("full/x").mkdir(parents=True)
    Path("empty").mkdir()
    prepare(request_of(["evaluate", "output=empty"]))
    full = "output=full: is there already and not empty; choose another folder"
    assert problems("evaluate", "output=full") == (full,)
    assert problems("predict", "images=x", "output=/dev/null/x") == (
        "output=/dev/null/x: /dev/null is not a folder",
    )


@pytest.mark.parametrize(
    ("command", "groups"),
    [("evaluate", "dataset, device"), ("visualize", "augmentation, dataset, device, figure")],
)
def test_an_unknown_key_lists_the_groups_of_its_command(
    command: str, groups: str, recorded: dict[str, Any]
) -> None:
    assert recorded
    (problem,) = problems(command, "split_=1")
    known = problem.partition("there are ")[2].split(", ")
    assert {*groups.split(", ")} <= {*known}
    assert not {"model", "optimizer", "schedule", "experiment"} & {*known}


def test_a_resumed_run_changes_nothing_else(recorded: dict[str, Any]) -> None:
    found = problems(
        "resume=latest", "model=resnet", "model.dropout=0.5", "seed=1", "trainer.epochs=6",
        "experiment=smoke", "+model.new=1", "trainer.batch_size=1",
    )  # fmt: skip
    assert sorted(line.split(":")[0] for line in found) == [
        "experiment=smoke", "model.dropout=0.5", "model.new", "model.new=1", "model=resnet",
        "seed=1", "trainer.batch_size=1", "trainer.epochs=6",
    ]  # fmt: skip
    assert "recorded: 7" in next(line for line in found if line.startswith("trainer.epochs"))


@pytest.mark.parametrize("command", [["evaluate"], ["resume=latest"]])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": {"_target_": "canary.Net"}}, "model._target_=canary.Net: not in a package"),
        ({"device": {"_target_": "canary.Net"}}, "device._target_: nothing is called"),
        ({"device": {"name": "cpu", "defaults": ["x"]}}, "has a key that is no setting"),
        ({"dataset": {"defaults": [{"/hydra/callbacks": "x"}]}}, "has a key that is no setting"),
        ({"seed": "${oc.env:HOME}"}, "interpolation"),
        ({"hydra": {"callbacks": {}}}, "recorded by another version: hydra"),
    ],
)
def test_a_record_by_a_stranger_is_refused(
    command: list[str], change: dict[str, Any], told: str, recorded: dict[str, Any]
) -> None:
    recorded.update(change)
    assert told in "\n".join(problems(*command))


def test_a_record_trusts_nobody(recorded: dict[str, Any]) -> None:
    recorded["model"] = {"_target_": "mine.Net"}
    assert "trust=[mine]" in problems("evaluate")[0]
    assert "add trust=[other,mine]" in problems("evaluate", "trust=[other]")[0]
    prepare(request_of(["evaluate", "trust=[mine]"]))
    assert "another version: seed" in problems("evaluate", f"checkpoint={recorded.pop('seed')}")[0]


def test_one_checkpoint_at_a_time(recorded: dict[str, Any]) -> None:
    assert problems("evaluate", "-m", "checkpoint=a,b")[0].startswith("checkpoint: takes one value")
    assert problems("evaluate", "-m", "split=val,test", "output=x") == (
        "output: all jobs of the multirun would write to the same folder; leave it out",
    )


def test_a_setting_of_a_figure_that_is_not_chosen_says_so(recorded: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="figure feature_maps is not chosen; add figure=feature_m"):
        composed("visualize", "figure.feature_maps.picture=3")


def test_a_models_arguments_are_checked_beside_a_wrong_data_set() -> None:
    with pytest.raises(UserError) as caught:
        composed("dataset.size=0", "model.kernel_size=16")
    found = "\n".join(caught.value.problems)
    assert "dataset.size=0" in found
    assert "model.kernel_size=16" in found

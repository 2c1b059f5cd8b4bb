"""What is offered at the cursor: many lines by hand, and everything that the YAML files hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cnn_cli.arguments import COMMANDS, SWITCHES, VALUED
from cnn_cli.completion.candidates import candidates, comment
from cnn_cli.completion.keys import WORDS
from cnn_cli.config import CHECKS
from cnn_cli.models.freezing import BODY
from cnn_cli.paths import config_dir
from cnn_cli.sources import options, prefix, read

PLACES = ["my folder/", "photo (1).jpg", "été/"]


def offered(*words: str) -> list[str]:
    """The words that may stand in place of the last one."""
    return [one.text for one in candidates(words[:-1], words[-1])]


def test_words_that_no_annotation_lists_are_those_of_the_code() -> None:
    assert WORDS == {"check": CHECKS, "model.freeze": (BODY,)}


def make_run(name: str, root: str = "runs") -> None:
    folder = Path(root, name)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.json").write_text('{"checkpoint": "step-1.ckpt"}')
    (folder / "checkpoints" / "step-1.ckpt").write_text("")
    lines = ["dataset:", "  _target_: cnn_cli.data.cifar.cifar100", "  labels: fine", "  mean:"]
    (folder / "config.yaml").write_text("\n".join([*lines, "  - 0.5", "seed: 0"]))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ev", ["evaluate"]),
        ("evaluate ev", []),
        ("seed=1 ev", ["evaluate"]),
        ("compl", ["completion"]),
        ("comp", ["compare", "completion"]),
        ("seed=1 comp", []),
        ("ru", ["runs", "run."]),
        ("runs so", ["sort="]),
        ("runs sort=n", ["sort=newest", "sort=name"]),
        ("runs jobs=true format=", ["format=table", "format=csv", "format=json"]),
        ("runs jobs=", ["jobs=true", "jobs=false"]),
        ("compare --", ["--help"]),
        ("compare mod", []),
        ("seed=1 compl", []),
        ("completion ", ["bash", "zsh"]),
        ("completion z", ["zsh"]),
        ("completion zsh ", []),
        ("mod", ["model=", "model."]),
        ("model.ker", ["model.kernel_size="]),
        ("model=resnet model.d", ["model.depth="]),
        ("model=cnn model=resnet model.d", ["model.depth="]),
        ("-m model=resnet,vgg model.hid", ["model.hidden="]),
        ("experiment=mnist model.sc", ["model.scale="]),
        ("experiment=mnist model=cnn model.sc", []),
        ("trainer", ["trainer."]),
        ("trainer.mon", ["trainer.monitor="]),
        ("++trainer.mon", ["++trainer.monitor="]),
        ("trainer.monitor=", ["trainer.monitor=accuracy", "trainer.monitor=loss"]),
        ("+trainer.monitor=l", ["+trainer.monitor=loss"]),
        ("trainer.tensorboard=", ["trainer.tensorboard=true", "trainer.tensorboard=false"]),
        ("loss.class_weights=", ["loss.class_weights=auto", "loss.class_weights=null"]),
        ("trainer.epochs=", []),
        ("nowhere.at=", []),
        ("model=resnet model.block=b", ["model.block=basic", "model.block=bottleneck"]),
        ("optimizer=sgd optimizer.nesterov=t", ["optimizer.nesterov=true"]),
        ("dataset.resize=p", ["dataset.resize=pad"]),
        ("device.precision=b", ["device.precision=bf16"]),
        ("augmentation.", ["augmentation.ops."]),
        ("augmentation.ops.f", ["augmentation.ops.flip."]),
        ("augmentation.ops.crop.fill=r", ["augmentation.ops.crop.fill=reflect"]),
        (
            "augmentation=trivial augmentation.ops.trivial.without=[rotate,shear_",
            [f"augmentation.ops.trivial.without=[rotate,shear_{axis}" for axis in "xy"],
        ),
        ("model._", ["model._target_="]),
        ("optimizer=ad", ["optimizer=adam", "optimizer=adamw"]),
        ("-m optimizer=sgd,ad", ["optimizer=sgd,adam", "optimizer=sgd,adamw"]),
        ("-m optimizer=adam,ad", ["optimizer=adam,adamw"]),
        ("-m optimizer=choice(sgd,mu", ["optimizer=choice(sgd,muon"]),
        ("experiment=sm", ["experiment=smoke"]),
        ("evaluate experiment=", []),
        ("evaluate mod", []),
        ("evaluate spl", ["split="]),
        ("evaluate split=t", ["split=train", "split=test"]),
        ("evaluate device=a", ["device=as_trained", "device=auto"]),
        ("device=a", ["device=auto"]),
        ("visualize figure=g", ["figure=gradcam"]),
        ("visualize figure=[gradcam,cu", ["figure=[gradcam,curves"]),
        ("visualize figure=[gradcam", ["figure=[gradcam,", "figure=[gradcam]"]),
        ("visualize figure.gradcam.ex", ["figure.gradcam.explain="]),
        ("visualize figure.fil", []),
        ("visualize figure=filters figure.fil", ["figure.filters."]),
        ("check=", ["check=data", "check=overfit", "check=lr", "check=resume"]),
        ("check=[overfit,", ["check=[overfit,data", "check=[overfit,lr", "check=[overfit,resume"]),
        ("model.freeze=b", ["model.freeze=body"]),
        ("visualize figure=al", ["figure=all"]),
        ("visualize figure=[al", []),
        ("visualize figure=curves mod", []),
        ("visualize figure=model mod", ["model=", "model."]),
        ("visualize figure=[model,schedule] model=vgg model.hid", ["model.hidden="]),
        ("visualize figure=[model,curves] mod", []),
        ("visualize figure=model checkpoint=latest mod", []),
        ("visualize checkpoint=null trainer.mon", ["trainer.monitor="]),
        ("visualize figure=model res", []),
        ("visualize figure=model check", ["checkpoint="]),
        ("--ver", ["--version"]),
        ("--cfg ", ["job", "hydra", "all"]),
        ("--cfg=j", ["--cfg=job"]),
        ("-c j", ["job"]),
        ("--info d", ["defaults", "defaults-tree", "dataset=", "device=", "dataset.", "device."]),
        ("--help model=re", ["model=resnet"]),
        ("help optimizer.nest", ["optimizer.nesterov"]),
        ("--help sched", ["schedule", "schedule=", "schedule."]),
        ("evaluate --help spl", ["split"]),
        ("--help ev", ["evaluate"]),
    ],
)
def test_a_line_is_completed(line: str, found: list[str]) -> None:
    assert offered(*line.split(" ")) == found


def test_flags_are_offered_with_what_they_do() -> None:
    there = {one.text: one.note for one in candidates([], "-")}
    assert set(there) == {*SWITCHES, *VALUED}
    assert there["-m"] == there["--multirun"] == "run every combination of values: seed=0,1,2"


def test_a_space_follows_what_is_whole() -> None:
    ends = {one.text: one.ends for one in candidates([], "")}
    assert ends["train"]
    assert not any(ends[word] for word in ("model=", "model.", "seed="))
    assert [one.ends for one in candidates([], "optimizer=sg")] == [True]
    assert [one.ends for one in candidates(["-m"], "optimizer=adam,sg")] == [False]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_verb_group_and_option_is_offered(command: str) -> None:
    assert command in offered("")
    for group, default in read(f"{command}.yaml").defaults.items():
        assert f"{group}=" in offered(command, "")
        own = ["as_trained"] if default == "as_trained" else []
        own += ["all"] if group == "figure" else []
        wanted = [f"{group}={option}" for option in [*own, *options(group)]]
        assert offered(command, f"{group}=") == wanted


def leaves(node: object, key: str = "") -> Iterator[str]:
    if isinstance(node, dict) and node:
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    elif node != {}:
        yield key


def settable(file: Path) -> tuple[list[str], list[str]]:
    """The words with which the keys of a YAML file can be set, and those keys, as YAML reads it."""
    content = yaml.safe_load(file.read_text())
    content = {key: value for key, value in content.items() if key not in ("defaults", "hydra")}
    group = file.relative_to(config_dir()).parent.name
    if not group:
        return [file.stem], list(leaves(content))
    verb = "visualize" if group == "figure" else "train"
    return [verb, f"{group}={file.stem}"], [prefix(group, file.stem) + k for k in leaves(content)]


@pytest.mark.parametrize("file", sorted(config_dir().rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_key_of_every_file_is_offered(file: Path) -> None:
    words, found = settable(file)
    for key in found:
        parts = key.split(".")
        for depth, part in enumerate(parts):
            above = "".join(f"{name}." for name in parts[:depth])
            end = "=" if depth == len(parts) - 1 else "."
            typed = above + part[: len(part) // 2 if part[0] != "_" else 1]
            assert f"{above}{part}{end}" in offered(*words, typed)


def test_a_folder_of_ones_own_configs_counts(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "# My net.\ndefaults:\n  - vgg\n\nheads: 3  # n\n"
    )
    for words in (["--config-dir", str(tmp_path)], [f"-cd={tmp_path}"]):
        assert offered(*words, "model=m") == ["model=mine", "model=mobilenet"]
        assert offered(*words, "model=mine", "model.he") == ["model.heads="]
        assert "model.depth=" in offered(*words, "model=mine", "model.")
    assert candidates(words, "model=mi")[0].note == "My net."
    assert comment([*words, "model=mine"], "model.heads=") == "model.heads: n"


@pytest.fixture
def _places() -> None:
    for name in (*PLACES, ".hidden"):
        Path(name).mkdir() if name.endswith("/") else Path(name).touch()
    Path("my folder", "deep").mkdir()


@pytest.mark.usefixtures("_places")
def test_places_are_offered_where_a_key_names_one() -> None:
    assert offered("predict", "images=") == [f"images={place}" for place in PLACES]
    assert offered("predict", "images=my folder/") == ["images=my folder/deep/"]
    assert offered("predict", "images=.h") == ["images=.hidden"]
    assert offered("dataset=mnist", "dataset.root=") == [
        "dataset.root=my folder/",
        "dataset.root=été/",
    ]
    assert offered("--config-dir", "") == ["my folder/", "été/"]
    assert offered("--config-dir=m") == ["--config-dir=my folder/"]
    assert offered("run.name=") == offered("dataset=mnist", "dataset.url=") == []
    assert offered("predict", "images=nowhere/") == offered("predict", "images=~nobody/") == []
    assert offered("-m", "predict", "images=a,ph") == ["images=a,photo (1).jpg"]
    assert offered("predict", "images=a,ph") == []
    (Path.home() / "data").mkdir()
    assert offered("run.root=~/d") == ["run.root=~/data/"]
    found = candidates(["predict"], "images=")
    assert [(one.shown, one.ends) for one in found][:2] == [(PLACES[0], False), (PLACES[1], True)]
    assert all(one.is_path for one in found)


def test_runs_are_offered_by_name() -> None:
    assert offered("resume=") == []
    make_run("good")
    make_run("other", root="elsewhere")
    assert offered("evaluate", "checkpoint=") == [
        f"checkpoint={name}" for name in ("latest", "good", "elsewhere/", "runs/")
    ]
    assert offered("resume=go") == ["resume=good"]
    assert offered("model.weights=runs/g") == ["model.weights=runs/good/"]
    assert offered("predict", "run.root=elsewhere", "checkpoint=o") == ["checkpoint=other"]


def test_runs_and_reports_are_offered_to_compare() -> None:
    for name in ("good", "other"):
        make_run(name)
    Path("runs/good/report").mkdir()
    Path("runs/good/report/report.json").touch()
    Path("runs/good/report/report.txt").touch()
    there = ["latest", "good", "runs/", "output=", "run."]
    assert sorted(offered("compare", "other", "")) == sorted(there)
    assert offered("compare", "runs/good/report/") == ["runs/good/report/report.json"]
    assert offered("compare", "run.root=elsewhere", "go") == []
    assert offered("compare", "run.root=r") == ["run.root=runs/"]
    assert offered("runs", "g") == []
    assert offered("runs", "r") == ["runs/", "run."]


def test_the_keys_of_a_run_are_those_that_it_records() -> None:
    assert "dataset.noise=" in offered("evaluate", "dataset.")  # without a run, any data set's
    make_run("good")
    for words in (["evaluate"], ["evaluate", "checkpoint=good"], ["resume=latest"]):
        assert offered(*words, "dataset.") == ["dataset.labels=", "dataset.mean="]
        assert offered(*words, "dataset.labels=f") == ["dataset.labels=fine"]
    assert "dataset.noise=" in offered("evaluate", "dataset=shapes", "dataset.")


def test_what_is_offered_says_what_it_means() -> None:
    notes = {one.text: one.note for one in candidates([], "") + candidates([], "trainer.")}
    assert notes["evaluate"] == read("evaluate.yaml").title
    assert notes["schedule="] == ", ".join(options("schedule"))
    assert notes["model."] == "settings of model=cnn"
    assert notes["loss."] == "label_smoothing, class_weights, focal_gamma"
    told = [one.note for one in candidates([], "") if one.note]
    assert len(set(told)) == len(told)  # zsh puts those that mean the same on one line
    assert (
        notes["trainer.batch_size="]
        == "pictures a step, in all; auto = as many as fit a GPU's memory"
    )
    assert comment([], "+trainer.epochs=3").endswith("passes over the training pictures")
    assert comment([], "nowhere=") == comment([], "model=") == ""

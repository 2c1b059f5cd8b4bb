"""When `visualize` draws without a run, and what is composed then."""

from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode

from cnn_cli.arguments import parse as request_of
from cnn_cli.compose import Composer, make_loader, prepare
from cnn_cli.config import PreviewConfig, TrainConfig, parse
from cnn_cli.errors import UserError
from cnn_cli.preview import NAME, figures
from cnn_cli.sources import UNTRAINED


def prepared(*argv: str) -> Any:
    return prepare(request_of(["visualize", *argv]))


def composed(*argv: str) -> Any:
    found = prepared(*argv)
    assert found.config_name == NAME
    return Composer(make_loader(None), NAME).compose(found.overrides, RunMode.RUN)


def problem(*argv: str) -> str:
    with pytest.raises(UserError) as caught:
        prepared(*argv)
    (told,) = caught.value.problems
    return told


def test_the_figures_that_need_no_run_say_so_themselves() -> None:
    assert figures(make_loader(None)) == ["augmentation", "dataset", "model", "schedule"]


def test_without_a_run_the_choices_are_those_of_train() -> None:
    argv = [
        "augmentation=strong",
        "trainer.epochs=7",
        "experiment=smoke",
        "seed=3",
        "loss.focal_gamma=2",
    ]
    config = parse("visualize", composed("figure=[model,schedule]", "dpi=99", *argv))
    train = parse("train", Composer(make_loader(None), "train").compose(argv, RunMode.RUN))
    assert isinstance(config, PreviewConfig)
    assert isinstance(train, TrainConfig)
    assert config.training == train
    assert (config.dpi, config.split, list(config.figure)) == (99, "train", ["model", "schedule"])


@pytest.mark.parametrize("figure", ["all", "[all]"])
def test_all_without_a_run_are_those_that_need_none(figure: str) -> None:
    cfg = composed("checkpoint=null", f"figure={figure}")
    assert list(cfg.figure) == ["augmentation", "dataset", "model", "schedule"]


NEEDS = "figure={} needs a trained model"
INSTEAD = "before any training there are figure=[augmentation,dataset,model,schedule]"


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        ("figure=gradcam", ["checkpoint=latest: no run", NEEDS.format("gradcam"), INSTEAD]),
        ("figure=[model,gradcam]", ["checkpoint=latest: no run", NEEDS.format("gradcam")]),
        ("", ["checkpoint=latest: no run", NEEDS.format("curves"), INSTEAD]),
        ("figure=all", ["checkpoint=latest: no run", NEEDS.format("confusion"), INSTEAD]),
        (
            "checkpoint=null figure=[model,mistakes]",
            ["checkpoint=null: ", NEEDS.format("mistakes")],
        ),
        ("-m figure=model,filters", ["checkpoint=latest: no run", NEEDS.format("filters")]),
        ("figure=model checkpoint=mine", ["mine: no such run or checkpoint file"]),
        ("figure=modl", ["figure=modl: no such figure (did you mean 'model'?)"]),
        ("figure=model model=[cnn,resnet]", ["model=[cnn,resnet]: model takes one option"]),
        ("figure=model model.freeze=[x]", ["model.freeze"]),
        ("figure=model class_map=null", ["class_map: no such key"]),
        ("figure=model run.name=x", ["run.name: no such key; there is root"]),
        ("figure=model trainer.accumulate=500", ["trainer.accumulate=500: must be at most"]),
        ("figure=model run.root=/dev/null/x", ["run.root=/dev/null/x: /dev/null is not a folder"]),
        ("figure=model output=full", ["output=full: is there already and not empty"]),
        ("figure=model figure.model.stages=0", ["figure.model.stages=0: must be"]),
    ],
)
def test_a_wrong_request_is_explained_before_any_work(argv: str, parts: list[str]) -> None:
    Path("full/x").mkdir(parents=True)
    told = problem(*argv.split())
    assert told.startswith(parts[0])
    assert all(part in told for part in parts)


def test_a_sweep_may_go_through_models_and_figures() -> None:
    found = prepared("-m", "figure=model,schedule", "model=cnn,lenet")
    assert found.config_name == NAME
    assert found.sweep is None  # the folder of a training's jobs


def test_where_there_are_runs_a_damaged_one_is_told_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(*_: Any) -> None:
        raise UserError("it is damaged")

    monkeypatch.setattr("cnn_cli.recorded.read", damaged)
    monkeypatch.setattr("cnn_cli.preview.runs", lambda _: ["a run"])
    assert problem("figure=gradcam") == "it is damaged"


def test_a_figure_of_ones_own_may_say_so_too() -> None:
    Path("mine/figure").mkdir(parents=True)
    text = "# @package figure.plan\n_target_: cnn_cli.visualize.schedule.schedule\nlog_rate: true\n"
    Path("mine/figure/plan.yaml").write_text(text)
    assert "figure=plan needs a trained model" in problem("--config-dir=mine", "figure=plan")
    Path("mine/figure/plan.yaml").write_text(f"{text}{UNTRAINED}: true\n")
    assert prepared("--config-dir=mine", "figure=plan").config_name == NAME

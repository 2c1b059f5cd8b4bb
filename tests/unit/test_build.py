"""From nodes to objects: what is supplied and refused, and that a check leaves no trace."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from cnn_cli import build, inputs
from cnn_cli.binding import bind, construct, require_kind, returns
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.errors import UserError
from cnn_cli.limits import Count, seconds

FORM = Preprocessing(1, 8, "crop", (0.5,), (0.25,))
CNN = {
    "_target_": "cnn_cli.models.cnn.CNN", "channels": [4], "convs": 1, "kernel_size": 3,
    "stride": None, "padding": None, "activation": "relu", "norm": "batch", "pooling": "max",
    "head": "global_average", "hidden": [], "dropout": 0.0,
}  # fmt: skip
SGD = {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
DIGITS = {
    "_target_": "cnn_cli.data.digits.digits", "val_fraction": 0.1, "limit": 20, "channels": 1,
    "size": 8, "resize": "crop", "mirror": False, "crop_padding": 1, "rotation": 0.0, "epochs": 1,
    "batch_size": 10,
}  # fmt: skip
FLIP = {
    "_target_": "cnn_cli.augmentation.geometry.HorizontalFlip",
    "enabled": True,
    "probability": 0.5,
}


def problems(call: Any, *arguments: Any) -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return caught.value.problems


def test_preprocessing_comes_from_the_data_set() -> None:
    node = DIGITS | {"mean": [0.5], "std": [0.25]}
    assert inputs.preprocessing(node) == Preprocessing(1, 8, "crop", (0.5,), (0.25,))
    assert inputs.preprocessing(DIGITS).mean is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"channels": 0}, "dataset.channels=0: must be at least 1"),
        ({"size": 2.5}, "dataset.size=2.5: must be a whole number"),
        ({"resize": "stretch"}, "dataset.resize=stretch: must be crop | squash | pad"),
        ({"mean": [1, 2]}, "dataset.mean=[1, 2]: must have one value for each of the 1 channels"),
        ({"std": [0]}, "dataset.std[0]=0.0: must be above 0"),
    ],
)
def test_wrong_preprocessing(change: dict[str, Any], told: str) -> None:
    (problem,) = problems(inputs.preprocessing, DIGITS | change)
    assert problem.startswith(told)


def test_a_data_set_is_given_its_preprocessing_and_no_facts() -> None:
    made = build.dataset(DIGITS, FORM, 0, ())
    assert (made.name, len(made.train), len(made.classes)) == ("digits", 20, 10)


def test_a_model_is_seeded_and_normalises_first() -> None:
    first, second = (build.model(CNN, FORM, 3, 7, ()) for _ in range(2))
    other = build.model(CNN, FORM, 3, 8, ())
    weights = [
        [p.clone() for p in net.parameters() if p.ndim > 1] for net in (first, second, other)
    ]
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not torch.equal(weights[0][0], weights[2][0])
    first.eval()
    images = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(first(images), first.net((images - 0.5) / 0.25))
    assert first(images).shape == (2, 3)


def test_a_model_of_torchvision_gets_its_classes() -> None:
    node = {"_target_": "torchvision.models.shufflenet_v2_x0_5", "weights": None}
    form = Preprocessing(3, 32)
    with torch.device("meta"):
        net = build.model(node, form, 5, 0, ()).eval()
        assert net(torch.empty(1, 3, 32, 32)).shape == (1, 5)


def test_an_optimizer_decays_weights_only_and_is_fused() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    optimizer = build.optimizer(SGD, model, ())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 3]
    assert optimizer.defaults["fused"] is True
    plain = build.optimizer({"_target_": "torch.optim.Rprop", "lr": 0.1}, model, ())
    assert isinstance(plain, torch.optim.Rprop)


def test_augmentation_schedule_and_figures() -> None:
    augmentation = build.augmentation({"ops": {"a": FLIP, "b": FLIP | {"enabled": False}}}, 3, ())
    assert (list(augmentation.ops), augmentation.seed) == (["a"], 3)
    node = {"_target_": "cnn_cli.optim.schedules.Constant", "warmup": 0.0, "start_factor": 0.1}
    assert build.schedule(node, ())(0.5) == 1.0
    name = "cnn_cli.visualize.confusion.confusion"
    drawn = build.figures({"x": {"_target_": name, "pairs": 3}}, ())
    assert list(drawn) == ["x"]
    with pytest.raises(UserError, match="needs predictions"):
        drawn["x"](SimpleNamespace(predictions=None))


@pytest.mark.parametrize(
    ("call", "node", "told"),
    [
        (build.optimizer, SGD | {"_target_": "torch.optim.lr_scheduler.StepLR"}, "not a torch Opt"),
        (build.optimizer, SGD | {"_target_": "torch.optim.Optimizer"}, "is not a torch Optimizer"),
        (build.optimizer, SGD | {"lr": "high"}, "optimizer.lr=high: must be a number"),
        (build.optimizer, SGD | {"lr": -1.0}, "optimizer.lr=-1.0: must be in (0, 100]"),
        (build.optimizer, SGD | {"lrr": 1}, "did you mean 'lr'?); it takes lr, momentum"),
        (build.optimizer, SGD | {"params": []}, "optimizer.params: torch.optim.sgd.SGD takes no"),
        (build.optimizer, SGD | {"_partial_": True}, "optimizer._partial_: "),
    ],
)
def test_a_wrong_optimizer(call: Any, node: dict[str, Any], told: str) -> None:
    assert told in problems(call, node, nn.Linear(1, 1), ())[0]


def test_kinds_are_checked_before_the_call() -> None:
    form = {"_target_": "cnn_cli.models.summary.summarise"}
    assert "is not an nn.Module" in problems(build.model, form, FORM, 3, 0, ())[0]
    node = {"_target_": "cnn_cli.data.assemble.fingerprint"}
    assert "is not a function returning Dataset" in problems(build.dataset, node, FORM, 0, ())[0]
    node = {"_target_": "cnn_cli.optim.groups.parameter_groups"}
    assert "is not a schedule class" in problems(build.schedule, node, ())[0]
    ops = {"ops": {"x": {"_target_": "cnn_cli.augmentation.pipeline.Augmentation"}}}
    assert "augmentation.ops.x._target_" in problems(build.augmentation, ops, 0, ())[0]
    figure = {"x": {"_target_": "cnn_cli.visualize.style.style"}}
    assert "is not a function returning dict[str, Figure]" in problems(build.figures, figure, ())[0]
    assert returns(nn.Linear, nn.Module)
    assert not returns(nn.Module, nn.Module)
    assert not returns(3, nn.Module)


def test_the_problems_of_all_parts_are_told() -> None:
    found = problems(
        build.augmentation, {"ops": {"a": 3, "b": {"_target_": "x.Y"}, "c": FLIP}, "op": 1}, 0, ()
    )
    assert [line.split(":")[0].split("=")[0] for line in found] == [
        "augmentation.op",
        "augmentation.ops.a",
        "augmentation.ops.b._target_",
    ]
    assert problems(build.augmentation, {}, 0, ()) == (
        "augmentation.ops: must be keys with values (name: op)",
    )


def component(given: Count, *, size: int, width: int = 3) -> list[int]:
    """A component of one's own."""
    if width > 5:
        raise ValueError("width: too wide")
    if width < 0:
        raise TypeError("something   about\nwidth")
    return [given, size, width]


def test_binding_supplies_what_there_are_parameters_for() -> None:
    name = f"{__name__}.component"
    make = bind("x", component, {"_target_": "t", "given": 1}, {"size": 8, "classes": 3})
    assert make() == [1, 8, 3]
    assert problems(bind, "x", component, {"size": 3, "wide": 2}, {"size": 8}) == (
        f"x.size: {name} takes no such argument; it takes given, width",
        f"x.wide: {name} takes no such argument (did you mean 'width'?); it takes given, width",
        f"x.given: missing; {name} needs it",
    )
    assert problems(bind, "x", component, {"given": 0}, {"size": 8}) == (
        "x.given=0: must be at least 1",
    )


def test_what_a_component_refuses_gets_its_key() -> None:
    def build_with(width: int) -> Any:
        node = {"given": 1, "width": width}
        return construct("x", bind("x", component, node, {"size": 8}), list)

    assert build_with(4) == [1, 8, 4]
    assert problems(build_with, 6) == ("x.width: too wide",)
    assert problems(build_with, -1) == ("x: something about width",)
    with pytest.raises(UserError, match="gave list, not dict"):
        construct("x", bind("x", component, {"given": 1}, {"size": 8}), dict)


def test_a_trusted_function_may_lack_annotations() -> None:
    def own() -> Any: ...

    own.__annotations__.clear()
    require_kind("model", own, (own.__module__,), False, "a model")
    with pytest.raises(UserError, match="is not a model"):
        require_kind("model", own, (), False, "a model")


VALUES: dict[str, Any] = {
    "dataset": DIGITS,
    "model": CNN,
    "optimizer": SGD,
    "augmentation": {"ops": {"flip": FLIP}},
    "schedule": {"_target_": "cnn_cli.optim.schedules.Constant", "warmup": 0, "start_factor": 0.1},
    "device": {
        "name": "cpu", "precision": "auto", "channels_last": True, "deterministic": False,
        "graph": True, "side_by_side": "auto", "compile": False, "threads": 1, "workers": 0,
    },
}  # fmt: skip


def test_a_check_touches_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnn_cli.data.digits._load", lambda: pytest.fail("data was read"))
    threads = torch.get_num_threads()
    assert build.check_components(VALUES, ()) == []
    assert torch.get_num_threads() == threads
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("group", "change", "told"),
    [
        ("device", {"name": "mps"}, "device.name=mps: not on this machine"),
        ("device", {"precision": "fp16"}, "device.precision=fp16"),
        ("model", {"channels": [4] * 6}, "model"),
        ("model", {"activation": "rely"}, "model.activation=rely: must be"),
        ("dataset", {"val_fraction": 1.0}, "dataset.val_fraction=1.0: must be in [0, 1)"),
        ("dataset", {"wrong": 1}, "dataset.wrong: cnn_cli.data.digits.digits takes no"),
        ("schedule", {"warmup": 2}, "schedule.warmup=2: must be in [0, 1)"),
    ],
)
def test_a_check_finds_what_is_wrong(group: str, change: dict[str, Any], told: str) -> None:
    found = build.check_components(VALUES | {group: VALUES[group] | change}, ())
    assert len(found) == 1
    assert found[0].startswith(told)


def test_a_check_finds_a_crop_too_wide_for_the_pictures() -> None:
    crop = {
        "_target_": "cnn_cli.augmentation.geometry.PaddedCrop", "padding": 9, "fill": "reflect",
    }  # fmt: skip
    found = build.check_components(VALUES | {"augmentation": {"ops": {"crop": crop}}}, ())
    assert found[0].startswith("augmentation.ops.crop.padding: 9 pixels cannot be reflected")


class Stub(nn.Module):
    """A model of one's own with the wrong output."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(size, 7)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.layer(images)
        return output


@pytest.mark.parametrize(
    ("trainer", "count"),
    [
        ({"batch_size": 1, "accumulate": 1}, 1),
        ({"batch_size": 2, "accumulate": 1}, 0),
        ({"batch_size": "x"}, 0),  # told where the section is checked
    ],
)
def test_a_check_finds_a_batch_too_small_to_train_on(trainer: Any, count: int) -> None:
    values = VALUES | {"model": CNN | {"channels": [4] * 4}, "trainer": trainer}
    found = build.check_components(values, ())
    assert len(found) == count
    assert all(line.startswith("trainer.batch_size=1, trainer.accumulate=1: ") for line in found)


@pytest.mark.parametrize(("size", "told"), [(8, "model: gives [2, 1, 8, 7]"), (5, "does not take")])
def test_a_model_that_does_not_fit_is_told(
    size: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnn_cli.build.locate", lambda *_: Stub)
    values = {"dataset": DIGITS, "model": {"_target_": "x", "size": size}}
    found = [line for line in build.check_components(values, ()) if line.startswith("model:")]
    assert told in found[0]


def test_durations_and_flat_settings() -> None:
    assert [seconds(t) for t in ("90s", "10m", "1.5h")] == [90, 600, 5400]

    @dataclasses.dataclass
    class Small:
        a: dict[str, Any]
        b: None = None

    flat = build.flat(Small({"x": {"y": 1.5}, "z": [1, None]}))  # type: ignore[arg-type]
    assert flat == {"a.x.y": 1.5, "a.z": "[1, null]", "b": "null"}


def test_a_made_data_set_is_a_dataset() -> None:
    assert returns(build.dataset_maker(DIGITS, FORM, 0, ()).func, Dataset)

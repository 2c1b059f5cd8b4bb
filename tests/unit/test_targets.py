"""Nothing outside the allow-list is imported, whatever config names it and wherever it stands."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnn_cli.cli import main
from cnn_cli.errors import UserError
from cnn_cli.targets import ALLOWED, check_target, find_targets, locate

CANARY = "canary_of_the_tests"

SOURCE = """
from pathlib import Path
Path("sung").touch()
import logging, torch
class Handler(logging.Handler): pass
class Net(torch.nn.Module):
    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        self.layer = torch.nn.LazyLinear(num_classes)
    def forward(self, x): return x.mean((2, 3))[:, :1].expand(-1, 10)
def call(*args, **kwargs): return None
"""


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module on the path that leaves a file where it was imported; gives that file's path."""
    nest = tmp_path / "nest"
    (nest / f"{CANARY}_package").mkdir(parents=True)
    (nest / f"{CANARY}.py").write_text(SOURCE)
    (nest / f"{CANARY}_package" / "__init__.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(nest))
    yield Path("sung")
    for name in [name for name in sys.modules if name.startswith(CANARY)]:
        del sys.modules[name]


C = CANARY
ATTACKS = [
    f"model._target_={C}.Net",
    f"dataset._target_={C}.call",
    f"optimizer._target_={C}.call",
    f"schedule._target_={C}.call",
    f"augmentation.ops.flip._target_={C}.call",
    f"+augmentation.ops.new={{_target_: {C}.call}}",
    f"+augmentation._target_={C}.call",
    f"+trainer._target_={C}.call",
    f"+device._target_={C}.call",
    f"+_target_={C}.call",
    f"+model.inner={{_target_: {C}.Net}}",
    f"+model.inner=[[{{_target_: {C}.Net}}]]",
    f"+anything.at.all._target_={C}.call",
    f"model=${{oc.create:{{_target_: {C}.Net}}}}",
    f"model._target_=${{oc.decode:{C}.Net}}",
    f"model._target_=torch.optim.sgd.{C}.Net",
    f"model._target_=cnn_cli.models.cnn.{C}.Net",
    "model._target_=torch.optim.sgd.torch.hub.load",
    "optimizer._target_=torch.optim.sgd.torch.hub.load",
    "optimizer._target_=torch.optim.optimizer.defaultdict",
    "optimizer._target_=torch.optim.__builtins__.eval",
    "optimizer._target_=torch.optim.sgd._single_tensor_sgd",
    "model._target_=torchvision.models.resnet.load_state_dict_from_url",
    "dataset._target_=cnn_cli.data.digits.np.load",
    "dataset._target_=cnn_cli.data.digits.resident_dataset",
    "dataset._target_=subprocess.run",
    "model._target_=torch.hub.load",
    f"+hydra.callbacks.x._target_={C}.call",
    f"hydra.callbacks={{x: {{_target_: {C}.call}}}}",
    f"hydra.launcher._target_={C}.call",
    f"hydra.launcher._target_=hydra_plugins.{C}.call",
    f"hydra.sweeper._target_={C}.call",
    f"+hydra.launcher.inner={{_target_: {C}.call}}",
    f"+hydra.sweeper.params={{model._target_: {C}.Net}}",
    f"hydra.sweeper.params={{hydra.callbacks.x._target_: {C}.call}}",
    f"hydra.sweeper.params={{trust: [{C}]}}",
    f"+hydra.job_logging.handlers.x={{class: {C}.Handler}}",
    f"+hydra.job_logging.handlers.x={{'()': {C}.Handler}}",
    f"+hydra.hydra_logging.formatters.x={{'()': {C}.Handler}}",
    f"+hydra.job_logging.handlers.x={{class: logging.StreamHandler, stream: 'ext://{C}.call'}}",
    f"hydra.job_logging=${{oc.create:{{handlers: {{x: {{class: {C}.Handler}}}}}}}}",
    f"+hydra.job_logging.handlers.x.class=${{oc.select:hydra.job.num,{C}.Handler}}",
    f"+hydra.job.env_set.MPLBACKEND=module://{C}",
    f"hydra.searchpath=[pkg://{C}_package]",
    f"hydra.searchpath=[pkg://{C}_package/inner]",
    f"+hydra.help._target_={C}.call",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("multirun", [False, True], ids=["run", "multirun"])
def test_nothing_is_imported_from_the_command_line(
    attack: str, multirun: bool, canary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["-m", "seed=0,1"] if multirun else []
    assert main([*more, attack]) == 2
    assert not canary.exists()
    assert not any(name.startswith(CANARY) for name in sys.modules)
    assert "Traceback" not in capsys.readouterr().err
    assert not Path("runs").exists()


FILES = {
    "model/evil.yaml": f"_target_: {C}.Net",
    "dataset/evil.yaml": f"_target_: {C}.call\nchannels: 1\nsize: 8",
    "experiment/evil.yaml": f"# @package _global_\nmodel:\n  _target_: {C}.Net",
    "experiment/trusting.yaml": f"# @package _global_\ntrust: [{C}]\nmodel:\n  _target_: {C}.Net",
    "experiment/callback.yaml": (
        f"# @package _global_\nhydra:\n  callbacks:\n    x:\n      _target_: {C}.call"
    ),
    "experiment/logging.yaml": (
        "# @package _global_\nhydra:\n  job_logging:\n    version: 1\n    root: {level: INFO}\n"
        f"    handlers: {{x: {{class: {C}.Handler}}}}"
    ),
    "experiment/sweeping.yaml": (
        f"# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        f"      model._target_: {C}.Net"
    ),
    "experiment/searching.yaml": (
        f"# @package _global_\nhydra:\n  searchpath: ['pkg://{C}_package']"
    ),
    "hydra/launcher/evil.yaml": f"_target_: {C}.call",
    "hydra/callbacks/evil.yaml": f"x:\n  _target_: {C}.call",
    "hydra/job_logging/evil.yaml": f"root: null\nformatters: {{x: {{(): {C}.Handler}}}}",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("flags", [[], ["-m", "seed=0,1"]], ids=["run", "multirun"])
def test_nothing_is_imported_from_a_config_folder(
    name: str, flags: list[str], canary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("mine", name)
    path.parent.mkdir(parents=True)
    path.write_text(FILES[name])
    group, _, option = name.removesuffix(".yaml").rpartition("/")
    assert main(["--config-dir", "mine", *flags, f"{group}={option}"]) == 2
    assert not canary.exists()
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--cfg=job", "--info", "--cfg=hydra"])
def test_showing_a_config_imports_nothing_either(flag: str, canary: Path) -> None:
    assert main([flag, f"hydra.launcher._target_={C}.call"]) == 2
    assert main([flag, f"model._target_={C}.Net"]) == 2
    assert main([flag, f"hydra.searchpath=[pkg://{C}_package]"]) == 2
    assert not canary.exists()


def test_trust_on_the_command_line_lets_a_module_of_ones_own_in(canary: Path) -> None:
    with pytest.raises(UserError, match=r"trust=\[canary_of_the_tests\]"):
        locate("model._target_", f"{C}.Net", "model", ())
    assert locate("model._target_", f"{C}.Net", "model", (C,)).__name__ == "Net"
    assert canary.exists()


def test_a_trusted_module_is_found_in_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    Path(f"{C}_here.py").write_text("class Net: pass")
    found = locate("model._target_", f"{C}_here.Net", "model", (f"{C}_here",))
    assert found.__module__ == f"{C}_here"


def test_a_trusted_module_that_is_elsewhere_can_be_gone_to() -> None:
    with pytest.raises(UserError, match=r"is it installed\? or go to the folder .* nowhere\.py$"):
        locate("model._target_", "nowhere.Net", "model", ("nowhere",))
    with pytest.raises(UserError, match=r"is it installed\?$"):
        locate("model._target_", "cnn_cli.models.nothing.Net", "model", ("nowhere",))


@pytest.mark.parametrize(
    "target",
    [None, 3, "", "Net", "cnn_cli.models.", ".x.y", "cnn_cli.models.cnn.__class__", "a..b"],
)
def test_a_name_that_is_no_public_dotted_one_is_refused(target: object) -> None:
    assert check_target("model._target_", target, "model", ())


@pytest.mark.parametrize("group", ALLOWED)
def test_a_neighbour_of_an_allowed_package_is_not_allowed(group: str) -> None:
    for package in ALLOWED[group]:
        assert not check_target("x", f"{package}.sub.Name", group, ())
        assert check_target("x", f"{package}x.sub.Name", group, ())
        assert check_target("x", f"x.{package}.sub.Name", group, ())


def test_a_missing_component_names_the_closest() -> None:
    with pytest.raises(UserError, match=r"did you mean 'ResNet'"):
        locate("model._target_", "cnn_cli.models.resnet.Resnet", "model", ())
    with pytest.raises(UserError, match=r"there is no module cnn_cli\.models\.nothing"):
        locate("model._target_", "cnn_cli.models.nothing.Net", "model", ())


def test_every_target_is_found_at_any_depth() -> None:
    node = {"a": {"_target_": "x"}, "b": [{"c": ({"_target_": "y"},)}], "_target_": 3}
    assert sorted(find_targets(node), key=str) == [("", 3), ("a", "x"), ("b[0].c[0]", "y")]

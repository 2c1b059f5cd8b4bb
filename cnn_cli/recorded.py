"""A run's recorded choices as the ground on which a new command's overrides are laid.

They are read from the checkpoint, checked as coming from a stranger, and offered to Hydra as the
option `as_trained` of their groups; of a run that is resumed, as the primary config.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from cnn_cli.checking import show
from cnn_cli.config import TrainConfig
from cnn_cli.config_text import from_yaml
from cnn_cli.errors import UserError
from cnn_cli.limits import Duration, seconds
from cnn_cli.paths import config_dir
from cnn_cli.processors import most_threads
from cnn_cli.resolving import leaves
from cnn_cli.targets import check_targets

GROUPS: Mapping[str, tuple[str, ...]] = {
    "evaluate": ("dataset", "device"),
    "visualize": ("dataset", "augmentation", "device"),
    "predict": ("device",),
    "export": ("dataset",),  # on the CPU whatever the training was on
}
"""Command -> the groups that it takes from the run unless told otherwise."""

RESUMED = "resumed"
"""Name of the primary config of a run that is gone on with."""

FRESH = ("run", "resume", "trust", "check", "baseline")
"""Parts of a resumed run that come from this command, not from the record."""

SECTIONS = ("loss", "trainer", "require")
"""Fixed parts of a config, whose keys grow in number from version to version."""

DURATION = get_args(Duration)[1]

FREE = (
    *("device.", "run.", "require.", "trainer.max_time", "trainer.tensorboard"),
    "trainer.non_finite",
    *(
        "dataset.root",
        "dataset.file",
        "dataset.url",
        "dataset.verify",
        "dataset.cache",
    ),  # its pictures are compared
    *("resume", "trust", "check", "baseline"),
)
"""What may differ in a resumed run, beside more `trainer.epochs`, or more `trainer.budget`."""


def read(ref: str, root: str, prefer: str, trust: Sequence[str]) -> dict[str, Any]:
    """The recorded config of the checkpoint that `ref` means, checked. Raises UserError."""
    from cnn_cli.engine.checkpoint import read_config
    from cnn_cli.run import find_checkpoint

    path = find_checkpoint(ref, Path(root), "last" if prefer == "last" else "best").path
    values = from_yaml(read_config(path))
    unknown = values.keys() - TrainConfig.__dataclass_fields__.keys()
    missing = TrainConfig.__dataclass_fields__.keys() - values.keys() - {*FRESH}
    if unknown or missing:
        raise UserError(
            f"{path}: recorded by another version: {', '.join(sorted(unknown | missing))}"
        )
    if isinstance(values.get("device"), Mapping):
        values["device"] = _device(values["device"])
    problems = [f"{path}: recorded {line}" for line in check_targets(values, trust)]
    for name, node in values.items():
        if isinstance(node, Mapping) and {"defaults", "hydra"} & node.keys():
            problems.append(f"{path}: recorded {name} has a key that is no setting")
    if problems:
        raise UserError(*problems)
    return values


def _device(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """With the keys of today; a larger machine's number of threads is not asked for here."""
    device = {**_device_defaults(), **recorded}
    threads = device["threads"]
    if isinstance(threads, int) and threads > most_threads():
        device["threads"] = None
    return device


def _device_defaults() -> dict[str, Any]:
    """What a device's keys are that a run was recorded without: new since then, and free to be."""
    from omegaconf import OmegaConf

    found: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "device" / "auto.yaml"))
    return dict(found)


def offer(command: str, values: Mapping[str, Any]) -> None:
    """Make the recorded nodes Hydra's options dataset=as_trained and so on."""
    from hydra.core.config_store import ConfigStore

    for group in GROUPS[command]:
        ConfigStore.instance().store(group=group, name="as_trained", node=dict(values[group]))


def offer_resumed(values: Mapping[str, Any]) -> None:
    """Make the recorded config Hydra's primary config `resumed`; only its device is a group."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    fresh: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "train.yaml"))
    overrides = [entry for entry in fresh["defaults"] if _is_override(entry)]
    own = {name: node for name, node in values.items() if name not in ("device", *FRESH)}
    for name in SECTIONS:  # what is new since then has its default, which was the way before
        own[name] = {**fresh[name], **values[name]}
    primary = {
        "defaults": [{"device": "as_trained"}, "_self_", *overrides],
        **own,
        **{name: fresh[name] for name in FRESH},
        "hydra": fresh["hydra"],
    }
    store = ConfigStore.instance()
    store.store(group="device", name="as_trained", node=dict(values["device"]))
    store.store(name=RESUMED, node=primary)


def _is_override(entry: Any) -> bool:
    return isinstance(entry, Mapping) and str(next(iter(entry))).startswith("override ")


def check_resumed(recorded: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """A problem for each setting of the resumed run that differs and is not free to."""
    before, now = dict(leaves(recorded)), dict(leaves(values))
    problems = _moved(values)
    for key in [*now, *(before.keys() - now.keys())]:
        old, new = before.get(key), now.get(key)
        if key == "trainer.budget" or (key == "trainer.epochs" and before.get("trainer.budget")):
            continue  # told together, below
        if key not in before and key.startswith(SECTIONS):  # new since then
            continue
        if old == new or f"{key}.".startswith(tuple(f"{free.rstrip('.')}." for free in FREE)):
            continue
        if key == "trainer.epochs":
            if not isinstance(new, int) or not isinstance(old, int) or new > old:
                continue
            problems.append(f"{key}={new}: a resumed run can only get longer; recorded: {old}")
            continue
        problems.append(f"{key}={show(new)}: a resumed run keeps its own; recorded: {show(old)}")
    return problems + _other_length(before, now)


def _other_length(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Problems of a resumed run that is to end otherwise: by epochs or by a time, as it began."""
    old, new = before.get("trainer.budget"), now.get("trainer.budget")
    if old is None:
        if new is None:
            return []
        return [f"trainer.budget={new}: this run goes by trainer.epochs; give more of these"]
    problems = []
    if now.get("trainer.epochs") != before.get("trainer.epochs"):
        told = f"trainer.epochs={show(now.get('trainer.epochs'))}"
        problems.append(f"{told}: this run goes by time; give more of it: trainer.budget=TIME")
    if new is None:
        problems.append(f"trainer.budget=null: this run goes by time; recorded: {old}")
    elif not all(isinstance(one, str) and one in DURATION for one in (old, new)):
        return problems  # which config.parse tells
    elif seconds(new) < seconds(old):
        problems.append(f"trainer.budget={new}: a resumed run can only get longer; recorded: {old}")
    return problems


def _moved(values: Mapping[str, Any]) -> list[str]:
    """A problem for each setting that would put a resumed run into another folder."""
    from cnn_cli.run import Run, find_run, run_of

    run = values.get("run")
    given = run if isinstance(run, Mapping) else {}
    moved = [f"run.{key}={show(given[key])}" for key in ("dir", "name") if given.get(key)]
    if not moved:
        return []
    meant = find_run(str(values.get("resume")), Path(str(given.get("root"))))
    home = meant if isinstance(meant, Run) else run_of(meant)
    return [
        f"{setting}: a resumed run stays in its own folder, {home.folder if home else meant};"
        " leave this out"
        for setting in moved
    ]


def refuse_group(override: str, group: str, recorded: Mapping[str, Any]) -> str:
    """Why a resumed run takes no other option of `group`."""
    node = recorded.get(group)
    was = (
        f"; recorded: {str(node['_target_']).rpartition('.')[2]}"
        if isinstance(node, Mapping) and "_target_" in node
        else ""
    )
    return (
        f"{override}: a resumed run keeps its own {group}{was}; free are device, run.root,"
        " dataset.root, require.*, trainer.epochs or trainer.budget upward, trainer.max_time,"
        " trainer.non_finite and trainer.tensorboard"
    )

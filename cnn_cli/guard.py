"""Hydra's own node: nothing in it may make Hydra import or call what a config names.

Hydra itself calls callbacks, the launcher, the sweeper and the classes of its logging before a job
starts, so these are checked on the composed config before Hydra gets to run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnn_cli.targets import find_targets

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

PLUGINS = {
    "launcher": (
        "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
        "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
    ),
    "sweeper": ("hydra._internal.core_plugins.basic_sweeper.BasicSweeper",),
}
"""Plugins that a config may choose: their arguments are plain values."""

LOGGING = {
    "logging.Formatter",
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.handlers.RotatingFileHandler",
    "logging.handlers.TimedRotatingFileHandler",
    "colorlog.ColoredFormatter",
}
STREAMS = {"ext://sys.stdout", "ext://sys.stderr"}
NAMED_CODE = {"()", "class", "factory", "queue", "listener"}
"""Keys of a logging config whose value is imported."""

ENVIRONMENT = re.compile(r"(OMP|MKL|OPENBLAS|NUMEXPR)_NUM_THREADS|CUDA_VISIBLE_DEVICES|NCCL_\w+")
"""What hydra.job.env_set may set; other variables can name code (MPLBACKEND)."""

_PLAIN_INTERPOLATION = re.compile(r"\$\{((hydra|now|oc\.env):)?[\w.:%,/-]*\}")


def check_hydra(cfg: "DictConfig") -> list[str]:
    """What is refused in the `hydra` node of a composed config."""
    from omegaconf import OmegaConf

    # unresolved: an interpolation could give one value now and another one later
    node: Any = OmegaConf.to_container(cfg.hydra, resolve=False)
    problems = [
        f"hydra.callbacks.{name}: not allowed; a callback runs code that a config names"
        for name in _mapping(node.get("callbacks"))
    ]
    if not isinstance(node.get("callbacks") or {}, Mapping):
        problems.append("hydra.callbacks: must be empty")
    for kind in PLUGINS:
        problems.extend(_check_plugin(kind, node.get(kind)))
    for kind in ("job_logging", "hydra_logging"):
        problems.extend(_check_logging(f"hydra.{kind}", node.get(kind)))
    problems.extend(_check_rest(node))
    return problems


def check_searchpath(paths: Any, trust: Sequence[str]) -> list[str]:
    """Entries of hydra.searchpath that would import a package; a folder is only read."""
    problems = []
    for path in paths if isinstance(paths, list | tuple) else [paths]:
        scheme, found, place = str(path).strip().partition("://")
        package = place.replace("/", ".").partition(".")[0]
        if found and scheme != "file" and not (scheme == "pkg" and package in trust):
            problems.append(
                f"hydra.searchpath: {path} would import a package; give a folder"
                + (f", or add trust=[{package}] if it is yours" if scheme == "pkg" else "")
            )
    return problems


def refused_additions(overrides: Sequence["Override"]) -> list[str]:
    """A line for each +hydra.key that Hydra itself does not read; its own keys need no +."""
    open_nodes = ("hydra.sweeper.params.", "hydra.job.env_set.")
    return [
        f"{override.input_line}: no such key; Hydra's own are set without +"
        for override in overrides
        if override.is_add()
        and override.key_or_group.startswith("hydra.")
        and not override.key_or_group.startswith(open_nodes)
    ]


def _check_plugin(kind: str, node: Any) -> Iterator[str]:
    target = _mapping(node).get("_target_")
    if target not in PLUGINS[kind]:
        known = "basic, joblib and submitit" if kind == "launcher" else "basic"
        yield f"hydra.{kind}: {target} is not allowed; there is {known}"
        return
    nested = [place for place, _ in find_targets({kind: node}) if place != kind]
    yield from (f"hydra.{place}._target_: not allowed" for place in nested)
    for place, value in _leaves(node, f"hydra.{kind}"):
        if isinstance(value, str) and "${" in _PLAIN_INTERPOLATION.sub("", value):
            yield f"{place}={value}: only plain interpolations are allowed here"
    for key in _mapping(_mapping(node).get("params")):
        name = str(key).lstrip("+~")
        if name == "trust" or name.startswith("hydra"):
            yield f"hydra.{kind}.params.{key}: not allowed; only settings can be swept"


def _check_logging(place: str, node: Any) -> Iterator[str]:
    if node is not None and not isinstance(node, Mapping):
        yield f"{place}: must be written out, not interpolated"
        return
    for path, value in _leaves(node, place):
        key = path.rpartition(".")[2]
        text = value if isinstance(value, str) else ""
        named = key in NAMED_CODE and text not in LOGGING
        external = "://" in text and text.startswith("ext") and text not in STREAMS
        interpolated = "${" in text and (
            key != "filename" or "${" in _PLAIN_INTERPOLATION.sub("", text)
        )
        if named or external or interpolated:
            yield f"{path}={value}: not allowed; logging names only Python's and colorlog's classes"


def _check_rest(node: Mapping[str, Any]) -> Iterator[str]:
    for name in _mapping(_mapping(node.get("job")).get("env_set")):
        if not ENVIRONMENT.fullmatch(str(name)):
            yield f"hydra.job.env_set.{name}: not allowed in a config; set it in the shell"
    checked = {*PLUGINS, "callbacks", "job_logging", "hydra_logging"}
    rest = {key: value for key, value in node.items() if key not in checked}
    for place, _ in find_targets(rest, "hydra"):
        yield f"{place}._target_: nothing is called from here"


def _leaves(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in NAMED_CODE and isinstance(value, Mapping | list):
                yield f"{place}.{key}", str(value)
            yield from _leaves(value, f"{place}.{key}")
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _leaves(value, place)
    else:
        yield place, node


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

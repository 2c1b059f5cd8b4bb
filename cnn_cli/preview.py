"""`visualize` before any training: which figures can do without a run, and what is composed then.

A figure's YAML says with `_untrained_: true` that it needs no trained model. Where all that are
asked for say so, and no checkpoint is named, the choices are those of `train`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from omegaconf import OmegaConf

from cnn_cli.paths import config_dir
from cnn_cli.run import runs
from cnn_cli.sources import OF_A_RUN_ONLY, OF_TRAIN_ONLY, UNTRAINED

NAME = "preview"
"""Name of the primary config of a `visualize` without a run."""


def figures(loader: ConfigLoaderImpl) -> list[str]:
    """The figures that need no trained model."""
    return [name for name in loader.get_group_options("figure") if _is_marked(name, loader)]


def _is_marked(name: str, loader: ConfigLoaderImpl) -> bool:
    found = loader.repository.load_config(f"figure/{name}")
    return found is not None and OmegaConf.select(found.config, UNTRAINED) is True


def settle(
    command: str, parsed: list[Override], loader: ConfigLoaderImpl, problems: list[str]
) -> tuple[list[Override], bool]:
    """`parsed` with figure=all written out, and whether it is to be drawn without a run."""
    if command != "visualize":
        return parsed, False
    written = _with_all(parsed, loader)
    return written, _is_asked(written, loader, problems)


def _with_all(parsed: Sequence[Override], loader: ConfigLoaderImpl) -> list[Override]:
    """`parsed` with figure=all written out: every figure, or without a run those that need none."""
    untrained = any(o.key_or_group == "checkpoint" and o.value() is None for o in parsed)
    names = figures(loader) if untrained else loader.get_group_options("figure")
    line = f"figure=[{','.join(names)}]"
    every = OverridesParser.create(config_loader=loader).parse_override(line)
    asked = [o.key_or_group == "figure" and o.value() in ("all", ["all"]) for o in parsed]
    return [every if all_ else o for all_, o in zip(asked, parsed, strict=True)]


def _is_asked(parsed: Sequence[Override], loader: ConfigLoaderImpl, problems: list[str]) -> bool:
    """Whether what is asked for is to be drawn without a run: it can be, and none is named.

    checkpoint=null with a figure that needs a run is a problem.
    """
    given = [override for override in parsed if override.key_or_group == "checkpoint"]
    if given and (given[-1].is_sweep_override() or given[-1].value() is not None):
        return False
    needing = _needing_a_run(parsed, loader)
    if given and needing:
        problems.append(f"checkpoint=null: {needing} needs a trained model; {_instead(loader)}")
    return bool(given) or not needing


def _needing_a_run(parsed: Sequence[Override], loader: ConfigLoaderImpl) -> str:
    """`figure=NAME` of the first figure asked for that cannot do without one; empty if all can."""
    given = [override for override in parsed if override.key_or_group == "figure"]
    value = given[-1].value() if given else _default_figures()
    swept = value.list if isinstance(value, ChoiceSweep) else [value]
    names = [str(name) for part in swept for name in (part if isinstance(part, list) else [part])]
    there = loader.get_group_options("figure")  # what is not there is told when it is composed
    needing = [name for name in names if name in there and not _is_marked(name, loader)]
    return f"figure={needing[0]}" if needing else ""


def _default_figures() -> Any:
    own: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "visualize.yaml"))
    return next(entry["figure"] for entry in own["defaults"] if "figure" in entry)


def without_a_run(
    problem: str, root: str, parsed: Sequence[Override], loader: ConfigLoaderImpl
) -> str:
    """`problem` of reading a run; where `root` has none, with the figure that needs one."""
    needing = _needing_a_run(parsed, loader)
    if runs(Path(root)) or not needing:
        return problem
    return f"{problem}; {needing} needs a trained model, {_instead(loader)}"


def _instead(loader: ConfigLoaderImpl) -> str:
    return f"before any training there are figure=[{','.join(figures(loader))}]"


def primary() -> dict[str, Any]:
    """The primary config: the choices of train.yaml and the settings of visualize.yaml."""
    train: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "train.yaml"))
    own: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "visualize.yaml"))
    start = train["defaults"].index("_self_")
    defaults = [*train["defaults"][:start], {"figure": _default_figures()}]
    return {
        "defaults": [*defaults, *train["defaults"][start:]],
        **{key: value for key, value in train.items() if key not in OF_TRAIN_ONLY},
        **{key: value for key, value in own.items() if key not in OF_A_RUN_ONLY},
        "checkpoint": None,
        "split": "train",
    }


def offer() -> None:
    """Make it Hydra's primary config `preview`."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name=NAME, node=primary())

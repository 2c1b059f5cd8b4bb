"""The composed config, checked before Hydra runs anything: every problem of a request at once."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from cnn_cli import preview, recorded
from cnn_cli.arguments import Request, quote
from cnn_cli.config import parse
from cnn_cli.destinations import check_jobs, check_writable_places
from cnn_cli.errors import UserError
from cnn_cli.explain import FAILURES, explain, not_understood, reason, single_options
from cnn_cli.guard import check_hydra, check_searchpath, refused_additions
from cnn_cli.paths import config_dir
from cnn_cli.reports import check_baseline
from cnn_cli.resolving import plain
from cnn_cli.targets import check_targets, check_trust

VERSION_BASE = "1.3"
"""The Hydra behaviour that the configs are written for."""

DRY_BUILDS = 100
"""Jobs of a sweep whose components are built for trial; more are checked when they start."""


@dataclass(frozen=True)
class Prepared:
    """What hydra.main is to be called with."""

    config_name: str
    overrides: tuple[str, ...]
    sweep: Path | None = None
    """the folder of a training sweep's jobs"""


@dataclass(frozen=True)
class Composer:
    """Composes one command's primary config with overrides, as Hydra will."""

    loader: ConfigLoaderImpl
    config_name: str
    record: Mapping[str, Any] | None = None
    """the config of the run that is resumed"""

    def compose(self, overrides: Sequence[str], mode: RunMode) -> DictConfig:
        """Raises one of FAILURES for wrong overrides."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Hydra says them again when it runs
            return self.loader.load_configuration(self.config_name, list(overrides), mode)

    def settle(
        self, overrides: Sequence[str], mode: RunMode, problems: list[str]
    ) -> tuple[list[str], DictConfig]:
        """The overrides that compose, and what they compose to; each that does not is a problem.

        Hydra stops at the first wrong override. Where it does, they are laid on one by one, group
        choices first as Hydra has it, and each that fails is explained and left out.
        """
        try:
            return list(overrides), self.compose(overrides, mode)
        except FAILURES:
            pass
        try:
            cfg = self.compose([], mode)
        except FAILURES as error:
            raise UserError(*problems, f"the configs do not compose: {reason(error)}") from error
        kept: list[str] = []
        for override in sorted(overrides, key=lambda line: "." in line.partition("=")[0]):
            try:
                cfg = self.compose([*kept, override], mode)
                kept.append(override)
            except FAILURES as error:
                parsed = OverridesParser.create(self.loader).parse_override(override)
                problems.append(explain(parsed, error, cfg, self.loader))
        return [override for override in overrides if override in kept], cfg


def prepare(request: Request) -> Prepared:
    """Compose and check the request; nothing is run. Raises UserError with all problems."""
    problems: list[str] = []
    loader = make_loader(request.config_dir)
    parsed = _parsed(request.overrides, loader, problems)
    parsed, untrained = preview.settle(request.command, parsed, loader, problems)
    primary = OmegaConf.create(preview.primary()) if untrained else _own(request.command)
    parsed = single_options(parsed, primary, loader, problems)
    trust = _trust(parsed, problems)
    problems += refused_additions(parsed)
    if problems:  # a wrong trust is told once
        parsed = [override for override in parsed if override.key_or_group != "trust" or trust]
    for override in parsed:
        if override.key_or_group == "hydra.searchpath":
            refused = check_searchpath(override.value(), trust)
            if refused:  # composing would already import the package
                raise UserError(*problems, *refused)
    composer, overrides = _on_record(request, loader, parsed, trust, problems, untrained)
    mode = RunMode.MULTIRUN if request.multirun else RunMode.RUN
    overrides, cfg = composer.settle(overrides, mode, problems)
    problems += check_hydra(cfg)
    jobs = [cfg]
    sweeps = request.multirun or cfg.hydra.mode == RunMode.MULTIRUN
    if not problems and sweeps:
        jobs = _jobs(composer, cfg, problems)
        problems += check_jobs(jobs)
    for number, job in enumerate(jobs):
        problems += _check(request, composer, job, trust, build=number < DRY_BUILDS)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    folder = None
    if sweeps and request.command == "train" and request.action == "run":
        folder = Path(str(cfg.hydra.sweep.dir))  # has the time in it: settled once
        overrides = [*overrides, f"hydra.sweep.dir={quote(str(folder))}"]
    return Prepared(composer.config_name, tuple(overrides), folder)


def make_loader(extra: str | None) -> ConfigLoaderImpl:
    """Hydra's loader over our configs and a folder of the user's own, searched before ours."""
    version.setbase(VERSION_BASE)
    setup_globals()
    path = create_config_search_path(str(config_dir()))
    if extra is not None:
        where = f"file://{Path(extra).resolve()}"
        path.prepend("command-line", where, SearchPathQuery(provider="schema", path=None))
    return ConfigLoaderImpl(path)


def _own(command: str) -> Any:
    """The command's own YAML, with nothing composed."""
    return OmegaConf.load(config_dir() / f"{command}.yaml")


def _parsed(
    overrides: Sequence[str], loader: ConfigLoaderImpl, problems: list[str]
) -> list[Override]:
    parser = OverridesParser.create(config_loader=loader)
    found: list[Override] = []
    for override in overrides:
        try:
            found += parser.parse_overrides([override])
        except FAILURES:
            problems.append(not_understood(override))
    return found


def _trust(parsed: Sequence[Override], problems: list[str]) -> tuple[str, ...]:
    """The modules trusted on this command line."""
    given = [override for override in parsed if override.key_or_group == "trust"]
    value = given[-1].value() if given and not given[-1].is_sweep_override() else []
    if any(override.is_sweep_override() for override in given) or not isinstance(value, list):
        problems.append(f"{given[-1].input_line}: must be a list, such as trust=[mymodels]")
        return ()
    problems += check_trust(value)
    return tuple(str(entry) for entry in value)


def _on_record(
    request: Request,
    loader: ConfigLoaderImpl,
    parsed: Sequence[Override],
    trust: Sequence[str],
    problems: list[str],
    untrained: bool,
) -> tuple[Composer, list[str]]:
    """The composer with a run's recorded choices under it, and the overrides that may stay."""
    lines = [str(override.input_line) for override in parsed]
    if untrained:
        preview.offer()
        return Composer(loader, preview.NAME), lines
    composer = Composer(loader, request.command)
    early = _own(request.command)
    key = "resume" if request.command == "train" else "checkpoint"
    ref = _early(key, early, parsed, problems)
    if ref is None and key == "checkpoint":
        problems = problems or [f"{key}=null: name one: latest, a run's folder or name, or a file"]
        raise UserError(*problems)
    root = _early("run.root", early, parsed, problems if ref else [])
    if ref is None or root is None:
        return composer, lines
    try:
        values = recorded.read(ref, root, "last" if key == "resume" else "best", trust)
    except UserError as error:  # without the record there is nothing to compose
        if request.command == "visualize":
            told = (preview.without_a_run(line, root, parsed, loader) for line in error.problems)
            raise UserError(*problems, *told) from error
        raise UserError(*problems, *error.problems) from error
    if key == "checkpoint":
        recorded.offer(request.command, values)
        return composer, lines
    recorded.offer_resumed(values)
    groups = set(loader.list_groups("")) - {"device", "hydra"}
    fixed = {line: o.key_or_group for line, o in zip(lines, parsed, strict=True)}
    problems += [recorded.refuse_group(o, g, values) for o, g in fixed.items() if g in groups]
    kept = [line for line in lines if fixed[line] not in groups]
    return replace(composer, config_name=recorded.RESUMED, record=values), kept


def _early(key: str, early: Any, parsed: Sequence[Override], problems: list[str]) -> str | None:
    """The value of `key`, which has to be known before the config is composed."""
    given = [override for override in parsed if override.key_or_group == key]
    if any(override.is_sweep_override() for override in given):
        problems.append(f"{key}: takes one value, not a sweep; run the command once for each")
        return None
    value = given[-1].value() if given else OmegaConf.select(early, key)
    try:
        resolved = OmegaConf.create({"value": value}).value
    except FAILURES as error:
        problems.append(f"{key}={value}: {reason(error)}")
        return None
    return None if resolved is None else str(resolved)


def _jobs(composer: Composer, cfg: DictConfig, problems: list[str]) -> list[DictConfig]:
    """The config of every job of a sweep, expanded as Hydra's basic sweeper does it."""
    params = [f"{key}={value}" for key, value in (cfg.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=composer.loader)
    try:
        swept = parser.parse_overrides([*params, *cfg.hydra.overrides.task])
        jobs = BasicSweeper.split_arguments(swept, None)[0]
    except FAILURES as error:
        problems.append(f"--multirun: {reason(error)}")
        return []
    always = list(cfg.hydra.overrides.hydra)
    return [composer.settle([*always, *job], RunMode.RUN, problems)[1] for job in jobs]


def _check(
    request: Request, composer: Composer, cfg: DictConfig, trust: Sequence[str], *, build: bool
) -> list[str]:
    """Everything wrong with one composed config; its components only where it is to run."""
    problems = check_hydra(cfg)
    unresolved: list[str] = []
    values = plain(cfg, unresolved)
    problems += check_targets(values, trust)
    if list(values.get("trust") or []) != list(trust):
        problems.append("trust: counts on the command line only, not in a config file")
    if composer.record is not None:
        problems += recorded.check_resumed(composer.record, values)
    else:
        problems += _both_lengths(cfg, values)
    if request.action != "run":
        return problems
    try:
        parse(request.command, cfg)
    except UserError as error:
        problems += error.problems
    problems += check_writable_places(values, request.command, composer.record)
    problems += check_baseline(values)
    return problems + (_check_components(cfg, values, unresolved, trust) if build else [])


def _both_lengths(cfg: DictConfig, values: Mapping[str, Any]) -> list[str]:
    """A problem where this command line gives epochs, and a time to fit them into is set as well.

    Epochs of a file (every data set and recipe has some) give way to a budget.
    """
    trainer = values.get("trainer")
    budget = trainer.get("budget") if isinstance(trainer, Mapping) else None
    lines: Any = OmegaConf.to_container(cfg.hydra.overrides.task, resolve=False)
    given = [str(line).lstrip("+") for line in lines]
    epochs = [line for line in given if line.startswith("trainer.epochs=")]
    if budget is None or not epochs:
        return []
    leave = (
        "leave one of them out"
        if any(line.startswith("trainer.budget=") for line in given)
        else "leave it out, or add trainer.budget=null"
    )
    told = f"trainer.budget={budget} finds out how many epochs there is time for"
    return [f"{epochs[-1]}: {told}; {leave}"]


def _check_components(
    cfg: DictConfig, values: Mapping[str, Any], unresolved: Sequence[str], trust: Sequence[str]
) -> list[str]:
    """Problems of the components whose targets are allowed and whose values are all there."""
    from cnn_cli.build import check_components  # torch, which takes its time

    refused = check_targets(values, trust)
    whole = {
        group: node
        for group, node in values.items()
        if not any(re.search(rf"\b{group}\b", line) for line in [*unresolved, *refused])
    }
    given: Any = OmegaConf.to_container(cfg.hydra.overrides.task, resolve=False)
    return check_components(whole, trust, given)

"""A report's files, with what its page tells of the training."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from cnn_cli.commands import calibrating
from cnn_cli.commands.reporting import Evaluated
from cnn_cli.commands.trained import Trained
from cnn_cli.paths import config_dir
from cnn_cli.report.files import write_report
from cnn_cli.report.html import Background, page
from cnn_cli.resolving import leaves
from cnn_cli.run import Run
from cnn_cli.sidecar import calibration_of

OVERRIDE = "# override: "


def publish(made: Evaluated, trained: Trained, folder: Path) -> list[Path]:
    """Write every file of the report into `folder`, which exists; returns them."""
    background = background_of(trained.run) if trained.run else Background()
    fitted = calibrating.read(
        calibration_of(trained.path), str(made.report.provenance["checkpoint_sha256"])
    )
    if fitted and trained.tta == "none":
        background = replace(background, temperature=calibrating.told(fitted))
    text = page(made.report, made.predictions, made.split, background)
    return write_report(made.report, made.predictions, folder, text)


def background_of(run: Run) -> Background:
    """What the run's folder has of its training; a file that is damaged or gone tells nothing."""
    config = _text(run.config)
    environment = _object(_text(run.environment))
    given = [line.removeprefix(OVERRIDE) for line in config.splitlines() if line.startswith("# ")]
    command = environment.get("command")
    typed = shlex.join(map(str, command)) if isinstance(command, list) else ""
    changed = _changed(given, config)
    return Background(run.read_metrics(), config, changed, environment, typed)


def _changed(given: list[str], config: str) -> Mapping[str, str]:
    """Settings that were given, by a recipe or on the command line, with the value they came to."""
    recorded = dict(_flat(config))
    found: dict[str, str] = {}
    for line in given:
        key, equals, value = line.lstrip("+~").partition("=")
        if not equals:
            continue
        if key == "experiment":
            recipe = _flat(_text(config_dir() / "experiment" / f"{value}.yaml"))
            found |= {
                name: recorded.get(name, told) for name, told in recipe if "defaults" not in name
            }
        found[key] = recorded.get(key, value)
    return found


def _flat(text: str) -> list[tuple[str, str]]:
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return []
    return [(key, _told(leaf)) for key, leaf in leaves(values)] if isinstance(values, dict) else []


def _told(value: Any) -> str:
    return "null" if value is None else str(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

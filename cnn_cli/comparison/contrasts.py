"""What differs between runs besides their results: settings, data, and where they were made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnn_cli.arguments import is_path_key
from cnn_cli.checking import show
from cnn_cli.comparison.sides import Side
from cnn_cli.config_text import from_yaml
from cnn_cli.errors import UserError
from cnn_cli.resolving import leaves

ABSENT = "-"
PLACES = ("run", "resume", "output", "trust", "check", "require")
"""Parts of a config that change no result."""
OVERRIDE = "# override: "


@dataclass(frozen=True)
class Contrast:
    """One thing that is not the same in all runs; a value for each, "-" where it has none."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Contrasts:
    """What differs, by kind."""

    config: tuple[Contrast, ...]
    overrides: tuple[tuple[str, ...], ...]
    """of each run, as they were typed"""
    data: tuple[Contrast, ...]
    environment: tuple[Contrast, ...]
    notes: tuple[str, ...]
    """what is not known"""


def contrasts(sides: Sequence[Side]) -> Contrasts:
    """All that is recorded of each run, and not the same in all of them."""
    notes: list[str] = []
    configs = [_config(side, notes) for side in sides]
    environments = [_environment(side, notes) for side in sides]
    return Contrasts(
        config=_unequal([flat for flat, _ in configs]),
        overrides=tuple(given for _, given in configs),
        data=_told_by_all(_unequal([_data(side) for side in sides])),
        environment=_unequal(environments),
        notes=tuple(notes),
    )


def _unequal(runs: Sequence[Mapping[str, str]]) -> tuple[Contrast, ...]:
    """Keys in their order; those of runs that record nothing at all count as unknown."""
    keys = dict.fromkeys(key for run in runs for key in run)
    rows = [Contrast(key, tuple(run.get(key, ABSENT) for run in runs)) for key in keys]
    known = [place for place, run in enumerate(runs) if run]
    return tuple(row for row in rows if len({row.values[place] for place in known}) > 1)


def _told_by_all(rows: Sequence[Contrast]) -> tuple[Contrast, ...]:
    """Without what one kind of report tells and another does not."""
    return tuple(row for row in rows if ABSENT not in row.values)


def _config(side: Side, notes: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Flat settings, places left out, and the overrides."""
    if side.run is None or not side.run.config.is_file():
        notes.append(f"{side.letter}: its run's config.yaml was not found, nor what was typed")
        return {}, ()
    path = side.run.config
    try:
        text = path.read_text(encoding="utf-8")
        values = from_yaml(text)
    except (UserError, OSError, UnicodeDecodeError):
        notes.append(f"{side.letter}: {path} cannot be read; its settings are unknown")
        return {}, ()
    lines = [line for line in text.splitlines() if line.startswith(OVERRIDE)]
    given = dict.fromkeys(line.removeprefix(OVERRIDE) for line in lines)
    flat = dict(_flat(values))
    return flat, tuple(line for line in given if not _is_place(line.partition("=")[0].lstrip("+")))


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key -> value as one would type it; of a component's target its own name."""
    for key, value in leaves(values):
        if key.endswith("._target_"):
            yield key.removesuffix("._target_"), str(value).rpartition(".")[2]
        elif not _is_place(key):
            yield key, show(value)


def _is_place(key: str) -> bool:
    """Whether a key says where things are: a model's first weights are more than that."""
    return key.split(".")[0] in PLACES or (is_path_key(key) and key != "model.weights")


def _data(side: Side) -> dict[str, str]:
    told = side.provenance
    found = {name: str(told[name]) for name in ("dataset", "split", "tta") if name in told}
    found["pictures"] = f"{side.images:,}"
    if "train_images" in side.cost:
        found["training pictures"] = f"{side.cost['train_images']:,}"
    if "dataset_fingerprint" in told:
        found["fingerprint"] = str(told["dataset_fingerprint"])[:12]
    found["temperature"] = f"{told['temperature']:.3g}" if "temperature" in told else "none"
    other = told.get("dataset_is_that_of_training") is False
    found["trained on"] = "other data" if other else "this data"
    return found


def _environment(side: Side, notes: list[str]) -> dict[str, str]:
    """Of the training, where its record is found; else of the evaluation, by the report."""
    record: Any = None
    if side.run is not None and side.run.environment.is_file():
        try:
            record = json.loads(side.run.environment.read_bytes())
        except (OSError, ValueError):
            record = None
    if not isinstance(record, Mapping):
        notes.append(f"{side.letter}: no environment.json that can be read; by its report alone")
        record = {}
    versions = record.get("versions") or side.provenance.get("versions")
    found = {name: str(v) for name, v in versions.items()} if isinstance(versions, Mapping) else {}
    found |= {name: str(record[name]) for name in ("python", "platform") if name in record}
    hardware = record.get("hardware")
    if isinstance(hardware, Mapping):
        found |= {k: show(hardware[k]) for k in ("processor", "cores", "gpus") if k in hardware}
    device = record.get("device") or side.provenance.get("device")
    found |= {"device": str(device)} if device else {}
    git = record.get("git")
    if isinstance(git, Mapping) and git.get("commit"):
        found["commit"] = str(git["commit"])[:10] + (" and changes" if git.get("changed") else "")
    weights = record.get("weights")
    if isinstance(weights, Mapping) and weights.get("sha256"):
        found["first weights"] = str(weights["sha256"])[:12]
    return found

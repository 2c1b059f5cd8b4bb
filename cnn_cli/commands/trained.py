"""A checkpoint turned back into a model that can be used."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from cnn_cli import build, inputs
from cnn_cli.config import Node
from cnn_cli.config_text import from_yaml
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.device import DTYPES, Device, with_threads
from cnn_cli.engine import checkpoint
from cnn_cli.engine.checkpoint import Checkpoint
from cnn_cli.engine.display import Display
from cnn_cli.engine.fitting import unlike
from cnn_cli.engine.predict import batch_size_for
from cnn_cli.engine.views import TTA, Views
from cnn_cli.errors import UserError
from cnn_cli.files import check_output
from cnn_cli.processors import cores, told_threads
from cnn_cli.run import Run, find_checkpoint, new_folder, run_of, stamp
from cnn_cli.sections import DeviceConfig


@dataclass(frozen=True)
class Trained:
    """A model in evaluation mode, on its device, with the averaged weights if there are any."""

    model: nn.Module
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    config: Mapping[str, Any]
    step: int
    elapsed: float
    fingerprint: str
    path: Path
    tta: TTA = "none"
    plain: nn.Module | None = None
    """the model itself, where `model` averages views"""
    temperature: float = 1.0
    """by which logits are divided before the softmax"""

    @property
    def batch_size(self) -> int:
        """Pictures a batch in the evaluations of training."""
        told = self.config["trainer"]["eval_batch_size"]
        return int(told or batch_size_for(self.preprocessing.size))

    @property
    def run(self) -> Run | None:
        return run_of(self.path)

    @property
    def title(self) -> str:
        return self.run.folder.name if self.run else self.path.name


def load(path: Path, device: Device, trust: tuple[str, ...]) -> Trained:
    """Build the model that `path` was trained with and give it the weights.

    Raises UserError where the file is damaged or its weights do not fit the model.
    """
    saved = checkpoint.load(path)
    config = from_yaml(saved.config)
    check_shapes(path, saved, config["model"], trust)
    model = build.model(
        config["model"], saved.preprocessing, len(saved.classes), seed=0, trust=trust
    )
    try:
        model.load_state_dict(saved.model if saved.ema is None else saved.ema)
    except RuntimeError as error:
        raise UserError(f"{path}: its weights do not fit the model: {error}") from error
    device.place_model(model.eval())
    return Trained(
        model=model,
        classes=saved.classes,
        preprocessing=saved.preprocessing,
        config=config,
        step=saved.step,
        elapsed=saved.elapsed,
        fingerprint=saved.fingerprint,
        path=path,
    )


def as_it_was(path: Path, told: str, device: Device, wanted: DeviceConfig) -> Device:
    """`device` with the arithmetic of the run of checkpoint `path`, where `wanted` leaves it open.

    That is fp32 if the run was in it, its number of threads, and its way of small maps. `told` is
    the run's own precision; where that is auto, and for the others, its environment.json says what
    it came to when it was trained last: another machine, an older version or a busier hour may
    choose otherwise. So figures are those of the training's end, and a resume goes on as it was.
    bfloat16 is not taken up on a processor that has it not: it would be slow there.
    """
    used, beside = _device_of(run_of(path))
    if wanted.precision == "auto" and "fp32" in (used if told == "auto" else [told]):
        device = replace(device, precision="fp32")
    threads = [int(part.split()[0]) for part in used if re.fullmatch(r"\d{1,4} threads?", part)]
    if wanted.threads is None and device.place.type == "cpu" and threads and not told_threads():
        device = with_threads(device, min(max(1, threads[0]), cores()))
    if wanted.side_by_side == "auto" and device.place.type == "cpu" and used[:1] == ["cpu"]:
        device = replace(device, side_by_side=beside)
    return device


def other_arithmetic(path: Path, device: Device) -> list[str]:
    """A note where the run of checkpoint `path` was trained otherwise; else none.

    That is on another device, in another precision, or with small maps in the other way.
    """
    used, beside = _device_of(run_of(path))
    now = str(device).split(", ")[0], device.precision
    before = (
        used[0] if used else now[0],
        next((part for part in used if part in ("fp32", *DTYPES)), now[1]),
    )
    told = f"{' in '.join(now)} from here on, {' in '.join(before)} before: results may differ"
    if before != now:
        return [told]
    if used[:1] != ["cpu"] or beside == device.side_by_side:
        return []
    way = f"device.side_by_side={str(device.side_by_side).lower()}"
    return [f"{way} from here on, not before: rounding differs"]


def fewer_threads(before: Device, device: Device) -> list[str]:
    """A note where `device` has fewer threads than `before`, as its run had them; else none."""
    few, every = device.threads, before.threads
    told = (
        f"{few} of {every} threads, as in this run before (device.threads={every} takes them all)"
    )
    return [told] * (few < every)


def _device_of(run: Run | None) -> tuple[list[str], bool]:
    """What its last training recorded, and whether small maps were side by side then.

    Such as cpu, 2 threads, fp32; nothing where that is lost.
    """
    if run is None:
        return [], False
    try:
        record = json.loads(run.environment.read_bytes())
        last = [record, *record.get("resumed", ())][-1]
        beside = last["side_by_side"] if "side_by_side" in last else _joined(run)
        return str(last["device"]).split(", "), bool(beside)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [], False


def _joined(run: Run) -> bool:
    """Whether an older run put small maps side by side, by its config: not if that has no key."""
    try:
        node = from_yaml(run.config.read_text())["device"]
    except (OSError, UserError, KeyError):  # damaged or gone
        return False
    return isinstance(node, Mapping) and node.get("side_by_side") is True


def check_shapes(path: Path, saved: Checkpoint, node: Node, trust: tuple[str, ...]) -> None:
    """Compare the weights with the model that the config describes, before that takes any memory.

    Raises UserError where they do not fit it.
    """
    with torch.device("meta"):
        form, classes = saved.preprocessing, len(saved.classes)
        model = build.model(node, form, classes, seed=0, trust=trust)
    for part, weights in (("model", saved.model), ("ema", saved.ema)):
        wrong = unlike(part, model.state_dict(), weights, finite=False) if weights else []
        if wrong:
            raise UserError(f"{path}: its weights do not fit its model: {', '.join(wrong)}")


def evaluation_node(node: Node, trained: Trained, overrides: list[str]) -> Node:
    """The data set to evaluate: of a folder other than the run's, the test is all that is there.

    Unless it has a test of its own, or `dataset.test_fraction` was given.
    """
    given = any(line.startswith("dataset.test_fraction=") for line in overrides)
    places, before = inputs.located(node), inputs.located(trained.config["dataset"])
    other = any(places.get(key) != before.get(key) for key in inputs.PLACES)
    if not other:
        return node
    whole = {key: None for key in ("folds", "fold") if key in node}
    test = {"test_fraction": 1} if "test_fraction" in node and not given else {}
    return {**node, **whole, **test}


def with_views(trained: Trained, tta: TTA, *, mirrored: bool) -> Trained:
    """The same model, which looks at several views of each picture.

    Raises UserError for mirror images of a data set whose pictures change their class by it.
    """
    if tta == "none":
        return trained
    if tta == "flip" and not mirrored:
        raise UserError(
            "tta=flip: a mirrored picture may show another class here (dataset.mirror=false);"
            " tta=shift moves pictures without mirroring them"
        )
    views = Views(trained.model, tta, mirrored=mirrored).eval()
    return replace(trained, model=views, tta=tta, plain=trained.model)


def warn_of_other_pictures(
    dataset: Dataset, node: Node, trained: Trained, split: str, display: Display
) -> None:
    """Say so where the folder of the training has other pictures by now, and is cut anew."""
    places, before = inputs.located(node), inputs.located(trained.config["dataset"])
    same = all(places.get(key) == before.get(key) for key in node)
    if same and dataset.fingerprint != trained.fingerprint:
        display.warn(
            f"{dataset.name} is not as it was in training (other pictures, labels or classes):"
            f" where its splits are cut, the {split} split may hold pictures that were trained on"
        )


def find(ref: str, root: str, display: Display, prefer: Literal["best", "last"] = "best") -> Path:
    """The checkpoint that `ref` means; says which ones were passed over for it."""
    found = find_checkpoint(ref, Path(root), prefer)
    for note in found.notes:
        display.say(f"note: {note}", style="yellow", markup=False)
    return found.path


def output_folder(
    output: str | None, path: Path | None, root: str, kind: str, what: str, job: Path | None
) -> Path:
    """A new, empty folder for what a command writes about the checkpoint at `path`.

    `output` where given, else the sweep's `job` folder, else RUN/kind/<time>_<what>; for a
    checkpoint file on its own, or none at all, the same under run.root. Raises UserError if
    `output` is not empty.
    """
    if output is not None:
        folder = Path(output)
        check_output(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"output={output}: cannot be made: {error.strerror}") from error
        return folder
    if job is not None:
        return new_folder(job.parent, job.name)
    run = run_of(path) if path else None
    parent = run.folder if run else Path(root)
    try:
        return new_folder(parent / kind, f"{stamp()}_{what}")
    except UserError as error:
        raise UserError(f"{error}; output=FOLDER names another place") from error

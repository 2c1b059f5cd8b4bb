"""model.weights: the first weights of a model, from a run, from a file or from torchvision."""

import hashlib
import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnn_cli.checking import conform
from cnn_cli.config import Node
from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.download import DownloadError, download
from cnn_cli.engine import archive, checkpoint
from cnn_cli.errors import UserError, closest
from cnn_cli.limits import NonNegativeInt
from cnn_cli.models.classifier import Classifier
from cnn_cli.models.freezing import freeze, head
from cnn_cli.models.torchvision_model import WITHOUT_AUXILIARY, names, torchvision_model
from cnn_cli.models.transfer import Match, few, load
from cnn_cli.run import find_checkpoint

KEYS = ("weights", "freeze")
"""Keys of every model's node that are not its network's arguments."""
OURS = f"{torchvision_model.__module__}.{torchvision_model.__name__}"
NESTED = ("state_dict", "model", "model_state_dict")
"""Names under which other programs keep the weights in their checkpoints."""

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin")
HALF = 0.5
"""Share of the parameters below which the weights may be of another model."""


@dataclass(frozen=True)
class Pretrained:
    """What `model.weights` led to; of a plain state_dict neither input nor classes are known."""

    title: str
    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None


def network_arguments(node: Node) -> Node:
    """A model's node without the keys that are handled here."""
    return {key: value for key, value in node.items() if key not in KEYS}


def read(node: Node, root: str, *, offline: bool = False) -> Pretrained | None:
    """The weights that a model's node asks for, downloaded where they are torchvision's own.

    `root` holds the runs that can be named. `offline` leaves out what would have to be downloaded.
    Raises UserError where there are none such.
    """
    problems: list[str] = []
    given: str | None = conform("model.weights", node.get("weights"), str | None, problems)
    if problems:
        raise UserError(*problems)
    if given is None:
        return None
    name = _torchvision_name(node)
    entries = _entries(name) if name else {}
    family, _, member = given.rpartition(".")
    families = {"", *(type(entry).__name__.lower() for entry in entries.values())}
    entry = entries.get(member.upper()) if family.lower() in families else None
    if entry is not None and name is not None:
        return None if offline and not _place_of(entry).is_file() else _of_torchvision(entry, name)
    if given.lower() == "default":
        raise UserError(
            "model.weights=default: only torchvision's models have weights of their own"
            " (model=torchvision model.name=resnet18); give a run or a file"
        )
    if Path(given).suffix in SUFFIXES and not (Path(given).exists() or Path(root, given).exists()):
        raise UserError(f"model.weights: there is no file {Path(given).resolve()}")
    try:
        found = find_checkpoint(given, Path(root), "best")
        return _of_file(found.path)
    except UserError as error:
        own = f"; torchvision's for {name}: {', '.join(entries).lower()}" if entries else ""
        near = closest(given.upper(), entries)
        raise UserError(
            *(f"model.weights: {line}{near}{own}" for line in error.problems)
        ) from error


def adopted(
    data: Preprocessing, own: Preprocessing | None, given: Collection[str]
) -> dict[str, Any]:
    """The values of the data set's node that change, for pictures as the weights know them.

    Size, resizing, mean and std are those of the weights unless `given` names them
    (`dataset.size`); the channels stay the data's. Grey takes the mean over three channels, colour
    the one of grey.
    """
    if own is None:
        return {}
    found: dict[str, Any] = {"size": own.size}
    if own.resize != data.resize:
        found["resize"] = own.resize
    for key in ("mean", "std"):
        values = getattr(own, key)
        if values is None:
            continue
        if data.channels == 1:
            values = (sum(values) / len(values),)
        elif len(values) == 1:
            values = values * data.channels
        if len(values) == data.channels:
            found[key] = tuple(float(value) for value in values)
    return {key: value for key, value in found.items() if f"dataset.{key}" not in given}


def prepare(
    model: Classifier, node: Node, first: Pretrained | None, classes: tuple[str, ...] | None
) -> list[str]:
    """Load the `first` weights into a new model and freeze as its node says; lines that tell of it.

    The head stays as drawn where the weights know other `classes`. Raises UserError where nothing
    in the file fits, and for what cannot be frozen.
    """
    match = None if first is None else _load(model, first, classes)
    notes = [] if first is None or match is None else [_told(first, match)]
    problems: list[str] = []
    kind = str | NonNegativeInt | tuple[str, ...] | None
    what = conform("model.freeze", node.get("freeze"), kind, problems)
    if problems:
        raise UserError(*problems)
    try:
        parts = freeze(model, what)
    except ValueError as error:
        raise UserError(f"model.{error}") from error
    if parts:
        notes.append(f"frozen: {', '.join(parts)}")
    if match and (drawn := _frozen_as_drawn(model, match)):
        notes.append(
            f"warning: frozen with random first weights, as the file has none for {few(drawn)};"
            " name what is to be frozen (model.freeze=[...]) without them"
        )
    return notes


def _frozen_as_drawn(model: Classifier, match: Match) -> list[str]:
    """Frozen parameters that the file gave nothing to."""
    random = {*match.other, *match.missing, *match.left}
    fixed = (name for name, p in model.net.named_parameters() if not p.requires_grad)
    return [name for name in fixed if name in random]


def _load(model: Classifier, first: Pretrained, classes: tuple[str, ...] | None) -> Match:
    others = first.classes is not None and classes is not None and first.classes != classes
    match = load(model.net, first.tensors, head(model.net) if others else None)
    if not match.share and not match.left:
        theirs, own = (
            few(list(first.tensors)),
            few([name for name, _ in model.net.named_parameters()]),
        )
        raise UserError(
            f"model.weights: {first.path}: nothing in it fits this model: it has {theirs}, the"
            f" model {own}; choose the model that the weights were trained with"
        )
    return match


def _told(first: Pretrained, match: Match) -> str:
    little = " (was it another model?)" if match.share < HALF else ""
    return f"weights of {first.title}: {match}{little}"


def settings(overrides: Collection[str]) -> set[str]:
    """The keys that were set on the command line."""
    return {line.lstrip("+").partition("=")[0] for line in overrides}


def _torchvision_name(node: Node) -> str | None:
    """What torchvision calls the model of `node`; None where it is not one of its own."""
    target = str(node.get("_target_"))
    if target == OURS:
        return str(node.get("name"))
    package, _, name = target.rpartition(".")
    known = package.startswith("torchvision.models") and name in names()
    return name if known else None


def _entries(name: str) -> dict[str, Any]:
    """DEFAULT, IMAGENET1K_V1, ... of the torchvision model `name`."""
    from torchvision import models

    if name not in names():
        return {}
    offered = models.get_model_weights(name)
    return {"DEFAULT": offered.DEFAULT, **offered.__members__}


def _place_of(entry: Any) -> Path:
    """Where torch.hub keeps the file, which other programs may have put there."""
    return Path(torch.hub.get_dir()) / "checkpoints" / str(entry.url).rpartition("/")[2]


def _of_torchvision(entry: Any, name: str) -> Pretrained:
    path = _place_of(entry)
    stated = re.search(r"-([0-9a-f]{8,})\.", path.name)  # as torch.hub reads it
    _obtain(entry.url, path, stated[1] if stated else None)
    digest = _sha256(path)
    if stated and not digest.startswith(stated[1]):
        raise UserError(
            f"model.weights: {path} is damaged: its sha256 starts with {digest[:8]}, not"
            f" {stated[1]}; remove it to download it again"
        )
    form = entry.transforms()
    mean, std = tuple(form.mean), tuple(form.std)
    if name in WITHOUT_AUXILIARY:  # trained elsewhere; torchvision converts inside the network
        mean = std = (0.5, 0.5, 0.5)
    return Pretrained(
        title=f"{entry} of torchvision",
        path=path,
        sha256=digest,
        tensors=_tensors(path, _plain(path)),
        preprocessing=Preprocessing(3, form.crop_size[0], "crop", mean, std),
    )


def _obtain(url: str, path: Path, sha256: str | None) -> None:
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download([url], path, size=None, md5=None, sha256=sha256)
    except (DownloadError, OSError) as error:
        raise UserError(
            f"model.weights: {path} is not there, and could not be downloaded from {url}: {error};"
            " put the file there yourself, or give another file"
        ) from error


def _of_file(path: Path) -> Pretrained:
    fields = {"format": 0} if path.suffix == ".ckpt" else _plain(path)
    if not isinstance(fields, Mapping) or "format" not in fields:
        return Pretrained(str(path), path, _sha256(path), _tensors(path, fields))
    saved = checkpoint.load(path)
    weights = saved.model if saved.ema is None else saved.ema
    kept = {key: value for key, value in weights.items() if not key.startswith("normalize.")}
    return Pretrained(str(path), path, _sha256(path), kept, saved.preprocessing, saved.classes)


def _plain(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):
            archive.check(path)
        elif not _is_text(path):
            archive.check_legacy(path)
    except archive.HoldsCodeError as error:
        raise UserError(
            f"{path}: holds Python objects, not only tensors, and is not loaded ({error}); save the"
            " weights alone by torch.save(model.state_dict(), FILE)"
        ) from error
    except archive.NotAnArchiveError as error:
        raise UserError(f"{path}: is no file of torch.save: {error}") from error
    try:
        # weights_only: a file of weights is data; nothing in it is executed.
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file it does not accept
        pickled = "Weights only load failed" in str(error) and not _is_text(path)
        what = "holds Python objects, not only tensors" if pickled else "is no file of torch.save"
        raise UserError(
            f"{path}: {what}, and is not loaded; save the weights alone by"
            " torch.save(model.state_dict(), FILE)"
        ) from error


def _is_text(path: Path) -> bool:
    """Whether a file is one that a person wrote: a config, a table."""
    with path.open("rb") as file:
        start = file.read(1000)
    return b"\0" not in start and all(
        byte > 126 or byte > 31 or byte in b"\t\n\r" for byte in start
    )


def _tensors(path: Path, fields: Any) -> dict[str, Tensor]:
    """The state_dict in what a file holds. Raises UserError where there is none."""
    for key in NESTED:
        if isinstance(fields, Mapping) and isinstance(fields.get(key), Mapping):
            fields = fields[key]
            break
    items = fields.items() if isinstance(fields, Mapping) else ()
    found = {str(key): value for key, value in items if isinstance(value, Tensor)}
    if not found:
        raise UserError(f"{path}: holds no state_dict (names with tensors)")
    return {key: value for key, value in found.items() if not key.startswith("normalize.")}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

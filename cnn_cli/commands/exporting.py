"""The three formats: what is written, how it is run again for the comparison, what it says."""

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
import torch
import yaml
from torch import Tensor

from cnn_cli import build
from cnn_cli.commands.trained import Trained
from cnn_cli.config_text import from_yaml
from cnn_cli.data.contract import Preprocessing
from cnn_cli.device import Device
from cnn_cli.engine.saving import versions
from cnn_cli.errors import UserError
from cnn_cli.export import onnx_file, pt2_file, safetensors_file
from cnn_cli.export.deployed import Deployed, trace
from cnn_cli.export.parity import Logits
from cnn_cli.files import size_and_hash
from cnn_cli.models.classifier import Classifier

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "pt2": (),
    "safetensors": ("safetensors",),
}
"""What each format needs beyond torch: an extra of this package of the format's name."""
TITLES = {"onnx": "ONNX", "pt2": "a program of torch", "safetensors": "safetensors"}


@dataclass(frozen=True)
class Written:
    """A file's bytes, and the ways to run what is in them."""

    data: bytes
    name: str
    runtime: str
    logits: Logits
    stages: Callable[[Tensor], Mapping[str, Tensor]]


def check_packages(form: str) -> None:
    """Raise UserError unless the packages of a format are installed."""
    missing = [name for name in PACKAGES[form] if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"format={form}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not"
            f" installed; get what it needs by: pip install 'cnn-train[{form}]'"
        )


def metadata(trained: Trained, form: str) -> dict[str, str]:
    """What the file says of itself, each value a text; lists and mappings are JSON."""
    about = {
        "classes": _json(trained.classes),
        "preprocessing": _json(dataclasses.asdict(trained.preprocessing)),
        "temperature": repr(trained.temperature),
        "run": trained.title,
        "step": str(trained.step),
        "checkpoint": trained.path.name,
        "checkpoint_sha256": size_and_hash(trained.path)[1],
        "versions": _json(packages(form)),
    }
    if form != "safetensors":  # whose reader has to build the network
        return about
    return about | {"config": yaml.safe_dump(dict(trained.config), sort_keys=False)}


def packages(form: str) -> dict[str, str]:
    """The versions that wrote the file."""
    return versions() | {name: version(name) for name in PACKAGES[form]}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def write(trained: Trained, form: str, device: Device, trust: tuple[str, ...]) -> Written:
    """The model as the bytes of a file, opened again from these. Raises TrainingError."""
    about, deployed = metadata(trained, form), deploy(trained.model, trained.temperature)
    shape = (trained.preprocessing.channels, trained.preprocessing.size)
    if form == "onnx":
        return _onnx(onnx_file.to_onnx(deployed, shape, about), deployed, device)
    if form == "pt2":
        return _pt2(pt2_file.to_pt2(deployed, shape, about), deployed)
    data = safetensors_file.to_safetensors(trained.model, about)
    read = deploy(rebuilt(data, about, trust), float(about["temperature"]))
    return Written(
        data, "model.safetensors", "", lambda x: read(x)[0].numpy(), lambda x: trace(read, x)
    )


def _onnx(data: bytes, deployed: Deployed, device: Device) -> Written:
    def stages(images: Tensor) -> Mapping[str, Tensor]:
        return onnx_file.stages_of(data, images, tuple(trace(deployed, images)))

    run = onnx_file.runner(data, device.threads)
    return Written(data, "model.onnx", "onnxruntime", run, stages)


def _pt2(data: bytes, deployed: Deployed) -> Written:
    def stages(images: Tensor) -> Mapping[str, Tensor]:
        return pt2_file.stages_of(data, images, tuple(trace(deployed, images)))

    return Written(data, "model.pt2", "pt2", pt2_file.runner(data), stages)


def deploy(model: torch.nn.Module, temperature: float) -> Deployed:
    """The network with all that stands around it."""
    assert isinstance(model, Classifier)  # as build.model gives it
    return Deployed(model, temperature)


def rebuilt(data: bytes, about: Mapping[str, str], trust: tuple[str, ...]) -> Classifier:
    """The model that a safetensors file describes, with the weights that are in it."""
    form = json.loads(about["preprocessing"])
    form |= {name: tuple(form[name]) for name in ("mean", "std")}
    node = from_yaml(about["config"])["model"]
    classes = json.loads(about["classes"])
    model = build.model(node, Preprocessing(**form), len(classes), seed=1, trust=trust)
    model.load_state_dict(safetensors_file.weights_of(data))
    return model.eval()


def reference(trained: Trained, device: Device) -> Logits:
    """The model as `predict` runs it: pictures (N, C, S, S) uint8 to logits (N, K)."""

    def run(images: Tensor) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            logits: Tensor = trained.model(device.input(images)) / trained.temperature
        found: npt.NDArray[np.float32] = logits.numpy()
        return found

    return run

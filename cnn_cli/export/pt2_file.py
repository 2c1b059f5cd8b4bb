"""torch's own exported program, which runs without the code of the model."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnn_cli.errors import TrainingError
from cnn_cli.export.deployed import Deployed, captured, example
from cnn_cli.export.quiet import quiet


def to_pt2(deployed: Deployed, form: tuple[int, int], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes: pictures (batch, C, S, S) uint8 to (logits, probabilities).

    `form` is (channels, size); the metadata are extra files of its archive. Raises TrainingError
    where the network does what torch cannot trace.
    """
    file, batch = io.BytesIO(), torch.export.Dim("batch", min=1)
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(deployed, (example(*form),), dynamic_shapes=({0: batch},))
            for node in program.graph.nodes:
                node.meta.pop("stack_trace", None)  # paths of this machine
            torch.export.save(program, file, extra_files=dict(metadata))
    except Exception as error:  # the tracer raises anything on what it does not know
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise TrainingError(f"this network cannot be written as a program: {reason}") from error
    return file.getvalue()


def program_of(data: bytes) -> Any:
    """The program in the file's bytes."""
    with quiet():
        return torch.export.load(io.BytesIO(data))


def runner(data: bytes) -> Callable[[Tensor], npt.NDArray[np.float32]]:
    """A function from pictures (N, C, S, S) uint8 to logits (N, K), by the file's program."""
    module = program_of(data).module()

    def run(images: Tensor) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = module(images)[0].numpy()
        return logits

    return run


def stages_of(data: bytes, images: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Stage -> its output in the file's program for `images`; those it does not have are left out.

    The program is a flat list of operations that remember which part of the network they are of.
    """
    with quiet():
        module = torch.export.unflatten(program_of(data))
    there = dict(module.named_modules())
    parts = {name: there[name] for name in names if name in there}
    with torch.no_grad(), captured(module, parts) as found:
        module(images)
    return dict(found)

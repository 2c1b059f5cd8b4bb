"""ONNX: written by torch's exporter, run by onnxruntime."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnn_cli.errors import TrainingError
from cnn_cli.export.deployed import Deployed, Staged, example, trace
from cnn_cli.export.quiet import quiet

OPSET = 18
"""The oldest set of operators that torch's exporter writes: what most runtimes can read."""
LARGEST = 2**31 - 1
"""Bytes that one ONNX file can have."""


def to_onnx(deployed: Deployed, form: tuple[int, int], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes: `images` (batch, C, S, S) uint8 to `logits` and `probabilities` (batch, K).

    `form` is (channels, size). The values inside that are stages bear their names. Raises
    TrainingError where the network has an operator that ONNX lacks, or is too large for one file.
    """
    images = example(*form)
    with torch.no_grad():
        logits, _ = deployed(images)
        found = trace(deployed, images)
    inner = tuple(found)[:-1]  # the last stage's output are the logits themselves
    staged = Staged(deployed, inner).eval()
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(staged, (images,), dynamic_shapes=({0: _batch()},))
            written: Any = torch.onnx.export(
                program,
                input_names=["images"],
                output_names=["logits", "probabilities", *inner],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        proto = written.model_proto
    except Exception as error:  # exporters raise anything on what they do not know
        raise TrainingError(f"this network cannot be written as ONNX: {_brief(error)}") from error
    _settle(proto, metadata, form, logits.shape[1])
    if proto.ByteSize() > LARGEST:
        raise TrainingError(
            f"the network has {proto.ByteSize() / 1e9:.1f} GB, and an ONNX file at most 2;"
            " format=pt2 and format=safetensors have no limit"
        )
    data: bytes = proto.SerializeToString()
    return data


def _batch() -> Any:
    return torch.export.Dim("batch", min=1)


def _brief(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _settle(proto: Any, metadata: Mapping[str, str], form: tuple[int, int], classes: int) -> None:
    """The file as it is handed on: two outputs, a `batch` of any size, and the metadata.

    What the exporter notes for its developers, such as paths of this machine, goes.
    """
    import onnx

    channels, size = form
    graph, make = proto.graph, onnx.helper.make_tensor_value_info
    for part in (graph, *graph.node, *graph.initializer, *graph.value_info, *proto.functions):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:], graph.input[:], graph.output[:], proto.metadata_props[:]
    kinds = onnx.TensorProto
    graph.input.append(make("images", kinds.UINT8, ["batch", channels, size, size]))
    for name in ("logits", "probabilities"):
        graph.output.append(make(name, kinds.FLOAT, ["batch", classes]))
    graph.name = "classifier"
    proto.producer_name = "cnn-train"
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto)


def session(data: bytes, threads: int) -> Any:
    """An onnxruntime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def runner(data: bytes, threads: int) -> Callable[[Tensor], npt.NDArray[np.float32]]:
    """A function from pictures (N, C, S, S) uint8 to logits (N, K), by onnxruntime."""
    opened = session(data, threads)

    def run(images: Tensor) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = opened.run(["logits"], {"images": images.numpy()})[0]
        return logits

    return run


def stages_of(data: bytes, images: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Stage -> its output in the file's graph for `images`; the last of `names` are the logits.

    A stage whose value is not in the graph any more is left out.
    """
    import onnx

    proto = onnx.load_from_string(data)
    there = {value for node in proto.graph.node for value in node.output}
    wanted = {name: name for name in names[:-1] if name in there} | {names[-1]: "logits"}
    for value in wanted.values():
        if value != "logits":
            proto.graph.output.append(onnx.helper.make_empty_tensor_value_info(value))
    opened = session(proto.SerializeToString(), 1)
    found = opened.run(list(wanted.values()), {"images": images.numpy()})
    return {name: torch.from_numpy(out) for name, out in zip(wanted, found, strict=True)}

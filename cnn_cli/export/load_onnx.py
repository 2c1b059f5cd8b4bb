"""How the script beside an ONNX file opens it."""

import json
from pathlib import Path
from typing import Any


def load(script: Path) -> tuple[dict[str, Any], Any]:
    """What the file says of itself; pictures (N, C, S, S) uint8 -> probabilities (N, K)."""
    import onnxruntime

    file = script.with_name("model.onnx")
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    stored = session.get_modelmeta().custom_metadata_map
    about = {name: json.loads(stored[name]) for name in ("classes", "preprocessing")}
    return about, lambda images: session.run(["probabilities"], {"images": images})[0]

"""How the script beside a program of torch opens it."""

import json
from pathlib import Path
from typing import Any


def load(script: Path) -> tuple[dict[str, Any], Any]:
    """What the file says of itself; pictures (N, C, S, S) uint8 -> probabilities (N, K)."""
    import torch

    file = script.with_name("model.pt2")
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there")
    stored = {"classes": "", "preprocessing": ""}  # those asked for, and torch adds the others
    program: Any = torch.export.load(str(file), extra_files=stored)
    about = {name: json.loads(stored[name]) for name in ("classes", "preprocessing")}
    network = program.module()

    def run(images: Any) -> Any:
        with torch.inference_mode():
            return network(torch.from_numpy(images))[1].numpy()

    return about, run

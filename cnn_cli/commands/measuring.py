"""What a model costs: parameters, arithmetic, time, memory, and bytes on the disk."""

from typing import Any

from cnn_cli.commands.trained import Trained
from cnn_cli.device import Device
from cnn_cli.engine.estimate import peak_memory
from cnn_cli.engine.latency import latency
from cnn_cli.models.summary import summarise


def cost(trained: Trained, device: Device, images: int, seconds: float) -> dict[str, Any]:
    """Plain JSON; `images` were evaluated in `seconds`. FLOPs are those of one picture."""
    form = trained.preprocessing
    summary = summarise(trained.model, form.channels, form.size)
    return {
        "parameters": summary.parameters,
        "flops": summary.flops,
        "checkpoint_bytes": trained.path.stat().st_size,
        "weights_bytes": sum(p.nbytes for p in trained.model.state_dict().values()),
        "latency_ms": latency(trained.model, device, form.channels, form.size),
        "train_seconds_to_these_weights": round(trained.elapsed, 3),
        "evaluate_seconds": round(seconds, 3),
        "images_per_second": round(images / seconds, 1),
        "peak_memory_bytes": peak_memory(device),
    }

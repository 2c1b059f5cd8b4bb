"""How long a model takes for one picture, and for many at once."""

import statistics
import time
from typing import Any

import torch
from torch import nn

from cnn_cli.device import Device

WARM, FEWEST, MOST = 3, 10, 200
"""Runs before the clock counts, and how many are counted at least and at most."""
SECONDS = 0.4
"""Time after which no further run is made."""


def latency(model: nn.Module, device: Device, channels: int, size: int) -> dict[str, Any]:
    """Milliseconds from a uint8 picture on `device` to its logits there: `median`, `p95`, `runs`.

    Black pictures of `size` x `size`, one at a time, as many as fit into SECONDS. Raises ValueError
    for a model in training mode: black pictures would change its running statistics.
    """
    if model.training:
        raise ValueError("latency is that of a model in evaluation mode")
    picture = torch.zeros(1, channels, size, size, dtype=torch.uint8, device=device.place)
    taken: list[float] = []
    with torch.inference_mode(), device.autocast():
        for _ in range(WARM):
            model(device.input(picture))
        device.synchronize()
        begin = time.perf_counter()
        while len(taken) < MOST:
            start = time.perf_counter()
            model(device.input(picture))
            device.synchronize()
            taken.append(time.perf_counter() - start)
            if len(taken) >= FEWEST and time.perf_counter() - begin > SECONDS:
                break
    ranked = sorted(taken)
    return {
        "median": round(1000 * statistics.median(ranked), 4),
        "p95": round(1000 * ranked[max(0, -(-95 * len(ranked) // 100) - 1)], 4),
        "runs": len(ranked),
    }

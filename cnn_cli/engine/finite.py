"""A step whose loss or gradient is not finite leaves no trace: no weight, momentum or statistic.

Its figures stay in TrainState.rows, where the loop finds them.
"""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

WAITS_FOR_NOTHING = ("cpu",)
"""Devices whose figures are there at once."""


Bad = bool | Tensor
"""Whether a step was not finite: known at once, or a single bool on a device nobody waits for."""


def not_finite(figure: Tensor) -> Bad:
    """Whether a single number is NaN or infinite."""
    if figure.device.type in WAITS_FOR_NOTHING:
        return not math.isfinite(figure.item())
    return ~figure.isfinite()


class Statistics:
    """A model's buffers, which a forward pass changes: batch norm's means, variances and counts.

    They are spoilt before anybody can know that the loss is not finite, so they are kept before
    each step: a few small tensors.
    """

    def __init__(self, model: nn.Module) -> None:
        tracking = (m for m in model.modules() if getattr(m, "track_running_stats", False))
        self._live = [buffer for module in tracking for buffer in module.buffers(recurse=False)]
        self._kept = [buffer.clone() for buffer in self._live]

    def keep(self) -> None:
        """Remember them as they are."""
        if self._live:
            torch._foreach_copy_(self._kept, self._live)

    def restore(self, bad: Bad) -> None:
        """Where `bad` holds, have them as they were."""
        if isinstance(bad, bool):
            if self._live and bad:
                torch._foreach_copy_(self._live, self._kept)
            return
        for live, kept in zip(self._live, self._kept, strict=True):
            live.copy_(torch.where(bad, kept, live))


def takes_found_inf(optimizer: Optimizer) -> bool:
    """Whether it leaves a step undone by itself where its attribute `found_inf` is 1.

    torch's fused kernels do, and this package's own optimizers, so that the device need not be
    waited for.
    """
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False))


def step_unless(bad: Bad, optimizer: Optimizer) -> None:
    """The optimizer's step; nothing where `bad` holds.

    Waits for the device only where the optimizer cannot be told otherwise.
    """
    if isinstance(bad, bool) or not takes_found_inf(optimizer):
        if not bad:
            optimizer.step()
        return
    marks = vars(optimizer)
    marks |= {"grad_scale": None, "found_inf": bad.float()}
    try:
        optimizer.step()
    finally:
        del marks["grad_scale"], marks["found_inf"]

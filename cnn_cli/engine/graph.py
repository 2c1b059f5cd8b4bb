"""Steps replayed as a CUDA graph: one launch in place of hundreds, which a GPU would wait for."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnn_cli.device import Device
from cnn_cli.engine.finite import takes_found_inf
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.step import StepSettings, compute

BEFORE = 3
"""Steps of one kind done as they are: kernels are chosen, and the optimizer's state is made."""

Kind = tuple[object, ...]
"""Shapes and dtypes of pictures and targets: a graph is of one kind of step."""


@dataclass(frozen=True)
class Recording:
    """A graph, and the tensors that are filled before it is replayed or read after."""

    graph: torch.cuda.CUDAGraph
    pictures: Tensor
    targets: Tensor
    row: Tensor
    share: Tensor
    rates: tuple[Tensor, ...]
    """learning rates, () float32, one for each parameter group"""


@dataclass
class Replay:
    """Does `compute` as a CUDA graph from the fourth step of each kind on.

    The numbers are those of the plain step: the same kernels in the same order. What changes from
    step to step (pictures, learning rates, seeds, the averaged weights' share) is filled in. A
    state's tensors must stay where they are: after a restored checkpoint a new Replay is needed.
    """

    settings: StepSettings
    device: Device
    warn: Callable[[str], None]
    """told why steps cannot be recorded, where they cannot"""
    _done: Counter[Kind] = field(default_factory=Counter)
    _recordings: dict[Kind, Recording] = field(default_factory=dict)
    _given_up: bool = False

    def __call__(
        self,
        state: TrainState,
        pictures: Tensor,
        targets: Tensor,
        row: Tensor,
        share: Tensor | float,
    ) -> None:
        """As `compute` with this step's settings."""
        kind = (pictures.shape, pictures.dtype, targets.shape, targets.dtype)
        self._done[kind] += 1
        if self._done[kind] > BEFORE and kind not in self._recordings and not self._given_up:
            self._record(kind, state, pictures, targets, float(share))
        if kind in self._recordings:
            self._replay(self._recordings[kind], state, pictures, targets, row, float(share))
        else:
            compute(state, pictures, targets, row, share, self.settings, self.device)

    def _record(
        self, kind: Kind, state: TrainState, pictures: Tensor, targets: Tensor, share: float
    ) -> None:
        """Record a step, which does not take it; gives up where it cannot be recorded."""
        made = Recording(
            graph=torch.cuda.CUDAGraph(),
            pictures=pictures.clone(),
            targets=targets.clone(),
            row=torch.zeros_like(state.rows[0]),
            share=torch.full((), share, device=pictures.device),
            rates=tuple(
                torch.full((), float(group["lr"]), device=pictures.device)
                for group in state.optimizer.param_groups
            ),
        )
        try:
            # Only this thread's calls are recorded: another one may be pinning the next pictures.
            with (
                _recordable(state.optimizer, made.rates),
                torch.cuda.graph(made.graph, capture_error_mode="thread_local"),
            ):
                inputs = (made.pictures, made.targets, made.row, made.share)
                compute(state, *inputs, self.settings, self.device)
        except RuntimeError as error:
            state.optimizer.zero_grad(set_to_none=True)
            self._given_up = True
            reason = str(error).partition("\n")[0]
            self.warn(f"steps are slower than they could be: no CUDA graph of them ({reason})")
            return
        self._recordings[kind] = made

    def _replay(
        self,
        made: Recording,
        state: TrainState,
        pictures: Tensor,
        targets: Tensor,
        row: Tensor,
        share: float,
    ) -> None:
        made.pictures.copy_(pictures)
        made.targets.copy_(targets)
        made.share.fill_(share)
        for rate, group in zip(made.rates, state.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        made.graph.replay()
        row.copy_(made.row)


def why_not(optimizer: Optimizer, device: Device) -> str:
    """Why steps are not replayed as a graph with these; empty where they can be."""
    if device.place.type != "cuda":
        return "only on an NVIDIA GPU"
    if not device.graph:
        return "switched off"
    if not takes_found_inf(optimizer):
        return f"{type(optimizer).__name__} waits for the GPU in each step"
    return ""


@contextlib.contextmanager
def _recordable(optimizer: Optimizer, rates: tuple[Tensor, ...]) -> Iterator[None]:
    """Have the optimizer read its learning rates from the device, and allow the recording."""
    before = [dict(group) for group in optimizer.param_groups]
    try:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
            if "capturable" in group:  # torch's mark; its fused kernels are so anyway
                group["capturable"] = True
        yield
    finally:
        for group, old in zip(optimizer.param_groups, before, strict=True):
            group |= {key: old[key] for key in ("lr", "capturable") if key in old}

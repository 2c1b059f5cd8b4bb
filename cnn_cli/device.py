"""Where the arithmetic is done: choice of device, precision, memory format and threads."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from cnn_cli.errors import UserError
from cnn_cli.processors import cores, most_threads
from cnn_cli.sections import DeviceConfig

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A chosen device; `place` is torch's name for it."""

    place: torch.device
    precision: str
    channels_last: bool
    deterministic: bool
    threads: int
    workers: int
    graph: bool = True
    """steps may be replayed as a CUDA graph"""
    compile: bool = False
    """training's passes are compiled"""
    side_by_side: bool = False
    """small maps are trained several pictures a row"""

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def products(self) -> torch.dtype:
        """What matrices may be multiplied in that are no layer's: an optimizer's."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Reduced precision for the forward pass; does nothing with fp32."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.place.type, dtype=DTYPES[self.precision])

    def input(self, images: Tensor) -> Tensor:
        """Pictures (N, C, H, W), uint8 or float in [0, 1], on the device in its memory format.

        uint8 stays so: the model's first layer scales and normalises it in one pass.
        """
        images = images.to(self.place, non_blocking=True)
        return images.contiguous(memory_format=self.memory_format)

    def place_model(self, model: nn.Module) -> None:
        """Move the model here, its convolutions' weights in the memory format."""
        model.to(self.place)
        model.to(memory_format=self.memory_format)

    def compiled(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """`model`, or where it is wanted a compiled form that shares its weights."""
        return torch.compile(model, dynamic=False) if self.compile else model

    def synchronize(self) -> None:
        """Wait until the device has done all it was given; only for timing."""
        if self.place.type == "cuda":
            torch.cuda.synchronize(self.place)
        elif self.place.type == "mps":
            torch.mps.synchronize()

    @property
    def warning(self) -> str:
        """What is unwise about this choice; empty where nothing is."""
        if self.place.type == "cpu" and self.threads > (there := cores()):
            return (
                f"device.threads={self.threads}: this process may use {there} of the processors;"
                " more threads wait for each other"
            )
        if self.place.type == "cpu" and self.compile:
            return "device.compile=true takes up to a minute on a CPU, and was never faster there"
        if self.place.type == "cpu" and self.precision == "bf16" and not has_bf16():
            return "bf16 halves the speed on this CPU, which cannot multiply it; fp32 is faster"
        return ""

    def __str__(self) -> str:
        name = f"{self.place.type}, {self.threads} thread{'s' * (self.threads != 1)}"
        if self.place.type == "cuda":
            name = torch.cuda.get_device_name(self.place)
        layout = "channels_last" if self.channels_last else "contiguous"
        more = ["deterministic"] * self.deterministic + ["compiled"] * self.compile
        return ", ".join([name, self.precision, layout, *more])


def available() -> list[str]:
    """The devices that this machine and this build of torch have."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names.append("cuda")
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def chosen_name(config: DeviceConfig) -> str:
    """cpu, cuda or mps, as `config` asks; changes nothing.

    Raises UserError where the machine has no such device or the device no such precision.
    """
    names = available()
    name = names[-1] if config.name == "auto" else config.name
    if name not in names:
        raise UserError(
            f"device.name={name}: not on this machine; there is {', '.join(names)}"
            " (device=auto takes the fastest)"
        )
    if config.threads is not None and config.threads > most_threads():
        raise UserError(
            f"device.threads={config.threads}: at most {most_threads()} here, with {os.cpu_count()}"
            " processors; null takes all of them"
        )
    if name == "cpu" and config.precision == "fp16":
        raise UserError(
            "device.precision=fp16: too slow on a CPU; use fp32, or bf16 where it has that"
        )
    return name


def check_batch(size: object, device: object) -> None:
    """Raise UserError where trainer.batch_size is to fill a GPU and `device`, a node, takes none.

    A GPU that is asked for and missing is `chosen_name`'s to tell.
    """
    name = device.get("name") if isinstance(device, Mapping) else None
    taken = available()[-1] if name == "auto" else name
    if size == "auto" and taken in ("cpu", "mps"):
        raise UserError(
            f"trainer.batch_size=auto: fills the memory of a GPU, and the device is {taken}; give a"
            " number (a data set's own: leave it out)"
        )


def choose(config: DeviceConfig) -> Device:
    """The device that `config` asks for. Sets torch's threads and determinism for this process.

    Raises UserError where the machine has no such device or the device no such precision.
    """
    name = chosen_name(config)
    threads = config.threads or cores()
    torch.set_num_threads(threads)
    set_deterministic(config.deterministic)
    if name == "cpu":
        keep_memory()
    return Device(
        place=torch.device(name),
        precision=_precision(config.precision, name),
        channels_last=config.channels_last,
        deterministic=config.deterministic,
        threads=threads,
        workers=config.workers,
        graph=config.graph,
        compile=config.compile,
        side_by_side=name == "cpu" and _joins(config.side_by_side),
    )


def with_threads(device: Device, threads: int) -> Device:
    """`device` with another number of CPU threads, which is set for this process."""
    torch.set_num_threads(threads)
    return replace(device, threads=threads)


def _precision(wanted: str, name: str) -> str:
    """bf16 needs no scaled loss and keeps fp32's range, so it is taken where it is in hardware.

    On a CPU with AMX convolutions then take a fifth of fp32's time, a step with all the rest a
    quarter to a half; by AVX512-BF16 both take 0.5 to 0.6 of it. In the smallest networks, where
    nothing is gained, AMX costs up to 6 %.
    """
    if wanted != "auto":
        return wanted
    has_it = name == "cpu" and has_bf16()
    if name == "cuda":
        has_it = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if has_it else "fp32"


def _joins(wanted: Literal["auto"] | bool) -> bool:
    """Whether small maps are put side by side: of itself where that was measured to be faster.

    With AMX; on an AMD EPYC (Zen 4), which has none, steps took 1.0 to 1.2 times as long.
    """
    return has_amx() if wanted == "auto" else wanted


def keep_memory() -> None:
    """Let the process keep the memory that a step frees, for the next one, up to 1 GiB a piece.

    By default glibc returns each large map to the system, which then clears it page by page when
    the next step asks for it: the digits' CNN then trains 1.08 times as long on two cores.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    # Either setting ends glibc's own adaptation: the second alone, where it refuses the first as
    # too large, would be worse than none.
    if mallopt is not None and mallopt(M_MMAP_THRESHOLD, 1 << 30):
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def has_amx() -> bool:
    """Whether the processor multiplies tiles of bf16 by itself, as far as the system tells."""
    return "amx_bf16" in _abilities()


def has_bf16() -> bool:
    """Whether it multiplies bf16 at all: in tiles, or in vectors (AMD's since Zen 4)."""
    return has_amx() or "avx512_bf16" in _abilities()


@cache
def _abilities() -> frozenset[str]:
    """The instruction sets of the processor, by Linux's names; empty on other systems."""
    try:
        return frozenset(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return frozenset()


def set_deterministic(wanted: bool) -> None:
    """Only kernels that give the same bits each time, or torch's usual choice."""
    if wanted:
        # cuBLAS is reproducible only with a fixed workspace, read when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # To say so imports torch's compiler, which takes a second.
    if wanted != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(wanted)
    torch.backends.cudnn.benchmark = not wanted

"""The choice of a device, and how pictures and models are placed on it."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cnn_cli.device import (
    M_MMAP_THRESHOLD,
    Device,
    available,
    choose,
    chosen_name,
    keep_memory,
    set_deterministic,
)
from cnn_cli.errors import UserError
from cnn_cli.processors import cores, most_threads
from cnn_cli.sections import DeviceConfig


def config(**changes: object) -> DeviceConfig:
    values = {
        "name": "cpu",
        "precision": "auto",
        "graph": True,
        "side_by_side": "auto",
        "compile": False,
        "channels_last": True,
        "deterministic": False,
        "threads": 1,
        "workers": 0,
    }
    return DeviceConfig(**{**values, **changes})


@pytest.fixture(autouse=True)
def _settings_come_back():
    yield
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(False)


def test_auto_is_the_fastest_there_is():
    assert choose(config(name="auto")).place.type == available()[-1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_missing_gpu_is_named():
    with pytest.raises(UserError, match=r"device\.name=cuda: not on this machine; there is cpu"):
        choose(config(name="cuda"))


def test_half_precision_is_refused_on_a_cpu():
    with pytest.raises(UserError, match=r"device\.precision=fp16"):
        choose(config(precision="fp16"))


def test_threads_beyond_reason_are_refused():
    most = most_threads()
    with pytest.raises(UserError, match=f"device.threads={most + 1}: at most {most} here"):
        chosen_name(config(threads=most + 1))
    assert chosen_name(config(threads=most)) == "cpu"


def test_threads_and_determinism_are_set():
    device = choose(config(threads=2, deterministic=True))
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert "deterministic" in str(device)
    assert choose(config(threads=None)).threads == cores()


FAULTS = """
import resource, sys
import torch
from cnn_cli.device import keep_memory

if sys.argv[1] == "keep":
    keep_memory()
torch.set_num_threads(1)
for _ in range(8):  # the heap first grows by a place or two, as alignment has it
    torch.zeros(16 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.zeros(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_freed_memory_is_kept_for_the_next_step():
    faults = {
        mode: int(subprocess.check_output([sys.executable, "-c", FAULTS, mode], text=True))
        for mode in ("keep", "give back")
    }
    assert faults["keep"] < 100  # 64 MiB are 16,384 pages of 4 KiB, or 32 of 2 MiB
    assert faults["keep"] <= faults["give back"]


@pytest.mark.parametrize("last", [True, False])
def test_pictures_and_weights_get_the_memory_format(last):
    device = Device(torch.device("cpu"), "fp32", last, False, 1, 0)
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    wanted = torch.channels_last if last else torch.contiguous_format
    for source in (images, images.contiguous(memory_format=torch.channels_last)):
        assert device.input(source).is_contiguous(memory_format=wanted)
    model = nn.Conv2d(3, 8, 3)
    device.place_model(model)
    assert model.weight.is_contiguous(memory_format=wanted)


def test_autocast_is_as_asked():
    layer, ones = nn.Linear(4, 4), torch.ones(1, 4)
    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        device = Device(torch.device("cpu"), precision, True, False, 1, 0)
        with device.autocast():
            assert layer(ones).dtype == kind


PROCESSORS = {
    "avx512f avx512_bf16 amx_bf16 amx_tile": ("bf16", True),
    "avx512f avx512_bf16 avx512_vbmi2": ("bf16", False),
    "avx2 avx512f avx512bw": ("fp32", False),
    "": ("fp32", False),
}
"""What each can do, as the system tells it: the precision, and whether maps are side by side."""


@pytest.fixture
def processor(monkeypatch):
    """One that can do what it is called with, in place of this machine's."""

    def having(flags):
        monkeypatch.setattr("cnn_cli.device._abilities", lambda: frozenset(flags.split()))

    return having


@pytest.mark.parametrize("flags", PROCESSORS)
def test_precision_and_small_maps_are_what_pays_on_the_processor(processor, flags):
    processor(flags)
    precision, beside = PROCESSORS[flags]
    found = choose(config())
    assert (found.precision, found.side_by_side) == (precision, beside)
    assert found.warning == ""
    assert precision in str(found)
    assert choose(config(precision="fp32")).precision == "fp32"
    for wanted in (True, False):
        assert choose(config(side_by_side=wanted)).side_by_side is wanted
    rounded = choose(config(precision="bf16"))
    assert ("fp32 is faster" in rounded.warning) == (precision == "fp32")


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_what_the_processor_can_do_is_read_once():
    from cnn_cli.device import _abilities

    assert _abilities()
    assert _abilities() is _abilities()


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_where_glibc_refuses_the_first_setting_it_keeps_its_own_rules(monkeypatch):
    asked = []
    library = SimpleNamespace(mallopt=lambda name, _: asked.append(name) or 0)
    monkeypatch.setattr("ctypes.CDLL", lambda _: library)
    keep_memory()
    assert asked == [M_MMAP_THRESHOLD]


def test_what_is_so_already_is_not_said_again(monkeypatch):
    """torch imports its compiler to be told about determinism, which takes a second."""
    told = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", told.append)
    set_deterministic(torch.are_deterministic_algorithms_enabled())
    assert told == []
    set_deterministic(not torch.are_deterministic_algorithms_enabled())
    assert told == [not torch.are_deterministic_algorithms_enabled()]

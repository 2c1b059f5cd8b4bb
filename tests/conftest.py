"""What every test gets: one thread, an empty working folder and home, a plain environment."""

import os
import signal
import sys
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, and for child processes

import torch

torch.set_num_threads(1)

ROOT = Path(__file__).parents[1]
"""The checkout."""

sys.path.insert(0, str(ROOT / "scripts"))  # whose programs are tested as well

STRAY = (
    "HYDRA_FULL_ERROR", "COMP_LINE", "COMP_POINT", "FORCE_COLOR", "NO_COLOR", "TORCH_HOME",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PYTHONPATH", "PYTHONWARNINGS", "PYTHON",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Keep matplotlib's font cache, which takes long to build, outside the tests' own homes."""
    # A job in the background of a script is started with Ctrl-C ignored, one under nohup with
    # SIGHUP ignored, and so are its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if hasattr(config, "cache"):
        os.environ["MPLCONFIGDIR"] = str(config.cache.mkdir("matplotlib"))


@pytest.fixture(autouse=True)
def _clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine gets into a test, and nothing of a test stays outside its folder."""
    for name in STRAY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)


@pytest.fixture(autouse=True)
def _forks_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export in a test's own process must not spoil the tests that fork from it later.

    To trace a network, torch registers a stand-in for the CUDA devices that are not there. From
    then on each backward pass starts a thread for them, after which forks refuse to train.
    """
    name = "_ensureCUDADeviceGuardSet"
    monkeypatch.setattr(torch._C, name, lambda: None, raising=False)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the repository."""
    return ROOT

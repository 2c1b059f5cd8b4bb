"""environment.json: what a result depends on besides the config."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from cnn_cli.device import Device
from cnn_cli.engine.saving import versions


def environment(device: Device, command: list[str]) -> dict[str, Any]:
    """Versions, hardware, git state of the working folder, and the command line; plain JSON."""
    return {
        "command": command,
        "folder": str(Path.cwd()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions(),
        "hardware": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": _memory(),
            "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        },
        "device": str(device),
        "side_by_side": device.side_by_side,
        "executable": sys.executable,
        "git": _git(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not every system tells
        return None


def _git() -> dict[str, Any] | None:
    """The commit checked out in the working folder and whether files differ; None outside git."""
    commit = _ask("git", "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_ask("git", "status", "--porcelain", "-uno"))}


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

"""Runs cnn-train as often as it is asked, each time in a fork of this process.

This process has only imported, which is most of what a command does at its start. A request is a
line of JSON on stdin: argv, cwd, env, and files for stdout and stderr. The answers are the process
id, at once, and the exit code, at the end.
"""

import atexit
import gc
import importlib
import json
import os
import sys
import traceback
from typing import Any

IMPORTED = (
    "cnn_cli.commands.evaluate",
    "cnn_cli.commands.export",
    "cnn_cli.commands.predict",
    "cnn_cli.commands.train",
    "cnn_cli.commands.visualize",
    "hydra",
    "matplotlib.backends.backend_agg",
    "sklearn.datasets",
    "sklearn.metrics",
    "tensorboard",
    "torch._dynamo",
    "torchvision",
)


def become(request: dict[str, Any]) -> None:
    """Make this process look as if a shell had started it for the request."""
    streams = (("/dev/null", os.O_RDONLY), (request["out"], os.O_WRONLY | os.O_CREAT))
    streams += ((request["err"], os.O_WRONLY | os.O_CREAT),)
    for number, (path, flags) in enumerate(streams):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["cnn-train", *request["argv"]]


def run() -> int:
    """The exit code that Python would end with after the command."""
    from cnn_cli.cli import main

    try:
        return main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001  (Python itself does so)
        traceback.print_exc()
        return 1
    finally:
        atexit._run_exitfuncs()


def serve() -> None:
    """Answer requests until stdin ends. Forks end at once: Python's own end takes them seconds."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # else every fork's first collection copies all of the memory
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            code = run()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os._exit(0)


if __name__ == "__main__":
    serve()

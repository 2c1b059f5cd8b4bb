"""From argv to a command's exit code: help, checks, Hydra, and what a person is told."""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cnn_cli import __version__, arguments
from cnn_cli.arguments import Request
from cnn_cli.errors import TrainingError, UserError, WorkerError
from cnn_cli.signals import EXIT_CODES, Stopped, raising

if TYPE_CHECKING:
    from omegaconf import DictConfig
DONE, FAILED, WRONG, MISSED = 0, 1, 2, 3
STOPPED = tuple(EXIT_CODES.values())
"""Interrupted or preempted, and saved: a sweep stops as well."""
NO_MEMORY = "OutOfMemoryError"
"""torch's, by its name: torch is not imported here."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    _open_streams()
    try:
        with raising():
            return _run(list(sys.argv[1:] if argv is None else argv))
    except UserError as error:
        return _wrong(error)
    except KeyboardInterrupt:
        return _stopped("SIGINT")
    except Stopped as stop:
        return _stopped(str(stop))
    except BrokenPipeError:  # the reader of a pipe has gone: | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _open_streams() -> None:
    """Output that was closed (`>&-`) is thrown away: Python then has none to write to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  open to the end


def _stopped(name: str) -> int:
    print(f"cnn-train: stopped by {name}", file=sys.stderr)
    return EXIT_CODES[name]


def _run(words: list[str]) -> int:
    command = words[0] if words and words[0] in arguments.WITHOUT_CONFIG else ""
    if command and (words[1:2] == ["help"] or {"--help", "-h"} & {*words}):
        words = ["--help", command]
    elif command:
        return _completion(words[1:]) if command == "completion" else _plain(command, words[1:])
    request = arguments.parse(words)
    if request.action == "version":
        print(f"cnn-train {__version__}", flush=True)
        return DONE
    if request.action == "help":
        return _help(request)
    code = _hydra(request)
    sys.stdout.flush()
    return code


def _completion(words: Sequence[str]) -> int:
    from cnn_cli.completion.command import output

    print(output(words), flush=True)
    return DONE


def _plain(command: str, words: Sequence[str]) -> int:
    """A command that takes words and settings, without Hydra."""
    from cnn_cli.plain import parse

    given, config = parse(command, words)
    module = import_module(f"cnn_cli.commands.{command}")
    try:
        code: int = module.run(given, config)
        sys.stdout.flush()
    except SystemExit:  # of rich, where the reader of a pipe has gone
        return DONE
    except BrokenPipeError:
        raise
    except OSError as problem:
        text = f"{problem.strerror or problem}: {problem.filename or config.run.root}"
        print(f"cnn-train: failed: {text}", file=sys.stderr)
        return FAILED
    return code


def _help(request: Request) -> int:
    from cnn_cli.help import page
    from cnn_cli.pages import emphasised

    extra = None if request.config_dir is None else Path(request.config_dir)
    text = page(request.command, request.topics, extra)
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    print(text if plain else emphasised(text), flush=True)
    return DONE


def _hydra(request: Request) -> int:
    """Check the request, then let Hydra run it."""
    import hydra

    from cnn_cli.compose import VERSION_BASE, prepare
    from cnn_cli.explain import FAILURES, reason
    from cnn_cli.paths import config_dir

    prepared = prepare(request)
    codes: list[int] = []

    def task(cfg: "DictConfig") -> None:
        codes.append(run_job(request, cfg))

    start = hydra.main(str(config_dir()), prepared.config_name, VERSION_BASE)(task)
    if request.action == "show":
        logging.raiseExceptions = False  # Hydra logs --info: no traceback a line under | head
    with _arguments([*request.flags, *prepared.overrides]):
        try:
            start()
        except JobFailedError:
            codes.append(FAILED)
        except BrokenPipeError:
            raise
        except FAILURES as error:  # of Hydra itself: a job's own are told where it runs
            raise UserError(f"hydra: {reason(error)}") from error
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else DONE
            if code not in STOPPED:
                return WRONG if code and request.action == "show" else code
            codes = [code]
    if prepared.sweep is not None:
        from cnn_cli.commands import sweep

        kept = [flag for flag in request.flags if flag.startswith("--config-dir=")]
        sweep.conclude(prepared.sweep, flags=kept)
    return worst(codes)


@contextlib.contextmanager
def _arguments(words: Sequence[str]) -> Iterator[None]:
    """argv and the environment as hydra.main reads them: flags first, errors as exceptions."""
    full = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with _argv(words):
            yield
    finally:
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full


@contextlib.contextmanager
def _argv(words: Sequence[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = [before[0], *words]
    try:
        yield
    finally:
        sys.argv = before


def run_job(request: Request, cfg: "DictConfig") -> int:
    """Run the command on one composed config; what goes wrong is said here. Gives the exit code.

    Raises SystemExit where the job was stopped by a signal, so that no other job of a sweep starts.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from cnn_cli.config import parse

    state = HydraConfig.get()
    sweep = state.mode == RunMode.MULTIRUN
    folder = Path(state.runtime.output_dir) if sweep else None
    if folder is not None and not any(folder.iterdir()):
        folder.rmdir()  # made by Hydra; the command makes it when it has something to write
    given = list(state.overrides.task) if sweep else request.given
    if sweep:
        print(f"\njob {state.job.num}: {' '.join(given)}", flush=True)
    error = ""
    try:
        command = import_module(f"cnn_cli.commands.{request.command}")
        with _argv(request.typed):  # for the record of the run: what a person typed
            code: int = command.run(parse(request.command, cfg), given, folder)
    except UserError as problem:
        code, error = _wrong(problem), "; ".join(problem.problems)
    except (TrainingError, WorkerError) as problem:
        print(f"cnn-train: failed: {problem}", file=sys.stderr)
        code, error = FAILED, str(problem)
    except OSError as problem:
        text = f"{problem.strerror or problem}: {problem.filename or cfg.run.root}"
        print(f"cnn-train: failed: {text}", file=sys.stderr)
        code, error = FAILED, text
    except Exception as problem:  # noqa: BLE001  a fault of ours or of a component: all of it is wanted
        code, error = FAILED, f"{type(problem).__name__}: {problem}"
        _tell_fault(problem, request.command)
    if folder is not None and request.command == "train":
        _note(folder, given, code, error)
    if code in STOPPED:
        raise SystemExit(code)
    if code != DONE and not state.launcher._target_.endswith(".BasicLauncher"):
        raise JobFailedError(code)  # from another process only an exception gets back
    return code


def _tell_fault(problem: Exception, command: str) -> None:
    """A GPU without memory in a line; what else nobody has foreseen, with where it happened."""
    if type(problem).__name__ != NO_MEMORY:
        traceback.print_exc()
        return
    key = "trainer.batch_size or trainer.eval_batch_size" if command == "train" else "batch_size"
    text = f"give a smaller {key}, device=cpu, or free it of others' work"
    print(f"cnn-train: failed: the GPU's memory is full; {text}", file=sys.stderr)


def _note(folder: Path, given: Sequence[str], code: int, error: str) -> None:
    """Keep how a sweep's job ended, and say at once where one failed."""
    from cnn_cli.commands import sweep

    sweep.note(folder, given, code, error)
    if error:
        log = folder / "train.log"
        where = log if log.exists() else folder
        print(f"cnn-train: job {folder.name} failed, see {where}; going on", file=sys.stderr)


class JobFailedError(Exception):
    """A job of a sweep, in a process of its own, ended with this exit code."""


def worst(codes: Sequence[int]) -> int:
    """The exit code of several jobs: 1 where any failed, else 3 where a threshold was missed."""
    if len(set(codes)) <= 1:
        return codes[0] if codes else DONE
    return MISSED if set(codes) <= {DONE, MISSED} else FAILED


def _wrong(error: UserError) -> int:
    if len(error.problems) == 1:
        print(f"cnn-train: error: {error.problems[0]}", file=sys.stderr)
    else:
        lines = [f"cnn-train: {len(error.problems)} errors:", *error.problems]
        print("\n  - ".join(lines), file=sys.stderr)
    return WRONG

"""From argv to the exit code, with a command that only tells what it was given."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cnn_cli import __version__, cli
from cnn_cli.config import TrainConfig
from cnn_cli.errors import TrainingError, UserError, WorkerError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """--info has Hydra log to the stdout of its test."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    logging.raiseExceptions = raising
    root.handlers[:] = handlers
    root.setLevel(level)


class Spy:
    """Stands for a command: keeps its arguments, gives or raises what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[TrainConfig, list[str], Path | None]] = []
        self.answers: list[int | BaseException] = []

    def run(self, config: TrainConfig, overrides: list[str], folder: Path | None) -> int:
        self.calls.append((config, overrides, folder))
        answer = self.answers[len(self.calls) - 1] if self.answers else 0
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    made = Spy()
    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(run=made.run))
    return made


def test_a_command_gets_its_config_and_leaves_no_stray_files(spy: Spy) -> None:
    assert cli.main(["train", "run.name=a b", "trainer.epochs=3"]) == 0
    ((config, overrides, folder),) = spy.calls
    assert (config.trainer.epochs, config.run.name, folder) == (3, "a b", None)
    assert overrides == ["run.name=a b", "trainer.epochs=3"]
    assert not list(Path().iterdir())


def test_a_full_gpu_is_one_line(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has ...")
    spy.answers = [full]
    assert cli.main([]) == 1
    cli._tell_fault(full, "predict")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("cnn-train: failed: the GPU's memory is full; give a smaller trainer.")
    assert "full; give a smaller batch_size, device=cpu" in second


@pytest.mark.parametrize("code", [0, 1, 2, 3, 130, 143, 75])
def test_the_exit_code_is_that_of_the_command(code: int, spy: Spy) -> None:
    spy.answers = [code]
    assert cli.main([]) == code


def test_what_goes_wrong_is_said(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    spy.answers = [UserError("one: wrong"), UserError("a", "b"), TrainingError("the disk is full")]
    spy.answers += [WorkerError("worker 0 hangs"), ZeroDivisionError("a fault")]
    spy.answers += [KeyboardInterrupt()]
    assert [cli.main([]) for _ in range(6)] == [2, 2, 1, 1, 1, 130]
    err = capsys.readouterr().err
    assert err.startswith("cnn-train: error: one: wrong\ncnn-train: 2 errors:\n  - a\n  - b\n")
    assert "failed: the disk is full\ncnn-train: failed: worker 0 hangs\nTraceback" in err
    assert "ZeroDivisionError: a fault" in err


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([0, 0, 0], 0),
        ([0, 3, 0], 3),
        ([3, 1, 0], 1),
        ([UserError("no"), 0, 0], 1),
        ([ZeroDivisionError(), 0, 3], 1),
        ([2, 2, 2], 2),
    ],
)
def test_a_failing_job_does_not_stop_the_others(answers: list[Any], code: int, spy: Spy) -> None:
    spy.answers = answers
    assert cli.main(["-m", "seed=4,5,6"]) == code
    assert [config.seed for config, _, _ in spy.calls] == [4, 5, 6]


def test_each_job_has_a_folder_of_its_own(spy: Spy) -> None:
    assert cli.main(["seed=4,5", "-m", "run.root=my runs"]) == 0
    folders = [folder for _, _, folder in spy.calls]
    assert [folder.name for folder in folders if folder] == ["0", "1"]
    assert all(
        folder and folder.parent.parent == Path("my runs/sweeps").resolve() for folder in folders
    )
    assert [overrides for _, overrides, _ in spy.calls] == [
        ["seed=4", "run.root='my runs'"],
        ["seed=5", "run.root='my runs'"],
    ]
    assert not list(Path().rglob(".hydra"))


def test_an_interruption_stops_a_sweep(spy: Spy) -> None:
    spy.answers = [143, 0]
    assert cli.main(["-m", "seed=4,5"]) == 143
    assert len(spy.calls) == 1


def test_a_wrong_request_starts_nothing(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-m", "seed=0,1", "trainer.epochs=3,0"]) == 2
    assert capsys.readouterr().err == "cnn-train: error: trainer.epochs=0: must be at least 1\n"
    assert not spy.calls
    assert not list(Path().iterdir())


def test_an_experiment_may_be_a_sweep(spy: Spy) -> None:
    Path("mine/experiment").mkdir(parents=True)
    Path("mine/experiment/seeds.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '1,2'}}}\n"
    )
    assert cli.main(["--config-dir", "mine", "experiment=seeds"]) == 0
    assert [config.seed for config, _, _ in spy.calls] == [1, 2]


def test_showing_runs_nothing(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["seed=5", "--cfg", "job"]) == 0
    assert "\nseed: 5\n" in capsys.readouterr().out
    assert cli.main(["--cfg=job", "--package", "trainer", "--resolve"]) == 0
    assert "epochs: 25" in capsys.readouterr().out.replace("epochs: ${", "")
    assert cli.main(["--info", "defaults"]) == 0
    assert "dataset/digits" in capsys.readouterr().out
    assert cli.main(["--cfg=job", "--package", "nothing"]) == 2
    assert not spy.calls


@pytest.mark.parametrize(
    "argv",
    [
        ["--cfg=job", "--resolve", "seed=${nothing}"],
        ["-m", "seed=1,2", "hydra.sweeper.max_batch_size=0"],
        ["-m", "seed=1,2", "hydra.sweep.dir=/dev/null/sweep"],
    ],
)
def test_what_hydra_itself_refuses_is_no_traceback(
    argv: list[str], spy: Spy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith("cnn-train: error: ")
    assert not spy.calls


def test_argv_and_environment_are_left_as_they_were(
    spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["cnn-train", "seed=8"])
    assert cli.main() == 0
    assert sys.argv == ["cnn-train", "seed=8"]
    assert spy.calls[0][0].seed == 8
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    assert cli.main([]) == 0


@pytest.mark.parametrize("argv", [["train", "seed=8"], ["-m", "seed=8,9", "run.root=a b"]])
def test_a_command_sees_the_line_as_it_was_typed(
    argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    command = SimpleNamespace(run=lambda *_: seen.append(sys.argv) or 0)
    monkeypatch.setattr(cli, "import_module", lambda _: command)
    monkeypatch.setattr(sys, "argv", ["cnn-train", *argv])
    assert cli.main() == 0
    assert seen == [["cnn-train", *argv]] * (2 if "-m" in argv else 1)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"cnn-train {__version__}\n"


@pytest.mark.parametrize("argv", [["--help"], ["train", "-h"], ["--version"], ["nonsense"]])
def test_a_quick_answer_imports_nothing_slow(argv: list[str]) -> None:
    code = (
        f"import sys; from cnn_cli.cli import main; main({argv!r});"
        "sys.exit(bool({'torch', 'hydra', 'omegaconf', 'rich', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("argv", [["--info", "defaults"], ["--cfg", "job"], ["-h"]])
def test_a_reader_who_has_seen_enough_may_go(argv: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cnn_cli", *argv],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["completion"], "for which shell? write cnn-train completion bash or"),
        (["completion", "bsh"], "no such shell (did you mean 'bash'?); there are bash, zsh"),
        (["completion", "bash", "zsh"], "takes one shell"),
        (["completion", "answer", "bash"], "no such shell; there are bash, zsh"),
        (["seed=1", "completion"], "has to be the first word"),
        (["seed=1", "compare", "a", "b"], "compare: has to be the first word; cnn-train compare -"),
        (["--cfg", "job", "runs"], "runs: has to be the first word; cnn-train runs --help"),
        (["run"], "no such command (did you mean 'runs'?)"),
        (["completions"], "no such command (did you mean 'completion'?)"),
        (["-sc", "install=bash"], "cnn-train completion bash (or zsh) prints the script"),
    ],
)
def test_a_wrong_request_for_a_command_without_config_is_told(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_of_a_shell_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    assert f"completion answer {shell}" in capsys.readouterr().out
    assert cli.main(["completion", "--help"]) == 0
    assert f'eval "$(cnn-train completion {shell})"' in capsys.readouterr().out


def test_without_an_output_the_work_is_done() -> None:
    """As `cnn-train ... >&- 2>&-` starts it."""
    code = (
        "import sys; sys.stdout = sys.stderr = None\n"
        "from cnn_cli.cli import main\n"
        "sys.exit(main(['--version']))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0

"""The answers as the scripts read them."""

import subprocess
import sys
from pathlib import Path

import pytest

from cnn_cli.completion.command import output

ENDS = ("", "...")
"""bash leaves quotes open where two candidates begin alike."""


@pytest.mark.parametrize(
    ("line", "word", "answer"),
    [
        ("cnn-train ev", "ev", ["", "evaluate"]),
        ("cnn-train model=re", "re", ["", "resnet"]),
        ("cnn-train model=re", "model=re", ["", "model=resnet"]),  # = is no word break there
        ("cnn-train model.ker", "model.ker", ["open", "model.kernel_size="]),
        ("cnn-train 'model=re", "model=re", ["", "model=resnet"]),
        ("cnn-train 'model.ker", "model.ker", ["open", *(f"model.kernel_size={e}" for e in ENDS)]),
        ("cnn-train predict images=pho", "pho", ["paths", "photo (1).jpg"]),
        ("cnn-train predict images=photo\\ ", "photo\\ ", ["paths", "photo (1).jpg"]),
        ("cnn-train predict images='photo ", "photo ", ["paths", "photo (1).jpg"]),
        ("cnn-train predict images=C:pho", "pho", [""]),
        ("cnn-train predict images=f", "f", ["open paths", "folder"]),
        ("cnn-train predict images=f", "images=f", ["open paths", "images=folder/"]),
        ("cnn-train --config-dir f", "f", ["open paths", "folder"]),
        ("cnn-train nothing=", "", [""]),
    ],
)  # fmt: skip
def test_bash_is_given_what_comes_after_its_word_break(
    line: str, word: str, answer: list[str]
) -> None:
    Path("photo (1).jpg").touch()
    Path("folder").mkdir()
    Path("photo\nof two lines").touch()
    assert output(["answer", "bash", line, word]).split("\n") == answer


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["ev"], "whole\tevaluate\tevaluate:Report on a trained model: every class, every"),
        (["model=resn"], "whole\tresnet\tresnet:Residual network (He et al. 2016): 9"),
        (["model.ker"], "open\tmodel.kernel_size=\tkernel_size=:side of the convolution"),
        (["predict", "images=ph"], "file\tphoto:1.jpg\tphoto:1.jpg"),
        (["predict", "images=f"], "folder\tfolder/\tfolder/"),
        (["trainer.epochs="], "message\ttrainer.epochs: passes over the training pictures"),
        (["trainer.monitor=l"], "whole\tloss\tloss"),
        (["nothing="], ""),
    ],
)
def test_zsh_is_given_kinds_and_descriptions(words: list[str], answer: str) -> None:
    Path("photo:1.jpg").touch()
    Path("folder").mkdir()
    found = output(["answer", "zsh", *words])
    assert found.startswith(answer)
    assert "\n" not in found


def test_an_answer_loads_nothing_heavy(checkout: Path) -> None:
    words = ["model=resnet", "model.block="]
    code = (
        "import sys; from cnn_cli.cli import main;"
        f"main(['completion', 'answer', 'zsh', *{words!r}]);"
        "print(sorted({'torch', 'hydra', 'omegaconf', 'numpy', 'yaml', 'rich'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=checkout
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "whole\tbasic\tbasic" in done.stdout

"""What the help pages say that no config file says, and how they are laid out."""

import re
import textwrap
from collections.abc import Sequence

WIDTH = 80
COLUMN = 34
"""Where explanations begin beside a key and its default."""

EXAMPLES = {
    "": (
        ("cnn-train", "digits and a small CNN, in seconds"),
        ("cnn-train dataset=cifar10 model=resnet", "CIFAR-10 and a ResNet-9"),
        ("cnn-train evaluate", "the report on the newest run"),
        ("cnn-train visualize figure=gradcam", "where the network looks"),
        ("cnn-train predict images=photos/", "classify a folder of pictures"),
        ("cnn-train export format=onnx", "a file for other programs"),
    ),
    "train": (
        ("cnn-train dataset=cifar10 model=resnet", "a good recipe"),
        ("cnn-train dataset=image_folder dataset.root=~/photos", "your own pictures"),
        ("cnn-train 'model.channels=[16,32]' optimizer.lr=0.05", "other settings"),
        ("cnn-train 'check=[overfit,lr]'", "look before you train"),
        ("cnn-train trainer.budget=10m", "as long as that"),
        ("cnn-train resume=latest trainer.epochs=60", "go on, for longer"),
        ("cnn-train -m seed=0,1,2", "three runs in turn"),
        ("cnn-train experiment=smoke", "a recipe and its claim"),
    ),
    "evaluate": (
        ("cnn-train evaluate", "the newest run"),
        ("cnn-train evaluate split=val", "another part of it"),
        ("cnn-train evaluate dataset.root=/elsewhere", "the data has moved"),
        ("cnn-train evaluate dataset=image_folder dataset.root=new", "other data"),
        ("cnn-train evaluate require.accuracy=0.9", "exit code 3 if not"),
    ),
    "visualize": (
        ("cnn-train visualize", "the usual figures"),
        ("cnn-train visualize 'figure=[gradcam,mistakes]'", "these two"),
        ("cnn-train visualize checkpoint=myrun dpi=300", "for print"),
        ("cnn-train visualize figure=all", "every figure there is"),
        ("cnn-train visualize figure=model model=resnet", "no run: as train would"),
    ),
    "predict": (
        ("cnn-train predict images=photo.jpg", "one picture"),
        ("cnn-train predict images=photos/ top_k=3", "a folder, searched through"),
        ("cnn-train predict images='scans/*.png'", "a pattern, in quotes"),
    ),
    "export": (
        ("cnn-train export", "the newest run as ONNX, with a script"),
        ("cnn-train export format=pt2", "as a program of torch"),
        ("cnn-train export format=safetensors", "the weights alone"),
        ("cnn-train export calibrated=true", "with its temperature"),
        ("cnn-train export images=photos/", "compared on other pictures"),
    ),
}
FLAGS = (
    ("-m, --multirun", "run every combination of values: seed=0,1,2"),
    ("--cfg job", "print the composed config and run nothing"),
    ("--info [defaults|...]", "print how the config is put together"),
    ("--config-dir DIR", "a folder with YAML files of your own, laid out as configs/"),
    ("-h, --help [TOPIC]", "this page, or a group, an option, a section, a key"),
    ("--version", "print the version"),
)
MORE = (
    ("cnn-train train --help", "the settings of a command"),
    ("cnn-train --help model", "the options of a group and their settings"),
    ("cnn-train --help dataset=cifar10", "one option"),
    ("cnn-train --help trainer", "a section of the settings"),
    ("cnn-train --help optimizer.lr", "one key, in every option that has it"),
)
COMPLETION = {"completion": "Complete commands, groups, keys and values by Tab: bash, zsh."}
"""The verb that has no config."""
SET_UP = (
    ('eval "$(cnn-train completion bash)"', "in ~/.bashrc"),
    ('eval "$(cnn-train completion zsh)"', "in ~/.zshrc"),
)
EXIT_CODES = (
    ("0", "done"),
    ("1", "the work failed"),
    ("2", "the request was wrong; nothing was started"),
    ("3", "a threshold of require.* was missed"),
    ("130, 143, 129", "interrupted (Ctrl-C, SIGTERM, SIGHUP); the state is saved"),
    ("75", "preempted (SIGUSR1, SIGUSR2); the state is saved"),
)


def emphasised(text: str) -> str:
    """`text` with its headings in bold, for a terminal."""
    return re.sub(r"(?m)^(\S.*)$", "\033[1m\\1\033[0m", text)


def filled(left: str, text: str, column: int) -> str:
    lines = textwrap.wrap(text, WIDTH - column) or [""]
    if left.strip() and len(left) >= column:  # too long for its column: a line of its own
        lines.insert(0, "")
    return "\n".join(
        (left.ljust(column) if number == 0 else " " * column) + line
        for number, line in enumerate(lines)
    ).rstrip()


def table(rows: Sequence[tuple[str, str]], column: int, indent: int = 2) -> str:
    return "\n".join(filled(" " * indent + left, right, column + indent) for left, right in rows)


def examples(command: str) -> str:
    """Commands with what they do beside them."""
    column = max(len(left) for left, _ in EXAMPLES[command])
    return "\n".join(f"  {left.ljust(column)}  # {right}" for left, right in EXAMPLES[command])

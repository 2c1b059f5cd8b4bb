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
        ("cnn-train evaluate baseline=oldrun", "also if worse"),
    ),
    "visualize": (
        ("cnn-train visualize", "the usual figures"),
        ("cnn-train visualize 'figure=[gradcam,mistakes]'", "these two"),
        ("cnn-train visualize checkpoint=myrun dpi=300", "for print"),
        ("cnn-train visualize figure=all", "every figure there is"),
        ("cnn-train visualize figure=model model=resnet", "no run: as train would"),
    ),
    "compare": (
        ("cnn-train compare baseline wider", "two runs by name"),
        ("cnn-train compare latest baseline", "the newest against it"),
        ("cnn-train compare runs/sweeps/TIME/*", "each job against the first"),
        ("cnn-train compare RUN RUN/evaluate/TIME", "two reports on one run"),
        ("cnn-train compare a b output=a-or-b", "into a folder of your own"),
    ),
    "runs": (
        ("cnn-train runs", "all in ./runs, the newest first"),
        ("cnn-train runs sort=accuracy", "the best on top"),
        ("cnn-train runs /disk/runs runs jobs=true", "several folders, every job"),
        ("cnn-train runs format=csv", "for a spreadsheet"),
    ),
    "predict": (
        ("cnn-train predict images=photo.jpg", "one picture"),
        ("cnn-train predict images=photos/ top_k=3", "a folder, searched through"),
        ("cnn-train predict images='scans/*.png'", "a pattern, in quotes"),
        ("cnn-train predict images=- < list.txt", "paths, one a line"),
    ),
    "export": (
        ("cnn-train export", "the newest run as ONNX, with a script"),
        ("cnn-train export format=pt2", "as a program of torch"),
        ("cnn-train export format=safetensors", "the weights alone"),
        ("cnn-train export calibrated=true", "with its temperature"),
        ("cnn-train export images=photos/", "compared on other pictures"),
    ),
}
PLAIN_USAGE = {
    "compare": "REF REF ... [key=value ...]",
    "runs": "[FOLDER ...] [key=value ...]",
}
REF_MEANS = (
    "what to compare: latest, a run's folder or name (its own report), the folder of a report"
    " (RUN/evaluate/...), or a report.json; all others are held against the first"
)
PLAIN_WORDS = {
    "compare": (
        (
            "REF",
            REF_MEANS,
        ),
    ),
    "runs": (("FOLDER", "where runs are; run.root where none is given. A run is a folder too."),),
}
PLAIN_NOTES = {
    "compare": (
        "On the same pictures (equal names and classes) the comparison is paired: McNemar's"
        " exact test of right and wrong, and a bootstrap of the differences. Otherwise it is"
        " Newcombe's interval and Fisher's test. Holm corrects for several runs, and for the"
        " classes. It is about these trained models: another seed may move each of them."
    ),
    "runs": (
        "finished: there is a report; stopped: resume=NAME goes on; running: a process is at"
        " work in it; damaged: what is wrong stands below its name."
    ),
}
"""What the pages of the commands without Hydra say besides their settings."""
PLAIN_FLAGS = (("-h, --help", "this page"),)
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
    ("3", "what require.* or baseline asks for was missed"),
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

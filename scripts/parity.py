"""ONNX parity of every model family: largest logit difference, equal classes, time of a picture.

    scripts/parity [digits|cifar10|MODEL ...] [dataset.root=FOLDER ...]

Without names, all of them; settings are for CIFAR-10.

Each family of configs/model is trained for a few steps on the digits and on a part of CIFAR-10, so
that its statistics and its logits are those of a trained network, and exported with the parity gate
on 1,000 pictures (of the digits' training split: their test has 360). Prints a table in Markdown;
exit code 1 where a file was refused.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from results import refuse

ROOT = Path(__file__).parents[1]
FAMILIES = sorted(path.stem for path in (ROOT / "configs" / "model").glob("*.yaml"))
SETS = {
    "digits": (("trainer.epochs=3",), ("split=train",)),
    "cifar10": (("trainer.epochs=1", "dataset.limit={train: 1000, val: 100, test: 1000}"), ()),
}
"""Data set -> settings of its training, settings of the export."""
CPU = ("device=cpu", "device.threads=1")
HEAD = (
    "| model | data | pictures | same class | largest logit difference"
    " | 1 picture: onnxruntime, torch (ms) | 64: onnxruntime, torch (images/s) |"
)


def cnn_train(*words: str) -> str:
    """Run the command; its error output, empty where it succeeded."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "cnn_cli", *words]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False)
    return done.stderr.strip() if done.returncode else ""


def compared(family: str, data: str, given: Sequence[str], root: Path) -> dict[str, Any]:
    """Train, export, and read what the export found; {"error": ...} where there is nothing."""
    training, choice = SETS[data]
    own = given if data == "cifar10" else ()
    run, out = root / f"{family}-{data}", root / f"{family}-{data}-onnx"
    named = (f"dataset={data}", f"model={family}", f"run.dir={run}", "trainer.tensorboard=false")
    error = cnn_train("train", *named, *training, *own, *CPU)
    error = error or cnn_train("export", f"checkpoint={run}", f"output={out}", *choice, *CPU)
    record = out / "export.json"
    found: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
    return found | {"error": error} if error else found


def row(family: str, data: str, found: dict[str, Any]) -> str:
    """A line of the table."""
    if "parity" not in found or "timing" not in found:
        return f"| `{family}` | {data} | failed: {found['error']} | | | | |"
    parity, times = found["parity"], found["timing"]
    ways = [times["onnxruntime"], times["torch"]]
    single = ", ".join(f"{way['median_ms']:.3g}" for way in ways)
    many = ", ".join(f"{way['images_per_second']:,.0f}" for way in ways)
    return (
        f"| `{family}` | {data} | {parity['images']:,} | {parity['top1_equal']:,}"
        f" | {parity['largest_logit_difference']:.1e} | {single} | {many} |"
    )


def chosen(there: Iterable[str], names: set[str]) -> list[str]:
    """Those that are named; all where none is."""
    return [name for name in there if name in names] or list(there)


def main(given: Sequence[str]) -> int:
    """Print the table, a line at a time; 1 where a family failed, 2 for a name that is none."""
    names = {word for word in given if "=" not in word}
    settings = [word for word in given if "=" in word]
    if unknown := names - {*FAMILIES, *SETS}:
        there = ", ".join([*SETS, *FAMILIES])
        refuse("parity", f"{unknown.pop()}: no such data set or model; there are {there}")
    print(HEAD + "\n|---|---|---|---|---|---|---|", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for data in chosen(SETS, names):
            for family in chosen(FAMILIES, names):
                found = compared(family, data, settings, Path(folder))
                failed |= "error" in found
                print(row(family, data, found), flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

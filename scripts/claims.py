"""What each recipe of configs/experiment claims, measured: one row of claims.jsonl a training.

    scripts/claims list                             recipes, claims, and how many seeds are measured
    scripts/claims run [RECIPE ...] [key=value ...] train what is missing, e.g. dataset.root=FOLDER
    scripts/claims add RUN ...                      rows of trainings that are there already
    scripts/claims table                            the table in the README, from all rows

A training that was stopped is done again; rows that are there stay.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import results
import yaml

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "configs" / "experiment"
RESULTS = ROOT / "scripts" / "claims.jsonl"
README = ROOT / "README.md"
BEGIN, END = "<!-- claims: drawn by scripts/claims table -->\n", "<!-- end of claims -->"
PLACES = ("dataset.root", "dataset.verify", "dataset.url", "run.", "device.", "seed", "experiment")
"""Settings that may differ without a change of what is claimed."""
UNCLAIMED = (
    *PLACES,
    *("resume", "trust", "check", "require.", "model.weights"),
    *("trainer.tensorboard", "trainer.eval_batch_size"),
)
"""Parts of a run's config that its claim does not depend on: weights are named by a place."""
PRECISIONS = ("fp32", "bf16", "fp16")
NOTHING = ("not measured", "", "")
"""The cells of a recipe without rows."""


@dataclass(frozen=True)
class Recipe:
    """A file of configs/experiment and what its header says."""

    name: str
    title: str
    claim: str
    commands: tuple[str, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those of the claim; 0 where the command names none."""
        found = re.search(r"\bseed=([\d,]+)", self.commands[-1])
        return tuple(int(seed) for seed in found[1].split(",")) if found else (0,)

    @property
    def settings(self) -> list[str]:
        """The words of the command but for the program, -m and the seed."""
        words = shlex.split(self.commands[-1])[1:]
        return [word for word in words if word != "-m" and not word.startswith("seed=")]


def recipe(path: Path) -> Recipe:
    """Read one file. Raises ValueError where its header has no claim or no command."""
    text = path.read_text()
    header = re.sub(r"\\\n#\s*", "", text)  # a command may go on in the next line
    claim = re.search(r"^# Claim: (.*)$", header, re.MULTILINE)
    commands = re.findall(r"^# Command: (.*)$", header, re.MULTILINE)
    if not claim or not commands:
        raise ValueError(f"{path}: has no '# Claim: ' or no '# Command: '")
    title = text.splitlines()[1].removeprefix("# ")
    return Recipe(path.stem, title, claim[1], tuple(commands))


def recipes(names: Sequence[str] = ()) -> list[Recipe]:
    """The recipes of these names, or all. Ends the program where there is none such."""
    there = {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}
    for name in names:
        if name not in there:
            results.refuse("claims", f"there is no recipe {name}; there are {', '.join(there)}")
    return [recipe(there[name]) for name in names or there]


def measured(wanted: Recipe) -> dict[int, dict[str, Any]]:
    """seed -> its newest row, of trainings with all settings as the recipe has them now."""
    own = [row for row in results.rows(RESULTS) if row["recipe"] == wanted.name]
    now = composed(wanted) if own else {}
    return {row["seed"]: row for row in own if not differences(row["config"], now)}


def composed(wanted: Recipe) -> dict[str, Any]:
    """All settings of the recipe, its own and the defaults, as they are now."""
    command = [sys.executable, "-m", "cnn_cli", *wanted.settings, "--cfg", "job", "--resolve"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return flat(yaml.safe_load(shown))


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value, of all that a claim depends on."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            found |= flat(value, f"{name}.")
        elif not name.startswith(UNCLAIMED):
            found[name] = value
    return found


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """`key=value` of a training's settings that are others, or not there any more.

    A setting that is new since then had, at that time, the effect of its default.
    """
    gone = object()
    return [f"{key}={value}" for key, value in before.items() if now.get(key, gone) != value]


def changes(settings: Iterable[str]) -> list[str]:
    """The settings of a command line that change what is claimed."""
    return sorted(line for line in settings if not line.startswith(PLACES))


def row_of(run: Path) -> dict[str, Any]:
    """The row of a finished run. Raises OSError or ValueError for a folder that is none."""
    report = json.loads((run / "report" / "report.json").read_text())
    about = json.loads((run / "environment.json").read_text())
    text = (run / "config.yaml").read_text()
    given = re.findall(r"^# override: (.*)$", text, re.MULTILINE)
    config = yaml.safe_load(text)
    named = [line.partition("=")[2] for line in given if line.startswith("experiment=")]
    if not named:
        raise ValueError(f"{run}: was not trained by a recipe (experiment=NAME)")
    made, cost = report["metrics"], report["cost"]
    hardware = about["hardware"]
    return {
        "recipe": named[-1],
        "seed": config["seed"],
        "config": flat(config),
        "accuracy": made["accuracy"],
        "images": made["images"],
        "train_seconds": round(cost["train_seconds"], 1),
        "parameters": cost["parameters"],
        "processor": hardware["processor"],
        "cores": hardware["cores"],
        "device": about["device"],
        "torch": about["versions"]["torch"],
        "commit": (about.get("git") or {}).get("commit"),
        "changed": (about.get("git") or {}).get("changed"),
        "written": report["provenance"]["written"],
    }


def check(row: dict[str, Any]) -> None:
    """Raise ValueError for a run with other settings than its recipe's command has."""
    wanted = recipe(RECIPES / f"{row['recipe']}.yaml")
    if other := differences(row["config"], composed(wanted)):
        raise ValueError(f"{row['recipe']}: was trained with other settings: {', '.join(other)}")


def run(wanted: Iterable[Recipe], settings: Sequence[str]) -> int:
    """Train what is missing, one seed after another. Returns the exit code."""
    if changed := changes(settings):
        allowed = "dataset.root=, dataset.verify=, dataset.url=, run.*, device.*"
        results.refuse(
            "claims", f"{changed[0]} would change what is claimed; allowed are {allowed}"
        )
    for each in wanted:
        missing = [seed for seed in each.seeds if seed not in measured(each)]
        if missing and (code := _prepare(each, settings)):
            return code
        for seed in missing:
            with tempfile.TemporaryDirectory() as folder:
                words = [*each.settings, f"seed={seed}", f"run.dir={folder}/run", *settings]
                command = [sys.executable, "-m", "cnn_cli", *words]
                print(
                    f"\n{each.name}, seed {seed}: {shlex.join(['cnn-train', *words])}", flush=True
                )
                code = subprocess.run(command, check=False).returncode
                if code not in (0, 3):  # 3: a threshold was missed, which is a result as well
                    print(f"claims: {each.name}, seed {seed}: ended with {code}", file=sys.stderr)
                    return code
                row = row_of(Path(folder) / "run")
                results.append(RESULTS, row | results.commit("cnn_cli", "configs"))
    return 0


def _prepare(wanted: Recipe, settings: Sequence[str]) -> int:
    """The commands before the last: runs that the recipe builds on, unless they are there."""
    for line in wanted.commands[:-1]:
        words = shlex.split(line)[1:]
        name = next(word.partition("=")[2] for word in words if word.startswith("run.name="))
        if not (Path("runs") / name / "report").exists():
            command = [sys.executable, "-m", "cnn_cli", *words, *settings]
            if code := subprocess.run(command, check=False).returncode:
                return code
    return 0


def lines(wanted: Iterable[Recipe]) -> Iterator[str]:
    """The table: recipes with their command, accuracy and time of training."""
    yield "| recipe | command | test accuracy | training | arithmetic, processor |"
    yield "|---|---|---|---|---|"
    for each in wanted:
        found = [row for seed, row in sorted(measured(each).items()) if seed in each.seeds]
        command = "<br>".join(f"`{line}`" for line in each.commands)
        title = each.title.rstrip(".")
        told = [_accuracy(found), _time(found), _precisions(found)] if found else NOTHING
        yield f"| {title} | {command} | {' | '.join(told)} |"


def _accuracy(found: Sequence[dict[str, Any]]) -> str:
    values = [100 * row["accuracy"] for row in found]
    mean = sum(values) / len(values)
    listed = ", ".join(f"{value:.2f}" for value in values)
    return f"{mean:.2f} % (n = {len(values)}{f': {listed}' if len(values) > 1 else ', seed 0'})"


def _time(found: Sequence[dict[str, Any]]) -> str:
    seconds = [row["train_seconds"] for row in found]
    low, high = _duration(min(seconds)), _duration(max(seconds))
    return low if low == high else f"{low} to {high}"


def _precisions(found: Sequence[dict[str, Any]]) -> str:
    """What was computed in, and on what: device.precision=auto is not the same everywhere."""
    named = set()
    for row in found:
        device, *rest = row["device"].split(", ")
        place = re.sub(r"\(R\)| Processor", "", row["processor"]) if device == "cpu" else device
        named |= {f"{name}, {place}" for name in PRECISIONS if name in rest}
    return " and ".join(sorted(named))


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def main(words: Sequence[str]) -> int:
    verb, rest = (words[0], words[1:]) if words else ("", ())
    names = [word for word in rest if "=" not in word]
    settings = [word for word in rest if "=" in word]
    if verb == "list":
        for each in recipes(names):
            done = [seed for seed in each.seeds if seed in measured(each)]
            print(f"{each.name}: {len(done)} of {len(each.seeds)} seeds measured\n  {each.claim}")
            print(*(f"  {line}" for line in each.commands), sep="\n")
    elif verb == "run":
        return run(recipes(names), settings)
    elif verb == "add" and names:
        for folder in names:
            try:
                row = row_of(Path(folder))
                check(row)
                results.append(RESULTS, row)
            except (OSError, ValueError) as error:
                results.refuse("claims", str(error))
    elif verb == "table":
        results.draw(README, BEGIN, END, lines(recipes()))
    else:
        results.refuse("claims", str(__doc__))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # the reader of a pipe has gone: | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

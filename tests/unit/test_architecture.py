"""The shape of the code: who may import whom, how long a file and a function may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cnn_cli"
SOURCES = sorted(PACKAGE.rglob("*.py"))

CONTRACTS = "errors limits rng data.contract data.plan data.windows"
MAY_IMPORT = {
    "errors": "",
    "limits": "",
    "paths": "",
    "rng": "",
    # Leaves take plain arguments: each can be used without the rest of the package.
    "data": "errors limits rng files data",
    "augmentation": f"{CONTRACTS} augmentation",
    "models": f"{CONTRACTS} models",
    "optim": f"{CONTRACTS} optim",
    # What runs a trained or untrained model knows the contracts, not the components.
    "files": "errors",
    "signals": "",
    "sidecar": "files",
    "run": "errors files sidecar",
    "lock": "errors files run",
    "processors": "",
    "device": "errors processors sections",
    "engine": (
        f"{CONTRACTS} sections device files sidecar signals run augmentation.pipeline"
        " optim.schedules engine"
    ),
    "visualize": (
        f"{CONTRACTS} run device augmentation.pipeline engine.predict engine.checks"
        " models.summary visualize"
    ),
    "report": f"{CONTRACTS} files run engine.predict engine.predictions visualize report",
    # Commands without Hydra: from the files of runs alone, without torch.
    "comparison": (
        "errors limits files run arguments checking resolving config config_text"
        " engine.predictions engine.costing report comparison"
    ),
    "listing": (
        "errors limits files run lock sidecar config config_text engine.display report.intervals"
        " listing"
    ),
    "plain": "errors limits checking paths sections sources",
    "export": f"{CONTRACTS} models.classifier export",
    # From the command line down: each knows what stands below it.
    "checking": "errors limits",
    "resolving": "errors limits",
    "sections": "limits",
    "config": "errors limits checking resolving sections",
    "config_text": "errors resolving config",
    "targets": "errors",
    "binding": "errors limits checking config targets",
    "inputs": "errors limits checking config data",
    "pretrained": "errors limits checking config run data models engine.checkpoint engine.archive",
    "build": (
        "errors limits rng checking resolving config sections targets binding device"
        " data augmentation models optim visualize inputs pretrained sources"
    ),
    "commands": (
        f"{CONTRACTS} paths checking resolving config config_text sections inputs build pretrained"
        " processors device files sidecar signals run lock reports engine report visualize export"
        " data augmentation models optim comparison listing plain commands"
    ),
    "spaces": "errors",
    "arguments": "errors spaces",
    "sources": "paths",
    "pages": "",
    "completion": "errors arguments sources pages run completion",
    "help": "errors arguments sources pages",
    "explain": "errors resolving",
    "guard": "errors targets",
    "recorded": (
        "errors limits paths checking resolving config config_text targets run engine.checkpoint"
        " processors"
    ),
    "destinations": "errors files run",
    "preview": "paths run sources",
    "reports": "errors run",
    "compose": (
        "errors paths resolving config targets arguments guard explain recorded destinations"
        " preview reports build"
    ),
    "cli": (
        "errors signals paths config arguments plain help pages explain compose commands completion"
        " processors"
    ),
    "__init__": "",
    "__main__": "cli",
}
SEES_HYDRA = {"cli", "compose", "recorded", "guard", "explain", "resolving", "config"}
SEES_HYDRA |= {"destinations", "preview"}
QUICK = {"__init__", "errors", "limits", "paths", "cli", "arguments", "compose", "config"}
QUICK |= {"sections", "help", "pages", "sources", "spaces", "completion", "plain", "comparison"}
QUICK |= {"listing", "processors"}
"""Imported for every `--help` and every mistake at the prompt: none of these may load torch."""

SLOW = {"torchvision", "sklearn", "matplotlib", "tensorboard", "scipy"}
SLOW |= {"onnx", "onnxruntime", "onnxscript", "safetensors"}
"""Imported inside functions only: each costs a second or more at the start."""
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}


def layer(path: Path) -> str:
    """`data` for cnn_cli/data/cifar.py, `run` for cnn_cli/run.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so as it is loaded itself."""
    tree = ast.parse(path.read_text())
    late = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) or _for_types_only(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                there = (ROOT / name.replace(".", "/")).with_suffix(".py").exists()
                yield name if there else node.module, node not in late


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    assert layer(path) in MAY_IMPORT, "a new layer: say above what it may import"
    allowed = MAY_IMPORT[layer(path)].split()
    inside = [name.removeprefix("cnn_cli.") for name, _ in imports(path) if "cnn_cli." in name]
    wrong = [name for name in inside if not f"{name}.".startswith(tuple(f"{a}." for a in allowed))]
    assert not wrong, f"{layer(path)} may import {allowed}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_modules_are_imported_late_and_hydra_at_the_top_only(path: Path) -> None:
    roots = {(name.split(".")[0], at_once) for name, at_once in imports(path)}
    assert not {name for name, at_once in roots if at_once and name in SLOW}
    if layer(path) not in SEES_HYDRA:
        assert not {name for name, _ in roots} & {"hydra", "omegaconf"}
    if layer(path) in QUICK:
        assert ("torch", True) not in roots


@pytest.mark.parametrize("folder", ["cnn_cli", "tests"])
def test_files_functions_and_names_stay_small_and_clear(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        assert not BANNED_NAMES & set(path.relative_to(ROOT).with_suffix("").parts), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= 50, f"{path}: {node.name} has {lines} lines"


def test_the_top_level_stays_as_it_is() -> None:
    allowed = {"pyproject.toml", "configs", "cnn_cli", "tests", "scripts", "README.md"}
    built = {"runs", "build", "dist"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - built == allowed

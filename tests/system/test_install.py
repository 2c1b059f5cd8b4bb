"""The package as it is installed: the wheel, the editable checkout, the bare checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import cnn_cli
from cnn_cli.paths import config_dir

ROOT = Path(__file__).parents[2]


def run(
    *command: str | Path, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed and print nothing to its error output."""
    environment = {**os.environ, **env}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked beside the existing packages, without them being touched."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-cache-dir"]
    subprocess.run([*command, "-t", str(folder), str(wheel)], check=True, capture_output=True)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")}


def test_the_wheel_holds_the_package_and_its_configs_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    dist_info = f"cnn_train-{cnn_cli.__version__}.dist-info"
    tops = {name.split("/")[0] for name in names}
    assert {top.split("-")[0] for top in tops} == {"cnn_cli", "cnn_train"}
    assert {top for top in tops if top.startswith("cnn_train")} == {dist_info}
    configs = {name.removeprefix("cnn_cli/configs/") for name in names if "/configs/" in name}
    assert configs == files(ROOT / "configs")
    assert not [name for name in names if "__pycache__" in name]
    assert {f"cnn_cli/completion/cnn-train.{shell}" for shell in ("bash", "zsh")} <= {*names}


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run([*build, "-t", "sdist"], cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    subprocess.run(["tar", "-xf", archive], cwd=tmp_path, check=True)
    source = archive.with_name(archive.name.removesuffix(".tar.gz"))
    subprocess.run([*build, "-t", "wheel"], cwd=source, check=True, capture_output=True)
    (again,) = tmp_path.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_the_installed_command_composes_a_config_from_an_empty_folder(installed: Path) -> None:
    command = installed / "bin" / "cnn-train"
    done = run(command, "--cfg", "job", "dataset=shapes", PYTHONPATH=str(installed))
    assert "_target_: cnn_cli.data.shapes." in done.stdout
    assert list(Path.cwd().iterdir()) == []


def test_the_wheel_reads_its_own_configs(installed: Path) -> None:
    code = "from cnn_cli.paths import config_dir; print(config_dir())"
    done = run(sys.executable, "-c", code, PYTHONPATH=str(installed))
    assert done.stdout.strip() == str(installed / "cnn_cli" / "configs")
    assert files(installed / "cnn_cli" / "configs") == files(ROOT / "configs")


def test_a_checkout_reads_the_configs_beside_it() -> None:
    assert config_dir() == ROOT / "configs"


def test_a_bare_checkout_runs_as_a_module(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(ROOT / "cnn_cli", bare / "cnn_cli")
    shutil.copytree(ROOT / "configs", bare / "configs")
    train = bare / "configs" / "train.yaml"
    train.write_text(train.read_text().replace("seed: 0 ", "seed: 417 "))
    done = run(sys.executable, "-m", "cnn_cli", "train", "--cfg", "job", cwd=bare)
    assert "seed: 417" in done.stdout


def test_the_version_is_said_once() -> None:
    assert metadata.version("cnn-train") == cnn_cli.__version__
    done = run(sys.executable, "-m", "cnn_cli", "--version")
    assert cnn_cli.__version__ in done.stdout

"""Where the package keeps what is not code."""

from pathlib import Path


def config_dir() -> Path:
    """The folder of the configs: inside the package when installed from a wheel, else beside it."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "configs"

"""Where a request would write: what is wrong with it is known before the work, not after it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnn_cli.errors import UserError
from cnn_cli.files import check_output, check_writable
from cnn_cli.run import run_folder


def check_jobs(jobs: Sequence[DictConfig]) -> list[str]:
    """What keeps jobs from being a sweep: no training, or one and the same place for them all."""
    problems = [
        f"{key}: has no meaning in a multirun, which makes a folder for each job; name the sweep's"
        " own by hydra.sweep.dir=FOLDER"
        for key in ("run.dir", "run.name")
        if any(OmegaConf.select(job, key) is not None for job in jobs)
    ]
    if any(OmegaConf.select(job, "check") is not None for job in jobs):
        problems.append(
            "check: is not for a multirun; leave out -m and check one setting at a time"
        )
    outputs = [OmegaConf.select(job, "output") for job in jobs]
    outputs = [output for output in outputs if output is not None]
    if len(set(outputs)) < len(outputs):
        problems.append(
            "output: all jobs of the multirun would write to the same folder; leave it out"
        )
    return problems


def check_writable_places(
    values: Mapping[str, Any], command: str, record: Mapping[str, Any] | None
) -> list[str]:
    """Places that cannot be written, or are in use: known before the work, not after it."""
    run, output = values.get("run"), values.get("output")
    root, directory, name = (
        run.get(key) if isinstance(run, Mapping) else None for key in ("root", "dir", "name")
    )
    try:
        if isinstance(output, str):
            check_output(Path(output))
        if command == "visualize" and values.get("checkpoint") is None and isinstance(root, str):
            check_writable(Path(root), "run.root")  # where no run is, no folder of one is there
        if command == "train" and record is None and isinstance(root, str):
            if values.get("check") is not None and (directory or name) is not None:
                key = "run.dir" if directory else "run.name"
                return [f"{key}: has no meaning beside check, which leaves no run; leave it out"]
            if isinstance(directory or name, str):
                run_folder(Path(root), directory, name, "")
            else:
                check_writable(Path(root), "run.root")
    except UserError as error:
        return list(error.problems)
    return []

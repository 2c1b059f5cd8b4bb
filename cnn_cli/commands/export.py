"""`cnn-train export`: a file for other programs, written only where it says what the model says."""

import dataclasses
import hashlib
import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rich.table import Table
from torch import Tensor

from cnn_cli.commands import exporting
from cnn_cli.commands.calibrating import with_temperature
from cnn_cli.commands.export_pictures import Pictures, pictures
from cnn_cli.commands.exporting import Written
from cnn_cli.commands.trained import Trained, find, load, output_folder
from cnn_cli.config import ExportConfig
from cnn_cli.device import Device, choose
from cnn_cli.engine.display import Display, counting
from cnn_cli.errors import TrainingError, UserError
from cnn_cli.export.deployed import trace
from cnn_cli.export.parity import Parity, compare, first_difference
from cnn_cli.export.script import NEEDS, script
from cnn_cli.export.timing import MANY, Timing, as_json, measure
from cnn_cli.files import replacing, size_and_hash, write_json


def run(config: ExportConfig, overrides: list[str], folder: Path | None) -> int:
    """Export, compare and time. Raises TrainingError where the file says something else."""
    display = Display()
    exporting.check_packages(config.format)
    _check_device(config)
    device = choose(dataclasses.replace(config.device, precision="fp32"))
    path = find(config.checkpoint, config.run.root, display)
    trained = load(path, device, config.trust)
    trained = with_temperature(trained, display) if config.calibrated else trained
    some = pictures(config, trained, device, overrides, display)
    title = f"{trained.title}, step {trained.step}, as {exporting.TITLES[config.format]}"
    display.say(title, style="bold", markup=False)
    written = exporting.write(trained, config.format, device, config.trust)
    parity = _compared(trained, written, some, config.tolerance, device, display)
    for told in dict.fromkeys(some.unreadable):
        display.warn(f"passed over: {told}")
    if not parity.images:
        raise UserError(f"images={config.images}: none of these pictures can be read")
    display.say(f"compared on {some.origin}: {_told(parity)}", markup=False)
    where = output_folder(config.output, path, config.run.root, "export", config.format, folder)
    if not parity.passed:
        _refuse(where, trained, written, parity, some)
    timings = _timed(trained, written, some, device)
    if timings:
        display.say(_table(timings, device))
    _save(where, trained, written, parity, some, timings, device)
    display.say(f"wrote {where / written.name}, {len(written.data) / 1e6:,.1f} MB", markup=False)
    if config.format != "safetensors":
        line = f"python {shlex.quote(str(where / 'predict.py'))} FILE|FOLDER"
        display.say(f"classify with it, by {NEEDS[config.format]} alone: {line}", markup=False)
    return 0


def _check_device(config: ExportConfig) -> None:
    given = {
        "name": (config.device.name, ("cpu",)),
        "precision": (config.device.precision, ("fp32", "auto")),
        "compile": (config.device.compile, (False,)),
    }
    wrong = [key for key, (value, allowed) in given.items() if value not in allowed]
    if wrong:
        told = f"device.{wrong[0]}={str(given[wrong[0]][0]).lower()}"
        raise UserError(f"{told}: files are made and compared on the CPU in fp32; leave it out")


def _compared(
    trained: Trained,
    written: Written,
    some: Pictures,
    tolerance: float,
    device: Device,
    display: Display,
) -> Parity:
    """The parity of the file with the model, with a bar."""
    with counting(display.console, "pictures", some.count) as advance:

        def counted() -> Iterator[Tensor]:
            for batch in some.batches():
                yield batch
                advance(len(batch))

        model = exporting.reference(trained, device)
        return compare(model, written.logits, counted(), tolerance)


def _told(parity: Parity) -> str:
    classes = (
        "the same class for all"
        if parity.top1_equal == parity.images
        else f"another class for {parity.images - parity.top1_equal:,}"
    )
    return (
        f"{parity.images:,} pictures, {classes}, logits differ by up to {parity.largest:.2g}"
        f" (allowed: {parity.tolerance:g})"
    )


def _refuse(
    where: Path, trained: Trained, written: Written, parity: Parity, some: Pictures
) -> NoReturn:
    """Keep the file under a name that nobody takes for a good one, and say where it differs."""
    deployed = exporting.deploy(trained.model, trained.temperature)
    first = first_difference(trace(deployed, parity.worst), written.stages(parity.worst))
    name, _, suffix = written.name.partition(".")
    failed = where / f"{name}.failed.{suffix}"
    with replacing(failed) as file:
        file.write(written.data)
    record = _record(trained, written, failed.name, parity, some)
    record["parity"]["first_difference"] = {"stage": first.stage, "by": _number(first.largest)}
    write_json(where / "export.json", record)
    raise TrainingError(
        f"the file does not say what the model says: {_told(parity)}; {first}; it is kept for"
        f" inspection as {failed}"
    )


def _timed(
    trained: Trained, written: Written, some: Pictures, device: Device
) -> Mapping[str, Timing]:
    """The file's runtime beside torch; nothing for weights, which run as the model does."""
    if not written.runtime:
        return {}
    ways = {written.runtime: written.logits, "torch": exporting.reference(trained, device)}
    return measure(ways, next(some.batches()))


def _table(timings: Mapping[str, Timing], device: Device) -> Table:
    threads = f"{device.threads} thread{'s' * (device.threads != 1)}"
    table = Table(box=None, header_style="bold", title_justify="left", title_style="")
    table.add_column(threads)
    for head in ("1 picture: median", "95 % below", f"batches of {MANY}"):
        table.add_column(head, justify="right")
    for name, timing in timings.items():
        table.add_row(
            name,
            f"{timing.median_ms:.3g} ms",
            f"{timing.p95_ms:.3g} ms",
            f"{timing.images_per_second:,.0f} images/s",
        )
    return table


def _save(
    where: Path,
    trained: Trained,
    written: Written,
    parity: Parity,
    some: Pictures,
    timings: Mapping[str, Timing],
    device: Device,
) -> None:
    with replacing(where / written.name) as file:
        file.write(written.data)
    form = written.name.rpartition(".")[2]
    if form in NEEDS:
        origin = f"The network is that of {trained.title}, step {trained.step}."
        with replacing(where / "predict.py") as file:
            file.write(script(form, origin).encode())
    record = _record(trained, written, written.name, parity, some)
    if timings:
        record["timing"] = {"device": str(device), **as_json(timings)}
    write_json(where / "export.json", record)


def _record(
    trained: Trained, written: Written, name: str, parity: Parity, some: Pictures
) -> dict[str, Any]:
    """export.json: the file, where it comes from, and how it compares."""
    return {
        "file": name,
        "bytes": len(written.data),
        "sha256": hashlib.sha256(written.data).hexdigest(),
        "run": trained.title,
        "step": trained.step,
        "checkpoint": trained.path.name,
        "checkpoint_sha256": size_and_hash(trained.path)[1],
        "classes": list(trained.classes),
        "preprocessing": dataclasses.asdict(trained.preprocessing),
        "temperature": trained.temperature,
        "versions": exporting.packages(written.name.rpartition(".")[2]),
        "parity": {
            "passed": parity.passed,
            "images": parity.images,
            "of": some.origin,
            "top1_equal": parity.top1_equal,
            "largest_logit_difference": _number(parity.largest),
            "tolerance": parity.tolerance,
        },
    }


def _number(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None

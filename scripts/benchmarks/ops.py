"""Speed side by side: scripts/benchmark ops [NAME ...] [--rounds N] [--json FILE]

ops: each augmentation on 512 pictures of 3x32x32 on one thread, against torchvision's transforms
v1 (a PIL picture at a time, as in most tutorials) and v2 (a uint8 tensor at a time), all from
pictures in memory to a normalised float tensor. The competitors take turns (A B C A B C ...) in one
process, which keeps freed memory as the trainer does; the table shows medians in pictures a second,
how much faster than the better of the two, and the spread of ours. `op alone` takes a batch that is
gathered already and leaves it as it comes out: what the op adds.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import v2

from cnn_cli.augmentation.colour import ColourJitter
from cnn_cli.augmentation.erasing import RandomErasing
from cnn_cli.augmentation.geometry import Affine, HorizontalFlip, PaddedCrop, ResizedCrop, Rotation
from cnn_cli.augmentation.mixing import CutMix, MixUp
from cnn_cli.augmentation.pipeline import Augmentation, Op
from cnn_cli.augmentation.policies import RandAugment, TrivialAugment
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.device import keep_memory
from cnn_cli.models.classifier import Normalize

BATCH, SIZE, CLASSES, KEPT = 512, 32, 10, 50_000
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

Call = Callable[[int], Any]
"""One round: all pictures of a batch; given its number, so that each draws anew."""


def batched(**ops: Op) -> Call:
    """Our way: uint8 pictures in memory, the ops on the whole batch, float and normalised."""
    images = torch.randint(256, (KEPT, 3, SIZE, SIZE), dtype=torch.uint8)
    split = Resident(images, torch.arange(KEPT) % CLASSES, [""] * KEPT)
    augmentation = Augmentation(ops, 0)
    window = augmentation.window(SIZE)
    plan = Plan(KEPT, BATCH, epochs=1000, seed=0)
    normalize = Normalize(MEAN, STD)
    one_hot = torch.eye(CLASSES)
    source = split.batches(plan, 0, window)

    def call(step: int) -> Tensor:
        batch = next(source)
        pictures, _ = augmentation(batch.images, one_hot[batch.labels], step, window is not None)
        return normalize(pictures)

    return call


def op_alone(ops: Mapping[str, Op]) -> Call:
    """Drawing and applying the ops, on one batch in the trainer's memory format."""
    rows = torch.randint(256, (BATCH, SIZE, SIZE, 3), dtype=torch.uint8)
    pictures = rows.permute(0, 3, 1, 2)
    if not all(op.pixels_only for op in ops.values()):
        pictures = pictures / 255
    targets = torch.eye(CLASSES)[torch.arange(BATCH) % CLASSES]
    augmentation = Augmentation(ops, 0)
    return lambda step: augmentation(pictures, targets, step, cropped=False)


def one_by_one_v1(transform: Any, on_tensor: Any = None) -> Call:
    """torchvision v1: PIL in, `transform`, ToTensor, Normalize, `on_tensor`."""
    raw = torch.randint(256, (BATCH, 3, SIZE, SIZE), dtype=torch.uint8)
    pictures = [v1.functional.to_pil_image(image) for image in raw]
    steps = [transform, v1.ToTensor(), v1.Normalize(MEAN, STD), on_tensor]
    whole = v1.Compose([step for step in steps if step is not None])
    return lambda _: torch.stack([whole(picture) for picture in pictures])


def one_by_one_v2(transform: Any, on_tensor: Any = None) -> Call:
    """torchvision v2: uint8 tensors in, `transform`, to float, Normalize, `on_tensor`."""
    pictures = list(torch.randint(256, (BATCH, 3, SIZE, SIZE), dtype=torch.uint8))
    to_float = v2.ToDtype(torch.float32, scale=True)
    steps = [transform, to_float, v2.Normalize(MEAN, STD), on_tensor]
    whole = v2.Compose([step for step in steps if step is not None])
    return lambda _: torch.stack([whole(picture) for picture in pictures])


def whole_batch_v2(transform: Any) -> Call:
    """torchvision v2's mixing, which is made for a batch, of pictures in memory as well."""
    pictures = torch.randint(256, (KEPT, 3, SIZE, SIZE), dtype=torch.uint8)
    plan = Plan(KEPT, BATCH, epochs=1000, seed=0)
    labels = torch.arange(KEPT) % CLASSES
    to_float = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])

    def call(step: int) -> Any:
        chosen = plan.indices(step)
        return transform(to_float(pictures[chosen]), labels[chosen])

    return call


CROP_FLIP = {"crop": PaddedCrop(2, "reflect"), "flip": HorizontalFlip(True, 0.5)}
CROP = {"size": SIZE, "padding": 2, "padding_mode": "reflect"}
POLICY: dict[str, Any] = {"without": (), "fill": "zero"}
AFFINE: dict[str, Any] = {"degrees": 15, "translate": (0.1, 0.1), "scale": (0.9, 1.1), "shear": 10}
JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4}


def ours(**ops: Op) -> dict[str, Callable[[], Call]]:
    return {"ours": partial(batched, **ops), "op alone": partial(op_alone, ops)}


def both(v1_transform: Any, v2_transform: Any) -> dict[str, Callable[[], Call]]:
    return {
        "v1": partial(one_by_one_v1, v1_transform),
        "v2": partial(one_by_one_v2, v2_transform),
    }


OPS: dict[str, dict[str, Callable[[], Call]]] = {
    "crop_flip": {
        **ours(**CROP_FLIP),
        **both(
            v1.Compose([v1.RandomCrop(**CROP), v1.RandomHorizontalFlip()]),
            v2.Compose([v2.RandomCrop(**CROP), v2.RandomHorizontalFlip()]),
        ),
    },
    "resized_crop": {
        **ours(c=ResizedCrop((0.3, 1.0), (0.75, 1.333))),
        **both(
            v1.RandomResizedCrop(SIZE, (0.3, 1.0)),
            v2.RandomResizedCrop(SIZE, (0.3, 1.0), antialias=False),
        ),
    },
    "rotation": {
        **ours(r=Rotation(15.0, "zero")),
        **both(
            v1.RandomRotation(15, v1.InterpolationMode.BILINEAR),
            v2.RandomRotation(15, v2.InterpolationMode.BILINEAR),
        ),
    },
    "affine": {
        **ours(a=Affine(15.0, 10.0, (0.9, 1.1), 0.1, "zero")),
        **both(
            v1.RandomAffine(**AFFINE, interpolation=v1.InterpolationMode.BILINEAR),
            v2.RandomAffine(**AFFINE, interpolation=v2.InterpolationMode.BILINEAR),
        ),
    },
    "jitter": {
        **ours(j=ColourJitter(**JITTER)),
        **both(v1.ColorJitter(**JITTER), v2.ColorJitter(**JITTER)),
    },
    "erasing": {
        **ours(e=RandomErasing(0.5, (0.02, 0.33), (0.3, 3.3))),
        "v1": partial(one_by_one_v1, None, v1.RandomErasing(0.5)),
        "v2": partial(one_by_one_v2, None, v2.RandomErasing(0.5)),
    },
    "trivial": {
        **ours(
            t=TrivialAugment(
                rotate=135.0, shear=0.99, translate=32, enhance=0.99, posterize=2, **POLICY
            ),
        ),
        **both(v1.TrivialAugmentWide(), v2.TrivialAugmentWide()),
    },
    "randaugment": {
        **ours(
            r=RandAugment(
                rotate=30.0,
                shear=0.3,
                translate=0.453,
                enhance=0.9,
                posterize=4,
                layers=2,
                magnitude=9,
                **POLICY,
            ),
        ),
        **both(v1.RandAugment(), v2.RandAugment()),
    },
    "mixup": {
        **ours(m=MixUp(0.2, 1.0)),
        "v2 on the batch": partial(whole_batch_v2, v2.MixUp(alpha=0.2, num_classes=CLASSES)),
    },
    "cutmix": {
        **ours(c=CutMix(1.0, 1.0)),
        "v2 on the batch": partial(whole_batch_v2, v2.CutMix(alpha=1.0, num_classes=CLASSES)),
    },
}


def turns(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Pictures a second of each competitor in each round, in turn; one more round to warm up."""
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call(number)
            rate = BATCH / (time.perf_counter() - start)
            if number:
                rates[name].append(rate)
    return rates


def measure_ops(names: list[str], rounds: int) -> list[dict[str, Any]]:
    rows = []
    for name in track(names, "measuring", console=Console(stderr=True), transient=True):
        torch.manual_seed(0)
        rates = turns({who: make() for who, make in OPS[name].items()}, rounds)
        medians = {who: statistics.median(values) for who, values in rates.items()}
        peers = [value for who, value in medians.items() if who not in ("ours", "op alone")]
        low, _, high = statistics.quantiles(rates["ours"], n=4)
        ratio = medians["ours"] / max(peers)
        rows.append({"op": name, **medians, "ratio": ratio, "quartiles": [low, high]})
    return rows


def machine() -> dict[str, Any]:
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].partition(": ")[2] if lines else processor
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def show(rows: list[dict[str, Any]], about: dict[str, Any], rounds: int) -> None:
    title = ", ".join(f"{key} {value}" for key, value in about.items())
    table = Table(caption=f"images/s, 3x{SIZE}x{SIZE}, {BATCH} a round, n = {rounds}; {title}")
    table.add_column("op", no_wrap=True)
    for name in ("op alone", "ours", "quartiles", "v1", "v2", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        peers = [row.get("v1"), row.get("v2", row.get("v2 on the batch"))]
        figures = [row["op alone"], row["ours"], *row["quartiles"], *peers]
        alone, whole, low, high, old, new = (f"{x:,.0f}" if x else "-" for x in figures)
        cells = [alone, whole, f"{low} - {high}", old, new, f"{row['ratio']:.1f}x"]
        table.add_row(row["op"], *cells)
    Console().print(table)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["ops"])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(OPS)}; all without")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    given = parser.parse_args(words)
    if unknown := [name for name in given.names if name not in OPS]:
        parser.error(f"no op {unknown[0]}; there are {', '.join(OPS)}")
    torch.set_num_threads(1)
    keep_memory()
    rows, about = measure_ops(given.names or list(OPS), given.rounds), machine()
    show(rows, about, given.rounds)
    if given.json:
        made = {"machine": about, "rounds": given.rounds, "rows": rows}
        given.json.write_text(json.dumps(made, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

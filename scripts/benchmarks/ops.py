"""Each augmentation against torchvision's transforms, on one thread.

512 pictures of 3x32x32, from pictures in memory to a normalised float tensor: torchvision's v1 (a
PIL picture at a time, as in most tutorials) and v2 (a uint8 tensor at a time). All in one process,
which keeps freed memory as the trainer does. The ratio is to the better of the two; `op alone`
takes a batch that is gathered already and leaves it as it comes out: what the op adds.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import v2

from benchmarks import common
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


def measure(names: list[str], rounds: int) -> common.Rows:
    """Pictures a second of each competitor, in turn."""
    common.refuse_unknown(names, OPS)
    keep_memory()
    rows = []
    for name in names or OPS:
        torch.manual_seed(0)
        ways = {who: _timed(make()) for who, make in OPS[name].items()}
        rates = common.take_turns(ways, rounds)
        medians = {who: common.spread(values)[0] for who, values in rates.items()}
        peers = [value for who, value in medians.items() if who not in ("ours", "op alone")]
        _, low, high = common.spread(rates["ours"])
        ratio = medians["ours"] / max(peers)
        rows.append({"op": name, **medians, "ratio": ratio, "quartiles": [low, high]})
    return rows


def _timed(call: Call) -> Callable[[], float]:
    numbers = count()

    def rate() -> float:
        start = time.perf_counter()
        call(next(numbers))
        return BATCH / (time.perf_counter() - start)

    return rate


def show(rows: common.Rows, rounds: int) -> None:
    def rate(*keys: str) -> Callable[[Any], str]:
        return lambda row: next((f"{row[key]:,.0f}" for key in keys if key in row), "-")

    common.show(
        f"pictures a second, 3x{SIZE}x{SIZE}, {BATCH} a round",
        {
            "op": lambda row: row["op"],
            "op alone": rate("op alone"),
            "ours": rate("ours"),
            "quartiles": lambda row: "{:,.0f} - {:,.0f}".format(*row["quartiles"]),
            "v1": rate("v1"),
            "v2": rate("v2", "v2 on the batch"),
            "ratio": lambda row: f"{row['ratio']:.1f}x",
        },
        rows,
        f"n = {rounds}",
    )

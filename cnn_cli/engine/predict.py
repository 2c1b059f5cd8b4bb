"""What a model says about every picture of a split: the one code path of validation and reports."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cnn_cli.data.contract import Split
from cnn_cli.data.plan import Plan
from cnn_cli.device import Device
from cnn_cli.engine.predictions import Predictions as Predictions

USUAL_BATCH, FEWEST = 500, 16
USUAL_SIZE = 64
"""Pixels a side up to which USUAL_BATCH pictures are evaluated at once: by then its features leave
the processor's caches in any case, and take memory alone."""


def batch_size_for(size: int) -> int:
    """Pictures of `size` x `size` pixels that are evaluated at once where nobody says: 500 of up to
    64x64, of larger ones as many as have as many pixels, at least 16.
    """
    return min(USUAL_BATCH, max(FEWEST, USUAL_BATCH * USUAL_SIZE**2 // size**2))


def predict(
    model: nn.Module,
    split: Split,
    classes: tuple[str, ...],
    device: Device,
    batch_size: int,
    advance: Callable[[int], None] | None = None,
) -> Predictions:
    """Run `model` over all pictures of `split` in order; nothing is padded or dropped.

    `advance(n)` is told of every n pictures done, for a progress bar. The model is left in the
    mode it was in. Softmax is taken in float64: from float32 the log loss of confident mistakes is
    off by up to 0.2.
    """
    plan = Plan(len(split), batch_size, shuffle=False)
    logits: list[Tensor] = []
    training = model.training
    model.eval()
    try:
        with torch.inference_mode(), device.autocast():
            for batch in split.batches(plan):
                logits.append(model(device.input(batch.images)))
                if advance:
                    advance(len(batch.labels))
    finally:
        model.train(training)
    rows = torch.cat(logits) if logits else torch.empty(0, len(classes))
    return Predictions(
        labels=split.labels.numpy(),
        probabilities=rows.cpu().double().softmax(dim=1).numpy(),
        names=tuple(split.names),
        classes=classes,
    )

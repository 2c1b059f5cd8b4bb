"""The training loss on soft targets: smoothing, class weights and focus on hard pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.errors import UserError, closest

TINY = 1e-7
"""Smallest 1 - p of the focal loss, float32's own step at 1."""


@dataclass(frozen=True)
class Loss:
    """Cross-entropy against targets (N, K) in [0, 1], whatever they were made of."""

    smoothing: float = 0.0
    """share of the target spread evenly over all classes (Szegedy et al. 2016, section 7)"""
    weights: Tensor | None = None
    """(K,) float32 on the device: what each class counts"""
    gamma: float = 0.0
    """a class at probability p counts (1 - p) ** gamma (focal loss, Lin et al. 2017)"""

    def targets(self, labels: Tensor, num_classes: int, *, soft: bool = True) -> Tensor:
        """(N,) int64 -> (N, K) float32 rows that sum to 1.

        The labels as they are where they do as well, if nothing will mix them (not `soft`).
        """
        if not soft and self.weights is None and not self.gamma:
            return labels
        targets = F.one_hot(labels, num_classes).float()
        if not self.smoothing:
            return targets
        return targets.mul_(1 - self.smoothing).add_(self.smoothing / num_classes)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Summed over the batch, in nats; logits (N, K), targets (N, K) or labels (N,)."""
        if targets.ndim == 1:
            return F.cross_entropy(
                logits.float(), targets, reduction="sum", label_smoothing=self.smoothing
            )
        logs = logits.float().log_softmax(dim=1)
        terms = targets * logs
        if self.gamma:
            # expm1 keeps what 1 - p rounds to 0, where the power has no finite slope
            terms = terms * (-torch.expm1(logs)).clamp(min=TINY) ** self.gamma
        if self.weights is not None:
            terms = terms * self.weights
        return -terms.sum()

    def total(self, targets: Tensor) -> Tensor | int:
        """What the sum over these targets is divided by: their weight, or their number.

        With weights `F.cross_entropy` divides soft targets by their number: the mean would then
        depend on which classes happen to be in the batch.
        """
        return len(targets) if self.weights is None else (targets * self.weights).sum()


def class_weights(
    wanted: str | Mapping[str, float] | None, classes: Sequence[str], labels: Tensor
) -> Tensor | None:
    """(K,) float32 on the CPU; None where all count alike.

    "auto" weighs each class by N / (K n), so that all classes count alike however rare they are
    (King & Zeng 2001; scikit-learn's "balanced"); a mapping names classes, the others count 1.
    Raises UserError for a class that there is not, and for "auto" with a class without pictures.
    """
    if wanted is None:
        return None
    if isinstance(wanted, Mapping):
        unknown = [name for name in wanted if name not in classes]
        if unknown:
            near = ", ".join(f"'{name}'{closest(name, classes)}" for name in unknown[:5])
            raise UserError(
                f"loss.class_weights: no such class: {near}; there are {', '.join(classes[:12])}"
            )
        return torch.tensor([float(wanted.get(name, 1.0)) for name in classes])
    counts = labels.bincount(minlength=len(classes)).double()
    empty = [name for name, count in zip(classes, counts.tolist(), strict=True) if count == 0]
    if empty:
        raise UserError(
            f"loss.class_weights=auto: there are no training pictures of {', '.join(empty[:5])};"
            " give weights by name, or more pictures"
        )
    return (counts.sum() / (len(classes) * counts)).float()

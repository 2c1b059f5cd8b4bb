"""Which parameters decay."""

from typing import Any

from torch import nn


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters as groups for a torch optimizer: weights decay, norms and biases do not.

    Vectors and scalars (norm scales, biases) carry no capacity that decay could take away, and
    pulling them to zero costs accuracy (He et al. 2019, "Bag of Tricks"). No group is empty.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]

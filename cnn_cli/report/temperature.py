"""One number that makes a model as sure as it is right (Guo et al. 2017, section 4.2)."""

from math import exp, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIMITS = 0.05, 20.0
"""Between which the temperature is looked for."""
TINY = float(np.finfo(np.float64).tiny)


def scaled(probabilities: Floats, temperature: float) -> Floats:
    """softmax(logits / temperature) of the probabilities softmax(logits), (N, K) float64.

    Logits are not needed: log-probabilities are logits up to a number a row, which softmax ignores.
    Above 1 it makes less sure, below 1 surer; the order of the classes stays.
    """
    logs = np.log(np.maximum(probabilities, TINY)) / temperature
    logs -= logs.max(axis=1, keepdims=True)
    found: Floats = np.exp(logs)
    found /= found.sum(axis=1, keepdims=True)
    return found


def fitted(probabilities: Floats, labels: Ints) -> float:
    """The temperature with the smallest mean negative log-likelihood of these pictures.

    The loss is convex in 1 / temperature; looked for between LIMITS. As if one of n + 2 pictures
    were of another class (Platt 1999, "Probabilistic Outputs for Support Vector Machines", section
    2.2): a model that has all of a few pictures right is not made sure of everything.
    """
    from scipy.optimize import minimize_scalar

    logs = np.log(np.maximum(probabilities, TINY))
    own = logs[np.arange(len(labels)), labels]
    others = (logs.sum(axis=1) - own) / (logs.shape[1] - 1)
    own = own + (others - own) / (len(labels) + 2)

    def loss(sharpness: float) -> float:
        """Of 1 / temperature = exp(sharpness)."""
        factor = exp(sharpness)
        rows = logs * factor
        top = rows.max(axis=1)
        norm = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
        return float((norm - own * factor).mean())

    low, high = (-log(limit) for limit in reversed(LIMITS))
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return exp(-float(found.x))

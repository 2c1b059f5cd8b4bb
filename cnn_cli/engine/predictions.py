"""What a model said about every picture of a split: plain arrays, read without torch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Predictions:
    """labels (N,) int64; probabilities (N, K) float64, rows sum to 1; names of the pictures (N)."""

    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    names: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """(N,) int64: the most probable class, the first one in a tie."""
        found: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    @property
    def accuracy(self) -> float:
        """Share of pictures whose most probable class is the true one."""
        return float((self.predicted == self.labels).mean())

    @property
    def loss(self) -> float:
        """Mean negative log likelihood in nats, whatever loss the training used."""
        chosen = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.maximum(chosen, SMALLEST)).mean())

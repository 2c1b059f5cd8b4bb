"""Keras on torch: `model.fit` with a DataLoader, or with its own preprocessing layers.

The network is the same torch module, in Keras's TorchModuleWrapper. `--workers layers` takes the
layers RandomCrop and RandomFlip. They work on whole batches, and RandomCrop cuts all pictures of a
batch at the same place: a weaker augmentation, and less work.
"""

import os
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from networks import MEAN, MOMENTUM, RATE, STD
from task import Task


class Classifier(keras.Model):
    """The network, behind layers that augment and scale where `layers` are asked for."""

    def __init__(self, task: Task, network: Any, layers: bool) -> None:
        super().__init__()
        self.layered = layers
        self.pad = keras.layers.ZeroPadding2D(task.padding)
        self.crop = keras.layers.RandomCrop(task.size, task.size)
        self.flip = keras.layers.RandomFlip("horizontal")
        self.scale = keras.layers.Rescaling(1 / (255 * STD), offset=-MEAN / STD)
        self.network = keras.layers.TorchModuleWrapper(network)

    def call(self, x: Any, training: bool = False) -> Any:
        if self.layered and training:  # RandomCrop would leave a padded picture as it is otherwise
            x = self.flip(self.crop(self.pad(x), training=True), training=True)
        if self.layered:
            x = self.scale(x)
        return self.network(x, training=training)


def arrays(task: Task, part: str) -> tuple[Any, Any]:
    with np.load(task.file) as found:
        return found[f"{part}_images"], found[f"{part}_labels"]


def main() -> None:
    task = Task()
    keras.config.set_image_data_format("channels_first")
    layers = task.given.workers == "layers"
    network = task.network()
    model = Classifier(task, network, layers)
    model.compile(
        optimizer=keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    train = arrays(task, "train") if layers else (task.train_loader(),)
    test = arrays(task, "test") if layers else (task.test_loader(),)
    own = {"batch_size": task.batch_size} if layers else {}
    start = time.monotonic()
    model.fit(*train, epochs=task.epochs, **own)
    seconds = time.monotonic() - start
    _, accuracy = model.evaluate(*test, **own)
    model.save_weights(task.out / "model.weights.h5")
    task.write(network, train_seconds=seconds, accuracy=accuracy)


if __name__ == "__main__":
    main()

"""skorch as its guide shows it: a NeuralNetClassifier that is fitted to a data set."""

import time

import torch
from networks import MOMENTUM, RATE
from skorch import NeuralNetClassifier
from task import Task
from torch import nn


def main() -> None:
    task = Task()
    train, test = task.dataset("train", augmented=True), task.dataset("test", augmented=False)
    net = NeuralNetClassifier(
        task.network(),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        lr=RATE,
        optimizer__momentum=MOMENTUM,
        max_epochs=task.epochs,
        batch_size=task.batch_size,
        train_split=None,
        iterator_train__shuffle=True,
        iterator_train__num_workers=task.workers,
        iterator_valid__num_workers=task.workers,
        classes=list(range(task.num_classes)),
    )
    start = time.monotonic()
    net.fit(train, y=None)
    seconds = time.monotonic() - start
    accuracy = net.score(test, test.labels)
    net.save_params(f_params=task.out / "model.pkl")
    task.write(net.module_, train_seconds=seconds, accuracy=float(accuracy))


if __name__ == "__main__":
    main()

"""Test accuracy against seconds of training, of the tutorial's network and loop.

No augmentation, as in the tutorials; evaluated after each epoch, outside of the time.
"""

import time

import torch
from networks import MOMENTUM, RATE
from task import Task
from torch import nn
from tutorial_loop import test, train


def main() -> None:
    task = Task()
    train_loader, test_loader = task.train_loader(augmented=False), task.test_loader()
    model = task.network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = (
        torch.optim.Adam(model.parameters())
        if task.given.optimizer == "adam"
        else torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    )
    seconds, points = 0.0, []
    for _ in range(task.epochs):
        start = time.monotonic()
        train(train_loader, model, loss_fn, optimizer)
        seconds += time.monotonic() - start
        points.append((seconds, test(test_loader, model)))
        if points[-1][1] >= (task.given.until or 2.0):
            break
    torch.save(model.state_dict(), task.out / "model.pth")
    task.write(model, train_seconds=seconds, accuracy=points[-1][1], points=points)


if __name__ == "__main__":
    main()

"""The loop of PyTorch's quickstart, with the transforms of torchvision's v1."""

import time

import torch
from networks import MOMENTUM, RATE
from task import Task
from torch import nn

EVERY = 100
"""Steps between lines on the screen."""


def train(dataloader, model, loss_fn, optimizer) -> None:
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):  # noqa: N806 (as the tutorial has it)
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % EVERY == 0:
            current = (batch + 1) * len(X)
            print(f"loss: {loss.item():>7f}  [{current:>5d}/{size:>5d}]")


def test(dataloader, model) -> float:
    """Share of right answers."""
    model.eval()
    correct = 0.0
    with torch.no_grad():
        for X, y in dataloader:  # noqa: N806
            correct += (model(X).argmax(1) == y).type(torch.float).sum().item()
    return correct / len(dataloader.dataset)


def main() -> None:
    task = Task()
    train_loader, test_loader = task.train_loader(), task.test_loader()
    model = task.network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    start = time.monotonic()
    for epoch in range(task.epochs):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        train(train_loader, model, loss_fn, optimizer)
    seconds = time.monotonic() - start
    accuracy = test(test_loader, model)
    torch.save(model.state_dict(), task.out / "model.pth")
    task.write(model, train_seconds=seconds, accuracy=accuracy)


if __name__ == "__main__":
    main()

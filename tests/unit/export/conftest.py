"""A small network with something to get wrong in every stage."""

import pytest
import torch
from torch import nn

from cnn_cli.export.deployed import Deployed
from cnn_cli.models.classifier import Classifier, Normalize


class Net(nn.Module):
    """A convolution, two blocks, one of which hands on what it is given, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = nn.Sequential(
            nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.Dropout(0.5), nn.Conv2d(4, 6, 3)
        )
        self.fc = nn.Linear(6, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.blocks(self.conv(images)).mean(dim=(2, 3)))


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    made = Classifier(Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.25)), Net())
    made.net.blocks[0][0].running_mean.uniform_(-0.5, 0.5)
    return made.eval()


@pytest.fixture
def deployed(model: Classifier) -> Deployed:
    return Deployed(model, 1.5)


@pytest.fixture
def images() -> torch.Tensor:
    """(7, 3, 8, 8) uint8, all values from 0 to 255."""
    draw = torch.Generator().manual_seed(1)
    found = torch.randint(256, (7, 3, 8, 8), generator=draw, dtype=torch.uint8)
    found[0, 0, 0, 0], found[0, 0, 0, 1] = 0, 255
    return found

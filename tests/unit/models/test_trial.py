"""A model shown empty pictures: what it cannot train on is refused before any work."""

import pytest
import torch
from torch import nn

from cnn_cli.errors import UserError
from cnn_cli.models.trial import CLASSES, check_output, check_training, smallest_part


def network(norm: type[nn.Module], classes: int = CLASSES) -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(8), norm(4), nn.Flatten(),
            nn.Linear(4, classes),
        )  # fmt: skip


@pytest.mark.parametrize("batch_size", range(1, 13))
@pytest.mark.parametrize("accumulate", range(1, 13))
def test_the_smallest_part_is_that_of_chunk(batch_size: int, accumulate: int) -> None:
    parts = torch.empty(batch_size).chunk(accumulate)
    assert smallest_part(batch_size, accumulate) == min(map(len, parts))


@pytest.mark.parametrize(("batch_size", "accumulate"), [(1, 1), (8, 8), (5, 3), (4, 100)])
def test_batch_norm_over_one_value_is_refused(batch_size: int, accumulate: int) -> None:
    with pytest.raises(UserError) as caught:
        check_training(network(nn.BatchNorm2d), 1, 8, batch_size, accumulate)
    (problem,) = caught.value.problems
    assert problem.startswith(f"trainer.batch_size={batch_size}, trainer.accumulate={accumulate}: ")
    assert "model.norm=group" in problem


def test_what_can_be_trained_on_passes() -> None:
    check_training(network(nn.BatchNorm2d), 1, 8, 5, 2)
    check_training(network(nn.BatchNorm2d), 1, 16, 1, 1)
    check_training(network(nn.Identity), 1, 8, 1, 1)


def test_another_refusal_of_the_model_is_told() -> None:
    class Own(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise ValueError(f"not {len(images)}")

    with pytest.raises(UserError, match="model: cannot train on 2 pictures: not 2"):
        check_training(Own(), 1, 8, 4, 2)


def test_the_output_is_logits() -> None:
    check_output(network(nn.BatchNorm2d), 1, 8)
    with pytest.raises(UserError, match=r"model: gives \[2, 3\] for 2 pictures and 10 classes"):
        check_output(network(nn.BatchNorm2d, classes=3), 1, 8)
    with pytest.raises(UserError, match="model: does not take pictures of 3x8x8"):
        check_output(network(nn.BatchNorm2d), 3, 8)

"""Labels renumbered; pictures, names and order as before."""

import torch

from cnn_cli.data.plan import Plan
from cnn_cli.data.relabel import Relabelled
from cnn_cli.data.resident import Resident

IMAGES = torch.arange(6 * 4, dtype=torch.uint8).view(6, 1, 2, 2)
SPLIT = Resident(IMAGES, torch.tensor([0, 1, 2, 0, 1, 2]), list("abcdef"))
RELABELLED = Relabelled(SPLIT, (5, 0, 3))


def test_only_the_labels_change() -> None:
    assert RELABELLED.labels.tolist() == [5, 0, 3, 5, 0, 3]
    assert list(RELABELLED.names) == list("abcdef")
    assert RELABELLED.crops is SPLIT.crops
    assert len(RELABELLED) == 6
    for ours, theirs in zip(
        RELABELLED.batches(Plan(6, 4, seed=1)), SPLIT.batches(Plan(6, 4, seed=1)), strict=True
    ):
        assert torch.equal(ours.images, theirs.images)
        assert ours.labels.tolist() == [(5, 0, 3)[label] for label in theirs.labels]


def test_single_pictures_and_moved_ones_too() -> None:
    assert RELABELLED.take(torch.tensor([2, 0])).labels.tolist() == [3, 5]
    assert RELABELLED.to(torch.device("cpu")).take(torch.tensor([1])).labels.tolist() == [0]

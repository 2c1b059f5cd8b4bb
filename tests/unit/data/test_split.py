"""Stratified parts: exact sizes, every class in its proportion, always the same pictures."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from cnn_cli.data.split import (
    Limit,
    apportion,
    cut,
    cut_groups,
    limited,
    share,
    stratified_folds,
    too_small,
)
from cnn_cli.errors import UserError


def labels(*counts: int) -> Tensor:
    """Classes of so many pictures each, shuffled."""
    whole = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return whole[torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))]


def counted(some: Tensor) -> dict[int, int]:
    return dict(sorted(Counter(some.tolist()).items()))


def test_a_cut_is_stratified_and_loses_nothing() -> None:
    whole = labels(100, 50, 10)
    rest, part = cut(whole, 32, "val", keep=1)
    assert counted(whole[part]) == {0: 20, 1: 10, 2: 2}
    assert sorted(rest.tolist() + part.tolist()) == list(range(160))


def test_a_cut_is_always_the_same_whatever_the_state_of_torch() -> None:
    whole = labels(30, 30)
    torch.manual_seed(1)
    first = cut(whole, 12, "val", keep=1)
    torch.manual_seed(2)
    second = cut(whole, 12, "val", keep=1)
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[1], cut(whole, 12, "test", keep=1)[1])


def test_a_cut_is_a_random_choice_not_the_first_pictures() -> None:
    _, part = cut(torch.zeros(1000, dtype=torch.int64), 500, "val", keep=1)
    assert 200 < int((part < 500).sum()) < 300


def test_every_class_is_on_either_side() -> None:
    whole = labels(1000, 3, 2)
    rest, part = cut(whole, 5, "val", keep=1)
    assert counted(whole[part]) == {0: 5, 1: 1, 2: 1}
    rest, part = cut(whole, 1004, "val", keep=1)
    assert counted(whole[rest]) == {0: 1, 1: 1, 2: 1}


def test_a_cut_leaves_what_the_next_one_needs() -> None:
    whole = labels(3, 3)
    rest, _part = cut(whole, 5, "test", keep=2)
    assert counted(whole[rest]) == {0: 2, 1: 2}


def test_a_class_of_one_picture_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match=r"class of 1 or fewer"):
        cut(labels(5, 1), 2, "val", keep=1)


def test_nothing_is_cut_where_nothing_is_asked_for() -> None:
    rest, part = cut(labels(5, 1), 0, "val", keep=1)
    assert rest.tolist() == list(range(6))
    assert part.tolist() == []


@pytest.mark.parametrize(("limit", "size"), [(1, 1), (7, 7), (0.25, 40), (1.0, 160), (999, 160)])
def test_a_limit_is_a_number_or_a_share(limit: Limit, size: int) -> None:
    kept = limited(labels(100, 50, 10), limit, "train")
    assert len(kept) == len(set(kept.tolist())) == size


def test_no_limit_keeps_all() -> None:
    assert limited(labels(3, 2), None, "train").tolist() == list(range(5))


def test_a_limit_of_at_least_one_picture_a_class_loses_no_class() -> None:
    whole = labels(1000, 1, 1)
    kept = limited(whole, 3, "train")
    assert counted(whole[kept]) == {0: 1, 1: 1, 2: 1}


def test_a_limit_keeps_the_proportions() -> None:
    whole = labels(100, 50, 10)
    assert counted(whole[limited(whole, 16, "train")]) == {0: 10, 1: 5, 2: 1}


def test_a_limit_of_an_empty_part_is_empty() -> None:
    assert limited(torch.empty(0, dtype=torch.int64), 5, "val").tolist() == []


@pytest.mark.parametrize("limit", [0, -3, 0.0, 1.5, True])
def test_a_wrong_limit_is_explained(limit: Limit) -> None:
    with pytest.raises(UserError, match=r"dataset.limit: .*a number of pictures \(100\), a share"):
        limited(labels(5), limit, "train")


def test_shares_add_up_and_are_nearest_to_the_proportions() -> None:
    counts = torch.tensor([7, 11, 13, 2])
    for size in range(34):
        shares = apportion(counts, size)
        assert int(shares.sum()) == size
        assert ((shares - counts * size / 33).abs() < 1).all()


def test_equal_classes_get_equal_shares_up_to_one() -> None:
    assert apportion(torch.tensor([5, 5, 5]), 7).tolist() == [3, 2, 2]


@pytest.mark.parametrize(("n", "fraction", "size"), [(100, 0.1, 10), (3, 0.1, 1), (3, 0.0, 0)])
def test_a_share_of_a_few_is_at_least_one(n: int, fraction: float, size: int) -> None:
    assert share(n, fraction) == size


def test_small_classes_are_named() -> None:
    assert too_small(torch.tensor([0, 0, 0, 1]), ("cat", "dog", "cow"), 2) == [
        "dog (1 picture)",
        "cow (0 pictures)",
    ]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.6, 0.75, 0.9])
def test_a_part_of_whole_groups_has_the_size_asked_for(share: float) -> None:
    owners = [f"g{i // 2}" for i in range(200)]
    every = torch.arange(200) % 2
    rest, own = cut_groups(every, owners, round(200 * share), "x", "val")
    assert len(own) == pytest.approx(200 * share, abs=4)
    assert sorted([*rest.tolist(), *own.tolist()]) == list(range(200))
    assert not {owners[i] for i in rest.tolist()} & {owners[i] for i in own.tolist()}
    assert torch.bincount(every[own]).tolist() == [len(own) // 2] * 2


def test_too_few_groups_are_named() -> None:
    told = r"val_fraction: 2 groups, .* too few to cut 1 of 10 .*dataset\.val_fraction=0\.5 or more"
    with pytest.raises(UserError, match=told):
        cut_groups(torch.arange(10) % 2, ["a"] * 5 + ["b"] * 5, 1, "x", "val")
    labels, groups = torch.arange(16) % 2, [f"g{i // 2}" for i in range(16)]
    rest, own = cut_groups(labels, groups, 2, "x", "val")  # a share of 0.125: the least of 8 groups
    assert (len(rest), len(own)) == (14, 2)


def test_of_the_folds_the_one_with_all_classes_is_taken() -> None:
    lacking = 0
    for seed in range(60):
        draw = torch.Generator().manual_seed(seed)
        sizes = torch.randint(1, 15, (20,), generator=draw)
        labels = torch.randint(0, 4, (20,), generator=draw).repeat_interleave(sizes)
        owners = [f"g{i}" for i in torch.arange(20).repeat_interleave(sizes).tolist()]
        every = stratified_folds(labels, owners, 10, "x")
        best = max(len(set(labels[fold].tolist())) for fold in every)
        _, own = cut_groups(labels, owners, len(labels) // 10, "x", "val")
        assert len(set(labels[own].tolist())) == best
        lacking += len(set(labels[every[0]].tolist())) < best
    assert lacking  # or the first would do as well

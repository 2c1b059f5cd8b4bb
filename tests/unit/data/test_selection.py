"""Some classes, a fold, a limited number: which pictures are used."""

import re
from collections import Counter
from typing import Any

import pytest
import torch

from cnn_cli.data.assemble import Pictures
from cnn_cli.data.selection import Selection, select
from cnn_cli.data.split import stratified_folds
from cnn_cli.errors import UserError

CLASSES = ("ant", "bee", "cow")


def pictures(part: str, *counts: int, groups: int = 0) -> Pictures:
    """So many of each class, in turn; named by part and place; group i holds every i-th."""
    labels = torch.cat([torch.full((count,), i) for i, count in enumerate(counts)])
    n = len(labels)
    images = torch.randint(256, (n, 1, 2, 2), dtype=torch.uint8)
    names = [f"{part}/{i}" for i in range(n)]
    owners = [f"{part}-{i % groups}" for i in range(n)] if groups else ()
    return Pictures(images, labels, names, owners)


def parts(groups: int = 0) -> dict[str, Pictures]:
    return {
        "train": pictures("train", 30, 20, 10, groups=groups),
        "val": pictures("val", 6, 4, 2, groups=groups),
        "test": pictures("test", 9, 6, 3, groups=groups),
    }


def chosen(selection: Selection, groups: int = 0) -> tuple[dict[str, Pictures], Any]:
    some, classes, notes = select(parts(groups), CLASSES, selection)
    return some, (classes, notes)


def test_all_is_all() -> None:
    some, (classes, notes) = chosen(Selection())
    assert {which: len(raw.labels) for which, raw in some.items()} == {
        "train": 60, "val": 12, "test": 18,
    }  # fmt: skip
    assert (classes, notes) == (CLASSES, [])


def test_some_classes_keep_their_order_and_get_new_numbers() -> None:
    some, (classes, _) = chosen(Selection(classes=("cow", "ant")))
    assert classes == ("ant", "cow")
    assert torch.bincount(some["train"].labels).tolist() == [30, 10]
    whole = parts()["train"]
    for name, label in zip(some["train"].names, some["train"].labels.tolist(), strict=True):
        assert classes[label] == CLASSES[whole.labels[whole.names.index(name)]]


def test_the_limit_counts_what_is_left_of_the_classes() -> None:
    some, (_, notes) = chosen(Selection(classes=("ant", "bee"), limit=10))
    assert torch.bincount(some["train"].labels).tolist() == [6, 4]
    assert notes == ["dataset.limit=10 takes 10 of 50 train, 10 of 15 test pictures"]


def test_a_limit_may_be_of_some_splits_alone() -> None:
    some, (_, notes) = chosen(Selection(limit={"train": 12, "val": 0.5}))
    assert [len(some[which].labels) for which in ("train", "val", "test")] == [12, 6, 18]
    assert notes == [
        "dataset.limit={train: 12, val: 0.5} takes 12 of 60 train, 6 of 12 val pictures"
    ]


def test_every_picture_is_the_test_of_one_fold() -> None:
    tested: list[str] = []
    for fold in (1, 2, 3, 4):
        some, (_, notes) = chosen(Selection(folds=4, fold=fold))
        names = {which: set(raw.names) for which, raw in some.items()}
        assert names["train"] | names["val"] | names["test"] == {
            name for which in ("train", "val") for name in parts()[which].names
        }
        assert sum(map(len, names.values())) == 72
        assert torch.bincount(some["test"].labels).tolist() == [9, 6, 3]
        assert len(names["val"]) == 9  # a sixth of what is left, as it was a sixth of all
        tested += names["test"]
        note = f"fold {fold} of 4: 18 of the 72 pictures are the test"
        assert notes == [f"{note}; the 18 test pictures are not touched"]
    assert Counter(tested).most_common(1)[0][1] == 1
    assert len(tested) == 72


def test_a_fold_is_the_same_each_time() -> None:
    first, again = (chosen(Selection(folds=3, fold=2))[0]["test"].names for _ in range(2))
    assert first == again


def test_groups_stay_whole_in_every_part() -> None:
    for fold in (1, 2, 3):
        some, _ = chosen(Selection(folds=3, fold=fold), groups=6)
        owners = [set(raw.groups) for raw in some.values()]
        assert all(owners)
        assert not owners[0] & owners[1]
        assert not owners[0] & owners[2]
        assert not owners[1] & owners[2]


def test_without_validation_the_folds_have_none() -> None:
    given = parts() | {"val": pictures("val", 0, 0, 0)}
    some, _, _ = select(given, CLASSES, Selection(folds=2, fold=1))
    assert [len(some[which].labels) for which in ("train", "val", "test")] == [30, 0, 30]


@pytest.mark.parametrize(
    ("selection", "groups", "message"),
    [
        (Selection(classes=("ant", "bea")), 0, "no class 'bea' (did you mean 'bee'?); there are"),
        (Selection(classes=("ant",)), 0, "a classifier needs two classes or more"),
        (Selection(limit={"trian": 5}), 0, "dataset.limit: no split trian (did you mean 'train'?)"),
        (Selection(folds=13, fold=1), 0, "too few pictures of cow (12 pictures)"),
        (Selection(folds=9, fold=1), 2, "dataset.folds=9: there are only 4 groups"),
    ],
)
def test_what_cannot_be_selected_is_named(selection: Selection, groups: int, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        chosen(selection, groups)


def test_a_class_that_stands_in_one_group_cannot_be_tested_alone() -> None:
    labels = torch.tensor([0, 1] * 12 + [2] * 6)
    owners = [f"g{i // 2 % 6}" for i in range(24)] + ["lone"] * 6
    raw = Pictures(torch.zeros(30, 1, 2, 2, dtype=torch.uint8), labels, list("x" * 30), owners)
    given = {"train": raw, "val": raw.part(torch.arange(0)), "test": raw.part(torch.arange(0))}
    test_of_lone = next(
        fold
        for fold in (1, 2, 3)
        if "lone" in {owners[i] for i in stratified_folds(labels, owners, 3, "folds/3")[fold - 1]}
    )
    message = rf"folds=3, fold {test_of_lone}: leaves too few pictures of cow \(0 pictures\)"
    with pytest.raises(UserError, match=message):
        select(given, CLASSES, Selection(folds=3, fold=test_of_lone))


def test_a_class_of_as_many_pictures_as_folds_is_no_crash() -> None:
    given = {part: pictures(part, 10, 10, n) for part, n in (("train", 1), ("val", 1), ("test", 1))}
    with pytest.raises(UserError, match=r"folds=2, fold 1: leaves too few pictures of cow \(1"):
        select(given, CLASSES, Selection(folds=2, fold=1))

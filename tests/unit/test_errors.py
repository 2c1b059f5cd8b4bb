import pytest

from cnn_cli.errors import closest


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("adamW", "adamw"),
        ("validation", "val"),
        ("acc", "accuracy"),
        ("ac", ""),
        ("zebra", ""),
    ],
)
def test_near_is_what_is_spelt_or_begins_alike(word: str, near: str) -> None:
    found = closest(word, ["adamw", "val", "accuracy"])
    assert found == (f" (did you mean '{near}'?)" if near else "")

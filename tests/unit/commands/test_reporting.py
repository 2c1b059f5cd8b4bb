"""Classes matched by name."""

import pytest

from cnn_cli.commands.reporting import class_numbers
from cnn_cli.errors import UserError


def test_classes_are_matched_by_name():
    assert class_numbers(("dog", "cat"), ("cat", "dog", "owl"), {}) == (1, 0)
    assert class_numbers(("hund", "cat"), ("cat", "dog"), {"hund": "dog"}) == (1, 0)


def test_unknown_classes_are_refused_with_the_near_one():
    with pytest.raises(UserError, match=r"'dogs' \(did you mean 'dog'\?\).*class_map"):
        class_numbers(("dogs",), ("cat", "dog"), {})

"""Choices read from source text, against Python's own reading of the annotations."""

import types
from collections.abc import Iterator
from pathlib import Path
from pydoc import locate
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from cnn_cli import checking
from cnn_cli.completion.annotations import choices
from cnn_cli.completion.keys import of_option
from cnn_cli.config import COMMANDS
from cnn_cli.sources import groups, options

OPTIONS = [(g, name) for g in groups() if g != "experiment" for name in options(g)]


def typed(kind: Any) -> list[str]:
    """The values that an annotation lists, as one types them."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return typed(parts[0])
    if origin in (Union, types.UnionType):
        found = [value for part in parts for value in typed(part)]
        return [] if found == ["null"] else found
    if origin is Literal:
        return [str(part) for part in parts]
    return {bool: ["true", "false"], type(None): ["null"]}.get(kind, [])


def owners() -> Iterator[tuple[str, tuple[str, ...]]]:
    for group, name in OPTIONS:
        for key in of_option(group, name).values():
            yield from key.owners


@pytest.mark.parametrize("target", sorted({target for target, _ in owners()}))
def test_the_choices_are_those_of_the_annotations(target: str) -> None:
    made: Any = locate(target)
    hints = checking.hints(made) if target.startswith("cnn_cli.") else {}
    for path in {path for name, path in owners() if name == target}:
        assert choices(target, path) == typed(hints.get(path[0])), path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_longer_path_leads_through_sections(command: str) -> None:
    name = f"cnn_cli.config.{COMMANDS[command].__name__}"
    assert name == f"cnn_cli.config.{command.capitalize()}Config"
    for field, kind in get_type_hints(COMMANDS[command], include_extras=True).items():
        assert choices(name, (field,)) == typed(kind)
        if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
            for inner, there in get_type_hints(kind, include_extras=True).items():
                assert choices(name, (field, inner)) == typed(there)


def test_items_are_what_stands_between_the_brackets() -> None:
    policy = "cnn_cli.augmentation.policies.TrivialAugment"
    assert "rotate" in choices(policy, ("without",), items=True)
    assert choices(policy, ("without",)) == choices(policy, ("fill",), items=True) == []


@pytest.mark.parametrize(
    "target", ["torch.optim.SGD", "nowhere.at.all", "cnn_cli.models.cnn.None_", "plain"]
)
def test_what_cannot_be_read_has_no_choices(target: str) -> None:
    assert choices(target, ("lr",)) == []


def test_a_module_of_the_current_folder_is_read() -> None:
    Path("mine.py").write_text("import typing\ndef net(*, kind: typing.Literal['a', 'b']): ...")
    assert choices("mine.net", ("kind",)) == ["a", "b"]
    Path("broken.py").write_text("def net(:")
    assert choices("broken.net", ("kind",)) == []

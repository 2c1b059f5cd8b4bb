"""A composed config as plain values."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig


def plain(cfg: "DictConfig", problems: list[str]) -> dict[str, Any]:
    """`cfg` without Hydra's node, interpolations resolved, as dicts and lists.

    Missing values (`???`) and interpolations that lead nowhere go to `problems`, and are left out.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    def visit(node: Any, key: Any, path: str) -> Any:
        if OmegaConf.is_missing(node, key):
            problems.append(f"missing value: {path}; give {path}={_EXAMPLES.get(path, 'VALUE')}")
            return _ABSENT
        try:
            value = node[key]
        except OmegaConfBaseException as error:
            problems.append(f"{path}: {str(error).splitlines()[0]}")
            return _ABSENT
        if isinstance(value, DictConfig):
            children = {str(k): visit(value, k, ".".join((path, str(k)))) for k in value}
            return {k: child for k, child in children.items() if child is not _ABSENT}
        if OmegaConf.is_list(value):
            items = (visit(value, i, f"{path}[{i}]") for i in range(len(value)))
            return [item for item in items if item is not _ABSENT]
        return value

    values = {str(key): visit(cfg, key, str(key)) for key in cfg if key != "hydra"}
    return {key: value for key, value in values.items() if value is not _ABSENT}


_ABSENT = object()
_EXAMPLES = {"dataset.root": "FOLDER", "images": "PICTURE or FOLDER"}


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of everything in nested mappings; sequences come as lists."""
    if isinstance(node, Mapping) and node:
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, list(node) if isinstance(node, list | tuple) else node

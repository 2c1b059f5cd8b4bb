"""The choices that an annotation allows, read from the source text: nothing is imported.

A model's module would load torch, which takes seconds; its text is parsed in milliseconds.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Found:
    """A piece of syntax, and the module whose names it uses."""

    node: ast.AST
    module: str


SEQUENCES = ("tuple", "list", "Sequence")


def choices(target: str, path: Sequence[str], items: bool = False) -> list[str]:
    """What may stand at `path` in the arguments of a class or function, as one types it.

    `target` is its dotted name; a longer path leads through dataclasses. Values of Literal,
    true and false of bool, null; empty for what has no such list. With `items`, what may stand
    between the brackets of a list.
    """
    module, _, name = target.rpartition(".")
    found = _named(name, module)
    for part in path:
        found = found and _argument(_class_of(found), part)
    if not found:
        return []
    kinds = _items(found) if items else [found]
    allowed = list(dict.fromkeys(choice for kind in kinds for choice in _allowed(kind)))
    return allowed if allowed != ["null"] else []


def _class_of(found: Found) -> Found:
    """The class or function that an annotation names; the piece itself if it is one."""
    if isinstance(found.node, ast.Name):
        return _named(found.node.id, found.module) or found
    return found


def _argument(owner: Found, name: str) -> Found | None:
    """The annotation of one argument: of `__init__`, of a function, or a dataclass's field."""
    node = owner.node
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.args, *node.args.kwonlyargs]
        kinds = [a.annotation for a in arguments if a.arg == name and a.annotation]
        return Found(kinds[0], owner.module) if kinds else None
    if not isinstance(node, ast.ClassDef):
        return None
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return _argument(Found(inner, owner.module), name)
        if isinstance(inner, ast.AnnAssign) and ast.unparse(inner.target) == name:
            return Found(inner.annotation, owner.module)
    bases = [_class_of(Found(base, owner.module)) for base in node.bases]
    there = (_argument(base, name) for base in bases if isinstance(base.node, ast.ClassDef))
    return next(filter(None, there), None)


def _allowed(found: Found) -> Iterator[str]:
    node, module = found.node, found.module
    if isinstance(node, ast.BinOp):
        yield from _allowed(Found(node.left, module))
        yield from _allowed(Found(node.right, module))
    elif isinstance(node, ast.Constant) and node.value is None:
        yield "null"
    elif isinstance(node, ast.Name) and node.id == "bool":
        yield from ("true", "false")
    elif isinstance(node, ast.Name):
        there = _named(node.id, module)
        yield from _allowed(there) if there else ()
    elif isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        kind = ast.unparse(node.value).rpartition(".")[2]
        if kind == "Literal":
            yield from (str(part.value) for part in parts if isinstance(part, ast.Constant))
        elif kind == "Annotated":
            yield from _allowed(Found(parts[0], module))


def _items(found: Found) -> Iterator[Found]:
    """The annotations of the items of a list, or of each list of a union."""
    node = found.node
    if isinstance(node, ast.BinOp):
        yield from _items(Found(node.left, found.module))
        yield from _items(Found(node.right, found.module))
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in SEQUENCES:
        item = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        yield Found(item, found.module)


def _named(name: str, module: str) -> Found | None:
    """What a name means in a module: a class, a function, an alias; followed through imports."""
    for node in _tree(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return Found(node, module)
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            return Found(node.value, module)
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _named(alias.name, node.module)
    return None


@cache
def _tree(module: str) -> Sequence[ast.stmt]:
    """The statements of a module of this package or of the current folder."""
    if not module:
        return ()
    top, _, rest = module.partition(".")
    base = PACKAGE / rest.replace(".", "/") if top == "cnn_cli" else Path(module.replace(".", "/"))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            try:
                return ast.parse(file.read_text(encoding="utf-8")).body
            except (SyntaxError, ValueError):
                break
    return ()

"""The generated text: whole, in the right order, and nothing a name could break."""

import ast

import pytest

from cnn_cli.export.script import script


@pytest.mark.parametrize("form", ["onnx", "pt2"])
def test_the_script_stands_alone(form):
    text = script(form, 'The network of "run"""\\ \n x.')
    tree = ast.parse(text)
    assert "cnn_cli" not in text
    assert ("torch" in text) == (form == "pt2" or "as torch does it" in text)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert names[:2] == ["load", "main"]
    assert "The network of _run" in (ast.get_docstring(tree) or "")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname is None
    }
    assert imported <= used
    assert len(text.splitlines()) < 200

"""The script that classifies pictures with an exported file: decoding, resizing, names of classes.

It is `standalone.py` with the way to open the file in place of its import, so that what is handed
to people is code that is linted, typed and tested here.
"""

from importlib.resources import files

IMPORT = "from cnn_cli.export.load_{} import load\n"
NEEDS = {"onnx": "numpy, Pillow and onnxruntime", "pt2": "numpy, Pillow and torch"}


def script(form: str, origin: str) -> str:
    """The text of predict.py for `form`; `origin` is a line on the network it is for."""
    folder = files("cnn_cli.export")
    text = (folder / "standalone.py").read_text(encoding="utf-8")
    loader = (folder / f"load_{form}.py").read_text(encoding="utf-8")
    load = loader[loader.index("def load(") :]
    title, _, rest = text.partition('"""\n')
    # a folder's name may hold what would end the text that it stands in
    named = "".join(c if c.isprintable() and c not in '"\\\\' else "_" for c in origin)
    head = f"{title}\n\n{named}\nNeeds {NEEDS[form]}; Pillow from 10.1 on.\n"
    body = rest.replace(f"\n{IMPORT.format('onnx')}", "")
    start = body.index("\ndef main(")
    return f'{head}"""\n{body[:start]}\n{load}\n{body[start:]}'

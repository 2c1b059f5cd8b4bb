"""A page in one file: style, script and pictures inside it, nothing fetched from anywhere."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

PAGE = Path(__file__).parent / "page"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""A browser refuses everything that is not in the file itself."""


def document(title: str, body: str, script: str = "", styles: Sequence[str] = ()) -> str:
    """An HTML page with the common style; `body` is HTML, `title` plain text.

    `script` is JavaScript that runs after the body; it may not hold `</script`. `styles` names
    files of page/ that are added to the common style.
    """
    sheets = [(PAGE / name).read_text(encoding="utf-8") for name in ("style.css", *styles)]
    style = "".join(sheets)
    after = f"<script>\n{script}\n</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n{body}\n{after}</body>\n</html>\n"
    )

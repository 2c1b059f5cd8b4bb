"""A page in one file: style, script and pictures inside it, nothing fetched from anywhere."""

from html import escape
from pathlib import Path

PAGE = Path(__file__).parent / "page"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""A browser refuses everything that is not in the file itself."""


def document(title: str, body: str, script: str = "", style: str = "") -> str:
    """An HTML page with the common style, and `style` after it; `body` is HTML, `title` text.

    `script` is JavaScript that runs after the body; it may not hold `</script`.
    """
    style = (PAGE / "style.css").read_text(encoding="utf-8") + style
    after = f"<script>\n{script}\n</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n{body}\n{after}</body>\n</html>\n"
    )

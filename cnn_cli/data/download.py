"""A file from the first address that gives it whole: continued where it was cut, checked by md5."""

import hashlib
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cnn_cli.data.progress import progress
from cnn_cli.errors import UserError
from cnn_cli.files import move_into_place, size_and_hash

TIMEOUT = 15.0
"""Seconds without an answer after which an address is given up."""
SLOWEST, LOOK = 1_000, 30.0
"""Bytes a second below which an address is given up, on average since LOOK seconds ago."""
MOST = 4 << 30
"""Bytes that a file may have; the largest of the known ones has 2.6 GB."""
CUTS = 20
"""Broken connections after which an address is given up, though each one brought a piece."""
BLOCK = 1 << 18


class DownloadError(Exception):
    """No address gave the file; the message says why for each of them."""


class _UselessError(URLError):
    """An address that is not worth another try."""


def download(
    urls: Sequence[str], path: Path, *, size: int | None, md5: str | None, sha256: str | None = None
) -> None:
    """Write `path`, trying `urls` in order; `size` in bytes and `md5` (hex) as far as known.

    Of `sha256` the beginning will do. What a cut download left in `path`.part is continued, by any
    address, if an md5 can tell whether the pieces belong together. Raises DownloadError when no
    address gives the file, and UserError when it cannot be written or an address is no http, https
    or file address.
    """
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https", "file"):
            raise UserError(f"dataset.url: '{url}' is no address; it starts with https://")
    part = path.with_name(f"{path.name}.part")
    if md5 is None:
        part.unlink(missing_ok=True)
    problems = []
    for url in urls:
        problem = _attempt(url, part, size, md5, sha256)
        if problem is None:
            move_into_place(part, path)
            return
        problems.append(f"{urlsplit(url).netloc or url}: {problem}")
    raise DownloadError("; ".join(problems))


def md5_of(path: Path) -> str:
    """The file's md5 (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _attempt(
    url: str, part: Path, size: int | None, md5: str | None, sha256: str | None
) -> str | None:
    """Complete `part` from `url`: None when it is whole and right, else what was wrong."""
    for _ in range(CUTS):
        before = _length(part)
        try:
            _fetch(url, part, size)
        except (OSError, HTTPException) as error:
            if _length(part) == before or isinstance(error, _UselessError):
                return _reason(error)
            continue  # cut on the way, or an unusable rest was dropped: go on from there
        if _is_right(part, md5, sha256):
            return None
        part.unlink()
        if before == 0:
            return "gives other bytes than the original file's"
    return f"the connection was cut {CUTS} times"


def _is_right(part: Path, md5: str | None, sha256: str | None) -> bool:
    if sha256 is not None and not size_and_hash(part)[1].startswith(sha256):
        return False
    return md5 is None or md5_of(part) == md5


def _fetch(url: str, part: Path, size: int | None) -> None:
    """Append the rest of the file to `part`. Raises OSError or HTTPException where that fails."""
    have = _length(part)
    if have == size:
        return
    headers = {"User-Agent": "cnn-train"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        with error:
            if error.code == 416:  # there is nothing after what we have: it is no part of this file
                part.unlink()
            raise
    with answer:
        have = _continued(answer, have)
        length = str(answer.headers.get("Content-Length", ""))
        total = have + int(length) if length.isdigit() and len(length) < 16 else size
        if total is not None and total > MOST:
            raise _UselessError(f"offers {total:,} bytes, which no data set has")
        if size is not None and total != size:
            raise URLError(f"offers {total:,} bytes where the file has {size:,}")
        _save(answer, part, have, total, url)
    if total is not None and _length(part) < total:
        raise URLError(f"the connection was cut after {_length(part):,} of {total:,} bytes")


def _continued(answer: HTTPResponse, have: int) -> int:
    """`have` if the answer starts there; 0 if the server sends the whole file instead."""
    given = str(answer.headers.get("Content-Range", ""))
    return have if given.startswith(f"bytes {have}-") else 0


def _save(answer: HTTPResponse, part: Path, have: int, total: int | None, url: str) -> None:
    """Write what comes. Raises URLError where the network fails, UserError where the disk does."""
    text = f"downloading {part.stem} from {urlsplit(url).netloc or url}"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with (
            part.open("ab" if have else "wb") as file,
            progress(text, total, done=have, size=True) as advance,
        ):
            since, come = time.monotonic(), 0
            while block := _read(answer):
                file.write(block)
                advance(len(block))
                have += len(block)
                if have > (MOST if total is None else total):
                    file.truncate(0)
                    raise _UselessError(f"gives more than the {total or MOST:,} bytes of the file")
                come, now = come + len(block), time.monotonic()
                if now - since > LOOK:
                    if come < SLOWEST * LOOK:
                        raise _UselessError(f"sends less than {SLOWEST:,} bytes a second")
                    since, come = now, 0
    except URLError:
        raise
    except OSError as error:
        raise UserError(f"dataset.root: cannot write {part}: {error.strerror}") from error


def _read(answer: HTTPResponse) -> bytes:
    try:
        return answer.read1(BLOCK)  # what has come, be it little
    except (OSError, HTTPException) as error:
        raise URLError(error) from error


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"answers {error.code} {error.reason}"
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason) or type(error).__name__

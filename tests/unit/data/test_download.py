"""Downloads from a local server that cuts, refuses, lies and starts over."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cnn_cli.data import download as module
from cnn_cli.data.download import DownloadError, download, md5_of
from cnn_cli.errors import UserError

BODY = bytes(range(256)) * 40
MD5 = hashlib.md5(BODY).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """/whole gives all, /cut at most 3,000 bytes a connection, /plain knows no ranges, ..."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        given = self.headers.get("Range")
        self.server.asked.append((self.path, given))  # type: ignore[attr-defined]
        start = int(given.removeprefix("bytes=").removesuffix("-")) if given else 0
        if self.path == "/absent":
            self.send_error(404)
        elif self.path == "/page":
            self._answer(b"<html>come back later</html>", 0)
        elif self.path == "/other":
            self._answer(BODY[::-1], 0)
        elif self.path in ("/endless", "/slow"):
            self._answer_for_ever(b"x" if self.path == "/slow" else BODY)
        elif self.path.startswith("/length="):
            self.send_response(200)
            self.send_header("Content-Length", self.path.removeprefix("/length="))
            self.end_headers()
            self.wfile.write(BODY)
        elif self.path == "/plain":
            self._answer(BODY, 0)
        elif start >= len(BODY):
            self.send_error(416)
        else:
            self._answer(BODY, start, 3000 if self.path == "/cut" else None)

    def _answer_for_ever(self, part: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(part)
                time.sleep(0.02 if part == b"x" else 0)

    def _answer(self, body: bytes, start: int, most: int | None = None) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:][:most])

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    asked: list[tuple[str, str | None]]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setattr(module, "TIMEOUT", 120.0)  # a busy machine may stall for many seconds
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server: _Server, path: Path, *places: str, md5: str | None = MD5) -> None:
    size = len(BODY) if md5 else None
    download([server.url(place) for place in places], path, size=size, md5=md5)


@pytest.mark.parametrize("place", ["whole", "unsized", "cut"])
def test_a_file_arrives_whole(server: _Server, tmp_path: Path, place: str) -> None:
    get(server, tmp_path / "new" / "a", place)
    assert (tmp_path / "new" / "a").read_bytes() == BODY
    assert not (tmp_path / "new" / "a.part").exists()


def test_a_cut_connection_is_taken_up_where_it_broke(server: _Server, tmp_path: Path) -> None:
    get(server, tmp_path / "a", "cut")
    ranges = [given for _, given in server.asked]
    assert ranges == [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]


def test_the_next_try_continues_what_is_there(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(BODY[:5000])
    get(server, tmp_path / "a", "whole")
    assert server.asked == [("/whole", "bytes=5000-")]
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_complete_part_needs_no_network(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(BODY)
    get(server, tmp_path / "a", "absent")
    assert server.asked == []
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_server_without_ranges_starts_over(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(BODY[:5000])
    get(server, tmp_path / "a", "plain")
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("rest", [b"x" * 5000, b"x" * len(BODY), b"x" * (len(BODY) + 1)])
def test_a_damaged_part_is_healed(server: _Server, tmp_path: Path, rest: bytes) -> None:
    (tmp_path / "a.part").write_bytes(rest)
    get(server, tmp_path / "a", "whole")
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_part_longer_than_an_unknown_file_is_dropped(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"x" * (len(BODY) + 1))
    download([server.url("whole")], tmp_path / "a", size=None, md5=MD5)
    assert (tmp_path / "a").read_bytes() == BODY


def test_the_next_address_is_tried(server: _Server, tmp_path: Path) -> None:
    get(server, tmp_path / "a", "absent", "page", "other", "whole")
    assert [place for place, _ in server.asked] == ["/absent", "/page", "/other", "/whole"]
    assert (tmp_path / "a").read_bytes() == BODY


def test_every_address_is_named_with_its_reason(server: _Server, tmp_path: Path) -> None:
    closed = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(DownloadError) as caught:
        get(server, tmp_path / "a", "absent", "page", "other")
    host = closed.removeprefix("http://")
    assert str(caught.value).split("; ") == [
        f"{host}: answers 404 Not Found",
        f"{host}: offers 28 bytes where the file has 10,240",
        f"{host}: gives other bytes than the original file's",
    ]
    assert not (tmp_path / "a").exists()


def test_no_network_is_one_clear_reason(tmp_path: Path) -> None:
    with _Server(("127.0.0.1", 0), _Handler) as gone:
        url = gone.url("whole")
    with pytest.raises(DownloadError, match=r"^127.0.0.1:\d+: Connection refused$"):
        download([url], tmp_path / "a", size=None, md5=None)


def test_a_connection_that_is_always_cut_is_given_up(
    server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CUTS", 2)
    with pytest.raises(DownloadError, match=r"the connection was cut 2 times"):
        get(server, tmp_path / "a", "cut")
    assert (tmp_path / "a.part").read_bytes() == BODY[:6000]


def test_without_a_checksum_old_pieces_are_not_used(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"of another file")
    get(server, tmp_path / "a", "whole", md5=None)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_file_address_is_read(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(BODY)
    download([(tmp_path / "source").as_uri()], tmp_path / "a", size=len(BODY), md5=MD5)
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("url", ["cifar", "/data/cifar.tar.gz", "ftp://host/file"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match=r"dataset.url: .* is no address; it starts with https://"):
        download([url], tmp_path / "a", size=None, md5=None)


def test_an_unwritable_place_is_no_network_problem(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"dataset.root: cannot write .*a.part"):
        get(server, tmp_path / "file" / "a", "whole")


def test_a_full_disk_is_no_network_problem(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"dataset.root: cannot write .*No space left"):
        get(server, tmp_path / "a", "whole")


def test_the_md5_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(BODY)
    assert md5_of(tmp_path / "a") == MD5


@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_never_ends_is_given_up(server, tmp_path, monkeypatch, known) -> None:
    monkeypatch.setattr(module, "MOST", len(BODY))
    path = tmp_path / "file"
    with pytest.raises(DownloadError, match=r"gives more than the 10,240 bytes of the file"):
        get(server, path, "endless", md5=MD5 if known else None)
    assert (tmp_path / "file.part").stat().st_size == 0
    get(server, path, "endless", "whole", md5=MD5)
    assert path.read_bytes() == BODY


def test_a_server_that_crawls_is_given_up_for_the_next(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.2)
    get(server, tmp_path / "file", "slow", "whole")
    assert (tmp_path / "file").read_bytes() == BODY
    with pytest.raises(DownloadError, match="sends less than 1,000 bytes a second"):
        get(server, tmp_path / "other", "slow")


def test_a_file_with_another_sha256_never_gets_its_name(server, tmp_path) -> None:
    path, digest = tmp_path / "file", hashlib.sha256(BODY).hexdigest()
    with pytest.raises(DownloadError, match="other bytes"):
        download([server.url("other")], path, size=None, md5=None, sha256=digest[:8])
    assert not path.exists()
    download([server.url("whole")], path, size=None, md5=None, sha256=digest[:8])
    assert path.read_bytes() == BODY


def test_a_length_that_no_file_has_is_refused_at_once(server, tmp_path) -> None:
    with pytest.raises(DownloadError, match="offers 1,000,000,000,000 bytes, which no data set"):
        get(server, tmp_path / "file", f"length={10**12}", md5=None)
    assert not list(tmp_path.glob("file*"))


@pytest.mark.parametrize("length", ["abc", "-5", "9" * 500])
def test_a_length_that_is_none_is_passed_over(server, tmp_path, length) -> None:
    get(server, tmp_path / "file", f"length={length}")
    assert (tmp_path / "file").read_bytes() == BODY

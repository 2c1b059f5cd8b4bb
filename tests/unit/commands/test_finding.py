"""Which files are meant: a file, a folder, a pattern, paths on standard input."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from cnn_cli.commands.finding import count_images, find_images
from cnn_cli.errors import UserError


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "some (1) [pictures]"
    (folder / "c").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "d.gif", "c/x.PNG", "c/e.png"):
        Image.new("L", (8, 8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Gives what puts bytes on standard input."""
    with ExitStack() as stack:

        def put(text: bytes) -> None:
            (tmp_path / "list").write_bytes(text)
            monkeypatch.setattr(sys, "stdin", stack.enter_context((tmp_path / "list").open()))

        yield put


def names(images: object) -> list[str]:
    return [path.name for path in find_images(str(images))]


def test_a_file_a_folder_and_a_pattern(pictures: Path) -> None:
    assert names(pictures) == ["a.jpg", "b.png", "e.png", "x.PNG", "d.gif"]
    assert list(find_images(str(pictures / "b.png"))) == [pictures / "b.png"]
    plain = pictures.rename(pictures.parent / "plain")
    assert names(f"{plain}/*.*g") == ["a.jpg", "b.png"]
    assert names(f"{plain}/**/*.PNG") == ["x.PNG"]
    assert [count_images(str(plain)), count_images(f"{plain}/*.png")] == [5, 1]


def test_a_folder_is_walked_in_the_order_of_its_paths(pictures: Path) -> None:
    """As sorting all of them would have it, without holding all of them."""
    for name in ("c.d/1.png", "c-d/1.png", "B/1.png", "é/1.png", "c/e/2.png"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).touch()
    paths = list(find_images(str(pictures)))
    assert paths == sorted(paths)
    assert len(paths) == 10


def test_the_walk_is_as_far_as_it_is_asked_for(pictures: Path) -> None:
    walk = find_images(str(pictures))
    assert [path.name for path in islice(walk, 2)] == ["a.jpg", "b.png"]
    Image.new("L", (8, 8)).save(pictures / "c" / "new.png")
    assert [path.name for path in walk] == ["e.png", "new.png", "x.PNG", "d.gif"]


def test_in_a_folder_hidden_files_are_passed_over_and_broken_links_are_not(pictures: Path) -> None:
    (pictures / "._a.jpg").write_bytes(b"what macOS leaves")
    (pictures / ".cache").mkdir()
    Image.new("L", (8, 8)).save(pictures / ".cache" / "x.png")
    (pictures / "e.png").symlink_to("nowhere")
    (pictures / "loop.png").symlink_to(pictures)
    assert names(pictures) == ["a.jpg", "b.png", "e.png", "x.PNG", "d.gif", "e.png"]


@pytest.mark.parametrize("what", ["missing.png", "*.png"])
def test_nothing_found_is_said(what: str) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        find_images(what)


@pytest.mark.parametrize(
    "text",
    [
        b"a.jpg\nno such.png\nfolder/b c.png\n",
        b"a.jpg\r\n\r\nno such.png\r\nfolder/b c.png",
        b"a.jpg\0no such.png\0folder/b c.png\0",
    ],
)
def test_paths_on_standard_input(stdin: Callable[[bytes], None], text: bytes) -> None:
    stdin(text)
    assert list(map(str, find_images("-"))) == ["a.jpg", "no such.png", "folder/b c.png"]
    assert count_images("-") is None


def test_names_between_nuls_may_hold_anything(stdin: Callable[[bytes], None]) -> None:
    stdin(b"a\nb.png\0\xff\r\0")
    assert [os.fsencode(path) for path in find_images("-")] == [b"a\nb.png", b"\xff\r"]


def test_a_long_list_is_cut_at_no_block(stdin: Callable[[bytes], None]) -> None:
    wanted = [f"folder/picture {number}.png" for number in range(20_000)]
    stdin("\n".join(wanted).encode())
    assert list(map(str, find_images("-"))) == wanted


@pytest.mark.parametrize("text", [b"", b"\n\r\n\n", b"\0\0"])
def test_nothing_on_standard_input_is_said(stdin: Callable[[bytes], None], text: bytes) -> None:
    stdin(text)
    with pytest.raises(UserError, match="images=-: no path on standard input"):
        find_images("-")


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="images=-: no path on standard input"):
        find_images("-")

"""Pictures of every kind, read right or refused by name; bit-flipped ones crash nothing."""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, features

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.images import UnreadableImage, read_image
from cnn_cli.data.inspection import inspect
from faults.case import Case, in_child

TOLD = "image zoo, bit-flipped pictures: no crash, every bad file named, counts exact"

FEW, MANY = 200, 2_000
FLIPS = 20
"""Flipped pictures in a case."""
FORM = Preprocessing(3, 16)
ORANGE = (240, 120, 40)
NEAR = 12
"""Levels by which lossy formats may miss a colour."""

Make = Callable[[Path], None]


def cases(full: bool) -> Iterator[Case]:
    """Every kind in the zoo; then flipped bits; then folders with a known number of bad files."""
    for name, make in zoo().items():
        yield Case(f"zoo-{name}", lambda folder, n=name, m=make: _check(folder, n, m))
    for number in range((MANY if full else FEW) // FLIPS):
        yield Case(f"flips-{number}", lambda folder, n=number: _flipped(folder, n))
    for number in range(40 if full else 4):
        yield Case(f"counts-{number}", lambda folder, n=number: _counted(folder, n))


def zoo() -> dict[str, Make]:
    """Name -> what writes the file. What begins with `bad` has to be refused."""
    found: dict[str, Make] = {}
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        found[f"{mode}.png"] = _saver(mode)
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        found[f"{mode}.jpg"] = _saver(mode, quality=95)
    for mode in ("1", "L", "P", "RGB"):
        found[f"{mode}.bmp"] = _saver(mode)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"):
        found[f"{mode}.tif"] = _saver(mode)
    for mode in ("L", "RGB"):
        found[f"{mode}.ppm"] = _saver(mode)
    found["P.gif"] = _saver("P")
    found["animated.gif"] = _animated
    found["animated.png"] = _animated
    if features.check("webp"):
        found |= {"RGB.webp": _saver("RGB", lossless=True), "RGBA.webp": _saver("RGBA")}
        found["animated.webp"] = _animated
    if features.check("jpg_2000"):
        found["RGB.jp2"] = _saver("RGB")
    found["progressive.jpg"] = _saver("RGB", progressive=True, quality=95)
    found["lzw.tif"] = _saver("RGB", compression="tiff_lzw")
    found["one-pixel.png"] = lambda path: _orange((1, 1)).save(path)
    found["wide.png"] = lambda path: _orange((900, 2)).save(path)
    found["tall.jpg"] = lambda path: _orange((3, 700)).save(path, quality=95)
    found["upper.JPG"] = _saver("RGB", format="JPEG", quality=95)
    found["png-called.jpg"] = _saver("RGB", format="PNG")
    for orientation in (3, 6, 8):
        found[f"turned-{orientation}.jpg"] = lambda path, o=orientation: _turned(path, o)
    for kind in ("I;16.png", "I;16.tif"):
        found[kind] = _sixteen
    found["bad-float.tif"] = lambda path: Image.fromarray(np.ones((9, 9), np.float32)).save(path)
    found["bad-32-bit.tif"] = lambda path: Image.fromarray(np.ones((9, 9), np.int32)).save(path)
    found["bad-empty.png"] = lambda path: path.write_bytes(b"")
    found["bad-text.png"] = lambda path: path.write_text("<html>404</html>")
    found["bad-cut.png"] = lambda path: _cut(path, "PNG")
    found["bad-cut.jpg"] = lambda path: _cut(path, "JPEG")
    found["bad-cut.gif"] = lambda path: path.write_bytes(_bytes("GIF")[:20])
    found["bad-link.png"] = lambda path: path.symlink_to(path.with_name("nowhere.png"))
    found["bad-folder.png"] = lambda path: path.mkdir()
    found["bad-bomb.png"] = _bomb
    return found


def _orange(size: tuple[int, int] = (20, 14)) -> Image.Image:
    return Image.new("RGB", size, ORANGE)


def _saver(mode: str, **options: object) -> Make:
    def save(path: Path) -> None:
        image = _orange()
        if mode in ("LA", "RGBA"):
            image = image.convert("RGBA")
        image.convert(mode).save(path, **options)

    return save


def _animated(path: Path) -> None:
    """The first picture counts."""
    others = [Image.new("RGB", (20, 14), colour) for colour in ("blue", "green")]
    _orange().save(path, save_all=True, append_images=others, duration=50)


def _turned(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    _orange().save(path, exif=exif, quality=95)


def _sixteen(path: Path) -> None:
    """Grey of 16 bits, at 120 of 255."""
    Image.fromarray(np.full((14, 20), 120 * 257, dtype=np.uint16)).save(path)


def _bytes(kind: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


def _cut(path: Path, kind: str) -> None:
    data = _bytes(kind)
    path.write_bytes(data[: len(data) // 2])


def _bomb(path: Path) -> None:
    """A PNG whose head claims 30,000 x 30,000 pixels."""
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data + _bytes("PNG")[33:])


def _check(folder: Path, name: str, make: Make) -> None:
    path = folder / name
    make(path)
    try:
        pixels = read_image(path, FORM)
    except UnreadableImage as error:
        if not name.startswith("bad-"):
            raise AssertionError(f"refused: {error}") from error
        if str(path) not in str(error) or "\n" in str(error):
            raise AssertionError(f"not named in one line: {error}") from error
        return
    assert not name.startswith("bad-"), "was read"
    assert (pixels.dtype, tuple(pixels.shape)) == (torch.uint8, (3, 16, 16))
    mean = pixels.float().mean(dim=(1, 2))
    assert bool(((mean - _expected(name)).abs() <= NEAR).all()), f"{mean.tolist()}"


def _expected(name: str) -> torch.Tensor:
    """The mean colour."""
    mode = name.partition(".")[0]
    if name.startswith("I;16"):
        return torch.tensor([120.0] * 3)
    if mode in ("L", "LA"):
        return torch.tensor([float(_orange().convert("L").getpixel((0, 0)))] * 3)  # type: ignore[arg-type]
    if mode == "1":
        dithered = np.asarray(_orange().convert("1")).mean() * 255
        return torch.tensor([float(dithered)] * 3)
    return torch.tensor(ORANGE, dtype=torch.float32)


def _flipped(folder: Path, number: int) -> None:
    """Each gives a picture or is named; a decoder that crashes takes the child with it."""
    draw = random.Random(number)

    def work() -> None:
        for flip in range(FLIPS):
            kind = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM")[flip % 6]
            data = bytearray(_bytes(kind))
            for _ in range(draw.randrange(1, 4)):
                bit = draw.randrange(8 * len(data))
                data[bit // 8] ^= 1 << bit % 8
            path = folder / f"{flip}.{kind.lower()}"
            path.write_bytes(data)
            try:
                pixels = read_image(path, FORM)
                assert tuple(pixels.shape) == (3, 16, 16)
            except UnreadableImage as error:
                if str(path) not in str(error):
                    raise AssertionError(f"not named: {error}") from error

    code = in_child(work, folder / "log")
    assert code == 0, f"ended with {code}: {(folder / 'log').read_text()[-2000:]}"


def _counted(folder: Path, number: int) -> None:
    """Among good files some bad ones: all of these are named, and no other."""
    draw = random.Random(number)
    bad = [name for name in zoo() if name.startswith("bad-") and not name.endswith("tif")]
    paths, expected = [], []
    for index in range(60):
        path = folder / f"{index:02d}.png"
        if draw.random() < 0.2:
            zoo()[draw.choice(bad)](path)
            expected.append(index)
        else:
            _orange((draw.randrange(1, 40), draw.randrange(1, 40))).save(path)
        paths.append(path)
    labels = torch.zeros(len(paths), dtype=torch.int64)
    split = Decoded(paths, labels, [path.name for path in paths], FORM, number % 3)
    none = Decoded([], labels[:0], [], FORM, 0)
    found = inspect(Dataset("x", ("a", "b"), split, none, none, ""), lambda _: None)
    assert [index for (_, index), _ in found.unreadable] == expected

"""Files of every kind against what a viewer would show, and scaling against Pillow's."""

import io
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cnn_cli.data.contract import Preprocessing, Resize
from cnn_cli.data.images import CHUNK, UnreadableImage, conform, read_image
from cnn_cli.errors import UserError

RGB = Preprocessing(channels=3, size=8)
GREY = Preprocessing(channels=1, size=8)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


def rows(tensor: Tensor) -> np.ndarray:
    """(C, H, W) -> (H, W, C), as Pillow has it."""
    return tensor.permute(1, 2, 0).numpy()


def test_an_rgb_file_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = noise(8, 8, 3)
    path = saved(tmp_path, Image.fromarray(pixels), "a.png")
    assert np.array_equal(rows(read_image(path, RGB)), pixels)


def test_a_grey_file_is_repeated_in_every_channel(tmp_path: Path) -> None:
    pixels = noise(8, 8)
    path = saved(tmp_path, Image.fromarray(pixels), "a.png")
    assert np.array_equal(read_image(path, RGB).numpy(), np.stack([pixels] * 3))
    assert np.array_equal(read_image(path, GREY).numpy(), pixels[None])


def test_colour_becomes_grey_as_in_pillow(tmp_path: Path) -> None:
    image = Image.fromarray(noise(8, 8, 3))
    path = saved(tmp_path, image, "a.png")
    assert np.array_equal(read_image(path, GREY)[0].numpy(), np.asarray(image.convert("L")))


def test_black_and_white_becomes_0_and_255(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(noise(8, 8)).convert("1"), "a.png")
    assert set(read_image(path, GREY).unique().tolist()) == {0, 255}


def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    for name in ("a.png", "a.tif"):
        path = saved(tmp_path, Image.fromarray(levels), name)
        assert np.array_equal(read_image(path, GREY)[0].numpy(), np.round(levels / 257))


def test_sixteen_bit_pgm_is_scaled(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 65535\n" + struct.pack(">2H", 0x8000, 0xFFFF))
    assert read_image(path, Preprocessing(1, 1, "squash")).item() == 192
    path.write_bytes(b"P5 1 1 65535\n" + struct.pack(">H", 0x8080))
    assert read_image(path, Preprocessing(1, 1)).item() == 128


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((8, 8), 0.5, np.float32), "floating-point"),
        (np.full((8, 8), 9, np.int32), "32-bit"),
    ],
)
def test_pixels_without_a_known_range_are_refused(
    tmp_path: Path, pixels: np.ndarray, reason: str
) -> None:
    path = saved(tmp_path, Image.fromarray(pixels), "a.tif")
    with pytest.raises(UnreadableImage, match=rf"a.tif: {reason}.*save it with 8 or 16 bits"):
        read_image(path, RGB)


def test_transparent_parts_lie_over_white(tmp_path: Path) -> None:
    pixels = noise(8, 8, 4)
    path = saved(tmp_path, Image.fromarray(pixels), "a.png")
    alpha = pixels[..., 3:] / 255
    expected = pixels[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(rows(read_image(path, RGB)) - expected).max() <= 1


def test_grey_with_alpha_lies_over_white(tmp_path: Path) -> None:
    pixels = noise(8, 8, 2)
    pixels[..., 1] = (pixels[..., 1] > 127) * 255
    path = saved(tmp_path, Image.fromarray(pixels, "LA"), "a.png")
    expected = np.where(pixels[..., 1] > 0, pixels[..., 0], 255)
    assert np.array_equal(read_image(path, GREY)[0].numpy(), expected)


def test_a_palette_gives_its_colours_and_its_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 3).convert("P")
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    plain = read_image(saved(tmp_path, image, "a.png"), RGB)
    assert plain[:, 0, :3].T.tolist() == [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
    hollow = read_image(saved(tmp_path, image, "b.png", transparency=1), RGB)
    assert hollow[:, 0, :3].T.tolist() == [[200, 0, 0], [255, 255, 255], [0, 0, 200]]


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_gives_the_colours_seen(tmp_path: Path, name: str) -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixel = read_image(saved(tmp_path, red, name), RGB)[:, 4, 4].tolist()
    assert pixel[0] > 245
    assert max(pixel[1:]) < 10


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_a_photo_is_turned_upright(tmp_path: Path, orientation: int, upright) -> None:
    pixels = noise(8, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(pixels), "a.png", exif=exif)
    assert np.array_equal(rows(read_image(path, RGB)), upright(pixels))


def test_a_large_jpeg_keeps_its_look(tmp_path: Path) -> None:
    """It is decoded at a part of its size; the mean colour of each region stays."""
    blocks = np.kron(noise(4, 4, 3), np.ones((100, 100, 1), np.uint8))
    path = saved(tmp_path, Image.fromarray(blocks), "a.jpg", quality=95)
    small = rows(read_image(path, Preprocessing(3, 16))).astype(int)
    assert np.abs(small[1::4, 1::4] - blocks[50::100, 50::100].astype(int)).max() < 12


@pytest.mark.parametrize("policy", ["crop", "squash", "pad"])
@pytest.mark.parametrize(("height", "width"), [(20, 32), (32, 20), (5, 9), (8, 8), (1, 60)])
def test_scaling_is_that_of_pillow(policy: Resize, height: int, width: int) -> None:
    pixels = noise(height, width, 3)
    image = Image.fromarray(pixels)
    if policy == "squash":
        expected = image.resize((8, 8), Image.Resampling.BILINEAR)
    elif policy == "crop":
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        part = image.crop((left, top, left + side, top + side))
        expected = part.resize((8, 8), Image.Resampling.BILINEAR)
    else:
        longest = max(height, width)
        columns, lines = max(1, width * 8 // longest), max(1, height * 8 // longest)
        expected = Image.new("RGB", (8, 8))
        scaled = image.resize((columns, lines), Image.Resampling.BILINEAR)
        expected.paste(scaled, ((8 - columns) // 2, (8 - lines) // 2))
    ours = conform(torch.from_numpy(pixels).permute(2, 0, 1)[None], Preprocessing(3, 8, policy))
    assert np.abs(rows(ours[0]).astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_many_pictures_are_scaled_like_one() -> None:
    many = torch.from_numpy(noise(CHUNK + 3, 3, 9, 7))
    form = Preprocessing(1, 8, "pad")
    whole = conform(many, form)
    for place in (0, CHUNK - 1, CHUNK, CHUNK + 2):
        assert torch.equal(whole[place], conform(many[place : place + 1], form)[0])


@pytest.mark.parametrize("size", [8, 4])
def test_no_pictures_stay_no_pictures(size: int) -> None:
    empty = torch.empty(0, 1, 8, 8, dtype=torch.uint8)
    assert conform(empty, Preprocessing(3, size)).shape == (0, 3, size, size)


def test_two_channels_are_refused() -> None:
    with pytest.raises(UserError, match=r"dataset.channels: 2; allowed are 1 \(grey\) and 3"):
        conform(torch.from_numpy(noise(1, 3, 8, 8)), Preprocessing(2, 8))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UnreadableImage, match=r"^nowhere/a.png: there is no such file$"):
        read_image("nowhere/a.png", RGB)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"a.png: (not a picture|damaged)"):
        read_image(path, RGB)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_a_truncated_picture_is_named(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(buffer, kind)
    path = tmp_path / "a.bin"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(UnreadableImage, match=r"a.bin: "):
        read_image(path, RGB)


def test_a_damaged_png_is_named_and_crashes_nothing(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(32, 32, 3)).save(buffer, "PNG")
    path = tmp_path / "a.png"
    for place in range(60, len(buffer.getvalue()) - 12, 97):
        damaged = bytearray(buffer.getvalue())
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(UnreadableImage, match=r"a.png: "):
            read_image(path, RGB)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    with pytest.raises(UnreadableImage, match=r"a.png: more than 89 megapixels"):
        read_image(path, RGB)


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UnreadableImage("a.png", "damaged")))
    assert (error.path, error.reason, str(error)) == ("a.png", "damaged", "a.png: damaged")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage, match="no regular file"):
        read_image(tmp_path / "pipe.png", Preprocessing(3, 8))

"""Classify pictures: python predict.py PICTURE|FOLDER ... [--json]"""

import argparse
import json
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from cnn_cli.export.load_onnx import load

FORMATS = "jpg jpeg jpe jfif png bmp gif webp tif tiff ppm pgm pbm pnm jp2 avif"
BATCH = 64


def main() -> int:
    """Print file, class and probability of each picture; 1 where some could not be read."""
    parser = argparse.ArgumentParser(description="Classify pictures.")
    parser.add_argument("pictures", nargs="+", type=Path, help="files, or folders searched through")
    parser.add_argument("--json", action="store_true", help="print a JSON list, with all classes")
    options = parser.parse_args()
    try:
        about, network = load(Path(__file__))
    except ImportError as error:
        parser.error(f"this script needs {error.name}: pip install {error.name}")
    except Exception as error:  # noqa: BLE001  of any kind, by who reads it
        told = (str(error) or type(error).__name__).splitlines()[0]
        parser.error(f"the model beside this script cannot be read: {told}")
    listed = {given: found(given) for given in options.pictures}
    for given, some in listed.items():
        if not some:
            parser.error(f"{given}: there is no picture in this folder")
    paths = [path for some in listed.values() for path in some]
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    answers = [answer for batch in batches for answer in classified(batch, about, network)]
    if options.json:
        print(json.dumps(answers, indent=1, ensure_ascii=False))
    for answer in answers:
        if "error" in answer:
            print(f"{answer['file']}: {answer['error']}", file=sys.stderr)
        elif not options.json:
            print(f"{answer['file']}: {answer['class']} {answer['probability']:.1%}")
    return 1 if any("error" in answer for answer in answers) else 0


def found(given: Path) -> list[Path]:
    """The pictures in a folder, in order of name, hidden ones left out; a file is itself."""
    if not given.is_dir():
        return [given]
    suffixes = {f".{name}" for name in FORMATS.split()}
    named = (p for p in given.rglob("*") if p.suffix.lower() in suffixes and not p.is_dir())
    return sorted(p for p in named if not any(n[0] == "." for n in p.relative_to(given).parts))


def classified(paths: list[Path], about: dict[str, Any], network: Any) -> Iterator[dict[str, Any]]:
    """The answer for each file: its class, or why it could not be read."""
    pixels, errors = {}, {}
    for path in paths:
        try:
            pixels[path] = read(path, about["preprocessing"])
        except Exception as error:  # noqa: BLE001  decoders raise anything on damaged files
            told = getattr(error, "strerror", None) or str(error)
            errors[path] = told or type(error).__name__
    rows = (
        dict(zip(pixels, network(np.stack(list(pixels.values()))), strict=True)) if pixels else {}
    )
    for path in paths:
        if path in errors:
            yield {"file": str(path), "error": errors[path]}
            continue
        shares = dict(zip(about["classes"], rows[path].tolist(), strict=True))
        best = about["classes"][int(rows[path].argmax())]
        yield {"file": str(path), "class": best, "probability": shares[best], "all": shares}


def read(path: Path, form: dict[str, Any]) -> Any:
    """The (first) picture of a file as the network takes it: uint8 (channels, size, size)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # oddities of metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise ValueError("no regular file")
        with Image.open(path) as image:
            image.draft(None, (2 * form["size"], 2 * form["size"]))  # large JPEGs, read smaller
            ImageOps.exif_transpose(image, in_place=True)
            pixels = np.array(eight_bit(image))
    pixels = resized(
        pixels if pixels.ndim == 3 else pixels[..., None], form["size"], form["resize"]
    )
    return np.moveaxis(coloured(pixels, form["channels"]), -1, 0)


def eight_bit(image: Image.Image) -> Image.Image:
    """The same picture in grey or RGB, 8 bits a channel; what is transparent lies over white."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return Image.fromarray(((np.asarray(image).astype(np.int64) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no known range; save it with 8 or 16 bits a channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def resized(pixels: Any, size: int, policy: str) -> Any:
    """(H, W, C) to (size, size, C): the centre cut out, squashed, or padded with black."""
    height, width = pixels.shape[:2]
    if policy == "squash":
        return scaled(pixels, size, size)
    if policy == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return scaled(pixels[top : top + side, left : left + side], size, size)
    longest = max(height, width)
    rows, columns = max(1, height * size // longest), max(1, width * size // longest)
    top, left = (size - rows) // 2, (size - columns) // 2
    canvas = np.zeros((size, size, pixels.shape[2]), np.uint8)
    canvas[top : top + rows, left : left + columns] = scaled(pixels, rows, columns)
    return canvas


def scaled(pixels: Any, rows: int, columns: int) -> Any:
    """Bilinear with antialiasing, to the bit as torch does it: across, then down."""
    return along(along(pixels.swapaxes(0, 1), columns).swapaxes(0, 1), rows)


def along(pixels: Any, size: int) -> Any:
    """The first axis brought to `size`, with weights of 16 bits."""
    length = len(pixels)
    if length == size:
        return pixels
    ratio, spans = length / size, []
    support = max(ratio, 1.0)
    for centre in ratio * (np.arange(size) + 0.5):
        first = max(int(centre - support + 0.5), 0)
        places = np.arange(first, min(int(centre + support + 0.5), length))
        weights = np.maximum(1 - np.abs((places - centre + 0.5) * (1 / support)), 0)
        spans.append((places, weights / np.cumsum(weights)[-1]))
    largest, bits = max(weights.max() for _, weights in spans), 0
    while bits < 22 and int(0.5 + largest * 2 ** (bits + 1)) < 2**15:
        bits += 1
    out = np.empty((size, *pixels.shape[1:]), np.uint8)
    for row, (places, weights) in zip(out, spans, strict=True):
        whole = (weights * 2**bits + 0.5).astype(np.int32)
        part = pixels[places[0] : places[-1] + 1]
        total = np.einsum("i,i...->...", whole, part, dtype=np.int32, casting="unsafe")
        row[:] = np.clip((total + 2 ** (bits - 1)) >> bits, 0, 255)
    return out


def coloured(pixels: Any, channels: int) -> Any:
    """Grey repeated, or the luma of RGB, where the network takes the other kind."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    luma = (pixels * np.array([19595, 38470, 7471], np.int64)).sum(2, keepdims=True)
    return ((luma + 0x8000) // 0x10000).astype(np.uint8)


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has gone: | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)

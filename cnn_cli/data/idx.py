"""IDX, the format of MNIST and its successors: a type, the sides, then the bytes; also as .gz."""

import gzip
import hashlib
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

UNSIGNED_BYTE = 0x08
LARGEST = 1 << 31
"""Bytes that a file may claim to hold: 35 times those of MNIST's pictures."""

Bytes = npt.NDArray[np.uint8]


def read_idx(path: Path, dimensions: int) -> Bytes:
    """The uint8 array of `dimensions` sides in an IDX file, which may be compressed by gzip.

    Raises ValueError for anything else, and OSError where it cannot be read.
    """
    try:
        with _opened(path) as file:
            return _read(file, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"damaged gzip file ({error})") from error


def content_md5(path: Path) -> str:
    """The md5 (hex) of what is in the file: of the bytes inside where it is compressed by gzip.

    The same data compressed by others has other bytes outside. Empty where it is damaged.
    """
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with _opened(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return ""
    return digest.hexdigest()


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    opened: Any = gzip.open if compressed else Path.open
    return opened(path, "rb")  # type: ignore[no-any-return]


def _read(file: IO[bytes], dimensions: int) -> Bytes:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise ValueError("no IDX file")
    if head[2] != UNSIGNED_BYTE or head[3] != dimensions:
        raise ValueError(f"holds no bytes in {dimensions} dimensions")
    sides = tuple(np.frombuffer(file.read(4 * dimensions), ">u4").tolist())
    size = prod(sides)
    if len(sides) < dimensions or size > LARGEST:
        raise ValueError(f"claims to hold {size:,} bytes")
    content = file.read(size)
    if len(content) < size or file.read(1):
        raise ValueError(f"does not hold the {size:,} bytes that it says it does")
    return np.frombuffer(content, np.uint8).reshape(sides)

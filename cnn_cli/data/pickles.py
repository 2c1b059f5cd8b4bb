"""Pickles of arrays read without running anything that stands in them."""

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np


def read_pickle(path: Path) -> Any:
    """The arrays, lists, dicts, strings and numbers in a pickle of Python 2 or 3.

    Raises ValueError for a damaged file, and for one that names anything else.
    """
    try:
        with path.open("rb") as file:
            return _DataUnpickler(file, encoding="latin1").load()
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged pickles raise anything
        raise ValueError(str(error) or type(error).__name__) from error


class _DataUnpickler(pickle.Unpickler):
    """Knows only what numpy needs to rebuild an array."""

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module.replace("numpy._core", "numpy.core"), name))
        if known is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no plain data")
        return known


def _bytes(text: str, encoding: str) -> bytes:
    """How protocol 2 writes bytes; other codecs than latin1 have no place there."""
    if codecs.lookup(encoding).name != "iso8859-1":
        raise pickle.UnpicklingError(f"it uses the codec {encoding}")
    return text.encode("latin1")


def _from_buffer(buffer: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Any:
    """How protocol 5 writes a contiguous array."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


_REBUILD_ARRAY: Any = np.zeros(0).__reduce__()[0]
_REBUILD_NUMBER: Any = np.float64(0).__reduce__()[0]
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _REBUILD_ARRAY,
    ("numpy.core.multiarray", "scalar"): _REBUILD_NUMBER,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _bytes,
}

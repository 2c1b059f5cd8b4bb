"""What a file of torch.save claims to hold, looked at before torch allocates or builds anything.

torch.load(weights_only=True) runs no code of a file, but it believes the sizes that it states.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

ITEM_SIZES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "UntypedStorage": 1,
}  # fmt: skip
"""Bytes of an item in each kind of storage."""

LONGEST_PICKLE = 1 << 26
"""Bytes of the description of the tensors; that of a large model has less than one megabyte."""


class NotAnArchiveError(Exception):
    """The file is none of torch.save, or claims what it does not hold; the message says what."""


def check(path: Path) -> None:
    """Raise NotAnArchiveError unless every size in the file's description is one that it has.

    Members must be stored as they are (a packed one can claim a thousand times its size), lie one
    after another in the file, and hold at least what each tensor storage claims.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, path.stat().st_size)
            described = [m for m in members if m.filename.endswith("/data.pkl")]
            if len(described) != 1:
                raise NotAnArchiveError("it has no data.pkl, or several")
            description = described[0]
            text = archive.read(description)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise NotAnArchiveError(f"no zip file of torch.save ({error})") from error
    root = description.filename.removesuffix("data.pkl")
    sizes = {m.filename.removeprefix(root): m.file_size for m in members}
    for kind, key, number in _storages(text):
        if ITEM_SIZES.get(kind, 1) * number > sizes.get(f"data/{key}", -1):
            raise NotAnArchiveError(f"storage {key} claims {number:,} items and has less")


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    packed = [m.filename for m in members if m.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise NotAnArchiveError(f"{packed[0]} is compressed, which torch.save does not do")
    if sum(m.file_size for m in members) > size:
        raise NotAnArchiveError("its members claim more bytes than the file has")
    if any(m.file_size > LONGEST_PICKLE for m in members if m.filename.endswith(".pkl")):
        raise NotAnArchiveError(f"its data.pkl has more than {LONGEST_PICKLE:,} bytes")


def _storages(text: bytes) -> list[tuple[str, str, int]]:
    """(kind, key, number of items) of every storage that a description names."""
    reader = _Claims(io.BytesIO(text))
    try:
        reader.load()
    except RecursionError as error:
        raise NotAnArchiveError("its description is nested too deeply") from error
    except Exception as error:  # a description that is cut, or no pickle: anything may be raised
        raise NotAnArchiveError(f"its description cannot be read ({error})") from error
    return reader.found


class _Stub:
    """In place of whatever a pickle names: made, called and filled without any effect."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.items: list[Any] = []

    def __call__(self, *_: Any, **__: Any) -> "_Stub":
        return _Stub()

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """As a list's."""

    def extend(self, _: Any) -> None:
        """As a list's."""


class _Claims(pickle.Unpickler):
    """Notes the storages; builds dicts, lists and numbers only, and imports nothing at all."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.found: list[tuple[str, str, int]] = []

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in that remembers its name, for anything that the pickle names."""
        return type(name.rpartition(".")[2] or "_", (_Stub,), {"__module__": module})

    def persistent_load(self, pid: Any) -> Any:
        """torch's ("storage", kind, key, place, number of items)."""
        if not isinstance(pid, tuple) or len(pid) != len(("storage", "kind", "key", "place", "n")):
            raise pickle.UnpicklingError("a reference that is no storage")
        _, kind, key, _, number = pid
        if not isinstance(number, int) or number < 0:
            raise pickle.UnpicklingError("a storage of no known size")
        self.found.append((getattr(kind, "__name__", str(kind)), str(key), number))
        return _Stub()

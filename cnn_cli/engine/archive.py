"""What a file of torch.save claims to hold, looked at before torch allocates or builds anything.

torch.load(weights_only=True) runs no code of a file, but it believes the sizes that it states.
"""

import io
import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import Any, Self

ITEM_SIZES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "UntypedStorage": 1,
}  # fmt: skip
"""Bytes of an item in each kind of storage."""

LONGEST_PICKLE = 1 << 22
"""Bytes of the description of the tensors; that of a large model has less than one megabyte."""
MOST_INSTRUCTIONS = 1_000_000
"""Of a description; each can make an object of 64 bytes. A large model has 50 for each tensor."""
CALLED = {
    "collections.OrderedDict", "collections.Counter", "__builtin__.set", "__builtin__.complex",
    "_codecs.encode", "torch.Size", "torch.device", "torch.nn.parameter.Parameter",
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state", "torch.serialization._get_layout",
}  # fmt: skip
"""What a description may call: none of these allocates more than it is given."""


class NotAnArchiveError(RuntimeError):
    """The file is none of torch.save, or claims what it does not hold; the message says what."""


class HoldsCodeError(NotAnArchiveError):
    """It is one, and calls functions when it is read."""


def check_legacy(path: Path) -> None:
    """As `check`, for the format before torch 1.6: pickles one after another, then the storages."""
    size = path.stat().st_size
    with path.open("rb") as file:
        text = file.read(LONGEST_PICKLE)
    claims: dict[str, int] = {}
    begin = 0
    for _ in range(4):  # magic number, protocol, the machine's number formats, the description
        length = _length(text[begin:])
        for kind, key, number in _storages(text[begin : begin + length], legacy=True):
            claims[key] = ITEM_SIZES.get(kind, 1) * number
        begin += length
    if sum(claims.values()) > size:
        raise NotAnArchiveError(f"it claims {sum(claims.values()):,} bytes and has {size:,}")


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
            _length(text)
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


def _length(text: bytes) -> int:
    """Bytes of the first pickle in `text`.

    Raises NotAnArchiveError where one of its places in memory has a number beyond its length: the
    unpickler would make room for all the numbers below.
    """
    length = 0
    try:
        for number, (code, argument, place) in enumerate(pickletools.genops(io.BytesIO(text))):
            length = (place or 0) + 1
            too_many = number > MOST_INSTRUCTIONS
            if too_many or ("PUT" in code.name and argument is not None and argument > len(text)):
                raise NotAnArchiveError("its description claims more memory than it can use")
    except (ValueError, IndexError, OverflowError) as error:
        raise NotAnArchiveError(f"its description cannot be read ({error})") from error
    return length


def _storages(text: bytes, *, legacy: bool = False) -> list[tuple[str, str, int]]:
    """(kind, key, number of items) of every storage that a description names."""
    reader = _Claims(io.BytesIO(text), legacy)
    try:
        reader.load()
    except NotAnArchiveError:
        raise
    except RecursionError as error:
        raise NotAnArchiveError("its description is nested too deeply") from error
    except Exception as error:  # a description that is cut, or no pickle: anything may be raised
        raise NotAnArchiveError(f"its description cannot be read ({error})") from error
    return reader.found


class _Stub:
    """In place of whatever a pickle names: called and filled without any effect."""

    name = ""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        if cls.name not in CALLED and cls.name.startswith("torch."):
            raise NotAnArchiveError(f"it has tensors that are not taken here ({cls.name})")
        if cls.name not in CALLED:
            raise HoldsCodeError(f"it calls {cls.name}, as no file of weights does")
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """As of an object, whatever it is given."""

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

    def __init__(self, file: io.BytesIO, legacy: bool) -> None:
        super().__init__(file, encoding="utf-8")
        self.kinds: dict[str, type[_Stub]] = {}
        self.length = len(("storage", "kind", "key", "place", "n")) + legacy  # and a view's place
        self.found: list[tuple[str, str, int]] = []

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in that remembers its name, for anything that the pickle names."""
        full = f"{module}.{name}"
        if full not in CALLED and not full.startswith("torch."):
            raise HoldsCodeError(f"it names {full}, as no file of weights does")
        if full not in self.kinds:
            self.kinds[full] = type(name.rpartition(".")[2] or "_", (_Stub,), {"name": full})
        return self.kinds[full]

    def persistent_load(self, pid: Any) -> Any:
        """torch's ("storage", kind, key, place, number of items)."""
        if not isinstance(pid, tuple) or len(pid) != self.length:
            raise pickle.UnpicklingError("a reference that is no storage")
        _, kind, key, _, number = pid[:5]
        if not isinstance(number, int) or number < 0:
            raise pickle.UnpicklingError("a storage of no known size")
        self.found.append((getattr(kind, "__name__", str(kind)), str(key), number))
        return object.__new__(_Stub)

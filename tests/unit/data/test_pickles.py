"""Arrays come out of a pickle; nothing in it is ever run."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cnn_cli.data.pickles import read_pickle

CONTENT = {
    "data": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "labels": [0, 1, 2],
    "number": np.int64(7),
    "name": "batch é",
    "raw": b"\x00\xff",
    "none": None,
}


class _Runs:
    """A pickle that would run a command, as an attacker writes it."""

    def __init__(self, call: object, *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_data_comes_back(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a").write_bytes(pickle.dumps(CONTENT, protocol))
    content = read_pickle(tmp_path / "a")
    for name in ("data", "columns"):
        assert np.array_equal(content.pop(name), CONTENT[name])
    assert content == {name: value for name, value in CONTENT.items() if name in content}
    assert len(content) == 5


def test_arrays_of_python_2_come_back(tmp_path: Path) -> None:
    """As in the original files: protocol 2, byte strings, numpy.core by its old name."""
    written = (
        b"\x80\x02}U\x04datacnumpy.core.multiarray\n_reconstruct\n"
        b"(cnumpy\nndarray\nK\x00\x85U\x01bt"
        b"R(K\x01K\x03\x85cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x03\x01\x02\xfftbs."
    )
    (tmp_path / "a").write_bytes(written)
    assert read_pickle(tmp_path / "a")["data"].tolist() == [1, 2, 255]


@pytest.mark.parametrize(
    "content",
    [
        _Runs(os.system, "touch ran"),
        _Runs(eval, "open('ran', 'w')"),
        _Runs(np.load, "ran"),
        {"data": [_Runs(os.mkdir, "ran")]},
        _Runs(getattr, "text", "upper"),
    ],
)
def test_nothing_is_run(tmp_path: Path, content: object) -> None:
    (tmp_path / "a").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"it names .*, which is no plain data"):
        read_pickle(tmp_path / "a")
    assert not Path("ran").exists()


def test_other_codecs_are_refused(tmp_path: Path) -> None:
    import codecs

    (tmp_path / "a").write_bytes(pickle.dumps(_Runs(codecs.encode, "x", "rot13"), 2))
    with pytest.raises(ValueError, match=r"it uses the codec rot13"):
        read_pickle(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps(CONTENT)[:40]])
def test_a_damaged_file_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_pickle(tmp_path / "a")

"""What a file of torch.save claims is compared with what it has, before torch sees it."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from cnn_cli.engine import archive
from cnn_cli.engine.archive import HoldsCodeError, NotAnArchiveError, check, check_legacy


def described(tmp_path: Path, text: bytes) -> Path:
    """A file whose description of its tensors is `text`."""
    file = io.BytesIO()
    torch.save({"w": torch.ones(3)}, file)
    path = tmp_path / "other.pt"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, text if name.endswith("data.pkl") else old.read(name))
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_what_torch_saves_is_taken(tmp_path, legacy):
    kept = nn.Parameter(torch.ones(2))
    kept.note = "an attribute"
    shared = torch.zeros(4)
    content = {
        "state": nn.BatchNorm2d(3).state_dict(), "parameter": kept, "shared": [shared, shared[1:]],
        "half": torch.ones(2, dtype=torch.bfloat16), "size": torch.Size([1]), "none": None,
        "bytes": b"bytes", "set": {1, 2}, "numbers": [1, 2.0, True],
    }  # fmt: skip
    if not legacy:  # which has no such kind
        content["wide"] = torch.ones(2, dtype=torch.uint16)
    path = tmp_path / "file.pt"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    (check_legacy if legacy else check)(path)
    assert torch.load(path, weights_only=True)["numbers"] == [1, 2.0, True]


def test_more_than_a_legacy_file_has_is_refused(tmp_path):
    path = tmp_path / "file.pt"
    torch.save({"w": torch.zeros(1600)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    small = b"M" + struct.pack("<H", 1600)
    assert small in data
    path.write_bytes(data.replace(small, b"J" + struct.pack("<i", 2_000_000_000), 1))
    with pytest.raises(NotAnArchiveError, match=r"it claims 8,000,000,000 bytes and has"):
        check_legacy(path)


def test_numbers_of_instructions_places_and_bytes_have_limits(tmp_path, monkeypatch):
    told = "claims more memory than it can use"
    with pytest.raises(NotAnArchiveError, match=told):
        check(described(tmp_path, b"\x80\x02K\x01r\xff\xff\xff\x1f."))
    text = b"\x80\x02" + b"}0" * 600 + b"}."
    check(described(tmp_path, text))
    monkeypatch.setattr(archive, "MOST_INSTRUCTIONS", 1000)
    with pytest.raises(NotAnArchiveError, match=told):
        check(described(tmp_path, text))
    monkeypatch.setattr(archive, "LONGEST_PICKLE", 1000)
    with pytest.raises(NotAnArchiveError, match=r"has more than 1,000 bytes"):
        check(described(tmp_path, text))


def test_members_that_claim_more_than_the_file_are_refused(tmp_path):
    path = described(tmp_path, b"\x80\x02}.")
    data = path.read_bytes()
    at = data.rindex(b"PK\x01\x02")  # the last entry of the directory: its sizes
    sizes = struct.pack("<II", 5_000_000, 5_000_000)
    path.write_bytes(data[: at + 20] + sizes + data[at + 28 :])
    with pytest.raises(NotAnArchiveError, match="claim more bytes than the file has"):
        check(path)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        (b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.", HoldsCodeError, "it names os.system"),
        (b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", HoldsCodeError, "bytearray"),
        (b"\x80\x02ctorch\nFloatTensor\nJ\xff\xff\xff\x7f\x85R.", NotAnArchiveError, "not taken"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", NotAnArchiveError, "cannot be read"),
        (b"", NotAnArchiveError, "cannot be read"),
    ],
)
def test_what_no_file_of_weights_has_is_refused(tmp_path, text, error, told):
    with pytest.raises(error, match=told):
        check(described(tmp_path, text))

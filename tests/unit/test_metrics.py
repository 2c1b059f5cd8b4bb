"""The lines of metrics.jsonl: those that are whole are read, those that are not are missed."""

import json

import pytest

from cnn_cli.run import Run


@pytest.mark.parametrize(
    "damage", [b"\0\0", b"5", b"{", b"\xff\xfe{}", b'{"step": 1, "epoch": 2}', b"null", b""]
)
def test_a_damaged_line_of_metrics_is_left_out_and_missed(tmp_path, damage):
    def line(epoch: int, loss: object = 0.5) -> bytes:
        row = {"step": 9 * epoch, "epoch": epoch, "train": {"loss": loss}, "val": None}
        return json.dumps(row).encode()

    run = Run(tmp_path)
    lines = [line(1), damage, line(3), line(4, loss="abc"), line(5), b'{"st']
    run.metrics.write_bytes(b"\n".join(lines))
    assert [row["epoch"] for row in run.read_metrics()] == [1, 3, 5]
    assert run.missing_epochs() == [2, 4]

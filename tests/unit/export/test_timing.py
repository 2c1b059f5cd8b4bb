"""Who takes turns with whom, and what becomes of the seconds; how long they are is no matter."""

import numpy as np
import torch

from cnn_cli.export import timing


def test_ways_take_turns_on_one_picture_and_on_many(monkeypatch):
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    calls = []

    def way(name):
        def run(images):
            calls.append((name, len(images)))
            return np.zeros((len(images), 2), np.float32)

        return run

    found = timing.measure({"a": way("a"), "b": way("b")}, torch.zeros(3, 1, 2, 2))
    block = timing.FEWEST + 1  # one to warm up
    assert calls[: 2 * block] == [("a", 1)] * block + [("b", 1)] * block
    assert calls[-1] == ("b", timing.MANY)
    assert len(calls) == 2 * 2 * timing.ROUNDS * block
    assert all(0 < t.median_ms <= t.p95_ms and t.images_per_second > 0 for t in found.values())
    assert list(timing.as_json(found)["a"]) == ["median_ms", "p95_ms", "images_per_second"]

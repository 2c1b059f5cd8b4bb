"""Pictures decoded by workers: the same batches as from memory, whoever decodes them."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_cli.data import decoding
from cnn_cli.data.contract import Preprocessing, Window
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.errors import UserError, WorkerError

FORM = Preprocessing(channels=3, size=8)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    source = np.random.default_rng(0)
    found = [tmp_path / f"{i}.png" for i in range(11)]
    for path in found:
        Image.fromarray(source.integers(0, 256, (12, 9, 3), dtype=np.uint8)).save(path)
    return found


def decoded(paths: list[Path], workers: int) -> Decoded:
    names = [path.name for path in paths]
    return Decoded(paths, torch.arange(len(paths)) % 2, names, FORM, workers)


def resident(paths: list[Path]) -> Resident:
    from cnn_cli.data.images import read_image

    images = torch.stack([read_image(path, FORM) for path in paths])
    return Resident(images, torch.arange(len(paths)) % 2, [path.name for path in paths])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("plan", [Plan(11, 4, epochs=3, seed=1), Plan(11, 4, shuffle=False)])
@pytest.mark.parametrize("start", [0, 2])
def test_batches_equal_those_from_memory(
    paths: list[Path], workers: int, plan: Plan, start: int
) -> None:
    ours = list(decoded(paths, workers).batches(plan, start))
    expected = list(resident(paths).batches(plan, start))
    assert [batch.step for batch in ours] == [batch.step for batch in expected]
    for batch, reference in zip(ours, expected, strict=True):
        assert torch.equal(batch.images, reference.images)
        assert torch.equal(batch.labels, reference.labels)
        assert batch.images.stride() == reference.images.stride()


def test_take_equals_that_from_memory(paths: list[Path]) -> None:
    places = torch.tensor([5, 1, 5])
    ours, expected = decoded(paths, 2).take(places), resident(paths).take(places)
    assert torch.equal(ours.images, expected.images)
    assert torch.equal(ours.labels, expected.labels)
    assert ours.step == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_every_unreadable_file_of_a_batch_is_named(paths: list[Path], workers: int) -> None:
    for place in (5, 6):
        paths[place].write_bytes(b"no picture")
    batches = decoded(paths, workers).batches(Plan(11, 4, shuffle=False))
    assert len(next(batches).images) == 4
    with pytest.raises(UserError) as caught:
        next(batches)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == list(
        map(str, paths[5:7])
    )
    assert "repair or remove it" in caught.value.problems[0]


class _Interrupted(Decoded):
    """Sends its own process the signals of a Ctrl-C and of a kill before it decodes."""

    def decode(self, indices, step, pulse=None):  # type: ignore[no-untyped-def]
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
            os.kill(os.getpid(), getattr(signal, name))
        return super().decode(indices, step, pulse)


def test_workers_survive_the_signals_of_the_process_group(paths: list[Path]) -> None:
    split = _Interrupted(paths, torch.arange(11), [path.name for path in paths], FORM, 1)
    assert len(list(split.batches(Plan(11, 4, shuffle=False)))) == 3


class _Dying(Decoded):
    """Its worker is killed, or hangs, when it comes to a picture."""

    hangs = False

    def decode(self, indices, step, pulse=None):  # type: ignore[no-untyped-def]
        if 5 in indices.tolist() and pulse is not None:
            pulse.beat(5)
            if self.hangs:
                time.sleep(60)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().decode(indices, step, pulse)


class _Hanging(_Dying):
    hangs = True


@pytest.mark.parametrize(
    ("kind", "told"),
    [(_Dying, "has died"), (_Hanging, "has been at it for 1 s")],
)
def test_a_worker_that_is_lost_is_named_with_its_file(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch, kind: type[Decoded], told: str
) -> None:
    monkeypatch.setattr(decoding, "PATIENCE", 1.0)
    monkeypatch.setattr(decoding, "LOOK_EVERY", 0.3)
    before = signal.getsignal(signal.SIGCHLD)
    split = kind(paths, torch.arange(11), [path.name for path in paths], FORM, 1)
    batches = split.batches(Plan(11, 4, shuffle=False))
    start = time.monotonic()
    with pytest.raises(WorkerError, match=rf"worker 0 \(process \d+\) {told} .* read {paths[5]}"):
        list(batches)
    assert time.monotonic() - start < 9
    assert signal.getsignal(signal.SIGCHLD) is before


def test_slow_workers_are_waited_for(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LOOK_EVERY", 0.05)

    class Slow(Decoded):
        def decode(self, indices, step, pulse=None):  # type: ignore[no-untyped-def]
            time.sleep(0.2)
            return super().decode(indices, step, pulse)

    split = Slow(paths, torch.arange(11), [path.name for path in paths], FORM, 2)
    assert [batch.step for batch in split.batches(Plan(11, 4, shuffle=False))] == [0, 1, 2]


def test_no_random_number_of_torch_is_consumed(paths: list[Path]) -> None:
    before = torch.default_generator.get_state()
    list(decoded(paths, 1).batches(Plan(11, 4)))
    assert torch.equal(before, torch.default_generator.get_state())


def test_more_workers_than_cores_are_no_reason_to_warn(paths: list[Path]) -> None:
    workers = (os.cpu_count() or 1) + 1
    assert len(list(decoded(paths[:2], workers).batches(Plan(2, 1, shuffle=False)))) == 2


def test_it_crops_nothing_and_says_so(paths: list[Path]) -> None:
    split = decoded(paths, 0)
    assert split.crops is False
    with pytest.raises(ValueError, match=r"cropped after they are decoded"):
        split.batches(Plan(11, 4), 0, Window(1, "zero", lambda _step, n: torch.zeros(n, 2).long()))


def test_a_plan_for_another_set_is_refused(paths: list[Path]) -> None:
    with pytest.raises(ValueError, match=r"plan for 9 pictures cannot order 11"):
        decoded(paths, 0).batches(Plan(9, 4))


def test_parts_that_do_not_match_are_refused(paths: list[Path]) -> None:
    with pytest.raises(ValueError, match=r"11 paths, 10 labels and 1 names"):
        Decoded(paths, torch.arange(10), ["a"], FORM, 0)


def test_batches_arrive_on_the_device_asked_for(paths: list[Path]) -> None:
    moved = decoded(paths, 0).to(torch.device("meta"))
    batch = next(moved.batches(Plan(11, 4)))
    assert batch.images.device.type == batch.labels.device.type == "meta"
    assert moved.labels.device.type == "cpu"

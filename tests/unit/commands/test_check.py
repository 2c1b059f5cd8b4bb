"""check=...: what is found, where it goes, what is refused, and that no run comes of it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnn_cli.cli import main
from cnn_cli.commands import check
from cnn_cli.run import runs

SMALL = (
    "device.threads=1", "dataset.limit=60", "trainer.batch_size=20", "model.channels=[16,32]",
    "model.dropout=0.3",
)  # fmt: skip


def found() -> tuple[Path, dict]:
    """The only check's folder, and its record."""
    (folder,) = Path("runs/checks").iterdir()
    return folder, json.loads((folder / "check.json").read_text())


def test_both_checks_and_nothing_but_them(capsys):
    assert main(["check=[overfit,lr]", *SMALL, "loss.label_smoothing=0.2"]) == 0
    folder, record = found()
    assert {path.name for path in folder.iterdir()} == {"check.json", "overfit.png", "lr.png"}
    for name in ("overfit", "lr"):
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 500
    assert [path.name for path in Path("runs").iterdir()] == ["checks"]
    assert runs(Path("runs")) == []
    learned, rates = record["overfit"], record["lr"]
    assert learned["passed"]
    assert learned["pictures"] == 20
    assert learned["loss"][-1] < 0.01
    assert len(learned["loss"]) == len(learned["accuracy"]) == learned["steps"]
    # Muon's two rates rise together, up to where the first of them may go no further.
    assert rates["peak"] == {"optimizer.lr": 0.1, "optimizer.rest_lr": 0.05}
    assert rates["factors"] == pytest.approx(np.geomspace(1e-5, 10, 100)[: len(rates["factors"])])
    told = capsys.readouterr().out
    assert "PASS" in told
    lr, rest = rates["suggestion"].values()
    assert lr == pytest.approx(2 * rest, rel=0.1)
    assert f"optimizer.lr={lr:g} optimizer.rest_lr={rest:g}" in told
    assert str(folder) in told


def test_a_check_finds_the_same_after_another_and_of_one_fold_for_all():
    records = []
    for checks in ("[lr,overfit]", "overfit"):
        given = (f"check={checks}", "optimizer=sgd", "dataset.folds=3", f"run.root={checks[1:3]}")
        assert main([*given, *SMALL]) == 0
        made = next(Path(checks[1:3], "checks").glob("*/check.json"))
        records.append(json.loads(made.read_text()))
    assert list(records[0]) == ["overrides", "versions", "lr", "overfit"]
    assert records[0]["overfit"] == records[1]["overfit"]


@pytest.mark.parametrize(
    ("rate", "told"),
    [("1e-7", "far too low"), ("90", "too high"), ("1e-7 contradiction", "labels")],
)
def test_a_set_up_that_cannot_learn_fails(rate, told, capsys, monkeypatch):
    if "contradiction" in rate:
        folder = Path("photos")
        for name in ("cat", "dog"):
            (folder / name).mkdir(parents=True)
            for number in range(10):
                picture = np.full((16, 16), 20 * number, dtype=np.uint8)
                Image.fromarray(picture).save(folder / name / f"{number}.png")
        small = ["dataset=image_folder", "dataset.root=photos", "dataset.size=16", *SMALL[2:]]
        small += ["dataset.val_fraction=0", "dataset.test_fraction=0", "device.threads=1"]
    else:
        small = list(SMALL)
    monkeypatch.setattr(check.checks, "MOST_STEPS", 60)
    assert main(["check=overfit", "optimizer=sgd", f"optimizer.lr={rate.split()[0]}", *small]) == 1
    out = capsys.readouterr().out
    assert "FAIL" in out
    assert told in out
    assert not found()[1]["overfit"]["passed"]


def test_the_batch_sizes_scale_is_in_the_rates_and_not_in_the_key(capsys):
    scaled = ("optimizer=sgd", "optimizer.lr=0.1", "trainer.lr_batch=40")
    assert main(["check=lr", *SMALL, *scaled]) == 0
    _, record = found()
    assert record["lr"]["peak"] == {"optimizer.lr": 0.1}
    assert record["lr"]["factors"][0] == pytest.approx(1e-5)
    (rate,) = record["lr"]["suggestion"].values()
    assert f"optimizer.lr={rate:g}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["check=overfti"], "check=overfti: no such check (did you mean 'overfit'?)"),
        (["check=[lr,what]"], "check=what: no such check; there are data, overfit, lr, resume"),
        (["check=[]"], "names no check"),
        (["check=1"], "check=1: must be text"),
        (["-m", "check=lr", "seed=0,1"], "check: is not for a multirun"),
        (["-m", "check=lr,overfit"], "check: is not for a multirun"),
    ],
)
def test_a_wrong_request_is_refused_before_any_work(argv, told, capsys):
    assert main([*argv, *SMALL]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""
    assert not Path("runs").exists()


def test_a_run_that_has_begun_is_not_checked(capsys):
    assert main([*SMALL, "trainer.epochs=1", "run.name=one", "trainer.tensorboard=false"]) == 0
    capsys.readouterr()
    assert main(["resume=one", "check=lr"]) == 2
    assert "check: looks at a training before its first step" in capsys.readouterr().err
    assert not Path("runs/checks").exists()


def test_an_interrupt_ends_with_its_code_and_keeps_what_is_done(monkeypatch):
    def interrupted(*_: object) -> Iterator[None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(check.checks, "range_test", interrupted)
    assert main(["check=[overfit,lr]", *SMALL]) == 130
    folder, record = found()
    assert "lr" not in record
    assert record["overfit"]["passed"]
    assert not (folder / "lr.png").exists()


def test_a_resume_of_the_set_up_is_proved_exact(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["check=resume", *SMALL, "trainer.ema_decay=0.9", "trainer.epochs=4"]) == 0
    folder, record = found()
    assert [path.name for path in folder.iterdir()] == ["check.json"]
    assert record["resume"]["passed"]
    assert record["resume"]["differing"] == {}
    assert "PASS" in (told := capsys.readouterr().out)
    assert f"all {record['resume']['tensors']} tensors equal bit for bit" in told
    assert main(["check=resume", *SMALL, "trainer.epochs=1", "trainer.batch_size=60"]) == 2
    assert "check=resume: a training of one step cannot be stopped" in capsys.readouterr().err


@pytest.fixture
def pictures() -> Path:
    """Two classes of smooth pictures in train/ and test/."""
    root = Path("pictures")
    draw = np.random.default_rng(0)
    for part, count in (("train", 30), ("test", 8)):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                coarse = Image.fromarray(draw.integers(0, 256, (5, 5, 3)).astype(np.uint8))
                coarse.resize((24, 24), Image.Resampling.BICUBIC).save(
                    root / part / name / f"{number}.png"
                )
    return root


DATA = ("check=data", "dataset=image_folder", "dataset.root=pictures", "dataset.size=24")


def test_a_sound_data_set_passes(pictures, capsys):
    assert main([*DATA, "device.workers=0"]) == 0
    folder, record = found()
    assert [path.name for path in folder.iterdir()] == ["check.json"]
    assert record["data"] == {
        "pictures": {"train": 54, "val": 6, "test": 16},
        "unreadable": [],
        "equal": [],
        "nearly_equal": [],
        "too_uniform": 0,
    }
    assert "PASS" in capsys.readouterr().out


def test_every_fault_of_a_data_set_is_named_and_drawn(pictures, capsys):
    shutil.copy(pictures / "test/cat/3.png", pictures / "train/cat/copy.png")  # a leak
    shutil.copy(pictures / "train/dog/4.png", pictures / "train/cat/torn.png")  # of two classes
    with Image.open(pictures / "train/cat/5.png") as image:
        image.save(pictures / "train/cat/near.jpg", quality=90)
    (pictures / "test/dog/0.png").write_bytes(b"")
    (pictures / "train/dog/7.png").write_bytes((pictures / "train/dog/7.png").read_bytes()[:99])
    assert main([*DATA, "dataset.val_fraction=0", "device.workers=2"]) == 1
    folder, record = found()
    with Image.open(folder / "duplicates.png") as picture:
        assert min(picture.size) > 300
    data = record["data"]
    assert [entry[:2] for entry in data["unreadable"]] == [
        ["train", "train/dog/7.png"],
        ["test", "test/dog/0.png"],
    ]
    leak, torn = (
        [["train", "train/cat/copy.png"], ["test", "test/cat/3.png"]],
        [["train", "train/cat/torn.png"], ["train", "train/dog/4.png"]],
    )
    assert sorted(data["equal"]) == sorted([leak, torn])
    (near,) = data["nearly_equal"]
    assert near[:2] == [["train", "train/cat/5.png"], ["train", "train/cat/near.jpg"]]
    out = capsys.readouterr().out
    assert "FAIL" in out
    assert "cannot be read: 2;" in out
    assert "train/cat/copy.png = test/cat/3.png" in out
    assert "equal and of different classes: 1\n" in out


def test_other_checks_follow_where_the_data_is_sound(pictures, capsys):
    small = ("model.channels=[8]", "device.workers=0", "trainer.batch_size=16", "trainer.epochs=4")
    assert main(["check=[resume,data]", *DATA[1:], *small]) == 0
    records = [json.loads(path.read_text()) for path in Path("runs/checks").glob("*/check.json")]
    names = {name for record in records for name in record}
    assert {"data", "resume"} <= names

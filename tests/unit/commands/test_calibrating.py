"""The temperature beside a checkpoint: fitted once, used on request, never for other weights."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_cli.cli import main
from cnn_cli.commands import calibrating
from cnn_cli.commands.calibrating import read as read_record
from cnn_cli.report.temperature import scaled
from cnn_cli.run import Run
from cnn_cli.sidecar import calibration_of

SMALL = ["device.threads=1", "model.channels=[8]", "trainer.batch_size=64", "trainer.epochs=2"]
SMALL += ["trainer.tensorboard=false", "dataset.limit={train: 400}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: Any) -> Run:
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", *SMALL, f"run.dir={folder}"]) == 0
    return Run(folder)


def best(run: Run) -> Path:
    path = run.pointer("best")
    assert path is not None
    return path


def read(folder: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    report = json.loads((folder / "report.json").read_text())
    with np.load(folder / "predictions.npz") as file:
        return report, file["probabilities"], file["labels"]


def test_training_leaves_one_for_the_reported_weights(run: Run) -> None:
    record = json.loads(calibration_of(best(run)).read_text())
    stated = json.loads(best(run).with_suffix(".json").read_text())
    assert record["sha256"] == stated["sha256"]
    assert record["checkpoint"] == best(run).name
    assert record["after"]["loss"] <= record["before"]["loss"]
    assert record["images"] == 180


def test_evaluate_applies_it_on_request_and_tells_of_before(
    run: Run, tmp_path: Path, capsys
) -> None:
    given = [f"checkpoint={run.folder}", "device.threads=1"]
    assert main(["evaluate", *given, f"output={tmp_path / 'plain'}"]) == 0
    assert "temperature" not in capsys.readouterr().out
    assert main(["evaluate", *given, "calibrated=true", f"output={tmp_path / 'own'}"]) == 0
    assert "of 180 validation pictures: calibration error" in " ".join(
        capsys.readouterr().out.split()
    )
    plain, before, labels = read(tmp_path / "plain")
    own, after, _ = read(tmp_path / "own")
    temperature = own["provenance"]["temperature"]
    assert temperature == json.loads(calibration_of(best(run)).read_text())["temperature"]
    np.testing.assert_allclose(after, scaled(before, temperature), rtol=1e-12)
    assert own["metrics"]["accuracy"] == plain["metrics"]["accuracy"]
    assert own["metrics"]["loss"] != plain["metrics"]["loss"]
    without = own["provenance"]["without_temperature"]
    assert without["loss"] == pytest.approx(plain["metrics"]["loss"], rel=1e-12)
    assert without["ece"] == pytest.approx(plain["metrics"]["calibration"]["ece"], rel=1e-12)
    assert len(labels) == 360


def test_predict_applies_it(run: Run, tmp_path: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    for place, pixels in enumerate(load_digits().images[:5]):
        Image.fromarray((pixels * 15.9).astype(np.uint8)).save(tmp_path / f"{place}.png")
    given = [f"checkpoint={run.folder}", f"images={tmp_path}", "device.threads=1", "top_k=10"]
    rows = {}
    for word in ("false", "true"):
        target = tmp_path / word
        assert main(["predict", *given, f"calibrated={word}", f"output={target}"]) == 0
        with (target / "predictions.csv").open(newline="") as file:
            rows[word] = list(csv.DictReader(file))
    temperature = json.loads(calibration_of(best(run)).read_text())["temperature"]
    for plain, own in zip(rows["false"], rows["true"], strict=True):
        chances = np.array([[float(plain[f"p_top{rank}"]) for rank in range(1, 11)]])
        found = [float(own[f"p_top{rank}"]) for rank in range(1, 11)]
        np.testing.assert_allclose(found, scaled(chances, temperature)[0], rtol=1e-5)
        assert plain["top1"] == own["top1"]


def test_one_of_other_weights_is_not_used_and_evaluate_fits_anew(
    run: Run, tmp_path: Path, capsys
) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.folder, copy.folder)
    path = calibration_of(best(copy))
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "sha256": "0" * 64, "temperature": 9.0}))
    given = [f"checkpoint={copy.folder}", "device.threads=1", "calibrated=true"]
    assert main(["predict", *given, f"images={tmp_path}/*.png"]) == 2
    Path(tmp_path, "a.png").write_bytes(b"")
    assert main(["predict", *given, f"images={tmp_path}/a.png", f"output={tmp_path}/p"]) == 2
    assert "is damaged, or of other weights than step-" in capsys.readouterr().err
    path.write_text(json.dumps({"sha256": record["sha256"], "temperature": 0.5}))
    assert main(["predict", *given, f"images={tmp_path}/a.png", f"output={tmp_path}/p"]) == 2
    assert "is damaged, or of other weights than step-" in capsys.readouterr().err
    assert not Path(tmp_path, "p").exists()
    assert main(["evaluate", *given, f"output={tmp_path / 'again'}"]) == 0
    again = json.loads(path.read_text())
    assert again["temperature"] == pytest.approx(record["temperature"], rel=1e-6)


def test_what_cannot_be_calibrated_is_refused(run: Run, tmp_path: Path, capsys) -> None:
    given = ["evaluate", f"checkpoint={run.folder}", "device.threads=1", "calibrated=true"]
    assert main([*given, "tta=shift", f"output={tmp_path / 'a'}"]) == 2
    assert "tta=shift averages several" in capsys.readouterr().err
    calibration = calibration_of(best(run))
    kept = calibration.read_bytes()
    calibration.unlink()
    try:
        assert main([*given, "dataset.val_fraction=0", f"output={tmp_path / 'b'}"]) == 2
        said = capsys.readouterr().err
        assert "is not the data it had" in said or "put no validation pictures aside" in said
    finally:
        calibration.write_bytes(kept)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


def test_it_goes_with_its_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert main(["train", *SMALL, f"run.dir={folder}"]) == 0
    assert main([f"resume={folder}", "trainer.epochs=6"]) == 0
    there = {path.name for path in Run(folder).checkpoints.glob("*.calibration.json")}
    kept = {calibration_of(path).name for path in Run(folder).saved()}
    assert there <= kept
    assert calibration_of(best(Run(folder))).name in there


@pytest.mark.parametrize(
    "damage",
    ['{"images": Infinity}', '{"temperature": true}', '{"images": -3}', '{"after": {"ece": NaN}}'],
)
def test_a_damaged_record_is_as_none(run: Run, tmp_path: Path, damage: str) -> None:
    kept = json.loads(calibration_of(best(run)).read_text())
    path = tmp_path / "a.json"
    path.write_text(json.dumps(kept))
    assert read_record(path, kept["sha256"]) is not None
    path.write_text(json.dumps({**kept, **json.loads(damage)}))
    assert read_record(path, kept["sha256"]) is None
    path.write_text("[" * 100_000)
    assert read_record(path, kept["sha256"]) is None


def test_where_it_cannot_be_kept_it_is_used_all_the_same(
    run: Run, tmp_path: Path, monkeypatch, capsys
) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.folder, copy.folder)
    calibration_of(best(copy)).unlink()

    def refused(path: Path, _: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(calibrating, "write_json", refused)
    given = ["evaluate", f"checkpoint={copy.folder}", "device.threads=1", "calibrated=true"]
    assert main([*given, f"output={tmp_path / 'out'}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the temperature is not kept for later" in said
    assert "temperature" in read(tmp_path / "out")[0]["provenance"]
    assert not calibration_of(best(copy)).exists()

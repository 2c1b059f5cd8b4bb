"""What differs: settings, data, environment; places and what changes no result left out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cnn_cli.comparison.contrasts import Contrast, Contrasts, contrasts
from cnn_cli.comparison.sides import read_sides

Maker = Callable[..., Path]
RIGHT = np.arange(30) % 5 > 0


def found(*runs: Path) -> Contrasts:
    return contrasts(read_sides([run / "report" for run in runs]))


def test_runs_that_are_alike_differ_in_nothing(make_run: Maker) -> None:
    one, other = make_run("one", RIGHT), make_run("other", ~RIGHT)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("/data", "/else").replace("null", "other"))
    alike = found(one, other)
    assert (alike.config, alike.data, alike.environment, alike.notes) == ((), (), (), ())
    assert alike.overrides == (("trainer.epochs=2",),) * 2


def test_settings_are_named_by_their_keys(make_run: Maker) -> None:
    one, two, three = make_run("one", RIGHT), make_run("two", RIGHT, width=16), make_run("c", RIGHT)
    text = (three / "config.yaml").read_text()
    text = text.replace("cnn_cli.models.cnn.CNN", "torchvision.models.resnet18")
    (three / "config.yaml").write_text(f"# override: +model.depth=3\n{text}\ntrust: [mine]\n")
    different = found(one, two, three)
    assert different.config == (
        Contrast("model", ("CNN", "CNN", "resnet18")),
        Contrast("model.channels", ("[8]", "[16]", "[8]")),
    )
    assert different.overrides[2] == ("+model.depth=3", "trainer.epochs=2")


def test_data_and_environment(make_run: Maker) -> None:
    one, other = make_run("one", RIGHT), make_run("other", RIGHT[:20])
    report = json.loads((other / "report/report.json").read_text())
    report["provenance"]["dataset_fingerprint"] = "cd" * 32
    (other / "report/report.json").write_text(json.dumps(report))
    record = json.loads((other / "environment.json").read_text())
    record |= {"versions": {"torch": "3.0"}, "git": {"commit": "12345678901234", "changed": True}}
    (other / "environment.json").write_text(json.dumps(record))
    different = found(one, other)
    assert different.data == (
        Contrast("pictures", ("30", "20")), Contrast("fingerprint", ("ab" * 6, "cd" * 6)),
    )  # fmt: skip
    assert different.environment == (
        Contrast("torch", ("2.0", "3.0")), Contrast("commit", ("-", "1234567890 and changes")),
    )  # fmt: skip


def test_what_is_lost_is_missed_aloud_and_no_difference(make_run: Maker) -> None:
    one, other, third = make_run("one", RIGHT), make_run("other", RIGHT), make_run("c", RIGHT)
    (other / "environment.json").write_text("{")
    (other / "config.yaml").write_text("model: [")
    (third / "config.yaml").unlink()
    (third / "environment.json").unlink()
    told = found(one, other, third)
    assert (told.config, told.overrides[1:]) == ((), ((), ()))
    assert [note.partition(":")[0] for note in told.notes] == ["B", "C", "B", "C"]

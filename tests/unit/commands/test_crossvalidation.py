"""What is told where a fold ends before its time."""

from types import SimpleNamespace
from typing import Any

import pytest

from cnn_cli.commands import crossvalidation
from cnn_cli.commands.requirements import Demands
from cnn_cli.config import TrainConfig
from cnn_cli.errors import TrainingError
from cnn_cli.sections import RunConfig


def settings() -> Any:
    """As much of a config as a cross-validation looks at."""
    made = TrainConfig.__new__(TrainConfig)
    fields: dict[str, Any] = dict.fromkeys(TrainConfig.__dataclass_fields__)
    fields |= {"dataset": {"folds": 3}, "run": RunConfig("runs", None, "cv"), "require": None}
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


@pytest.mark.parametrize("how", ["failed", "stopped"])
def test_the_rest_is_told_as_commands(
    how: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def train(config: Any, overrides: list[str], folder: Any, wanted: Demands) -> int:
        assert wanted.together
        seen.append((config.dataset["fold"], folder.name, config.run.name))
        if config.dataset["fold"] == 1:
            return 0
        if how == "failed":
            raise TrainingError("no longer finite")
        return 143

    place = tmp_path / "cv"
    given = ["dataset.folds=3", "optimizer.lr=1", "run.name=cv"]
    if how == "failed":
        with pytest.raises(TrainingError):
            crossvalidation.run(settings(), given, place, Demands({}, None), train)
    else:
        assert crossvalidation.run(settings(), given, place, Demands({}, None), train) == 143
    assert seen == [(1, "fold-1", None), (2, "fold-2", None)]
    said = capsys.readouterr().out
    assert "fold 2 of 3 was not finished; go on with" in said
    assert f"cnn-train resume={place}/fold-2\n" in said
    rest = f"cnn-train dataset.folds=3 optimizer.lr=1 dataset.fold=3 run.dir={place}/fold-3\n"
    assert rest in said


def test_a_fold_completes_only_its_own_cross_validation(tmp_path: Any) -> None:
    for name in ("fold-1", "fold-2"):
        (tmp_path / name / "report").mkdir(parents=True)
        (tmp_path / name / "report/report.json").write_text("{}")

    def completed(fold: int | None, folds: int | None, run: str) -> Any:
        config: Any = SimpleNamespace(dataset={"folds": folds, "fold": fold})
        return crossvalidation.completed(config, tmp_path / run)

    assert completed(2, 2, "fold-2") == tmp_path
    assert completed(2, 3, "fold-2") is None  # the third is not there
    assert completed(1, 2, "fold-2") is None
    assert completed(None, None, "fold-2") is None

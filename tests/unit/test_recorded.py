"""What a run recorded before a key was there is still read."""

from pathlib import Path

import pytest
import yaml

from cnn_cli.arguments import parse as request_of
from cnn_cli.compose import Composer, make_loader, prepare
from cnn_cli.config import parse
from cnn_cli.config_text import to_yaml
from cnn_cli.run import Found


@pytest.mark.parametrize("argv", [["evaluate"], ["resume=latest", "trainer.epochs=100"]])
def test_a_record_from_before_checks(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra.types import RunMode

    cfg = Composer(make_loader(None), "train").compose([], RunMode.RUN)
    values = yaml.safe_load(to_yaml(parse("train", cfg)))
    del values["check"], values["trainer"]["non_finite"]
    monkeypatch.setattr("cnn_cli.run.find_checkpoint", lambda ref, *_: Found(Path(ref)))
    monkeypatch.setattr("cnn_cli.engine.checkpoint.read_config", lambda _: yaml.safe_dump(values))
    prepare(request_of(argv))

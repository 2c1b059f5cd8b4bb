"""A run is named by the six letters at the end of its generated name."""

import pytest

from cnn_cli.errors import UserError
from cnn_cli.run import Run, find_run


def test_a_run_is_known_by_the_letters_of_its_generated_name(tmp_path):
    for name in ("2026-01-02_03-04-05_digits-cnn_abcdef", "2026-01-02_03-04-06_digits-cnn_uvwxyz"):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
    found = find_run("uvwxyz", tmp_path)
    assert isinstance(found, Run)
    assert found.folder.name.endswith("uvwxyz")
    with pytest.raises(UserError, match="no such run"):
        find_run("wxyz", tmp_path)
    (tmp_path / "2026-01-02_03-04-07_mnist-cnn_uvwxyz").mkdir()
    with pytest.raises(UserError, match="no such run"):
        find_run("uvwxyz", tmp_path)

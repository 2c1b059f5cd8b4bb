"""Every fault that a run must survive, at a part of its places; scripts/torture has all of them."""

from pathlib import Path

import pytest
from faults import saves
from faults.case import Case

KINDS = {"saves": saves}
CASES = [case for kind in KINDS.values() for case in kind.cases(full=False)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_lost(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    case.check(folder)

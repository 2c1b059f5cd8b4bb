"""Every fault that a run must survive, at a part of its places; scripts/torture has all of them."""

from pathlib import Path

import pytest
from faults.case import Case
from faults.kinds import KINDS

FOUND = ("alone-1079",)
"""Of the many that scripts/torture does, those that once failed."""
CASES = [
    pytest.param(name, case, id=f"{name}-{case.name}")
    for name, kind in KINDS.items()
    for case in kind.cases(full=False)
]
CASES += [
    pytest.param("bits", case, id=f"found-{case.name}")
    for case in KINDS["bits"].cases(full=True)
    if case.name in FOUND
]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_nothing_is_lost(kind: str, case: Case, tmp_path: Path) -> None:
    if kind == "disk" and not KINDS[kind].can_mount():
        pytest.skip("this system lets no process have a file system of its own")
    folder = tmp_path / "case"
    folder.mkdir()
    case.check(folder)

"""The faults of scripts/faults, of which the tests take a part and scripts/torture takes all."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

"""Speed side by side: scripts/benchmark PART [NAME ...] [--rounds N] [--json FILE]

Competitors take turns (A B A B ...) in one run; tables show medians and quartiles.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from benchmarks import common, growth, ops, overhead, peak, startup

import cnn_cli.commands.train  # noqa: F401  measured processes are forks that find it there

PARTS = {
    "ops": ops, "overhead": overhead, "startup": startup, "growth": growth, "peak": peak,
}  # fmt: skip
ROUNDS = {"ops": 15, "overhead": 7, "startup": 5, "growth": 3, "peak": 5}


def main() -> None:
    told = [f"{name}: {module.__doc__.splitlines()[0]}" for name, module in PARTS.items()]
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark",
        description=str(__doc__).partition("\n\n")[2],
        epilog="\n".join(told),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("names", nargs="*", help="rows of the table; all without")
    parser.add_argument("--rounds", type=int, help="turns of each competitor")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    given = parser.parse_args()
    rounds = given.rounds or ROUNDS[given.part]
    torch.set_num_threads(1)
    module = PARTS[given.part]
    rows = module.measure(given.names, rounds)
    module.show(rows, rounds)
    if given.json:
        made = {"machine": common.machine(), "rounds": rounds, "rows": rows}
        given.json.write_text(json.dumps(made, indent=2) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "100")
    main()

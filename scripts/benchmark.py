"""Speed side by side: scripts/benchmark PART [NAME ...] [--rounds N] [--json FILE] ...

Competitors take turns (A B A B ...) in one run; tables show medians and quartiles.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from benchmarks import (
    accuracy,
    airbench,
    common,
    endtoend,
    growth,
    layers,
    ops,
    overhead,
    peak,
    startup,
)

import cnn_cli.commands.train  # noqa: F401  measured processes are forks that find it there
from cnn_cli.processors import cores

PARTS = {
    "ops": ops, "overhead": overhead, "startup": startup, "growth": growth, "peak": peak,
    "layers": layers, "endtoend": endtoend, "accuracy": accuracy, "airbench": airbench,
}  # fmt: skip
ROUNDS = {
    "ops": 15, "overhead": 7, "startup": 5, "growth": 3, "peak": 5, "layers": 5,
    "endtoend": 3, "accuracy": 3, "airbench": 5,
}  # fmt: skip
WITH_OTHERS = {"endtoend", "accuracy"}
"""Parts that train by other programs, which take --data and --threads."""


def main() -> None:
    told = [f"{name}: {module.__doc__.splitlines()[0]}" for name, module in PARTS.items()]
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark",
        description=str(__doc__).partition("\n\n")[2],
        epilog="\n".join(told),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", help="one of those below")
    parser.add_argument("names", nargs="*", help="rows of the table; all without")
    parser.add_argument("--rounds", type=int, help="turns of each competitor")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of Fashion-MNIST and CIFAR-10; endtoend draws its own without",
    )
    parser.add_argument("--threads", type=int, help="of every program; all cores without")
    parser.add_argument(
        "--script", type=Path, help="airbench's own, of KellerJordan/cifar10-airbench"
    )
    given = parser.parse_args()
    common.refuse_unknown([given.part], PARTS)
    if given.part not in WITH_OTHERS and given.threads:
        parser.error(f"--threads is for {' and '.join(sorted(WITH_OTHERS))}")
    if given.part not in WITH_OTHERS | {"airbench"} and given.data:
        parser.error(f"--data is for airbench, {' and '.join(sorted(WITH_OTHERS))}")
    if (given.part == "airbench") != bool(given.script):
        parser.error("airbench, and it alone, needs --script airbench94_muon.py")
    rounds = given.rounds or ROUNDS[given.part]
    torch.set_num_threads(1)
    module = PARTS[given.part]
    more = {}
    if given.part in WITH_OTHERS:
        data = given.data.expanduser().absolute() if given.data else None
        more = {"data": data, "threads": given.threads or cores()}
    if given.part == "airbench":
        more = {"data": given.data, "script": given.script}
    rows = module.measure(given.names, rounds, **more)
    module.show(rows, rounds)
    if given.json:
        made = {"machine": common.machine(), "rounds": rounds, "rows": rows}
        given.json.write_text(json.dumps(made, indent=2) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "100")
    main()

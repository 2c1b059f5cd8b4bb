"""`python -m cnn_cli` is the same as `cnn-train`."""

import sys

from cnn_cli.cli import main

if __name__ == "__main__":
    sys.exit(main())

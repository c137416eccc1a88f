"""`python -m evalprov`, and the console script."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            # Closed by whoever started us: no file of ours may come to stand there. The command gets it closed, too.
            os.open(os.devnull, os.O_RDWR)
    from evalprov.cli import main as command_line

    sys.exit(command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()

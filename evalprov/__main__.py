"""`python -m evalprov`, and the console script."""

# Until `isolate` was called nothing of the standard library may be imported that is not loaded anyway.
import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from evalprov.isolation import isolate

    isolate()
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            # Closed by whoever started us: no file of ours may come to stand there. The command gets it closed, too.
            os.open(os.devnull, os.O_RDWR)
    from evalprov.cli import main as command_line

    sys.exit(command_line(sys.argv[1:]))


if __name__ == "__main__":
    if not __package__:  # started as a file: the evalprov around it is meant, whatever else is installed
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        import evalprov  # noqa: F401

        del sys.path[0]
    main()

"""`python -m evalprov`, and the console script."""

# Until `isolate` was called nothing of the standard library may be imported that is not loaded anyway.
import os
import sys

_OBJECTS = 50_000  # that a start makes and keeps; to look for circles in them ever again is a tenth of its time


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.platform == "win32":  # what is imported from here on is not to be had there
        sys.stderr.write("evalprov: error: evalprov does not run on Windows; nothing was started\n")
        sys.stderr.write("  use WSL, the Linux in Windows: `wsl --install`, then install and start evalprov there\n")
        sys.exit(2)
    from evalprov.isolation import isolate

    isolate()
    import gc

    gc.set_threshold(_OBJECTS)
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            # Closed by whoever started us: no file of ours may come to stand there. The command gets it closed, too.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - there is no end to it but ours
    from evalprov.cli import main as command_line

    code = command_line(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            # That was told, or nobody listens; Python would try again, and end with a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1 if stream is sys.stdout else 2)
    gc.freeze()  # the end frees all of it: nothing of it is to be searched for circles before
    sys.exit(code)


if __name__ == "__main__":
    if not __package__:  # started as a file: the evalprov around it is meant, whatever else is installed
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        import evalprov  # noqa: F401

        del sys.path[0]
    main()

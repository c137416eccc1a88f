"""How large the house is, and how much one must know of it: lines, files, circles, names, errands, start-up.

With a folder, the counts are those of another checkout: house.py /path/to/it
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from test_house import circles, classes, modules

ROOT = Path(__file__).resolve().parents[2]
TIMES = 15
STARTED = ("history", "show", "diff latest~1 latest", "--help", "run --quiet -- true")
# What is to be touched, beside its test, to do each; a word in capitals is the room or the file that it concerns.
ERRANDS = {
    "a collector": ("capture/ROOM/NEW.py", "capture/__init__.py"),
    "a result file": ("reported/adapters/NEW.py", "reported/adapters/__init__.py"),
    "an exporter": ("views/NEW.py", "cli/COMMAND.py"),
    "a gate rule": ("judge/gate.py", "judge/rules.py", "settings/shapes.py", "settings/reference.py"),
    "a new fact": ("record/facts.py", "record/schema/SECTION.py", "record/form.py", "capture/ROOM/COLLECTOR.py"),
    "a call of one system": ("platform/FILE.py",),
    "to follow argv to disk": (
        *("cli/__init__.py", "cli/run.py", "run/pipeline.py", "capture/__init__.py", "run/prepare.py"),
        *("run/supervise.py", "store/write.py"),
    ),
}


def lines(files: Iterable[Path]) -> tuple[int, int]:
    """Return how many files there are, and how many lines in them."""
    counts = [len(file.read_bytes().splitlines()) for file in files]
    return len(counts), sum(counts)


def cpu_seconds(command: list[str], folder: Path) -> float:
    """Return what a command takes of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_up() -> None:
    """Print what commands take of the processor, beside importing typer: the least of many, each in turn."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for _ in range(2):
            subprocess.run([sys.executable, "-m", "evalprov", "run", "--quiet", "--", "true"], cwd=place, check=True)
        commands = {one: [sys.executable, "-m", "evalprov", *one.split()] for one in STARTED}
        commands |= {"import typer": [sys.executable, "-c", "import typer"]}
        least = dict.fromkeys(commands, float("inf"))
        for _ in range(TIMES):
            for name, command in commands.items():
                least[name] = min(least[name], cpu_seconds(command, place))
    print(f"start-up, CPU, least of {TIMES}")
    for name, seconds in least.items():
        print(f"  {name:<22} {seconds * 1000:6.1f} ms  {seconds / least['import typer']:.2f} of import typer")


def errands() -> None:
    """Print how many files each of them touches, and which of those are not there any more."""
    for errand, files in ERRANDS.items():
        known = [name for name in files if not any(Path(part).stem.isupper() for part in Path(name).parts)]
        gone = [name for name in known if not (ROOT / "evalprov" / name).exists()]
        print(f"{errand:<23} {len(files)} files" + (f"; gone: {gone}" if gone else ""))


def main() -> None:
    """Print all of it."""
    root = Path(sys.argv[1]) if sys.argv[1:] else ROOT
    package = root / "evalprov"
    for name in ("evalprov", "tests"):
        count, total = lines((root / name).rglob("*.py"))
        print(f"{name:<10} {total:6,} lines in {count} files")
    long = sorted(((lines([file])[1], file) for file in package.rglob("*.py")), reverse=True)
    print("longest   ", ", ".join(f"{file.relative_to(package)} {count}" for count, file in long[:3]))
    every = modules(package)
    print(f"circles    {len(circles(every))} files")
    found = classes(every)
    print(f"classes    {len(found)}, of which more than once: {sum(len(where) > 1 for where in found.values())}")
    if root == ROOT:
        errands()
        start_up()


if __name__ == "__main__":
    main()

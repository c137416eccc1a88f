"""What observing costs a Python, and whether tools that look closely can tell; run twice each, bare and observed.

Usage: python tests/bench/observe.py [--rounds N] [--tools]

With --tools a throw-away environment gets coverage, pytest-xdist, nbclient, joblib, debugpy, PyInstaller and uv, and a
program is run by each: the output and what it leaves must be the same to the byte.
"""

from __future__ import annotations

import argparse
import compileall
import difflib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
import zipapp
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "observe"))

from bare import PROBE, Both  # noqa: E402

from evalprov.observe import HOOK, observe  # noqa: E402
from evalprov.record.schema.software import Interpreter  # noqa: E402

MOST_CPU, MOST_MS = 0.03, 15.0
TOOLS = ("coverage", "pytest", "pytest-xdist", "nbclient", "ipykernel", "joblib", "debugpy", "pyinstaller", "uv")

EVAL = """
import json, mmap, os, sqlite3, subprocess, sys
import numpy, pandas
total = 0
for number in range(1020):
    with open(f"data/{number}.json") as file:
        total += json.load(file)["n"]
with open("data/0.json", "r+b") as file:
    mmap.mmap(file.fileno(), 0).close()
sqlite3.connect(":memory:").execute("create table t(a)")
subprocess.run(["true"])
frame = pandas.DataFrame(numpy.random.default_rng(0).random((200_000, 4)))
print(total, round(frame.groupby(frame[0].round(1)).mean().sum().sum(), 6))
"""
EVENTS = """
import os, sys, time

def price(times, call):
    best = 1e9
    for _ in range(7):
        begun = time.process_time()
        for number in range(times):
            call(number)
        best = min(best, (time.process_time() - begun) / times)
    return best * 1e6

print(price(20000, lambda n: sys.audit("other", n)), price(20000, lambda n: sys.audit("open", "/a/b", "r", 0)),
      price(2000, lambda n: sys.audit("open", "/a/%f" % time.perf_counter(), "r", 0)),
      price(20000, lambda n: os.environ.get("HOME")), price(20000, id))
"""
NOTEBOOK = """
import nbclient, nbformat
cell = nbformat.v4.new_code_cell("import sys; print(sys.path[1:], open('data/0.json').read())")
book = nbformat.v4.new_notebook(cells=[cell])
nbclient.NotebookClient(book).execute()
print(book.cells[0].outputs[0]["text"])
"""
PARALLEL = """
from joblib import Parallel, delayed
def size(n):
    return len(open(f"data/{n}.json").read())
if __name__ == "__main__":
    print(Parallel(n_jobs=2)(delayed(size)(n) for n in range(20)))
"""


WORKERS = """
import multiprocessing, os, sys
def look(n):
    return len(open(f"data/{n}.json").read()), sys.path[1:], sorted(os.environ.items()), str(sys.flags)
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(sorted(pool.map(look, range(8))))
"""


def conda_layout(place: Path) -> str:
    """Make an installation as conda does: a prefix of its own with no pyvenv.cfg; return its Python."""
    prefix, base = place / "conda", Path(sys.base_prefix)
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "bin").mkdir()
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    shutil.copy2(base / "bin" / name, prefix / "bin" / name)
    (prefix / "lib").symlink_to(base / "lib")
    return str(prefix / "bin" / name)


def with_sitecustomize(place: Path) -> str:
    """Make an environment with a sitecustomize of its own; return its Python."""
    venv.create(place / "own", symlinks=True)
    (packages,) = (place / "own" / "lib").glob("python*/site-packages")
    (packages / "sitecustomize.py").write_text("import os\nos.environ['MINE'] = '1'\nprint('mine')\n")
    return str(place / "own" / "bin" / "python")


def zipped(work: Path) -> str:
    """Pack the probe as an archive that Python runs."""
    (work / "packed").mkdir()
    shutil.copy(work / "probe.py", work / "packed" / "__main__.py")
    zipapp.create_archive(work / "packed", work / "packed.pyz")
    return "packed.pyz"


def cpu_of(both: Both, words: tuple[str, ...], *, observed: bool) -> float:
    """Return the CPU seconds of a command and its children."""
    before = os.times()
    code, _, err = both.run(*words, observed=observed)
    after = os.times()
    assert code == 0, err
    return after.children_user + after.children_system - before.children_user - before.children_system


def price(both: Both, name: str, words: tuple[str, ...], rounds: int) -> bool:
    """Print what observing adds to a command, each beside the bare one of the same moment; say whether it may."""
    pairs = [(cpu_of(both, words, observed=False), cpu_of(both, words, observed=True)) for _ in range(rounds)]
    bare = statistics.median(one for one, _ in pairs)
    more = statistics.median(other - one for one, other in pairs)
    size = (both.place / "seen").stat().st_size
    print(f"{name}: bare {bare * 1e3:.1f} ms CPU, observed {more * 1e3:+.1f} ms ({more / bare:+.1%}), {size:,} bytes")
    return more * 1e3 <= MOST_MS


def plain(output: bytes) -> bytes:
    """Leave out times, addresses and random names, which differ between any two runs."""
    return re.sub(rb"={4,}|\d+\.\d+ ?s(econds)?( \([\d:]+\))?|0x[0-9a-f]+|pid=\d+|_MEI\w+", b"#", output)


def compare(both: Both, name: str, *words: str, left: str | None = None) -> bool:
    """Run a command bare and observed, and say whether it was the same, with the file it leaves."""

    def once(*, observed: bool) -> tuple[int, bytes, bytes, bytes]:
        code, out, err = both.run(*words, observed=observed)
        file = both.folder / left if left else None
        return code, plain(out), plain(err), plain(file.read_bytes()) if file and file.exists() else b""

    bare, seen = once(observed=False), once(observed=True)
    pythons = len(both.seen().pythons)
    print(f"{name}: {'the same' if bare == seen else 'NOT THE SAME'} (exit {bare[0]}, {pythons} Pythons observed)")
    if bare != seen:
        for one, other in zip(bare[1:], seen[1:], strict=True):
            print(
                *difflib.unified_diff(*(text.decode("utf-8", "replace").split("\n") for text in (one, other))), sep="\n"
            )
    return bare == seen


def left_alone(name: str, *words: str) -> bool:
    """Say whether a command that the hook would show itself to is started without it."""
    interpreter: Interpreter = {"path": words[0], "certain": True, "implementation": "cpython"}  # type: ignore[typeddict-item]
    version = ".".join(map(str, sys.version_info[:3]))
    environ = {"EVALPROV_REPORT": "/nowhere/report.jsonl"}
    seen = observe("auto", words, environ, interpreter, version)
    well = seen.path is None and "would not load the hook, or show it" in str(seen.reason) and len(environ) == 1
    print(f"{name}: {'left alone' if well else 'NOT LEFT ALONE'} ({seen.reason})")
    return well


def tools(both: Both, place: Path) -> bool:
    """Try what looks closely at a Python, or starts Pythons in ways of its own."""
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *TOOLS], check=True, stderr=subprocess.DEVNULL)
    work = both.folder
    (work / "probe.py").write_text(PROBE.replace("1 / 0", ""))
    (work / "book.py").write_text(NOTEBOOK)
    (work / "parallel.py").write_text(PARALLEL)
    (work / "workers.py").write_text(WORKERS)
    (work / "test_it.py").write_text(
        "import os, sys\ndef test_a(): open('data/1.json').read()\ndef test_b(): os.environ.get('A')\n"
    )
    found = [
        compare(both, "coverage", python, "-m", "coverage", "run", "--branch", "probe.py"),
        compare(both, "coverage report", python, "-m", "coverage", "report", "-m"),
        compare(both, "pytest-xdist", python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "test_it.py"),
        compare(both, "pytest", python, "-m", "pytest", "-v", "-p", "no:cacheprovider", "test_it.py"),
        compare(both, "notebook", python, "book.py"),
        compare(both, "joblib", python, "parallel.py"),
        compare(both, "debugpy", python, "-m", "debugpy", "--listen", "127.0.0.1:0", "probe.py"),
        compare(
            both,
            "uv run",
            str(place / "bin" / "uv"),
            "run",
            "--offline",
            "--no-project",
            "--python",
            python,
            "probe.py",
        ),
        compare(both, "venv", python, "-m", "venv", "--without-pip", "made"),
        compare(both, "pip", python, "-m", "pip", "list"),
        *(compare(both, options, python, *options.split(), "probe.py") for options in ("-I", "-E", "-S -I -E")),
        *(left_alone(options, python, *options.split(), "probe.py") for options in ("-S", "-v", "-X importtime")),
        compare(both, "conda layout", conda_layout(place), "probe.py"),
        compare(both, "zipapp", python, zipped(work)),
        compare(both, "another sitecustomize", with_sitecustomize(place), "probe.py"),
        compare(both, "spawned workers", python, "workers.py", "spawn"),
        compare(both, "a fork server", python, "workers.py", "forkserver"),
    ]
    frozen = [python, "-m", "PyInstaller", "--log-level", "ERROR", "--onefile", "probe.py"]
    subprocess.run(frozen, cwd=work, check=True, capture_output=True)
    found.append(compare(both, "frozen", str(work / "dist" / "probe")))
    return all(found)


def main() -> int:
    """Print prices and, if asked, what the tools found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tools", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        (work / "data").mkdir(parents=True)
        for number in range(1020):
            (work / "data" / f"{number}.json").write_text(f'{{"n": {number}}}')
        (work / "eval.py").write_text(EVAL)
        both = Both(work)
        compileall.compile_dir(HOOK, quiet=1)  # as an installer does, or the first Python that may write there
        well = price(both, "start", (sys.executable, "-c", "pass"), given.rounds * 2)
        well = price(both, "eval", (sys.executable, "eval.py"), given.rounds) and well
        for observed in (False, True):
            _, out, _ = both.run(sys.executable, "-c", EVENTS, observed=observed)
            words = ("another event", "a file again", "a file anew", "a variable", "id()")
            told = ", ".join(f"{word} {float(part):.2f}" for word, part in zip(words, out.split(), strict=True))
            print(f"{'observed' if observed else 'bare'}: {told} us")
        if given.tools:
            well = tools(both, Path(folder) / "tools") and well
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())

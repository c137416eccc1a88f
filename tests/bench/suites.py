"""The test suites of well-known packages, bare, recorded and observed: every test must end as it does without us.

Usage: python tests/bench/suites.py [PACKAGE ...]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

# Each with what its tests need, and where they are.
SUITES: dict[str, tuple[tuple[str, ...], str]] = {
    "attrs": (("hypothesis", "cloudpickle"), "tests"),
    "click": ((), "tests"),
    "itsdangerous": (("freezegun",), "tests"),
    "jinja2": (("trio",), "tests"),
    "packaging": (("pretend", "hypothesis", "tomli_w"), "tests"),
}
OUTCOME = re.compile(r"^(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)
# What would make two runs of one suite differ by themselves.
STEADY = ("-p", "no:cacheprovider", "-p", "no:randomly", "-v", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")


class SuiteRun(NamedTuple):
    """How a suite ended."""

    code: int
    outcomes: dict[str, str]
    cpu: float


def sources(name: str, place: Path) -> Path:
    """Fetch a package's sources, and install it from them with what its tests need."""
    venv.create(place / "venv", with_pip=True, symlinks=True)
    python = str(place / "venv/bin/python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    quiet = {"check": True, "stderr": subprocess.DEVNULL}
    fetch = [*pip, "download", "--no-deps", "--no-binary", ":all:", "--dest", str(place / "got"), name]
    subprocess.run(fetch, **quiet)  # type: ignore[call-overload]
    (archive,) = (place / "got").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(place / "sources", filter="data")
    (folder,) = (place / "sources").iterdir()
    subprocess.run([*pip, "install", "pytest", *SUITES[name][0], str(folder)], **quiet)  # type: ignore[call-overload]
    return folder


def run(folder: Path, python: str, tests: str, observe: str | None) -> SuiteRun:
    """Run a suite, bare or recorded."""
    command = [python, "-m", "pytest", *STEADY, tests]
    if observe is not None:
        store = str(folder.parent / f"kept-{observe}")
        ours = [sys.executable, "-m", "evalprov", "run", "--quiet", "--observe", observe, "--store", store]
        command = [*ours, "--", *command]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    before = os.times()
    done = subprocess.run(command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=900)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return SuiteRun(done.returncode, dict(OUTCOME.findall(done.stdout.decode("utf-8", "replace"))), spent)


def compare(name: str) -> bool:
    """Print how a suite ended each way; say whether that is the same."""
    with tempfile.TemporaryDirectory(prefix="suite-") as text:
        place = Path(text)
        folder = sources(name, place)
        python = str(place / "venv/bin/python")
        bare, *others = (run(folder, python, SUITES[name][1], how) for how in (None, "project", "auto"))
    counts = {one: list(bare.outcomes.values()).count(one) for one in sorted(set(bare.outcomes.values()))}
    same = bool(bare.outcomes) and all((one.code, one.outcomes) == (bare.code, bare.outcomes) for one in others)
    told = ", ".join(f"{count:,} {one.lower()}" for one, count in counts.items())
    more = ", ".join(f"{way} {one.cpu - bare.cpu:+.2f} s" for way, one in zip(("project", "auto"), others, strict=True))
    print(
        f"{name}: {'the same' if same else 'NOT THE SAME'}: {told}; exit {bare.code}; {bare.cpu:.2f} s CPU, {more}",
        flush=True,
    )
    for one in others:
        for test in bare.outcomes.keys() | one.outcomes.keys():
            if bare.outcomes.get(test) != one.outcomes.get(test):
                print(f"    {test}: {bare.outcomes.get(test)} bare, {one.outcomes.get(test)} with us")
    return same


def main(wanted: list[str]) -> int:
    """Run the suites."""
    found = [compare(name) for name in wanted or SUITES]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How long a run takes around a command that does nothing, beside what others take in the same minute.

Usage: python tests/bench/launch.py [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from installed import con_duct, evalprov

EVALPROV = evalprov()
PYTHON = os.path.realpath(sys.executable)
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}


def repository(folder: Path, files: int, *, dirty: bool = False) -> Path:
    """Make a repository with so many tracked files."""
    folder.mkdir()
    for number in range(files):
        if number % 500 == 0:
            (folder / f"d{number // 500}").mkdir()
        (folder / f"d{number // 500}" / f"f{number}.py").write_text(f"x = {number}\n")
    (folder / ".gitignore").write_text("metrics/\n.duct/\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["status"]):
        subprocess.run([*git, *words], cwd=folder, check=True, **QUIET)
    time.sleep(1.1)  # so that no file is as young as the index, which would make git read it again
    subprocess.run([*git, "status"], cwd=folder, check=True, **QUIET)
    if dirty:
        (folder / "d0" / "f0.py").write_text("x = 'changed'\n")
        (folder / "new.py").write_text("x = 'new'\n")
    return folder


def declared(folder: Path) -> Path:
    """Make a repository that declares 20 prompts, 5 configs and 5 GB of data, hashed before."""
    repository(folder, 20)
    for number in range(20):
        (folder / f"prompt{number}.txt").write_text("Plan.\n" * 200)
    for number in range(5):
        (folder / f"conf{number}.json").write_text('{"temperature": 0.2, "model": {"name": "m", "top_k": 5}}')
    with (folder / "big.bin").open("wb") as file:
        file.truncate(5 << 30)
    prompts = "\n".join(f'p{number} = "prompt{number}.txt"' for number in range(20))
    settings = f'[config]\nfiles = ["conf*.json"]\n[data]\nbig = "big.bin"\n[prompts]\n{prompts}\n'
    (folder / "evalprov.toml").write_text(settings)
    (folder / ".gitignore").write_text("metrics/\n.duct/\nbig.bin\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["add", "-A"], ["commit", "-qm", "declared"]):
        subprocess.run([*git, *words], cwd=folder, check=True, **QUIET)
    time.sleep(3)  # a younger file is not trusted to be what was hashed
    subprocess.run([EVALPROV, "run", "--quiet", "--", "true"], cwd=folder, check=True, **QUIET)
    return folder


def once(command: list[str | Path], cwd: Path) -> float:
    """Return the seconds a command takes."""
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, **QUIET)
    return time.perf_counter() - began


def until_child(cwd: Path) -> float:
    """Return the seconds from our start to the child's, by the child's own clock."""
    began = time.time()
    command = [EVALPROV, "run", "--quiet", "--", "date", "+%s.%N"]
    done = subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    return float(done.stdout) - began


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Return the median seconds of each command, taken in turns so that the machine's moods hit all alike."""
    commands: dict[str, list[str | Path]] = {
        "true": ["true"],
        "git status": ["git", "status", "--porcelain"],
        "con-duct run": [con_duct(), "run", "-q", "-p", ".duct/{datetime_filesafe}-{pid}_", "true"],
        "evalprov run": [EVALPROV, "run", "--quiet", "--", "true"],
        "evalprov run -- python": [EVALPROV, "run", "--quiet", "--", PYTHON, "-c", "pass"],
        "python": [PYTHON, "-c", "pass"],
    }
    if not (folder / ".git").exists():
        del commands["git status"]
    taken: dict[str, list[float]] = {name: [] for name in [*commands, "until the child starts"]}
    for turn in range(rounds + 2):
        for name, command in commands.items():
            seconds = once(command, folder)
            if turn >= 2:
                taken[name].append(seconds)
        seconds = until_child(folder)
        if turn >= 2:
            taken["until the child starts"].append(seconds)
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=20)
    rounds = options.parse_args().rounds
    work = Path(tempfile.mkdtemp(prefix="evalprov-bench-"))
    try:
        places = {
            "no repository": work / "none",
            "small repository": repository(work / "small", 20),
            "20 prompts, 5 configs, 5 GB": declared(work / "declared"),
            "small, dirty": repository(work / "dirty", 20, dirty=True),
            "50,000 files": repository(work / "large", 50_000),
            "50,000 files, dirty": repository(work / "large-dirty", 50_000, dirty=True),
        }
        places["no repository"].mkdir()
        for name, folder in places.items():
            report(name, measure(folder, rounds))
    finally:
        shutil.rmtree(work)


def report(name: str, taken: dict[str, float]) -> None:
    """Print one place's figures, each beside its reference in the same run."""
    bar = taken["con-duct run"] + (taken["git status"] if "50,000" in name else 0.0)
    print(f"\n{name} (ms, median)")
    for what, seconds in taken.items():
        print(f"  {what:<24} {seconds * 1000:8.1f}")
    whose = "con-duct run + git status" if "50,000" in name else "con-duct run"
    print(f"  evalprov run / ({whose}): {taken['evalprov run'] / bar:.2f}  (asked: at most 1.00)")
    print(f"  until the child / that: {taken['until the child starts'] / bar:.2f}  (asked: under 0.60)")
    print(f"  evalprov adds to python: {(taken['evalprov run -- python'] - taken['python']) * 1000:.1f} ms")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

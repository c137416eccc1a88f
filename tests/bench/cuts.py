"""The power fails at any moment of a run: what it had promised is there, and the rest can be put in order.

Usage: python tests/bench/cuts.py [--cuts N] [--seed N]

What a run does to the store is recorded by strace and played on a model of a file system that keeps for certain only
what was synced: a file's bytes by its own fsync, a folder's names by the folder's. Of all else any part may be there
after a cut, in any combination: names made and not yet kept, names removed and back again, a file empty, cut short or
full of zeros. What is left of each cut is laid out as a real store and handed to the real reader and to the doctor.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalprov.errors import EvalprovError
from evalprov.store.read import history
from evalprov.store.repair import repair

CALLS = (
    "mkdir,mkdirat,rmdir,openat,write,pwrite64,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
    "fsync,fdatasync,syncfs,execve"
)
COMMAND = "echo words; echo '{\"accuracy\": 0.5}'; exit 3"
LAUNCH = "[" + ", ".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in (b"sh", b"-c"))
LARGE = 100  # untracked files
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org")


@dataclass(eq=False)
class File:
    """A file's bytes: what was synced for certain, and what was written."""

    safe: bytes = b""
    now: bytes = b""

    def after(self, chance: random.Random) -> bytes:
        """Return what a cut leaves of it."""
        new = self.now.removeprefix(self.safe)
        if not new:
            return self.safe
        at = chance.randrange(len(new) + 1)
        return self.safe + chance.choice((b"", new, new[:at], bytes(len(new)), new[:at] + bytes(len(new) - at)))

    def sync(self) -> None:
        """Make it last."""
        self.safe = self.now


@dataclass(eq=False)
class Dir:
    """A folder's names: what was synced for certain, and the changes since, each whole or not at all."""

    safe: dict[str, File | Dir] = field(default_factory=dict)
    now: dict[str, File | Dir] = field(default_factory=dict)
    changes: list[dict[str, File | Dir | None]] = field(default_factory=list)

    def change(self, names: dict[str, File | Dir | None]) -> None:
        """Take in one change."""
        self.changes.append(names)
        _apply(self.now, names)

    def after(self, chance: random.Random) -> dict[str, File | Dir]:
        """Return what a cut leaves of it."""
        left = dict(self.safe)
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        for names in self.changes:
            if chance.random() < share:
                _apply(left, names)
        return left

    def sync(self) -> None:
        """Make it last."""
        self.safe = dict(self.now)
        self.changes.clear()


def _apply(to: dict[str, File | Dir], names: dict[str, File | Dir | None]) -> None:
    for name, what in names.items():
        if what is None:
            to.pop(name, None)
        else:
            to[name] = what


class Disk:
    """The model: a tree below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.top = _read(root)

    def at(self, path: str) -> File | Dir | None:
        """Return what is there now."""
        if path != self.root and not path.startswith(f"{self.root}/"):
            return None
        here: File | Dir | None = self.top
        for part in filter(None, path[len(self.root) :].split("/")):
            here = here.now.get(part) if isinstance(here, Dir) else None
        return here

    def folder(self, path: str) -> tuple[Dir | None, str]:
        """Return the folder that a path's last name is in."""
        above, _, name = path.rpartition("/")
        found = self.at(above)
        return (found if isinstance(found, Dir) else None), name

    def put(self, path: str, what: File | Dir | None) -> None:
        """Make a name, or take it away."""
        folder, name = self.folder(path)
        if folder:
            folder.change({name: what})

    def move(self, old: str, new: str) -> None:
        """Rename within a folder, at once."""
        (folder, name), (other, fresh) = self.folder(old), self.folder(new)
        if folder and folder is other:
            folder.change({fresh: folder.now[name], name: None})

    def left(self, chance: random.Random, to: Path) -> None:
        """Lay out what a cut leaves."""
        _write(self.top, chance, to)


def _read(folder: Path) -> Dir:
    found = Dir()
    for one in folder.iterdir():
        data = None if one.is_dir() else one.read_bytes()
        found.now[one.name] = _read(one) if data is None else File(data, data)
    found.sync()
    return found


def _write(folder: Dir, chance: random.Random, to: Path) -> None:
    to.mkdir(exist_ok=True)
    for name, what in folder.after(chance).items():
        if isinstance(what, Dir):
            _write(what, chance, to / name)
        else:
            (to / name).write_bytes(what.after(chance))


def play(disk: Disk, line: str) -> str:
    """Let one call of the trace happen on the model; return what it was, where it could matter."""
    if LAUNCH in line:
        return "launch"
    found = re.match(r"\d+ +(\w+)\((.*)\) += (\d+)", line)
    if not found:
        return ""
    call, given, result = found.groups()
    words = re.findall(r'<([^>]*)>|"((?:\\x[0-9a-f]{2})*)"', given)
    texts = [bytes.fromhex(text.replace("\\x", "")) for place, text in words if not place]
    places = [bytes.fromhex(place.replace("\\x", "")).decode(errors="replace") for place, _ in words if place]
    if call in {"write", "pwrite64", "ftruncate", "fsync", "fdatasync", "syncfs"}:
        _of_content(disk, call, places[0], texts[0][: int(result)] if texts else given)
    else:
        paths = [os.path.join((places or ["/"])[min(n, len(places) - 1)], os.fsdecode(t)) for n, t in enumerate(texts)]
        _of_names(disk, call, [os.path.normpath(path) for path in paths], made="O_CREAT" in given)
    return call


def _of_content(disk: Disk, call: str, path: str, what: bytes | str) -> None:
    there = disk.at(path)
    if call == "syncfs":
        _sync(disk.top)
    elif call.startswith("f") and call.endswith("sync") and there:
        there.sync()
    elif isinstance(there, File):
        there.now = there.now + what if isinstance(what, bytes) else there.now[: int(what.rpartition(",")[2])]


def _of_names(disk: Disk, call: str, paths: list[str], *, made: bool) -> None:
    if call.startswith("mkdir"):
        disk.put(paths[0], Dir())
    elif call == "openat" and made and disk.at(paths[0]) is None:
        disk.put(paths[0], File())
    elif call.startswith("rename"):
        disk.move(*paths)
    elif call.startswith("link"):
        disk.put(paths[1], disk.at(paths[0]))
    elif call.startswith(("unlink", "rmdir")):
        disk.put(paths[0], None)


def _sync(folder: Dir) -> None:
    for one in folder.now.values():
        if isinstance(one, Dir):
            _sync(one)
        else:
            one.sync()
    folder.sync()


def traced(project: Path, words: tuple[str, ...]) -> tuple[Disk, list[str]]:
    """Run a command of ours, and return the disk before it and what it did to it."""
    disk = Disk(project)
    trace = project.parent / "trace"
    strace = ("strace", "-f", "-b", "execve", "-qq", "-y", "-xx", "-s", "9999999", "-e", f"trace={CALLS}")
    path = f"{project.parent}/lean/bin:/usr/bin:/bin"
    subprocess.run(
        [*strace, "-o", trace, sys.executable, "-m", "evalprov", *words],
        cwd=project,
        env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return disk, whole(trace.read_text().splitlines())


def whole(trace: list[str]) -> list[str]:
    """Put together the calls that others came between, where they ended."""
    begun: dict[str, str] = {}
    lines = []
    for line in trace:
        thread = line.partition(" ")[0]
        if line.endswith(" <unfinished ...>"):
            begun[thread] = line.removesuffix(" <unfinished ...>")
        elif " resumed>" in line and thread in begun:
            lines.append(begun.pop(thread) + line.partition(" resumed>")[2])
        else:
            lines.append(line)
    return lines


def judged(store: Path, launched: str, finished: str, before: set[str]) -> list[str]:
    """Say what is wrong with what a cut has left: `launched` and `finished` are runs that must be there."""
    try:
        history(str(store))
        repair(str(store))
        again = repair(str(store))
    except EvalprovError as error:
        nothing_yet = not launched and not before and "no runs here yet" in error.message
        return [] if nothing_yet else ["the store cannot be repaired"]
    wrong = [f"a second repair does more: {again}"] if again else []
    found: dict[str, dict[str, Any]] = {}
    for file in store.glob("runs/*.json"):
        try:
            found[file.stem] = json.loads(file.read_bytes())
        except ValueError:
            wrong.append("torn after repair")
    lines = (store / "eval_history.jsonl").read_bytes().splitlines() if (store / "eval_history.jsonl").exists() else []
    if sorted(json.loads(line)["run_id"] for line in lines) != sorted(found):
        wrong.append("the history is not what the records are")
    if before - found.keys():
        wrong.append("a run from before is lost")
    wrong += [
        f"lost {when}" for one, when in ((finished, "finished"), (launched, "launched")) if one and one not in found
    ]
    if finished and finished in found and found[finished]["status"] != "failed":
        wrong.append(f"finished, and it says {found[finished]['status']}")
    return wrong + [why for record in found.values() for why in kept(store, record)]


def kept(store: Path, record: dict[str, Any]) -> set[str]:
    """Say what is wrong with the files that a record names."""
    git = record["git"]
    files = [store / one["file"] for one in (*git["saved"].values(), *filter(None, [git["patch"]]))]
    there = [file for file in files if file.exists()]
    altered = [f for f in there if hashlib.sha256(f.read_bytes()).hexdigest() != f.name.partition(".")[0]]
    return {f"{len(files) - len(there)} kept files are gone"} - {"0 kept files are gone"} | (
        {"kept files are altered"} if altered else set()
    )


def campaign(name: str, project: Path, words: tuple[str, ...], cuts: int, chance: random.Random) -> int:
    """Cut the power at random moments of a command; print what came of it, and return how often it was bad."""
    before = {file.stem for file in project.glob("metrics/runs/*.json")}
    disk, trace = traced(project, words)
    run_id = "".join({file.stem for file in project.glob("metrics/runs/*.json")} - before)
    store = b"metrics".hex("x").replace("x", "\\x")
    store = f"\\x{store}"
    calls = [at for at, line in enumerate(trace) if store in line]
    moments = sorted(chance.randrange(calls[0], len(trace) + 1) for _ in range(cuts))
    moments[-cuts // 10 :] = [len(trace)] * (cuts // 10)
    marker = "unlinkat"
    wrong: Counter[str] = Counter()
    launched = finished = ""
    bad = at = 0
    for moment in moments:
        while at < moment:
            did = play(disk, trace[at])
            launched = run_id if did == "launch" else launched
            # The last of a run is to take its marker away: by then it is finished, and in the history.
            finished = run_id if launched and did == marker and at == calls[-1] else finished
            at += 1
        with tempfile.TemporaryDirectory(prefix="cut-") as folder:
            disk.left(chance, Path(folder, "project"))
            said = judged(Path(folder, "project/metrics"), launched, finished, before)
        wrong.update(said)
        bad += bool(said)
    print(f"  {cuts - bad:6} of {cuts:6}  {name}")
    for words_of, times in wrong.most_common():
        print(f"          {times:6}  {words_of}")
    return bad


def main() -> int:
    """Try a first run, one more, one with many files, and the doctor's own work."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cuts", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    if not shutil.which("strace"):
        print("there is no strace here: nothing was tried")
        return 0
    chance = random.Random(asked.seed)
    run = ("run", "--quiet", "--", "sh", "-c", COMMAND)
    with tempfile.TemporaryDirectory(prefix="cuts-") as name:
        project = Path(name, "project")
        subprocess.run(["git", "init", "-q", project], check=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", f"{name}/lean"], check=True)
        (project / "eval.py").write_text("a: 1\n")
        for words in (("add", "."), (*IDENTITY, "commit", "-qm", "x")):
            subprocess.run(["git", *words], cwd=project, check=True)
        (project / "eval.py").write_text("a: 2\n")
        for number in range(3):
            (project / f"new{number}").write_text(f"{number}\n")
        bad = campaign("the first run of a store", project, run, asked.cuts, chance)
        bad += campaign("one run more", project, run, asked.cuts, chance)
        for number in range(LARGE):
            (project / f"many{number}").write_text(f"number {number}\n" * 50)
        bad += campaign(f"a run with {LARGE} new files", project, run, asked.cuts, chance)
        bad += campaign("the history made anew", project, ("doctor", "--rebuild"), asked.cuts, chance)
    print(f"cuts: {4 * asked.cuts - bad} of {4 * asked.cuts} left what had been promised")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Where a row of the campaign happens, and how it is judged: the bare command beside the recorded one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

PYTHON = sys.executable
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}

# What takes root's right to read and write anything: so that permissions mean something.
PLAIN = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")

# A collector that gives up says so in a sentence; these would be bugs.
FAULTS = ("TypeError", "KeyError", "IndexError", "AttributeError", "ValueError", "AssertionError", "UnicodeEncodeError",
          "RecursionError", "NameError")  # fmt: skip


class Place:
    """Where one row happens; a setup changes what it needs."""

    def __init__(self, path: Path) -> None:
        self.top = path  # thrown away afterwards
        self.path = path / "project"
        self.path.mkdir(parents=True)
        self.cwd = self.path
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "EVALPROV_"))}
        self.env |= {**GIT, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(path / "home")}
        (path / "home").mkdir()
        self.options: tuple[str, ...] = ()
        self.stdin: str | None = None
        self.plain = False  # no right to read what permissions forbid
        self.just_before: Callable[[], object] | None = None  # done in the child, before it becomes the command
        self.undo: list[Callable[[], object]] = []

    def write(self, name: str | bytes, data: bytes | str = b"x\n", mode: int | None = None) -> Path:
        """Write a file, with the folders it needs."""
        file = self.path / os.fsdecode(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        if mode is not None:
            file.chmod(mode)
        return file

    def git(self, *words: str, cwd: Path | None = None, ok: bool = True, stdin: bytes | None = None) -> str:
        """Run git here."""
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=cwd or self.path,
            env=self.env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
        )
        if ok and done.returncode:
            raise AssertionError(f"git {words}: {done.stderr.decode()}")
        return done.stdout.decode(errors="replace").strip()

    def repo(self, *init: str) -> None:
        """Make a small repository with one commit."""
        self.git("init", "-q", "-b", "main", *init)
        self.write("eval.py", "print('{\"accuracy\": 0.5}')\n")
        self.write("lib/a.py", "A = 1\n")
        self.git("add", "-A")
        self.git("commit", "-qm", "first")


Setup = Callable[[Place], object]

Row = tuple[str, str, Setup, tuple[str, ...]]


class Seen(NamedTuple):
    """How a command went."""

    code: int
    out: bytes
    err: bytes
    seconds: float


def ran(place: Place, words: Sequence[str]) -> Seen:
    """Run a command in a place."""
    words = [*PLAIN, *words] if place.plain and os.geteuid() == 0 else list(words)
    stdin = os.open(place.cwd / place.stdin, os.O_RDONLY) if place.stdin else os.open(os.devnull, os.O_RDONLY)
    place.cwd.mkdir(exist_ok=True)  # one row deletes it each time
    began = time.monotonic()
    try:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(
                words,
                cwd=place.cwd,
                env=place.env,
                stdin=stdin,
                stdout=out,
                stderr=err,
                preexec_fn=place.just_before,  # noqa: PLW1509 - no threads here
            )
            try:
                code = child.wait(90)
            finally:
                child.kill()
            seconds = time.monotonic() - began
            for file in (out, err):
                file.seek(0)
            return Seen(code, out.read(), err.read(), seconds)
    finally:
        os.close(stdin)


def judged(row: Row, folder: Path) -> tuple[list[str], float]:
    """Make the state, run the command bare and recorded; return what is wrong, and the seconds that it took more."""
    _, _, setup, command = row
    place = Place(folder)
    try:
        setup(place)
        bare = ran(place, command)
        seen = ran(place, [PYTHON, "-m", "evalprov", "run", "--quiet", *place.options, "--", *command])
    finally:
        for undo in reversed(place.undo):
            undo()
    wrong = []
    if seen.code != bare.code:
        wrong.append(f"exit {seen.code} and not {bare.code}: {seen.err.decode(errors='replace')[-400:]}")
    if (seen.out, seen.err) != (bare.out, bare.err) and not wrong:
        wrong.append(f"printed {(seen.out, seen.err)!r} and not {(bare.out, bare.err)!r}")
    # A folder may be deeper than Python's own search goes.
    names = subprocess.run(["find", folder, "-path", "*/runs/*.json", "-print0"], capture_output=True, check=False)
    records = [Path(os.fsdecode(name)) for name in names.stdout.split(b"\0")[:-1]] if seen.code == bare.code else []
    for file in records:
        record = json.loads(file.read_text())
        if record["status"] in ("running", "not_started") or record["exit_code"] != bare.code:
            wrong.append(f"recorded as {record['status']}, exit {record['exit_code']}")
        failed = {name: one["reason"] for name, one in record["capture"].items() if one["status"] == "failed"}
        wrong += [f"a fault of ours: {name}: {why}" for name, why in failed.items() if str(why).startswith(FAULTS)]
        if not record["capture"]:
            wrong.append(f"nothing was captured: {record['warnings']}")
    if not wrong and len(records) != 1:
        wrong.append(f"{len(records)} records")
    return wrong, seen.seconds - bare.seconds


def remove(folder: Path) -> None:
    """Remove what a row left, however deep."""
    subprocess.run(["chmod", "-R", "u+rwx", folder], check=False, stderr=subprocess.DEVNULL)
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["rm", "-rf", folder], check=True)

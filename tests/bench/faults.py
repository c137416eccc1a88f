"""Every system call of a run fails once, in every way its manual names: nothing is lost, torn or hung.

The faults are put in by strace, in our own process alone: the command and git live in a sound world. With words, only
the calls named: python tests/bench/faults.py openat read
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ERRNOS = {
    "openat": ("EACCES", "EMFILE", "ENOSPC", "EIO", "EINTR", "ENOENT"),
    "read": ("EIO", "EINTR", "EAGAIN"),
    "pread64": ("EIO", "EINTR"),
    "write": ("ENOSPC", "EIO", "EINTR", "EPIPE"),
    "pwrite64": ("ENOSPC", "EIO"),
    "close": ("EIO", "EINTR"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"),
    "rename": ("ENOSPC", "EACCES", "EIO"),
    "renameat": ("ENOSPC", "EACCES", "EIO"),
    "renameat2": ("ENOSPC", "EACCES", "EIO"),
    "link": ("EPERM", "ENOSPC", "EIO"),
    "linkat": ("EPERM", "ENOSPC", "EIO"),
    "unlink": ("EACCES", "EIO"),
    "unlinkat": ("EACCES", "EIO"),
    "mkdir": ("EACCES", "ENOSPC"),
    "mkdirat": ("EACCES", "ENOSPC"),
    "ftruncate": ("EIO", "ENOSPC"),
    "flock": ("ENOLCK", "EINTR"),
    "fcntl": ("EAGAIN", "ENOLCK"),
    "pipe2": ("EMFILE", "ENFILE"),
    "dup": ("EMFILE",),
    "dup3": ("EMFILE", "EINTR"),
    "ioctl": ("ENOTTY", "EIO"),
    "lseek": ("ESPIPE",),
    "newfstatat": ("EACCES", "EIO", "ENOENT"),
    "statx": ("EACCES", "EIO"),
    "getdents64": ("EIO", "ENOENT"),
    "readlink": ("EACCES", "EIO"),
    "getcwd": ("ENOENT",),
    "poll": ("EINTR", "ENOMEM"),
    "epoll_wait": ("EINTR",),
    "epoll_create1": ("EMFILE",),
    "epoll_ctl": ("ENOMEM",),
    "eventfd2": ("EMFILE",),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "pidfd_open": ("EMFILE", "ENODEV"),
    "vfork": ("EAGAIN", "ENOMEM"),
    "clone3": ("EAGAIN", "ENOMEM"),
    "clone": ("EAGAIN", "ENOMEM"),
    "wait4": ("EINTR",),
    "waitid": ("EINTR",),
    "kill": ("EPERM",),
    "prctl": ("EINVAL",),
    "sched_getaffinity": ("EINVAL",),
    "prlimit64": ("EPERM",),
    "uname": ("EFAULT",),
    "getrandom": ("EINTR",),
}
OURS = "/evalprov/cli/run"  # from where this is opened on, it is us and no longer Python's own start
COMMAND = 'echo s >> "$MARK"; echo \'{"accuracy": 0.5}\'; exit 3'
HANGS = 60.0


class Fault(NamedTuple):
    """One call of a run, and how it fails."""

    call: str
    number: int
    errno: str

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.errno}"


class Ground:
    """A project to run in, made anew for every fault."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.mark = folder / "mark"
        shutil.copytree(template, self.project, symlinks=True)

    def run(self, *strace: str) -> subprocess.CompletedProcess[bytes] | None:
        """Record the command under strace; null if it hangs."""
        words = ["strace", "-qq", "-o", self.folder / "trace", *strace, sys.executable, "-m", "evalprov", "run", "--"]
        env = {**os.environ, "MARK": str(self.mark), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.folder)}
        try:
            return subprocess.run(
                [*words, "sh", "-c", COMMAND],
                cwd=self.project,
                env=env,
                capture_output=True,
                timeout=HANGS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None

    def after(self) -> str:  # noqa: PLR0911 - one return a finding
        """Say what is wrong with what is in the store, once `doctor` has been."""
        store = self.project / "metrics"
        if not store.exists():
            return "lost: there is no store" if self.mark.exists() else ""
        done = subprocess.run(
            [sys.executable, "-m", "evalprov", "doctor"], cwd=self.project, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"doctor: {done.stderr}"
        records = []
        for file in (store / "runs").glob("*.json") if (store / "runs").exists() else ():
            try:
                records.append(json.loads(file.read_bytes()))
            except ValueError:
                return f"torn: {file.name}"
        history = store / "eval_history.jsonl"
        lines = history.read_bytes().splitlines() if history.exists() else []
        ids = [json.loads(line)["run_id"] for line in lines]
        if sorted(ids) != sorted(one["run_id"] for one in records):
            return f"history has {ids}, runs has {[one['run_id'] for one in records]}"
        if self.mark.exists() and len(records) != 1:
            return f"lost: {len(records)} records of a command that ran"
        if self.mark.exists() and records[0]["status"] not in {"failed", "lost"}:
            return f"the record says {records[0]['status']}"
        return ""


def verdict(fault: Fault, template: Path) -> str:  # noqa: PLR0911 - one return a finding
    """Let one call fail; say what is wrong with what came of it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="fault-") as name:
        ground = Ground(template, Path(name))
        done = ground.run(
            "-e", f"trace={fault.call}", "-e", f"inject={fault.call}:error={fault.errno}:when={fault.number}"
        )
        if done is None:
            return "hangs"
        err = done.stderr.decode(errors="replace")
        if "Traceback" in err:
            return f"traceback: {err[-300:]}"
        if ground.mark.exists():
            if ground.mark.read_text() != "s\n":
                return "the command ran twice"
            if done.returncode != 3:
                return f"exit {done.returncode} for the command's 3: {err[-300:]}"
            if done.stdout != b'{"accuracy": 0.5}\n':
                return f"its output became {done.stdout!r}"
        elif done.returncode not in {125, 126, 127, 2, 1}:
            return f"exit {done.returncode}, and the command never ran: {err[-300:]}"
        elif "evalprov: error:" not in err and "Error" not in err:
            return "the command never ran, and nothing was said"
        return ground.after()


def faults(template: Path, only: set[str]) -> Iterator[Fault]:
    """Give every call that a sound run makes of its own, with every way it may fail."""
    with tempfile.TemporaryDirectory(prefix="fault-") as name:
        ground = Ground(template, Path(name))
        done = ground.run("-e", f"trace={','.join(ERRNOS)}")
        assert done is not None
        assert done.returncode == 3, done.stderr
        seen: Counter[str] = Counter()
        ours = False
        for line in (ground.folder / "trace").read_text(errors="replace").splitlines():
            found = re.match(r"(\w+)\(", line)
            if not found or found[1] not in ERRNOS:
                continue
            seen[found[1]] += 1
            ours = ours or OURS in line
            if ours and (not only or found[1] in only):
                for errno in ERRNOS[found[1]]:
                    yield Fault(found[1], seen[found[1]], errno)


def main() -> int:
    """Try them all, two at a time."""
    if not shutil.which("strace"):
        print("there is no strace here: nothing was tried")
        return 0
    with tempfile.TemporaryDirectory(prefix="fault-template-") as name, ThreadPoolExecutor(2) as crew:
        template = Path(name, "project")
        template.mkdir()
        (template / "eval.yaml").write_text("a: 1\n")
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "x")):
            subprocess.run(["git", *words], cwd=template, check=True)
        (template / "eval.yaml").write_text("a: 2\n")
        (template / "new.txt").write_text("new\n")
        tried: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        todo = list(faults(template, set(sys.argv[1:])))
        print(f"{len(todo)} faults", flush=True)
        for fault, said in zip(todo, crew.map(lambda one: verdict(one, template), todo), strict=True):
            tried[fault.call] += 1
            if said:
                wrong[fault.call] += 1
                print(f"{fault}: {said}", flush=True)
        for call, count in tried.items():
            print(f"{count - wrong[call]:>6} of {count:>5}  {call}")
        print(f"faults: {tried.total() - wrong.total()} of {tried.total()} survived")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""The system calls of a run fail, in every way their manual names: nothing is lost, torn or hung.

Usage: python tests/bench/faults.py [--most N] [CALL ...]

The faults are put in by strace, in all threads of our own process and in what it forks until that becomes a program:
the command and git live in a sound world. Of the calls that do the same thing to the same kind of file the first and
the last are tried. Beside the errors: a storm of interruptions from a call on, and SIGKILL at it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ERRNOS = {
    "openat": ("EACCES", "EMFILE", "ENFILE", "ENOSPC", "EIO", "ENOENT", "ENOMEM", "ELOOP", "ENXIO"),
    "read": ("EIO", "EAGAIN", "EISDIR", "EINVAL"),
    "pread64": ("EIO", "EINVAL"),
    "write": ("ENOSPC", "EIO", "EPIPE", "EDQUOT", "EFBIG", "EAGAIN"),
    "pwrite64": ("ENOSPC", "EIO"),
    "close": ("EIO", "ENOSPC", "EINTR"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "EINVAL", "EROFS"),
    "fdatasync": ("EIO", "ENOSPC"),
    "syncfs": ("EIO", "ENOSPC"),
    "fadvise64": ("EINVAL", "ESPIPE"),
    "rename": ("ENOSPC", "EACCES", "EIO", "EXDEV"),
    "renameat": ("ENOSPC", "EACCES", "EIO", "EXDEV"),
    "renameat2": ("ENOSPC", "EACCES", "EIO"),
    "link": ("EPERM", "ENOSPC", "EIO"),
    "linkat": ("EPERM", "ENOSPC", "EIO", "EMLINK"),
    "symlink": ("ENOSPC", "EACCES"),
    "unlink": ("EACCES", "EIO", "EBUSY"),
    "unlinkat": ("EACCES", "EIO", "EBUSY"),
    "rmdir": ("EACCES", "EBUSY", "ENOTEMPTY"),
    "mkdir": ("EACCES", "ENOSPC", "EMLINK", "EROFS"),
    "mkdirat": ("EACCES", "ENOSPC"),
    "ftruncate": ("EIO", "EFBIG"),
    "flock": ("ENOLCK", "EAGAIN"),
    "fcntl": ("EAGAIN", "ENOLCK", "EINVAL", "EMFILE", "EPERM"),
    "pipe2": ("EMFILE", "ENFILE"),
    "dup": ("EMFILE",),
    "dup2": ("EBUSY", "EMFILE"),
    "dup3": ("EMFILE", "EBUSY"),
    "ioctl": ("ENOTTY", "EIO", "EINVAL"),
    "lseek": ("ESPIPE", "EINVAL"),
    "newfstatat": ("EACCES", "EIO", "ENOENT", "ENOMEM", "ELOOP", "ENOTDIR"),
    "statx": ("EACCES", "EIO"),
    "statfs": ("EACCES", "EIO", "ENOSYS"),
    "access": ("EACCES", "EIO"),
    "getdents64": ("EIO", "ENOENT", "ENOTDIR"),
    "readlink": ("EACCES", "EIO", "EINVAL"),
    "readlinkat": ("EACCES", "EIO"),
    "getcwd": ("ENOENT", "EACCES"),
    "poll": ("ENOMEM", "EINVAL"),
    "epoll_wait": ("EBADF",),
    "epoll_create1": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "eventfd2": ("EMFILE",),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "pidfd_open": ("EMFILE", "ENODEV", "ESRCH"),
    "vfork": ("EAGAIN", "ENOMEM"),
    "clone3": ("EAGAIN", "ENOMEM", "EPERM"),
    "clone": ("EAGAIN", "ENOMEM"),
    "execve": ("E2BIG", "ENOMEM", "EIO", "EACCES"),
    "wait4": ("ECHILD",),
    "waitid": ("ECHILD",),
    "kill": ("EPERM", "ESRCH"),
    "tgkill": ("ESRCH", "EAGAIN"),
    "prctl": ("EINVAL", "EPERM"),
    "setpgid": ("EPERM", "EACCES"),
    "sched_getaffinity": ("EINVAL", "ESRCH"),
    "prlimit64": ("EPERM", "EINVAL"),
    "rt_sigaction": ("EINVAL",),
    "rt_sigprocmask": ("EINVAL",),
    "rt_sigtimedwait": ("EAGAIN",),
    "uname": ("EFAULT",),
    "sysinfo": ("EFAULT",),
    "getrandom": ("EAGAIN", "ENOSYS"),
    "mmap": ("ENOMEM", "EACCES", "EAGAIN"),
    "mprotect": ("ENOMEM", "EACCES"),
    "mremap": ("ENOMEM",),
    "madvise": ("EAGAIN",),
}
INTERRUPTED = {
    "openat", "read", "pread64", "write", "fsync", "flock", "fcntl", "poll", "epoll_wait", "wait4", "waitid",
    "rt_sigtimedwait", "getrandom", "dup3", "ftruncate", "clock_nanosleep",
}  # fmt: skip
STORM = "EINTR x 200"
KILL = "SIGKILL"
OURS = "/evalprov/cli/run"  # from where this is opened on, it is us and no longer Python's own start
COMMAND = 'echo s >> "$MARK"; echo \'{"accuracy": 0.5}\'; exit 3'
HANGS = 60.0
BY_PYTHON = "before the start, by Python's own loading"  # it says so itself, and nothing was begun


class Fault(NamedTuple):
    """One call of a run, by its number in its thread, and how it fails."""

    call: str
    number: int
    errno: str
    place: str = ""
    early: bool = False  # its number is met by our first thread before it is us

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.errno} ({self.place})"

    def injected(self) -> str:
        """Return what strace is told."""
        if self.errno == KILL:
            return f"inject={self.call}:signal=KILL:when={self.number}"
        if self.errno == STORM:
            return f"inject={self.call}:error=EINTR:when={self.number}..{self.number + 199}"
        return f"inject={self.call}:error={self.errno}:when={self.number}"


class Finished(NamedTuple):
    """How a run under strace ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Ground:
    """A project to run in, made anew for every fault."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.folder = folder
        self.lean = template.parent / "lean"
        self.project = folder / "project"
        self.mark = folder / "mark"
        shutil.copytree(template, self.project, symlinks=True)

    def run(self, *strace: str) -> Finished | None:
        """Record the command under strace; null if it hangs."""
        words = ["strace", "-f", "-b", "execve", "-qq", "-o", self.folder / "trace", *strace]
        words += [sys.executable, "-m", "evalprov", "run", "--", "sh", "-c", COMMAND]
        env = {**os.environ, "MARK": str(self.mark), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.folder)}
        env["PATH"] = f"{self.lean}/bin:/usr/bin:/bin"
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                words,
                cwd=self.project,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            try:
                code = process.wait(HANGS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return None
            out.seek(0)
            err.seek(0)
            return Finished(code, out.read(), err.read())

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


def verdict(fault: Fault, template: Path) -> str:
    """Let one call fail; say what is wrong with what came of it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="fault-", ignore_cleanup_errors=True) as name:
        ground = Ground(template, Path(name))
        done = ground.run("-e", f"trace={fault.call}", "-e", fault.injected())
        if done is None:
            return "hangs"
        return (fault.errno != KILL and harmed(fault, ground, done)) or ground.after()


def harmed(fault: Fault, ground: Ground, done: Finished) -> str:  # noqa: PLR0911 - one return a finding
    """Say how a command fared worse than without us, or what it was not told."""
    err = done.stderr.decode(errors="replace")
    assert not err.startswith("strace:"), err
    ran = ground.mark.exists()
    crashed = done.returncode in {-signal.SIGSEGV, -signal.SIGABRT}
    if not ran and ("Traceback" in err or fault.early or crashed):
        return BY_PYTHON
    if "Traceback" in err:
        return f"traceback: {err[-300:]}"
    if ran:
        if ground.mark.read_text() != "s\n":
            return "the command ran twice"
        if done.returncode != 3:
            return f"exit {done.returncode} for the command's 3: {err[-300:]}"
        unwritten = (
            fault.call == "write" and "#" in fault.place
        )  # the user's own stdout: the command would not have either
        if done.stdout != b'{"accuracy": 0.5}\n' and not unwritten:
            return f"its output became {done.stdout!r}"
    elif done.returncode not in {125, 126, 127, 2, 1}:
        return f"exit {done.returncode}, and the command never ran: {err[-300:]}"
    elif "evalprov: error:" not in err and "Error" not in err:
        return "the command never ran, and nothing was said"
    return ""


def faults(template: Path, only: set[str]) -> list[Fault]:
    """Return the calls that a sound run makes of its own, the first and last of each kind, with every way to fail."""
    with tempfile.TemporaryDirectory(prefix="fault-") as name:
        ground = Ground(template, Path(name))
        calls = {*ERRNOS, *INTERRUPTED}
        done = ground.run("-y", "-e", f"trace={','.join(sorted(calls))}")
        assert done is not None
        assert done.returncode == 3, done.stderr
        trace = (ground.folder / "trace").read_text(errors="replace").splitlines()
    seen: Counter[tuple[str, str]] = Counter()
    kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
    ours: dict[str, int] = {}  # how many of each call there were before it was us
    for line in trace:
        found = re.match(r"(\d+) +(\w+)\((.*)", line)
        if not found or found[2] not in calls:
            continue
        thread, call, given = found.groups()
        seen[thread, call] += 1
        if not ours and OURS in line:
            ours = {one: times for (_, one), times in seen.items()}
        if ours and (not only or call in only):
            kinds[call, kind(given, name)].append(seen[thread, call])
    chosen: dict[Fault, None] = {}
    for (call, place), numbers in kinds.items():
        for number in dict.fromkeys((numbers[0], numbers[-1])):
            ways = [*ERRNOS.get(call, ()), *([STORM] if call in INTERRUPTED else []), KILL]
            early = number <= ours.get(call, 0)
            if (
                early and call == "close"
            ):  # strace lets it fail by not doing it: a descriptor stays open, as on no system
                continue
            chosen |= dict.fromkeys(Fault(call, number, errno, place, early) for errno in ways)
    return list(chosen)


def kind(given: str, folder: str) -> str:
    """Return what sort of file a call is about, without what is another one's each time."""
    found = re.search(r'[<"](/[^>"]*|pipe|[^>"]*:)', given)
    path = found[1] if found else ""
    path = path.replace(folder, "").replace(sys.prefix, "python").replace(os.path.realpath(sys.base_prefix), "python")
    path = re.sub(r"(python|/usr|/lib|.*/evalprov/).*", r"\1", path)
    return re.sub(r"[0-9a-f]{6,}|\d+", "N", path)


def main() -> int:
    """Try them all, two at a time."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--most", type=int, default=0, help="try only so many, drawn at random")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("calls", nargs="*")
    asked = options.parse_args()
    if not shutil.which("strace"):
        print("there is no strace here: nothing was tried")
        return 0
    with tempfile.TemporaryDirectory(prefix="fault-template-") as name, ThreadPoolExecutor(asked.jobs) as crew:
        template = Path(name, "project")
        template.mkdir()
        venv.create(template.parent / "lean", symlinks=True)
        (template / "eval.yaml").write_text("a: 1\n")
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "x")):
            subprocess.run(["git", *words], cwd=template, check=True)
        (template / "eval.yaml").write_text("a: 2\n")
        (template / "new.txt").write_text("new\n")
        todo = faults(template, set(asked.calls))
        print(f"{len(todo)} faults", flush=True)
        random.Random(asked.seed).shuffle(todo)
        del todo[asked.most or len(todo) :]
        return told(todo, crew, template)


def told(todo: list[Fault], crew: ThreadPoolExecutor, template: Path) -> int:
    """Try these, and print what came of it."""
    tried: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    loading = 0
    for at, (fault, said) in enumerate(zip(todo, crew.map(lambda one: verdict(one, template), todo), strict=True)):
        if at % 100 == 0:
            print(f"{at} tried", flush=True)
        if said == BY_PYTHON:
            loading += 1
            continue
        tried[fault.call] += 1
        if said:
            wrong[fault.call] += 1
            print(f"{fault}: {said}", flush=True)
    for call, count in sorted(tried.items()):
        print(f"{count - wrong[call]:>6} of {count:>5}  {call}")
    print(f"{loading} more ended us {BY_PYTHON}")
    print(f"faults: {tried.total() - wrong.total()} of {tried.total()} survived")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

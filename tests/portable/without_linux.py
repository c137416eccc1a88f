"""Takes away what only Linux has from every Python process that imports evalprov, just before it does.

A line in a .pth file imports this when the interpreter starts: `make test-portable` makes such an environment. What
evalprov runs keeps all of it. So does psutil with /proc: on Linux it has nothing else to tell of processes.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import sys
from typing import Any

GONE = {
    "os": (
        *("waitid", "waitid_result", "P_ALL", "P_PID", "P_PIDFD", "pidfd_open", "memfd_create", "posix_fadvise"),
        *("posix_fallocate", "sched_getaffinity", "sched_setaffinity", "copy_file_range", "splice", "eventfd"),
        *("setns", "unshare", "getrandom", "pipe2"),
    ),
    "signal": ("sigtimedwait", "sigwaitinfo", "struct_siginfo", "SIGRTMIN", "SIGRTMAX", "pidfd_send_signal"),
    "select": ("epoll",),
    "fcntl": ("F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_ADD_SEALS", "F_NOTIFY"),
    "resource": (
        *("prlimit", "RUSAGE_THREAD", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_OFILE", "RLIMIT_RTPRIO"),
        *("RLIMIT_RTTIME", "RLIMIT_SIGPENDING"),
    ),
    "_ctypes": ("call_function",),  # by which posix_spawn, prctl and syncfs of the C library are called
}
LOOKS = ("open", "stat", "lstat", "listdir", "scandir", "readlink", "access")


class Watch:
    """Sees the first import of evalprov, finds no module, and is gone."""

    def find_spec(self, name: str, *_: object) -> None:
        """Take it all away when its time has come."""
        if name == "evalprov":
            sys.meta_path.remove(self)  # type: ignore[arg-type]
            from importlib.machinery import PathFinder

            found = PathFinder.find_spec(name)
            if found and found.origin:
                take_away(found.origin.removesuffix("__init__.py"))


def take_away(ours: str) -> None:
    """Leave this process with what a Mac has too, and the files in our folder with no /proc and no /sys."""
    for module, names in GONE.items():
        for name in names:
            vars(__import__(module)).pop(name, None)
    for name in LOOKS:
        setattr(os, name, without_proc(getattr(os, name), ours))
    builtins.open = io.open = without_proc(open, ours)


def without_proc(look: Any, ours: str) -> Any:
    """Return a call that finds nothing below /proc and /sys where a file of ours asks."""

    def call(path: Any = ".", *args: Any, **more: Any) -> Any:
        if isinstance(path, (str, bytes)) and os.fsdecode(path).startswith(("/proc", "/sys")) and asks(ours):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return look(path, *args, **more)

    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if look in able:
            able.add(call)
    return call


def asks(ours: str) -> bool:
    """Say whether it is a file of ours that asks, rather than psutil for it, or somebody else."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(ours) or "/psutil/" in file:
            return file.startswith(ours)
        frame = frame.f_back  # type: ignore[assignment]
    return False


sys.meta_path.insert(0, Watch())  # type: ignore[arg-type]

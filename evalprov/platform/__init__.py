"""Every call that exists on one system only, with the portable way beside it; here those for files and processors."""

from __future__ import annotations

import fcntl
import os
import sys

_FICLONE = 0x40049409


def c_call(name: str, *given: object) -> int | None:
    """Call a function of the C library; null where there is none of that name, or no way to call it."""
    try:
        import _ctypes  # the core of ctypes alone: ctypes itself takes several times longer to load

        function = _ctypes.dlsym(_ctypes.dlopen(None, 0), name)  # type: ignore[arg-type]
        return int(_ctypes.call_function(function, given))
    except (ImportError, AttributeError, OSError, TypeError):
        return None


def affinity() -> int | None:
    """Return how many processors this process may use; null where the system has no such bound."""
    if sys.platform == "linux" and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return None


def sysctl(name: str) -> str | None:
    """Return what macOS tells of itself under a name; null where the system has no such name."""
    import subprocess

    environ = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
    try:
        asked = subprocess.run(["sysctl", "-n", name], env=environ, capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.decode("utf-8", "replace").strip() or None


def read_ahead(fd: int, length: int) -> None:
    """Have the disk fetch the beginning of a file that is read soon."""
    if sys.platform == "linux" and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, length, os.POSIX_FADV_WILLNEED)


def write_behind(fd: int) -> None:
    """Have the system begin to write a file to its disk; nobody waits for it."""
    if sys.platform == "linux" and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_file_system(fd: int, most: int) -> bool:
    """Wait until a whole file system is on its disk, where only so many bytes wait for that; say whether it is."""
    try:
        with open("/proc/meminfo", "rb") as file:
            told = dict(line.split(b":", 1) for line in file.read().splitlines())
        if 1024 * sum(int(told[name].split()[0]) for name in (b"Dirty", b"Writeback")) > most:
            return False
    except (OSError, ValueError, KeyError):
        return False
    return c_call("syncfs", fd) == 0


def share_blocks(source: int, copy: int) -> bool:
    """Let an open file have the blocks of another until one of both is written to; say whether it does."""
    if sys.platform == "linux" and hasattr(fcntl, "ioctl"):
        try:
            fcntl.ioctl(copy, _FICLONE, source)
        except OSError:  # another file system, or one that cannot
            return False
        return True
    return False


def nameless_file() -> int:
    """Open a file that has no name and is gone with its last descriptor."""
    if sys.platform == "linux" and hasattr(os, "memfd_create"):
        return os.memfd_create("evalprov")
    import tempfile

    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd


def path_of(fd: int) -> str | None:
    """Return the path of an open file, as it was when it had one; null where the system does not say."""
    try:
        if sys.platform == "darwin":
            path = fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")
        else:
            path = os.fsencode(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        return None
    return os.fsdecode(path)


def widen_pipe(fd: int, size: int) -> None:
    """Let a pipe hold so much before its writer has to wait; where that is not to be had, the usual size does."""
    if sys.platform == "linux" and hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, size)
        except OSError:  # the user's share of pipe memory is used up
            return

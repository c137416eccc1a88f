"""Faults put under the store from outside: any call it makes to the system can fail, or be its last."""

from __future__ import annotations

import errno
import os
from typing import Any, Literal

from store_runs import NOON, ended, in_child

from evalprov.errors import EvalprovError
from evalprov.record.form import blank
from evalprov.store import Store

Mode = Literal["die", "half", "ENOSPC", "EIO"]
MODES: tuple[Mode, ...] = ("die", "half", "ENOSPC", "EIO")
CALLS = ("open", "write", "fsync", "rename", "replace", "link", "unlink", "mkdir", "ftruncate")
DIED, REFUSED, SAID, UNTOUCHED = 137, 125, 3, 0


class Faults:
    """Stands between a process and the system: the call of this number goes wrong in this way."""

    def __init__(self, at: int, mode: Mode, *, links: bool = True) -> None:
        self.at = at
        self.mode = mode
        self.links = links  # false for a file system without hard links
        self.count = 0
        self.trace: list[tuple[str, tuple[Any, ...], Any]] = []
        self.real = {name: getattr(os, name) for name in CALLS}

    def install(self) -> None:
        """Put it in place, for good: the process is thrown away afterwards."""
        for name in CALLS:
            setattr(os, name, self._wrapped(name))

    def _wrapped(self, name: str) -> Any:
        real = self.real[name]

        def call(*args: Any, **more: Any) -> Any:
            if name == "open" and str(args[0]).startswith("/proc/"):
                return real(*args, **more)
            if name == "link" and not self.links:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            self.count += 1
            if self.count == self.at or (self.mode == "ENOSPC" and self.count > self.at):
                result = self._go_wrong(name, real, args, more)
            else:
                result = real(*args, **more)
            self.trace.append((name, args, result))
            return result

        return call

    def _go_wrong(self, name: str, real: Any, args: Any, more: Any) -> Any:
        if self.mode == "die":
            os._exit(DIED)
        if self.mode == "half":
            try:
                real(args[0], args[1][: len(args[1]) // 2]) if name == "write" else real(*args, **more)
            finally:
                os._exit(DIED)
        if self.mode == "EIO":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if name in ("fsync", "unlink", "ftruncate") or (name == "open" and not args[1] & os.O_CREAT):
            return real(*args, **more)  # these need no space
        if name == "write" and self.count == self.at and len(args[1]) > 1:
            return real(args[0], args[1][: len(args[1]) // 2])  # as a disk that fills up does
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lifecycle(path: str, faults: Faults, at: float = NOON) -> int:
    """Record a run with faults underneath; return what came of it."""
    faults.install()
    try:
        store = Store.open(path)
        manifest = store.reserve(at, blank)
        store.keep({"objects/0a1b": b"what was not committed"})
        os.close(store.open_log(manifest["run_id"], "out"))
        manifest["note"] = "n" * 9000
        store.begin(manifest)
    except EvalprovError as refused:
        return refused.exit_code
    manifest["status"] = "completed"
    manifest["metric_summary"] = {"accuracy": 0.74}
    said = store.finish(manifest)
    if said:
        return SAID
    return UNTOUCHED


def strike(path: str, at: int, mode: Mode, *, links: bool = True) -> tuple[int, bool]:
    """Let call number `at` of a recording go wrong; return how it ended, and whether it came to that call."""
    faults = Faults(at, mode, links=links)

    def work() -> int:
        code = lifecycle(path, faults)
        return code + 64 * (faults.count < at) if code in (UNTOUCHED, SAID) else code

    code = ended(in_child(work))
    return code & ~64 if code in (64, 64 + SAID) else code, code not in (64, 64 + SAID)

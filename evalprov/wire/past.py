"""Connections that a command opens past the proxy: a client that heeds none is seen by its sockets."""

from __future__ import annotations

import threading
from contextlib import suppress

from evalprov.platform.connections import outward, sockets_below

EVERY = 0.2  # seconds: a client keeps its connection for longer than a call
HTTPS = 443
_MOST = 100  # addresses


class PastLook(threading.Thread):
    """Looks now and then which connections to providers' port the command has by itself."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="past", daemon=True)
        self._pid = pid
        self._known: set[str] = set()
        self._done = threading.Event()
        self.found: dict[str, int] = {}  # address to connections

    def run(self) -> None:
        """Look until told to stop."""
        while not self._done.wait(EVERY):
            with suppress(OSError, ValueError):
                self.look()

    def stop(self) -> dict[str, int]:
        """Look no more; return what was seen."""
        self._done.set()
        return self.found

    def look(self) -> None:
        """Look once."""
        rows = {inode: at for inode, at in outward(HTTPS) if inode not in self._known}
        self._known.update(rows)
        if rows:
            from ipaddress import ip_address

            rows = {inode: at for inode, at in rows.items() if not ip_address(at).is_loopback}
            theirs = sockets_below(self._pid)
            for inode, address in rows.items():
                if inode in theirs and (address in self.found or len(self.found) < _MOST):
                    self.found[address] = self.found.get(address, 0) + 1

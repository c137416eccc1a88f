"""The hash of a whole stream, worked out beside the relaying once there is much of it."""

from __future__ import annotations

import _thread
import hashlib
from _queue import SimpleQueue

INLINE = 1 << 20  # so much is hashed at once: a thread is not worth its start for less
_WAITING = 128  # pieces handed over and not yet hashed; then the relaying waits


class Digest:
    """SHA-256 of what it is fed; hashing needs no interpreter lock, so a second processor can do it."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._fed = 0
        self._alone = False
        self._pieces: SimpleQueue[bytes | None] | None = None
        self._room: SimpleQueue[None] = SimpleQueue()
        self._done = _thread.allocate_lock()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._fed += len(data)
        if self._fed <= INLINE or (self._pieces is None and not self._start()):
            self._sha256.update(data)
        elif self._pieces is not None:
            self._room.get()
            self._pieces.put(data)

    def _start(self) -> bool:
        """Hand over from here on; where there is no thread to be had, it goes on as before."""
        if self._alone:
            return False
        pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._done.acquire()
        try:
            _thread.start_new_thread(self._work, (pieces,))
        except RuntimeError:
            self._alone = True
            return False
        for _ in range(_WAITING):
            self._room.put(None)
        self._pieces = pieces
        return True

    def hexdigest(self) -> str:
        """Return the hash of all there was."""
        if self._pieces is not None:
            self._pieces.put(None)
            self._done.acquire()
            self._pieces = None
        return self._sha256.hexdigest()

    def _work(self, pieces: SimpleQueue[bytes | None]) -> None:
        try:
            while (data := pieces.get()) is not None:
                self._sha256.update(data)
                self._room.put(None)
        finally:
            self._done.release()

"""What a store remembers of what it has sent: a shortcut, which may be lost, and then all is asked for again."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from evalprov.fleet.place import MEMORY
from evalprov.named import NamedTuple
from evalprov.store.folder import Folder, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LARGEST = 256 << 20
_ALL = "-"  # of kinds: none


class SentRun(NamedTuple):
    """A run that was sent: its record as it was then, and which things with it."""

    run_id: str
    stamp: str  # of the record's file: size and time
    stem: str
    kinds: frozenset[str]

    def line(self) -> str:
        """Return it as it is written down."""
        return f"{self.run_id} {self.stamp} {self.stem} {','.join(sorted(self.kinds)) or _ALL}\n"


class SentMemory:
    """What was sent from a store to another one."""

    def __init__(self, store: str, key: str) -> None:
        self.folder = os.path.join(store, MEMORY)
        self._key = key
        self.runs: dict[str, SentRun] = {}
        self.notes: set[str] = set()

    def load(self) -> None:
        """Read it; what cannot be read was not sent."""
        with suppress(OSError, UnicodeDecodeError), Folder(self.folder) as folder:
            for line in (folder.read(f"{self._key}.sent") or b"").decode().splitlines():
                words = line.split(" ")
                if len(words) == 4:
                    kinds = frozenset(words[3].split(",")) - {_ALL}
                    self.runs[words[0]] = SentRun(words[0], words[1], words[2], kinds)
                elif len(words) == 2 and words[0] == "note":
                    self.notes.add(words[1])

    def forget(self) -> None:
        """Know nothing any more: the store that all was sent to is not what it was."""
        self.runs, self.notes = {}, set()
        with suppress(OSError), Folder(self.folder) as folder:
            folder.remove(f"{self._key}.sent")

    def add(self, runs: Iterable[SentRun], notes: Sequence[str] = ()) -> None:
        """Remember more."""
        known = list(runs)
        self.runs |= {one.run_id: one for one in known}
        self.notes.update(notes)
        text = "".join([*(one.line() for one in known), *(f"note {name}\n" for name in notes)])
        with suppress(OSError), self._opened() as folder:
            fd = folder.open(f"{self._key}.sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                write_all(fd, text.encode())
            finally:
                os.close(fd)

    def outcome(self) -> dict[str, Any] | None:
        """Return how the last sending in the background ended; null where there was none."""
        return _outcome(self.folder, f"{self._key}.last")

    def tell(self, **outcome: Any) -> None:
        """Write down how a sending in the background ended."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with suppress(OSError), self._opened() as folder:
            folder.write(f"{self._key}.last", json.dumps({"at": at, **outcome}).encode() + b"\n")

    def ask_again(self) -> None:
        """Have whoever is sending now look once more before it ends."""
        with suppress(OSError), self._opened() as folder:
            folder.mark(f"{self._key}.again")

    def asked_again(self, *, take: bool = False) -> bool:
        """Say whether somebody asked since."""
        with suppress(OSError), Folder(self.folder) as folder:
            name = f"{self._key}.again"
            return folder.remove(name) if take else folder.size(name) is not None
        return False

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Be the only one who sends in the background; false where another does."""
        with self._opened() as folder:
            fd = folder.open(f"{self._key}.lock", os.O_RDONLY | os.O_CREAT)
            try:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
                except OSError as error:
                    if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                        raise
                yield True
            finally:
                os.close(fd)

    def _opened(self) -> Folder:
        with suppress(FileExistsError):
            os.mkdir(self.folder, 0o755)
        return Folder(self.folder)


def outcomes(store: str) -> list[dict[str, Any]]:
    """Return how the last sendings in the background ended, to each shared store that was sent to."""
    where = os.path.join(store, MEMORY)
    try:
        with Folder(where) as folder:
            names = sorted(name for name in folder.names() if name.endswith(".last"))
    except OSError:
        return []
    return [told for name in names if (told := _outcome(where, name)) is not None]


def _outcome(where: str, name: str) -> dict[str, Any] | None:
    try:
        with Folder(where) as folder:
            told = json.loads(folder.read(name) or b"null")
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and isinstance(told.get("at"), str) else None

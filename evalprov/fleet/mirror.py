"""A shared store as a folder in the user's cache, which every command reads like any other store.

Its history is the newest part of the shared one, older parts and whole records come when they are asked for.
"""

from __future__ import annotations

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypedDict, cast

from evalprov.errors import EvalprovError
from evalprov.fleet import keys
from evalprov.fleet.bucket import Bucket, BucketError
from evalprov.fleet.gather import Odd, StoreListing, fetch_lines, fetch_packs, listing
from evalprov.fleet.packs import PackedLine, with_id
from evalprov.fleet.parts import PartState, is_as_it_was, merge, named, new_part, stems_of
from evalprov.fleet.place import mirrors
from evalprov.fleet.plan import AT_MOST, LATEST, Stretch, following, stretch
from evalprov.fleet.shared import SharedState, forget_notes, refresh_baselines, refresh_notes
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.store import ids
from evalprov.store.folder import ELSEWHERE, LARGEST_RECORD, Folder
from evalprov.store.index import HISTORY, REMOTE, Lock
from evalprov.store.write import SUBFOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_VERSION = 1
_FOLDERS = tuple({*SUBFOLDERS, keys.NOTES} - {"active"})
_BLOBS = ("objects", "patches")
_LARGEST_FILE = 16 << 30  # of what a record names
_MOST_NAMES = 10_000
_ATTEMPTS = 3
_BY_RUN = re.compile(r"(.+)\.(json|out|err|sqlite)")


class MirrorState(TypedDict):
    """What a mirror knows of itself."""

    version: int
    url: str
    checked: float
    parts: list[PartState]
    packs: list[str]  # that were looked at, or are older than all parts
    shared: SharedState


class Refreshed(NamedTuple):
    """What came of asking a shared store what is new."""

    runs: int  # in the mirror
    new: int
    since: str  # all later runs are in it; empty where all are
    older: int  # at least so many runs are older, and fetched when asked for
    loose: int  # lines there that are in no pack
    baselines: int
    notes: list[str]


class Mirror:
    """The mirror of one shared store."""

    def __init__(self, bucket: Bucket, key: str, tell: Callable[[str], None]) -> None:
        self.bucket = bucket
        self.path = os.path.join(mirrors(), key)
        self._tell = tell
        self._stems: dict[str, str] | None = None  # by the id that they go by here
        self._missing: set[str] = set()
        try:
            os.makedirs(mirrors(), 0o700, exist_ok=True)
            for folder in (self.path, *(f"{self.path}/{name}" for name in _FOLDERS)):
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
        except OSError as error:
            hint = "set XDG_CACHE_HOME to a folder that you can write to"
            raise EvalprovError(f"cannot keep a mirror in {self.path}: {error.strerror}", hint) from None

    def attach(self) -> str:
        """Have what is missing in the mirror brought when it is read; return its path."""
        ELSEWHERE[self.path] = self
        return self.path

    @property
    def checked(self) -> float | None:
        """When the shared store was asked last; null where it never was."""
        state = self._read()
        return state["checked"] if state else None

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> Refreshed:
        """Ask what is new, and fetch it."""
        for _ in range(_ATTEMPTS):
            odd = Odd()
            there, baselines, notes = self._listed()
            with self._alone():
                state = self._read() or self._empty()
                before = {part["file"]: part["count"] for part in state["parts"]}
                renamed = self._follow(state, there, odd, progress)
                state["shared"] = refresh_baselines(self.bucket, self.path, state["shared"], baselines, odd.words)
                self._forget(renamed)
                forget_notes(self.path, renamed)
                self._stems = None
                self._save(state)
                if notes:
                    refresh_notes(self.bucket, self.path, notes, self._by_stem(state["parts"]), odd.words)
            if not odd.vanished:
                break
        since = state["parts"][-1]["low"] if state["parts"] else ""
        return Refreshed(
            sum(part["count"] for part in state["parts"]),
            sum(max(0, part["count"] - before.get(part["file"], 0)) for part in state["parts"]),
            since,
            sum(pack.lines for pack in there.packs if keys.second_of(pack.last) <= since),
            len(there.lines),
            len(state["shared"]["baselines"]),
            [*_strange(there), *odd.told()],
        )

    def _listed(self) -> tuple[StoreListing, list[str], list[str]]:
        """Ask what there is. Lines first: what is put into a pack meanwhile is then in the list of packs."""
        with ThreadPoolExecutor(2) as pool:
            others = [
                pool.submit(lambda folder: [one.name for one in self.bucket.list(folder)], folder)
                for folder in (keys.BASELINES, keys.NOTES)
            ]
            lines = list(self.bucket.list(keys.LINES))
            there = listing(list(self.bucket.list(keys.PACKS)), lines)
            return there, others[0].result(), others[1].result()

    def _follow(
        self, state: MirrorState, there: StoreListing, odd: Odd, progress: Callable[[int, int], None] | None
    ) -> list[str]:
        """Bring the parts up to date, or begin anew where there is none, or far too much is new.

        Return the ids that are no run's any more.
        """
        packs, lines = following(there, state["parts"], set(state["packs"]))
        if lines:
            here = set(self._by_stem(state["parts"]))
            lines = [stem for stem in lines if stem not in here]
        state["packs"] = [pack.name for pack in there.packs]
        if not state["parts"] or sum(pack.lines for pack in packs) + len(lines) > AT_MOST:
            gone = [] if not state["parts"] else list(self._by_stem(state["parts"]).values())
            state["parts"] = []
            self._add_part(state, stretch(there, LATEST) or Stretch("", [], []), LATEST, odd, progress)
            return gone
        if not packs and not lines:
            return []
        fresh = [line for of in fetch_packs(self.bucket, packs, odd) for line in of]
        fresh += fetch_lines(self.bucket, lines, odd, progress)
        return self._put_in(state["parts"], fresh)

    def _add_part(
        self,
        state: MirrorState,
        of: Stretch,
        high: str,
        odd: Odd,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Fetch the next older part."""
        fresh = [line for lines in fetch_packs(self.bucket, of.packs, odd) for line in lines]
        fresh += fetch_lines(self.bucket, of.lines, odd, progress)
        file = f"older-{len(state['parts'])}.jsonl" if state["parts"] else HISTORY
        inside = [line for line in fresh if of.low < keys.second_of(line.stem) <= high]
        with Folder(self.path) as root:
            state["parts"].append(merge(root, new_part(file, of.low), inside).state)

    def _put_in(self, parts: list[PartState], fresh: list[PackedLine]) -> list[str]:
        """Put new lines into the parts that they belong to."""
        renamed: list[str] = []
        high = LATEST
        with Folder(self.path) as root:
            for number, part in enumerate(parts):
                inside = [line for line in fresh if part["low"] < keys.second_of(line.stem) <= high]
                high = part["low"]
                if inside:
                    merged = merge(root, part, inside)
                    parts[number] = merged.state
                    renamed += merged.renamed
        return renamed

    def edge(self, number: int) -> str:
        """Return the second until which all runs began that are in no part up to this one; nothing where it has all."""
        state = self._read()
        return state["parts"][number]["low"] if state and number < len(state["parts"]) else ""

    def older(self) -> Iterator[int]:
        """Yield the files of older parts, and fetch the next ones as long as somebody wants more."""
        number = 1
        while True:
            state = self._read()
            if state is None or (number >= len(state["parts"]) and not self._extend(number)):
                return
            try:
                with Folder(self.path) as root:
                    yield root.open(f"older-{number}.jsonl", os.O_RDONLY)
            except FileNotFoundError:  # another process began the mirror anew
                return
            number += 1

    def _extend(self, number: int) -> bool:
        """Fetch the next older part, unless another process did; say whether there is one."""
        odd = Odd()
        try:
            lines = list(self.bucket.list(keys.LINES))
            there = listing(list(self.bucket.list(keys.PACKS)), lines)
            with self._alone():
                state = self._read()
                if state is None or number < len(state["parts"]):
                    return state is not None
                high = state["parts"][-1]["low"]
                following_part = stretch(there, high) if high else None
                if following_part is None:
                    return False
                self._add_part(state, following_part, high, odd)
                self._stems = None
                self._save(state)
        except BucketError as problem:
            self._tell(f"older runs are not here, and could not be fetched: {problem.message}")
            return False
        for words in odd.told():
            self._tell(words)
        return True

    def bring(self, name: str) -> bool:
        """Fetch what a record, or a command, asks for; what is not what its name says is left out and told."""
        folder, _, file = name.partition("/")
        key = self._key_of(folder, file)
        if key is None or name in self._missing:
            return False
        with Folder(f"{self.path}/{folder}") as here:
            temp, fd = here.new()
            try:
                try:
                    found = self.bucket.fetch(key, fd, LARGEST_RECORD if folder == keys.RUNS else _LARGEST_FILE)
                    wrong = found and self._wrong(fd, folder, key)
                finally:
                    os.close(fd)
                if wrong:
                    self._tell(f"{key} in {self.bucket.url} is not what its name says and was left out")
                if not found or wrong:
                    self._missing.add(name)
                    here.drop(temp)
                    return False
                if folder == keys.RUNS and keys.run_of(key.partition("/")[2]) != file.removesuffix(".json"):
                    data = here.read(temp) or b""
                    here.drop(temp)
                    here.write(file, with_id(data, file.removesuffix(".json")))
                else:
                    here.place(temp, file)
            except BaseException:
                here.drop(temp)
                raise
        return True

    def _key_of(self, folder: str, file: str) -> str | None:
        """Return what a file of the mirror is called in the shared store; null for what is none of it."""
        if folder in _BLOBS:
            return f"{folder}/{file}" if keys.blob_digest(file) else None
        found = _BY_RUN.fullmatch(file)
        ends = {keys.RUNS: ("json",), "logs": ("out", "err"), "calls": ("sqlite",)}
        if found is None or not ids.is_run_id(found[1]) or found[2] not in ends.get(folder, ()):
            return None
        stem = self._stem_of(found[1])
        return stem and f"{folder}/{stem}.{found[2]}"

    def _wrong(self, fd: int, folder: str, key: str) -> bool:
        """Say whether what was fetched is something else than its name says."""
        import hashlib

        if folder in ("logs", "calls"):  # named for their record, which has the hash of the calls
            return False
        hashed = hashlib.sha256()
        at = 0
        while piece := os.pread(fd, 1 << 20, at):
            hashed.update(piece)
            at += len(piece)
        name = key.partition("/")[2]
        wanted = keys.blob_digest(name) if folder in _BLOBS else name.removesuffix(".json").rpartition(".")[2]
        return not hashed.hexdigest().startswith(wanted or "-")

    def _stem_of(self, run_id: str) -> str | None:
        """Return the record that an id means here; one older than all parts is looked for in the shared store."""
        if (known := self._here().get(run_id)) or not self._is_beyond(run_id):
            return known
        second = keys.second_of(run_id)
        there = [keys.stem_in(one.name) for one in self.bucket.list(keys.RUNS, beginning=second)]
        named = keys.told_apart([one for one in there if one])
        return next((stem for stem, name in named.items() if name == run_id), None)

    def names(self, folder: str, beginning: str) -> Iterable[str]:
        """Return the records that could be brought, by the beginning of their ids."""
        if folder != keys.RUNS:
            return ()
        found = [f"{run_id}.json" for run_id in self._here() if run_id.startswith(beginning)]
        if found or not self._is_beyond(beginning):
            return found
        there: list[str] = []
        for one in self.bucket.list(keys.RUNS, beginning=beginning[:16]):
            there += filter(None, [keys.stem_in(one.name)])
            if len(there) >= _MOST_NAMES:
                break
        return [f"{name}.json" for name in named(there).values() if name.startswith(beginning)]

    def _is_beyond(self, run_id: str) -> bool:
        """Say whether a run may be older than what is here."""
        state = self._read()
        return bool(state and state["parts"] and run_id[:16] <= state["parts"][-1]["low"])

    def _here(self) -> dict[str, str]:
        """Return the records whose lines are here, by the id that they go by."""
        if self._stems is None:
            state = self._read()
            self._stems = {name: stem for stem, name in self._by_stem(state["parts"] if state else []).items()}
        return self._stems

    def _by_stem(self, parts: Sequence[PartState]) -> dict[str, str]:
        with Folder(self.path) as root:
            return named([stem for part in parts for stem in (stems_of(root, part) if part["count"] else ())])

    def _forget(self, run_ids: Iterable[str]) -> None:
        """Take away what was brought for ids that mean no run any more."""
        for run_id in run_ids:
            for name in (f"runs/{run_id}.json", f"logs/{run_id}.out", f"logs/{run_id}.err", f"calls/{run_id}.sqlite"):
                with suppress(OSError):
                    os.unlink(f"{self.path}/{name}")

    def _empty(self) -> MirrorState:
        shared: SharedState = {"baselines": {}}
        return {"version": _VERSION, "url": self.bucket.url, "checked": 0.0, "parts": [], "packs": [], "shared": shared}

    def _read(self) -> MirrorState | None:
        """Return what the mirror knows of itself; null where it is new, or not what it says."""
        try:
            with Folder(self.path) as root:
                state = cast("MirrorState", json.loads(root.read(REMOTE) or b"null"))
                whole = state is not None and state["version"] == _VERSION and state["url"] == self.bucket.url
                return state if whole and all(is_as_it_was(root, part) for part in state["parts"]) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _save(self, state: MirrorState) -> None:
        state["checked"] = time.time()
        with Folder(self.path) as root:
            temp, fd = root.new()
            try:
                with open(fd, "w", encoding="utf-8") as file:
                    json.dump(state, file)
                root.place(temp, REMOTE)
            except BaseException:
                root.drop(temp)
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only process that changes the mirror."""
        try:
            with Folder(self.path) as root, Lock(root):
                yield
        except OSError as error:
            raise EvalprovError(f"cannot change the mirror {self.path}: {error.strerror}") from None


def _strange(there: StoreListing) -> list[str]:
    return [f"{counted(there.strange, 'file')} of the shared store left out: none of ours"] if there.strange else []

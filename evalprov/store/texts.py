"""What the eval said for its scenarios: one file a run, named by its content, read in a stream.

A line of JSON a scenario, in the order of their names, so that two runs that said the same share the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from typing import TYPE_CHECKING, Protocol

from evalprov.errors import UnreadableError
from evalprov.store import ids
from evalprov.store.folder import Folder, write_all
from evalprov.store.gate import names_less_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.outcome import KeptTexts
    from evalprov.secrets import Scrubber
    from evalprov.store.write import Store

ROOM = 64_000_000  # bytes of texts of one run
END = ".jsonl.gz"
_BATCH = 1 << 18  # letters that are scrubbed together
_LEVEL = 1  # of compression: a run waits for it
_PATIENCE = 60.0  # seconds of a processor for all of it: the run waits for that
_GZIP = 31  # what zlib calls that format
_LARGEST = 256 << 20  # bytes of texts that are read back
_LONGEST = 64 << 20  # of a line
_PIECE = 1 << 16

Text = tuple[str, int]  # its beginning, and how many letters followed


class SaidTexts(Protocol):
    """What was said for scenarios."""

    limit: int  # bytes of a text that are kept
    left_out: int  # texts that are lost already
    problem: str | None

    def names(self) -> Collection[str]:
        """Return the scenarios."""

    def rows(self) -> Iterable[tuple[str, Mapping[str, Text]]]:
        """Yield each scenario and its texts, in order."""

    def close(self) -> None:
        """Let go of them."""


def keep_texts(
    store: Store, said: SaidTexts | None, scrub: Scrubber, room: int = ROOM
) -> tuple[KeptTexts | None, list[str]]:
    """Keep what was said, less its secrets; return what the record says of it, and what went wrong."""
    if said is None:
        return None, []
    try:
        store.let_removal_end()
        with store.enter("objects") as folder:
            kept = _Writing(folder, said, scrub.plain(), room).kept()
    except OSError as error:
        why = f"{error.strerror or error}: {error.filename}" if error.filename else error.strerror or str(error)
        return None, [f"what the eval said for its scenarios was not kept: {why}; all else of the record is whole"]
    finally:
        said.close()
    if not kept["left_out"]:
        return kept, []
    why = said.problem or f"there is room for {room:,} bytes and {_PATIENCE:.0f} seconds a run"
    return kept if kept["scenarios"] else None, [
        f"{kept['left_out']} texts that the eval said for its scenarios were left out: {why}"
    ]


class _Writing:
    """One file of texts, as it is written."""

    def __init__(self, folder: Folder, said: SaidTexts, scrub: Scrubber, room: int) -> None:
        self._folder = folder
        self._said = said
        self._scrub = scrub
        self._room = room
        self._hash = hashlib.sha256()
        self._packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._fields: dict[str, int] = {}
        self._scenarios = self._bytes = self._cut = 0
        self._left_out = said.left_out
        self._until = time.process_time() + _PATIENCE

    def kept(self) -> KeptTexts:
        """Write the file and put it in place; raises OSError."""
        temp, self._fd = self._folder.new()
        try:
            try:
                for batch in _batches(self._said.rows()):
                    self._add(batch)
                self._write(self._packing.flush())
                os.fsync(self._fd)
            finally:
                os.close(self._fd)
            name = f"{self._hash.hexdigest()}{END}"
            if not self._scenarios or self._folder.size(name) == self._bytes:
                self._folder.drop(temp)
            else:
                self._folder.place(temp, name)
                self._folder.settle()
        except BaseException:
            self._folder.drop(temp)
            raise
        return {
            "object": f"objects/{name}",
            "sha256": f"sha256:{self._hash.hexdigest()}",
            "bytes": self._bytes,
            "scenarios": self._scenarios,
            "fields": self._fields,
            "cut": self._cut,
            "left_out": self._left_out,
        }

    def _add(self, batch: list[tuple[str, Mapping[str, Text]]]) -> None:
        """Scrub many at once: most hold no secret."""
        if self._room < 0 or time.process_time() > self._until:
            self._left_out += sum(len(texts) for _, texts in batch)
            return
        names = names_less_secrets({name for name, _ in batch}, self._scrub)
        scrub = self._scrub.knowing(text for _, texts in batch for text, _ in texts.values())
        lines: list[str] = []
        for name, texts in batch:
            line = {"scenario": names.get(name, name)}
            cut: dict[str, int] = {}
            for field, text in texts.items():
                shown, more = _less(text, scrub, self._said.limit)
                self._room -= len(shown.encode("utf-8", "replace"))
                if self._room < 0:
                    self._left_out += 1
                    continue
                plain, _, label = field.partition("#")
                called = f"{plain}#{scrub.text(label)}" if label else plain
                line[called] = shown
                if more:
                    cut[called] = more
                self._fields[plain] = self._fields.get(plain, 0) + 1
            if len(line) > 1:
                self._scenarios += 1
                self._cut += len(cut)
                lines.append(_line(line, cut))
        if lines:
            self._write(self._packing.compress("\n".join((*lines, "")).encode("utf-8", "replace")))

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._bytes += len(data)
        write_all(self._fd, data)


def _batches(rows: Iterable[tuple[str, Mapping[str, Text]]]) -> Iterator[list[tuple[str, Mapping[str, Text]]]]:
    batch = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row[0]) + sum(len(text) for text, _ in row[1].values())
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def _less(text: Text, scrub: Scrubber, limit: int) -> tuple[str, int]:
    """Return a text without secrets, cut at a letter, and how many letters are left out."""
    raw, more = text
    clean = scrub.text(raw)
    keep = len(clean)
    if more:
        # A secret across the edge of what is here cannot be seen: what stands near it does not count.
        edge = max(len(raw) - limit, 0)
        keep = min(keep, max(0, len(clean) - max(edge, len(scrub.text(raw[len(raw) - edge :])))))
    shown = clean[:keep].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
    return shown, len(clean) - len(shown) + more


def read_texts(store: str, manifest: Manifest, scenarios: Collection[str]) -> dict[str, dict[str, str]]:
    """Return what the eval said for these scenarios, by field; where it is cut, its last words say so.

    Raises an error with words for a file that is gone, or is not what the run wrote.
    """
    kept = manifest["texts"]
    if kept is None or not scenarios:
        return {}
    what = f"what the eval of run {manifest['run_id']} said for its scenarios"
    folder, _, name = kept["object"].partition("/")
    if folder != "objects" or not ids.is_blob_name(name):
        raise UnreadableError(f"{what} cannot be read: not a name for a stored file: {ids.shown(kept['object'])}")
    path = f"{store}/{kept['object']}"
    try:
        with Folder(f"{store}/objects") as objects:
            fd = objects.open(name, os.O_RDONLY)
        with os.fdopen(fd, "rb") as file:
            if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != kept["sha256"]:
                raise UnreadableError(f"{what} is not what was recorded: the hash of {path} is another")
            file.seek(0)
            return _found(iter(lambda: file.read(_PIECE), b""), frozenset(scenarios))
    except FileNotFoundError:
        raise UnreadableError(f"{what} is gone: {path}") from None
    except OSError as error:
        raise UnreadableError(f"{what} cannot be read: {error.strerror}: {path}") from None
    except (zlib.error, ValueError, RecursionError, EOFError) as error:
        raise UnreadableError(f"{what} cannot be read: {path} is damaged ({error})") from None


def _found(pieces: Iterator[bytes], wanted: frozenset[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    begin = b'{"scenario": '
    for line in _lines(pieces):
        name = _NAME(line.decode(), len(begin) + 1)[0] if line.startswith(begin + b'"') else None
        if name is not None and name not in wanted:
            continue
        said = json.loads(line)
        if not isinstance(said, dict) or not isinstance(said.get("scenario"), str):
            raise ValueError("a line of it is no scenario's")  # noqa: TRY004 - of a file, not of an argument
        if said["scenario"] in wanted:
            cut = said.get("cut")
            found[said["scenario"]] = {
                field: _ended(text, cut.get(field) if isinstance(cut, dict) else None)
                for field, text in said.items()
                if field not in ("scenario", "cut") and isinstance(text, str)
            }
    return found


def _ended(text: str, left_out: object) -> str:
    return f"{text} [... {left_out:,} more]" if type(left_out) is int else text


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a compressed file."""
    unpacking = zlib.decompressobj(_GZIP)
    held: list[bytes] = []
    read = size = 0
    for piece in pieces:
        data = piece
        while data:
            text = unpacking.decompress(data, _PIECE << 2)
            data = unpacking.unconsumed_tail
            read += len(text)
            *lines, rest = text.split(b"\n")
            if lines:
                yield b"".join((*held, lines[0]))
                yield from lines[1:]
                held, size = [], 0
            held.append(rest)
            size += len(rest)
            if read > _LARGEST or size > _LONGEST:
                raise ValueError("it is larger than any run's")
    if not unpacking.eof or size:
        raise ValueError("it ends in the middle")


def _line(said: Mapping[str, str], cut: Mapping[str, int]) -> str:
    """Return a scenario's line of JSON; an encoder made anew for each would take as long as all else."""
    pairs = [f"{_quoted(name)}: {_quoted(text)}" for name, text in said.items()]
    left_out = ", ".join(f"{_quoted(name)}: {count}" for name, count in cut.items())
    return f'{{{", ".join(pairs)}, "cut": {{{left_out}}}}}' if cut else f"{{{', '.join(pairs)}}}"


_quoted = json.encoder.encode_basestring
_NAME = json.decoder.scanstring  # type: ignore[attr-defined]

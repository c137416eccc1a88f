"""Files that hold what the eval reported: the report file, and one named on the command line."""

from __future__ import annotations

import errno
import os
import stat
from typing import IO, TYPE_CHECKING, Any

from evalprov.metrics.facts import KEYS
from evalprov.metrics.ledger import Ledger
from evalprov.metrics.text import BOM, LINE_LIMIT, NotAnObject, Reader, printable, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOCUMENT_LIMIT = 64 << 20  # of one JSON object over many lines
_FILE_LIMIT = 1 << 30
_CLOCK_STEP = 0.05  # a file's time stamp may be that much behind the clock


class _Unusable(Exception):  # noqa: N818 - what a file is, not a failure of ours
    """Nothing can be read here; the words say why."""


def read_report(path: str) -> Ledger:
    """Return what the child wrote into the report file; that there is none is nothing odd."""
    ledger = Ledger("report", "the report file")
    try:
        with _opened(path, os.O_NOFOLLOW) as file:
            _read(file, ledger, facts_alone=True)
    except FileNotFoundError:
        pass
    except (OSError, _Unusable) as why:
        ledger.notes.add("unusable", f"the report file was not read: {_words(why)}")
    return ledger


def read_metrics(path: str, started: float | None) -> Ledger:
    """Return what a metrics file named by the user holds; one older than the run is not used."""
    called = printable(path)
    ledger = Ledger(printable(os.path.basename(path)), called)
    wanted = "wanted is a JSON object, or lines that are JSON objects with metrics"
    try:
        with _opened(path, 0) as file:
            _refuse_stale(file, started)
            _read(file, ledger, facts_alone=False)
    except (OSError, _Unusable) as why:
        ledger.notes.add("unusable", f"the metrics file {called} was not used: {_words(why)}; {wanted}")
    return ledger


def _refuse_stale(file: IO[bytes], started: float | None) -> None:
    if started is not None and os.fstat(file.fileno()).st_mtime < started - _CLOCK_STEP:
        raise _Unusable("it was not written by this run")


def _words(why: Exception) -> str:
    if isinstance(why, OSError):
        # O_NOFOLLOW answers a link with "Too many levels of symbolic links".
        return "it is a link" if why.errno == errno.ELOOP else (why.strerror or str(why))
    return str(why)


def _opened(path: str, flags: int) -> IO[bytes]:
    """Open a regular file without waiting on anything else that may stand there."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _Unusable("it is no regular file")
    return open(fd, "rb")


def _read(file: IO[bytes], ledger: Ledger, *, facts_alone: bool) -> None:
    """Read one object that fills the file, or else lines."""
    reader = Reader()
    first = shown(file.readline(LINE_LIMIT))
    try:
        reader.read(first)
    except NotAnObject as why:
        said = _document(file, ledger)
        if said is not None:
            ledger.rule = "json-object"
            if not _take_report(ledger, said, None, facts_alone=facts_alone):
                ledger.take_bare(said, None, ledger.rule)
            return
        problem = str(why) if first else "it is empty"
    else:
        problem = ""
    file.seek(0)
    last, count = _read_lines(file, ledger, facts_alone=facts_alone)
    if ledger.reports:
        return
    if last and facts_alone:
        ledger.take_bare(*last, "last-json-object")
    elif last and count == 1:
        ledger.take_bare(*last, "json-object")
    elif not facts_alone:
        raise _Unusable("none of its lines has metrics" if count else f"it is no JSON object: {problem}")


def _document(file: IO[bytes], ledger: Ledger) -> dict[str, Any] | None:
    """Return the one object that is written over the whole file, if that is so."""
    if os.fstat(file.fileno()).st_size > _DOCUMENT_LIMIT:
        return None
    file.seek(0)
    try:
        return ledger.parse(file.read(_DOCUMENT_LIMIT + 1).removeprefix(BOM).strip(), None)
    except NotAnObject:
        return None


def _read_lines(file: IO[bytes], ledger: Ledger, *, facts_alone: bool) -> tuple[tuple[dict[str, Any], int] | None, int]:
    """Take in every line that is a report; return the last other object, and how many there were."""
    last, count = None, 0
    for text, number in _lines(file, ledger):
        try:
            said = ledger.parse(text, number)
        except NotAnObject as why:
            ledger.notes.add("broken", f"{ledger.at(number)} is no JSON object: {why}")
            continue
        if not _take_report(ledger, said, number, facts_alone=facts_alone):
            last = said, number
            count += 1
    return last, count


def _take_report(ledger: Ledger, said: dict[str, Any], line: int | None, *, facts_alone: bool) -> bool:
    """Take in an object if it is a report; in a file nobody else writes to, one may hold facts alone."""
    if "metrics" not in said and isinstance(said.get("metric_summary"), dict):
        said = {"metrics": {}, **said}
    if "metrics" in said:
        ledger.take(said, line)
        return True
    if facts_alone and not said.keys() - KEYS - {"scenario"} and said.keys() & KEYS:
        ledger.take_facts(said, {}, line)
        return True
    return False


def _lines(file: IO[bytes], ledger: Ledger) -> Iterator[tuple[bytes, int]]:
    """Yield the lines that are not blank, as shown, with their numbers."""
    number = read = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        read += len(line)
        if read > _FILE_LIMIT:
            ledger.notes.add("large", f"{ledger.at(number)} is past the first GiB; what follows was not read")
            return
        if len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            ledger.notes.add("too long", f"{ledger.at(number)} was not read: it is longer than 1 MiB")
            while line and not line.endswith(b"\n") and read <= _FILE_LIMIT:
                line = file.readline(LINE_LIMIT)
                read += len(line)
        elif text := shown(line):
            yield text, number

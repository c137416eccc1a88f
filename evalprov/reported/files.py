"""Files that hold what the eval reported: the report file, and one named on the command line."""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, NoReturn

from evalprov.named import NamedTuple
from evalprov.reported.adapters import ADAPTERS, HEAD, Adapter, fitting, named
from evalprov.reported.adapters.source import ROWS, Source, described
from evalprov.reported.facts import KEYS
from evalprov.reported.ledger import TEXT_KEYS, Ledger, is_failure
from evalprov.reported.open_results import FILE_LIMIT, Unusable, is_called, opened, opened_fresh, words_of, written
from evalprov.reported.tail import begins, may_sum_up
from evalprov.reported.text import BOM, LINE_LIMIT, OBJECT_LIMIT, NotAnObject, Reader, may_be_object, printable, shown
from evalprov.reported.texts import ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.reported.open_results import Before

PLAIN = (
    "metrics.json",
    "metrics.jsonl",
    "results.json",
    "results.jsonl",
    "scores.json",
)  # what a program's own are called
_WANTED = (
    "a JSON object, or lines that are JSON objects with metrics, or a results file of "
    f"{', '.join(adapter.name for adapter in ADAPTERS)}"
)


def read_report(path: str, text_bytes: int | None = None) -> Ledger:
    """Return what the child wrote into the report file; that there is none is nothing odd."""
    ledger = Ledger("report", "the report file", text_bytes=text_bytes)
    try:
        with opened(path, os.O_NOFOLLOW) as file:
            _read(file, ledger, facts_alone=True)
    except FileNotFoundError:
        pass
    except (OSError, Unusable) as why:
        ledger.notes.add("unusable", f"the report file was not read: {words_of(why)}")
    return ledger


def read_metrics(path: str, before: Before | None, text_bytes: int | None = None) -> Ledger:
    """Return what a metrics file named by the user holds; one that stood there before the run is not used."""
    path, name = _chosen(path)
    adapter = named(name)
    called = printable(path)
    ledger = Ledger(printable(os.path.basename(path.rstrip("/"))), called, text_bytes=text_bytes)
    try:
        if adapter is None and name:
            _refuse_format(name)
        _read_named(path, adapter, before, ledger)
    except (OSError, Unusable) as why:
        ledger = Ledger(ledger.channel, called)  # what was read of it before does not count
        wanted = (isinstance(why, Unusable) and why.wanted) or (adapter.wanted if adapter else _WANTED)
        ledger.notes.add("unusable", f"the metrics file {called} was not used: {words_of(why)}; wanted is {wanted}")
    return ledger


def _refuse_format(name: str) -> NoReturn:
    raise Unusable(f"nothing is known of the format {printable(name)}")


def _chosen(path: str) -> tuple[str, str]:
    """Return a path and the adapter named behind it; a path that exists is one, colons and all."""
    before, colon, name = path.rpartition(":")
    if not colon or not name or "/" in name or os.path.lexists(path):
        return path, ""
    return before, name


def _read_named(path: str, adapter: Adapter | None, before: Before | None, ledger: Ledger) -> None:
    if os.path.isdir(path):
        _read_folder(path, ADAPTERS if adapter is None else (adapter,), before, ledger)
        return
    with opened_fresh(path, before) as file:
        head = _head(file)
        if adapter and not adapter.fits(head):
            raise Unusable(f"it is {described(head)}")
        adapter = adapter or fitting(head)
        if adapter is None:
            _read(file, ledger, facts_alone=False)
            return
        ledger.rule = adapter.name
        with _readable(adapter):
            for line in adapter.read(Source(path, file, before, ledger.notes, ledger.texts)):
                ledger.take(line, None)
            if not ledger.has_metrics:
                raise Unusable("it holds no metric")


def _read_folder(folder: str, adapters: tuple[Adapter, ...], before: Before | None, ledger: Ledger) -> None:
    """Read all results of this run in a folder; of several, each has its name in front of its metrics."""
    from evalprov.reported.several import Result, latest, together

    results: list[Result] = []
    problems: list[Unusable] = []
    patterns = [pattern for one in adapters for pattern in one.patterns]
    plain = PLAIN if adapters is ADAPTERS else ()
    room = ROWS
    for path in written(folder, [*patterns, *plain], before, ledger.notes):
        if room < 0:
            ledger.notes.add("many", f"{printable(folder)} holds too many results; the first {len(results)} were read")
            break
        source = None
        try:
            with opened_fresh(path, before) as file:
                head = _head(file)
                adapter = next((one for one in adapters if is_called(path, one.patterns) and one.fits(head)), None)
                source = Source(path, file, before, ledger.notes, ledger.texts)
                if adapter:
                    with _readable(adapter):
                        lines = _with_metrics(islice(adapter.read(source), room + 1))
                elif is_called(path, plain):
                    lines = _with_metrics(_plain(file, path, ledger))
                else:
                    continue
        except (OSError, Unusable) as why:
            wanted = why.wanted if isinstance(why, Unusable) else None
            problems.append(Unusable(f"{printable(os.path.relpath(path, folder))}: {words_of(why)}", wanted))
            continue
        room -= len(lines)
        results.append(Result(path, adapter.name if adapter else "json-object", source.about, lines))
    if not results:
        raise problems[0] if problems else Unusable("no file of this run in it is of a known format")
    for problem in problems:
        ledger.notes.add("unusable", f"of the metrics files in {ledger.called}, one was not used: {problem}")
    results = latest(results, ledger.notes)
    ledger.rule = ", ".join(dict.fromkeys(one.rule for one in results))
    names = [printable(os.path.basename(one.path)) for one in results]
    ledger.channel = names[0] if len(names) == 1 else f"{ledger.channel}/ ({len(names)} results)"
    for line in together(results):
        ledger.take(line, None)


def _plain(file: IO[bytes], path: str, ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Give what a program wrote by itself as report lines."""
    own = Ledger(ledger.channel, printable(path), ledger.budget, ledger.texts.limit)
    _read(file, own, facts_alone=False)
    for scenario, metrics in own.scenarios.items():
        yield {"metrics": metrics, "scenario": scenario, ASIDE: ledger.texts.put(own.texts.of(scenario))}
    ledger.texts.left_out += own.texts.left_out
    ledger.texts.problem = ledger.texts.problem or own.texts.problem
    for text in own.notes.texts():
        ledger.notes.add((path, text), text)
    yield {"metrics": {}, "metric_summary": own.summary or None, **own.facts.said}


def _with_metrics(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = list(lines)
    if not any(line.get("metrics") or line.get("metric_summary") for line in kept):
        raise Unusable("it holds no metric")
    return kept


def _head(file: IO[bytes]) -> bytes:
    head = file.read(HEAD)
    file.seek(0)
    return head


@contextmanager
def _readable(adapter: Adapter) -> Iterator[None]:
    """Whatever is odd about one file, the other channels still count."""
    try:
        yield
    except Unusable as why:
        raise Unusable(str(why), why.wanted or adapter.wanted) from None
    except OSError:
        raise
    except Exception as error:
        raise Unusable(f"it could not be read: {type(error).__name__}: {error}", adapter.wanted) from error


def _read(file: IO[bytes], ledger: Ledger, *, facts_alone: bool) -> None:
    """Read objects that fill the file, each over many lines, or else lines."""
    first = shown(file.readline(LINE_LIMIT))
    file.seek(0)
    document = None if len(first) == LINE_LIMIT or may_be_object(first) else _document(file, ledger)
    if document:
        ledger.rule = "json-object"
    file.seek(0)
    found = _merged(ledger, document or _objects(file, ledger), facts_alone=facts_alone)
    if ledger.reports:
        if found.last and may_sum_up(found.last[0]):
            ledger.take_final(*found.last)
    elif found.last and (facts_alone or found.others == 1):
        ledger.take_bare(*found.last, "last-json-object" if facts_alone and not document else "json-object")
    elif not facts_alone:
        problem = "it is empty" if not first else _problem(first)
        raise Unusable("none of its lines has metrics" if found.others else f"it is no JSON object: {problem}")


class _Merged(NamedTuple):
    """What was read besides reports: the last object behind all of them, and how many there were."""

    last: tuple[dict[str, Any], int | None] | None
    others: int


def _merged(ledger: Ledger, objects: Iterable[tuple[dict[str, Any], int | None]], *, facts_alone: bool) -> _Merged:
    """Take in every object that is a report."""
    last, count = None, 0
    for said, number in objects:
        if _take_report(ledger, said, number, facts_alone=facts_alone):
            last = None if "metrics" in said else last
        elif not ledger.reports or may_sum_up(said):
            last = said, number
            count += 1
    return _Merged(last, count)


def _document(file: IO[bytes], ledger: Ledger) -> list[tuple[dict[str, Any], None]] | None:
    """Return the objects that are written over the whole file, if that is so."""
    if os.fstat(file.fileno()).st_size > OBJECT_LIMIT:
        return None
    try:
        return [(said, None) for said in ledger.parse_all(file.read(OBJECT_LIMIT + 1).removeprefix(BOM).strip(), None)]
    except NotAnObject:
        return None


def _objects(file: IO[bytes], ledger: Ledger) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield every object that a line holds."""
    for text, number in _lines(file, ledger):
        try:
            objects = ledger.parse_all(text, number)
        except NotAnObject as why:
            ledger.notes.add("broken", f"{ledger.at(number)} is no JSON object: {why}")
            continue
        for said in objects:
            yield said, number


def _problem(text: bytes) -> str:
    try:
        Reader().read(text)
    except NotAnObject as why:
        return str(why)
    return "its lines are none"


def _take_report(ledger: Ledger, said: dict[str, Any], line: int | None, *, facts_alone: bool) -> bool:
    """Take in an object if it is a report; in a file nobody else writes to, one may hold facts alone."""
    if "metrics" not in said and isinstance(said.get("metric_summary"), dict):
        said = {"metrics": {}, **said}
    if "metrics" in said:
        ledger.take(said, line)
        return True
    beside = KEYS | TEXT_KEYS if "scenario" in said else KEYS
    if is_failure(said) or (facts_alone and not said.keys() - beside - {"scenario"} and said.keys() & beside):
        ledger.take_facts(said, {}, line)
        return True
    return False


def _lines(file: IO[bytes], ledger: Ledger) -> Iterator[tuple[bytes, int]]:
    """Yield the lines that are not blank, as shown, with their numbers."""
    number = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        if file.tell() > FILE_LIMIT:
            ledger.notes.add("large", f"{ledger.at(number)} is past the first GiB; what follows was not read")
            return
        if len(line) > LINE_LIMIT and not line.endswith(b"\n") and begins(line):
            line += file.readline(OBJECT_LIMIT + 1 - len(line))
        if len(line) > LINE_LIMIT and not line.endswith(b"\n") and (whole := _rest(file, len(line))) > len(line):
            if begins(line[:LINE_LIMIT]):
                size = f"it is {whole / 1e6:.0f} MB long, and the bound is {OBJECT_LIMIT >> 20} MiB"
                ledger.notes.add("too long", f"{ledger.at(number)} was not read: {size}; make several lines of it")
        elif text := shown(line):
            yield text, number


def _rest(file: IO[bytes], length: int) -> int:
    """Read to the end of a line of which some was read; return how long it is."""
    while piece := file.readline(LINE_LIMIT):
        length += len(piece)
        if piece.endswith(b"\n"):
            break
    return length

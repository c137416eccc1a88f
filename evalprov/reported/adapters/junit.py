"""JUnit XML, as pytest and many other test runners write it: a scenario a test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError, ParserCreate

from evalprov.reported.adapters.source import Names, failure
from evalprov.reported.open_results import FILE_LIMIT, Unusable
from evalprov.reported.text import NESTING_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.adapters.source import Source

_CHUNK = 1 << 18
_MESSAGE = 4096
_UNSAID = "pytest"  # what pytest calls its one suite


def fits(head: bytes) -> bool:
    """Say whether this is XML with a test suite in it."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and bool(re.search(rb"<testsuites?[\s/>]", head))


def read(source: Source) -> Iterator[dict[str, Any]]:
    """Yield a line a test that ran, and at last how many there were."""
    suites = _Suites(source)
    read_bytes = 0
    while data := source.file.read(_CHUNK):
        read_bytes += len(data)
        if read_bytes > FILE_LIMIT:
            raise Unusable("it is larger than 1 GiB")
        suites.feed(data)
        yield from suites.taken()
    suites.feed(b"", last=True)
    yield from suites.taken()
    yield suites.summary()


class _Suites:
    """The tests of a file, as they come."""

    def __init__(self, source: Source) -> None:
        self._said = source.said
        self._parser = ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        # Entities of one's own are how a small file becomes a huge one.
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._doctype
        self._names = Names()
        self._done: list[dict[str, Any]] = []
        self._path: list[str] = []  # elements
        self._suites: list[str] = []
        self._case: dict[str, str] | None = None
        self._outcome = "passed"
        self._told: str | None = None  # what the outcome's own text is added to
        self._passed: list[bool] = []
        self._seconds: list[float] = []
        self._skipped = 0

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """Take the next bytes."""
        try:
            self._parser.Parse(data, last)
        except ExpatError as why:
            if "no element found" in str(why) or "unclosed token" in str(why):
                raise Unusable("it ends in the middle" if self._path else "it is no XML") from None
            raise Unusable(f"it is no XML that can be read: {why}") from None
        except (ValueError, LookupError) as why:  # an encoding that nobody knows
            raise Unusable(f"it is no XML that can be read: {why}") from None

    def taken(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the tests that are complete."""
        done, self._done = self._done, []
        yield from done

    def summary(self) -> dict[str, Any]:
        """Return the line that sums up."""
        ran = len(self._passed)
        summary: dict[str, Any] = {}
        info: dict[str, Any] = {"skipped": {"direction": "lower"}}
        if ran:
            summary["passed"] = sum(self._passed) / ran
            info["passed"] = {"n": ran, "direction": "higher"}
        if self._seconds:
            summary["seconds"] = sum(self._seconds) / len(self._seconds)
            info["seconds"] = {"n": len(self._seconds), "direction": "lower", "unit": "s"}
        summary |= {"tests": ran, "skipped": self._skipped}
        return {"metrics": {}, "metric_summary": summary, "metric_info": info}

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag not in ("testsuites", "testsuite"):
            raise Unusable(f"its root is <{tag[:40]}>")
        if len(self._path) >= NESTING_LIMIT:
            raise Unusable(f"it is nested more than {NESTING_LIMIT} deep")
        self._path.append(tag)
        if tag == "testsuite":
            self._suites.append(attributes.get("name", ""))
        elif tag == "testcase":
            self._case = attributes
            self._outcome, self._told = "passed", None
        elif self._case is not None and self._path[-2] == "testcase" and tag in ("failure", "error", "skipped"):
            # Of several, the worst counts.
            order = ("passed", "skipped", "failure", "error")
            if order.index(tag) > order.index(self._outcome):
                self._outcome = tag
                self._told = " ".join(filter(None, (attributes.get("type"), attributes.get("message"))))

    def _text(self, text: str) -> None:
        if self._told is not None and self._path[-1] in ("error", "failure") and len(self._told) < _MESSAGE:
            self._told += f"\n{text[:_MESSAGE]}"

    def _end(self, tag: str) -> None:
        self._path.pop()
        if tag == "testsuite":
            self._suites.pop()
        elif tag == "testcase" and self._case is not None:
            self._take(self._case)
            self._case = None

    def _take(self, case: dict[str, str]) -> None:
        if self._outcome == "skipped":
            self._skipped += 1
            return
        line = self._names.line(self._name(case))
        error = failure(self._told or "error") if self._outcome == "error" else None
        if error:
            line["errors"] = error
        # A test that the machine kept from running has neither passed nor failed.
        if not (error and error["kind"] == "infra"):
            line["metrics"]["passed"] = self._outcome == "passed"
            self._passed.append(self._outcome == "passed")
        if (seconds := _seconds(case.get("time"))) is not None:
            line["metrics"]["seconds"] = seconds
            self._seconds.append(seconds)
        if self._outcome == "failure":
            line |= self._said({"explanation": (self._told or "").strip()})
        self._done.append(line)

    def _name(self, case: dict[str, str]) -> str:
        """Return the test's name below its class and its suites, none of them twice."""
        called = case.get("classname", "")
        suites = [name for name in self._suites if name and name != _UNSAID and name not in called]
        return "::".join([*suites, *filter(None, (called, case.get("name", "?")))])

    def _doctype(self, *_: object) -> None:
        raise Unusable("it declares a document type or entities, which are not read")


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None

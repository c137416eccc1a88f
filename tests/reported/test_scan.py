"""What is found in the output, whatever stands around it and however it is cut."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.reported import Reported, Scanner, gather

MIB = 1 << 20


def heard(data: bytes, *cuts: int) -> Reported:
    """Return what is made of the bytes, fed in pieces cut at the given places."""
    scanner = Scanner()
    places = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(places):
        scanner.feed(data[start:end])
    return gather(scanner, None, None)


def essence(told: Reported) -> tuple[Any, ...]:
    """Return all of it but the time it took."""
    return told.facts, told.source, told.warnings, told.reason


def summary(data: bytes) -> Any:
    """Return the metric summary of the bytes."""
    return heard(data).facts["metric_summary"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"accuracy": 0.74}\n',
        b'{"accuracy": 0.74}',
        b'{"accuracy": 0.74}\r\n',
        b'{"accuracy": 0.74}\r\r\n',
        b'  \t{ "accuracy" : 0.74 }  \n',
        b'\x1b[32m{"accuracy": 0.74}\x1b[0m\n',
        b'\x1b[1;39m{\x1b[0m\x1b[34;1m"accuracy"\x1b[0m: \x1b[0;39m0.74\x1b[0m\x1b[1;39m}\x1b[0m\n',
        b'\x1b]8;;https://example.org/{x}\x1b\\{"accuracy": 0.74}\x1b]8;;\x07\n',
        b'\x1b]{"accuracy": 0.74}\n',
        b'\xef\xbb\xbf{"accuracy": 0.74}\n',
        b'\r 99%|####| 99/100\r100%|####| 100/100\r{"accuracy": 0.74}\n',
        b'\r100%|##| {"old": 1}\r\x1b[K{"accuracy": 0.74}\r\n',
        b'{"accuracy": 0.1}\n{"accuracy": 0.74}\nthe end\n',
        b'{"accuracy": 0.74}\n{"accuracy": 0.1\n',
        b'{"accuracy": 0.74}\nresult: {"accuracy": 0.1}\n',
        b'{"accuracy": 0.74}\n{"accuracy": 0.1},\n',
        b'{"accuracy": 0.74}\n{"accuracy": "\xff"}\n',
        b'{"accuracy": 0.74}\n[{"accuracy": 0.1}]\n',
        b'{"accuracy": 0.74}\n{"a": ' + b'{"a": ' * 5000 + b"1" + b"}" * 5001 + b"\n",
        b'{"accuracy": 0.74}\n{"a": ' + b"[" * 300 + b"]" * 300 + b"}\n",
        b'{"accuracy": 0.74}\n{"a": ' + b"1" * 5000 + b"}\n",
        b'{"accuracy": 0.74}\n' + b"}\n" * 50 + b'{"x}\n' * 50 + b"{x}\n" * 50,
    ],
)
def test_the_last_line_that_is_an_object_is_the_summary(line: bytes) -> None:
    """Colour, overwrites, blanks, a byte order mark and broken neighbours do not hide it."""
    for start in (b"", b"starting {now}\n"):
        for end in (b"", b"\n" + b"{}}\n" * 100):
            assert summary(start + line + end) == {"accuracy": 0.74}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n\n",
        b"accuracy 0.74\n",
        b"{'accuracy': 0.74}\n",
        b'0.74\n"accuracy"\n[0.74]\ntrue\n',
        b'{"accuracy": 0.74}\rdone\n',
        b'{"metrics": {"accuracy": 0.74}} done\n',
    ],
)
def test_no_object_is_no_metrics_with_a_reason(line: bytes) -> None:
    """Nothing is made up, and null is told from empty."""
    told = heard(line)
    assert (told.facts["metric_summary"], told.facts["metrics"], told.source) == (None, None, None)
    assert told.reason


def test_an_object_without_numbers_is_no_metrics() -> None:
    """The record says which line it was, and what it held."""
    told = heard(b'{"status": "done", "parts": [1, 2]}\n')
    assert told.facts["metric_summary"] is None
    assert told.reason == "what was reported on stdout line 1 holds no metric"
    assert told.warnings == ['stdout line 1 is a JSON object without a number in it: "status", "parts"']
    assert summary(b'{"accuracy": 0.5}\n{}\n') == {"accuracy": 0.5}
    assert summary(b'{"accuracy": 0.5}\n{"status": "done"}\n') == {"accuracy": 0.5}


def test_the_source_is_told() -> None:
    """Channel, line and rule say where the metrics came from."""
    told = heard(b'one\ntwo\n{"accuracy": 0.74}\nfour\n')
    assert told.source == {"channel": "stdout", "line": 3, "rule": "last-json-object", "reports": 1}
    assert told.facts["output"]["metrics_source"] == told.source
    told = heard(b'{"metrics": {"a": 1}}\n\nthree\n{"metrics": {"b": 1}}\n{"accuracy": 0.74}\n')
    assert told.source == {"channel": "stdout", "line": 4, "rule": "report-line", "reports": 2}
    assert told.facts["metric_summary"] == {"a": 1, "b": 1}


NOISE = st.sampled_from(
    [
        b"words\n",
        b"{}}\n" * 30,
        b"\r 10%|#| {x\r",
        b"}\n",
        b"{x}\n",
        b'{"x}\n',
        b"\xff\xfe\n",
        b"\n",
        b"\r\n",
        b"\x1b[2K",
        b"{\n",
        b" ",
    ]
)
OBJECTS = st.sampled_from(
    [
        b'{"accuracy": 0.5}\n',
        b'{"accuracy": 0.25, "model": "m"}\r\n',
        b'{"metrics": {"a": 1}}\n',
        b'\x1b[1m{"metrics": {"s": {"a": 2}}}\x1b[0m\n',
        b'{"scenario": "t", "metrics": {"a": true}}\n',
        b'{"metrics": 3}\n',
    ]
)
OVER_LINES = st.sampled_from(
    [
        b'{"metrics": \r{"a": 1}\r',
        b'{\n "metrics": {\n  "x":\r  "a": 1\n }\n}\n',
        b'{\r\n "b":\r "b": 2,\r\r\n\r "c": {}\r\n}\r\n',
    ]
)


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.one_of(NOISE, OBJECTS, OVER_LINES), max_size=40), data=st.data())
def test_how_the_stream_is_cut_does_not_matter(pieces: list[bytes], data: st.DataObject) -> None:
    """The result of any output is the same in one piece, byte by byte, and cut anywhere."""
    whole = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
    expected = essence(heard(whole))
    assert essence(heard(whole, *cuts)) == expected
    assert essence(heard(whole, *range(len(whole)))) == expected


def test_a_report_over_many_lines_before_many_short_ones_is_read_however_they_come() -> None:
    """What is kept of the output's end is as long line by line as in one piece."""
    report, short = b'{\n "metrics": {\n  "x":\r  "a": 1\n }\n}\n', b"x\n" * 70_000
    data = report + short
    told = heard(data, *range(len(report), len(data), 2))
    assert told.facts["metric_summary"] == {"a": 1}
    assert essence(told) == essence(heard(data))


@settings(max_examples=50, deadline=None)
@given(before=st.lists(NOISE, max_size=60), after=st.lists(NOISE, max_size=60))
def test_noise_around_does_not_matter(before: list[bytes], after: list[bytes]) -> None:
    """A line of its own is found between any others."""
    data = b"".join([*before, b'\n{"accuracy": 0.74}\n', *after])
    assert summary(data) == {"accuracy": 0.74}


@settings(max_examples=50, deadline=None)
@given(
    lines=st.lists(st.one_of(st.text(max_size=30).map(str.encode), st.binary(max_size=40), OBJECTS), max_size=30),
    lookalikes=st.sampled_from([0, 100]),
)
def test_the_last_object_is_the_one_that_a_plain_reading_finds(lines: list[bytes], lookalikes: int) -> None:
    """The search from the end, and the one through the whole behind it, agree with parsing every line."""
    data = b"\n".join([*lines, b"", b"{}}\n" * lookalikes])
    objects = []
    for line in data.split(b"\n"):
        text = line.rstrip(b"\r").rpartition(b"\r")[2].strip().removeprefix(b"\x1b[1m").removesuffix(b"\x1b[0m")
        try:
            said = json.loads(text.decode())
        except ValueError:
            continue
        if isinstance(said, dict):
            objects.append(said)
    told = heard(data)
    if any(isinstance(said.get("metrics"), dict) for said in objects):
        assert told.source is not None
        assert told.source["rule"] == "report-line"
    elif objects and "accuracy" in objects[-1]:
        assert told.facts["metric_summary"] == {"accuracy": objects[-1]["accuracy"]}
    else:
        assert told.facts["metric_summary"] is None


def long_line(size: int, start: bytes = b'{"metrics": {"accuracy": 0.5, "text": "') -> bytes:
    """Return an object of a size."""
    return start + b"x" * (size - len(start) - 3) + b'"}}'


@pytest.mark.parametrize("size", [MIB, MIB + 1, 5 * MIB])
def test_a_long_line_is_read_as_a_report_or_as_the_last_object(size: int) -> None:
    """Its length is no matter; one before the last object is none of its business."""
    assert summary(b"x\n" + long_line(size) + b"\nend\n") == {"accuracy": 0.5}
    rows = long_line(size, b'{"n": 3, "row": {"a": "') + b"\n"
    assert summary(b'{"accuracy": 0.5}\n' + rows) == {"n": 3}
    told = heard(rows + b'{"accuracy": 0.5}\n')
    assert told.facts["metric_summary"] == {"accuracy": 0.5}
    assert all("passed over" in warning for warning in told.warnings)
    broken = heard(b'{"accuracy": 0.5}\n' + long_line(5 * MIB, b'{"n": 3, "row": {"a": "')[:-3] + b"}\n")
    assert broken.facts["metric_summary"] == {"accuracy": 0.5}
    assert "stdout line 2 looks like metrics and was not read" in broken.warnings[0]


def test_a_line_beyond_the_bound_is_named_with_its_size_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over in flat memory, and what follows is read."""
    monkeypatch.setattr("evalprov.reported.scan.OBJECT_LIMIT", 4 * MIB)
    told = heard(b"x\n" + long_line(9 * MIB) + b'\n{"metrics": {"n": 1}}\n')
    assert told.facts["metric_summary"] == {"n": 1}
    assert told.source is not None
    assert told.source["line"] == 3
    assert told.warnings == [
        (
            "stdout line 2 looks like metrics and was not read: it is 9 MB long, and the bound is 4 MiB; "
            "make several lines of it, or write them to the file $EVALPROV_REPORT"
        )
    ]


def test_a_long_line_takes_a_few_times_its_length() -> None:
    """No copies of it pile up."""
    line = json.dumps({"metrics": {"accuracy": 0.5}, "config": {"text": "x" * (24 * MIB)}}).encode() + b"\n"
    tracemalloc.start()
    try:
        scanner = Scanner()
        for at in range(0, len(line), MIB):
            scanner.feed(line[at : at + MIB])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(line)


@pytest.mark.parametrize("piece", [1000, 65536, MIB, 3 * MIB])
def test_a_long_line_may_be_overwritten(piece: int) -> None:
    """Only what stands after the last carriage return counts against the bound."""
    data = b'{"metrics": "' + b"x" * (2 * MIB) + b'\r{"accuracy": 0.5}\r\n' + b"\r50%|##   |" * 200_000 + b"\n"
    told = heard(data, *range(0, len(data), piece))
    assert told.facts["metric_summary"] == {"accuracy": 0.5}
    assert told.warnings == []


@pytest.mark.parametrize("piece", [7, 200])
def test_a_failure_that_overwrites_a_report_is_heard_however_it_comes(piece: int) -> None:
    """A report that a carriage return let others overwrite hides no scenario that failed behind it."""
    data = b'{"metrics": {"a": 1}, "t\r{"scenario": "s1", "error": "no answer"}\n'
    told = heard(data, *range(0, len(data), piece))
    assert [error["scenario"] for error in told.facts["errors"]] == ["s1"]


def test_memory_stays_flat() -> None:
    """Scanning many times what is kept back takes no more memory than that."""
    lines = b'{"row": 1, "text": "%s"}\n' % (b"x" * 200)
    chunk = lines * (MIB // len(lines))
    scanner = Scanner()
    tracemalloc.start()
    try:
        for number in range(64):
            scanner.feed(chunk + b'{"row": %d}\n' % number)
        scanner.feed(b"{" * (3 * MIB))
        for _ in range(64):
            scanner.feed(b"no line end " * 10_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    assert gather(scanner, None, None).facts["metric_summary"] == {"row": 63}


def test_too_many_lookalikes_are_not_a_silent_guess() -> None:
    """Where not every line that looks like an object can be tried, the record says so."""
    told = heard(b'{"accuracy": 0.5}\n' + b'{"x}\n' * 20_000)
    assert told.facts["metric_summary"] is None
    assert told.warnings == ["no metrics were found; too many lines look like JSON objects to try them all"]
    scanner = Scanner()
    for _ in range(8):
        scanner.feed(b'{"accuracy": 0.5}\n' + b"words\n" * 200_000)
    scanner.feed(b'{"x}\n' * 50_000)
    told = gather(scanner, None, None)
    assert told.facts["metric_summary"] == {"accuracy": 0.5}
    assert "too many lines after it look like JSON objects to try them all" in told.warnings[0]
    assert summary(b'{"x}\n' * 20_000 + b'{"accuracy": 0.5}\n') == {"accuracy": 0.5}


def test_a_line_number_counts_every_line() -> None:
    """Lines of every kind before it count, across pieces of any size."""
    rows = [b"words\n", b"\n", b'{"row": 1}\n', b"\x1b[1mx\r\ny\n", b'{"a": {"metrics": 1}}\n'] * 5000
    data = b"".join(rows)
    line = data.count(b"\n") + 1
    for cut in (777, 65536, len(data)):
        told = heard(data + b'{"metrics": {"a": 1}}\n', *range(0, len(data), cut))
        assert told.source is not None
        assert told.source["line"] == line

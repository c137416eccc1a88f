"""The page of one run."""

from __future__ import annotations

from typing import Any

from comparisons import scored
from diffing import put, record
from reading_pages import NASTY, ReadPage, complaints, hostile_run

from evalprov.judge.rules import NO_RULES
from evalprov.record.manifest import Manifest
from evalprov.report import single


def page(run: Manifest, **output: bytes) -> ReadPage:
    """Return a run's page, of which all is well."""
    text = single.page(run, NO_RULES, output)
    assert complaints(text) == []
    return ReadPage(text)


def test_the_run_is_there_in_its_parts() -> None:
    """What it scored, which scenarios failed, where its time went, and what ran."""
    run: Any = record(metrics=scored(1, 0.9, 6.0))
    run["stages"], run["duration_seconds"] = {"retrieve": 1.0, "ask": 2.0}, 4.0
    run["errors"] = [{"kind": "task", "message": "no answer", "scenario": "case-0150", "stderr_tail": "line 7\n"}]
    said = page(run).said
    assert said.count("20260920T143000Z: correct_mean") == 2
    assert "correct_mean : right" not in said
    assert "200 scenarios; there are errors of 1" in said
    assert "errors first, then worst first by correct" in said
    (_, _, rows) = said.partition("error case-0150")
    assert rows  # the one that failed stands first
    assert "task in case-0150 no answer line 7" in said
    assert "retrieve 1.00s 25% ask 2.00s 50% in no stage 1.00s 25%" in said
    assert "python eval.py --n 5" in said


def test_what_it_used_is_drawn_over_time() -> None:
    """A line for CPU, for memory, for processes and for each card; a gap is a gap, and what is not known is said."""
    cards = [{"index": n, "uuid": None, "percent": [10.0, 20.0, 90.0], "memory_bytes": [1, None, 3]} for n in (0, 1)]
    gpu = {"seconds": [1.0, 2.0, 3.0], "devices": cards, "reason": "one card did not answer"}
    series = {
        "seconds": [1.0, 2.0, 3.0, 4.0], "cpu": [0.5, 3.5, None, 1.0], "memory_bytes": [10**6, 2 * 10**9, 10**9, 10**6],
        "processes": [1, 4, 4, 1], "gpu": gpu,
    }  # fmt: skip
    read = page(record(put("resources/series", series)))
    assert "cores in use: at most 3.5" in read.said
    assert "memory: at most 2.0 GB" in read.said
    assert "GPU use by all, per cent: at most 90" in read.said
    assert "one card did not answer" in read.said
    lines = [of for of in read.named("path") if of.get("class") == "line c0 thick"]
    assert len(lines) == 2 + 1 + 1 + 1 + 2  # of CPU, memory, processes, and the first card's two
    assert page(record(put("resources/series", {**series, "seconds": [1.0]}))).said.count("cores in use") == 0


def test_the_end_of_the_output_is_as_a_terminal_would_show_it() -> None:
    """Colours are gone, a progress bar shows where it ended, anything else that could act is spelled out."""
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    said = page(record(), stdout=lines, stderr=b"\x1b[31mbad\x1b[0m\n10%\r50%\r100%\r\n\x1b]0;owned\x07\xff\n").said
    assert "line 800" in said
    assert "line 799" not in said
    assert "bad 100% \\x1b]0;owned\\x07\N{REPLACEMENT CHARACTER}" in said
    assert "50%" not in said
    assert "what it printed last" not in page(record(), stdout=b"\n\n").said


def test_a_run_without_metrics_says_why() -> None:
    """Nothing is drawn that is not known."""
    run = record(metrics={})
    run["metric_summary"] = None
    run["capture"]["metrics"] = {"status": "absent", "ms": 0.0, "reason": "no line was a JSON object"}
    said = page(run).said
    assert "no metrics seen" in said
    assert "no line was a JSON object" in said
    assert "by scenario" not in said


def test_hostile_words_stand_for_themselves() -> None:
    """Names, errors, stages, output: all of it is text."""
    page(hostile_run(0), stdout=NASTY.encode("utf-8", "replace"), stderr=b"\x00" * 100_000)

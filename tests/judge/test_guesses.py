"""A direction that only the metric's name tells: a guess, marked as one, on which nothing is called a regression."""

from __future__ import annotations

import pytest
from diffing import answers, diff
from diffing import record as whole
from gate_runs import BASELINE, RUN, held, rate, record, rules

from evalprov.judge.metric_diff import Side
from evalprov.page import Remark
from evalprov.record.manifest import Manifest
from evalprov.views import diff_words
from evalprov.views.diff_screen import rows
from evalprov.views.diff_words import FoundDifference
from evalprov.views.gate import lines_of


@pytest.mark.parametrize("after", [50, 100])
def test_a_real_move_on_a_guess_is_no_regression_and_no_pass(after: int) -> None:
    """Either way the gate says that it moved, and the one line that would make it judge."""
    gate = held(record(BASELINE, {"zork_quality": rate(75)}), record(RUN, {"zork_quality": rate(after)}))
    assert gate.exit_code == 3
    assert "it moved, and that more is better is guessed from its name" in gate.why
    assert 'direction = "higher" in [metrics.zork_quality_mean]' in gate.why


def test_what_did_not_move_passes_on_a_guess() -> None:
    """Which way is better matters only for what moved."""
    same = {"zork_quality": rate(75)}
    assert held(record(BASELINE, same), record(RUN, same)).verdict == "pass"
    assert held(record(BASELINE, same), record(RUN, {"zork_quality": rate(74)})).verdict == "pass"


def test_a_move_within_the_tolerance_passes_on_a_guess() -> None:
    """Whichever way it went, somebody said that so much is accepted; beyond it the direction must be known."""
    pair = record(BASELINE, {"zork_quality": rate(75)}), record(RUN, {"zork_quality": rate(50)})
    assert held(*pair, rules(zork_quality={"tolerance": 0.3})).verdict == "pass"
    assert held(*pair, rules(zork_quality={"tolerance": 0.1})).verdict == "not_evaluated"


@pytest.mark.parametrize(("way", "verdict"), [("higher", "regression"), ("lower", "pass")])
def test_a_confirmed_direction_decides(way: str, verdict: str) -> None:
    """The settings' word is no guess."""
    pair = record(BASELINE, {"zork_quality": rate(75)}), record(RUN, {"zork_quality": rate(50)})
    assert held(*pair, rules(zork_quality={"direction": way})).verdict == verdict


def test_a_proven_regression_outweighs_a_guess() -> None:
    """Of a known metric that fell and a guessed one that rose the first decides."""
    a, b = {"ok": rate(75), "zork_quality": rate(50)}, {"ok": rate(50), "zork_quality": rate(75)}
    assert held(record(BASELINE, a), record(RUN, b)).verdict == "regression"


def test_a_guess_is_marked_on_the_screen() -> None:
    """In the first line, in the column of what is wanted, in the verdict and beside it; a known one is not."""
    pair = whole(metrics=answers(150, name="zork_quality")), whole(run=1, metrics=answers(100, name="zork_quality"))
    found = diff(*pair)
    (metric,) = found.metrics
    assert found.answer.sentence.startswith("zork_quality_mean is worse for real (if more is better), 0.75 -> 0.5")
    assert (diff_words.wanted(metric), diff_words.verdict(metric)) == ("high?", "worse, by a guess")
    assert any("is guessed from its name" in words for _, words in diff_words.remarks(found.metrics))
    (known,) = diff(whole(metrics=answers(150)), whole(run=1, metrics=answers(100))).metrics
    assert (diff_words.wanted(known), diff_words.verdict(known)) == ("high", "worse")


def test_a_guess_is_marked_in_a_pipe() -> None:
    """The way and the verdict have a question mark there, and the row of what is to be known says what confirms it."""
    pair = whole(metrics=answers(150, name="zork_quality")), whole(run=1, metrics=answers(100, name="zork_quality"))
    lines = {row[0]: row for row in piped(*pair)}
    assert (lines["metric"][1], lines["metric"][-1]) == ("higher?", "worse?")
    assert "is guessed from its name" in lines["about"][2]
    known = next(
        row for row in piped(whole(metrics=answers(150)), whole(run=1, metrics=answers(100))) if row[0] == "metric"
    )
    assert (known[1], known[-1]) == ("higher", "worse")


def test_what_would_be_missed_stands_beside_every_metric_within_noise() -> None:
    """In a pipe as on the screen, and of the gate's metrics beside a pass."""
    noisy = {name: {"a": answers(150)[name]["correct"], "b": answers(149)[name]["correct"]} for name in answers(150)}
    other = {name: {"a": row["b"], "b": row["a"]} for name, row in noisy.items()}
    (row,) = [row for row in piped(whole(metrics=noisy), whole(run=1, metrics=other)) if row[0] == "about"]
    assert row[1] == "would miss a move"
    assert row[2].startswith("a_mean below 0.0")
    assert "b_mean below 0.0" in row[2]
    names = "a_accuracy", "b_accuracy"
    first, second = (dict(zip(names, map(rate, ones), strict=True)) for ones in ((75, 74), (74, 75)))
    gate = held(record(BASELINE, first), record(RUN, second))
    said = [block.text for block in lines_of(gate, per_scenario=False) if isinstance(block, Remark)]
    assert any(text.startswith("would miss a fall: a_accuracy_mean below 0.") for text in said)
    alone = held(record(BASELINE, {"ok": rate(75)}), record(RUN, {"ok": rate(74)}))
    assert alone.why.startswith("ok_mean did not regress; a fall below 0.")


def piped(a: Manifest, b: Manifest) -> list[tuple[str, ...]]:
    """Return the rows that a pipe gets of two runs."""
    sides = Side((a,)), Side((b,))
    return list(rows(FoundDifference(*sides, False, diff(a, b), None, [], diff_words.PARTS, False)))

"""A direction that only the metric's name tells: a guess, marked as one, on which nothing is called a regression."""

from __future__ import annotations

import pytest
from diffing import answers, diff
from diffing import record as whole
from gate_runs import BASELINE, RUN, held, rate, record, rules

from evalprov.views import diff_words


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

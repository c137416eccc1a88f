"""The page of two runs: it says what the terminal says, and draws every scenario."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from comparisons import found, scored
from diffing import OTHER, answers, put, record
from hypothesis import given
from hypothesis import strategies as st
from reading_pages import ReadPage, complaints, hostile_run

from evalprov.record.manifest import Manifest
from evalprov.report import html, pair, spread
from evalprov.report.values import LISTED, values
from evalprov.views import diff_screen, diff_words
from evalprov.views.links import commit_page

WARM = put("model_config/temperature", 0.7)


def two(of: int = 200) -> tuple[Manifest, Manifest]:
    """Two runs that differ in their prompt and their model's temperature, and in every metric."""
    return (
        record(metrics=scored(1, 0.95, 6.0, of)),
        record(WARM, put("prompts/plan/sha256", OTHER), run=1, metrics=scored(2, 0.7, 6.2, of)),
    )


def drawn(a: Any, b: Any, **how: Any) -> ReadPage:
    """Return the page of two runs, of which all is well."""
    page = pair.page(found(a, b, **how))
    assert complaints(page) == []
    return ReadPage(page)


def classed(page: ReadPage, name: str, class_: str) -> list[dict[str, str | None]]:
    """Return the elements of a name and class."""
    return [of for of in page.named(name) if class_ in (of.get("class") or "").split()]


def test_page_and_terminal_say_the_same() -> None:
    """The answer, each metric's numbers, interval and verdict, each change and each layer's state are the same."""
    a, b = two()
    of = found(a, b)
    said = drawn(a, b).said
    assert said.count(of.diff.answer.sentence) == 2  # as title, and first on the page
    for metric in of.diff.metrics:
        assert f"{metric.name}" in said
        assert all(cell in said for cell in (*diff_words.moved(metric), diff_words.verdict(metric)))
    for _, pairs in diff_screen.blocks(of, pair.WIDTH):
        assert all(value in said for _, value in pairs if "," not in value)
    for names, words in diff_words.remarks(diff_screen.in_order(of.diff.metrics)):
        assert names in said
        assert words in said


def test_each_scenario_is_a_cell_in_one_of_four_groups() -> None:
    """What stayed and what is new, right or wrong, is told and drawn for each of 200 scenarios."""
    a, b = record(metrics=answers(150)), record(WARM, run=1, metrics=answers(100))
    page = drawn(a, b)
    for words in ("stayed right: 100", "newly right: 0", "newly wrong: 50", "stayed wrong: 50"):
        assert words in page.said
    cells = Counter(of["class"] for of in classed(page, "rect", "worse") + classed(page, "rect", "better"))
    assert cells == {"better wash": 100, "worse": 50, "worse wash": 50}


def test_lower_may_be_better_and_nobody_may_know() -> None:
    """Where 1 is bad, to become 0 is to become right; where nobody knows, no answer is called right or wrong."""
    bad = [{f"t{i}": {"toxic": i < ones, "topic": i < ones - 10} for i in range(100)} for ones in (60, 20)]
    page = drawn(record(metrics=bad[0]), record(WARM, run=1, metrics=bad[1]))
    assert "newly right: 40" in page.said
    assert "newly 0: 40" in page.said
    assert "newly wrong: 0" in page.said


def test_marks_and_names_lead_to_rows_that_are_there() -> None:
    """Every link within the page and every mark has its target; what moved most comes first."""
    a, b = two()
    page = drawn(a, b)
    ids = {of["id"] for _, of in page.elements if "id" in of}
    leads = [of["data-to"] for _, of in page.elements if "data-to" in of]
    leads += [(of["href"] or "")[1:] for of in page.named("a") if (of["href"] or "").startswith("#")]
    assert len(leads) > 500
    assert set(leads) <= ids
    (slow,) = [one for one in values(found(a, b)) if one.metric.name == "latency_ms_mean"]
    sizes = [abs(one.b - one.a) for one in slow.most]
    assert sizes == sorted(sizes, reverse=True)
    assert [one.name for one in slow.most[:10]] == [one.scenario for one in slow.metric.moves]
    assert all(one.way == ("worse" if one.b > one.a else "better") for one in slow.most)


def test_many_scenarios_take_little_room() -> None:
    """The page of 10,500 scenarios of three metrics is small: dots become squares, cells a pattern, the list ends."""
    a, b = two(of=10_500)
    text = pair.page(found(a, b))
    assert len(text) < 400_000
    page = ReadPage(text)
    assert len([of for of in page.named("tr") if of.get("id")]) == 3 * LISTED
    assert "One cell is 2 scenarios." in page.said
    assert "the darker a square, the more of them" in page.said
    assert re.search(r"and [\d,]+ more scenarios", page.said)


def test_repeats_are_drawn_run_by_run() -> None:
    """Each run of a repeat is a dot; their spread is told in numbers."""
    sides = [
        [
            record(run=10 * side + trial, metrics=scored(10 * side + trial, 0.9 - side / 5, 6.0, 50))
            for trial in range(3)
        ]
        for side in (0, 1)
    ]
    page = drawn(*sides)
    dots = [of for of in page.named("circle") if (of.get("class") or "") in ("a dot", "b dot")]
    assert len(dots) == 3 * 2 * 3
    trials = [run["metric_summary"]["correct_mean"] for run in sides[0]]  # type: ignore[index]
    assert f"A mean {np.mean(trials):.4g}, deviation {np.std(trials, ddof=1):.4g} in 3 runs" in page.said


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.sampled_from(spread.SHARES))
def test_percentiles_are_those_that_everybody_means(numbers: list[float], share: float) -> None:
    """They are numpy's."""
    assert spread.quantile(sorted(numbers), share) == pytest.approx(
        float(np.quantile(numbers, share)), rel=1e-9, abs=1e-9
    )


def test_high_percentiles_of_few_values_are_not_made_up() -> None:
    """The 99th of 50 values would be the largest: it is said that they are too few."""
    page = drawn(*two(of=50))
    assert re.search(r"p95 [\d.]+ [\d.]+ [+-][\d.]+ \([+-]\d+%\) p99 too few too few -", page.said)


def test_what_the_record_does_not_know_is_said() -> None:
    """Layers that are not known, or the same by name only, and what was not captured, each with its reason."""
    a, b = (
        record(),
        record(put("code/tree", None), put("data/sets/tickets/sha256", None), WARM, run=1, metrics=answers(100)),
    )
    b["capture"]["gpu"] = {"status": "failed", "ms": 1.0, "reason": "no driver answers"}
    of = found(a, b)
    page = drawn(a, b)
    (_, _, said) = page.said.rpartition("what the record does not know")
    states = {layer.state for layer in of.diff.layers.values()}
    assert states & {"unknown", "named"}
    for name, layer in of.diff.layers.items():
        if layer.state in ("unknown", "named"):
            assert f"{name} " in said
            assert (layer.reason or "") in said
    assert "B gpu no driver answers" in said


def test_where_all_is_proven_that_is_said() -> None:
    """A page with nothing unknown says so, and does not just lack the words."""
    assert "Every layer is held by content or observation on both sides." in drawn(record(), record(run=1)).said


def test_the_present_state_has_layers_and_no_metrics() -> None:
    """What would differ if it ran now is told without scores."""
    page = drawn(record(), record(WARM, metrics={}), present=True)
    assert "changed since 20260920T143000Z: model (temperature 0 -> 0.7)" in page.said
    assert "by scenario" not in page.said


@pytest.mark.long
def test_hundreds_of_metrics_are_bounded() -> None:
    """All have a row up to a bound, the first some are drawn, and what is left out is counted."""
    rows = [{f"t{i}": {f"m{n}": (i * n + side * i) % 7 for n in range(1, 401)} for i in range(8)} for side in (0, 1)]
    page = drawn(record(metrics=rows[0]), record(WARM, run=1, metrics=rows[1]))
    assert len(page.named("figure")) < 60
    assert "and 100 more metrics (evalprov diff --json has all)" in page.said


def test_hostile_words_stand_for_themselves() -> None:
    """Names, notes, reasons, addresses: whatever an eval, a user or a machine says is text."""
    drawn(hostile_run(0), hostile_run(1))
    assert len(pair.page(found(hostile_run(0), hostile_run(1)))) < 400_000


def test_a_commit_is_linked_where_its_page_is_known() -> None:
    """Of well-known hosts; of others nobody knows how a commit's page is called."""
    run = record()
    for remote, page in {
        "git@github.com:acme/evals.git": f"https://github.com/acme/evals/commit/{'1' * 40}",
        "https://gitlab.com/a/b/c.git": f"https://gitlab.com/a/b/c/-/commit/{'1' * 40}",
        "ssh://git@bitbucket.org:22/a/b": f"https://bitbucket.org/a/b/commits/{'1' * 40}",
        "https://git.example.org/a/b": None,
        "../evals": None,
        "https://github.com.evil.org/a/b": None,
        "x" * 10**6: None,
    }.items():
        run["git"]["remotes"] = {"origin": remote}
        assert commit_page(run) == page
    assert html.link(f"https://github.com/acme/evals/commit/{'1' * 40}", "c").startswith("<a ")

"""`show --scenario` and `diff --scenario`: what one scenario measured and said, and how that changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from conftest import Project
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.cli.scenarios import found_scenarios
from evalprov.errors import EvalprovError
from evalprov.explain.scenario import ScenarioFacts, ScenarioPair
from evalprov.page import Line
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest
from evalprov.views.scenarios import _cells, pair_page, rows

EVAL = """\
import json, sys
for name, said in {"a": "the cat sat\\non the mat", "b/1": "no", "b/2": "maybe"}.items():
    said = said.replace("cat", sys.argv[1])
    more = {"group": name[0], "input": "Q?", "output": said}
    print(json.dumps({"scenario": name, "metrics": {"ok": said != "no"}, **more}))
print(json.dumps({"scenario": "failed", "error": "no answer", "output": "I thi"}))
"""


def run(names: Iterable[str]) -> Manifest:
    """Return a record with these scenarios."""
    return {**blank("20260101T000000Z", "2026-01-01T00:00:00Z"), "scenarios_run": list(names)}


def text_of(blocks: Iterable[Any]) -> list[str]:
    """Return the lines of a page."""
    return ["".join(text for text, _ in block.pieces) for block in blocks if isinstance(block, Line)]


def pair(a: str, b: str) -> ScenarioPair:
    """Return a scenario that was answered like this."""
    sides = (ScenarioFacts({"ok": True}, None, [], {"input": "Q", "output": said}) for said in (a, b))
    return ScenarioPair("s", *sides)


def test_what_a_scenario_said_is_shown_and_held_against_another_runs(project: Project) -> None:
    """Metrics, group, errors and texts of a scenario; of two runs the words that differ, in stable lines or as JSON."""
    project.write("e.py", EVAL)
    for animal in ("cat", "dog"):
        assert project.run("python3", "e.py", animal).returncode == 0
    shown = project.evalprov("show", "--scenario", "a", "--scenario", "failed").stdout.decode()
    assert "  the dog sat\n  on the mat\n" in shown
    assert "no answer" in shown
    assert "I thi" in shown
    assert json.loads(project.evalprov("show", "--scenario", "b/1", "--json").stdout)["scenarios"] == [
        {
            "scenario": "b/1",
            "metrics": {"ok": False},
            "group": "b",
            "errors": [],
            "texts": {"input": "Q?", "output": "no"},
        }
    ]
    lines = project.evalprov("diff", "latest~1", "latest", "--scenario", "a").stdout.decode().splitlines()
    assert lines == [
        "scenario\twhat\ta\tb\twords",
        "a\tmetric ok\ttrue\ttrue\t",
        "a\tinput\tQ?\tQ?\t",
        "a\toutput\tthe cat sat\\non the mat\tthe dog sat\\non the mat\tthe [-cat-]{+dog+} sat\\non the mat",
    ]
    told = json.loads(project.evalprov("diff", "latest~1", "latest", "--scenario", "a", "--json").stdout)
    assert told["scenarios"][0]["edits"] == {
        "output": [[" ", "the "], ["-", "cat"], ["+", "dog"], [" ", " sat\non the mat"]]
    }
    assert "3 input, 4 output texts of 4 scenarios" in project.evalprov("show").stdout.decode()


def test_texts_that_are_gone_are_told(project: Project) -> None:
    """What else is known is shown, and one line says which file is gone; unknown scenarios name those like them."""
    project.write("e.py", EVAL)
    project.run("python3", "e.py", "cat")
    (kept,) = (project.path / "metrics/objects").iterdir()
    kept.unlink()
    done = project.evalprov("show", "--scenario", "b/1")
    assert done.returncode == 0
    assert b"false" in done.stdout
    assert b"said for its scenarios is gone" in done.stderr
    assert str(kept).encode() in done.stderr
    unknown = project.evalprov("show", "--scenario", "b")
    assert unknown.returncode == 2
    assert b"like it are: b/1, b/2" in unknown.stderr
    refused = project.evalprov("diff", "latest", "latest", "--scenario", "a", "--markdown")
    assert refused.returncode == 2


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("case-1", "like it are: case-10, case-11"),
        ("CASE-11", "like it are: case-11"),
        ("cose-10", "like it are: case-10"),
        ("\u202e\x1b" * 500, "there are: case-10, case-11, other/thing"),
    ],
)
def test_an_unknown_scenario_names_near_ones(wanted: str, hint: str) -> None:
    """Those that hold what was typed come first, then those that are much alike, then any."""
    with pytest.raises(EvalprovError) as problem:
        found_scenarios("/nowhere", [run(("case-10", "case-11", "other/thing"))], [wanted])
    assert problem.value.hint.startswith(hint)


def test_a_scenario_that_one_run_lacks_is_shown_of_the_other() -> None:
    """It is no error, and said; a run without any scenario says so."""
    (found,), _ = found_scenarios("/nowhere", [run("a"), run("ab")], ["b"])
    assert found.a is None
    assert "A  1  does not have it" in text_of(pair_page(("1", "2"), [found], [], 80, colour=True))
    with pytest.raises(EvalprovError, match="reported none"):
        found_scenarios("/nowhere", [run("")], ["b"])


def test_two_texts_stand_beside_each_other_where_there_is_room() -> None:
    """On a wide terminal both in one line, on a narrow one below each other; without colour words are in brackets."""
    found = pair("the cat sat", "the dog sat")
    wide = text_of(pair_page(("1", "2"), [found], [], 100, colour=True))
    assert any(re.fullmatch(r"  the cat sat +\| the dog sat", one) for one in wide)
    plain = text_of(pair_page(("1", "2"), [found], [], 100, colour=False))
    assert any(re.fullmatch(r"  the \[-cat-\] sat +\| the \{\+dog\+\} sat", one) for one in plain)
    narrow = text_of(pair_page(("1", "2"), [found], [], 60, colour=True))
    assert narrow.index("  the cat sat") < narrow.index("  the dog sat")
    assert "input  the same" in narrow


TEXTS = st.text(alphabet="ab \n\t\x1b\u202e\u6771\u0301\U0001f600|-+", max_size=150)


@settings(max_examples=40)
@given(TEXTS, TEXTS, st.sampled_from([20, 99, 100, 133]))
def test_no_text_breaks_the_page(a: str, b: str, width: int) -> None:
    """Whatever was said, no line is wider than the terminal, and nothing in it steers one."""
    for one in text_of(pair_page(("1", "2"), [pair(a, b)], [], width, colour=True)):
        assert _cells(one) <= max(width, 30)
        assert "\x1b" not in one
    assert all(len(row) == 5 for row in rows([pair(a, b)]))

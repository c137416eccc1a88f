"""Numbers as people read them, wherever they are printed."""

from __future__ import annotations

import re
import sys

import pytest
from conftest import Project

from evalprov import render


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.9199999999999999, "0.92"),
        (0.1 + 0.2, "0.3"),
        (2 / 3, "0.6667"),
        (12.0, "12"),
        (12345.678901, "12346"),
        (-98765.4321, "-98765"),
        (0.000012345678, "1.235e-05"),
        (1e15, "1.000e+15"),
        (123456789, "123456789"),
        (0.0, "0"),
        (True, "true"),
        (False, "false"),
        (None, "-"),
    ],
)
def test_a_number_has_four_digits_or_all_before_the_point(value: object, shown: str) -> None:
    """What a computer adds behind them tells nobody anything."""
    assert render.number(value) == shown


def test_no_view_shows_digits_that_nobody_asked_for(project: Project) -> None:
    """The summary line, the list, a record, a comparison and the gate round; the record keeps every bit."""
    code = (
        "import json\n"
        "for n in range(6):\n"
        "    said = {'ok': 0.1 + 0.2 * n / 3, 'latency': 12345.678901234567 * n}\n"
        "    print(json.dumps({'scenario': f's{n}', 'metrics': said}))\n"
        "print(json.dumps({'accuracy': 0.9199999999999999}))\n"
    )
    project.write("eval.py", code)
    project.commit_all()
    for _ in range(2):
        assert b"accuracy 0.92" in project.run(sys.executable, "eval.py").stderr
    first, second = (one["run_id"] for one in project.records())
    assert project.records()[0]["metric_summary"] == {"accuracy": 0.9199999999999999}
    project.evalprov("baseline", "set", "main", first, "--reason", "x")
    views = [
        ("history",),
        ("show", first),
        ("diff", first, second),
        ("gate", "--baseline", "main", second),
        ("history", "--columns", "run,metric_summary"),
    ]
    for words in views:
        seen = project.on_terminal(*words)
        assert not re.search(r"[0-9]\.[0-9]{6,}", seen.replace("sha256", "")), (words, seen)

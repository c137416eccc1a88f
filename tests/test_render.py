"""Numbers as people read them, wherever they are printed."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios

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


@pytest.mark.parametrize("columns", [30, 60, 200])
def test_a_bar_is_never_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that wraps could not be drawn over: each step would stay on the screen."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        draw = render.cleaning()
        assert draw
        for done in (1, 5_000_000, 9_999_999):
            draw(done, 10_000_000)
        drawn = ""
        while drawn.count("\r\x1b[K") < 3 or len(drawn.rpartition("\x1b[K")[2]) < min(columns - 1, 50):
            drawn += os.read(ours, 4096).decode()
    os.close(ours)
    lines = drawn.split("\r\x1b[K")[1:]
    assert len(lines) == 3
    assert all(0 < len(line) < columns for line in lines)
    assert ("[" in lines[0]) == (columns == 200)

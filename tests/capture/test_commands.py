"""Other programs are asked in bounded time, whatever they do."""

from __future__ import annotations

import os
import time
from pathlib import Path

from evalprov.capture.ask import Question, Reply, Running, TimeBudget, wait_any


def asked(*lines: str, budget: TimeBudget | None = None, timeout: float = 30.0) -> list[Reply]:
    """Return what several lines of sh answer, asked side by side."""
    running = [Running(Question(("sh", "-c", line), timeout=timeout), budget) for line in lines]
    while waiting := [one for one in running if one.answer is None]:
        wait_any(waiting)
    return [one.answer for one in running if one.answer]


def test_all_that_share_a_budget_are_waited_for_no_longer_than_it_lasts() -> None:
    """Two that hang cost what one would, and who is asked once it is spent answers at once or not at all."""
    budget = TimeBudget(0.5)
    began = time.monotonic()
    answers = asked("sleep 60", "sleep 60", "echo quick", budget=budget)
    assert [one.problem for one in answers] == ["sh: no answer within 0.5 s"] * 2 + [None]
    assert answers[2].out == b"quick\n"
    (late,) = asked("sleep 60", budget=budget)
    assert late.problem == "sh: no answer within 0.5 s"
    assert time.monotonic() - began < 20


def test_what_we_do_meanwhile_is_not_taken_from_a_budget() -> None:
    """Only waiting counts: a budget outlives work of ours that takes longer than it."""
    budget = TimeBudget(0.4)
    running = Running(Question(("sh", "-c", "sleep 0.1; echo done")), budget)
    time.sleep(0.6)
    wait_any([running])
    assert running.answer
    assert (running.answer.out, running.answer.problem) == (b"done\n", None)


def test_what_a_program_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A helper that keeps the output open changes neither the answer nor when it comes; all that was said is there."""
    file = tmp_path / "pid"
    began = time.monotonic()
    (answer,) = asked(f"seq 1 20000; sleep 60 & echo $! > {file}; echo last")
    assert time.monotonic() - began < 20
    os.kill(int(file.read_text()), 9)
    assert (answer.code, answer.problem) == (0, None)
    assert answer.out.split() == [*(str(number).encode() for number in range(1, 20001)), b"last"]

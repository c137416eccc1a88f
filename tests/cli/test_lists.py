"""What is cut says so: lists of runs, of metrics, of scenarios, and the help."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

sys.path.insert(0, str(Path(__file__).parent))

from gate_runs import called
from test_history_query import entered

COMMANDS = ("run", "show", "history", "diff", "audit", "gate", "noise", "baseline", "baseline set", "init", "doctor")


def many(project: Project, count: int = 25, **facts: Any) -> list[str]:
    """Put so many runs into the history."""
    return entered(project, *({"metric_summary": {"accuracy": number / 100}, **facts} for number in range(count)))


@pytest.mark.parametrize(
    "form", [(), ("--ids",), ("--json",), ("--csv",), ("--where", "accuracy>=0"), ("--sort", "-accuracy")]
)
def test_a_pipe_gets_every_run(project: Project, form: tuple[str, ...]) -> None:
    """In every form and with conditions, without a number of runs asked for."""
    many(project, 45)
    _, out, err = called(project, "history", *form)
    heading = 0 if form in (("--ids",), ("--json",)) else 1
    assert len(out.splitlines()) == 45 + heading
    assert err == ""
    assert len(called(project, "history", *form, "-n", "3")[1].splitlines()) == 3 + heading


@pytest.mark.parametrize("form", [(), ("--where", "accuracy>=0"), ("--sort", "-accuracy"), ("--ids",), ("--csv",)])
def test_a_terminal_gets_twenty_and_how_many_more(project: Project, form: tuple[str, ...]) -> None:
    """The last line says how many there are besides, and how to see them."""
    many(project)
    lines = project.on_terminal("history", *form).splitlines()
    assert "and 5 more (-n 0 for all)" in lines[-1]
    assert len([line for line in lines if line.strip().startswith("20260920T")]) == 20
    every = project.on_terminal("history", *form, "-n", "0").splitlines()
    assert len([line for line in every if line.strip().startswith("20260920T")]) == 25
    assert not any("more" in line for line in every)


def test_as_many_as_are_shown_leave_no_more(project: Project) -> None:
    """Twenty runs are all of them, and five that were asked for are no cut."""
    many(project, 20)
    assert "more" not in project.on_terminal("history")
    assert "more" not in project.on_terminal("history", "-n", "5")


def test_very_many_are_not_counted_to_the_end(project: Project) -> None:
    """A long history is no slower to look at for its length."""
    many(project, 1100)
    assert "and over 1,000 more (-n 0 for all)" in project.on_terminal("history")


def test_a_pipe_gets_every_metric(project: Project) -> None:
    """A terminal shows a few of twenty metrics and their number, a pipe all."""
    entered(project, {"metric_summary": {f"m{number}": number for number in range(20)}})
    _, out, _ = called(project, "history")
    cell = out.splitlines()[1].split("\t")[5]
    assert cell.split() == [f"m{number}={number}" for number in range(20)]
    assert "+16" in project.on_terminal("history", columns=200)


def test_several_commands_are_shown_where_they_differ(project: Project) -> None:
    """A terminal has the command where there are several; one for all would say nothing."""
    argv = ["/opt/venv/bin/python", "evals/support_tickets/my_eval.py", "--config"]
    plain = {"cwd": ".", "executable": None, "timeout_seconds": None}
    entered(project, *({"command": {**plain, "argv": [*argv, name]}} for name in ("one.json", "two.json")))
    for columns in (80, 200):
        seen = project.on_terminal("history", columns=columns)
        assert "one.json" in seen
        assert "two.json" in seen
        assert all(len(line) <= columns for line in re.sub(r"\x1b\[\d*m", "", seen).splitlines())
    entered(project, *[{"command": {**plain, "argv": argv}}] * 2)
    assert "command" not in project.on_terminal("history", columns=200)
    _, out, _ = called(project, "history", "--columns", "run,command")
    assert out.splitlines()[1].split("\t")[1] == "python evals/support_tickets/my_eval.py --config"


def test_a_number_of_runs_is_one_or_more_or_nought_for_all(project: Project) -> None:
    """Anything else is refused, with what would do."""
    many(project, 3)
    for word in ("0", "all"):
        assert len(called(project, "history", "--ids", "-n", word)[1].splitlines()) == 3
    for word in ("-1", "2.5", "x"):
        code, _, err = called(project, "history", "-n", word)
        assert (code, "0 for all" in err) == (2, True), word


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_stands_as_it_is_written(project: Project, command: str) -> None:
    """No bracket is eaten, and a switch takes no value."""
    _, out, _ = called(project, *command.split(), "--help")
    assert "<bool>" not in out
    assert "BOOL" not in out
    assert "\\[" not in out
    if command == "gate":
        assert "[metrics.NAME] and [gate]" in out
    if command == "history":
        assert 'config.files["eval.yaml"].values.temperature' in out


def test_the_rest_of_a_list_is_counted(project: Project) -> None:
    """Of twelve scenarios that moved the first are named, and the number of the others stands below."""
    for number, names in (("1", range(12)), ("0", range(12))):
        values = {f"t{name}": {"ok": int(number)} for name in names}
        project.run("echo", json.dumps({"metrics": values}))
    seen = project.on_terminal("diff", "latest~1", "latest")
    assert "and 7 more" in seen
    _, out, _ = called(project, "diff", "latest~1", "latest")
    assert [line.split("\t")[2] for line in out.splitlines() if line.startswith("more")] == ["and 2 more scenarios"]

"""`evalprov history` asked for a scenario or a program."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from conftest import Project


def two_programs(project: Project) -> None:
    """Record two programs, each on two scenarios."""
    for text in ("print('{\"accuracy\": 0.5}')", "print('{\"accuracy\": 0.6}')"):
        project.write("eval.py", text)
        project.commit_all()
        for scenario in ("tickets", "mails"):
            done = project.run("python3", "eval.py", options=("--scenario", scenario))
            assert done.returncode == 0, done.stderr


@pytest.fixture
def past(made_once: Callable[[str, Callable[[Project], object]], Project]) -> Project:
    """Two programs, each run on two scenarios."""
    return made_once("past", two_programs)


def rows(project: Project, *options: str) -> list[dict[str, str]]:
    """Return the rows of the piped history by column."""
    heading, *lines = project.evalprov("history", *options).stdout.decode().splitlines()
    return [dict(zip(heading.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_all_programs_run_on_a_scenario(past: Project) -> None:
    """The scenario's runs alone are listed, each with its program and what it scored."""
    found = rows(past, "--scenario", "tickets")
    assert [row["scenario"] for row in found] == ["tickets", "tickets"]
    assert [row["metrics"] for row in found] == ["accuracy=0.6", "accuracy=0.5"]
    programs = [record["identity"]["program"][7:19] for record in past.records() if record["scenario"] == "tickets"]
    assert [row["program"] for row in found] == programs[::-1]
    assert len(set(programs)) == 2


def test_all_runs_of_a_program(past: Project) -> None:
    """A program is named by its hash or the hash's beginning, with its prefix or without, in either case."""
    program = past.records()[0]["identity"]["program"].removeprefix("sha256:")
    for spelling in (f"sha256:{program}", program, program[:12], f"sha256:{program[:8].upper()}"):
        found = rows(past, "--program", spelling)
        assert [row["metrics"] for row in found] == ["accuracy=0.5", "accuracy=0.5"]
        assert {row["scenario"] for row in found} == {"tickets", "mails"}


def test_both_at_once_and_a_limit(past: Project) -> None:
    """A scenario and a program together leave what is of both; -n counts what is listed."""
    program = past.records()[-1]["identity"]["program"]
    done = past.evalprov("history", "--json", "--scenario", "mails", "--program", program)
    (line,) = map(json.loads, done.stdout.splitlines())
    assert line == past.history()[-1]
    assert [row["scenario"] for row in rows(past, "--scenario", "tickets", "-n", "1")] == ["tickets"]


def test_nothing_found_says_what_there_is(past: Project) -> None:
    """An unknown scenario lists the known ones, on stderr; the table stays empty."""
    done = past.evalprov("history", "--scenario", "ticket")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert b"none of 4 runs is of scenario ticket; the scenarios are mails, tickets" in done.stderr


def test_what_is_no_hash_is_refused(past: Project) -> None:
    """A word that no hash begins with is an error that says where to find one."""
    for word in ("main", "sha256:", "0" * 65):
        done = past.evalprov("history", "--program", word)
        assert done.returncode == 2
        assert b"evalprov show" in done.stderr


def test_without_either_the_columns_are_the_old_ones(past: Project) -> None:
    """Scripts that read the plain history find each where it was; the command comes after."""
    assert list(rows(past)[0]) == ["run", "status", "took", "scenario", "git", "metrics", "command"]

"""`evalprov help`: the pages in the terminal."""

from __future__ import annotations

import pytest
from conftest import Project
from test_house import PACKAGE

from evalprov.cli import COMMANDS, load
from evalprov.cli.help import TOPICS
from evalprov.cli.helping import summary


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_is_printed_as_it_is(project: Project, topic: str) -> None:
    """What stands beside the code is what the terminal shows."""
    done = project.evalprov("help", topic)
    assert done.stdout.decode().rstrip() == (PACKAGE / TOPICS[topic][0]).read_text().rstrip()


def test_pages_and_commands_are_found(project: Project) -> None:
    """Without a topic the pages are named, a command's help is its own, and a slip of the pen is seen as one."""
    listed = project.evalprov("help").stdout.decode()
    assert all(f"evalprov help {topic} " in listed for topic in TOPICS)
    assert b"Usage: evalprov run" in project.evalprov("help", "run").stdout
    wrong = project.evalprov("help", "setings")
    assert (wrong.returncode, b"did you mean settings?" in wrong.stderr) == (2, True)


def test_the_list_of_all_commands_says_of_each_what_its_own_help_says() -> None:
    """The list is printed without loading the commands; its sentences are theirs."""
    assert {name: summary(load(name)) for name in COMMANDS} == COMMANDS

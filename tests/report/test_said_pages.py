"""Lines of files, and what the eval said, on a page: with their words told apart, as far as there is room."""

from __future__ import annotations

import re

import pytest
from conftest import Project
from reading_pages import NASTY, ReadPage, complaints

from evalprov.explain.scenario import ScenarioFacts, ScenarioPair
from evalprov.explain.text_edits import NO_NEWLINE, Hunk, TextEdit
from evalprov.report import edits, html, said


def changed(*lines: tuple[str, str], path: str = "prompts/plan.txt", reason: str | None = None) -> TextEdit:
    """Return a file that differs in lines from its seventh on."""
    return TextEdit(path, "prompts", (Hunk(7, 7, lines),) if lines else (), reason)


def page(*inside: html.Markup) -> tuple[str, ReadPage]:
    """Return a page of some parts, of which all is well."""
    text = html.page("title", *inside)
    assert complaints(text) == []
    return text, ReadPage(text)


def test_the_words_of_a_line_that_became_another_are_marked() -> None:
    """Lines that came in the place of others show which words are theirs; other lines are whole."""
    lines = ((" ", "You help."), ("-", "Answer briefly now."), ("+", "Answer at length now."), ("+", "Be careful."))
    text, read = page(edits.drawn([changed(*lines[:3])], None))
    assert "<del>- Answer <b>briefly</b> now.\n</del><ins>+ Answer <b>at length</b> now.\n</ins>" in text
    assert "line 7 in A, 7 in B" in read.said
    text, _ = page(edits.drawn([changed(*lines, (NO_NEWLINE, ""))], None))
    assert "<del>- Answer briefly now.\n</del><ins>+ Answer at length now.\n</ins><ins>+ Be careful.\n</ins>" in text
    assert "no newline at the end" in text


def test_what_has_no_text_says_why_and_what_is_too_long_how_much_is_left_out() -> None:
    """Binary files, many lines, many files, long lines: each has its bound and its words."""
    long = changed(*[("+", f"line {number} " + "x" * 5000) for number in range(500)])
    text, read = page(edits.drawn([changed(reason="it is binary"), long, *[changed(("+", "a"))] * 100], "git hung"))
    assert "it is binary" in read.said
    assert re.search(r"and \d+ more lines: evalprov diff --code --prompts", read.said)
    assert "and 42 more files" in read.said
    assert "Not every file that differs is known: git hung" in read.said
    assert len(text) < 2 * edits.LETTERS
    many = [changed(*[("+", "y" * 200)] * 200, path=f"{number}.txt") for number in range(50)]
    assert len(page(edits.drawn(many, None))[0]) < 2 * edits.LETTERS


def test_short_files_stand_open_and_long_ones_are_folded() -> None:
    """A few lines are seen at once."""
    _, read = page(edits.drawn([changed(("+", "a")), changed(*[("+", "a")] * 100)], None))
    assert ["open" in of for of in read.named("details")] == [True, False]


def pair(name: str, a: dict[str, str] | None, b: dict[str, str] | None) -> ScenarioPair:
    """Return a scenario with what was said on both sides."""
    sides = [None if texts is None else ScenarioFacts({"ok": True}, None, [], texts) for texts in (a, b)]
    return ScenarioPair(name, *sides)


def test_both_sides_stand_beside_each_other() -> None:
    """What is the same is said once; of what differs, the words are marked; a side that said nothing says so."""
    one = pair("t1", {"input": "2 + 2?", "output": "It is 4."}, {"input": "2 + 2?", "output": "It is 5."})
    drawn, told = said.drawn([one, pair("t2", {}, {}), pair("t3", {"output": "x"}, None)], ["B's file is gone"], "AB")
    text, read = page(drawn)
    assert told == {"t1", "t3"}
    assert "input (the same in both)" in read.said
    assert "<pre>It is <del>4</del>.</pre>" in text
    assert "<pre>It is <ins>5</ins>.</pre>" in text
    assert "nothing was kept" in read.said
    assert "B's file is gone" in read.said


def test_much_that_was_said_is_bounded() -> None:
    """The first scenarios are shown, as far as there is room, whatever their texts hold."""
    many = [pair(f"t{number}", {"output": NASTY * 100}, {"output": NASTY * 99 + "!"}) for number in range(60)]
    drawn, told = said.drawn(many, [], "AB")
    page(drawn)
    assert 0 < len(told) < 60


EVAL = """
import json, pathlib
right = len(pathlib.Path("plan.txt").read_text()) < 20
for n in range(40):
    ok = right or n % 2
    if n == 0:
        print(json.dumps({"metrics": {}, "errors": [{"scenario": "lost", "message": "it crashed"}]}))
    print(json.dumps({"scenario": f"t{n}", "metrics": {"ok": bool(ok)}, "output": f"answer {4 if ok else 5}"}))
"""


@pytest.mark.long
def test_a_recorded_project_shows_its_prompts_and_answers(project: Project) -> None:
    """The page of two real runs has the lines of the prompt and the answers that differ, that of one run its own."""
    project.write("my_eval.py", EVAL)
    project.write("evalprov.toml", '[prompts]\nplan = "plan.txt"\n')
    project.write("plan.txt", "Be brief.\n")
    project.commit_all()
    project.run("python3", "my_eval.py")
    project.write("plan.txt", "Be brief.\nBe sure of it, too.\n")
    project.run("python3", "my_eval.py")
    path = project.evalprov("report", "latest~1", "latest").stdout.decode().strip()
    text = (project.path / path).read_text()
    assert complaints(text) == []
    assert "<ins>+ Be sure of it, too.\n</ins>" in text
    assert "<pre>answer <del>4</del></pre>" in text
    assert "<pre>answer <ins>5</ins></pre>" in text
    one = project.evalprov("report", "latest").stdout.decode().strip()
    text = (project.path / one).read_text()
    assert complaints(text) == []
    assert "<pre>answer 5</pre>" in text
    assert "it crashed" in text

"""`evalprov report`: where the page goes, and what is said of it."""

from __future__ import annotations

import io
import os
import signal
import stat
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from conftest import Project
from diffing import answers, put, record
from reading_pages import ReadPage, complaints

from evalprov.cli import main
from evalprov.record.form import encode, history_line
from evalprov.record.manifest import Manifest

A, B = "20260920T143000Z", "20260921T143000Z"


def keep(project: Project, *runs: Manifest) -> None:
    """Put runs into the store, as if they had been recorded."""
    for run in runs:
        project.write(f"metrics/runs/{run['run_id']}.json", encode(run))
        with (project.path / "metrics/eval_history.jsonl").open("ab") as file:
            file.write(history_line(run))


@pytest.fixture
def two(project: Project) -> Project:
    """Two runs: the second is warmer and scores less."""
    keep(project, record(), record(put("model_config/temperature", 0.7), run=1, metrics=answers(100)))
    return project


def called(project: Project, *words: str) -> tuple[int, str, str]:
    """Carry out `evalprov report` in this process; return exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    pipe = signal.getsignal(signal.SIGPIPE)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(project.path)
        code = main(["report", *words])
    signal.signal(signal.SIGPIPE, pipe)
    return code, out.getvalue(), err.getvalue()


def test_the_page_lies_in_the_store_unless_it_is_sent_elsewhere(two: Project) -> None:
    """Git does not see it there, so that looking at runs is no change of the program; its path is printed."""
    code, out, err = called(two, A, B)
    page = two.path / "metrics" / "reports" / f"{A}-{B}.html"
    assert (code, out, err) == (0, f"{page}\n", "")
    assert complaints(page.read_text()) == []
    assert "correct_mean is worse for real, 0.75 -> 0.5" in ReadPage(page.read_text()).said
    assert called(two, A, B, "-o", "new/folder/x.html")[1] == "new/folder/x.html\n"
    assert (two.path / "new/folder/x.html").read_text() == page.read_text()


def test_a_page_replaces_the_one_before_whole(two: Project) -> None:
    """What had its name gives way; through a link it is the file behind it that does."""
    (two.path / "latest.html").symlink_to("kept.html")
    (two.path / "kept.html").write_text("old")
    assert called(two, A, B, "-o", "latest.html")[0] == 0
    assert (two.path / "latest.html").is_symlink()
    assert complaints((two.path / "kept.html").read_text()) == []


def test_what_is_no_file_is_written_to_and_not_replaced(two: Project) -> None:
    """A pipe stays one: `-o /dev/stdout` never puts a file in the place of a device."""
    pipe = two.path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert called(two, A, B, "--out", "pipe")[0] == 0
        assert os.read(reader, 15) == b"<!doctype html>"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    done = two.evalprov("report", A, B, "-o", "/dev/stdout")
    assert (done.returncode, done.stdout[:15], done.stdout[-8:]) == (0, b"<!doctype html>", b"</html>\n")


@pytest.mark.parametrize(("name", "why"), [(".", "it is a folder"), ("file/x.html", ""), ("/proc/x.html", "")])
def test_where_nothing_can_be_written_it_says_so(two: Project, name: str, why: str) -> None:
    """The error names the file and what to do."""
    (two.path / "file").write_text("")
    code, out, err = called(two, A, B, "-o", name)
    assert (code, out) == (2, "")
    assert f"cannot write the page {name}: {why}" in err
    assert ("is no folder" in err) == name.startswith("file")
    assert "-o names another file" in err


@pytest.mark.parametrize(
    ("words", "why"), [((".", B), "the present state"), ((A, "nothing"), "nothing"), ((A, B, "-o", ""), "-o")]
)
def test_what_cannot_be_compared_is_said(two: Project, words: tuple[str, ...], why: str) -> None:
    """Wrong words are errors as everywhere, and no page is written."""
    code, _, err = called(two, *words)
    assert code == 2
    assert why in err
    assert not (two.path / "metrics" / "reports").exists()


def test_the_page_is_opened_where_there_is_a_browser(
    two: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """--open hands the file's address to the browser of the user's choice."""
    browser = two.write("browser", f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n', 0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    assert called(two, A, B, "-o", "a page.html", "--open")[0] == 0
    assert (tmp_path / "opened").read_text() == f"file://{two.path}/a%20page.html\n"

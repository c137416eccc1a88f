"""The collectors side by side: timed, their failures facts, their commands bounded and never left behind."""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from evalprov.capture import COLLECTORS, start
from evalprov.capture.ask import OUTPUT_LIMIT, Question, Reply
from evalprov.capture.collector import Absent, Capture, CaptureContext, Findings, Steps
from evalprov.errors import EvalprovError
from evalprov.record.form import blank
from evalprov.secrets import Scrubber
from evalprov.settings import Settings

Collect = Callable[[CaptureContext], Steps]


@pytest.fixture
def context(tmp_path: Path) -> CaptureContext:
    """A plain place to capture."""
    here = str(tmp_path)
    return CaptureContext(("true",), here, here, f"{here}/metrics", dict(os.environ), Settings(here), Scrubber({}))


@pytest.fixture
def adding(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Add collectors to the room for a test, as files in it would be."""

    def add(**collectors: Collect) -> list[str]:
        for name, collect in collectors.items():
            module = types.ModuleType(f"evalprov.capture.{name}")
            module.collect = collect  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
        return list(collectors)

    return add


def captured(context: CaptureContext, names: list[str]) -> Capture:
    """Run collectors to their end."""
    with start(context, names) as capturing:
        return capturing.finish()


def asking(*commands: Question) -> Collect:
    """Return a collector that asks commands and gives their answers as facts."""

    def collect(_: CaptureContext) -> Steps:
        answers = yield list(commands)
        return Findings({"answers": list(answers)})

    return collect


def answer(context: CaptureContext, add: Callable[..., list[str]], command: Question) -> Reply:
    """Ask one command."""
    found = captured(context, add(one=asking(command)))
    return found.facts["answers"][0]  # type: ignore[no-any-return]


def test_every_collector_of_the_list_is_a_file_with_collect(context: CaptureContext) -> None:
    """The real ones all run here, and each says how it fared and how long it took."""
    found = captured(context, list(COLLECTORS))
    assert set(found.outcomes) == set(COLLECTORS)
    for name, outcome in found.outcomes.items():
        assert outcome["status"] in {"captured", "absent"}, (name, outcome)
        assert outcome["ms"] >= 0
    form = dict(blank("", ""))
    told = {(name, key) for name, part in found.facts.items() if isinstance(form[name], dict) for key in part}
    assert len(told) > 20
    open_tables = {"system", "model_config", "prompts", "prompt_versions"}
    assert not {(name, key) for name, key in told if name not in open_tables and key not in form[name]}  # type: ignore[operator]


def test_they_are_asked_side_by_side(context: CaptureContext, adding: Callable[..., list[str]]) -> None:
    """Commands of two collectors, and two of one, are under way at the same time: each waits for the others."""
    names = "abc"

    def meeting(name: str) -> Question:
        others = " && ".join(f"[ -e {other} ]" for other in names)
        return Question(("sh", "-c", f"touch {name}; until {others}; do sleep 0.01; done"), cwd=context.cwd, timeout=20)

    found = captured(context, adding(one=asking(meeting("a"), meeting("b")), other=asking(meeting("c"))))
    assert found.facts["answers"][0].problem is None


def test_facts_of_one_section_come_together(context: CaptureContext, adding: Callable[..., list[str]]) -> None:
    """Two collectors may each give a part of the same section."""

    def part(key: str) -> Collect:
        def collect(_: CaptureContext) -> Steps:
            yield from ()
            return Findings({"infra": {key: 1}, key: 2}, (f"warning {key}",), {f"objects/{key}": b"x"}, f"reason {key}")

        return collect

    found = captured(context, adding(a=part("a"), b=part("b")))
    assert found.facts == {"infra": {"a": 1, "b": 1}, "a": 2, "b": 2}
    assert found.warnings == ["warning a", "warning b"]
    assert set(found.blobs) == {"objects/a", "objects/b"}
    assert found.outcomes["b"]["reason"] == "reason b"


def test_a_failure_is_recorded_and_harms_no_other(context: CaptureContext, adding: Callable[..., list[str]]) -> None:
    """Absent with its words, any other exception as failed with its own, the rest as if nothing had been."""

    def absent(_: CaptureContext) -> Steps:
        yield from ()
        raise Absent("there is none")

    def broken(_: CaptureContext) -> Steps:
        yield [Question(("true",))]
        raise KeyError("lost")

    found = captured(context, adding(a=absent, b=broken, c=asking(Question(("true",)))))
    assert [(f["status"], f["reason"]) for f in found.outcomes.values()] == [
        ("absent", "there is none"),
        ("failed", "KeyError: 'lost'"),
        ("captured", None),
    ]


def test_an_error_for_the_user_stops_the_run_and_the_commands(
    context: CaptureContext, adding: Callable[..., list[str]]
) -> None:
    """An EvalprovError goes through, and what the others had started is ended."""
    mark = Path(context.cwd) / "pid"

    def strict(_: CaptureContext) -> Steps:
        yield [Question(("sh", "-c", f"until [ -s {mark} ]; do sleep 0.01; done"))]
        raise EvalprovError("no such file", exit_code=125)

    lasting = asking(Question(("sh", "-c", f"echo $$ > {mark}; exec sleep 60")))
    with pytest.raises(EvalprovError, match="no such file"):
        captured(context, adding(a=lasting, b=strict))
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_an_answer_is_whole(context: CaptureContext, adding: Callable[..., list[str]]) -> None:
    """Exit code, both streams and what was sent to it, however much."""
    script = "cat; echo oops >&2; exit 3"
    said = answer(context, adding, Question(("sh", "-c", script), stdin=b"x" * 1_000_000))
    assert (said.code, said.out, said.err, said.problem) == (3, b"x" * 1_000_000, b"oops\n", None)
    assert said.complaint == "oops"
    assert answer(context, adding, Question(("pwd",), cwd="/")).out == b"/\n"
    assert (
        answer(context, adding, Question(("sh", "-c", "echo $A"), env={"A": "b", "PATH": os.environ["PATH"]})).out
        == b"b\n"
    )
    assert answer(context, adding, Question(("sh", "-c", "kill -9 $$"))).code == -9


def test_who_looks_late_still_has_the_answer(context: CaptureContext, adding: Callable[..., list[str]]) -> None:
    """Time that we spend on other things is not counted as a command's own: it may have answered long ago."""
    (name,) = adding(one=asking(Question(("sh", "-c", "echo a; echo b"), timeout=0.2)))
    with start(context, [name]) as capturing:
        time.sleep(0.5)
        [given] = capturing.finish().facts["answers"]
    assert (given.problem, given.out) == (None, b"a\nb\n")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Question(("no-such-program",)), "No such file"),
        (Question(("sleep", "60"), timeout=0.2), "no answer within 0.2 s"),
        (Question(("sh", "-c", "trap '' TERM; sleep 60 & wait"), timeout=0.2), "no answer within"),
        (Question(("yes",)), f"more than {OUTPUT_LIMIT >> 20} MiB"),
    ],
)
def test_no_answer_is_a_problem_in_words(
    context: CaptureContext, adding: Callable[..., list[str]], command: Question, says: str
) -> None:
    """A program that is missing, hangs or floods is ended and named."""
    said = answer(context, adding, command)
    assert said.problem is not None
    assert says in said.problem
    assert said.complaint == said.problem

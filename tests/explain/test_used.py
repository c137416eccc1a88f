"""What two runs were seen to use enters the answer: undeclared differences, files nobody read, and what is equal."""

from __future__ import annotations

from typing import Any

import pytest
from diffing import OTHER, SHA, Edit, answers, diff, put, record

from evalprov.judge.answer import Answer

WORSE = answers(100)
LOOKED = {"mode": "auto", "folders": None, "pythons": 1, "files": 4, "complete": True, "reason": None}
INPUTS = {
    "eval.py": {"sha256": SHA, "layer": "code"},
    "plan.txt": {"sha256": SHA, "layer": "prompts"},
    "d.jsonl": {"sha256": SHA, "layer": "data"},
    "/far/w.bin": {"sha256": SHA, "layer": None},
}
README = put("code/tree", "d" * 40)
PROMPT = put("prompts/plan/sha256", OTHER)


def seen(**files: Any) -> Edit:
    """Return an edit that makes a run observed whole, with what else it read."""

    def edit(m: Any) -> None:
        m["observed"]["looked"] = dict(LOOKED)
        m["observed"]["inputs"] = {name: dict(one) for name, one in INPUTS.items()} | files.get("inputs", {})
        m["observed"]["modules"] = files.get("modules", {})
        m["observed"]["environment"] = files.get("environment", {"KIND": "scrypt:000001"})
        m["observed"]["programs"] = {"/usr/bin/python3.11": {"sha256": SHA, "name": "python3", "count": 1}}

    return edit


def said(*edits: Edit, files: tuple[str, ...] = (), before: tuple[Edit, ...] = ()) -> Answer:
    """Return the answer where B differs so, and is worse."""
    a = record(seen(), *before)
    return diff(a, record(seen(), *edits, run=1, metrics=WORSE), files=files, all_files=files).answer


def test_only_stands_where_the_rest_that_was_read_is_equal() -> None:
    """And says that; where something that was read is not known by content, or a host answered, it is not said."""
    found = said(PROMPT, put("observed/inputs/plan.txt/sha256", OTHER))
    assert ": only the prompts changed (prompt plan changed); all else that was read is equal" in found.sentence
    hosts = said(PROMPT, put("observed/hosts", ["api.example.org:443"]))
    assert ": the prompts changed (prompt plan changed); all other files that were read are equal" in hosts.sentence
    for doubt in (
        put("observed/inputs/~far~w.bin/sha256", None),
        put("observed/inputs/~far~x.bin", {"sha256": None, "layer": None}),
    ):
        unsure = said(PROMPT, doubt)
        assert ": the prompts changed" in unsure.sentence
        assert "equal" not in unsure.sentence


@pytest.mark.parametrize(
    ("before", "after", "only", "all_else"),
    [
        ("session", "session", False, False),
        ("session scrypt:000002", "session scrypt:000003", False, False),
        ("session scrypt:000002", "session scrypt:000002", True, True),
        ("named", "named", True, False),  # another credential is no other program
        ("counted", "counted", False, False),
    ],
)
def test_a_variable_of_unknown_value_is_not_called_equal(
    before: str, after: str, *, only: bool, all_else: bool
) -> None:
    """Only the files are; where it is no credential, nothing is called the only change."""
    one, other = (put("observed/environment", {"KIND": "scrypt:000001", "NAME": how}) for how in (before, after))
    found = said(PROMPT, other, before=(one,))
    assert found.levers == ["prompts"]
    assert f"all {'else that was read is' if all_else else 'other files that were read are'} equal" in found.sentence
    assert ("only the prompts" in found.sentence) is only


UNDECLARED = [
    (put("observed/inputs/~far~w.bin/sha256", OTHER), "undeclared inputs", "/far/w.bin changed"),
    (put("observed/inputs/x.bin", {"sha256": OTHER, "layer": None}), "undeclared inputs", "x.bin added"),
    (put("observed/environment", {"KIND": "scrypt:000002"}), "software", "variable KIND changed"),
    (put("observed/environment", {"KIND": "unset"}), "software", "variable KIND removed"),
]


@pytest.mark.parametrize(("edit", "lever", "words"), UNDECLARED)
def test_what_nobody_declared_is_named(edit: Edit, lever: str, words: str) -> None:
    """In the answer, among the levers and the changes; beside a declared change both are."""
    found = said(edit)
    assert found.levers == [lever]
    assert found.kind == "attributed"
    assert words in found.sentence
    both = said(edit, PROMPT)
    assert both.kind == "confounded"
    assert set(both.levers) == {lever, "prompts"}
    (change, *_) = diff(record(seen()), record(seen(), edit, run=1)).changes
    assert words.split(" ")[-2] in change.item


def test_a_module_from_another_place_is_named() -> None:
    """Once, and not as two files besides; of the same content it is no difference."""
    here = {"inputs": {"/a/h.py": {"sha256": SHA, "layer": None}}, "modules": {"h": "/a/h.py"}}
    there = {"inputs": {"/b/h.py": {"sha256": OTHER, "layer": None}}, "modules": {"h": "/b/h.py"}}
    found = diff(record(seen(**here)), record(seen(**there), run=1, metrics=WORSE))
    assert [change.item for change in found.changes] == ["module h"]
    assert "only the modules changed (module h path /a/h.py -> /b/h.py)" in found.answer.sentence
    there["inputs"]["/b/h.py"]["sha256"] = SHA
    assert not diff(record(seen(**here)), record(seen(**there), run=1)).changes


def test_a_scratch_file_of_another_name_is_no_difference() -> None:
    """The same content under a name that is new each time."""
    ones, others = ({"inputs": {f"/tmp/{name}/c": {"sha256": OTHER, "layer": None}}} for name in "ab")
    assert not diff(record(seen(**ones)), record(seen(**others), run=1)).changes


def test_a_file_that_neither_run_read_is_not_blamed() -> None:
    """The first line says so; the layer is shown as what it is, and the exit code stands."""
    found = said(README, PROMPT, put("observed/inputs/plan.txt/sha256", OTHER), files=("README.md",))
    assert found.levers == ["prompts"]
    assert "only the prompts changed (prompt plan changed); README.md changed and was not read" in found.sentence
    alone = said(README, files=("README.md", "lib/old.py"))
    assert (alone.kind, alone.levers) == ("untracked", [])
    assert "README.md, lib/old.py changed and were not read by either run" in alone.sentence
    whole = diff(record(seen()), record(seen(), README, run=1), files=["README.md"], all_files=["README.md"])
    assert whole.layers["code"].state == "changed"
    assert "the scores are the same; README.md changed and was not read by either run" in whole.answer.sentence


BLAMED: list[tuple[tuple[Edit, ...], tuple[str, ...]]] = [
    ((), ("eval.py",)),  # it was read
    ((), ("sub/eval.py",)),  # the project lies in a folder of the repository, perhaps
    ((), ()),  # which files is not known
    ((), ("README.md", "model.bin")),  # compiled code may have read it
    ((put("observed/looked/complete", False),), ("README.md",)),
    ((put("observed/inputs/eval.py/sha256", None),), ("README.md",)),
    ((put("observed/inputs/eval.py/sha256", OTHER),), ("README.md",)),
    ((put("observed/inputs/[secret]~1.py", {"sha256": SHA, "layer": "data"}),), ("README.md",)),
    ((put("observed/programs/~bin~sh", {"sha256": SHA, "name": "sh", "count": 1}),), ("README.md",)),
    ((put("code/algorithms/vote/sha256", OTHER),), ("README.md",)),
]


@pytest.mark.parametrize(("edits", "files"), BLAMED)
def test_where_it_is_not_sure_the_code_is_blamed(edits: tuple[Edit, ...], files: tuple[str, ...]) -> None:
    """Whatever leaves room for a file that was read all the same."""
    found = said(README, *edits, files=files)
    assert "code" in found.levers
    assert "not read" not in found.sentence


def test_a_file_of_the_code_that_was_never_hashed_may_have_changed() -> None:
    """Where neither run's content of it is known, the code is blamed."""
    unknown = put("observed/inputs/eval.py/sha256", None)
    assert "code" in said(README, unknown, files=("README.md",), before=(unknown,)).levers


def test_what_one_run_alone_read_is_told_where_all_is_known() -> None:
    """A run that was not seen to its end may have read it, too; what both read and differs is told all the same."""
    more = put("observed/inputs/x.bin", {"sha256": OTHER, "layer": None})
    far = put("observed/inputs/~far~w.bin/sha256", OTHER)
    cut = put("observed/looked/complete", False)
    found = diff(record(seen(), cut), record(seen(), more, far, run=1)).changes
    assert [change.item for change in found] == ["/far/w.bin"]


def test_runs_that_were_not_observed_are_answered_as_ever() -> None:
    """Of what was read nothing is known: what is recorded is all that is spoken of."""
    found = diff(record(), record(PROMPT, run=1, metrics=WORSE)).answer
    said = ": of what is recorded, only the prompts changed (prompt plan changed); a run that was off as a whole"
    assert said in found.sentence


def test_any_trial_that_differs_takes_the_word_away() -> None:
    """What is said to be equal is so in all of them."""
    from evalprov.judge.diff import diff as compared
    from evalprov.judge.metric_diff import Side

    odd = record(seen(), PROMPT, put("observed/inputs/~far~w.bin/sha256", OTHER), run=2, metrics=WORSE)
    sides = Side((record(seen()),)), Side((record(seen(), PROMPT, run=1, metrics=WORSE), odd))
    found = compared(*sides).answer
    assert found.levers == ["prompts"]
    assert "only" not in found.sentence


@pytest.mark.parametrize(
    ("host", "near"),
    [
        *(("localhost 8000", True), ("127.0.0.1 8000", True), ("::1 8000", True), ("10.0.0.7 80", True)),
        *(("172.20.0.2 80", True), ("app 8000", True), ("box.local 80", True)),
        *(("api.example.org 443", False), ("172.40.0.2 80", False), ("8.8.8.8 53", False)),
    ],
)
def test_a_server_nearby_may_have_read_what_the_run_did_not(host: str, *, near: bool) -> None:
    """It may serve this very code, read when it was started: then no file is called unread."""
    found = said(README, put("observed/hosts", [host]), before=(put("observed/hosts", [host]),), files=("README.md",))
    assert ("not read by either run" not in found.sentence) is near
    assert (found.levers == ["code"]) is near

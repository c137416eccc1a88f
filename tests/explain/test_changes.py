"""What changed, field by field: in which layer, of what, from what to what."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from diffing import OTHER, SHA, Edit, put, record
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.explain.changes import CERTAIN, alike, beside, changes, different_words
from evalprov.record.identity import identify


def told(*edits: Edit, before: tuple[Edit, ...] = ()) -> list[tuple[Any, ...]]:
    """Return what an edit changes, without its layer where the item tells it."""
    return [tuple(change) for change in changes(record(*before), record(*before, *edits, run=1))]


def config(**values: Any) -> Edit:
    """Give the config file these values."""
    path = "conf/eval.yaml"
    return lambda m: m["config"]["files"].update(
        {path: m["config"]["files"][path] | {"values": values, "sha256": OTHER}}
    )


def test_a_config_value_is_told_by_its_file_and_name() -> None:
    """Values that changed, came and went are told one by one; the file's hash says no more and is left out."""
    assert told(config(**{"top.k": 7, "seed": 1})) == [
        ("config", "conf/eval.yaml", "top.k", "changed", 5, 7),
        ("config", "conf/eval.yaml", "mode", "removed", "fast", None),
        ("config", "conf/eval.yaml", "seed", "added", None, 1),
    ]


def test_a_config_file_whose_values_do_not_tell_is_told_by_its_hash() -> None:
    """Content that is not in the values still counts."""
    assert told(config(**{"top.k": 5, "mode": "fast"})) == [
        ("config", "conf/eval.yaml", "sha256", "changed", SHA, OTHER)
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [("judge", "prompt judge"), ("prompt", "prompt"), ("system_prompt", "system_prompt"), ("userPrompt", "userPrompt")],
)
def test_a_prompt_that_is_called_so_is_not_called_so_twice(name: str, words: str) -> None:
    """A prompt's own name may say that it is one."""
    prompt = {"path": None, "sha256": OTHER, "version": None, "source": "prompts"}
    (change,) = told(lambda m: m["prompts"].update({name: prompt}))
    assert change[:4] == ("prompts", words, "", "added")


def test_a_file_that_came_is_one_change() -> None:
    """A thing that only one side has is told as a whole."""
    file = {"sha256": OTHER, "format": "bytes", "bytes": 3, "source": "command", "values": {}}
    (change,) = told(lambda m: m["config"]["files"].update({"b.ini": file}))
    assert change == ("config", "b.ini", "", "added", None, {"format": "bytes", "sha256": OTHER})


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (put("model_config/temperature", 0.7), ("model", "model", "temperature", "changed", 0.0, 0.7)),
        (put("model_config/seed", 1), ("model", "model", "seed", "added", None, 1)),
        (put("prompts/plan/sha256", OTHER), ("prompts", "prompt plan", "sha256", "changed", SHA, OTHER)),
        (put("prompt_versions/judge", "v2"), ("prompts", "prompt version", "judge", "added", None, "v2")),
        (put("agent/extra", {"steps": {"max": 3}}), ("agent", "agent", "steps.max", "added", None, 3)),
        (put("code/algorithms/vote/sha256", OTHER), ("code", "algorithm vote", "sha256", "changed", SHA, OTHER)),
        (put("data/retrieval/top_k", 9), ("data", "retrieval", "top_k", "changed", 5, 9)),
        (put("golden_version", "g2"), ("data", "data", "golden_version", "changed", "g1", "g2")),
        (put("grader/files/grade.py", OTHER), ("grader", "grader grade.py", "sha256", "changed", SHA, OTHER)),
        (put("grader/metrics", {"f1": "macro"}), ("grader", "grader", "metric f1", "added", None, "macro")),
        (put("system/python_version", "3.12.1"), ("software", "python", "version", "changed", "3.11.7", "3.12.1")),
        (put("software/env/LANG", "de"), ("software", "env", "LANG", "changed", "C", "de")),
        (put("software/locks", {"uv.lock": SHA}), ("software", "lock uv.lock", "", "added", None, {"sha256": SHA})),
        (put("system/node_version", "v20"), ("software", "tool", "node", "added", None, "v20")),
        (put("infra/memory/hard_limit_mb", 512), ("infra", "memory", "hard_limit_mb", "changed", 2048, 512)),
        (put("infra/declared", {"concurrency_level": 4}), ("infra", "declared", "concurrency_level", "added", None, 4)),
    ],
)
def test_each_kind_of_fact_is_told_by_its_name(edit: Edit, expected: tuple[Any, ...]) -> None:
    """One edit is one change, in its own layer and by its own name."""
    assert told(edit) == [expected]


def test_packages_are_told_one_by_one() -> None:
    """Each package that came, went or has another version is told."""
    packages = {"numpy": "2.0.0", "httpx": "0.27"}
    edits = (put("software/packages", packages), put("software/packages_hash", OTHER))
    assert told(*edits) == [
        ("software", "package", "numpy", "changed", "1.26.4", "2.0.0"),
        ("software", "package", "rich", "removed", "13.7", None),
        ("software", "package", "httpx", "added", None, "0.27"),
    ]


def test_a_package_that_lies_elsewhere_and_is_the_same_is_no_change() -> None:
    """Where the hash of the packages is equal they are, wherever the project lies on each machine."""
    sources = [put("software/package_sources", {"rich": f"file:///{home}/p (editable)"}) for home in ("a", "b")]
    a, b = record(sources[0]), record(sources[1], put("system/python_version", "3.12.1"), run=1)
    assert [change.item for change in changes(a, b)] == ["python"]


def test_data_is_told_with_what_lies_beside_its_hash() -> None:
    """Where the content of a data set is another, its size and number of files are told too."""
    edits = (put("data/sets/tickets/sha256", OTHER), put("data/sets/tickets/bytes", 4096))
    assert told(*edits) == [
        ("data", "data tickets", "sha256", "changed", SHA, OTHER),
        ("data", "data tickets", "bytes", "changed", 2048, 4096),
    ]


def test_the_order_of_tools_and_stop_sequences_does_not_matter() -> None:
    """What is order-free is compared so, and tools by their names."""
    assert told(lambda m: m["tools"].reverse(), put("model_config/stop_sequences", ["b", "a"])) == []
    (change,) = told(lambda m: m["tools"][1].update(version="2"))
    assert change == ("agent", "tool fetch", "version", "changed", "1", "2")
    (gone,) = told(lambda m: m["tools"].pop())
    assert gone[1:4] == ("tool fetch", "", "removed")


def test_two_tools_of_one_name_are_told_apart() -> None:
    """No tool hides another."""
    double = (lambda m: m["tools"].append({**m["tools"][0], "version": "7"}),)
    (change,) = told(lambda m: m["tools"][-1].update(version="8"), before=double)
    assert change == ("agent", "tool search (2)", "version", "changed", "7", "8")


def test_what_an_unknown_layer_lacks_is_not_called_removed() -> None:
    """A package list that was not captured does not mean that every package is gone."""
    lost = (put("software/packages", None), put("software/packages_hash", None))
    found = changes(record(), record(*lost, run=1))
    assert {change.kind for change in found} == {"unknown"}
    assert {change.field for change in found} >= {"numpy", "rich"}
    back = changes(record(*lost), record(run=1))
    assert {change.kind for change in back} == {"unknown"}


def test_a_layer_whose_hash_alone_differs_is_still_told() -> None:
    """A change that no field shows is not dropped."""
    flat, nested = put("model_config", {"a.b": 1}), put("model_config", {"a": {"b": 1}})
    (change,) = changes(record(flat), record(nested, run=1))
    assert change[:4] == ("model", "the layer", "sha256", "changed")


def test_an_empty_value_is_none() -> None:
    """A null or an empty table that one side has and the other has not is no change."""
    assert told(put("model_config/seed", None)) == []
    assert told(put("data/reported", {"split": {}})) == []


def test_what_is_the_same_is_told_on_request_only() -> None:
    """With everything each fact is there, marked as the same."""
    assert told() == []
    everything = changes(record(), record(run=1), everything=True)
    assert {change.kind for change in everything} == {"same"}
    assert {change.layer for change in everything} >= {"prompts", "model", "config", "data", "infra"}


def test_one_is_one_and_true_is_not() -> None:
    """Values are compared as JSON has them, at any depth."""
    assert alike(1, 1.0)
    assert alike({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
    assert not alike(1, True)
    assert not alike([0], [False])
    assert not alike({"a": 1}, {"a": 1, "b": None})


def test_of_two_command_lines_only_what_differs_is_told_with_its_option() -> None:
    """Words that both begin and end with are left out, save the option that a value belongs to."""
    words = ["eval.py", "--model", "a", "--n", "5"]
    assert different_words(words, ["eval.py", "--model", "b", "--n", "5"]) == (["--model", "a"], ["--model", "b"])
    assert different_words(words, [*words, "--fast"]) == ([], ["--fast"])
    assert different_words(["x", "x"], ["x"]) == (["x"], [])


def test_what_is_in_no_layer_stands_beside() -> None:
    """The host, the user and the commit are told, and in no layer."""
    edits = (
        put("warnings", ["the data was late"]),
        put("observed/user", "eve"),
        put("git_sha", "2" * 40),
        put("command/timeout_seconds", 9.0),
    )
    a, b = record(), record(*edits, run=1)
    assert changes(a, b) == []
    names = {change.field: (change.kind, change.b) for change in beside(a, b)}
    assert names == {
        "warnings": ("changed", 1),
        "observed.user": ("added", "eve"),
        "git_sha": ("changed", "2" * 40),
        "command.timeout_seconds": ("added", 9.0),
    }


def test_a_fact_of_a_layer_is_not_told_twice() -> None:
    """What a layer tells does not stand beside the layers too."""
    edits = [put("software/packages_hash", OTHER), put("infra/cpu/count", 9), put("data/sets/tickets/bytes", 1)]
    edits += [put("system/python_version", "3.13.0"), put("software/env/LANG", "de")]
    assert beside(record(), record(*edits, run=1)) == []


leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
tables = st.dictionaries(st.sampled_from(["a", "b", "c"]), leaves, max_size=3)


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(tables, tables, tables, tables)
def test_a_layer_has_certain_changes_just_where_its_hash_differs(a: Any, b: Any, c: Any, d: Any) -> None:
    """Whatever the facts: told is what the hashes say, no more and no less, and both ways round alike."""
    one = record(put("model_config", a), put("config/reported", c))
    other = record(put("model_config", b), put("config/reported", d), run=1)
    whole = copy.deepcopy((one, other))
    found = changes(one, other)
    differ = {name for name, known in one["identity"]["layers"].items() if known != other["identity"]["layers"][name]}
    assert {change.layer for change in found} == differ
    assert all(change.kind in CERTAIN for change in found)
    mirrored = {(change.item, change.field, str(change.b), str(change.a)) for change in changes(other, one)}
    assert {(change.item, change.field, str(change.a), str(change.b)) for change in found} == mirrored
    assert whole == (one, other)


def test_a_file_given_in_place_of_another_is_held_against_it() -> None:
    """`--config a.json`, then `--config b.json`: what counts is which values differ, and the step is told."""
    one, other = record(), record(run=1)
    file = other["config"]["files"].pop("conf/eval.yaml")
    other["config"]["files"]["conf/new.yaml"] = {**file, "sha256": OTHER, "values": {"top.k": 9, "mode": "fast"}}
    other["identity"] = identify(other)
    (change,) = changes(one, other)
    assert (change.item, change.field) == ("conf/eval.yaml -> conf/new.yaml", "top.k")
    assert (change.kind, change.a, change.b) == ("changed", 5, 9)
    other["config"]["files"]["conf/new.yaml"]["values"] = {"unlike": 1}
    assert {(change.item, change.kind) for change in changes(one, other)} == {
        ("conf/eval.yaml", "removed"),
        ("conf/new.yaml", "added"),
    }

"""Which layer did it: one, several, one that nobody knows, or none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from diffing import OTHER, SHA, Edit, answers, diff, put, record

from evalprov.explain.attribution import layer_states
from evalprov.judge.diff import diff as compared
from evalprov.judge.diff import differs
from evalprov.judge.metric_diff import Side
from evalprov.record.form import blank
from evalprov.record.layers import layers

FALLEN = answers(100)
LAYERS = ("prompts", "model", "agent", "config", "code", "data", "grader", "software", "infra")
# An edit of one fact in each layer, and what it is called where it did it.
EDITS: dict[str, tuple[Edit, str]] = {
    "prompts": (put("prompts/plan/sha256", OTHER), "prompts"),
    "model": (put("model_config/temperature", 0.7), "model"),
    "agent": (put("agent/name", "worker"), "agent"),
    "config": (put("config/arguments", ["eval.py", "--n", "7"]), "config"),
    "code": (put("code/tree", "d" * 40), "code"),
    "data": (put("data/sets/tickets/sha256", OTHER), "data set"),
    "grader": (put("grader/version", "2"), "grader"),
    "software": (put("software/packages_hash", OTHER), "software"),
    "infra": (put("infra/memory/hard_limit_mb", 512), "infra"),
}


def test_every_layer_is_proven_equal_in_two_runs_of_the_same() -> None:
    """What both sides hold by content or observation is proven equal, in all nine layers."""
    assert layer_states(record(), record(run=1)) == dict.fromkeys(LAYERS, "equal")


@pytest.mark.parametrize("layer", LAYERS)
def test_one_edit_changes_one_layer_and_is_named_in_the_answer(layer: str) -> None:
    """Where one layer alone changed and the score fell for real, it is attributed to that layer."""
    edit, lever = EDITS[layer]
    found = diff(record(), record(edit, run=1, metrics=FALLEN))
    assert [name for name, one in found.layers.items() if one.state == "changed"] == [layer]
    assert found.answer.kind == "attributed"
    assert found.answer.levers == [lever]
    assert "correct_mean is worse for real, 0.75 -> 0.5" in found.answer.sentence
    assert re.search(rf": of what is recorded, only the {lever} changed", found.answer.sentence)
    assert {change.layer for change in found.changes} == {layer}
    assert differs(found)


@pytest.mark.parametrize(
    ("layer", "lost"),
    [
        ("code", put("code/tree", None)),
        ("software", put("software/packages_hash", None)),
        ("infra", put("infra/gpu", None)),
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_what_is_not_known_on_either_side_is_never_called_the_same(layer: str, lost: Edit, side: int) -> None:
    """A layer that one side does not know leaves the cause open, whatever else changed, and the answer names it."""
    edits: tuple[list[Edit], list[Edit]] = ([], [EDITS["model"][0]])
    edits[side].append(lost)
    a, b = record(*edits[0]), record(*edits[1], run=1, metrics=FALLEN)
    assert layer_states(a, b)[layer] == "unknown"
    found = diff(a, b)
    assert found.answer.kind == "unattributable"
    assert found.answer.unknown == [layer]
    assert layer in found.answer.sentence
    assert (found.layers[layer].reason or "").startswith(f"{'AB'[side]}: ")
    assert differs(found)


def test_a_layer_missing_from_an_old_record_is_unknown() -> None:
    """A run that never got as far as its identity has nine layers that nobody knows."""
    nothing = blank("20260920T143000Z", "2026-09-20T14:30:00Z")
    assert set(layer_states(nothing, record()).values()) == {"unknown"}
    assert set(layer_states(record(), nothing).values()) == {"unknown"}
    assert set(layer_states(nothing, nothing).values()) == {"unknown"}


def test_a_layer_that_is_not_whole_has_changed_where_that_is_certain_all_the_same() -> None:
    """Another Python is another software layer, though the packages of one side are not known."""
    a = record(put("software/packages_hash", None), put("software/packages", None))
    b = record(put("system/python_version", "3.12.1"), run=1, metrics=FALLEN)
    assert layer_states(a, b)["software"] == "unknown"
    found = diff(a, b)
    assert found.layers["software"].state == "changed"
    assert found.answer.kind == "attributed"


def test_layers_that_nobody_declared_are_outside_the_experiment_and_the_answer_says_so() -> None:
    """An attribution is made beside undeclared layers, and names them."""
    bare = (
        put("prompts", {}),
        put("prompt_versions", {}),
        put("grader", record()["grader"] | {"files": {}, "version": None}),
    )
    a, b = record(*bare), record(*bare, EDITS["model"][0], run=1, metrics=FALLEN)
    states = layer_states(a, b)
    assert (states["prompts"], states["grader"], states["agent"]) == ("undeclared", "undeclared", "equal")
    found = diff(a, b)
    assert found.answer.kind == "attributed"
    assert found.answer.undeclared == ["prompts", "grader"]
    assert "; nobody declared prompts, grader; a run that was off" in found.answer.sentence
    assert "the model changed" in found.answer.sentence
    assert "only" not in found.answer.sentence


def test_declared_on_one_side_only_is_a_change() -> None:
    """A layer that one run declares and the other does not is neither equal nor outside."""
    bare = (put("prompts", {}), put("prompt_versions", {}))
    assert layer_states(record(*bare), record())["prompts"] == "changed"


def test_several_layers_are_confounded_and_all_are_named() -> None:
    """No layer is picked out of several."""
    edits = [EDITS["model"][0], EDITS["prompts"][0], EDITS["software"][0]]
    found = diff(record(), record(*edits, run=1, metrics=FALLEN))
    assert found.answer.kind == "confounded"
    assert found.answer.levers == ["prompts", "model", "software"]
    assert "prompts, model, software" in found.answer.sentence


def test_what_is_retrieved_and_what_is_judged_on_are_two_levers() -> None:
    """A retriever changes within the experiment; another data set or golden version makes another experiment."""
    retriever = diff(record(), record(put("data/retrieval/top_k", 9), run=1, metrics=FALLEN))
    assert retriever.answer.levers == ["retriever"]
    assert retriever.answer.caveats == []
    golden = diff(record(), record(put("golden_version", "g2"), run=1, metrics=FALLEN))
    assert golden.answer.levers == ["golden version"]
    both = diff(record(), record(put("golden_version", "g2"), put("data/retrieval/top_k", 9), run=1, metrics=FALLEN))
    assert both.answer.kind == "confounded"


@pytest.mark.parametrize("layer", ["data", "grader"])
def test_another_experiment_is_said_first(layer: str) -> None:
    """Scores on other data or by another grader cannot be held against each other: that comes before all else."""
    found = diff(record(), record(EDITS[layer][0], run=1, metrics=FALLEN))
    assert found.answer.sentence.startswith("the scores are not of one experiment: another ")


def test_what_one_side_alone_declares_is_not_called_another() -> None:
    """Where one run names no grader nobody knows whether it had the same."""
    bare = put("grader", record()["grader"] | {"files": {}, "version": None})
    found = diff(record(bare), record(run=1, metrics=FALLEN))
    assert found.answer.sentence.startswith(
        "it is not known whether the scores are of one experiment: grader on one side only; "
    )


def test_another_scenario_is_said_first() -> None:
    """Two scenarios are two experiments."""
    found = diff(record(), record(put("scenario", "mails"), run=1))
    assert found.answer.sentence.startswith("the scenario is another (tickets -> mails)")
    assert differs(found)


def test_a_failed_run_is_said_first() -> None:
    """The scores of a run that did not complete are not taken for whole."""
    found = diff(record(), record(put("status", "timed_out"), run=1, metrics=FALLEN))
    assert found.answer.sentence.startswith("B is not a completed run (timed out)")


def test_a_score_that_moved_alone_is_nondeterminism_or_untracked() -> None:
    """Where nothing recorded changed nothing is blamed."""
    found = diff(record(), record(run=1, metrics=FALLEN))
    assert found.answer.kind == "untracked"
    assert "nondeterminism" in found.answer.sentence


def test_another_served_model_is_another_model() -> None:
    """What was served under the same name is the model that changed, and it is told."""
    a, b = (put("observed/model", {"system_fingerprint": name}) for name in ("fp_a", "fp_b"))
    served = diff(record(a), record(b, run=1, metrics=FALLEN))
    assert served.layers["model"].state == "changed"
    assert served.answer.levers == ["model"]
    assert "only the served model changed (system_fingerprint fp_a -> fp_b)" in served.answer.sentence
    both = diff(record(a), record(b, EDITS["prompts"][0], run=1, metrics=FALLEN))
    assert both.answer.kind == "confounded"
    silent = put("observed/model", {})
    assert layer_states(record(a), record(silent, run=1))["model"] == "named"


NAMED: dict[str, Edit] = {
    "prompts": put("prompt_versions", {"plan": "v1", "other": "v2"}),
    "model": put("observed/model", {"model": "m-1"}),
    "agent": put("agent/graph_hash", None),
    "code": put("capture/beside", {"status": "captured", "ms": 1.0, "reason": "3,000 ignored sources: too many"}),
    "data": put("data/reported", {"split": "test"}),
    "grader": put("grader/files", {}),
    "software": put("software/env_rest", None),
}


@pytest.mark.parametrize("layer", NAMED)
def test_what_is_the_same_by_name_is_not_proven_and_nothing_is_the_only_change_beside_it(layer: str) -> None:
    """A layer that one side holds by a name is never proven equal, and the answer names it."""
    other = "config" if layer != "config" else "prompts"
    edit = EDITS[other][0]
    found = diff(record(NAMED[layer]), record(NAMED[layer], edit, run=1, metrics=FALLEN))
    assert found.layers[layer].state == "named"
    assert found.layers[layer].reason
    assert found.answer.named == [layer]
    assert (found.answer.kind, found.answer.levers) == ("attributed", [EDITS[other][1]])
    assert f": the {other} changed (" in found.answer.sentence
    assert "only the" not in found.answer.sentence
    assert f"; {layer} is the same by name only" in found.answer.sentence


@pytest.mark.parametrize(
    ("layer", "edit"),
    [
        ("prompts", put("prompts/plan/sha256", None)),
        ("config", put("config/files/conf~eval.yaml/sha256", None)),
        ("data", put("data/sets/tickets/sha256", None)),
        ("grader", put("grader/files/grade.py", None)),
        ("infra", put("capture/hardware", {"status": "failed", "ms": 1.0, "reason": "OSError"})),
    ],
)
def test_what_could_not_be_read_is_not_known(layer: str, edit: Edit) -> None:
    """A declared file without a hash is no equality, on whichever side and on both."""
    for a, b in ((record(edit), record(run=1)), (record(), record(edit, run=1)), (record(edit), record(edit, run=1))):
        assert layer_states(a, b)[layer] == "unknown"


@pytest.mark.parametrize("layer", ["prompts", "config", "code", "data", "grader", "software"])
def test_what_was_edited_while_the_command_ran_is_not_proven(layer: str) -> None:
    """Nobody knows which of the two contents was read."""
    edited = put("observed/edited", {"some/file": layer})
    found = diff(record(), record(edited, run=1, metrics=FALLEN))
    assert found.layers[layer].state == "unknown"
    assert "B: some/file was written to while the command ran" in (found.layers[layer].reason or "")
    assert found.answer.kind == "unattributable"
    assert {name: one.state for name, one in found.layers.items() if one.state != "equal"} == {layer: "unknown"}
    changed = diff(record(), record(edited, EDITS[layer][0], run=1, metrics=FALLEN))
    assert changed.layers[layer].state == "changed"


def test_what_a_crashed_run_never_reported_is_not_known() -> None:
    """A run that ended before its report did not change the model and the prompts that it would have named."""
    told = {"prompt_versions.plan": "reported", "model_config.model": "reported"}
    whole = put("sources", told)
    nothing = [put("prompts", {}), put("prompt_versions", {}), put("model_config", {}), put("observed/model", {})]
    crashed = [put("status", "failed"), put("output/metrics_source", None), *nothing]
    states = layer_states(record(whole), record(*crashed, run=1))
    assert (states["prompts"], states["model"]) == ("unknown", "unknown")
    found = diff(record(whole), record(*crashed, run=1))
    assert found.answer.levers == []
    assert "B: failed before it reported prompt_versions.plan" in (found.layers["prompts"].reason or "")
    finished = [put("output/metrics_source", {"channel": "stdout", "line": 1, "rule": "report-line", "reports": 1})]
    assert layer_states(record(whole), record(*nothing, *finished, run=1))["model"] == "changed"


def test_a_fact_that_one_evalprov_did_not_look_for_says_nothing() -> None:
    """Records of before and after a new fact hold the layer by name, and it has not changed."""
    old = put("software/packages_content", None)
    assert layer_states(record(old), record(run=1))["software"] == "named"
    assert diff(record(old), record(run=1)).changes == []
    unlooked = put("capture", {})
    beside = put("code/beside", {"helper.py": SHA})
    assert layer_states(record(unlooked), record(beside, run=1))["code"] == "named"
    assert diff(record(unlooked), record(beside, run=1)).changes == []
    assert layer_states(record(), record(beside, run=1))["code"] == "changed"
    patched = diff(record(), record(put("software/packages_content", OTHER), run=1, metrics=FALLEN))
    assert ": of what is recorded, only the software changed (installed files changed)" in patched.answer.sentence


def test_data_that_is_not_pulled_is_known_by_its_pointer() -> None:
    """DVC's pointer is the content of the data, here or not; data that differs from its pointer is what it is."""
    pointer = {"kind": "dvc", "pointer": "md5:1", "stale": False}
    pulled = record()["data"]["sets"]["tickets"] | pointer
    absent = pulled | {"sha256": None, "stale": None}

    def state(one: Any, other: Any) -> str:
        sets = [put("data/sets/tickets", side) for side in (one, other)]
        return layer_states(record(sets[0]), record(sets[1], run=1))["data"]

    assert state(pulled, absent) == "equal"
    assert state(absent, absent) == "equal"
    assert state(absent, absent | {"pointer": "md5:2"}) == "changed"
    assert state(pulled | {"stale": True}, absent) == "changed"
    plain = pulled | {"kind": "file", "pointer": None, "stale": None}
    assert state(plain, pulled) == "equal", "the same bytes, of which one side keeps a pointer"


def test_what_differs_beside_the_layers_is_not_nothing() -> None:
    """Nothing recorded changed is said of records that hold nothing else that differs."""
    assert "nothing that is recorded changed" in diff(record(), record(run=1)).answer.sentence
    user = put("observed/user", "somebody")
    assert "no layer changed; beside them differ observed.user" in diff(record(), record(user, run=1)).answer.sentence
    for edit, layer in (
        (put("command/cwd", "evals/b"), "config"),
        (put("config/program", "taskset"), "config"),
        (put("infra/ulimits", {"nofile": [1024, 1024]}), "infra"),
    ):
        assert layer_states(record(), record(edit, run=1))[layer] == "changed"


def test_a_score_within_noise_has_no_cause() -> None:
    """What changed is told, and that no score moved for real."""
    found = diff(record(), record(EDITS["model"][0], run=1, metrics=answers(149)))
    assert found.answer.kind == "not_moved"
    assert found.answer.moved == []
    assert "within noise" in found.answer.sentence
    assert "the model changed (temperature 0 -> 0.7)" in found.answer.sentence
    assert differs(found)


def test_nothing_at_all_differs_in_a_true_repetition() -> None:
    """The same program with the same scores differs in nothing, whatever day it is."""
    found = diff(record(), record(run=1))
    assert found.answer.kind == "not_moved"
    assert found.changes == []
    assert not differs(found)


def test_too_little_data_is_not_called_a_move() -> None:
    """With a summary alone nobody can tell, and that is no equality either."""
    summary = (put("metrics", {}), put("metric_summary", {"accuracy": 0.74}))
    other = (put("metrics", {}), put("metric_summary", {"accuracy": 0.71}))
    found = diff(record(*summary), record(*other, run=1))
    assert found.answer.kind == "cannot_tell"
    assert found.answer.unclear == ["accuracy"]
    assert differs(found)


def test_runs_without_metrics_are_compared_all_the_same() -> None:
    """No metrics, or none in common, is said; what changed is told."""
    none = (put("metrics", None), put("metric_summary", None))
    found = diff(record(*none), record(*none, EDITS["model"][0], run=1))
    assert found.answer.kind == "no_metrics"
    assert "there are no metrics to compare; the model changed" in found.answer.sentence
    apart = diff(record(), record(run=1, metrics=answers(100, name="score")))
    assert "no metric stands on both sides" in apart.answer.sentence
    assert {metric.verdict for metric in apart.metrics} == {"one_sided"}


def test_one_run_against_itself_is_said() -> None:
    """Comparing a run with itself works and is pointed out."""
    found = diff(record(), record())
    assert found.answer.sentence == "A and B are the same run: there is nothing to compare"
    assert not differs(found)
    forged = diff(record(), record(metrics=FALLEN))
    assert forged.answer.sentence.startswith("A and B have one run id and are not the same record; ")


def test_trials_of_different_programs_are_not_taken_for_one() -> None:
    """Where the trials of a side differ in a layer, the layer is no longer the same and that is said."""
    trials = Side((record(), record(EDITS["code"][0], run=1)))
    found = compared(trials, Side((record(EDITS["model"][0], run=2, metrics=FALLEN),)))
    assert found.layers["code"].state == "changed"
    assert "the trials of A are not of one program (code)" in found.answer.sentence
    assert (found.answer.kind, found.answer.levers) == ("confounded", ["model", "code"])


def test_all_trials_count() -> None:
    """A failed trial is told, and metrics are taken over all of them."""
    a = Side(tuple(record(run=i, metrics=answers(150)) for i in range(3)))
    b = Side(tuple(record(EDITS["model"][0], run=i + 3, metrics=answers(100 + i)) for i in range(3)))
    found = compared(a, b)
    assert found.answer.kind == "attributed"
    assert found.answer.moved == ["correct_mean"]
    broken = Side((*b.runs[:2], record(put("status", "timed_out"), EDITS["model"][0], run=5)))
    assert compared(a, broken).answer.caveats == ["1 of 3 trials of B did not complete"]


def test_what_is_no_decision_spec_is_said_to_be_none() -> None:
    """A record whose attached spec is a list, or holds one where a table belongs, is compared in all else."""
    for odd in ([], [1], "text", 7, {"model": []}, {"agent": "a"}, {"tools": {}}):
        found = diff(record(), record(put("decision_spec", odd), run=1)).decision_spec
        assert found.compatible is None, odd
        assert found.problem, odd


def test_a_decision_spec_is_compared_as_tracelens_does() -> None:
    """The specs' differences and whether they hold model and agent fixed are part of it (D12, D13)."""
    warm = diff(record(), record(EDITS["model"][0], run=1)).decision_spec
    assert warm.compatible is True
    assert warm.differences == {"model.temperature": (0.0, 0.7)}
    other = diff(record(), record(put("model_config/model", "m-2"), run=1)).decision_spec
    assert other.compatible is False


def test_infra_that_differs_is_listed_by_field() -> None:
    """The facts of the machine that do not match are named (D15)."""
    found = diff(record(), record(EDITS["infra"][0], put("infra/cpu/count", 4), run=1))
    assert found.infra_mismatch == ["cpu count", "memory hard_limit_mb"]


def test_every_layer_of_a_record_has_a_state() -> None:
    """No layer is forgotten."""
    assert list(layer_states(record(), record())) == list(layers(record()))


def test_a_hundred_metrics_make_one_line() -> None:
    """The answer names the first that moved and counts the others."""
    names = [f"m{i}" for i in range(100)]
    many: Any = [
        {f"t{i}": {name: (i + at) % 200 < right for at, name in enumerate(names)} for i in range(200)}
        for right in (150, 20)
    ]
    found = diff(record(metrics=many[0]), record(EDITS["model"][0], run=1, metrics=many[1]))
    assert len(found.answer.moved) == 100
    assert "100 metrics moved for real: " in found.answer.sentence
    assert "and 97 more" in found.answer.sentence
    assert len(found.answer.sentence) <= 200


def test_the_same_files_are_the_same_code_whichever_of_them_other_layers_claim() -> None:
    """Of two configs in one checkout each run claims its own, so that what is left for code differs in name alone."""
    whole = put("git/tree", "e" * 40)
    other = put("code/tree", "d" * 40)
    assert layer_states(record(whole), record(whole, other, run=1))["code"] == "equal"
    found = diff(record(whole), record(whole, other, run=1, metrics=FALLEN))
    assert found.answer.kind == "untracked"
    assert found.changes == []
    assert layer_states(record(), record(other, run=1))["code"] == "changed", "without a whole tree nobody knows"
    vote = put("code/algorithms/vote/sha256", OTHER)
    assert layer_states(record(whole), record(whole, other, vote, run=1))["code"] == "changed"


@pytest.mark.parametrize("first", [True, False])
def test_sources_that_one_run_had_no_time_to_read_are_no_change(*, first: bool) -> None:
    """A package used from a folder, read to its end by one run alone: the software is not blamed, and not proven."""

    def unread(m: Any) -> None:
        m["software"] |= {"packages_content": None, "package_trees": {}}
        m["software"]["package_sources"] = {"lib": "file:///x/lib (editable)"}

    def read(m: Any) -> None:
        unread(m)
        m["software"]["package_trees"] = {"lib": {"path": "/x/lib", "commit": None, "dirty": None, "sha256": SHA}}

    sides = (unread, read) if first else (read, unread)
    found = diff(record(sides[0]), record(sides[1], run=1, metrics=answers(100)))
    assert found.answer.levers == []
    assert found.layers["software"].state == "named"
    assert "used from a folder that was not read: lib" in (found.layers["software"].reason or "")

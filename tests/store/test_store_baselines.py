"""Baselines on disk: whole, sealed, never replaced by accident, and refused when anything in them was changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_runs import NOON, begun, ended, in_child, record

from evalprov.errors import EvalprovError, UnreadableError
from evalprov.record.baseline import acceptance, account_of, trials_of
from evalprov.record.form import blank
from evalprov.record.identity import identify
from evalprov.record.manifest import Manifest
from evalprov.store import Store
from evalprov.store.baselines import BaselineRemarks, Wanted, accept, find_all, keep, names, remove
from evalprov.store.lookup import find
from evalprov.store.read import load

_NOT_READ = "it failed (exit 3), and no metrics were read"
SOUND = Wanted("main", "release 1.2", "Ada")


def sound(path: str, at: float = NOON, accuracy: float = 0.8) -> Manifest:
    """Record a run that nothing speaks against; return it as it is read."""
    store = Store.open(path)
    manifest = store.reserve(at, blank)
    manifest.update({"status": "completed", "duration_seconds": 1.0, "git_dirty": False, "note": "größer"})
    manifest["metric_summary"] = {"accuracy": accuracy, "calls": 12345678901234567890, "cost": 1.0}
    manifest["metrics"] = {"t1": {"accuracy": accuracy}}
    manifest["code"]["tree"] = "0" * 40
    manifest["identity"] = identify(manifest)
    assert store.finish(manifest) == []
    return load(path, manifest["run_id"])


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a store is."""
    return str(tmp_path / "metrics")


def file_of(path: str, name: str = "main") -> Path:
    """Return a baseline's file."""
    return Path(path, "baselines", f"{name}.json")


def refusal(act: Callable[[], object]) -> EvalprovError:
    """Return why something was refused; every refusal is one printable line."""
    with pytest.raises(EvalprovError) as refused:
        act()
    assert refused.value.exit_code == 2
    assert refused.value.message.isprintable()
    return refused.value


def test_a_baseline_is_the_whole_record_with_an_account(path: str) -> None:
    """Everything the run's record has is in it, and besides who set it, when and why; it names the run everywhere."""
    run = sound(path)
    keep(path, run, SOUND)
    stored = load(path, "baseline:main")
    account = account_of(stored)
    assert {name: value for name, value in stored.items() if name != "baseline"} == run
    assert account is not None
    assert (account["name"], account["reason"], account["set_by"]) == ("main", "release 1.2", "Ada")
    assert account["forced"] == []
    assert account["replaces"] is None
    assert abs(time.time() - time.mktime(time.strptime(account["set_at"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
    assert find(path, "baseline:main") == run["run_id"] == load(path, str(file_of(path)))["run_id"]
    assert names(path) == ["main"]


def test_a_baseline_is_not_replaced_by_accident(path: str) -> None:
    """A second one is refused without a word for it, and then says what was there before."""
    first, second = sound(path), sound(path, NOON + 60, 0.9)
    keep(path, first, SOUND)
    before = file_of(path).read_bytes()
    assert first["run_id"] in refusal(lambda: keep(path, second, SOUND)).message
    assert file_of(path).read_bytes() == before
    keep(path, second, SOUND._replace(replace=True))
    account = account_of(load(path, "baseline:main"))
    assert account is not None
    assert account["replaces"] == {"run_id": first["run_id"], "fingerprint": first["identity"]["fingerprint"]}


def test_what_a_baseline_was_made_from_stays_out_of_the_next(path: str) -> None:
    """A baseline set from another has its own account alone."""
    keep(path, sound(path), SOUND)
    keep(path, load(path, "baseline:main"), SOUND._replace(name="release", reason="the same"))
    account = account_of(load(path, "baseline:release"))
    assert account is not None
    assert (account["name"], account["reason"], account["replaces"]) == ("release", "the same", None)


def test_a_command_that_fails_by_design_is_a_baseline(path: str) -> None:
    """Its metrics were read; where the settings allow no failed run, it takes force."""
    run: Any = {**sound(path), "status": "failed", "exit_code": 1}
    strict = SOUND._replace(allow_failed=False)
    assert "[gate] allow_failed = false" in refusal(lambda: keep(path, run, strict)).message
    keep(path, run, SOUND)
    account = account_of(load(path, "baseline:main"))
    assert account is not None
    assert account["forced"] == []


def test_the_trials_of_a_repeat_are_kept(path: str) -> None:
    """With what judging them takes, and sealed like all else."""
    runs = [sound(path, NOON + 60 * number, 0.7 + number / 10) for number in range(3)]
    keep(path, runs[0], SOUND, runs[1:])
    found = trials_of(load(path, "baseline:main"))
    assert [run["run_id"] for run in found] == [run["run_id"] for run in runs]
    assert [run["metric_summary"] for run in found] == [run["metric_summary"] for run in runs]
    assert [run["metrics"] for run in found] == [run["metrics"] for run in runs]
    text = file_of(path).read_text()
    file_of(path).write_text(text.replace('"accuracy": 0.8', '"accuracy": 0.9'))
    assert text != file_of(path).read_text()
    with pytest.raises(UnreadableError):
        load(path, "baseline:main")


def test_another_grader_can_be_accepted(path: str) -> None:
    """Who said so, when and why stands in the baseline, which is sealed anew; once is enough."""
    run = sound(path)
    keep(path, run, SOUND)
    other: Any = {**sound(path, NOON + 60), "grader": {**run["grader"], "version": "2"}}
    other["identity"] = identify(other)
    said: BaselineRemarks = {"by": "Ada", "reason": "the harness was upgraded"}
    (one,) = accept(path, "main", [other], "grader", said)
    stored = load(path, "baseline:main")
    assert one["after"] == other["identity"]["layers"]["grader"] != one["before"]
    assert (account_of(stored) or {})["accepted"] == [one]
    assert acceptance([stored], other, "grader") == one
    assert acceptance([stored], other, "data") is None
    assert accept(path, "main", [other], "grader", said) == []
    assert accept(path, "main", [run], "grader", said) == []
    other["identity"]["layers"]["grader"] = None
    assert "not known" in refusal(lambda: accept(path, "main", [other], "grader", said)).message
    assert load(path, "baseline:main") == stored


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"status": "failed", "exit_code": 3, "metrics": None, "metric_summary": None}, _NOT_READ),
        ({"status": "running"}, "it is still running"),
        ({"status": "not_started"}, "it was never started"),
        ({"status": "lost"}, "it was lost: how it ended is not known"),
        ({"git_dirty": True}, "not all of its code was committed"),
        ({"git_dirty": None}, "it is not known whether all of its code was committed"),
        ({"metrics": None, "metric_summary": None}, "it reported no metrics"),
    ],
)
def test_a_doubtful_run_is_taken_only_by_force(path: str, facts: dict[str, Any], says: str) -> None:
    """The reason is said, and the baseline remembers it."""
    run: Any = {**sound(path), **facts}
    assert says in refusal(lambda: keep(path, run, SOUND)).message
    assert names(path) == []
    account = account_of(keep(path, run, SOUND._replace(force=True)))
    assert account is not None
    assert account["forced"] == [says]


def test_a_record_that_contradicts_itself_is_never_a_baseline(path: str) -> None:
    """A run whose facts were edited after it ran has other hashes than it says; force does not help."""
    run = sound(path)
    run["model_config"]["model"] = "another"
    problem = refusal(lambda: keep(path, run, SOUND._replace(force=True)))
    assert isinstance(problem, UnreadableError)
    assert "model" in problem.message


def every_change(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every value of a document that can be changed."""
    if isinstance(value, dict) and value:
        return [path for name, inner in value.items() for path in every_change(inner, (*at, name))]
    return [at]


def test_any_change_of_a_baseline_is_noticed(path: str) -> None:
    """Every value in it, one at a time: a score, a fact, a hash, the reason, who set it."""
    keep(path, sound(path), SOUND)
    whole = file_of(path).read_bytes()
    places = every_change(json.loads(whole))
    assert len(places) > 100
    for *section, last in places:
        document = json.loads(whole)
        inside = document
        for name in section:
            inside = inside[name]
        inside[last] = "sha256:0" if inside[last] != "sha256:0" else "x"
        file_of(path).write_text(json.dumps(document))
        for spec in ("baseline:main", str(file_of(path))):
            with pytest.raises(UnreadableError):
                load(path, spec)
    file_of(path).write_bytes(whole)
    load(path, "baseline:main")


def test_a_change_that_is_sealed_anew_is_noticed_by_its_hashes(path: str) -> None:
    """The seal needs no key; a fact that was changed by somebody who renewed it contradicts the fingerprint."""
    from evalprov.record.baseline import plain, sealed
    from evalprov.record.form import encode

    keep(path, sound(path), SOUND)
    stored = load(path, "baseline:main")
    account = account_of(stored)
    assert account is not None
    changed: Any = plain(stored)
    changed["golden_version"] = "another"
    file_of(path).write_bytes(encode(sealed(changed, account)))
    problem = refusal(lambda: load(path, "baseline:main"))
    assert "what it holds is not what its hashes say: data, scenario, fingerprint" in problem.message


def test_another_spelling_of_the_same_is_no_change(path: str) -> None:
    """A formatter that sorts and indents, or a tool that writes 1 for 1.0, breaks no seal."""
    keep(path, sound(path), SOUND)
    document = json.loads(file_of(path).read_bytes())
    document["metric_summary"]["cost"] = 1
    file_of(path).write_text(json.dumps(document, indent=4, sort_keys=True))
    load(path, "baseline:main")


def test_a_plain_record_in_a_baselines_place_is_none(path: str) -> None:
    """Nobody said why it is there; a baseline that was copied under another name is refused as well."""
    run = sound(path)
    keep(path, run, SOUND)
    shutil.copy(f"{path}/runs/{run['run_id']}.json", file_of(path, "plain"))
    shutil.copy(file_of(path), file_of(path, "copy"))
    assert "does not say who set it" in refusal(lambda: load(path, "baseline:plain")).message
    assert "it was set as 'main'" in refusal(lambda: load(path, "baseline:copy")).message
    assert [one.problem is None for one in find_all(path)] == [False, True, False]


def test_a_baseline_that_cannot_be_read_can_be_replaced_and_removed(path: str) -> None:
    """Else a broken file could not be mended; that it was there is kept."""
    file_of(path).parent.mkdir(parents=True)
    file_of(path).write_text("{")
    refusal(lambda: load(path, "baseline:main"))
    account = account_of(keep(path, sound(path), SOUND._replace(replace=True)))
    assert account is not None
    assert account["replaces"] == {"run_id": None, "fingerprint": None}
    assert remove(path, "main") is not None
    assert names(path) == []
    assert "there is no baseline main" in refusal(lambda: remove(path, "main")).message


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "../x", ".hidden", "a b", "ü", "x" * 101, "a\nb", "-x", "main.json/"]
)
def test_a_name_is_no_path(path: str, name: str) -> None:
    """Only letters, digits, dots, dashes and underscores, in a name that begins with a letter or a digit."""
    run = sound(path)
    for act in (lambda: keep(path, run, SOUND._replace(name=name)), lambda: remove(path, name)):
        assert "not a baseline's name" in refusal(act).message
    assert not Path(path, "baselines").exists() or names(path) == []


def test_no_link_is_followed(path: str, tmp_path: Path) -> None:
    """Neither a baseline that is a link nor a folder that is one is read, written or removed through."""
    run = sound(path)
    outside = tmp_path / "outside.json"
    outside.write_text("mine")
    file_of(path).parent.mkdir(exist_ok=True)
    os.symlink(outside, file_of(path))
    forced = SOUND._replace(replace=True, force=True)
    for act in (lambda: load(path, "baseline:main"), lambda: keep(path, run, forced), lambda: remove(path, "main")):
        refusal(act)
    assert outside.read_text() == "mine"
    file_of(path).unlink()
    os.rmdir(f"{path}/baselines")
    os.symlink(tmp_path, f"{path}/baselines")
    for act in (lambda: load(path, "baseline:outside"), lambda: keep(path, run, forced), lambda: names(path)):
        refusal(act)
    assert sorted(os.listdir(tmp_path)) == ["metrics", "outside.json"]


def test_a_store_that_holds_baselines_alone_serves(path: str, tmp_path: Path) -> None:
    """A clone has nothing else of it; a baseline can be read there, set from a file, and removed."""
    keep(path, sound(path), SOUND)
    clone = str(tmp_path / "clone" / "metrics")
    shutil.copytree(f"{path}/baselines", f"{clone}/baselines")
    assert load(clone, "baseline:main") == load(path, "baseline:main")
    keep(clone, load(clone, f"{path}/baselines/main.json"), SOUND._replace(name="second"))
    assert names(clone) == ["main", "second"]
    remove(clone, "main")
    assert names(clone) == ["second"]


def test_two_at_once_do_not_replace_each_other(path: str) -> None:
    """Of many processes that set the same name, one does and the others are refused."""
    run = sound(path)

    def one() -> int:
        try:
            keep(path, run, SOUND)
        except EvalprovError:
            return 7
        return 0

    codes = [ended(pid) for pid in [in_child(one) for _ in range(8)]]
    assert sorted(codes) == [0, *[7] * 7]
    load(path, "baseline:main")


def test_a_process_that_is_killed_leaves_the_old_one_or_the_new_one(path: str) -> None:
    """At whatever moment: the file is whole, and the next one can be set."""
    runs = [sound(path, NOON + 60 * i, 0.1 * i) for i in range(2)]
    keep(path, runs[0], SOUND)

    def change() -> None:
        while True:
            for run in runs:
                keep(path, run, SOUND._replace(replace=True))

    for delay in (0.005, 0.011, 0.017, 0.023, 0.031, 0.047):
        pid = in_child(change)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) == -signal.SIGKILL
        assert load(path, "baseline:main")["run_id"] in {run["run_id"] for run in runs}
    keep(path, runs[1], SOUND._replace(replace=True))


def test_a_run_that_is_going_on_or_was_never_identified_can_be_forced(path: str) -> None:
    """There is nothing to contradict in a record without hashes."""
    keep(path, begun(path), SOUND._replace(force=True))
    keep(path, record(path, NOON + 60), SOUND._replace(name="other", force=True))
    assert names(path) == ["main", "other"]


@settings(max_examples=60, deadline=None)
@given(
    reason=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    by=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    values=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        max_size=5,
    ),
)
def test_whatever_is_in_it_a_baseline_reads_as_it_was_set(
    tmp_path_factory: pytest.TempPathFactory, reason: str, by: str | None, values: dict[str, Any]
) -> None:
    """Any text, any number: what was sealed is what is read."""
    path = str(tmp_path_factory.mktemp("any") / "metrics")
    run = sound(path)
    run["metric_summary"] = values
    run["metrics"] = dict.fromkeys(values, values)
    stored = keep(path, run, Wanted("main", reason, by, force=True))
    assert load(path, "baseline:main") == stored

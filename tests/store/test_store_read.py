"""Reading records: checked, migrated, bounded, and never trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_runs import NOON, begun, dead_run, manifests_of, record

from evalprov.errors import EvalprovError
from evalprov.record.form import SCHEMA, blank, encode, history_line
from evalprov.record.manifest import Manifest
from evalprov.store import Store, query
from evalprov.store.decode import Newer, Unreadable, as_seen, decode, decode_line, migrate
from evalprov.store.folder import LARGEST_RECORD
from evalprov.store.read import history, load, log

RUN = "20260920T120000Z"


def stored(path: Path, content: bytes) -> str:
    """Store these bytes as a run's record; return the store."""
    store = str(path / "metrics")
    record(store)
    Path(store, f"runs/{RUN}.json").write_bytes(content)
    return store


def with_changes(**changes: Any) -> bytes:
    """Return a record with some keys changed."""
    return json.dumps({**blank(RUN, "2026-09-20T12:00:00Z"), **changes}).encode()


def refused(store: str, spec: str = RUN) -> str:
    """Return why a record is not read."""
    with pytest.raises(EvalprovError) as why:
        load(store, spec)
    assert why.value.exit_code == 2
    assert "\n" not in why.value.message
    return why.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not whole"),
        (b"\0" * 100, "no JSON"),
        (with_changes()[:200], "not whole"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "which version"),
        (b'{"schema": true}', "which version"),
        (b'{"schema": 0}', "no such version of the record: 0"),
        (b'{"schema": 1}', "missing required field"),
        (with_changes(status="splendid"), "Invalid enum value 'splendid'"),
        (with_changes(metric_summary={"accuracy": "0.7"}), "metric_summary"),
        (with_changes(run_id="../../x"), "run_id"),
        (with_changes(run_id="20260920T120000Z_2"), "it is the record of 20260920T120000Z_2"),
        (with_changes(errors=[1]), "errors"),
        (b'{"schema": 1, "a": ' + b"[" * 1_000_000, ""),
        (b'{"schema": 1, "data": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", ""),
        (b'{"schema": NaN}', "no JSON"),
    ],
)
def test_a_malformed_record_is_a_clear_error(tmp_path: Path, content: bytes, said: str) -> None:
    """What is torn, no JSON, of another shape or for another run is refused in one line that says why."""
    message = refused(stored(tmp_path, content))
    assert f"runs/{RUN}.json" in message
    assert said in message


def test_a_newer_record_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """A record of a later version is not guessed at."""
    store = stored(tmp_path, with_changes(schema=SCHEMA + 1))
    with pytest.raises(EvalprovError, match="a newer evalprov wrote it") as why:
        load(store, RUN)
    assert "upgrade" in why.value.hint


def test_unknown_keys_survive(tmp_path: Path) -> None:
    """Keys that this version does not know are handed on."""
    command = {**blank(RUN, "")["command"], "shell": "fish"}
    manifest: Any = load(stored(tmp_path, with_changes(colour="blue", command=command)), RUN)
    assert manifest["colour"] == "blue"
    assert manifest["command"]["shell"] == "fish"


def test_what_was_stored_is_what_is_loaded(tmp_path: Path) -> None:
    """Numbers keep their kind and size, text its characters."""
    store = str(tmp_path / "metrics")
    opened = Store.open(store)
    manifest = opened.reserve(NOON, blank)
    manifest["metric_summary"] = {
        "whole": 1,
        "part": 1.0,
        "flag": True,
        "none": None,
        "tiny": 5e-324,
        "big": 10**30,
    }
    manifest["note"] = 'tab\t "quoted" \x7f \u2028 \U0001f600'
    opened.begin(manifest)
    manifest["status"] = "completed"
    opened.finish(manifest)
    loaded = load(store, RUN)
    assert repr(loaded) == repr(manifest)
    assert history(store).lines[0]["metric_summary"] == manifest["metric_summary"]


def test_old_records_are_migrated_step_by_step() -> None:
    """A record two versions back goes through both steps, and a missing step is said."""
    steps = {
        1: lambda record: {**record, "second": record["first"] + 1},
        2: lambda record: {**record, "third": record["second"] + 1},
    }
    now = migrate({"schema": 1, "first": 1}, steps, 3)
    assert now == {"schema": 3, "first": 1, "second": 2, "third": 3}
    with pytest.raises(Unreadable, match="no such version of the record: 2"):
        migrate({"schema": 2}, {1: steps[1]}, 3)
    with pytest.raises(Newer):
        migrate({"schema": 4}, steps, 3)


@pytest.mark.parametrize(
    "late", ["links", "handover", "imported", "sweep", "engine", "resources.series", "software.packages_content"]
)
def test_a_record_from_before_a_key_was_there_is_read(late: str) -> None:
    """What an earlier evalprov of the same version did not look at is not known, in a record and in a line."""
    whole: dict[str, Any] = {**blank(RUN, "2026-09-20T12:00:00Z")}
    section, _, name = late.partition(".")
    before = {key: value for key, value in whole.items() if key != late}
    if name:
        before[section] = {key: value for key, value in whole[section].items() if key != name}
    assert before != whole
    assert decode(json.dumps(before).encode()) == whole
    line = {key: value for key, value in before.items() if key in json.loads(history_line(blank(RUN, "")))}
    data = json.dumps(line).encode()
    assert decode_line(data)["run_id"] == RUN
    assert query._whole().decode(data).run_id == RUN  # the quick way takes it, too


def test_a_record_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    """A file beyond the bound is refused before it fills the memory."""
    store = stored(tmp_path, b"")
    os.truncate(f"{store}/runs/{RUN}.json", LARGEST_RECORD + 1)
    assert "larger than" in refused(store)
    (tmp_path / "big.json").touch()
    os.truncate(tmp_path / "big.json", LARGEST_RECORD + 1)
    assert "larger than" in refused(store, str(tmp_path / "big.json"))


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    """A link, fifo or folder in place of a record is refused and never waited for."""
    store = stored(tmp_path, b"")
    record_file = f"{store}/runs/{RUN}.json"
    os.unlink(record_file)
    (tmp_path / "outside.json").write_bytes(with_changes())
    os.symlink(tmp_path / "outside.json", record_file)
    assert "cannot read" in refused(store)
    os.unlink(record_file)
    os.mkfifo(record_file)
    assert "not a plain file" in refused(store)
    os.mkfifo(tmp_path / "fifo.json")
    assert "not a record" in refused(store, str(tmp_path / "fifo.json"))


def test_a_record_that_was_removed_is_said_to_be_gone(tmp_path: Path) -> None:
    """A run of which only the history line is left is not silently skipped."""
    store = str(tmp_path / "metrics")
    record(store)
    os.unlink(f"{store}/runs/{RUN}.json")
    assert "is gone" in refused(store, "latest")


def test_a_dead_run_is_shown_as_lost_and_not_changed(tmp_path: Path) -> None:
    """A running record whose process was killed reads as lost, with the reason; on disk it stays."""
    store = str(tmp_path / "metrics")
    run_id = dead_run(store)
    before = manifests_of(store)
    manifest = load(store, run_id)
    assert manifest["status"] == "lost"
    assert manifest["errors"][-1]["kind"] == "infra"
    assert "gone before the run ended" in manifest["errors"][-1]["message"]
    assert [line["status"] for line in history(store).lines] == ["lost"]
    assert manifests_of(store) == before


def test_a_run_that_finished_just_before_its_process_went_is_not_lost(tmp_path: Path) -> None:
    """A record read while it was running is read again before it is called lost."""
    store = str(tmp_path / "metrics")
    run_id = dead_run(store)
    running = decode(manifests_of(store)[run_id])
    finished: Manifest = {**running, "status": "completed"}
    assert as_seen(running, lambda: finished) == finished
    assert as_seen(running, lambda: running)["status"] == "lost"
    assert as_seen(running, lambda: None)["status"] == "lost"


def test_a_live_run_is_shown_as_running(tmp_path: Path) -> None:
    """A running record whose process is there reads as running."""
    store = str(tmp_path / "metrics")
    assert load(store, begun(store)["run_id"])["status"] == "running"


@pytest.mark.parametrize(
    "name",
    ["logs/../runs/x.out", "runs/x", "logs/20260920T120000Z.json", "/etc/passwd", "logs/x.out", "", "logs/"],
)
def test_a_log_is_read_by_its_own_name_alone(tmp_path: Path, name: str) -> None:
    """A record cannot lead its reader to another file by what it calls its log."""
    with pytest.raises(EvalprovError, match="not a log's name"):
        log(str(tmp_path), name)


def test_a_log_may_be_missing_or_a_link(tmp_path: Path) -> None:
    """A log that was not kept is null, a link in its place is refused."""
    store = str(tmp_path / "metrics")
    assert log(store, f"logs/{RUN}.out") is None
    record(store)
    os.makedirs(f"{store}/logs", exist_ok=True)
    assert log(store, f"logs/{RUN}.out") is None
    os.symlink("/etc/hostname", f"{store}/logs/{RUN}.out")
    with pytest.raises(EvalprovError, match="cannot read"):
        log(store, f"logs/{RUN}.out")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    """Any bytes are a record or unreadable, never another failure."""
    for read in (decode, decode_line):
        with pytest.raises(Unreadable):
            read(data)


@given(st.sampled_from(sorted(blank(RUN, ""))), JSON)
def test_no_value_under_a_known_key_breaks_the_decoder(key: str, value: object) -> None:
    """A record with any value anywhere is a record or unreadable, as a manifest and as a history line."""
    manifest: Any = {**blank(RUN, "2026-09-20T12:00:00Z"), key: value}
    data = json.dumps(manifest).encode()
    for read in (decode, decode_line):
        try:
            outcome = read(data)["run_id"]
        except Unreadable as why:
            outcome = str(why)
        assert outcome


def test_a_history_line_is_checked_like_its_manifest() -> None:
    """The line of any record is read back as the record without its bulky parts."""
    manifest = blank(RUN, "2026-09-20T12:00:00Z")
    manifest["metrics"] = {"s": {"a": 1}}
    line = decode_line(history_line(manifest))
    assert "metrics" not in line
    assert decode(encode(manifest)) == manifest
    with pytest.raises(Unreadable):
        decode_line(history_line(manifest).replace(b'"git_sha": null', b'"git_sha": 7'))

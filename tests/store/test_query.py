"""A query of the history: the quick way to its answer gives what the plain way gives, whatever the file holds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from store_runs import NOON, begun, record

from evalprov.record.form import SCHEMA, blank, history_line
from evalprov.store import ids
from evalprov.store.decode import Newer, Unreadable, decode_line
from evalprov.store.lines import Search
from evalprov.store.query import Query, check
from evalprov.store.scan import BLOCK, Scan
from evalprov.store.where import Condition, condition, path, value_at

DEEP = b'{"schema": 3, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"


def line(at: float, took: float | None = 1.0, number: int = 1, **changes: object) -> bytes:
    """Return the history line of a run, less its end."""
    run_id = ids.stamp(at) if number == 1 else f"{ids.stamp(at)}_{number}"
    manifest = {**blank(run_id, ids.timestamp(run_id)), "status": "completed", "duration_seconds": took, **changes}
    return history_line(manifest).rstrip(b"\n")  # type: ignore[arg-type]


class Plain(NamedTuple):
    """What a history holds, read in the plainest way."""

    runs: list[dict[str, Any]]
    junk: int  # lines that are no JSON object of ours
    malformed: int  # those and others that are no record
    newer: int


def plainly(data: bytes) -> Plain:
    """Decode and check every line; the last of a run counts; newest first."""
    runs: dict[str, dict[str, Any]] = {}
    junk = malformed = newer = 0
    for text in data.split(b"\n"):
        if not text:
            continue
        try:
            found = decode_line(text)
            runs[found["run_id"]] = found
        except Newer:
            newer += 1
        except Unreadable:
            malformed += 1
            junk += not is_ours(text)
    return Plain(sorted(runs.values(), key=lambda run: ids.order(run["run_id"]), reverse=True), junk, malformed, newer)


def is_ours(text: bytes) -> bool:
    """Say whether a line is JSON with an id and a version of ours, whatever else it is."""
    try:
        found = json.loads(text)
        return (
            found["schema"] in range(1, SCHEMA + 1) and type(found["schema"]) is int and ids.is_run_id(found["run_id"])
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def expected(data: bytes, conditions: Sequence[Condition], values: Sequence[str] = ()) -> list[tuple[str, Any]]:
    """Return the ids and values of the runs of which all conditions hold."""
    found = []
    for run in plainly(data).runs:
        if all(one.test(value_at(run, one.path)) for one in conditions):
            brought = [value_at(run, path(name)) for name in values]
            found.append((run["run_id"], tuple(None if value is UNSET else value for value in brought)))
    return found


NUMBERS = [0, 1, -1, 1.0, 0.7, 0.70000001, 2**53, 2**53 + 1, float(2**53), 2**64, 10**30, -(2**63) - 1, 1e300, 5e-324]
METRICS = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS))
SUMMARY = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["accuracy", "judge.helpfulness", "a b", 'q"', "é"]), METRICS, max_size=3),
)
JSON = st.recursive(
    st.one_of(METRICS, st.sampled_from(["", "1", "true", "null", "mini", "é\u2028\n\x1b", "x" * 50])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["a", "b", "a.b", "temperature"]), inner, max_size=3),
    ),
    max_leaves=5,
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "metric_summary": SUMMARY,
        "scenario": st.sampled_from([None, "mails", "tickets"]),
        "status": st.sampled_from(["completed", "failed"]),
        "tags": st.lists(st.sampled_from(["nightly", "ci"]), max_size=2),
        "note": st.sampled_from([None, "", "n" * 9000, "é", "a\nb"]),
        "git_dirty": st.sampled_from([None, True, False]),
        "model_config": st.dictionaries(st.sampled_from(["temperature", "a", "a.b"]), JSON, max_size=3),
        "repeat": st.sampled_from([None, {"id": "r1", "trial": 1, "of": 2, "seed": 3}]),
        "a later key": JSON,
    },
)
# What can be wrong with a line that was one.
WRONG = st.sampled_from(
    [
        lambda text: text[:-9],
        lambda text: text[9:],
        lambda text: text.replace(b'"completed"', b'"splendid"'),
        lambda text: text.replace(b'"tags": [', b'"tags": [7, '),
        lambda text: text.replace(b'"cwd": "."', b'"cwd": "\xff"'),
        lambda text: text.replace(b'"samples": 0', b'"samples": 1e400'),
        lambda text: text.replace(b'"metric_summary"', b'"metric_summary": {"accuracy": "0.7"}, "x"'),
        lambda text: text.replace(b'"git": {', b'"git": 5, "x": {'),
        lambda text: text.replace(b'"run_id": "2', b'"run_id": "x'),
        lambda text: text.replace(b'"repeat"', b'"repeated"'),
        lambda text: text.replace(b'"schema": 3', b'"schema": 2.0'),
        lambda text: text.replace(b'"schema": 3', b'"schema": 99'),
        lambda text: text.replace(b'"schema": 3', b'"schema": 0'),
        lambda text: text.replace(b'"schema": 3', b'"schema": 1').replace(b'"repeat": null, ', b""),
        lambda text: text + text,
        lambda text: text + b" ",
        lambda text: text + b"\r",
        lambda text: text.replace(b", ", b",\n", 3),
        lambda _: b"nonsense",
        lambda _: b"[]",
        lambda _: b"{}",
        lambda _: b"",
        lambda _: b" ",
        lambda _: b"\0" * 700,
        lambda _: b"\xff\xfe",
        lambda _: DEEP,
    ]
)
CONDITIONS = [
    "accuracy>=0.7",
    "accuracy=1",
    "accuracy!=1",
    "accuracy=true",
    "accuracy=null",
    "accuracy=9007199254740993",
    "accuracy<9007199254740993",
    "judge.helpfulness>0",
    'metric_summary["judge.helpfulness"]<=1',
    "metric_summary=null",
    "scenario=mails",
    "scenario!=mails",
    "status=failed",
    "tags~night",
    "tags[0]=ci",
    "note=null",
    "note~^n+$",
    'note=""',
    "git_dirty=true",
    "git_dirty!=false",
    "model_config.temperature=0",
    "model_config.temperature<=0.7",
    "model_config.a.b=null",
    "model_config.a.b.temperature=1",
    'model_config["a"].b~i',
    "model_config.a=true",
    "repeat.id=r1",
    "repeat.trial>=1",
    "duration_seconds>3",
    "duration_seconds=null",
    "run_id>20260920T120010Z",
    "schema=3",
    "system.python_version=null",
    "errors[0].message=null",
]
VALUES = ["accuracy", "model_config", "model_config.a.b", "git.branch", "duration_seconds"]


@st.composite
def histories(draw: st.DrawFn, *, orderly: bool) -> bytes:
    """Return a history as many hands may have left it; an orderly one has its lines in the order of the runs' ends."""
    start, took = st.integers(0, 40), st.sampled_from([None, 0, 0.5, 4, 30, 3e11])
    runs = draw(st.lists(st.tuples(start, st.integers(1, 3), took, CHANGES), max_size=14))
    if orderly:
        runs.sort(key=lambda run: run[0] + (run[2] or 0))
    texts = [line(NOON + start, took, number, **changes) for start, number, took, changes in runs]
    texts = [draw(WRONG)(text) if draw(st.integers(0, 3)) == 0 else text for text in texts]
    return b"\n".join(texts) + draw(st.sampled_from([b"", b"\n", b"\n\n"]))


def scanned(data: bytes, query: Query, **how: int) -> tuple[list[tuple[str, Any]], int, int]:
    """Return the hits of a scan, by start, and how many lines were malformed and newer."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        pieces = list(Scan(file.fileno(), query, **how).pieces())
    found = [(hit.run_id, hit.values) for piece in pieces for hit in piece.hits]
    found.sort(key=lambda hit: ids.order(hit[0]), reverse=True)
    return found, sum(piece.malformed + piece.torn for piece in pieces), sum(piece.newer for piece in pieces)


def exact(found: object) -> str:
    """Return values as text, so that 1, 1.0 and true differ."""
    return repr(found)


@pytest.mark.long
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    histories(orderly=False),
    st.lists(st.sampled_from(CONDITIONS), max_size=3),
    st.lists(st.sampled_from(VALUES), max_size=2),
    st.sampled_from([300, 5000, 1 << 20]),
)
def test_the_quick_way_finds_what_the_plain_way_finds(
    data: bytes, texts: list[str], values: list[str], piece: int
) -> None:
    """Every run of which all holds is found once, by its last sound line, with its values; none else is."""
    conditions = [condition(text) for text in texts]
    query = Query(conditions, [path(name) for name in values])
    found, malformed, newer = scanned(data, query, crew=1, piece=piece)
    assert exact(found) == exact(expected(data, conditions, values))
    plain = plainly(data)
    assert newer == plain.newer
    assert malformed <= plain.malformed
    # What lies oddly in the file without being wrong is seen only near what is found.
    if not any(odd in data for odd in (b"}{", b",\n", b" \n")) and not data.endswith(b" "):
        assert plain.junk <= malformed


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(orderly=True), st.lists(st.sampled_from(CONDITIONS), max_size=1), st.integers(1, 12))
def test_the_first_of_a_search_are_the_newest(data: bytes, texts: list[str], limit: int) -> None:
    """Runs come newest first, and a limit gives the first of them, however much of the file that takes."""
    conditions = [condition(text) for text in texts]
    wanted = [run_id for run_id, _ in expected(data, conditions)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "eval_history.jsonl").write_bytes(data)
        for most in (None, limit):
            with Search(folder, Query(conditions)) as search:
                assert [run.run_id for run in search.runs(most)] == wanted[:most]


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    """A history that is read by several processes at once gives the same, with what they learnt of it."""
    texts = [line(NOON + at, note="x" * (at % 7) * 300, metric_summary={"accuracy": at % 10 / 10}) for at in range(900)]
    texts[30:600:90] = [
        b"junk",
        line(NOON + 5, schema=99),
        texts[31][:-9],
        texts[31],
        texts[890],
        line(NOON, 1, 7),
        b"",
    ]
    data = b"\n".join(texts) + b"\n"
    found = []
    for crew in (1, 2, 3):
        query = Query([condition("accuracy>=0.5"), condition("no.such=null")], [path("accuracy")], names=path("note"))
        found.append(
            (scanned(data, query, crew=crew, alone=BLOCK, piece=BLOCK), query.kinds, query.value_kinds, query.names)
        )
    assert found[0] == found[1] == found[2]
    assert len(found[0][0][0]) > 400
    assert found[0][1:3] == ([{"a number"}, set()], [{"a number"}])
    assert len(found[0][3]) == 7


def test_a_helper_that_is_killed_is_done_without(tmp_path: Path) -> None:
    """What a killed process has not read is read by who waits for it, and none is left behind."""
    texts = [line(NOON + at) for at in range(600)]
    (tmp_path / "file").write_bytes(b"\n".join(texts))
    with open(tmp_path / "file", "rb") as file:
        scan = Scan(file.fileno(), Query(), crew=2, alone=0, piece=BLOCK)
        pieces = scan.pieces()
        runs = next(pieces).runs
        for child in psutil.Process().children():
            child.kill()
        assert runs + sum(piece.runs for piece in pieces) == 600
    assert psutil.Process().children() == []


def test_a_search_that_is_left_early_leaves_no_process(tmp_path: Path) -> None:
    """Whoever takes the first runs only lets the helpers go."""
    (tmp_path / "file").write_bytes(b"\n".join(line(NOON + at) for at in range(600)))
    with open(tmp_path / "file", "rb") as file:
        pieces = Scan(file.fileno(), Query(), crew=2, alone=0, piece=BLOCK).pieces()
        next(pieces)
        assert len(psutil.Process().children()) == 2
        pieces.close()
    assert psutil.Process().children() == []


def test_since_stops_where_all_had_ended_and_not_at_a_run_that_slept(tmp_path: Path) -> None:
    """A machine that slept makes a long run look short; the runs before it in the file are found all the same."""
    day = 86400
    old = [line(NOON + at, note="x" * 2000) for at in range(400)]
    slept = line(NOON + 500, 3600)
    new = [line(NOON + 9 * day + at, note="x" * 2000) for at in range(60)]
    (tmp_path / "eval_history.jsonl").write_bytes(b"\n".join([*old, *new[:20], slept, *new[20:]]) + b"\n")
    with Search(str(tmp_path), Query(since=ids.stamp(NOON + 8 * day))) as search:
        assert len(list(search.runs())) == 60
        assert search.looked_at < 300


def test_runs_that_are_going_on_are_asked_too(tmp_path: Path) -> None:
    """A run that is not in the history yet is found if all holds of it, once, with its values."""
    store = str(tmp_path / "metrics")
    record(store, note="done")
    going = begun(store, NOON + 1)
    with Search(store, Query([condition("status=running")], [path("status"), path("note")])) as search:
        (found,) = search.runs()
        assert (found.run_id, found.values, found.read()["status"]) == (going["run_id"], ("running", None), "running")
    with Search(store, Query([condition("status!=running")])) as search:
        assert [run.read()["note"] for run in search.runs()] == ["done"]
        assert search.looked_at == 2


def test_a_whole_line_is_what_its_types_say() -> None:
    """The quick check of a line refuses what the plain one refuses, and takes what that takes."""
    good = line(NOON, metric_summary={"a": 1, "b": None, "c": True}, repeat={"id": "r", "trial": 1, "of": 2, "seed": 0})
    wrong = [b'"errors": [{}]', b'"errors": [{"kind": "x", "message": "", "scenario": null, "stderr_tail": null}]']
    wrong += [b'"errors": {}', b'"errors": null', b'"errors": [], "tags": [1]', b'"errors": [], "no such": 1e400']
    assert check(good) == decode_line(good)["run_id"]
    for text in wrong:
        changed = good.replace(b'"errors": []', text)
        assert changed != good
        with pytest.raises(Unreadable):
            decode_line(changed)
        with pytest.raises(Unreadable):
            check(changed)
    for text in (b'"errors": [], "no such": {"a": [1]}', b'"errors": [], "metrics": {}'):
        assert check(good.replace(b'"errors": []', text)) == check(good)
    older = json.loads(good) | {"schema": 1}
    del older["repeat"], older["metric_info"]
    assert check(json.dumps(older).encode()) == check(good)
    with pytest.raises(Newer):
        check(json.dumps(older | {"schema": SCHEMA + 1}).encode())


def test_a_condition_on_a_key_that_came_later_sees_null_in_old_lines(tmp_path: Path) -> None:
    """A line of an older version is asked as it would be read today."""
    older = json.loads(line(NOON)) | {"schema": 1}
    del older["repeat"], older["metric_info"]
    data = json.dumps(older).encode() + b"\n" + line(NOON + 1, repeat={"id": "r", "trial": 1, "of": 2, "seed": 0})
    for text, wanted in (("repeat=null", NOON), ("repeat.id!=r", NOON), ("repeat.id=r", NOON + 1)):
        (found,), _, _ = scanned(data, Query([condition(text)]), crew=1)
        assert found[0] == ids.stamp(wanted)


@pytest.mark.long
def test_hostile_lines_are_read_past(tmp_path: Path) -> None:
    """A million keys, a deep nest, a huge number: each is a line like others or left out, and its neighbours stay."""
    many = b'"metric_summary": ' + json.dumps({f"metric {n}": n for n in range(1_000_000)}).encode()
    many = line(NOON + 1).replace(b'"metric_summary": null', many)
    texts = [line(NOON), many, DEEP, line(NOON + 2).replace(b"0}", b"9" * 5000 + b"}", 1), line(NOON + 3)]
    found, malformed, _ = scanned(b"\n".join(texts), Query([condition("metric_summary.x=null")]), crew=1)
    assert [run_id for run_id, _ in found] == [ids.stamp(NOON + at) for at in (3, 1, 0)]
    assert malformed == 2


def test_a_long_run_has_its_place_however_far_it_is_from_there(tmp_path: Path) -> None:
    """A run that began long before it ended is listed where it began, though much is read in between."""
    texts = [line(NOON + at, note="x" * 3000) for at in range(200)]
    (tmp_path / "eval_history.jsonl").write_bytes(b"\n".join([*texts, line(NOON + 50, 190, 2)]) + b"\n")
    wanted = [ids.stamp(NOON + at) for at in reversed(range(200))]
    wanted.insert(149, f"{ids.stamp(NOON + 50)}_2")
    for limit in (None, 5, 160):
        with Search(str(tmp_path), Query()) as search:
            assert [run.run_id for run in search.runs(limit)] == wanted[:limit]


def test_what_only_looks_like_lines_is_not_taken_for_them() -> None:
    """Two records on one line and one on two are as many values as lines, and none of them is a line of ours."""
    one, three, four = (line(NOON + at) for at in (0, 2, 3))
    two = line(NOON + 1, note="wanted")
    data = b"\n".join([one + two, four, three.replace(b", ", b",\n", 1)])
    assert scanned(data, Query([condition("note=wanted")]), crew=1) == ([], 3, 0)
    found, malformed, _ = scanned(data, Query(), crew=1)
    assert ([run_id for run_id, _ in found], malformed) == ([ids.stamp(NOON + 3)], 3)


def test_a_line_with_a_wrong_id_is_counted_though_nobody_asks_for_it() -> None:
    """A run id that is none makes a line malformed, whatever the conditions."""
    wrong = [
        line(NOON).replace(b"T120000Z", text) for text in (b"T120000", b"T120000Z_1", b"T120000Z_2345678", b"/../x")
    ]
    data = b"\n".join([line(NOON + 1), *wrong, line(NOON + 2)]) + b"\n"
    assert scanned(data, Query([condition("note=wanted")]), crew=1) == ([], 4, 0)

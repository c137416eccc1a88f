"""What travels between machines: parcels, and records that come home from a node that may say anything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evalprov.errors import EvalprovError, UsageError
from evalprov.fleet.engines import place_of
from evalprov.fleet.home import Reception
from evalprov.fleet.order import FORM, block, read, start_of
from evalprov.fleet.parcel import LARGEST, BadParcel, pack, unpack
from evalprov.record.form import blank
from evalprov.run.agreed import expected_of, refuse_other
from evalprov.secrets import TellingScrubber
from evalprov.store import Store
from evalprov.store.read import load

SECRET = "sk-proj-Zx81mQpLw93nVbT6yKd2RfGh7JsAe4Uc"


def test_a_parcel_gives_back_what_was_put_in() -> None:
    """Facts and pieces come out as they went in, also behind what a shell printed first."""
    pieces = {"a": b"", "b/c": b"\0\xff" * 1000, "ü": b"evalprov-parcel-1 "}
    for before in (b"", b"Welcome to node 7\n", b"evalprov is great\n"):
        assert unpack(before + pack({"x": [1, None]}, pieces)) == ({"x": [1, None]}, pieces)


def test_a_parcel_that_is_not_whole_is_told() -> None:
    """Wherever it is cut, and whichever byte of it is another, it is no parcel."""
    whole = pack({"run_id": "x"}, {"a": b"some bytes", "b": b"others"})
    for at in range(len(whole)):
        with pytest.raises(BadParcel):
            unpack(whole[:at])
        with pytest.raises(BadParcel):
            unpack(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])


@pytest.mark.parametrize(
    "head",
    [
        b"[]",
        b"{}",
        b'{"facts": {}, "pieces": [["a", -1, ""]]}',
        b'{"facts": {}, "pieces": [["a", "9", ""]]}',
        b'{"facts": [], "pieces": []}',
        b'{"facts": {}, "pieces": [["a", 9999999999999, "00"]]}',
        b"[" * 100_000,
        b'{"facts": {}, "pieces": ' + json.dumps([["a", 0, hashlib.sha256().hexdigest()]] * 20_001).encode() + b"}",
    ],
)
def test_a_hostile_beginning_is_refused(head: bytes) -> None:
    """A list of pieces that is none, of sizes that cannot be, or too long is refused with words."""
    digest = hashlib.sha256(head).hexdigest().encode()
    with pytest.raises(BadParcel):
        unpack(b"evalprov-parcel-1 %d %b\n%b" % (len(head), digest, head))
    assert LARGEST < 1 << 31


class Home:
    """A store with one reserved run, and what a node may send for it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics"
        self.store = Store.open(str(self.path))
        self.reserved = self.store.reserve(1_790_000_000, blank)
        self.reserved["engine"] = {
            "name": "slurm",
            "job": "7_1",
            "array": "7",
            "node": None,
            "worker": None,
            "attempt": 1,
            "replaces": None,
        }
        self.reserved["note"] = "mine"
        self.run_id = self.reserved["run_id"]
        self.reception = Reception(self.store, TellingScrubber({"TOKEN_X": SECRET}), None)

    def record(self, **changes: Any) -> Any:
        return {**blank(self.run_id, "2026-09-21T16:53:20Z"), "status": "completed", "exit_code": 0, **changes}

    def take(self, record: Any, pieces: dict[str, bytes] | None = None, **facts: Any) -> Any:
        told = {"run_id": self.run_id, "record": record, **facts}
        return self.reception.take(self.reserved, pack(told, pieces or {}), {})

    @property
    def names(self) -> set[str]:
        return {str(file.relative_to(self.path)) for file in self.path.rglob("*") if file.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Reserve a run."""
    return Home(tmp_path)


def test_a_record_that_comes_home_finishes_what_was_reserved(home: Home) -> None:
    """It stands under its id with the node's facts, and in the history once; what home knows better is home's."""
    record = home.record(note="theirs", engine={**(home.reserved["engine"] or {}), "node": "n1", "name": "other"})
    assert home.take(record).problems == []
    m = load(str(home.path), home.run_id)
    assert (m["status"], m["note"], m["timestamp"]) == ("completed", "mine", "2026-09-21T16:53:20Z")
    assert m["engine"]
    assert (m["engine"]["name"], m["engine"]["node"], m["engine"]["job"]) == ("slurm", "n1", "7_1")
    assert (home.path / "eval_history.jsonl").read_text().count("\n") == 1
    assert not list((home.path / "active").iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "20200101T000000Z"},
        {"run_id": "../../etc"},
        {"status": "running"},
        {"status": "odd"},
        {"schema": 999},
        {"metrics": 7},
        {"git": None},
    ],
)
def test_a_record_that_is_none_of_this_run_is_refused(home: Home, changes: dict[str, Any]) -> None:
    """A record of another run, of another form, or that says it is still running finishes nothing."""
    before = home.names
    with pytest.raises(BadParcel):
        home.take(home.record(**changes))
    assert home.names == before
    assert load(str(home.path), home.run_id)["status"] == "running"


def test_pieces_are_kept_by_names_of_the_run_alone(home: Home, tmp_path: Path) -> None:
    """Paths that lead out, names that are another run's, and content that is not what its name says are not kept."""
    good = b"a patch"
    name = f"patches/{hashlib.sha256(good).hexdigest()}.patch"
    saved = {"sha256": "", "bytes": 1, "mode": "100644", "scrubbed": False}
    record = home.record()
    record["git"]["patch"] = {**saved, "file": name}
    odd = ("objects/../../out", f"objects/{'0' * 64}", "runs/20200101T000000Z.json", "/etc/x", "objects/.hidden")
    record["git"]["saved"] = {one: {**saved, "file": one} for one in odd}
    log = {"bytes": 1, "lines": 1, "sha256": "", "log_omitted_bytes": 0, "terminal": False, "complete": True}
    record["output"]["stdout"] = {**log, "log": f"logs/{home.run_id}.out"}
    record["output"]["stderr"] = {**log, "log": "logs/20200101T000000Z.err"}
    before = home.names
    pieces = {name: good, **dict.fromkeys(odd, b"evil"), f"logs/{home.run_id}.out": f"key {SECRET}\n".encode()}
    problems = home.take(
        record, {**pieces, "logs/20200101T000000Z.err": b"evil", "eval_history.jsonl": b"evil"}
    ).problems
    new = {one for one in home.names - before if "/" in one}
    assert new == {name, f"logs/{home.run_id}.out"}
    assert b"evil" not in b"".join((home.path / one).read_bytes() for one in home.names)
    assert SECRET not in (home.path / f"logs/{home.run_id}.out").read_text()
    assert "the log of stderr did not come home" in problems
    assert load(str(home.path), home.run_id)["output"]["stderr"]["log"] is None  # type: ignore[index]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["metrics"]


def test_a_trial_that_could_not_be_started_says_why_without_secrets(home: Home) -> None:
    """What a node says instead of a record becomes the record's error."""
    facts = {"run_id": home.run_id, "problem": f"no disk {SECRET}", "exit_code": 125, "engine": {"node": 5}}
    home.reception.take(home.reserved, pack(facts, {}), {})
    m = load(str(home.path), home.run_id)
    assert (m["status"], m["exit_code"], m["errors"][0]["message"]) == ("not_started", 125, "no disk [secret]")


def test_a_machine_that_differs_is_refused_with_what_differs() -> None:
    """evalprov, Python, packages, tree and declared files: each that differs is named, and what nobody knows is not."""
    m = blank("20260921T165320Z", "2026-09-21T16:53:20Z")
    m["git"]["tree"], m["code"]["tree"] = "a" * 40, "b" * 40
    m["system"] |= {"python_version": "3.12.1", "evalprov_version": "1"}
    m["software"] |= {"packages": {"numpy": "2.0", "same": "1"}, "packages_hash": "x"}
    m["grader"]["files"] = {"grade.py": "sha256:1"}
    there = expected_of(m)
    refuse_other(there, m)
    refuse_other({**there, "python": None, "packages": None, "tree": None}, m)
    refuse_other({**there, "files": {"other.yaml": "sha256:9", "grade.py": None}}, m)
    m["software"] |= {"packages": {"numpy": "2.1", "same": "1", "more": "3"}, "packages_hash": "y"}
    m["system"]["python_version"] = None
    m["git"]["tree"] = "c" * 40
    m["grader"]["files"] = {"grade.py": None}
    with pytest.raises(EvalprovError) as problem:
        refuse_other(there, m)
    for words in (
        "Python is not known here, 3.12.1 there",
        "more 3 here, is not there, numpy 2.1 here, 2.0 there",
        f"{'c' * 40} here, {'a' * 40} there",
        "not the same content: grade.py",
    ):
        assert words in problem.value.message
    assert problem.value.exit_code == 125


@pytest.mark.parametrize("text", ["slurm", "slurm:gpu", "ray", "ray://h:10001", "ssh:a,b@c:22"])
def test_an_engine_is_named(text: str) -> None:
    """Each way to name one is read."""
    assert place_of(text).engine == text.partition(":")[0]


@pytest.mark.parametrize("text", ["", "k8s", "slurm:", "ray:", "ray:h:1", "ray://", "ssh", "ssh:", "Slurm"])
def test_what_is_no_engine_is_a_usage_error(text: str) -> None:
    """What names none is refused with those there are."""
    with pytest.raises(UsageError, match="it is one of slurm"):
        place_of(text)


def test_an_order_of_another_version_is_refused() -> None:
    """A node does only what it understands."""
    assert read(json.dumps({"form": FORM}).encode())["form"] == FORM
    for data in (b"{}", b"[]", b"1", json.dumps({"form": FORM + 1}).encode(), b"{"):
        with pytest.raises(ValueError):  # noqa: PT011 - of JSON, too
            read(data)
    assert block(b"ab") == b"2\nab"
    assert start_of("python", "/x", "pipe")[-2:] == ["/x", "pipe"]

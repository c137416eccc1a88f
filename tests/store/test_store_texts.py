"""What the eval said for its scenarios, in the store: one file a run, less its secrets, held against its hash."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import zlib
from pathlib import Path
from typing import Any

import pytest
from store_runs import record

from evalprov.errors import UnreadableError
from evalprov.record.manifest import Manifest
from evalprov.reported import Scanner, gather
from evalprov.reported.texts import ScenarioTexts
from evalprov.secrets import Scrubber
from evalprov.store import Store
from evalprov.store.texts import keep_texts, read_texts

KEY = "tok-3141592653589793"
SCRUB = Scrubber({"API_TOKEN": KEY})
SAID = {"a": {"input": "q", "output": "yes\nand\u2028more"}, "b": {"output": "no", "output#2": "yes"}}


def kept(store: str, said: dict[str, dict[str, Any]], limit: int = 2048, **more: Any) -> tuple[Manifest, list[str]]:
    """Return a record with what was said for its scenarios, and the warnings."""
    texts = ScenarioTexts(limit)
    for name, row in said.items():
        texts.take(name, row)
    manifest = record(store)
    manifest["texts"], warnings = keep_texts(Store.open(store), texts, SCRUB, **more)
    return manifest, warnings


def test_what_was_said_is_read_as_it_was_said(tmp_path: Path) -> None:
    """Of the scenarios asked for all fields come back; of others, and of unknown ones, nothing."""
    store = str(tmp_path / "metrics")
    manifest, warnings = kept(store, {"a": SAID["a"], "b\u00e9\n": {"output": {"x": [1, "é"]}}, "c": {"output": ""}})
    assert warnings == []
    assert manifest["texts"] is not None
    assert manifest["texts"]["fields"] == {"input": 1, "output": 3}
    assert manifest["texts"]["scenarios"] == 3
    assert read_texts(store, manifest, ["a", "b\u00e9\n", "nobody"]) == {
        "a": SAID["a"],
        "b\u00e9\n": {"output": '{"x": [1, "é"]}'},
    }
    assert read_texts(store, {**manifest, "texts": None}, ["a"]) == {}


def test_two_runs_that_said_the_same_share_the_file(tmp_path: Path) -> None:
    """The order in which scenarios ended makes no difference; other words do."""
    store = str(tmp_path / "metrics")
    rows = {f"s{number}": {"output": f"answer {number}"} for number in range(50)}
    names = list(rows)
    random.Random(1).shuffle(names)
    one, other = kept(store, rows)[0], kept(store, {name: rows[name] for name in names})[0]
    assert one["texts"] == other["texts"]
    assert kept(store, {**rows, "s7": {"output": "another"}})[0]["texts"] != one["texts"]
    assert len(os.listdir(f"{store}/objects")) == 2


def test_texts_are_cut_at_a_letter_and_say_so(tmp_path: Path) -> None:
    """The bound is one of bytes; what was cut is counted, and told where the text is read."""
    store = str(tmp_path / "metrics")
    manifest, _ = kept(store, {"a": {"output": "\u6771" * 100, "input": "short"}, "b": {"output": "x" * 50_000}}, 20)
    assert manifest["texts"] is not None
    assert manifest["texts"]["cut"] == 2
    texts = read_texts(store, manifest, ["a", "b"])
    assert texts["a"] == {"input": "short", "output": "\u6771" * 6 + " [... 94 more]"}
    assert texts["b"] == {"output": "x" * 20 + " [... 49,980 more]"}


def test_no_secret_is_kept(tmp_path: Path) -> None:
    """In every field, in a scenario's name, in JSON, and where the bound would cut it in two, a secret is hidden."""
    store = str(tmp_path / "metrics")
    said = dict.fromkeys(("input", "expected", "output", "explanation"), f"before {KEY} after")
    cut = {f"cut{place}": {"output": "x" * place + " " + KEY + " " + "y" * 40_000} for place in range(80, 130, 3)}
    rows: dict[str, dict[str, Any]] = {
        "a": said,
        f"user {KEY}": {"output": {"api_key": "Sunset42moonrise", "n": KEY}},
        "many": {"output": f"{KEY} " * 5000},
        **cut,
    }
    manifest, _ = kept(store, rows, 120)
    assert manifest["texts"] is not None
    data = zlib.decompress(Path(store, manifest["texts"]["object"]).read_bytes(), 31).decode()
    assert "3141592" not in data
    assert "tok-" not in data
    assert "Sunset42" not in data
    lines = [json.loads(line) for line in data.splitlines()]
    assert {line["scenario"] for line in lines} >= {"a", "user [secret]", "cut80"}
    assert lines[0]["output"] == "before [secret] after"


def test_there_is_a_bound_for_all_of_it(tmp_path: Path) -> None:
    """What does not fit is counted and told; without anything kept there is no file."""
    store = str(tmp_path / "metrics")
    rows = {f"s{number}": {"output": "x" * 100} for number in range(10)}
    manifest, warnings = kept(store, rows, room=250)
    assert manifest["texts"] is not None
    assert (manifest["texts"]["scenarios"], manifest["texts"]["left_out"]) == (2, 8)
    assert warnings == [
        "8 texts that the eval said for its scenarios were left out: there is room for 250 bytes and 60 seconds a run"
    ]
    nothing, warnings = kept(store, rows, room=5)
    assert nothing["texts"] is None
    assert len(warnings) == 1
    assert len(os.listdir(f"{store}/objects")) == 1


def test_where_nothing_could_be_put_aside_that_is_told(tmp_path: Path) -> None:
    """Without any room for temporary files the texts are lost, which is said, and how many they were."""
    store = str(tmp_path / "metrics")
    scanner = Scanner()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
        scanner.feed(b'{"scenario": "a", "metrics": {"ok": true}, "output": "yes", "input": "q"}\n')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told = gather(scanner, None, None)
    assert told.facts["metrics"] == {"a": {"ok": True}}
    found, warnings = keep_texts(Store.open(store), told.texts, SCRUB)
    assert found is None
    assert warnings == ["2 texts that the eval said for its scenarios were left out: File too large"]


def test_a_full_disk_is_a_warning(tmp_path: Path) -> None:
    """The record stands without its texts, and says why; no half of a file is left."""
    store = str(tmp_path / "metrics")
    record(store)
    texts = ScenarioTexts()
    noise = random.Random(1)
    for number in range(100):
        texts.take(f"s{number}", {"output": noise.randbytes(500).hex()})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        found, warnings = keep_texts(Store.open(store), texts, SCRUB)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found is None
    assert "was not kept: File too large" in warnings[0]
    assert os.listdir(f"{store}/objects") == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "is gone"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), "is another"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "cannot be read"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "cannot be read"),
    ],
    ids=("gone", "altered", "link", "pipe"),
)
def test_a_file_that_is_not_what_was_kept_is_told(tmp_path: Path, harm: Any, said: str) -> None:
    """Whoever asks for texts that are gone or altered gets words, and the file's path."""
    store = str(tmp_path / "metrics")
    manifest, _ = kept(store, SAID)
    assert manifest["texts"] is not None
    path = Path(store, manifest["texts"]["object"])
    harm(path)
    with pytest.raises(UnreadableError, match=said) as problem:
        read_texts(store, manifest, ["a"])
    assert str(path) in problem.value.message


def packed(lines: bytes) -> bytes:
    """Return what a file of these lines is."""
    packing = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packing.compress(lines) + packing.flush()


@pytest.mark.parametrize(
    "data",
    [
        b"no archive",
        packed(b'{"scenario": "a", "output": "x"}\n')[:-9],
        packed(b'{"scenario": "a", "output": "x"'),
        packed(b'{"scenario": "a", "output": \n'),
        packed(b"[" * 100_000 + b"\n"),
        packed(b'{"scenario": "a\\ud8\n'),
        packed(b'{"output": "x"}\n'),
        packed(b"\xff\xfe\n"),
        packed(b'{"scenario": "\xff\n'),
        packed(b"x" * (80 << 20)),
    ],
    ids=("none", "torn", "unended", "broken", "deep", "name", "nobody", "bytes", "odd name", "bomb"),
)
def test_a_hostile_file_with_the_right_hash_is_told(tmp_path: Path, data: bytes) -> None:
    """A store that others write may hold anything: nothing but words comes of it."""
    store = str(tmp_path / "metrics")
    manifest, _ = kept(store, SAID)
    assert manifest["texts"] is not None
    digest = hashlib.sha256(data).hexdigest()
    Path(store, "objects", digest).write_bytes(data)
    manifest["texts"] = {**manifest["texts"], "object": f"objects/{digest}", "sha256": f"sha256:{digest}"}
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_texts(store, manifest, ["a"])


@pytest.mark.parametrize("name", ["../up", "objects/../x", "runs/x", "objects/", "objects/.hidden", "x"])
def test_nothing_is_read_outside_its_folder(tmp_path: Path, name: str) -> None:
    """A record that names another place is told."""
    store = str(tmp_path / "metrics")
    manifest, _ = kept(store, SAID)
    assert manifest["texts"] is not None
    manifest["texts"]["object"] = name
    with pytest.raises(UnreadableError, match="not a name"):
        read_texts(store, manifest, ["a"])

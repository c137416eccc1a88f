"""What programs rely on: the manifest's keys and types, the history line's, every --json output's, the exit codes."""

from __future__ import annotations

import importlib
import json
import sys
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import Project

from evalprov import errors
from evalprov.explain.attribution import layer_states
from evalprov.record import schema
from evalprov.record.form import BULKY, RECIPE, SCHEMA, blank
from evalprov.record.identity import hash_of, identify
from evalprov.record.manifest import FoundFacts, Manifest
from evalprov.store.decode import decode

FIXTURES = Path(__file__).parent.parent / "fixtures"
PINNED = FIXTURES / "contract" / f"manifest-{SCHEMA}.json"


def described(kind: Any) -> Any:
    """Return a type as JSON: a table for a record, words for the rest."""
    if typing.is_typeddict(kind):
        return {name: described(inner) for name, inner in typing.get_type_hints(kind).items()}
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, inner))
    if origin is list:
        return ["list of", described(inner[0])]
    if origin is dict:
        return ["map to", described(inner[1])]
    if inner:
        parts = [described(part) for part in inner]
        return parts[0] if len(parts) == 1 else ["either", *parts]
    return {Any: "any JSON", type(None): "null"}.get(kind, getattr(kind, "__name__", str(kind)))


def test_the_manifest_has_the_keys_and_types_it_had() -> None:
    """A change to the record's shape must change its schema number and this pinned description."""
    assert described(Manifest) == json.loads(PINNED.read_text())


def test_every_type_of_the_record_is_a_table_or_a_plain_value() -> None:
    """No key of the record is optional: absent is null or empty, per type."""
    files = ("manifest", *(f"schema.{file.stem}" for file in Path(schema.__file__).parent.glob("*.py")))
    found = (vars(importlib.import_module(f"evalprov.record.{name.removesuffix('.__init__')}")) for name in files)
    tables = {kind for one in found for kind in one.values() if typing.is_typeddict(kind)} - {FoundFacts}
    assert len(tables) > 15
    for table in tables:
        assert table.__required_keys__ == frozenset(table.__annotations__), table


def missing(value: Any, shape: Any, where: str = "") -> list[str]:
    """Return the key paths of the shape that a value lacks."""
    if isinstance(shape, dict) and isinstance(value, dict):
        absent = [f"{where}.{name}" for name in shape if name not in value]
        return absent + [
            m for name in shape if name in value for m in missing(value[name], shape[name], f"{where}.{name}")
        ]
    return []


def test_a_real_record_has_every_key_with_its_type(project: Project) -> None:
    """What a run writes fits the types, with every key there, and so does the blank one."""
    project.write("x.py", "x = 1\n")
    project.write("eval.yaml", "temperature: 0.2\n")
    project.commit_all()
    project.write("y.py", "x = 1\n")
    project.python("print('{\"accuracy\": 0.5}')", options=("--config", "eval.yaml", "--tag", "t", "--note", "n"))
    pinned = json.loads(PINNED.read_text())
    for record in (project.record(), blank("20260101T000000Z", "2026-01-01T00:00:00Z")):
        msgspec.convert(record, Manifest, strict=True)
        assert missing(record, pinned) == []
        assert set(record) == set(pinned)


def test_the_history_line_is_the_record_less_its_bulky_parts(project: Project) -> None:
    """One key path means the same in both."""
    project.run("true")
    expected = project.record()
    for *path, last in BULKY:
        section = expected
        for name in path:
            section = section[name]
        del section[last]
    assert project.history() == [expected]


def test_adr_names_stand_at_the_top() -> None:
    """The record can be read by whoever knows the names of the decision record it follows."""
    names = (
        "run_id timestamp git_sha git_dirty golden_version prompt_versions model_config system scenarios_run metrics"
    )
    names += " metric_summary duration_seconds total_tool_calls errors"
    assert set(names.split()) <= set(Manifest.__annotations__)


def test_samples_of_every_schema_can_be_read(project: Project) -> None:
    """A record of each version that ever was is kept, and loads."""
    samples = sorted((FIXTURES / "manifests").glob("schema-*.json"))
    assert [int(sample.stem.removeprefix("schema-")) for sample in samples] == list(range(1, SCHEMA + 1))
    for sample in samples:
        shown = project.evalprov("show", str(sample), "--json")
        assert shown.returncode == 0, shown.stderr
        record = json.loads(shown.stdout)
        assert record["schema"] == SCHEMA
        assert record["run_id"] == json.loads(sample.read_text())["run_id"]


def test_an_old_record_is_no_other_program(project: Project) -> None:
    """Held against the same facts as they are recorded today, no layer of an old record has changed.

    Today's record knows more, and a layer's hash carries the number of its recipe: it is computed anew on reading.
    """
    for sample in sorted((FIXTURES / "manifests").glob("schema-*.json")):
        old = decode(sample.read_bytes())
        now: Any = decode(sample.read_bytes())
        now["software"] |= {"packages_content": "sha256:1", "env_rest": "scrypt:000000"}
        now["capture"]["beside"] = {"status": "captured", "ms": 1.0, "reason": None}
        now["code"]["beside"] = {"ignored.py": "sha256:2"}
        now["identity"] = identify(now)
        states = layer_states(old, now)
        assert "changed" not in states.values(), (sample, states)
        assert "unknown" not in states.values() or states == layer_states(old, old)
        assert (states["code"], states["software"]) == ("named", "named")
        assert old["identity"]["recipe"] == RECIPE
        for layer in ("prompts", "model", "agent", "config", "data", "grader"):
            assert old["identity"]["layers"][layer] == now["identity"]["layers"][layer]


def test_an_old_baseline_is_still_the_same_grader(project: Project) -> None:
    """A baseline that an older evalprov set and sealed is trusted, and the gate finds the same experiment."""
    sample = json.loads((FIXTURES / "manifests" / "schema-2.json").read_text())
    account = {"name": "main", "set_at": "2026-09-20T14:30:00Z", "set_by": None, "reason": "kept", "forced": []}
    record = {**sample, "baseline": {**account, "replaces": None, "sha256": ""}}
    record["baseline"]["sha256"] = hash_of(record)
    project.write("baselines/main.json", json.dumps(record))
    baseline = decode((project.path / "baselines" / "main.json").read_bytes())
    now = decode((FIXTURES / "manifests" / "schema-3.json").read_bytes())
    assert {"changed", "unknown"}.isdisjoint(layer_states(baseline, now).values())


def test_a_newer_record_is_refused_in_one_line(project: Project) -> None:
    """A record from a later version is not half understood."""
    record = json.loads((FIXTURES / "manifests" / "schema-1.json").read_text())
    file = project.write("newer.json", json.dumps({**record, "schema": SCHEMA + 1}))
    shown = project.evalprov("show", str(file))
    assert shown.returncode == 2
    assert b"newer" in shown.stderr
    assert b"Traceback" not in shown.stderr


def test_json_outputs(project: Project) -> None:
    """`show --json` is the manifest, `history --json` one line a run, `doctor --json` a versioned report."""
    project.run("true")
    assert json.loads(project.evalprov("show", "--json").stdout) == project.record()
    assert [json.loads(line) for line in project.evalprov("history", "--json").stdout.splitlines()] == project.history()
    assert json.loads(project.evalprov("doctor", "--json").stdout) == {
        "version": 1,
        "store": str(project.path / "metrics"),
        "actions": [],
    }


def test_piped_history_has_stable_columns(project: Project) -> None:
    """Plain tab-separated lines, a heading first."""
    project.python("print('{\"accuracy\": 0.5}')")
    heading, row = project.evalprov("history").stdout.decode().splitlines()
    assert heading.split("\t") == ["run", "status", "took", "scenario", "git", "metrics", "command"]
    cells = row.split("\t")
    assert cells[0] == project.record()["run_id"]
    assert (cells[1], cells[5]) == ("completed", "accuracy=0.5")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "--", "sh", "-c", "exit 3"], 3),
        (["run", "--", "sh", "-c", "kill -9 $$"], 137),
        (["run", "--timeout", "0.2", "--", "sleep", "9"], 124),
        (["run", "--config", "no.yaml", "--", "true"], 125),
        (["run", "--", "/"], 126),
        (["run", "--", "no-such-command"], 127),
        (["run"], 2),
        (["run", "--no-such-option", "--", "true"], 2),
        (["show", "19990101T000000Z"], 2),
        (["history", "--no-such-option"], 2),
        (["no-such-command"], 2),
        (["--version"], 0),
        (["run", "--help"], 0),
    ],
)
def test_exit_codes(project: Project, words: list[str], code: int) -> None:
    """The table of exit codes holds."""
    done = project.evalprov(*words)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


def test_the_code_for_not_started_is_125() -> None:
    """Scripts tell our failure from the command's by this number."""
    assert errors.CANNOT_START == 125
    assert sys.version_info >= (3, 11)

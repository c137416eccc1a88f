"""The history's line of a run: within its bound whatever was recorded, and honest about what it left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Project
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.record.form import BULKY, LINE_LIMIT, blank, counts_of, history_line
from evalprov.store.decode import decode_line

NAMES = [f"name {number}" for number in range(1000)]
ERROR = {"kind": "task", "message": "it failed: é" * 20, "scenario": "s", "stderr_tail": None}
SHA256 = "sha256:" + "ab" * 32
FILE = {"sha256": SHA256, "format": "yaml", "bytes": 1, "source": "settings", "values": dict.fromkeys(NAMES, 0.5)}
PROMPT = {"path": "p", "sha256": SHA256, "version": None, "source": "settings"}
TOOL = {"name": "t", "version": None, "description_hash": None, "schema_hash": None, "source": "settings"}
INFO = {"stderr": 0.1, "n": 5, "direction": None, "unit": None}
GROWN: dict[str, Any] = {
    "scenarios_run": [f"case-{number}" for number in range(100_000)],
    "errors": [ERROR] * 300,
    "warnings": ["w" * 200] * 100,
    "prompts": dict.fromkeys(NAMES, PROMPT),
    "prompt_versions": dict.fromkeys(NAMES, "v1"),
    "tools": [TOOL] * 1000,
    "config.files": {"eval.yaml": FILE},
    "config.reported": dict.fromkeys(NAMES, "x" * 50),
    "config.arguments": NAMES * 3,
    "command.argv": NAMES * 3,
    "metric_summary": dict.fromkeys(NAMES, 0.123456789),
    "metric_info": dict.fromkeys(NAMES, INFO),
    "output.artifacts": [{"name": None, "url": "https://example.org/" + "x" * 80}] * 300,
    "stages": dict.fromkeys(NAMES, 1.5),
    "note": "n" * 20_000,
    "tags": NAMES * 2,
    "sources": dict.fromkeys(NAMES, "reported"),
    "capture": {name: {"status": "failed", "ms": 1.0, "reason": "why" * 20} for name in NAMES},
    "scenario": "s" * 20_000,
    "golden_version": "g" * 20_000,
    "model_config": dict.fromkeys(NAMES, "x" * 20),
    "agent.extra": dict.fromkeys(NAMES, "x" * 20),
    "data.reported": dict.fromkeys(NAMES, "x" * 20),
    "decision_spec": dict.fromkeys(NAMES, "x" * 20),
    "software.env": dict.fromkeys(NAMES, "x" * 20),
    "identity.unknown": dict.fromkeys(NAMES, "x" * 20),
    "system": dict.fromkeys([*blank("", "")["system"], *NAMES], "3.12"),
}


def record(**values: Any) -> Any:
    """Return a record with values at key paths; a blank stands for the dot."""
    made: Any = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
    for key, value in values.items():
        section, _, name = key.partition(".")
        if name:
            made[section][name] = value
        else:
            made[section] = value
    return made


@pytest.mark.parametrize("key", GROWN)
def test_what_grows_becomes_a_count(key: str) -> None:
    """The line keeps its bound, everything else is in it, and it can be read back."""
    made = record(**{key: GROWN[key], "tags" if key != "tags" else "note": ["kept"] if key != "tags" else "kept"})
    line = history_line(made)
    assert len(line) <= LINE_LIMIT
    said = decode_line(line)
    assert said["counts"] == counts_of(made) == {key: 1 if isinstance(GROWN[key], str) else len(GROWN[key])}
    section, _, name = key.partition(".")
    assert (name not in said[section]) if name else section not in said
    assert said.get("tags") == ["kept"] or said["note"] == "kept"


def test_the_largest_go_first_and_only_as_many_as_must() -> None:
    """All that can grow at once leaves a line that still tells the run; a little of each leaves all of it."""
    assert len(history_line(record(**GROWN))) <= LINE_LIMIT
    little = {key: value[:2] for key, value in GROWN.items() if isinstance(value, list | str)}
    said = json.loads(history_line(record(**little)))
    assert said["counts"] == {}
    assert said["scenarios_run"] == ["case-0", "case-1"]
    two = record(stages=dict.fromkeys(NAMES[:300], 1.5), sources=dict.fromkeys(NAMES[:600], "reported"))
    assert counts_of(two) == {"sources": 600}


def test_what_no_line_holds_is_counted_too() -> None:
    """Nothing is counted that is not there."""
    made = record(metrics={"a": {}, "b": {}})
    made["git"]["untracked"] = ["x"]
    made["software"]["packages"] = {"numpy": "2", "scipy": "1", "x": "3"}
    assert counts_of(made) == {"metrics": 2, "git.untracked": 1, "software.packages": 3}


@settings(max_examples=50, deadline=None)
@given(sizes=st.dictionaries(st.sampled_from(sorted(GROWN)), st.integers(0, 1500), max_size=12))
def test_any_mixture_keeps_the_bound(sizes: dict[str, int]) -> None:
    """However many parts of whatever size there are."""
    some: dict[str, Any] = {}
    for key, size in sizes.items():
        value = GROWN[key]
        some[key] = dict(list(value.items())[: size + 9]) if isinstance(value, dict) else value[:size]
    made = record(**some)
    line = history_line(made)
    assert len(line) <= LINE_LIMIT
    said = decode_line(line)
    left_out = set(said["counts"]) - set(map(".".join, BULKY))
    assert all(said.get(key, value) == value for key, value in some.items() if "." not in key)
    assert left_out <= set(some)


def test_a_search_says_where_it_could_not_look(project: Project) -> None:
    """A real run with many scenarios has them in its manifest; the history counts them, and a condition tells so."""
    code = (
        "import json\n"
        "for n in range({}):\n"
        "    print(json.dumps({{'scenario': f'case-{{n:05d}}', 'metrics': {{'ok': n % 2 == 0}}}}))\n"
    )
    assert project.python(code.format(3)).returncode == 0
    assert project.python(code.format(3000)).returncode == 0
    small, large = sorted(project.history(), key=lambda line: line["counts"]["metrics"])
    assert all(
        len(line) < LINE_LIMIT for line in (project.path / "metrics/eval_history.jsonl").read_bytes().split(b"\n")
    )
    assert small["scenarios_run"] == ["case-00000", "case-00001", "case-00002"]
    assert "scenarios_run" not in large
    manifests = {one["run_id"]: one for one in project.records()}
    whole = manifests[large["run_id"]]
    assert large["counts"] == whole["counts"]
    assert large["counts"]["scenarios_run"] == large["counts"]["metrics"] == len(whole["scenarios_run"]) == 3000
    note = b"scenarios_run is not known here of a run, its history line had no room for it: evalprov show RUN --json"
    for words in (
        ("--where", "scenarios_run~case-00002", "--ids"),
        ("--where", "scenarios_run!=null", "--ids"),
        ("--columns", "run,scenarios_run"),
        ("--sort", "scenarios_run"),
    ):
        found = project.evalprov("history", *words)
        assert found.stderr.count(note) == 1, words
        assert b"no run has" not in found.stderr
        assert small["run_id"].encode() in found.stdout
        assert (large["run_id"].encode() in found.stdout) == ("--where" not in words)
    assert b"not known here" not in project.evalprov("history", "--where", "ok_mean>0").stderr
    assert project.evalprov("audit").returncode == 0


def test_metrics_by_the_thousand_are_counted_in_the_list(project: Project) -> None:
    """The list says how many there are, and a condition on one of them where it stands."""
    code = "import json; print(json.dumps({'metrics': {f'metric {n}': n / 7 for n in range(1000)}}))"
    assert project.python(code).returncode == 0
    assert project.evalprov("history").stdout.splitlines()[1].split(b"\t")[5] == b"1000 metrics"
    asked = project.evalprov("history", "--where", "metric 5>0.1")
    assert b"metric 5 is not known here of a run" in asked.stderr

"""Reported facts in the record: they win over declared ones, and a contradiction shows both."""

from __future__ import annotations

import contextlib
import io
import json
from hashlib import sha256
from typing import Any

import msgspec

from evalprov.builder import config_layer
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest
from evalprov.reported import Scanner, gather, merge_reported


def declared(**facts: Any) -> Manifest:
    """Return a record with facts declared before the run."""
    manifest: Any = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
    manifest.update(facts)
    return manifest  # type: ignore[no-any-return]


def tool(name: str, version: str | None = None) -> dict[str, Any]:
    """Return a tool as the record has it."""
    return {"name": name, "version": version, "description_hash": "d", "schema_hash": None, "source": "settings"}


def merged(manifest: Manifest, **said: Any) -> Manifest:
    """Put a report into the record."""
    scanner = Scanner()
    scanner.feed(json.dumps({"metrics": {"a": 1}, **said}).encode())
    merge_reported(manifest, gather(scanner, None, None))
    return manifest


def test_the_record_gets_what_was_reported() -> None:
    """Metrics, facts, source and how it went stand in the record, which keeps its types."""
    manifest = merged(
        declared(errors=[{"kind": "infra", "message": "first", "scenario": None, "stderr_tail": None}]),
        errors=["second"],
        artifacts=["https://example.org"],
        observed_model={"system_fingerprint": "fp"},
        config={"top_k": 5},
    )
    assert manifest["metric_summary"] == {"a": 1}
    assert [error["message"] for error in manifest["errors"]] == ["first", "second"]
    assert manifest["output"]["artifacts"] == [{"name": None, "url": "https://example.org"}]
    assert manifest["output"]["metrics_source"] is not None
    assert manifest["output"]["stdout"] is None
    assert manifest["observed"]["model"] == {"system_fingerprint": "fp"}
    assert manifest["config"]["files"] == {}
    assert manifest["capture"]["metrics"]["status"] == "captured"
    assert manifest["warnings"] == []
    msgspec.convert(manifest, Manifest, strict=True)


def test_no_metrics_are_recorded_with_the_reason() -> None:
    """Null is told from empty, and the record says why."""
    manifest = declared(warnings=["an earlier one"])
    merge_reported(manifest, gather(Scanner(), None, None))
    assert (manifest["metrics"], manifest["metric_summary"]) == (None, None)
    assert manifest["capture"]["metrics"]["status"] == "absent"
    assert manifest["capture"]["metrics"]["reason"] == "no line on stdout is a JSON object with metrics"
    assert manifest["warnings"] == ["an earlier one"]


def test_the_report_wins_and_the_contradiction_is_told() -> None:
    """Whatever differs from what was declared is a warning that shows both; the rest merges in silence."""
    manifest = merged(
        declared(
            model_config={"temperature": 0.0, "model": "m", "top_k": 1, "stop": ["a", "b"]},
            prompt_versions={"plan": "v3", "refine": "v1"},
            golden_version="v1",
            agent={"name": "loop", "version": None, "graph_hash": "1", "config_hash": None, "extra": {}},
            tools=[tool("search", "1"), tool("read")],
        ),
        model_config={"temperature": 0.7, "model": "m", "top_k": 1.0, "stop": ["b", "a"], "seed": 3},
        prompt_versions={"plan": "v4"},
        golden_version="v2",
        agent={"graph_hash": "2", "retries": 3},
        tools=[{"name": "search", "version": "2"}],
    )
    assert manifest["model_config"] == {
        "temperature": 0.7,
        "model": "m",
        "top_k": 1.0,
        "stop": ["b", "a"],
        "seed": 3,
    }
    assert manifest["prompt_versions"] == {"plan": "v4", "refine": "v1"}
    assert manifest["golden_version"] == "v2"
    assert manifest["tools"] == [{**tool("search", "2"), "source": "reported"}]
    assert manifest["agent"]["graph_hash"] == "2"
    assert manifest["agent"]["extra"] == {"retries": 3}
    assert manifest["sources"]["model_config.temperature"] == "reported"
    assert sorted(manifest["warnings"]) == [
        'agent.graph_hash was declared as "1", and the eval reports "2"',
        'golden_version was declared as "v1", and the eval reports "v2"',
        "model_config.temperature was declared as 0.0, and the eval reports 0.7",
        'prompt_versions.plan was declared as "v3", and the eval reports "v4"',
        'tools was declared as ["read", "search"], and the eval reports ["search"]',
        'tools.search.version was declared as "1", and the eval reports "2"',
    ]


def test_another_model_served_than_declared_is_told() -> None:
    """The served model stands beside the declared one, which stays."""
    manifest = merged(declared(model_config={"model": "big", "temperature": 0}), observed_model="big-2026-01-01")
    assert manifest["model_config"] == {"model": "big", "temperature": 0}
    assert manifest["warnings"] == ['model_config.model was declared as "big", and what was served is "big-2026-01-01"']
    same = merged(declared(model_config={"model_id": "big"}), observed_model={"id": "big", "system_fingerprint": "x"})
    assert same["warnings"] == []


def test_a_reported_config_is_held_against_the_config_files() -> None:
    """A value that the program overrode does not pass for the one in the file."""
    file = {
        "sha256": "sha256:00",
        "format": "yaml",
        "bytes": 1,
        "source": "command",
        "values": {"a.b": 0.0, "c": 1},
    }
    manifest = declared(config={"files": {"eval.yaml": file}, "arguments": []})
    merged(manifest, config={"a": {"b": 0.7}, "d": 2})
    assert manifest["warnings"] == ["eval.yaml.a.b was declared as 0.0, and the eval reports 0.7"]


def test_a_secret_is_in_no_contradiction() -> None:
    """Two values of a secret-named key are not compared, let alone shown."""
    manifest = merged(declared(model_config={"api_key": "[secret]"}), model_config={"api_key": "sk-abcdef"})
    assert not any("sk-abcdef" in warning for warning in manifest["warnings"])
    assert manifest["warnings"] == []


def test_many_contradictions_stay_readable() -> None:
    """The first are spelled out, the rest counted."""
    manifest = merged(
        declared(model_config={f"k{number}": 0 for number in range(50)}),
        model_config={f"k{number}": 1 for number in range(50)},
    )
    assert len(manifest["warnings"]) == 21
    assert manifest["warnings"][-1] == "30 further facts that the eval reports differ from the declared ones"


def test_what_the_builder_reports_stands_in_its_layer() -> None:
    """Prompts, algorithms, data, grader, infra and the builder's own hash each have their place and type."""
    manifest = merged(
        declared(scenario=None),
        prompts={"plan": {"sha256": "sha256:aa", "version": "v3"}},
        algorithms={"orchestrator": {"name": "fanout", "sha256": "ab" * 32, "short": "ab" * 6}},
        data={"golden": {"sha256": "sha256:cc", "version": "v7"}, "note": "x"},
        grader={"version": 2, "metrics": {"accuracy": "exact match"}, "model": "judge"},
        infra={"concurrency_level": 4},
        layer={"scenario": "support", "fields": {}, "hash": "sha256:dd"},
        tools=["search", {"name": "read", "schema": {"a": 1}, "description": "reads"}, {"version": "1"}],
    )
    msgspec.convert(manifest, Manifest, strict=True)
    assert manifest["prompts"]["plan"]["sha256"] == "sha256:aa"
    assert manifest["code"]["algorithms"]["orchestrator"]["short"] == "ab" * 6
    assert manifest["data"]["sets"]["golden"]["kind"] == "reported"
    assert manifest["data"]["reported"] == {"note": "x"}
    assert manifest["grader"]["version"] == "2"
    assert manifest["grader"]["reported"] == {"model": "judge"}
    assert manifest["infra"]["declared"] == {"concurrency_level": 4}
    assert manifest["identity"]["builder"] == "sha256:dd"
    assert manifest["scenario"] == "support"
    assert [one["name"] for one in manifest["tools"]] == ["search", "read"]
    assert manifest["tools"][1]["schema_hash"]
    assert manifest["warnings"] == ["a reported tool has no name and was left out"]


def test_a_reported_content_that_is_not_the_one_found_is_told() -> None:
    """A prompt, data set or algorithm that changed under the run does not pass for the one hashed before it."""
    known = {"path": "p", "sha256": "sha256:aa", "version": None, "source": "settings"}
    manifest = merged(declared(prompts={"plan": known}), prompts={"plan": {"sha256": "sha256:bb"}})
    assert manifest["prompts"]["plan"]["sha256"] == "sha256:bb"
    assert manifest["warnings"] == ["prompt plan: the eval reports another text than was found before launch"]


def test_parameters_go_where_they_belong_under_the_names_that_programs_give_them() -> None:
    """On a report line, or as the fields of a builder of the eval's own; the text of a prompt is not kept."""
    fields = {
        "model": "claude-sonnet-4-6",
        "temperature": 0.2,
        "maxTokens": 100,
        "systemPrompt": "Be terse.",
        "tools": ["search", "bash"],
    }
    layer = {"hash": "abc123def456", "scenario": "tickets", "fields": {**fields, "maxIterations": 10, "seed": 7}}
    for said in (fields, {"layer": layer}):
        manifest = merged(declared(), **said)
        assert manifest["model_config"] == {"model": "claude-sonnet-4-6", "temperature": 0.2, "max_tokens": 100}
        assert manifest["prompts"]["systemPrompt"]["sha256"] == f"sha256:{sha256(b'Be terse.').hexdigest()}"
        assert [one["name"] for one in manifest["tools"]] == ["search", "bash"]
        assert "Be terse." not in json.dumps(manifest)
        assert manifest["warnings"] == []
        msgspec.convert(manifest, Manifest, strict=True)
    assert manifest["config"]["reported"] == {"maxIterations": 10, "global_seed": 7}
    assert (manifest["identity"]["builder"], manifest["scenario"]) == ("abc123def456", "tickets")


def test_what_is_told_beside_a_layer_counts_more_than_its_fields() -> None:
    """Each fact stands once; what is told of the model as such is not overruled."""
    layer = {"fields": {"model": "b", "temperature": 0.2, "topP": 0.9}, "hash": "h"}
    said = merged(declared(), layer=layer, model_config={"model": "a"}, config={"temperature": 0.2, "retries": 3})
    assert said["model_config"] == {"model": "a", "temperature": 0.2, "top_p": 0.9}
    assert said["config"]["reported"] == {"retries": 3}


def test_the_config_layer_of_python_puts_them_there_too() -> None:
    """Fields added by name are model, prompts and tools as well; code stays an algorithm, the rest configuration."""
    layer = config_layer("tickets").add_field("model", "m").add_field("systemPrompt", "Be terse.")
    layer.add_field("toolset", {"search", "bash"}).add_field("retries", 3).add_field("dispatch", merged).seed(7)
    line = io.StringIO()
    with contextlib.redirect_stdout(line):
        layer.report({"accuracy": 0.5})
    manifest = merged(
        declared(), **{key: said for key, said in json.loads(line.getvalue()).items() if key != "metrics"}
    )
    assert manifest["model_config"] == {"model": "m"}
    assert list(manifest["prompts"]) == ["systemPrompt"]
    assert [one["name"] for one in manifest["tools"]] == ["bash", "search"]
    assert manifest["config"]["reported"] == {"retries": 3, "global_seed": 7}
    assert list(manifest["code"]["algorithms"]) == ["dispatch"]


def test_a_decision_spec_stands_in_the_record_as_it_was_reported() -> None:
    """Whole, at the top."""
    spec = {"model": {"name": "m"}, "n": 2**65}
    assert merged(declared(), decision_spec=spec)["decision_spec"] == spec

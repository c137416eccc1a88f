"""What a run was, as hashes: config goes in, observations stay out, unknown is never a hash."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.record.canonical import canonical
from evalprov.record.form import blank
from evalprov.record.identity import hash_of, identify
from evalprov.record.layers import layers
from evalprov.record.manifest import Identity, Manifest

HEX = "ab" * 32


def full() -> Manifest:
    """Return a record in which every layer has something."""
    m: Any = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
    m["scenario"] = "support-tickets"
    m["golden_version"] = "v1"
    m["prompt_versions"] = {"plan": "v3"}
    m["prompts"] = {"plan": {"path": "p.txt", "sha256": HEX, "version": "v3", "source": "settings"}}
    m["model_config"] = {
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "temperature": 0,
        "stop_sequences": ["b", "a"],
    }
    m["tools"] = [
        {"name": name, "version": "1", "description_hash": HEX, "schema_hash": HEX, "source": "settings"}
        for name in "ba"
    ]
    m["agent"]["name"] = "planner"
    m["config"] |= {"files": {"a.yaml": {"sha256": HEX}}, "arguments": ["my_eval.py"]}
    m["code"]["tree"] = "1" * 40
    m["code"]["algorithms"] = {"router": {"name": "route", "sha256": HEX, "short": HEX[:12], "source": "x.py:route"}}
    m["data"]["sets"] = {
        "golden": {
            **dict.fromkeys(("pointer", "stale", "files", "bytes")),
            "path": "g.jsonl",
            "kind": "file",
            "sha256": HEX,
            "version": "v7",
            "source": "settings",
        }
    }
    m["data"]["retrieval"] = {"top_k": 5}
    m["grader"]["version"] = "g1"
    m["system"] |= {"python_version": "3.11.7", "cuda_version": "12.4"}
    m["software"] |= {"packages_hash": HEX, "locks": {"uv.lock": HEX}, "env": {"PYTHONHASHSEED": "0"}}
    m["infra"]["cpu"]["count"] = 8
    m["infra"]["machine"] = "x86_64"
    m["infra"]["gpu"] = {"devices": [{"index": 0, "uuid": "GPU-1", "name": "H100", "memory_mb": 80000, "mig": None}]}
    m["infra"]["gpu"] |= {"driver": "550", "cuda": "12.4", "visible": None}
    m["infra"]["declared"] = {"concurrency_level": 4}
    return m  # type: ignore[no-any-return]


def changed(change: Callable[[Any], None]) -> Identity:
    """Return the identity of the full record after a change."""
    m = full()
    change(m)
    return identify(m)


BEHAVIOUR: list[tuple[str, Callable[[Any], None]]] = [
    ("prompts", lambda m: m["prompts"]["plan"].update(sha256="cd" * 32)),
    ("prompts", lambda m: m["prompts"]["plan"].update(version="v4")),
    ("prompts", lambda m: m["prompt_versions"].update(plan="v4")),
    ("model", lambda m: m["model_config"].update(temperature=0.7)),
    ("model", lambda m: m["model_config"].update(model="gpt-4o-2024-11-20")),
    ("model", lambda m: m["model_config"].update(stop_sequences=["a"])),
    ("agent", lambda m: m["agent"].update(version="2")),
    ("agent", lambda m: m["tools"][0].update(version="2")),
    ("agent", lambda m: m["tools"][0].update(schema_hash="cd" * 32)),
    ("config", lambda m: m["config"]["files"]["a.yaml"].update(sha256="cd" * 32)),
    ("config", lambda m: m["config"]["arguments"].append("--fast")),
    ("config", lambda m: m["config"]["reported"].update(top_k=5)),
    ("config", lambda m: m["config"].update(program="make")),
    ("config", lambda m: m["command"].update(cwd="evals/b")),
    ("code", lambda m: m["code"].update(tree="2" * 40)),
    ("code", lambda m: m["code"]["beside"].update({"helper.py": HEX})),
    ("code", lambda m: m["code"]["algorithms"]["router"].update(sha256="cd" * 32)),
    ("data", lambda m: m["data"]["sets"]["golden"].update(sha256="cd" * 32)),
    ("data", lambda m: m.update(golden_version="v2")),
    ("data", lambda m: m["data"]["retrieval"].update(top_k=6)),
    ("grader", lambda m: m["grader"].update(version="g2")),
    ("grader", lambda m: m["grader"]["metrics"].update(accuracy="exact match")),
    ("software", lambda m: m["software"].update(packages_hash="cd" * 32)),
    ("software", lambda m: m["system"].update(python_version="3.12.1")),
    ("software", lambda m: m["software"]["env"].update(PYTHONHASHSEED="1")),
    ("software", lambda m: m["software"].update(packages_content=HEX)),
    ("software", lambda m: m["software"].update(env_rest="scrypt:0a1b2c")),
    ("software", lambda m: m["software"].update(executable={"path": "/usr/bin/node", "sha256": HEX, "version": "v20"})),
    ("software", lambda m: m["software"]["package_trees"].update(lib={"path": "../lib", "sha256": HEX})),
    ("infra", lambda m: m["infra"]["ulimits"].update(nofile=[1024, 4096])),
    ("infra", lambda m: m["infra"]["cpu"].update(count=4)),
    ("infra", lambda m: m["infra"]["gpu"].update(driver="560")),
    ("infra", lambda m: m["infra"]["memory"].update(hard_limit_mb=512)),
]


@pytest.mark.parametrize(("layer", "change"), BEHAVIOUR)
def test_a_change_shows_in_its_layer_and_in_no_other(layer: str, change: Callable[[Any], None]) -> None:
    """One fact changed is one layer's hash changed, and what is made of that layer."""
    before, after = identify(full()), changed(change)
    assert [name for name in before["layers"] if before["layers"][name] != after["layers"][name]] == [layer]
    assert (before["program"] != after["program"]) == (layer in {"prompts", "model", "agent", "config", "code"})
    assert (before["scenario"] != after["scenario"]) == (layer in {"data", "grader"})
    assert (before["fingerprint"] != after["fingerprint"]) == (layer not in {"software", "infra"})
    assert (before["config_hash"] != after["config_hash"]) == (layer == "config")


OBSERVATIONS: list[Callable[[Any], None]] = [
    lambda m: m.update(run_id="20270101T000000Z", timestamp="2027-01-01T00:00:00Z", note="again", tags=["x"]),
    lambda m: m.update(status="failed", exit_code=1, duration_seconds=3.0, metrics={}, metric_summary={"a": 1}),
    lambda m: m.update(git_sha="3" * 40, git_dirty=True),
    lambda m: m["git"].update(branch="other", describe="v2", root="/elsewhere"),
    lambda m: m["observed"].update(user="somebody", container_id="c", disk_free_mb=1, ci={"provider": "github"}),
    lambda m: m["observed"].update(process={"pid": 1, "hostname": "node-7"}),
    lambda m: m["infra"]["gpu"]["devices"][0].update(index=3, uuid="GPU-2"),
    lambda m: m["tools"][0].update(source="reported"),
    lambda m: m["sources"].update({"model.temperature": "--set"}),
    lambda m: m["warnings"].append("something"),
    lambda m: m["command"].update(executable="/usr/bin/python", timeout_seconds=9.0),
    lambda m: m["observed"].update(model={"model": "gpt-4o-2024-08-06"}),
    lambda m: m["outputs"].update(files={"results.json": {"bytes": 2, "sha256": HEX, "state": False}}, count=1),
]


@pytest.mark.parametrize("change", OBSERVATIONS)
def test_an_observation_changes_nothing(change: Callable[[Any], None]) -> None:
    """Another host, another day, another user, another commit of the same content: the same identity."""
    # The TraceLens fingerprint takes in the commit: that is its own rule, kept under its own name.
    assert {**changed(change), "decision_spec": None} == {**identify(full()), "decision_spec": None}


def test_what_is_declared_of_the_machine_and_the_tools_is_in_the_fingerprint() -> None:
    """Measured limits stay out, declared ones go in, as do versions asked for by command."""
    base = identify(full())
    limits = changed(lambda m: m["infra"]["declared"].update(concurrency_level=8))
    tools = changed(lambda m: m["system"].update(cuda_version="12.5"))
    for other in (limits, tools):
        assert other["fingerprint"] != base["fingerprint"]
        assert (other["program"], other["scenario"]) == (base["program"], base["scenario"])


def shuffled(value: Any, order: random.Random) -> Any:
    """Return the same facts in another order: keys, tools, stop sequences."""
    if isinstance(value, dict):
        items = [(key, shuffled(inner, order)) for key, inner in value.items()]
        order.shuffle(items)
        return dict(items)
    return value


@pytest.mark.long
@given(st.randoms(use_true_random=False))
def test_order_does_not_matter(order: random.Random) -> None:
    """Fields, tools and stop sequences in any order are the same run."""
    m: Any = shuffled(full(), order)
    order.shuffle(m["tools"])
    order.shuffle(m["model_config"]["stop_sequences"])
    assert identify(m) == identify(full())


def test_what_is_unknown_has_no_hash_and_a_reason() -> None:
    """An unknown layer is null with its reason, and so is all that is made of it."""
    identity = changed(lambda m: m["code"].update(tree=None))
    assert identity["layers"]["code"] is None
    assert (identity["program"], identity["fingerprint"]) == (None, None)
    assert identity["scenario"] is not None
    assert set(identity["unknown"]) == {"code", "program", "fingerprint"}
    assert "code" in identity["unknown"]["program"]
    software = changed(lambda m: m["software"].update(packages_hash=None))
    assert software["layers"]["software"] is None
    assert software["fingerprint"] == identify(full())["fingerprint"]


def test_control_tells_content_from_name_from_nothing() -> None:
    """Full where held by content, partial by name or version, none where nobody declared it."""
    looked: Any = full()
    looked["capture"]["beside"] = {"status": "absent", "ms": 1.0, "reason": "nothing lies beside it"}
    found = {name: layer.control for name, layer in layers(looked).items()}
    assert found["prompts"] == found["data"] == found["code"] == "full"
    assert found["model"] == found["grader"] == "partial"
    nothing = {name: layer.control for name, layer in layers(blank("x", "y")).items()}
    assert {nothing[name] for name in ("prompts", "model", "agent", "data", "grader")} == {"none"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_has_a_canonical_form_that_reads_back(value: Any) -> None:
    """Unicode and very large integers are handled; the bytes are JSON, and the same for a reordered copy."""
    try:
        encoded = canonical(value)
    except ValueError:
        assert any(0xD800 <= ord(c) < 0xE000 for c in json.dumps(value, ensure_ascii=False))
        return
    json.loads(encoded)
    assert canonical(copy.deepcopy(value)) == encoded
    assert hash_of(value) == "sha256:" + hashlib.sha256(encoded).hexdigest()


def test_one_and_one_point_nought_are_alike() -> None:
    """A number is its value, however it is written."""
    assert hash_of({"t": 1}) == hash_of({"t": 1.0})
    assert hash_of({"t": 1}) != hash_of({"t": True})
    assert hash_of({"t": 10**30}) != hash_of({"t": 10**30 + 1})


def test_not_a_number_is_refused_and_the_layer_says_why() -> None:
    """NaN has no canonical form: the layer that holds one is unknown, with its key's name."""
    with pytest.raises(ValueError, match="temperature"):
        canonical({"model": {"temperature": float("nan")}})
    identity = changed(lambda m: m["model_config"].update(temperature=float("nan")))
    assert identity["layers"]["model"] is None
    assert "temperature" in identity["unknown"]["model"]

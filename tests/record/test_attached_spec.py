"""A DecisionSpec that an eval attaches to its report, from the line it prints to the fingerprint in the record."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from test_decision_spec import SPEC, theirs

from evalprov.record.form import blank
from evalprov.record.identity import identify
from evalprov.record.manifest import Identity, Manifest
from evalprov.reported import Scanner, gather, merge_reported


def reported(spec: dict[str, Any]) -> tuple[Identity, Manifest]:
    """Return the identity and the record of a run that printed this spec with its metrics, in a repository."""
    scanner = Scanner()
    scanner.feed(json.dumps({"metrics": {"accuracy": 0.5}, "decision_spec": spec}).encode() + b"\n")
    manifest = blank("20260920T143000Z", "2026-09-20T14:30:00Z")
    manifest["git_sha"] = "1" * 40
    merge_reported(manifest, gather(scanner, None, None))
    return identify(manifest), manifest


def storable(value: Any) -> bool:
    """Say whether a value is JSON that a record can hold: finite, and of whole characters."""
    if isinstance(value, dict):
        return all(storable(key) and storable(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(storable, value))
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    return not isinstance(value, float) or math.isfinite(value)


@settings(max_examples=200, deadline=None)
@given(SPEC.filter(storable))
def test_its_fingerprint_is_the_one_that_tracelens_computes(spec: dict[str, Any]) -> None:
    """Whatever that package accepts has its fingerprint: whole numbers over 64 bits, nested tables, no commit."""
    spec = json.loads(json.dumps(spec))
    identity, manifest = reported(spec)
    assert manifest["decision_spec"] == spec
    known = theirs(spec)
    assert identity["decision_spec"] == (known and f"sha256:{known}")


def test_large_numbers_nested_tables_and_empty_prompts_are_kept() -> None:
    """The cases that were once lost on the way."""
    spec = {
        "model": {"provider": "p", "model_id": "m", "seed": 2**70, "extra_params": {"a": {"b": [1, 2**90, None]}}},
        "prompts": {"system_prompt_hash": None},
        "extra": {"deep": {"er": {"x": 1.5}}},
    }
    identity, manifest = reported(spec)
    assert manifest["decision_spec"] == spec
    assert identity["decision_spec"] == f"sha256:{theirs(spec)}"
    assert reported({})[0]["decision_spec"] == f"sha256:{theirs({})}"


def test_what_is_no_spec_is_told_and_has_no_fingerprint() -> None:
    """A spec that the package would refuse is kept as it is, and nobody claims a fingerprint of it."""
    identity, manifest = reported({"model": "m"})
    assert manifest["decision_spec"] == {"model": "m"}
    assert identity["decision_spec"] is None
    assert "DecisionSpec" in identity["unknown"]["decision_spec"]

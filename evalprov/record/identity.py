"""The hashes that say what a run was."""

import hashlib
from typing import Any

from evalprov.record.canonical import canonical
from evalprov.record.decision_spec import decision_spec
from evalprov.record.decision_spec import fingerprint as spec_fingerprint
from evalprov.record.facts import tool_versions
from evalprov.record.form import RECIPE
from evalprov.record.layers import JUDGED, PROGRAM, hashed, layers
from evalprov.record.manifest import Identity, Manifest


def hash_of(value: Any) -> str:
    """Return the hash of a JSON value, the same in any language."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def identify(m: Manifest) -> Identity:
    """Return what a run was, as hashes; what is unknown is null, and so is what is made of it."""
    found = layers(m)
    unknown = {name: layer.unknown for name, layer in found.items() if layer.unknown}
    hashes: dict[str, str | None] = {}
    for name, layer in found.items():
        try:
            hashes[name] = None if layer.unknown else hash_of({"recipe": RECIPE, "facts": hashed(layer)})
        except ValueError as problem:
            hashes[name] = None
            unknown[name] = f"cannot be hashed: {problem}"

    def together(parts: dict[str, Any], missing: str) -> str | None:
        absent = [name for name, part in parts.items() if part is None and name != "scenario_name"]
        if absent:
            unknown[missing] = f"{', '.join(absent)} not known"
            return None
        return hash_of(parts)

    program = together({name: hashes[name] for name in PROGRAM}, "program")
    scenario = together({"scenario_name": m["scenario"], **{name: hashes[name] for name in JUDGED}}, "scenario")
    declared = {"infra": m["infra"]["declared"], "tools": tool_versions(m)}
    fingerprint = together({"program": program, "scenario": scenario, "declared": declared}, "fingerprint")
    try:
        spec: str | None = f"sha256:{spec_fingerprint(decision_spec(m))}"
    except ValueError as refused:  # one that the eval attached may be none
        spec = None
        unknown["decision_spec"] = f"what was attached is no DecisionSpec: {refused}"
    return {
        "recipe": RECIPE,
        "fingerprint": fingerprint,
        "program": program,
        "scenario": scenario,
        "config_hash": hashes["config"],
        "decision_spec": spec,
        "builder": m["identity"]["builder"],
        "layers": hashes,
        "used": _used(m, unknown),
        "unknown": unknown,
    }


def _used(m: Manifest, unknown: dict[str, str]) -> str | None:
    """Return the hash of what a run was seen to read and no layer has; null where not all of that is known."""
    observed = m["observed"]
    looked = observed["looked"]
    if not looked["complete"]:
        if looked["mode"] not in (None, "off", "project"):
            unknown["used"] = looked["reason"] or "not all that was read is known by content"
        return None
    files = {path: one["sha256"] for path, one in observed["inputs"].items() if one["layer"] is None}
    values = {name: how for name, how in observed["environment"].items() if how == "unset" or how.startswith("scrypt:")}
    return hash_of({"recipe": RECIPE, "files": files, "environment": values})

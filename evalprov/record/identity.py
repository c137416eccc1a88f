"""The hashes that say what a run was."""

from typing import Any

from evalprov.record.canonical import sha256
from evalprov.record.decision_spec import decision_spec
from evalprov.record.decision_spec import fingerprint as spec_fingerprint
from evalprov.record.facts import tool_versions
from evalprov.record.form import RECIPE
from evalprov.record.layers import JUDGED, PROGRAM, hashed, layers
from evalprov.record.manifest import Identity, Manifest


def hash_of(value: Any) -> str:
    """Return the hash of a JSON value, the same in any language."""
    return f"sha256:{sha256(value)}"


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
        "unknown": unknown,
    }

"""The hashes that say what a run was."""

import hashlib
import math
from typing import Any

from evalprov.record.decision_spec import decision_spec
from evalprov.record.decision_spec import fingerprint as spec_fingerprint
from evalprov.record.facts import tool_versions
from evalprov.record.form import RECIPE
from evalprov.record.layers import JUDGED, PROGRAM, hashed, layers
from evalprov.record.manifest import Identity, Manifest

SAFE = (1 << 53) - 1  # up to here every whole number is exactly a double


def canonical(value: Any) -> bytes:
    """Return the value as canonical JSON (RFC 8785), the same bytes in any language.

    A whole number whose digits a double does not give back stands as a string of them, as the RFC advises.
    Raises ValueError for what JSON has not: NaN, infinities, lone surrogates, keys that are no strings.
    """
    import rfc8785

    return rfc8785.dumps(_exact(value))


def _exact(value: Any, path: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _exact(inner, f"{path}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner, f"{path}.{number}") for number, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path.lstrip('.') or 'the value'} is {value}, which JSON has not")
    if isinstance(value, int) and not -SAFE <= value <= SAFE:
        return _large(value)
    return value


def _large(number: int) -> float | str:
    import rfc8785

    digits = str(number)
    # Far below where a double overflows, its shortest form has an exponent and so never these digits.
    if len(digits) < 23 and rfc8785.dumps(float(number)).decode() == digits:
        return float(number)
    return digits


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

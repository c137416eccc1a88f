"""Where each fact that the eval reports of itself stands in the record, by the shapes that the types give it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from evalprov.record.form import REPORTED
from evalprov.reported.text import name as cut

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD = ("model_config", "prompt_versions", "golden_version", "agent", "infra")  # whose origin is worth a line


def place(record: dict[str, Any], key: str, said: Any) -> None:
    """Put one reported fact in its place; what it says wins over what stands there."""
    if key in _TOLD:
        leaves = said if isinstance(said, dict) else {"": said}
        record["sources"].update({f"{key}.{name}".rstrip("."): REPORTED for name in leaves})
    if special := _SPECIAL.get(key):
        special(record, said)
    elif key == "errors":
        record[key] = [*record[key], *said]
    elif isinstance(said, dict) and isinstance(record[key], dict):
        record[key] = {**record[key], **said}
    else:
        record[key] = said


def _place_tools(record: dict[str, Any], said: list[Any]) -> None:
    declared = {tool["name"]: tool for tool in record["tools"]}
    tools = {}  # what it could call is what it says; of those, what was declared beside still holds
    for tool in said:
        told = tool if isinstance(tool, dict) else {"name": tool}
        name = told.get("name")
        if not isinstance(name, str):
            record["warnings"].append("a reported tool has no name and was left out")
            continue
        known = declared.get(name, {"name": name, "version": None, "description_hash": None, "schema_hash": None})
        fresh = {key: told[key] for key in ("version", "description_hash", "schema_hash") if told.get(key) is not None}
        for key in ("description", "schema"):
            if told.get(key) is not None:
                fresh.setdefault(f"{key}_hash", hash_of(told[key]))
        fresh = {key: _digest(value) if key.endswith("_hash") else str(value) for key, value in fresh.items()}
        tools[name] = {**known, **fresh, "source": REPORTED}
    record["tools"] = list(tools.values())


def _place_agent(record: dict[str, Any], said: dict[str, Any]) -> None:
    agent = dict(record["agent"])
    extra = dict(agent["extra"])
    for key, value in said.items():
        if key in ("graph", "config"):
            agent[f"{key}_hash"] = hash_of(value)
        elif key in agent and key != "extra":
            agent[key] = None if value is None else _digest(value) if key.endswith("_hash") else str(value)
        else:
            extra[key] = value
    record["agent"] = {**agent, "extra": extra}


def _place_grader(record: dict[str, Any], said: dict[str, Any]) -> None:
    grader = dict(record["grader"])
    rest = dict(grader["reported"])
    for key, value in said.items():
        if key == "version" and value is not None:
            grader["version"] = str(value)
        elif key == "metrics" and isinstance(value, dict):
            grader["metrics"] = {**grader["metrics"], **{name: _text(meaning) for name, meaning in value.items()}}
        else:
            rest[key] = value
    record["grader"] = {**grader, "reported": rest}


def _place_data(record: dict[str, Any], said: dict[str, Any]) -> None:
    data = record["data"]
    sets, rest = dict(data["sets"]), dict(data["reported"])
    for name, value in said.items():
        if not isinstance(value, dict) or not ({"sha256", "version"} & value.keys()):
            rest[name] = value
            continue
        known = sets.get(name) or dict.fromkeys(("path", "sha256", "version", "files", "bytes", "pointer", "stale"))
        amounts = {key: value[key] for key in ("files", "bytes") if type(value.get(key)) is int}
        kind = value["kind"] if value.get("kind") in ("file", "folder") else known.get("kind", REPORTED)
        sets[name] = {**_told(record, f"data {name}", "content", value, known), **amounts, "kind": kind}
    record["data"] = {**data, "sets": sets, "reported": rest}


def _place_prompts(record: dict[str, Any], said: dict[str, Any]) -> None:
    prompts = dict(record["prompts"])
    for name, value in said.items():
        told = value if isinstance(value, dict) else {"version": value}
        known = prompts.get(name) or {"path": None, "sha256": None, "version": None}
        prompts[name] = _told(record, f"prompt {name}", "text", told, known)
    record["prompts"] = prompts


def _told(record: dict[str, Any], name: str, what: str, told: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return what is reported of a file, over what was found of it before launch; another content is a warning."""
    sha256 = _digest(told.get("sha256"))
    if sha256 is not None and known["sha256"] not in (None, sha256):
        record["warnings"].append(f"{name}: the eval reports another {what} than was found before launch")
    fresh = {key: str(told[key]) for key in ("version", "path") if told.get(key) is not None}
    return {**known, **fresh, **({"sha256": sha256} if sha256 else {}), "source": REPORTED}


def _place_algorithms(record: dict[str, Any], said: dict[str, Any]) -> None:
    algorithms = dict(record["code"]["algorithms"])
    for name, value in said.items():
        sha256 = _digest(value.get("sha256") if isinstance(value, dict) else value)
        if sha256 is None:
            record["warnings"].append(f"algorithm {name} was reported without a sha256 and is left out")
            continue
        called = value.get("name") if isinstance(value, dict) else None
        known = algorithms.get(name)
        if known and known["sha256"] != sha256:
            record["warnings"].append(f"algorithm {name}: the eval reports another source than was found before launch")
        algorithms[name] = {"name": str(called or name), "sha256": sha256, "short": sha256[7:19], "source": REPORTED}
    record["code"] = {**record["code"], "algorithms": algorithms}


def _place_layer(record: dict[str, Any], said: dict[str, Any]) -> None:
    """Keep the hash the eval's own builder gave, and its scenario where nobody named one."""
    if isinstance(said.get("hash"), str):
        record["identity"] = {**record["identity"], "builder": cut(said["hash"])}
    scenario = said.get("scenario")
    if isinstance(scenario, str):
        scenario = cut(scenario)
        if record["scenario"] not in (None, scenario):
            record["warnings"].append(f"scenario was declared as {record['scenario']}, and the eval reports {scenario}")
        record["scenario"] = scenario
        record["sources"]["scenario"] = REPORTED


def _place_infra(record: dict[str, Any], said: dict[str, Any]) -> None:
    infra = record["infra"]
    record["infra"] = {**infra, "declared": {**infra["declared"], **said}}


def hash_of(value: Any) -> str:
    """Return the hash of a text, or of a value as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def _digest(said: Any) -> str | None:
    """Return a hash as the record spells it, whether or not its algorithm was named."""
    if said is None:
        return None
    text = str(said)
    return f"sha256:{text.lower()}" if re.fullmatch(r"[0-9a-fA-F]{64}", text) else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


_SPECIAL: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "tools": _place_tools,
    "agent": _place_agent,
    "grader": _place_grader,
    "data": _place_data,
    "prompts": _place_prompts,
    "algorithms": _place_algorithms,
    "layer": _place_layer,
    "infra": _place_infra,
}

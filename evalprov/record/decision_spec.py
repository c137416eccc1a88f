"""A run in TraceLens' terms: the DecisionSpec which that package loads, and the fingerprint it computes of it.

Where each of its fields comes from in a record:

| DecisionSpec | record |
|---|---|
| model: provider and the decoding parameters | `model_config`, same name |
| model: model_id, model_version | `model_config`: model or model_id, version or model_version |
| model: extra_params | what else `model_config` holds, `extra` and `extra_params` unfolded |
| prompts: system_prompt_hash | `prompts`: the one named system or system_prompt |
| prompts: prompt_template_hash | `prompts`: the only other one; of several others the hash of their hashes |
| prompts: prompt_version | `prompt_versions`, `prompts`: the one version; where they differ `a=v1,b=v2` |
| tools | `tools`: name, version, description_hash, schema_hash, in the order of their names |
| agent | `agent`: name, version, graph_hash, config_hash |
| environment: git_commit, git_branch, python_version | `git_sha`, `git.branch`, `system.python_version` |
| environment: build_id, runner_version, framework_version | `config.reported` environment.X, else `system.X` |
| infra | `infra.declared`; beside it host, container and start, which TraceLens does not hash |
| global_seed | `config.reported` global_seed |
| extra | the rest of `config.reported`, and what fits nowhere else |

TraceLens demands a model's provider and id, and an agent's name. Without them there is no such part, and what is
known of it stands in `extra` under `model` or `agent`, so that a change of it still changes the fingerprint. A
value of a type that TraceLens refuses goes the same way; in the model it becomes an extra parameter. A part of
which nothing that TraceLens hashes is known is null, as if nobody had given it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evalprov.record.manifest import Manifest

_I64 = float(1 << 63)


class Refused(ValueError):  # noqa: N818 - a verdict on a value, not a failure of ours
    """TraceLens does not take the value; the words say what it wants."""


def decision_spec(manifest: Manifest) -> dict[str, Any]:
    """Return the run as the JSON that `tracelens.DecisionSpec.model_validate` loads; one the eval attached is kept."""
    if manifest["decision_spec"] is not None:
        attached: dict[str, Any] = manifest["decision_spec"]
        return attached
    reported = dict(manifest["config"]["reported"])
    environment = _environment(manifest, reported)
    seed = _taken(reported, "global_seed", _whole)
    extra: dict[str, Any] = {}
    spec = {
        "model": _model(manifest["model_config"], extra),
        "prompts": _prompts(manifest),
        "tools": _tools(manifest["tools"]),
        "agent": _agent(manifest["agent"], extra),
        "environment": environment,
        "infra": _infra(manifest, extra),
        "global_seed": seed,
        "extra": {**reported, **extra},
    }
    # As it stands in the file: a lone surrogate, which TraceLens refuses, is written as a question mark.
    cleaned: dict[str, Any] = json.loads(json.dumps(spec, ensure_ascii=False).encode("utf-8", "replace"))
    return cleaned


def fingerprint(spec: Mapping[str, Any]) -> str:
    """Return what `tracelens.DecisionSpec(**spec).fingerprint` is; Refused where it refuses the spec."""
    return hashlib.sha256(json.dumps(_hashed(spec), sort_keys=True, default=str).encode()).hexdigest()


def _hashed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts of a spec: configuration, without what was merely observed."""
    _table(spec)
    tools = spec.get("tools", [])
    if not isinstance(tools, list):
        raise Refused("tools: not a list")
    stops = (model := _part("model", spec)) and model["stop_sequences"]
    if model:
        model["stop_sequences"] = sorted(stops) if stops else None
    hashed = {
        "model": model,
        "prompts": _part("prompts", spec),
        "tools": sorted((_typed("tools", tool) for tool in tools), key=lambda tool: str(tool["name"])),
        "agent": _part("agent", spec),
        "environment": _part("environment", spec),
        "global_seed": _or_null(_whole, spec.get("global_seed")),
        "extra": _table(spec.get("extra", {})),
    }
    if (infra := _part("infra", spec)) is not None:
        hashed["infra"] = infra
    return hashed


# --- the types TraceLens wants, and what it takes for them


def diff(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what of the fingerprint differs, field by field down to the last: name to (one's, the other's)."""
    ones, others = dict(_leaves(_hashed(one))), dict(_leaves(_hashed(other)))
    names = [*ones, *(name for name in others if name not in ones)]
    return {name: (ones.get(name), others.get(name)) for name in names if ones.get(name) != others.get(name)}


def is_compatible(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two specs hold the model and the agent fixed, so that what else differs can be compared.

    Where only one of them names a model or an agent it is not known to be the same, and so it is not.
    """
    return all(_name(one, part, names) == _name(other, part, names) for part, names in _HELD.items())


_HELD = {"model": ("provider", "model_id"), "agent": ("agent_name",)}


def _name(spec: Mapping[str, Any], part: str, names: tuple[str, ...]) -> list[Any] | None:
    said = spec.get(part)
    return None if said is None else [said.get(name) for name in names]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value):
        for one in value:
            yield from _leaves({key: inner for key, inner in one.items() if key != "name"}, f"{path}.{one['name']}")
    elif value not in (None, {}, []):
        yield path, value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused(f"not a text: {value!r}")
    value.encode()
    return value


def _decimal(value: object) -> float:
    if isinstance(value, str):
        text = _numeral(value)
        if "_" in text:
            # As in code, save that they may stand beside a point, and that no blanks may surround it all.
            if value != text or text[0] == "_" or text[-1] == "_" or "__" in text:
                raise Refused(f"not a number: {value!r}")
            text = text.replace("_", "")
        return float(text)
    if not isinstance(value, int | float):
        raise Refused(f"not a number: {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise Refused("too large a number") from None


def _whole(value: object) -> int:
    if isinstance(value, str):
        whole, point, zeros = _numeral(value).partition(".")
        if whole != whole.strip() or (point and (zeros.strip("0") or not zeros)):
            raise Refused(f"not a whole number: {value!r}")
        return int(whole)
    if isinstance(value, float):
        if not value.is_integer() or not -_I64 < value < _I64:
            raise Refused(f"not a whole number: {value!r}")
        return int(value)
    if not isinstance(value, int):
        raise Refused(f"not a number: {value!r}")
    return int(value)


def _numeral(value: str) -> str:
    text = value.strip()
    # Python takes other scripts' digits and separators for blanks, TraceLens does not.
    if not text.isascii() or (not value.isprintable() and any("\x1c" <= letter <= "\x1f" for letter in value)):
        raise Refused(f"not a number: {value!r}")
    return text


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise Refused(f"not a list: {value!r}")
    return [_text(one) for one in value]


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"not a table: {value!r}")
    return {_text(key): inner for key, inner in value.items()}


# Every field that counts in a fingerprint, by part.
_HASHED: dict[str, dict[str, Callable[[object], Any]]] = {
    "model": {
        "provider": _text,
        "model_id": _text,
        "model_version": _text,
        "temperature": _decimal,
        "top_p": _decimal,
        "top_k": _whole,
        "max_tokens": _whole,
        "seed": _whole,
        "stop_sequences": _texts,
        "extra_params": _table,
    },
    "prompts": {"system_prompt_hash": _text, "prompt_template_hash": _text, "prompt_version": _text},
    "tools": {"name": _text, "version": _text, "description_hash": _text, "schema_hash": _text},
    "agent": {"agent_name": _text, "agent_version": _text, "agent_graph_hash": _text, "config_hash": _text},
    "environment": {
        "git_commit": _text,
        "build_id": _text,
        "runner_version": _text,
        "framework_version": _text,
    },
    "infra": {
        "cpu_guaranteed": _decimal,
        "cpu_hard_limit": _decimal,
        "memory_guaranteed_mb": _whole,
        "memory_hard_limit_mb": _whole,
        "time_budget_seconds": _decimal,
        "concurrency_level": _whole,
        "runtime_platform": _text,
        "sandbox_provider": _text,
        "harness_version": _text,
    },
}
# Fields that TraceLens checks too, and leaves out of the hash; a start time is not checked here.
_BESIDE = {
    "prompts": ("system_prompt", "prompt_template"),
    "environment": ("git_branch", "python_version"),
    "infra": ("hostname", "container_id"),
}
_DEMANDED = frozenset(("provider", "model_id", "name", "agent_name"))


def _part(name: str, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    said = spec.get(name)
    return None if said is None else _typed(name, said)


def _typed(part: str, said: object) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise Refused(f"{part}: not a table")
    typed: dict[str, Any] = {}
    for name, read in _HASHED[part].items():
        value = said.get(name, {} if read is _table else None)
        demanded = name in _DEMANDED or read is _table
        typed[name] = read(value) if demanded else _or_null(read, value)
    for name in _BESIDE.get(part, ()):
        _or_null(_text, said.get(name))
    return typed


def _or_null(read: Callable[[object], Any], value: object) -> Any:
    return None if value is None else read(value)


# --- from a record

_MODEL_SPELLINGS = {
    "model": "model_id",
    "version": "model_version",
    **{name: name for name in _HASHED["model"] if name != "extra_params"},
}


def _model(config: Mapping[str, Any], extra: dict[str, Any]) -> dict[str, Any] | None:
    rest = {name: value for name, value in config.items() if value is not None}
    model: dict[str, Any] = dict.fromkeys(_HASHED["model"])
    for spelling, name in _MODEL_SPELLINGS.items():
        if model[name] is None:
            read = _HASHED["model"][name]
            model[name] = _taken(rest, spelling, _version if read is _text else read)
    for folded in ("extra", "extra_params"):
        if isinstance(rest.get(folded), dict):
            inner = rest.pop(folded)
            rest = {**inner, **rest}
    if model["provider"] is None or model["model_id"] is None:
        if known := {name: value for name, value in model.items() if value is not None} | rest:
            extra["model"] = known
        return None
    model["extra_params"] = rest
    return model


def _prompts(m: Manifest) -> dict[str, Any] | None:
    hashes = {name: _bare(prompt["sha256"]) for name, prompt in m["prompts"].items()}
    versions = {name: prompt["version"] for name, prompt in m["prompts"].items() if prompt["version"]}
    versions |= m["prompt_versions"]
    system = next((name for name in ("system", "system_prompt") if name in hashes), None)
    found = {
        "system_prompt_hash": hashes.pop(system) if system else None,
        "prompt_template_hash": _together(hashes),
        "prompt_version": _one_version(versions),
    }
    return found if any(found.values()) else None


def _together(hashes: dict[str, str | None]) -> str | None:
    """Return the only hash; of several the SHA-256 of the JSON object of them by name, as TraceLens writes it."""
    if len(hashes) < 2:
        return next(iter(hashes.values()), None)
    if not any(hashes.values()):
        return None
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _one_version(versions: Mapping[str, str]) -> str | None:
    if len(set(versions.values())) < 2:
        return next(iter(versions.values()), None)
    return ",".join(f"{name}={version}" for name, version in sorted(versions.items()))


def _tools(tools: list[Any]) -> list[dict[str, Any]]:
    found = []
    for tool in tools:
        said = tool if isinstance(tool, dict) else {"name": tool}
        found.append(
            {
                "name": _version(said.get("name")),
                "version": _or_null(_version, said.get("version")),
                "description_hash": _bare(said.get("description_hash")),
                "schema_hash": _bare(said.get("schema_hash")),
            }
        )
    return sorted(found, key=lambda tool: json.dumps(list(tool.values())))


def _agent(agent: Mapping[str, Any], extra: dict[str, Any]) -> dict[str, Any] | None:
    rest = {name: value for name, value in agent.items() if value is not None and name != "extra"}
    unfolded = agent.get("extra") or {}
    if rest.get("name") is None:
        if known := {**unfolded, **rest}:
            extra["agent"] = known
        return None
    found = {
        "agent_name": _version(rest.pop("name")),
        "agent_version": _or_null(_version, rest.pop("version", None)),
        "agent_graph_hash": _bare(rest.pop("graph_hash", None)),
        "config_hash": _bare(rest.pop("config_hash", None)),
    }
    if beyond := {**unfolded, **rest}:
        extra["agent"] = beyond
    return found


def _environment(m: Manifest, reported: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] = {"git_commit": m["git_sha"]}
    for name in ("build_id", "runner_version", "framework_version"):
        said = _taken(reported, f"environment.{name}", _version)
        found[name] = m["system"].get(name) if said is None else said
    if not any(value is not None for value in found.values()):
        return None
    return found | {"git_branch": m["git"]["branch"], "python_version": m["system"].get("python_version")}


def _infra(m: Manifest, extra: dict[str, Any]) -> dict[str, Any] | None:
    rest = {name: value for name, value in m["infra"]["declared"].items() if value is not None}
    found = {name: _taken(rest, name, _version if read is _text else read) for name, read in _HASHED["infra"].items()}
    if rest:
        extra["infra"] = rest
    if not any(value is not None for value in found.values()):
        return None
    process = m["observed"]["process"]
    return found | {
        "hostname": process and process["hostname"],
        "container_id": m["observed"]["container_id"],
        "wall_clock_start_utc": m["timestamp"],
    }


def _taken(said: dict[str, Any], name: str, read: Callable[[object], Any]) -> Any:
    """Take a value out if TraceLens takes it for this type; else leave it where it is."""
    if said.get(name) is None:
        return None
    try:
        typed = read(said[name])
    except ValueError:
        return None
    del said[name]
    return typed


def _version(value: object) -> str:
    """Return a name or version as text: 3 is one too."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _bare(digest: object) -> str | None:
    """Return a hash as TraceLens writes it: the digits alone."""
    return None if digest is None else _version(digest).removeprefix("sha256:")

"""Parameters under the names that programs give them (`model`, `systemPrompt`, `toolset`), put where they belong."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from evalprov.reported.into_record import hash_of

_MODEL = {
    **dict.fromkeys(("model", "model_name", "model_id"), "model"),
    **{name: name for name in ("provider", "temperature", "top_p", "top_k", "max_tokens")},
    **dict.fromkeys(("stop", "stop_sequences"), "stop_sequences"),
}
_TOOLS = ("tools", "toolset")
_SECTIONS = ("agent", "data", "infra", "prompts")
_CONFIG = {"seed": "global_seed"}  # as the config layer tells it beside its fields


@lru_cache(maxsize=1024)
def is_field(key: str) -> bool:
    """Say whether a key of a report is a parameter of the model or a prompt, as programs name them."""
    name = _snake(key)
    return name in _MODEL or name in _TOOLS or _is_prompt(name)


def placed(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with each parameter where it belongs; what is told there already counts."""
    layer = facts.get("layer", {})
    fields = layer.get("fields")
    told = {key: value for key, value in facts.items() if key != "fields"}
    for name, value in {**(fields if isinstance(fields, dict) else {}), **facts.get("fields", {})}.items():
        if value is not None and name not in (layer.get("algorithms") or ()):
            _put(told, name, value)
    return told


def _put(told: dict[str, Any], field: str, value: Any) -> None:
    name = _snake(field)
    if is_field(field):
        _leave_out_of_config(told, field)
    if name == "model" and isinstance(value, dict):
        _add(told, "model_config", value)
    elif name in _MODEL and not isinstance(value, dict):
        _add(told, "model_config", {_MODEL[name]: value})
    elif _is_prompt(name) and isinstance(value, str):
        _add(told, "prompts", {field: {"sha256": hash_of(value)}})
    elif name in _TOOLS and isinstance(value, list | dict):
        tools = [{"name": tool, **said} for tool, said in value.items()] if isinstance(value, dict) else value
        told.setdefault("tools", tools)
    elif field in _SECTIONS and isinstance(value, dict):
        _add(told, field, value)
    else:
        _add_config(told, _CONFIG.get(field, field), value)


def _add(told: dict[str, Any], section: str, values: dict[str, Any]) -> None:
    told[section] = {**values, **told.get(section, {})}


def _add_config(told: dict[str, Any], name: str, value: Any) -> None:
    reported = told.get("config", {}).get("reported", {})
    if name not in reported and not any(key.startswith(f"{name}.") for key in reported):
        told["config"] = {"reported": {**reported, **_flattened(value, name)}}


def _leave_out_of_config(told: dict[str, Any], name: str) -> None:
    """Let a parameter stand once, although the config layer tells of all its fields as configuration."""
    reported = told.get("config", {}).get("reported", {})
    rest = {key: value for key, value in reported.items() if key != name and not key.startswith(f"{name}.")}
    if len(rest) < len(reported):
        told["config"] = {"reported": rest}


def _flattened(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flattened(inner, f"{path}.{key}")
    return flat


def _is_prompt(name: str) -> bool:
    return name.endswith("prompt") or name == "prompt_template"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()

"""The config layer: every parameter that may move a score, by name, and one hash over all of them."""

from __future__ import annotations

import contextlib
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from evalprov.builder.line import report
from evalprov.builder.values import FIELD_NESTING, CodeHash, file_hash, hash_code, path_name, plain, scrubbed, text_hash
from evalprov.record.canonical import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CONFIG = {"seed": "global_seed", "environment": "environment"}  # told as configuration, under these names
_DIGEST_LENGTHS = (32, 40, 56, 64, 96, 128)  # MD5 to SHA-512


def config_layer(scenario: str | None = None) -> ConfigLayer:
    """Return an empty layer for a scenario.

    >>> layer = config_layer(scenario="support-tickets").add_field("model", "claude-sonnet-4-6")
    >>> layer.add_field("toolset", {"search", "bash"}).short()
    '58de3b431a25'
    """
    return ConfigLayer(scenario)


class ConfigLayer:
    """Fields by name, and the hash that is the experiment's id: the same fields in any order, the same hash.

    The hash is the SHA-256 of the canonical JSON (RFC 8785) of `{"scenario": ..., "fields": {...}}`, where a
    secret stands as in the record. What nobody adds is outside the experiment.
    """

    __slots__ = ("_algorithms", "_fields", "_kinds", "_scenario")

    def __init__(self, scenario: str | None = None) -> None:
        self._scenario = None if scenario is None else str(plain(scenario, "scenario"))
        self._fields: dict[str, Any] = {}
        self._algorithms: dict[str, dict[str, CodeHash]] = {}  # by field, then by place
        self._kinds: dict[str, str | None] = {}  # by field, the key it has in a report beside the layer

    # --- fields

    def add_field(self, name: str, value: object, *, replace: bool = False) -> Self:
        """Add a parameter that may move the score; a name already there is an error unless `replace` is set.

        A value may be a number, text, boolean, None, list, dict, set (in any order), dataclass, named tuple, enum,
        pydantic model, numpy scalar or date. A function or class counts by its source, as `hash_code` gives it, a
        path by the bytes of its file. Anything else is an error that names the field.

        >>> config_layer().add_field("temperature", 0.2).add_field("stop", ["\\\\n"]).to_dict()["fields"]
        {'temperature': 0.2, 'stop': ['\\\\n']}
        """
        return self._add(name, value, None, replace=replace)

    def model(  # noqa: PLR0913 - every decoding parameter by its name
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        version: str | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        stop_sequences: Iterable[str] | None = None,
        **extra: object,
    ) -> Self:
        """Add what produces the answers: the model and its decoding parameters; `extra` for a provider's own.

        >>> config_layer().model(provider="openai", model="gpt-4o-2024-08-06", temperature=0).fields["model"]
        {'provider': 'openai', 'model': 'gpt-4o-2024-08-06', 'temperature': 0}
        """
        said = {
            "provider": provider,
            "model": model,
            "version": version,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "max_tokens": max_tokens,
            "seed": seed,
            "stop_sequences": None if stop_sequences is None else sorted(stop_sequences),
        }
        return self._add("model", {**_given(said), **extra}, "model_config")

    def prompt(self, name: str, text: str, version: str | None = None) -> Self:
        """Add a prompt by the hash of its text; the text itself goes nowhere.

        >>> config_layer().prompt("system", "Be terse.", version="v3").fields["prompts"]["system"]["version"]
        'v3'
        """
        plain(text, f"prompts.{name}")
        return self._add_to("prompts", name, {"sha256": f"sha256:{text_hash(text)}", "version": version})

    def tool(
        self, name: str, *, version: str | None = None, description: str | None = None, schema: object = None
    ) -> Self:
        """Add a tool that the agent may call, its description and schema by their hashes; tools have no order.

        >>> layer = config_layer().tool("search", version="1.0", schema={"q": "string"})
        >>> sorted(layer.fields["tools"]["search"])
        ['schema_hash', 'version']
        """
        said = {
            "version": version,
            "description_hash": _content_hash(description, f"tools.{name}.description"),
            "schema_hash": _schema_hash(schema, f"tools.{name}.schema"),
        }
        return self._add_to("tools", name, _given(said))

    def agent(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        graph: object = None,
        config: object = None,
    ) -> Self:
        """Add the agent: its graph and its configuration (a text, path, value or function) by their hashes.

        >>> sorted(config_layer().agent(name="planner", graph={"plan": ["act"]}).fields["agent"])
        ['graph_hash', 'name']
        """
        said = {
            "name": name,
            "version": version,
            "graph_hash": _content_hash(graph, "agent.graph"),
            "config_hash": _content_hash(config, "agent.config"),
        }
        return self._add("agent", _given(said), "agent")

    def data(self, name: str, path_or_hash: str | os.PathLike[str], version: str | None = None) -> Self:
        """Add a data set: a file, by its bytes, or a hash that is known already.

        >>> config_layer().data("golden", "sha256:" + "ab" * 32, version="v7").fields["data"]["golden"]["version"]
        'v7'
        """
        said = _data_set(path_or_hash, f"data.{name}")
        return self._add_to("data", name, {**said, "version": version})

    def environment(
        self,
        *,
        build_id: str | None = None,
        runner_version: str | None = None,
        framework_version: str | None = None,
    ) -> Self:
        """Add the versions of what runs the eval; the commit and the interpreter are recorded without being told.

        >>> config_layer().environment(framework_version="0.7.0").fields["environment"]
        {'framework_version': '0.7.0'}
        """
        said = {
            "build_id": build_id,
            "runner_version": runner_version,
            "framework_version": framework_version,
        }
        return self._add("environment", _given(said), "environment")

    def infra(  # noqa: PLR0913 - every limit by its name
        self,
        *,
        cpu_guaranteed: float | None = None,
        cpu_hard_limit: float | None = None,
        memory_guaranteed_mb: int | None = None,
        memory_hard_limit_mb: int | None = None,
        time_budget_seconds: float | None = None,
        concurrency_level: int | None = None,
        runtime_platform: str | None = None,
        sandbox_provider: str | None = None,
        harness_version: str | None = None,
    ) -> Self:
        """Add limits that are part of the experiment; those of the machine are recorded without being told.

        >>> config_layer().infra(memory_hard_limit_mb=2048, concurrency_level=4).fields["infra"]
        {'memory_hard_limit_mb': 2048, 'concurrency_level': 4}
        """
        said = {
            "cpu_guaranteed": cpu_guaranteed,
            "cpu_hard_limit": cpu_hard_limit,
            "memory_guaranteed_mb": memory_guaranteed_mb,
            "memory_hard_limit_mb": memory_hard_limit_mb,
            "time_budget_seconds": time_budget_seconds,
            "concurrency_level": concurrency_level,
            "runtime_platform": runtime_platform,
            "sandbox_provider": sandbox_provider,
            "harness_version": harness_version,
        }
        return self._add("infra", _given(said), "infra")

    def seed(self, number: int) -> Self:
        """Add the one seed of the whole program; a provider's own is the model's.

        >>> config_layer().seed(7).fields["seed"]
        7
        """
        return self._add("seed", number, "seed")

    # --- what is made of them

    @property
    def scenario(self) -> str | None:
        """The scenario it is for."""
        return self._scenario

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields as JSON values, read-only; a secret stands in clear here, and nowhere else."""
        return MappingProxyType(plain(self._fields, "fields"))

    def hash(self) -> str:
        """Return the experiment's id, `sha256:` and 64 hex digits.

        >>> one = config_layer().add_field("a", 1).add_field("b", 2)
        >>> one.hash() == config_layer().add_field("b", 2.0).add_field("a", 1).hash()
        True
        """
        return _layer_hash(self._scenario, scrubbed(self._fields))

    def short(self) -> str:
        """Return the first 12 digits of the hash."""
        return self.hash().removeprefix("sha256:")[:12]

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as a report carries it: scenario, fields with secrets replaced, hash, and algorithms.

        >>> sorted(config_layer("s").add_field("a", 1).to_dict())
        ['algorithms', 'fields', 'hash', 'scenario']
        """
        fields = plain(scrubbed(self._fields), "fields")
        found = {place: code for inner in self._algorithms.values() for place, code in inner.items()}
        return {
            "scenario": self._scenario,
            "fields": fields,
            "hash": _layer_hash(self._scenario, fields),
            "algorithms": found,
        }

    def report(self, metrics: Mapping[str, Any] | None = None) -> None:
        """Hand the layer, and metrics of its scenario, to the surrounding `evalprov run`; see `evalprov.report`.

        Each field is told once more as what it is: the typed ones under their own keys, code under `algorithms`, and
        every other one under `config`.

        >>> config_layer().seed(7).report({"accuracy": 0.74})  # doctest: +ELLIPSIS
        {"metrics": {"accuracy": 0.74}, "config": {"global_seed": 7}, "layer": {...
        """
        layer = self.to_dict()
        facts: Any = {"layer": layer, "algorithms": layer["algorithms"] or None}
        config: dict[str, Any] = {}
        for name, key in self._kinds.items():
            value = layer["fields"][name]
            if key in _CONFIG:
                config[_CONFIG[key]] = value
            elif key == "tools":
                facts[key] = [{"name": tool, **said} for tool, said in sorted(value.items())]
            elif key:
                facts[key] = value
            elif name not in layer["algorithms"]:
                config[name] = _by_name(value, name, layer["algorithms"])
        prompts = facts.get("prompts", {})
        versions = {prompt: said["version"] for prompt, said in prompts.items() if said["version"]}
        # Without metrics nothing is said of the scenario's outcome, so it is not named as one that ran.
        scenario = self._scenario if metrics is not None else None
        report(metrics, scenario=scenario, prompt_versions=versions or None, config=config or None, **facts)

    def __repr__(self) -> str:
        # Names alone: a value may be a secret.
        return f"ConfigLayer(scenario={self._scenario!r}, fields={list(self._fields)})"

    # --- adding

    def _add(self, name: str, value: object, report_as: str | None, *, replace: bool = False) -> Self:
        if not isinstance(name, str) or not name:
            raise TypeError(f"the name of a field is a text, not {name!r}")
        if name in self._fields and not replace:
            raise ValueError(f"the field {name} is there already; replace it with add_field(..., replace=True)")
        algorithms: dict[str, CodeHash] = {}
        self._fields[plain(name, "the name of a field")] = plain(value, name, algorithms.__setitem__, FIELD_NESTING)
        self._algorithms[name] = algorithms
        self._kinds[name] = report_as
        return self

    def _add_to(self, section: str, name: str, value: dict[str, Any]) -> Self:
        there = self._fields.get(section, {})
        if section in self._fields and self._kinds[section] is None:
            raise ValueError(f"the field {section} is there already, added by its name; give {name} another way")
        if name in there:
            raise ValueError(f"{section} holds {name} already")
        return self._add(section, {**there, name: value}, section, replace=True)


def _layer_hash(scenario: str | None, fields: Any) -> str:
    return f"sha256:{sha256({'scenario': scenario, 'fields': fields})}"


def _by_name(value: Any, where: str, algorithms: Mapping[str, CodeHash]) -> Any:
    """Return a value in which code stands by its name: its text is told, and counts, as an algorithm."""
    if where in algorithms:
        return algorithms[where]["name"]
    if isinstance(value, dict):
        return {key: _by_name(inner, f"{where}.{key}", algorithms) for key, inner in value.items()}
    if isinstance(value, list):
        return [_by_name(inner, f"{where}.{place}", algorithms) for place, inner in enumerate(value)]
    return value


def _given(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _content_hash(value: Any, where: str) -> str | None:
    """Return the hash of a text, of a file's bytes, of code, or of a JSON value; 64 digits."""
    if value is None:
        return None
    if isinstance(value, str):
        return text_hash(plain(value, where))
    if isinstance(value, os.PathLike):
        return file_hash(os.fsdecode(value), where)
    if callable(value):
        return hash_code(value)["sha256"]
    return sha256(scrubbed(plain(value, where)))


def _schema_hash(schema: Any, where: str) -> str | None:
    """Return a schema's hash; one that is a JSON text counts by what it says, not by how it is laid out."""
    if isinstance(schema, str):
        import json

        with contextlib.suppress(ValueError):
            return _content_hash(json.loads(schema), where)
    return _content_hash(schema, where)


def _data_set(path_or_hash: str | os.PathLike[str], where: str) -> dict[str, str]:
    if isinstance(path_or_hash, str):
        digits = path_or_hash.rpartition(":")[2].lower()
        if len(digits) in _DIGEST_LENGTHS and not digits.strip("0123456789abcdef"):
            if len(digits) == 64 and path_or_hash.lower() in {digits, f"sha256:{digits}"}:
                return {"sha256": f"sha256:{digits}"}
            return {"hash": path_or_hash}
    path = os.fsdecode(path_or_hash)
    return {"path": path_name(path), "sha256": f"sha256:{file_hash(path, where)}"}

"""Which fact belongs to which layer, and how well each layer is held."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from evalprov.record.manifest import Manifest

Control = Literal["full", "partial", "none"]


class Layer(NamedTuple):
    """What one layer is made of in one run."""

    facts: Any  # JSON; order-free where the order does not matter
    control: Control  # full: held by content; partial: by name or version alone; none: nobody declared it
    unknown: str | None = None  # why its facts cannot be told, where they cannot
    note: str | None = None  # what to know about how it is held


def layers(m: Manifest) -> dict[str, Layer]:
    """Return every layer of a run."""
    return {name: of(m) for name, of in _LAYERS.items()}


def _prompts(m: Manifest) -> Layer:
    files = {name: {"sha256": p["sha256"], "version": p["version"]} for name, p in m["prompts"].items()}
    facts = {"files": files, "versions": m["prompt_versions"]}
    if files:
        by_name = sorted(name for name, p in m["prompts"].items() if p["sha256"] is None)
        return Layer(facts, "partial" if by_name else "full", note=_by_name(by_name))
    if m["prompt_versions"]:
        return Layer(facts, "partial", note="versions are named, contents are not recorded")
    return Layer(facts, "none")


def _model(m: Manifest) -> Layer:
    config = dict(m["model_config"])
    if isinstance(stops := config.get("stop_sequences"), list):
        config["stop_sequences"] = sorted(stops, key=str)
    if not config:
        return Layer(config, "none")
    return Layer(config, "partial", note="a provider can change what it serves under a name")


def _agent(m: Manifest) -> Layer:
    tools = sorted(
        ({key: value for key, value in tool.items() if key != "source"} for tool in m["tools"]),
        key=lambda tool: str(tool.get("name")),
    )
    facts = {"agent": m["agent"], "tools": tools}
    if not tools and not any(m["agent"].values()):
        return Layer(facts, "none")
    open_tools = [
        str(tool.get("name")) for tool in tools if not (tool.get("description_hash") and tool.get("schema_hash"))
    ]
    return Layer(facts, "partial" if open_tools else "full", note=_by_name(open_tools))


def _config(m: Manifest) -> Layer:
    files = {path: file["sha256"] for path, file in m["config"]["files"].items()}
    facts = {"files": files, "arguments": m["config"]["arguments"], "reported": m["config"]["reported"]}
    return Layer(facts, "full" if files or m["config"]["reported"] else "partial" if facts["arguments"] else "none")


def _code(m: Manifest) -> Layer:
    algorithms = {name: one["sha256"] for name, one in m["code"]["algorithms"].items()}
    facts = {"tree": m["code"]["tree"], "algorithms": algorithms}
    if m["code"]["tree"] is None:
        fared = m["capture"].get("git")
        why = (fared and fared["reason"]) or "the tree of what ran is not known"
        return Layer(facts, "partial" if algorithms else "none", unknown=why)
    return Layer(facts, "full")


def _data(m: Manifest) -> Layer:
    sets = {
        name: {"sha256": s["sha256"] or s["pointer"], "version": s["version"]} for name, s in m["data"]["sets"].items()
    }
    facts = {
        "sets": sets,
        "golden_version": m["golden_version"],
        "retrieval": m["data"]["retrieval"],
        "reported": m["data"]["reported"],
    }
    if sets:
        by_name = sorted(name for name, one in sets.items() if one["sha256"] is None)
        return Layer(facts, "partial" if by_name else "full", note=_by_name(by_name))
    named = m["golden_version"] or m["data"]["retrieval"] or m["data"]["reported"]
    return Layer(facts, "partial" if named else "none")


def _grader(m: Manifest) -> Layer:
    grader = m["grader"]
    facts = {**grader}
    return Layer(facts, "full" if grader["files"] else "partial" if any(grader.values()) else "none")


def _software(m: Manifest) -> Layer:
    software = m["software"]
    facts = {
        "python": m["system"].get("python_version"),
        "packages": software["packages_hash"],
        "tools": tool_versions(m),
        "locks": software["locks"],
        "env": software["env"],
    }
    if software["packages_hash"] is None:
        fared = m["capture"].get("software")
        why = (fared and fared["reason"]) or "the packages are not known"
        return Layer(facts, "partial" if software["locks"] or facts["tools"] else "none", unknown=why)
    return Layer(facts, "full")


def _infra(m: Manifest) -> Layer:
    infra = m["infra"]
    gpu = infra["gpu"]
    cards = (
        sorted(f"{card['name']} {card['memory_mb']} {card['mig'] or ''}".strip() for card in gpu["devices"])
        if gpu
        else None
    )
    facts = {
        "platform": infra["runtime_platform"],
        "machine": infra["machine"],
        "cpu": infra["cpu"],
        "memory": infra["memory"],
        "gpu": {"cards": cards, "driver": gpu["driver"], "cuda": gpu["cuda"]} if gpu else None,
        "image": infra["image"],
        "declared": infra["declared"],
    }
    if gpu is None:
        fared = m["capture"].get("gpu")
        return Layer(facts, "partial", unknown=(fared and fared["reason"]) or "the GPUs are not known")
    return Layer(facts, "full")


def tool_versions(m: Manifest) -> dict[str, str | None]:
    """Return the versions of the declared tools."""
    ours = {"python_version", "platform", "evalprov_version", "config_hash"}
    return {name: version for name, version in m["system"].items() if name not in ours}


def _by_name(names: list[str]) -> str | None:
    return f"by name or version alone: {', '.join(names)}" if names else None


_LAYERS: dict[str, Callable[[Manifest], Layer]] = {
    "prompts": _prompts,
    "model": _model,
    "agent": _agent,
    "config": _config,
    "code": _code,
    "data": _data,
    "grader": _grader,
    "software": _software,
    "infra": _infra,
}

PROGRAM = ("prompts", "model", "agent", "config", "code")
JUDGED = ("data", "grader")

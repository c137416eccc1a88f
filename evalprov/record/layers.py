"""Which fact belongs to which layer, and how well each layer is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from evalprov.named import NamedTuple
from evalprov.record.form import REPORTED
from evalprov.record.hidden import UNTOLD, holds

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.record.manifest import DataSet, Manifest

Control = Literal["full", "partial", "none"]
_SHOWN = 3


class Layer(NamedTuple):
    """What one layer is made of in one run."""

    facts: dict[str, Any]  # JSON; order-free where the order does not matter
    control: Control  # full: by content or observation, all of it; partial: some by name or guess; none: not declared
    unknown: str | None = None  # why its facts cannot be told, where they cannot
    note: str | None = None  # what of it is held by name alone
    seen: dict[str, Any] = {}  # noqa: RUF012 - observed, so in no hash; what differs here differs all the same
    maybe: frozenset[str] = frozenset()  # facts that not every record looked for: absent, they say nothing


def layers(m: Manifest) -> dict[str, Layer]:
    """Return every layer of a run."""
    return {name: _told_apart(of(m), m["config"] if name == "config" else None) for name, of in _LAYERS.items()}


def _told_apart(layer: Layer, beside: object) -> Layer:
    """Say that a layer is not known where of its hidden values nobody knows whether they are another's."""
    if layer.unknown or not (holds(layer.facts, UNTOLD) or holds(beside, UNTOLD)):
        return layer
    return layer._replace(unknown="more of its values are hidden than are told apart")


def hashed(layer: Layer) -> dict[str, Any]:
    """Return what a layer's hash is made of: less what is null or empty, so that a new fact changes no old hash."""
    return {name: kept for name, value in layer.facts.items() if (kept := _pruned(value)) is not None}


def _pruned(value: Any) -> Any:
    """Return a value without its empty parts; null where nothing is left. In a list every item has its place."""
    if isinstance(value, dict):
        return {name: kept for name, inner in value.items() if (kept := _pruned(inner)) is not None} or None
    return None if value == [] else value


def _prompts(m: Manifest) -> Layer:
    files = {name: {"sha256": p["sha256"], "version": p["version"]} for name, p in m["prompts"].items()}
    facts = {"files": files, "versions": m["prompt_versions"]}
    if unread := sorted(name for name, p in m["prompts"].items() if p["sha256"] is None and p["path"] is not None):
        return Layer(facts, "partial", unknown=_not_read(unread))
    by_name = sorted(name for name, p in m["prompts"].items() if p["sha256"] is None)
    by_name += sorted(name for name in m["prompt_versions"] if name not in m["prompts"])
    if not files and not by_name:
        return Layer(facts, "none")
    return Layer(facts, "partial" if by_name else "full", note=_by_name(by_name))


def _model(m: Manifest) -> Layer:
    config = dict(m["model_config"])
    if isinstance(stops := config.get("stop_sequences"), list):
        config["stop_sequences"] = sorted(stops, key=str)
    served = {name: value for name, value in m["observed"]["model"].items() if value is not None}
    if not config and not served:
        return Layer(config, "none")
    if served.get("system_fingerprint"):
        return Layer(config, "full", seen=served)
    return Layer(config, "partial", note="a provider can change what it serves under a name", seen=served)


def _agent(m: Manifest) -> Layer:
    tools = sorted(
        ({key: value for key, value in tool.items() if key != "source"} for tool in m["tools"]),
        key=lambda tool: str(tool.get("name")),
    )
    facts = {"agent": m["agent"], "tools": tools}
    if not tools and not any(m["agent"].values()):
        return Layer(facts, "none")
    by_name = [
        str(tool.get("name")) for tool in tools if not (tool.get("description_hash") and tool.get("schema_hash"))
    ]
    agent = m["agent"]
    if any(agent.values()) and not (agent["graph_hash"] or agent["config_hash"]):
        by_name.append(f"agent {agent['name'] or agent['version'] or ''}".strip())
    return Layer(facts, "partial" if by_name else "full", note=_by_name(by_name))


def _config(m: Manifest) -> Layer:
    config = m["config"]
    files = {path: file["sha256"] for path, file in config["files"].items()}
    folder = m["command"]["cwd"]
    facts = {
        "files": files,
        "program": config["program"],
        "arguments": config["arguments"],
        "folder": None if folder == "." else folder,
        "reported": config["reported"],
    }
    if unread := sorted(path for path, sha256 in files.items() if sha256 is None):
        return Layer(facts, "partial", unknown=_not_read(unread))
    return Layer(facts, "full")


def _code(m: Manifest) -> Layer:
    algorithms = {name: one["sha256"] for name, one in m["code"]["algorithms"].items()}
    looked = m["capture"].get("beside")
    facts = {"tree": m["code"]["tree"], "beside": m["code"]["beside"], "algorithms": algorithms}
    if m["code"]["tree"] is None:
        why = _reason(m, "git") or "the tree of what ran is not known"
        return Layer(facts, "partial" if algorithms else "none", unknown=why)
    if unread := sorted(name for name, sha256 in algorithms.items() if sha256 is None):
        return Layer(facts, "partial", unknown=_not_read(unread))
    if looked is None:
        note = "sources that git does not show were not looked at"
        return Layer(facts, "partial", note=note, maybe=frozenset(("beside",)))
    # Absent is a finding: there are none.
    doubts = [looked["reason"]] if looked["reason"] and looked["status"] != "absent" else []
    if state := sorted(path for path, one in m["outputs"]["files"].items() if one["state"]):
        doubts.append(f"written by the run, and maybe read by it: {', '.join(state[:_SHOWN])}")
    return Layer(facts, "partial" if doubts else "full", note="; ".join(doubts) or None)


def content_of(one: DataSet) -> str | None:
    """Return what a data set holds, as one hash: DVC's where there is one, which stands whether or not it is pulled."""
    if one["pointer"] and (one["sha256"] is None or one["stale"] is False):
        return one["pointer"]
    return one["sha256"]


def _data(m: Manifest) -> Layer:
    data = m["data"]
    sets = {name: {"sha256": content_of(one), "version": one["version"]} for name, one in data["sets"].items()}
    facts = {
        "sets": sets,
        "golden_version": m["golden_version"],
        "retrieval": data["retrieval"],
        "reported": data["reported"],
    }
    here = [name for name, one in data["sets"].items() if one["path"] is not None and one["source"] != REPORTED]
    if unread := sorted(name for name in here if sets[name]["sha256"] is None):
        return Layer(facts, "partial", unknown=_not_read(unread))
    by_name = sorted(name for name, one in sets.items() if one["sha256"] is None)
    if m["golden_version"] and not sets:
        by_name.append(f"golden version {m['golden_version']}")
    by_name += sorted(f"{name} {data['retrieval'][name]}" for name in _BY_NAME if name in data["retrieval"])
    if "index" in data["retrieval"] and not data["retrieval"].get("index_hash"):
        by_name.append("retrieval index")
    by_name += sorted(f"{name} (reported)" for name in data["reported"])
    if not sets and not data["retrieval"] and not by_name:
        return Layer(facts, "none")
    return Layer(facts, "partial" if by_name else "full", note=_by_name(by_name))


_BY_NAME = ("embedding_model", "reranker")


def _grader(m: Manifest) -> Layer:
    grader = m["grader"]
    facts = {**grader}
    if unread := sorted(path for path, sha256 in grader["files"].items() if sha256 is None):
        return Layer(facts, "partial", unknown=_not_read(unread))
    if not any(grader.values()):
        return Layer(facts, "none")
    if grader["files"] and not grader["reported"]:
        return Layer(facts, "full")
    return Layer(facts, "partial", note="by version or by what the eval says of it, not by its files")


def _software(m: Manifest) -> Layer:
    software = m["software"]
    executable = software["executable"]
    trees = {name: one["sha256"] for name, one in software["package_trees"].items()}
    facts = {
        "python": m["system"].get("python_version"),
        "packages": software["packages_hash"],
        "content": software["packages_content"],
        "trees": trees,
        "executable": executable and {"sha256": executable["sha256"], "version": executable["version"]},
        "tools": tool_versions(m),
        "locks": software["locks"],
        "env": software["env"],
        "env_rest": software["env_rest"],
    }
    maybe = frozenset(("content", "trees", "executable", "env_rest"))
    if software["packages_hash"] is None and executable is None:
        why = _reason(m, "software") or "the packages are not known"
        return Layer(facts, "partial" if software["locks"] or facts["tools"] else "none", unknown=why, maybe=maybe)
    by_name = _software_by_name(m)
    return Layer(facts, "partial" if by_name else "full", note="; ".join(by_name) or None, maybe=maybe)


def _software_by_name(m: Manifest) -> list[str]:
    """Say what of the software is held by name, version or guess alone."""
    software = m["software"]
    found = []
    interpreter, executable = software["interpreter"], software["executable"]
    if interpreter and not interpreter["certain"]:
        found.append("the interpreter is a guess")
    if software["packages_hash"] is not None and software["packages_content"] is None:
        found.append("packages by their versions")
    if executable and not (interpreter and interpreter["certain"]):
        name = executable["path"].rpartition("/")[2]
        found.append(f"what {name} loads is not known" if executable["sha256"] else f"{name} by its name")
    trees = software["package_trees"].items()
    # Inside the project it is code, which the tree holds.
    outside = [name for name, one in trees if one["sha256"] is None and one["path"].startswith(("/", ".."))]
    if outside:
        found.append(f"used from a folder that was not read: {', '.join(sorted(outside))}")
    if software["env_rest"] is None:
        found.append("environment variables that are not recorded")
    return found


def _infra(m: Manifest) -> Layer:
    infra = m["infra"]
    gpu = infra["gpu"]
    facts = {
        "platform": infra["runtime_platform"],
        "machine": infra["machine"],
        "cpu": infra["cpu"],
        "memory": infra["memory"],
        "gpu": {"cards": cards_of(m), "driver": gpu["driver"], "cuda": gpu["cuda"]} if gpu else None,
        "ulimits": infra["ulimits"],
        "image": infra["image"],
        "declared": infra["declared"],
    }
    if gpu is None:
        return Layer(facts, "partial", unknown=_reason(m, "gpu") or "the GPUs are not known")
    hardware = m["capture"].get("hardware")
    if hardware and hardware["status"] == "failed":
        return Layer(facts, "partial", unknown=hardware["reason"] or "the machine is not known")
    if m["config"]["program"] in _CHANGES_LIMITS:
        return Layer(facts, "partial", note=f"what {m['config']['program']} leaves the command was not measured")
    return Layer(facts, "full")


# Programs that give a command other limits than their own, or another machine.
_CHANGES_LIMITS = frozenset(
    (
        *("taskset", "numactl", "nice", "ionice", "chrt", "prlimit", "systemd-run", "cgexec", "cpulimit", "firejail"),
        *("docker", "podman", "nerdctl", "apptainer", "singularity", "enroot", "kubectl", "oc", "ssh", "srun", "bwrap"),
    )
)


def cards_of(m: Manifest) -> list[str]:
    """Return the GPUs by kind, in an order that does not depend on their places."""
    gpu = m["infra"]["gpu"]
    devices = gpu["devices"] if gpu else []
    return sorted(f"{card['name']} {card['memory_mb']} {card['mig'] or ''}".strip() for card in devices)


def tool_versions(m: Manifest) -> dict[str, str | None]:
    """Return the versions of the declared tools."""
    ours = {"python_version", "platform", "evalprov_version", "config_hash"}
    return {name: version for name, version in m["system"].items() if name not in ours}


def _reason(m: Manifest, collector: str) -> str | None:
    outcome = m["capture"].get(collector)
    return outcome["reason"] if outcome else None


def _not_read(names: list[str]) -> str:
    return f"could not be read: {', '.join(names)}"


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

"""The table of facts: where each stands in a record, its layer, what counts of it, how well it is held, how it is told.

A fact that can move a score is one row here. The layers and their hashes, what a difference tells, what may explain
a disagreement, and what `show` has to add follow from the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.record import held
from evalprov.record.fact import Held, Item, Items, LayerFact, flat, single

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

# Items and fields that are told in their own way.
RETRIEVAL = "retrieval"
PACKAGE = "package"
ARGUMENTS = "arguments"
TREE = "tree"


def prompt_named(name: str) -> str:
    """Return what a prompt is called in a sentence: `system_prompt` says by itself that it is one."""
    return name if name.lower().endswith("prompt") else f"prompt {name}"


def _prompt_items(m: Manifest) -> Items:
    return {
        prompt_named(name): Item(
            {key: one[key] for key in ("version", "sha256")}, None, {"path": one["path"]}, whole=True
        )
        for name, one in m["prompts"].items()
    }


def _version_items(m: Manifest) -> Items:
    known = {name: one["version"] for name, one in m["prompts"].items()}
    told = {name: said for name, said in m["prompt_versions"].items() if name not in known or known[name] != said}
    return {"prompt version": Item(told)}


def _model_config(m: Manifest) -> dict[str, Any]:
    config = dict(m["model_config"])
    if isinstance(stops := config.get("stop_sequences"), list):
        config["stop_sequences"] = sorted(stops, key=str)
    return config


def _served(m: Manifest) -> dict[str, Any]:
    return {name: value for name, value in m["observed"]["model"].items() if value is not None}


def _called(m: Manifest) -> dict[str, Any]:
    """Return what was asked of models and which of them answered, less what only counts how often."""
    counted = ("calls", "errors", "tool_calls", "usd")
    return {
        f"{one.get('gen_ai.provider.name')} {one.get('gen_ai.request.model')}": {
            name.removeprefix("gen_ai."): value
            for name, value in one.items()
            if name not in counted and not name.startswith("gen_ai.usage.") and value not in (None, [])
        }
        for one in m["calls"]["models"]
    }


def _called_items(m: Manifest) -> Items:
    return {f"call {name}": Item(fields, maybe=True) for name, fields in _called(m).items()}


def _sent_prompts(m: Manifest) -> dict[str, Any]:
    return {role: one["sha256"] for role, one in m["observed"]["prompts"].items() if one["sha256"]}


def _offered(m: Manifest) -> dict[str, Any]:
    return {
        name: {"description_hash": one["description_hash"], "schema_hash": one["schema_hash"]}
        for name, one in m["observed"]["tools"].items()
    }


def _unlooked(m: Manifest) -> bool:
    """Say whether nobody looked at what was sent to models."""
    return m["calls"]["count"] is None


def _tools(m: Manifest) -> list[dict[str, Any]]:
    tools = [{key: value for key, value in tool.items() if key != "source"} for tool in m["tools"]]
    return sorted(tools, key=lambda tool: str(tool.get("name")))


def _agent_items(m: Manifest) -> Items:
    return {"agent": Item(flat({**m["agent"], **m["agent"]["extra"], "extra": None}))}


def _tool_items(m: Manifest) -> Items:
    items: Items = {}
    for tool in m["tools"]:
        name, number = f"tool {tool['name']}", 2
        while name in items:
            name, number = f"tool {tool['name']} ({number})", number + 1
        items[name] = Item({key: value for key, value in tool.items() if key not in ("name", "source")}, whole=True)
    return items


def _config_hashes(m: Manifest) -> dict[str, str | None]:
    return {path: file["sha256"] for path, file in m["config"]["files"].items()}


def _config_items(m: Manifest) -> Items:
    return {
        path: Item(file["values"], file["sha256"], {"format": file["format"]}, whole=True)
        for path, file in m["config"]["files"].items()
    }


def _algorithm_hashes(m: Manifest) -> dict[str, str | None]:
    return {name: one["sha256"] for name, one in m["code"]["algorithms"].items()}


def _algorithm_items(m: Manifest) -> Items:
    return {
        f"algorithm {name}": Item({"sha256": one["sha256"]}, None, {"source": one["source"]}, whole=True)
        for name, one in m["code"]["algorithms"].items()
    }


def _sets(m: Manifest) -> dict[str, Any]:
    return {
        name: {"sha256": held.content_of(one), "version": one["version"]} for name, one in m["data"]["sets"].items()
    }


def _set_items(m: Manifest) -> Items:
    beside = ("path", "files", "bytes", "pointer", "stale")
    return {
        f"data {name}": Item(
            {"version": one["version"], "sha256": held.content_of(one)},
            None,
            {key: value for key, value in one.items() if key in beside},
            whole=True,
        )
        for name, one in m["data"]["sets"].items()
    }


def _grader_files(m: Manifest) -> Items:
    return {f"grader {path}": Item({"sha256": sha256}, whole=True) for path, sha256 in m["grader"]["files"].items()}


def _grader_metrics(m: Manifest) -> Items:
    return {"grader": Item({f"metric {name}": meaning for name, meaning in m["grader"]["metrics"].items()})}


def tool_versions(m: Manifest) -> dict[str, str | None]:
    """Return the versions of the declared tools."""
    ours = {"python_version", "platform", "evalprov_version", "config_hash"}
    return {name: version for name, version in m["system"].items() if name not in ours}


def _package_items(m: Manifest) -> Items:
    software = m["software"]
    sources = software["package_sources"]
    packages = {
        name: f"{version} ({sources[name]})" if name in sources else version
        for name, version in (software["packages"] or {}).items()
    }
    return {PACKAGE: Item(packages, software["packages_hash"])}


def _tree_items(m: Manifest) -> Items:
    return {
        f"sources of {name}": Item(
            {"sha256": one["sha256"]}, None, {"path": one["path"], "commit": one["commit"]}, maybe=True
        )
        for name, one in m["software"]["package_trees"].items()
    }


def _executable(m: Manifest) -> dict[str, Any] | None:
    executable = m["software"]["executable"]
    return executable and {"version": executable["version"], "sha256": executable["sha256"]}


def cards_of(m: Manifest) -> list[str]:
    """Return the GPUs by kind, in an order that does not depend on their places."""
    gpu = m["infra"]["gpu"]
    devices = gpu["devices"] if gpu else []
    return sorted(f"{card['name']} {card['memory_mb']} {card['mig'] or ''}".strip() for card in devices)


def _gpu(m: Manifest) -> dict[str, Any] | None:
    gpu = m["infra"]["gpu"]
    return {"cards": cards_of(m), "driver": gpu["driver"], "cuda": gpu["cuda"]} if gpu else None


def _gpu_items(m: Manifest) -> Items:
    found = _gpu(m)
    return {"gpu": Item({**found, "cards": found["cards"] or "none"} if found else {})}


def _always(_: Manifest) -> bool:
    return True


def layer_of(key: str) -> str | None:
    """Return the layer of what stands at a key path of the record, or of what stands below it."""
    return next((fact.layer for fact in FACTS for one in fact.keys if f"{one}.".startswith(f"{key}.")), None)


FACTS: tuple[LayerFact, ...] = (
    LayerFact(
        "prompts",
        "files",
        ("prompts",),
        lambda m: {name: {"sha256": p["sha256"], "version": p["version"]} for name, p in m["prompts"].items()},
        _prompt_items,
        held.prompts,
        shown=True,
    ),
    LayerFact(
        "prompts",
        "versions",
        ("prompt_versions",),
        lambda m: m["prompt_versions"],
        _version_items,
        held.versions,
        shown=True,
    ),
    LayerFact(
        "model",
        "",
        ("model_config",),
        _model_config,
        lambda m: {"model": Item(flat(_model_config(m)))},
        held.model,
        shown=True,
    ),
    LayerFact(
        "model",
        "served",
        ("observed.model",),
        _served,
        lambda m: {"served": Item(_served(m), maybe=True)},
        held.where(_served),
        seen=True,
        shown=True,
    ),
    LayerFact(
        "model",
        "called",
        ("calls.models",),
        _called,
        _called_items,
        held.called,
        _unlooked,
        seen=True,
    ),
    LayerFact(
        "prompts",
        "sent",
        ("observed.prompts",),
        _sent_prompts,
        lambda m: {f"{role} prompt sent": Item({"sha256": one}, maybe=True) for role, one in _sent_prompts(m).items()},
        held.sent,
        _unlooked,
        seen=True,
    ),
    LayerFact(
        "agent",
        "offered",
        ("observed.tools",),
        _offered,
        lambda m: {f"tool {name} offered": Item(one, maybe=True) for name, one in _offered(m).items()},
        held.where(_offered),
        _unlooked,
        seen=True,
    ),
    LayerFact("agent", "agent", ("agent",), lambda m: m["agent"], _agent_items, held.agent, shown=True),
    LayerFact("agent", "tools", ("tools",), _tools, _tool_items, held.tools, shown=True),
    LayerFact(
        "config",
        "files",
        ("config.files",),
        _config_hashes,
        _config_items,
        lambda m: Held(unknown=held.unread_files(_config_hashes(m))),
        shown=True,
    ),
    LayerFact(
        "config",
        "program",
        ("config.program", "command.argv[0]"),
        lambda m: m["config"]["program"],
        lambda m: {"command": Item({"program": m["config"]["program"]})},
        shown=True,
    ),
    LayerFact(
        "config",
        "arguments",
        ("config.arguments",),
        lambda m: m["config"]["arguments"],
        lambda m: {"command": Item({ARGUMENTS: m["config"]["arguments"] or None})},
        shown=True,
    ),
    LayerFact(
        "config",
        "folder",
        ("command.cwd",),
        lambda m: None if m["command"]["cwd"] == "." else m["command"]["cwd"],
        lambda m: {"command": Item({"folder": m["command"]["cwd"]})},
        shown=True,
    ),
    single("config", "reported", "config.reported", "reported"),
    LayerFact(
        "code",
        "tree",
        ("code.tree", "git.tree"),
        lambda m: m["code"]["tree"],
        lambda m: {"code": Item({TREE: m["code"]["tree"]})},
        held.code,
        shown=True,
    ),
    LayerFact(
        "code",
        "algorithms",
        ("code.algorithms",),
        _algorithm_hashes,
        _algorithm_items,
        lambda m: Held(bool(m["code"]["algorithms"]), held.unread_files(_algorithm_hashes(m))),
        shown=True,
    ),
    LayerFact(
        "code",
        "beside",
        ("code.beside",),
        lambda m: m["code"]["beside"],
        lambda m: {path: Item({"sha256": sha256}, whole=True) for path, sha256 in m["code"]["beside"].items()},
        held.beside,
        lambda m: not held.looked_beside(m),
    ),
    LayerFact(
        "data",
        "golden_version",
        ("golden_version",),
        lambda m: m["golden_version"],
        lambda m: {"data": Item({"golden_version": m["golden_version"]})},
        held.golden,
        shown=True,
    ),
    LayerFact("data", "sets", ("data.sets",), _sets, _set_items, held.sets, shown=True),
    single("data", "retrieval", "data.retrieval", RETRIEVAL, held=held.retrieval, shown=True),
    single("data", "reported", "data.reported", "data reported", held=held.data_reported),
    single("grader", "version", "grader.version", "grader", "version", held=held.grader, shown=True),
    LayerFact(
        "grader",
        "metrics",
        ("grader.metrics",),
        lambda m: m["grader"]["metrics"],
        _grader_metrics,
        held.where(lambda m: m["grader"]["metrics"]),
    ),
    single("grader", "reported", "grader.reported", "grader", held=held.where(lambda m: m["grader"]["reported"])),
    LayerFact(
        "grader",
        "files",
        ("grader.files",),
        lambda m: m["grader"]["files"],
        _grader_files,
        held.where(lambda m: m["grader"]["files"]),
        shown=True,
    ),
    single("software", "python", "system.python_version", "python", "version", held=held.python, shown=True),
    LayerFact(
        "software",
        "packages",
        ("software.packages_hash",),
        lambda m: m["software"]["packages_hash"],
        _package_items,
        held.packages,
        shown=True,
    ),
    LayerFact(
        "software",
        "content",
        ("software.packages_content",),
        lambda m: m["software"]["packages_content"],
        lambda m: {"installed files": Item({"sha256": m["software"]["packages_content"]}, maybe=True)},
        held.where(lambda _: False),
        _always,
        shown=True,
    ),
    LayerFact(
        "software",
        "trees",
        ("software.package_trees",),
        lambda m: {name: one["sha256"] for name, one in m["software"]["package_trees"].items()},
        _tree_items,
        held.trees,
        _always,
    ),
    LayerFact(
        "software",
        "executable",
        ("software.executable",),
        _executable,
        lambda m: {"executable": Item(_executable(m) or {})},
        held.executable,
        _always,
    ),
    LayerFact(
        "software",
        "tools",
        (),
        tool_versions,
        lambda m: {"tool": Item({name.removesuffix("_version"): said for name, said in tool_versions(m).items()})},
        held.where(tool_versions),
        shown=True,
    ),
    LayerFact(
        "software",
        "locks",
        ("software.locks",),
        lambda m: m["software"]["locks"],
        lambda m: {
            f"lock {path}": Item({"sha256": sha256}, whole=True) for path, sha256 in m["software"]["locks"].items()
        },
        held.where(lambda m: m["software"]["locks"]),
        shown=True,
    ),
    single("software", "env", "software.env", "env", held=held.where(lambda _: False), shown=True),
    LayerFact(
        "software",
        "env_rest",
        ("software.env_rest",),
        lambda m: m["software"]["env_rest"],
        lambda m: {"environment": Item({"variables not recorded": m["software"]["env_rest"]}, maybe=True)},
        held.env_rest,
        _always,
        shown=True,
    ),
    single("infra", "platform", "infra.runtime_platform", "machine", "platform", shown=True),
    single("infra", "machine", "infra.machine", "machine", "type", shown=True),
    single("infra", "image", "infra.image", "machine", "image", shown=True),
    single("infra", "cpu", "infra.cpu", "cpu", held=held.cpu, shown=True),
    single("infra", "memory", "infra.memory", "memory", shown=True),
    LayerFact(
        "infra",
        "gpu",
        ("infra.gpu.devices", "infra.gpu.driver", "infra.gpu.cuda"),
        _gpu,
        _gpu_items,
        held.gpu,
        shown=True,
    ),
    LayerFact(
        "infra",
        "ulimits",
        ("infra.ulimits",),
        lambda m: m["infra"]["ulimits"],
        lambda m: {"limit": Item(m["infra"]["ulimits"])},
        shown=True,
    ),
    single("infra", "declared", "infra.declared", "declared"),
)

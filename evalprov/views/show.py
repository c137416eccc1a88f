"""One record as a person reads it: what ran, what it scored, what is known of it, and what is not."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.explain.elide import cut
from evalprov.explain.used import undeclared_files, undeclared_variables
from evalprov.numbers import and_more, counted, listed
from evalprov.page import BOLD, FactBlock, Line, line, rest
from evalprov.record.facts import FACTS, prompt_named
from evalprov.record.layers import layers
from evalprov.views.sparkline import sparkline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.page import Block, Pairs
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.declared import DataSet
    from evalprov.record.schema.outcome import ErrorEntry, MetricInfo, ResourceSeries

NAMES_SHOWN = 5
MORE_SHOWN = 20
NOT_KNOWN = "content not known"
STDERR_LINES = 12
SPARKLINE = 30  # letters
SPARKLINE_LEAST = 4  # points that are worth a line


def page(m: Manifest) -> Iterator[Block]:
    """Give a record, block by block."""
    yield headline(m, _ended(m))
    yield FactBlock("metrics", metrics(m))
    yield FactBlock("what ran", _what(m))
    yield FactBlock("identity", _identity(m))
    yield FactBlock("declared", _declared(m))
    yield FactBlock("code", _code(m))
    yield FactBlock("software", _software(m))
    yield FactBlock("used", _used(m))
    yield FactBlock("configuration", _config(m))
    yield FactBlock("machine", _machine(m))
    yield FactBlock("more that counts", _more(m))
    yield FactBlock("output", _output(m))
    yield FactBlock("other tools", _other_tools(m))
    for entry in m["errors"]:
        yield from _error(entry, m["run_id"])
    yield FactBlock("warnings", [("", warning) for warning in m["warnings"]])
    unknown = [(name, one["reason"]) for name, one in m["capture"].items() if one["reason"] and name != "metrics"]
    yield FactBlock("not captured", unknown)


def headline(m: Manifest, told: str = "", name: str = "") -> Line:
    """Name a run and what became of it."""
    status = (m["status"], render.status_style(m["status"]))
    named = [(name, BOLD), (f"  {m['run_id']}", "")] if name else [(m["run_id"], BOLD)]
    return Line([*named, ("  ", ""), status, (told and f"  {told}", "")])


def _error(entry: ErrorEntry, run_id: str) -> Iterator[Block]:
    where = f" in {entry['scenario']}" if entry["scenario"] else ""
    yield FactBlock(f"error ({entry['kind']}){where}", [("", entry["message"])])
    lines = entry["stderr_tail"].rstrip("\n").split("\n") if entry["stderr_tail"] else []
    for words in and_more(len(lines) - STDERR_LINES):
        yield line(f"  | {words} before; evalprov show {run_id} --json has them")
    for one in lines[-STDERR_LINES:]:
        # What a terminal was left with, where a progress bar wrote over itself.
        yield line(f"  | {one.rstrip(chr(13)).rsplit(chr(13), 1)[-1]}")


def _ended(m: Manifest) -> str:
    parts = [m["timestamp"]]
    if m["duration_seconds"] is not None:
        parts.append(f"took {render.duration(m['duration_seconds'])}")
    if m["exit_code"] is not None:
        parts.append(f"exit {m['exit_code']}" + (f" ({m['signal']})" if m["signal"] else ""))
    return "  ".join(parts)


def metrics(m: Manifest) -> Pairs:
    """Return what a run scored, or why nothing is known of that."""
    if m["metric_summary"] is None:
        outcome = m["capture"].get("metrics")
        return [("", outcome["reason"] or "none reported")] if outcome else []
    pairs = [(name, _metric(value, m["metric_info"].get(name))) for name, value in m["metric_summary"].items()]
    if m["scenarios_run"]:
        pairs.append(("scenarios", str(len(m["scenarios_run"]))))
    if source := m["output"]["metrics_source"]:
        line = f" line {source['line']}" if source["line"] else ""
        pairs.append(("read from", f"{source['channel']}{line} ({source['rule']})"))
    return pairs


def _metric(value: object, info: MetricInfo | None) -> str:
    """Return a metric with what is known of it."""
    if info is None:
        return render.number(value)
    unit = f" {info['unit']}" if info["unit"] else ""
    error = f" \N{PLUS-MINUS SIGN} {render.number(info['stderr'])}" if info["stderr"] is not None else ""
    of = f"  (n = {info['n']})" if info["n"] is not None else ""
    return f"{render.number(value)}{error}{unit}{of}"


def _identity(m: Manifest) -> Pairs:
    """Return what is pinned, what is held by name alone, and what nobody declared."""
    identity = m["identity"]
    if not identity["layers"]:
        return []
    pairs = []
    for name in ("fingerprint", "program", "scenario"):
        short = identity[name]
        pairs.append((name, short[7:19] if short else f"unknown: {identity['unknown'].get(name, '')}"))
    if identity["builder"]:
        pairs.append(("builder", f"{identity['builder'][7:19]}  the config layer's own hash"))
    words = {"full": "held by content", "partial": "held in part", "none": "nobody declared it"}
    for name, layer in layers(m).items():
        known = identity["layers"].get(name)
        said = words[layer.control] if known else f"unknown: {identity['unknown'].get(name, '')}"
        note = f"; {layer.note}" if layer.note and known else ""
        pairs.append((f"  {name}", f"{known[7:19] if known and layer.control != 'none' else '-':<12}  {said}{note}"))
    return pairs


def _what(m: Manifest) -> Pairs:
    cwd, repeat = m["command"]["cwd"], m["repeat"]
    return [
        ("command", shlex.join(m["command"]["argv"])),
        ("in", "" if cwd == "." else cwd),
        ("scenario", m["scenario"] or ""),
        ("tags", ", ".join(m["tags"])),
        *note_lines(m),
        ("parent run", m["parent_run_id"] or ""),
        ("trial", f"{repeat['trial']} of {repeat['of']}, seed {repeat['seed']} ({repeat['id']})" if repeat else ""),
    ]


def note_lines(m: Manifest) -> Pairs:
    """Return the lines of a run's note, its own first."""
    return [("" if number else "note", words) for number, words in enumerate((m["note"] or "").splitlines())]


def _declared(m: Manifest) -> Pairs:
    """Return the facts of the program and the scenario, each with what named it."""
    pairs = [(f"model {name}", _short(value)) for name, value in m["model_config"].items()]
    pairs += [
        (prompt_named(name), _held(one["sha256"], one["version"], one["path"])) for name, one in m["prompts"].items()
    ]
    agent = m["agent"]
    pairs.append(("agent", " ".join(filter(None, [agent["name"], agent["version"]]))))
    pairs += [(f"tool {tool['name']}", _held(tool["schema_hash"], tool["version"], None)) for tool in m["tools"]]
    pairs += [(f"data {name}", _data_set(one)) for name, one in m["data"]["sets"].items()]
    pairs += [(f"retrieval {name}", _short(value)) for name, value in m["data"]["retrieval"].items()]
    pairs.append(("golden version", m["golden_version"] or ""))
    pairs += [(f"grader {path}", sha[7:19] if sha else NOT_KNOWN) for path, sha in m["grader"]["files"].items()]
    pairs.append(("grader version", m["grader"]["version"] or ""))
    pairs += [
        (f"algorithm {name}", f"{one['short'] or NOT_KNOWN}  {one['source']}")
        for name, one in m["code"]["algorithms"].items()
    ]
    pairs += [(f"served {name}", _short(value)) for name, value in m["observed"]["model"].items()]
    return pairs


def _held(sha256: str | None, version: str | None, path: str | None) -> str:
    return "  ".join(filter(None, [sha256 and sha256[7:19], version, path])) or "by name"


def _data_set(one: DataSet) -> str:
    stale = "its .dvc pointer is stale" if one["stale"] else None
    amount = f"{one['files']} files" if one["kind"] == "folder" else render.size(one["bytes"]) if one["bytes"] else None
    return "  ".join(filter(None, [_held(one["sha256"] or one["pointer"], one["version"], one["path"]), amount, stale]))


def _code(m: Manifest) -> Pairs:
    git = m["git"]
    if m["git_sha"] is None and git["tree"] is None:
        return []
    dirty = {True: "not all committed", False: "clean", None: "unknown whether clean"}[m["git_dirty"]]
    on = f" on {git['branch']}" if git["branch"] else " (detached)" if git["source"] == "git" and m["git_sha"] else ""
    pairs = [
        ("commit", f"{m['git_sha'] or 'none yet'}{on}, {dirty}"),
        ("describe", git["describe"] or ""),
        ("tree", git["tree"] or ""),
    ]
    pairs += [
        (kind, listed(git[kind], NAMES_SHOWN, git["counts"].get(kind))) for kind in ("staged", "changed", "untracked")
    ]
    pairs += [(f"submodule {s['path']}", ", ".join(s["dirty"])) for s in git["submodules"] if s["dirty"]]
    pairs += [(f"remote {name}", url) for name, url in git["remotes"].items()]
    if git["patch"]:
        kept = f"{git['patch']['file']} ({render.size(git['patch']['bytes'])})"
        pairs.append(("changes kept", kept + (f" and {len(git['saved'])} files" if git["saved"] else "")))
    elif git["saved"]:
        pairs.append(("changes kept", f"{len(git['saved'])} untracked files"))
    pairs += [("withheld", f"{w['path']}: {w['reason']}") for w in git["withheld"][:NAMES_SHOWN]]
    return [*pairs, *rest(len(git["withheld"]) - NAMES_SHOWN, "--json has them")]


def _software(m: Manifest) -> Pairs:
    software, system = m["software"], m["system"]
    pairs: Pairs = []
    if interpreter := software["interpreter"]:
        sure = "" if interpreter["certain"] else ", not certain that the command uses it"
        version = f"{interpreter['implementation']} {system.get('python_version')}"
        pairs.append(("python", f"{version}  {interpreter['path']} (found by {interpreter['found_by']}{sure})"))
    if software["packages"] is not None:
        pairs.append(("packages", str(len(software["packages"]))))
    known = {"python_version", "platform", "evalprov_version", "config_hash"}
    pairs += [
        (name.removesuffix("_version"), value or "unknown") for name, value in system.items() if name not in known
    ]
    pairs += [("lock file", name) for name in software["locks"]]
    pairs += [(name, value) for name, value in software["env"].items()]
    pairs.append(("platform", system.get("platform") or ""))
    return pairs


def _used(m: Manifest) -> Pairs:
    """Return what the run was seen to read, counted by layer, what nobody declared, and the programs that ran."""
    seen = m["observed"]
    looked = seen["looked"]
    pairs: Pairs = []
    if looked["files"] is not None:
        layers_of = [one["layer"] or "no layer" for one in seen["inputs"].values()]
        pairs += [
            (
                "files read" if looked["pythons"] is not None else "files opened",
                ", ".join(f"{layers_of.count(layer)} {layer}" for layer in dict.fromkeys(sorted(layers_of))),
            ),
            ("undeclared files", listed(undeclared_files(m), NAMES_SHOWN)),
            ("undeclared variables", listed(undeclared_variables(m), NAMES_SHOWN)),
        ]
    elif looked["mode"] not in (None, "off", "project"):
        pairs.append(("not observed", looked["reason"] or ""))
    if looked["files"] is not None and looked["reason"]:
        pairs.append(("not to the end", looked["reason"]))
    return [*pairs, ("programs", listed(list(dict.fromkeys(map(os.path.basename, seen["programs"]))), NAMES_SHOWN))]


def _config(m: Manifest) -> Pairs:
    pairs = []
    for path, file in m["config"]["files"].items():
        values = listed([f"{name}={_short(value)}" for name, value in file["values"].items()], NAMES_SHOWN)
        pairs.append((path, f"{file['sha256'][:19] if file['sha256'] else NOT_KNOWN}  {values}".rstrip()))
    return pairs


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cut(text, 40)


def _machine(m: Manifest) -> Pairs:
    infra, observed = m["infra"], m["observed"]
    cpu, memory = infra["cpu"], infra["memory"]
    cores = f"{cpu['affinity'] or cpu['count']} of {cpu['count']} cores" if cpu["count"] else ""
    if cpu["hard_limit_cores"] is not None:
        cores += f", limited to {cpu['hard_limit_cores']:g}"
    limit = f", limited to {memory['hard_limit_mb']} MB" if memory["hard_limit_mb"] is not None else ""
    process = observed["process"]
    gpus = [
        f"{g['name']} {g['memory_mb']} MB" + (f" MIG {g['mig']}" if g["mig"] else "")
        for g in (infra["gpu"] or {"devices": []})["devices"]
    ]
    pairs = [
        (
            "host",
            " ".join(filter(None, [process["hostname"] if process else None, infra["runtime_platform"]])),
        ),
        ("cpu", ", ".join(filter(None, [cores, cpu["model"]]))),
        ("memory", f"{memory['total_mb']} MB{limit}" if memory["total_mb"] else ""),
        ("gpu", ", ".join(gpus) if gpus else "none" if infra["gpu"] else "unknown"),
    ]
    if infra["gpu"] and infra["gpu"]["driver"]:
        pairs.append(("driver", f"{infra['gpu']['driver']}, CUDA {infra['gpu']['cuda'] or 'unknown'}"))
    pairs += [("container", observed["container_id"] or ""), ("image", infra["image"] or "")]
    pairs += [("ci", " ".join(filter(None, [observed["ci"].get("provider"), observed["ci"].get("run_url")])))]
    return pairs


def _more(m: Manifest) -> Pairs:
    """Return the facts of the layers that nothing above has words for."""
    pairs: Pairs = []
    for name, item in (pair for fact in FACTS if not fact.shown for pair in fact.items(m).items()):
        told = {**item.fields, "sha256": item.content} if item.content else item.fields
        pairs += [(f"{name} {field}", _value(value)) for field, value in told.items() if value not in (None, [], {})]
    return [*pairs[:MORE_SHOWN], *rest(len(pairs) - MORE_SHOWN, "--json has them")]


def _value(value: Any) -> str:
    return value[7:19] if isinstance(value, str) and value.startswith("sha256:") else _short(value)


def _other_tools(m: Manifest) -> Pairs:
    """Return what other tools have of the run, and what of it they were told."""
    pairs: Pairs = [
        (" ".join(filter(None, (link["tool"], link["id"]))), f"{link['where']}  ({link['rule']})")
        for link in m["links"]
    ]
    if told := m["handover"]["variables"]:
        given = ", ".join(name for name, how in told.items() if how in ("set", "merged"))
        pairs.append(("told this run's id by", given))
        pairs += [(name, how) for name, how in told.items() if how not in ("set", "merged")]
    if imported := m["imported"]:
        pairs.append(("imported from", f"{imported['tool']}  {imported['source']}  {imported['id'] or ''}".rstrip()))
    return pairs


def _output(m: Manifest) -> Pairs:
    pairs: Pairs = []
    for name in ("stdout", "stderr"):
        if stream := m["output"][name]:
            kept = f"  {stream['log']}" if stream["log"] else ""
            pairs.append((name, f"{render.size(stream['bytes'])} in {stream['lines']} lines{kept}"))
    used = m["resources"]
    if used["cpu_user_seconds"] is not None:
        peak = f", {render.size(used['peak_memory_bytes'])} of memory at most" if used["peak_memory_bytes"] else ""
        cpu = used["cpu_user_seconds"] + (used["cpu_system_seconds"] or 0.0)
        pairs.append(("used", f"{cpu:.2f} s of CPU" + peak))
    if said := m["texts"]:
        kinds = ", ".join(f"{count} {field}" for field, count in said["fields"].items())
        pairs.append(("said", f"{kinds} texts of {counted(said['scenarios'], 'scenario')} (--scenario ID shows them)"))
    pairs += _over_time(used["series"])
    pairs += [(f"stage {name}", render.duration(seconds)) for name, seconds in m["stages"].items()]
    return pairs


def _over_time(series: ResourceSeries | None) -> Pairs:
    """Return what was used when, a line of bars each; a run that was over at once has none."""
    if series is None or len(series["seconds"]) < SPARKLINE_LEAST:
        return []
    ends = series["seconds"]
    cores = [one for one in series["cpu"] if one is not None]
    pairs: Pairs = [
        ("cpu over time", f"{sparkline(ends, series['cpu'], SPARKLINE)}  {max(cores, default=0.0):.1f} cores at most"),
        (
            "memory",
            f"{sparkline(ends, series['memory_bytes'], SPARKLINE)}  {render.size(max(series['memory_bytes']))} at most",
        ),
    ]
    gpu = series["gpu"]
    for card in gpu["devices"] if gpu else ():
        percents = [one for one in card["percent"] if one is not None]
        taken = [one for one in card["memory_bytes"] if one is not None]
        said = [f"{max(percents):.0f} % at most"] if percents else ["how busy is not told"]
        said += [f"{render.size(max(taken))} of memory"] if taken else []
        bars = sparkline(gpu["seconds"], card["percent"], SPARKLINE) if gpu else ""
        pairs.append((f"GPU {card['index']}, by all", f"{bars}  {', '.join(said)}".lstrip()))
    if gpu and gpu["reason"]:
        pairs.append(("GPU use", f"not known: {gpu['reason']}"))
    return pairs

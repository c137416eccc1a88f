"""What a record says, in the forms that several targets take."""

from __future__ import annotations

import hashlib
import json
import os
import re
from calendar import timegm
from functools import partial
from time import gmtime, strftime, strptime
from typing import TYPE_CHECKING, Any

from evalprov.handover.parcel import FileContent, Rows, TargetRefused
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Scalar = str | int | float | bool | None

HEX = re.compile(r"sha256:([0-9a-f]{64})")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")
_CANONICAL = ("json", "toml", "yaml")  # files whose hash is of what stands in them, not of their bytes


class Material(NamedTuple):
    """Something that a run was made of, by content."""

    layer: str
    name: str
    path: str | None
    sha256: str | None  # hex, of the file's bytes; null where it is not of those, or not known
    canonical: str | None  # hex, of what stands in it, in canonical JSON
    size: int | None
    version: str | None


def uid(m: Manifest) -> str:
    """Return 32 hex digits that are this run's alone, the same at each export: ids of two stores may be alike."""
    stdout = m["output"]["stdout"]
    process = m["observed"]["process"]
    telling = [
        *(m["run_id"], m["timestamp"], m["duration_seconds"], m["git_sha"]),
        *(stdout and stdout["sha256"], process and process["pid"]),
    ]
    return hashlib.sha256(json.dumps(telling, sort_keys=True).encode()).hexdigest()[:32]


def part_uid(run: str, *names: str | int) -> str:
    """Return 32 hex digits that are those of one part of a run."""
    return hashlib.sha256("\0".join([run, *map(str, names)]).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def as_uuid(digits: str, version: int = 8) -> str:
    """Return 32 hex digits as a UUID, of the kind for those that are made otherwise (RFC 9562), or as a tool asks."""
    d = f"{digits[:12]}{version}{digits[13:16]}{'89ab'[int(digits[16], 16) % 4]}{digits[17:]}"
    return f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}"


def began(m: Manifest) -> float:
    """Return when the run began, in seconds since 1970."""
    try:
        return float(timegm(strptime(m["timestamp"], "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return float(timegm(strptime(m["run_id"][:16], "%Y%m%dT%H%M%SZ")))


def ended(m: Manifest) -> float:
    """Return when the run ended, as far as that is known."""
    return began(m) + (m["duration_seconds"] or 0.0)


def spelled(seconds: float) -> str:
    """Return a time as ISO 8601 has it, in UTC, with milliseconds."""
    millis = round(seconds * 1000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(millis // 1000))}.{millis % 1000:03d}Z"


def summary(m: Manifest) -> dict[str, float]:
    """Return the summary's metrics as numbers; those of no value are left out."""
    return {name: number(value) for name, value in (m["metric_summary"] or {}).items() if value is not None}


def number(value: float) -> float:
    """Return a metric as a number that has no sign of having been a boolean."""
    return int(value) if isinstance(value, bool) else value


def scenarios(m: Manifest) -> Rows:
    """Return what each scenario scored: its name, its group, and its metrics by name."""
    metrics, groups = m["metrics"] or {}, m["scenario_groups"]
    return Rows(len(metrics), lambda: ((name, groups.get(name), values) for name, values in metrics.items()))


def values_of(m: Manifest) -> int:
    """Return how many values there are, of the scenarios and of the whole."""
    return len(summary(m)) + sum(v is not None for _, _, values in scenarios(m).each() for v in values.values())


def metric_names(m: Manifest) -> list[str]:
    """Return the names of the scenarios' metrics, in the order in which they come."""
    names: dict[str, None] = {}
    for values in (m["metrics"] or {}).values():
        names.update(dict.fromkeys(values))
    return list(names)


def table(m: Manifest) -> Rows:
    """Return a row a scenario, with the same columns each."""
    names = metric_names(m)

    def each() -> Iterator[dict[str, Scalar]]:
        for scenario, group, values in scenarios(m).each():
            yield {"scenario": scenario, "group": group, **{name: values.get(name) for name in names}}

    return Rows(len(m["metrics"] or {}), each)


def params(m: Manifest) -> dict[str, Scalar]:
    """Return what the program was set to, by key paths of the record."""
    found: dict[str, Scalar] = {
        **_flat("model_config", m["model_config"]),
        **_flat("prompt_versions", m["prompt_versions"]),
        **_flat("agent", {name: value for name, value in m["agent"].items() if name in ("name", "version", "extra")}),
        **_flat("config", m["config"]["reported"]),
        **_flat("data.retrieval", m["data"]["retrieval"]),
    }
    for path, file in m["config"]["files"].items():
        found |= _flat(f"config.{path}", file["values"])
    if m["golden_version"] is not None:
        found["golden_version"] = m["golden_version"]
    if m["config"]["arguments"]:
        found["arguments"] = " ".join(m["config"]["arguments"])
    return found


def _flat(name: str, value: Any) -> dict[str, Scalar]:
    if isinstance(value, dict):
        return {key: inner for part, of in value.items() for key, inner in _flat(f"{name}.{part}", of).items()}
    if isinstance(value, list):
        return {name: json.dumps(value, ensure_ascii=False)} if value else {}
    return {} if value is None else {name: value}


def tags(m: Manifest) -> dict[str, str]:
    """Return what the run was, as short texts, by names that begin with ours."""
    git = m["git"]
    said = {
        "run_id": m["run_id"],
        "status": m["status"],
        "scenario": m["scenario"],
        "exit_code": m["exit_code"],
        "signal": m["signal"],
        "note": m["note"],
        "tags": ", ".join(m["tags"]) or None,
        "parent_run_id": m["parent_run_id"],
        "command": " ".join(m["command"]["argv"]),
        "git.commit": m["git_sha"],
        "git.dirty": None if m["git_dirty"] is None else str(m["git_dirty"]).lower(),
        "git.branch": git["branch"],
        "git.tree": git["tree"],
        "git.remote": remote(m),
        "platform": m["system"].get("platform"),
        "python": m["system"].get("python_version"),
        "version": m["system"].get("evalprov_version"),
        **{f"identity.{name}": hash_ for name, hash_ in identity(m).items()},
    }
    return {f"evalprov.{name}": str(value) for name, value in said.items() if value is not None and value != ""}


def identity(m: Manifest) -> dict[str, str]:
    """Return the hashes of what the run was, as far as they are known."""
    found = {name: m["identity"].get(name) for name in ("fingerprint", "program", "scenario", "config_hash", "builder")}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def remote(m: Manifest) -> str | None:
    """Return the address of the repository that the commit is in."""
    remotes = m["git"]["remotes"]
    return remotes.get("origin") or next(iter(remotes.values()), None)


def materials(m: Manifest) -> list[Material]:
    """Return what the run was made of beside its code: files by layer."""
    found = [
        _material("config", path, path, file["sha256"], file["bytes"], canonical=file["format"] in _CANONICAL)
        for path, file in m["config"]["files"].items()
    ]
    found += [
        _material("prompts", name, one["path"], one["sha256"], version=one["version"])
        for name, one in m["prompts"].items()
    ]
    found += [
        _material(
            *("data", name, one["path"], one["sha256"], one["bytes"]),
            version=one["version"],
            canonical=one["kind"] != "file",
        )
        for name, one in m["data"]["sets"].items()
    ]
    found += [_material("grader", path, path, sha256) for path, sha256 in m["grader"]["files"].items()]
    found += [_material("software", path, path, sha256) for path, sha256 in m["software"]["locks"].items()]
    return found


def _material(  # noqa: PLR0913 - a field each
    layer: str,
    name: str,
    path: str | None,
    sha256: str | None,
    size: int | None = None,
    *,
    version: str | None = None,
    canonical: bool = False,
) -> Material:
    said = HEX.fullmatch(sha256 or "")
    digits = said[1] if said else None
    return Material(
        layer, name, path, None if canonical else digits, digits if canonical else None, size=size, version=version
    )


def prompt_files(m: Manifest, options: SendOptions, folder: str) -> dict[str, FileContent]:
    """Return the texts of the prompts as files, where they are wanted: by paths that any tool takes."""
    found: dict[str, FileContent] = {}
    for name, text in (options.prompts(m) if options.prompts else {}).items():
        suffix = os.path.splitext(m["prompts"][name]["path"] or "")[1] or ".txt"
        plain = _NOT_PLAIN.sub("_", name.removesuffix(suffix)).strip(".") or "prompt"
        while f"{folder}/{plain}{suffix}" in found:
            plain += "_"
        found[f"{folder}/{plain}{suffix}"] = FileContent(partial(iter, [text]))
    return found


def model(m: Manifest) -> str | None:
    """Return the model's name, as far as one was declared, reported or seen."""
    name = m["model_config"].get("model") or m["observed"]["model"].get("model")
    return name if isinstance(name, str) and name else None


def creator(m: Manifest) -> str:
    """Return what recorded the run, with its version."""
    return f"evalprov {m['system'].get('evalprov_version') or ''}".strip()


def scored(m: Manifest) -> dict[str, float]:
    """Return the summary, or say that there is nothing to hand over where a target is about scores alone."""
    found = summary(m)
    if not found:
        raise TargetRefused(
            f"run {m['run_id']} has no metrics: there is nothing to hand over", "evalprov show says why"
        )
    return found

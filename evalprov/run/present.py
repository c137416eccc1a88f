"""The present working state as the record of a run would have it, captured without running or keeping anything."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, cast

from evalprov.capture import COLLECTORS, start
from evalprov.capture.afterwards import Afterwards
from evalprov.errors import EvalprovError
from evalprov.numbers import listed
from evalprov.record.declared_by import PLACES, value_of
from evalprov.record.facts import layer_of
from evalprov.record.form import REPORTED, blank
from evalprov.record.identity import identify
from evalprov.run.pipeline import context_of
from evalprov.run.prepare import fill, opened
from evalprov.run.request import Request
from evalprov.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.declared import Agent

    Unknown = dict[str, list[str]]  # layer to what of it is not known

RUN_ID = "present"
TRIAL = "{trial}"
_LATER = "not known until it runs"
_NOT_KEPT = "what an option of that run named is not in its record"
_BY_PATTERN = "an option of that run named several files, and which they are now is not known"


def present(  # noqa: PLR0913 - whose state, where, and how much of it
    like: Manifest,
    cwd: str,
    environ: dict[str, str],
    *,
    store: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    collectors: Iterable[str] = COLLECTORS,
) -> Manifest:
    """Return what would be recorded of the same command now, before it starts.

    Files named by the run's options are looked at again. What only the eval itself can tell is not in it, and the
    layers in which that run had such facts are unknown.
    """
    unknown: Unknown = {}
    try:
        request = request_like(like, store, unknown)
        context = context_of(request, _folder(like, cwd), environ)._replace(progress=progress, stdin=None)
        with start(context, collectors) as capturing:
            now = opened(blank(RUN_ID, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())), request, context)
            found = capturing.finish()
            fill(now, found, context.scrub)
        later = Afterwards(found.later)
        later.begin(os.getpid())
        later.finish(now, context.scrub)
    except EvalprovError as problem:
        raise EvalprovError(f"a run now would not start: {problem.message}", problem.hint) from None
    now["status"] = "not_started"
    _leave_to_the_eval(now, like, unknown)
    now["identity"] = identify(now)
    for layer, names in unknown.items():
        now["identity"]["layers"][layer] = None
        now["identity"]["unknown"][layer] = "; ".join(_reasons(names))
    if unknown:
        now["identity"] |= {"fingerprint": None, "program": None, "scenario": None}
    return now


def _folder(like: Manifest, cwd: str) -> str:
    """Return where the run's command would run now."""
    root = load(cwd).root
    folder = os.path.normpath(os.path.join(root, like["command"]["cwd"]))
    if f"{folder}/".startswith(f"{root}/".replace("//", "/")) and os.path.isdir(folder):
        return folder
    raise EvalprovError(f"there is no folder {like['command']['cwd']} in {root}, where that run was")


# --- what the options of that run named


def request_like(like: Manifest, store: str | None, unknown: Unknown | None = None) -> Request:
    """Return the request that a run was made by; layers of which an option's words are lost are put in `unknown`."""
    unknown = {} if unknown is None else unknown
    if not like["command"]["argv"]:
        raise EvalprovError("the record of that run has no command")
    return Request(
        argv=tuple(like["command"]["argv"]),
        written=tuple(_written(like)),
        scenario=like["scenario"] if like["sources"].get("scenario") == "--scenario" else None,
        config=tuple(_config_paths(like)),
        set=tuple(_set(like, unknown)),
        prompt=tuple(_files(like, "prompts", "prompts", like["prompts"], unknown)),
        data=tuple(_files(like, "data", "data", like["data"]["sets"], unknown)),
        store=store,
    )


def _written(like: Manifest) -> Iterator[str]:
    """Give the command as the user wrote it: a trial ran it with its number filled in."""
    ran, arguments = like["command"]["argv"], like["config"]["arguments"]
    written = [ran[0], *arguments] if len(arguments) == len(ran) - 1 else ran
    for word, template in zip(ran, written, strict=True):
        yield template if like["repeat"] and TRIAL in template else word


def _config_paths(like: Manifest) -> Iterator[str]:
    for path, file in like["config"]["files"].items():
        if file["source"] == "--config":
            yield path if os.path.isabs(path) else os.path.relpath(path, like["command"]["cwd"])


def _files(like: Manifest, table: str, layer: str, entries: Mapping[str, Any], unknown: Unknown) -> Iterator[str]:
    """Give the prompts or data sets that options named, as options again."""
    named = {key.removeprefix(f"{table}.") for key in _by_option(like) if key.startswith(f"{table}.")}
    for name, entry in entries.items():
        whole = {name, f"{name}.path", f"{name}.version"} & named
        of_several = any(name.startswith(f"{one.removesuffix('.path')}/") for one in named)
        if entry["path"] is None or not (whole or of_several):
            continue
        if of_several and not whole:
            unknown.setdefault(layer, []).append(_BY_PATTERN)
        if "=" in name or "@" in entry["path"]:
            unknown.setdefault(layer, []).append(_NOT_KEPT)
        else:
            yield f"{name}={entry['path']}" + (f"@{entry['version']}" if entry["version"] else "")


def _by_option(like: Manifest) -> list[str]:
    return [key for key, origin in like["sources"].items() if origin.startswith("--")]


def _set(like: Manifest, unknown: Unknown) -> Iterator[str]:
    """Give what --set declared, as options again."""
    for key, origin in like["sources"].items():
        table = key.partition(".")[0]
        if origin != "--set" or table in ("prompts", "data", "store", "log"):
            continue
        try:
            yield f"{key}={_toml(value_of(like, key.split('.')))}"
        except (KeyError, TypeError, ValueError):
            if layer := "software" if table in ("versions", "env") else layer_of(PLACES.get(table, table)):
                unknown.setdefault(layer, []).append(_NOT_KEPT)


def _toml(value: Any) -> str:
    """Spell a value as TOML; JSON does for all but tables and null."""
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict) or item is None for item in items):
        raise ValueError("a table, or nothing")
    return json.dumps(value, ensure_ascii=False)


# --- what the eval itself will tell


def _leave_to_the_eval(now: Manifest, like: Manifest, unknown: Unknown) -> None:
    """Take out of the present what that run's eval reported of itself, and say which layers that leaves open."""
    told = [key for key, origin in like["sources"].items() if origin == REPORTED]
    tables: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("model_config", "model", now["model_config"]),
        ("prompt_versions", "prompts", now["prompt_versions"]),
        ("infra", "infra", now["infra"]["declared"]),
    )
    for table, layer, facts in tables:
        _take_out(facts, [key.removeprefix(f"{table}.") for key in told if key.startswith(f"{table}.")], layer, unknown)
    _take_out(now["prompts"], _reported(like["prompts"]), "prompts", unknown)
    _take_out(now["code"]["algorithms"], _reported(like["code"]["algorithms"]), "code", unknown)
    stdin = [name for name, one in like["data"]["sets"].items() if one["source"] == "stdin"]
    _take_out(now["data"]["sets"], [*_reported(like["data"]["sets"]), *stdin], "data", unknown)
    if "golden_version" in told:
        now["golden_version"] = None
        unknown.setdefault("data", []).append("golden_version")
    if "scenario" in told:
        now["scenario"] = like["scenario"]
    _agent(now, like, [key.removeprefix("agent.") for key in told if key.startswith("agent.")], unknown)
    _grader(now, like, unknown)
    _take_out({}, like["data"]["reported"], "data", unknown)
    composed = [path for path, file in like["config"]["files"].items() if file["source"] == "hydra"]
    _take_out({}, [*like["config"]["reported"], *composed], "config", unknown)


def _reported(entries: Mapping[str, Any]) -> list[str]:
    return [name for name, one in entries.items() if one["source"] == REPORTED]


def _take_out(facts: dict[str, Any], names: Iterable[str], layer: str, unknown: Unknown) -> None:
    for name in names:
        facts.pop(name, None)
        unknown.setdefault(layer, []).append(name)


def _agent(now: Manifest, like: Manifest, told: list[str], unknown: Unknown) -> None:
    agent = dict.fromkeys([*told, *(f"{name}_hash" for name in told)])
    now["agent"] = cast(
        "Agent", {name: None if name in agent and name != "extra" else said for name, said in now["agent"].items()}
    )
    _take_out({}, told, "agent", unknown)
    if any(tool["source"] == REPORTED for tool in like["tools"]):
        now["tools"] = []
        unknown.setdefault("agent", []).append("tools")


def _grader(now: Manifest, like: Manifest, unknown: Unknown) -> None:
    """The record does not say who told the grader's version and metrics: not declared, they were reported."""
    grader = like["grader"]
    _take_out({}, grader["reported"], "grader", unknown)
    if grader["version"] is not None and "grader.version" not in like["sources"]:
        now["grader"]["version"] = None
        unknown.setdefault("grader", []).append("version")
    metrics = [name for name in grader["metrics"] if f"grader.metrics.{name}" not in like["sources"]]
    _take_out(now["grader"]["metrics"], metrics, "grader", unknown)


def _reasons(names: list[str]) -> Iterator[str]:
    """Say why a layer is not known: the facts that the eval will tell, and what is lost."""
    lost = [name for name in names if name in (_NOT_KEPT, _BY_PATTERN)]
    facts = [name for name in dict.fromkeys(names) if name not in lost]
    if facts:
        yield f"{_LATER}: {listed(facts)}"
    yield from dict.fromkeys(lost)

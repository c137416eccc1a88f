"""What the eval reports of itself beside what was declared for it: it wins, a contradiction is told."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from evalprov.reported.fields import placed
from evalprov.reported.into_record import place
from evalprov.reported.text import brief, printable
from evalprov.secrets import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.reported.reported import Reported

_DECLARED = ("golden_version", "prompt_versions", "model_config", "agent", "grader")
_SERVED_NAMES = ("model", "model_id", "id")
_SPELLED_OUT = 20


def merge(manifest: Manifest, reported: Reported) -> None:
    """Put what the eval reported into the record."""
    record = cast("dict[str, Any]", manifest)
    facts = placed(reported.facts)
    contradictions = _contradictions(record, facts)
    for key, value in facts.items():
        place(record, key, value)
    manifest["warnings"] += [*reported.warnings, *contradictions]
    manifest["capture"]["metrics"] = {
        "status": "captured" if reported.source else "absent",
        "ms": reported.ms,
        "reason": reported.reason,
    }


def _contradictions(record: dict[str, Any], facts: dict[str, Any]) -> list[str]:
    """Return a warning for each reported fact that differs from the declared one, showing both."""
    found = _all(record, facts)
    told = list(islice(found, _SPELLED_OUT))
    if more := sum(1 for _ in found):
        told.append(f"{more} further facts that the eval reports differ from the declared ones")
    return told


def _all(record: dict[str, Any], facts: dict[str, Any]) -> Iterator[str]:
    for key in _DECLARED:
        yield from _differing(key, record[key], facts.get(key))
    declared, reported = _by_name(record["tools"]), _by_name(facts.get("tools", []))
    yield from _differing("tools", declared, reported)
    if declared and reported and declared.keys() != reported.keys():
        yield _both("tools", sorted(declared), sorted(reported), "the eval reports")
    model = {**record["model_config"], **facts.get("model_config", {})}
    observed = facts.get("observed", {}).get("model", {})
    yield from _differing("model_config", model, _served(model, observed), "what was served is")
    for path, file in record["config"]["files"].items():
        yield from _differing(path, file["values"], facts.get("config", {}).get("reported"))


def _served(model: dict[str, Any], observed: dict[str, Any]) -> dict[str, Any]:
    """Return what was served under the names the model was declared with."""
    named = next((observed[key] for key in _SERVED_NAMES if key in observed), None)
    return observed | {key: named for key in _SERVED_NAMES[:2] if key in model and not _is_snapshot(named, model[key])}


def _is_snapshot(served: Any, asked: Any) -> bool:
    """Say whether a served model is the one asked for, with a date or less its provider: that contradicts nothing."""
    if not isinstance(served, str) or not isinstance(asked, str):
        return False
    return re.fullmatch(rf"{re.escape(asked.rpartition('/')[2])}(?:[-@](?:\d[\d-]{{2,}}))?", served) is not None


def _by_name(tools: list[Any]) -> dict[str, Any]:
    """Return tools by name; a tool may be a bare name."""
    named = (tool if isinstance(tool, dict) else {"name": tool} for tool in tools)
    return {tool["name"]: tool for tool in named if isinstance(tool.get("name"), str)}


def _differing(path: str, declared: Any, reported: Any, verb: str = "the eval reports") -> Iterator[str]:
    if reported is None or declared in (None, "", {}, []):
        return
    if isinstance(declared, dict) and isinstance(reported, dict):
        for key in declared:
            # A secret stands as a placeholder on one side, and would be told by a warning that shows both.
            if key in reported and not is_secret_name(key):
                yield from _differing(f"{path}.{printable(key)}", declared[key], reported[key], verb)
    elif not _same(declared, reported):
        yield _both(path, declared, reported, verb)


def _both(path: str, declared: Any, reported: Any, verb: str) -> str:
    return f"{path} was declared as {brief(declared)}, and {verb} {brief(reported)}"


def _same(declared: Any, reported: Any) -> bool:
    if isinstance(declared, list) and isinstance(reported, list):
        return sorted(map(_canonical, declared)) == sorted(map(_canonical, reported))
    return bool(declared == reported) and isinstance(declared, bool) == isinstance(reported, bool)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)

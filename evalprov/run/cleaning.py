"""What the eval reported, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported import Reported
    from evalprov.secrets import Scrubber

# What of a report grows with its scenarios, and is names and numbers alone.
_BY_NAME = frozenset(
    ("metrics", "metric_summary", "metric_info", "scenario_groups", "scenarios_run", "stages", "errors")
)


def scrubbed(reported: Reported, scrub: Scrubber) -> Reported:
    """Take secrets out of what the eval reported; a metric's name may hold one, its number never does."""
    facts = reported.facts
    rest = {key: said for key, said in facts.items() if key not in _BY_NAME}
    names = _names(facts)
    told = scrub.knowing(_texts(rest))
    cleaned = {key: told.value(said) for key, said in rest.items()}
    scrub = scrub.plain().knowing(names)  # of these there may be very many, and none says what ran
    if all(scrub.text(name) == name for name in names):
        cleaned |= {key: said for key, said in facts.items() if key in _BY_NAME}
    else:
        cleaned |= {key: _with_names(said, scrub) for key, said in facts.items() if key in _BY_NAME}
    return reported._replace(facts=cleaned, warnings=[scrub.text(warning) for warning in reported.warnings])


def _names(facts: dict[str, Any]) -> set[str]:
    """Return the names and texts in what there may be very much of, each once."""
    found: set[str] = set(facts.get("scenarios_run", ()))
    for key in ("metrics", "metric_summary", "metric_info", "scenario_groups", "stages"):
        found.update(facts.get(key) or ())
    for values in (facts.get("metrics") or {}).values():
        found.update(values)
    found.update((facts.get("scenario_groups") or {}).values())
    found.update(info["unit"] for info in (facts.get("metric_info") or {}).values() if info["unit"])
    for error in facts.get("errors", ()):
        found.add(error["message"])
        if error["scenario"]:
            found.add(error["scenario"])
    return found


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _with_names(value: Any, scrub: Scrubber) -> Any:
    """Scrub names and texts for what they are, whatever stands beside them."""
    if isinstance(value, str):
        return scrub.text(value)
    if isinstance(value, dict):
        return {scrub.text(name): _with_names(inner, scrub) for name, inner in value.items()}
    return [_with_names(inner, scrub) for inner in value] if isinstance(value, list) else value

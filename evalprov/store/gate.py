"""The one gate to the disk: no record passes it with what can be told to be a secret, whoever forgot to hide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.secrets import Scrubber
    from evalprov.store.own_words import OwnWords

_APART = "\n\0\n"  # no credential goes beyond it
_DIGITS = str.maketrans("0123456789", "0" * 10)
_MANY = 16
# What grows with the scenarios is names and numbers: there may be very many, and none of them says what ran.
_OF_SCENARIOS = frozenset(
    ("metrics", "metric_summary", "metric_info", "scenario_groups", "scenarios_run", "stages", "errors")
)


def hide_credentials(manifest: Manifest, scrub: Scrubber) -> bool:
    """Hide what surely is a credential, and say whether there was any: quick, for the command waits to be started."""
    return scrub.has_credential(_APART.join(set(texts(manifest)))) and _hide(manifest, scrub.less_credentials)


def hide_secrets(manifest: Manifest, scrub: Scrubber) -> bool:
    """Hide whatever is a secret by itself, and say whether there was any."""
    record = cast("dict[str, Any]", manifest)
    names = _names(manifest)
    facts = {text for key, value in record.items() if key not in _OF_SCENARIOS for text in texts(value)} - names
    known = {**names_less_secrets(names, scrub), **_found(facts, scrub)}
    return bool(known) and _hide(manifest, lambda text: known.get(text, text))


def less_secrets(facts: dict[str, Any], scrub: Scrubber) -> dict[str, Any]:
    """Take out of what was reported what is a secret by the key that it stands at; names and numbers stay."""
    rest = {key: said for key, said in facts.items() if key not in _OF_SCENARIOS}
    told = scrub.knowing(texts(rest))
    return {**facts, **{key: told.value(said) for key, said in rest.items()}}


def names_less_secrets(names: set[str], scrub: Scrubber) -> dict[str, str]:
    """Return the names of scenarios that hold a secret, and what stands in their place in the record."""
    return _found(names, scrub.plain())


def _found(those: set[str], scrub: Scrubber) -> dict[str, str]:
    """Return the texts that hold a secret, and what is to stand in their place.

    Of very many that differ in their digits alone, which is how scenarios are numbered, two stand for all.
    """
    kinds: dict[str, list[str]] = {}
    for text in those:
        kinds.setdefault(text.translate(_DIGITS), []).append(text)
    named: set[str] = set()
    for alike in kinds.values():
        if len(alike) > _MANY and all(scrub.text(sample) == sample for sample in (alike[0], max(alike, key=_variety))):
            named.update(alike)
    if named and scrub.needles.hits(_APART.join(named).encode("utf-8", "surrogatepass")):
        named = set()
    known = scrub.knowing(those - named)
    return {text: clean for text in those - named if (clean := known.text(text)) != text}


def _variety(text: str) -> int:
    """Return how many letters and digits a text has: the more, the more does it look like a secret."""
    return len(set(text))


def _hide(manifest: Manifest, clean: Callable[[str], str]) -> bool:
    from evalprov.store.own_words import of_record  # hardly any record holds a secret by now

    record = cast("dict[str, Any]", manifest)
    own = of_record()
    for key, value in record.items():
        record[key] = _cleaned(value, clean, own.inside(key))
    return True


def _cleaned(value: Any, clean: Callable[[str], str], own: OwnWords) -> Any:
    if isinstance(value, str):
        return value if own.has(value) else clean(value)
    if isinstance(value, dict):
        return {
            name if own.names(name) else clean(name): _cleaned(inner, clean, own.inside(name))
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(inner, clean, own.inside("")) for inner in value]
    return value


def _names(m: Manifest) -> set[str]:
    """Return the texts in what grows with the scenarios, each once."""
    found = {*m["scenarios_run"], *(m["metric_summary"] or {}), *m["metric_info"], *m["stages"], *(m["metrics"] or {})}
    found.update(*(m["metrics"] or {}).values())
    found.update(m["scenario_groups"], m["scenario_groups"].values())
    found.update(info["unit"] for info in m["metric_info"].values() if info["unit"])
    for error in m["errors"]:
        found.update(filter(None, (error["message"], error["scenario"], error["stderr_tail"])))
    return found


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)

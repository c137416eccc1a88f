"""Which way is better for a metric, and its unit: as the settings or the eval say, else by its name."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from evalprov.judge import direction_words as known
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.judge.rules import Direction, MetricRule
    from evalprov.record.schema.outcome import MetricInfo

From = Literal[
    "settings",
    "reported",
    "definition",  # the whole name is a known metric's
    "name",  # a guess, by the words in it
]

_PHRASES: dict[str, list[tuple[str, ...]]] = {}  # by their first word, the longest first
for _phrase in sorted(known.PHRASES, key=len, reverse=True):
    _PHRASES.setdefault(_phrase[0], []).append(_phrase)
_KNOWN = known.LOWER | known.HIGHER | known.WEAK | known.ALONE.keys()
_UNITS = {
    "ms": "ms",
    "millis": "ms",
    "milliseconds": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "usd": "usd",
    "eur": "eur",
    "tokens": "tokens",
    "mb": "mb",
    "bytes": "bytes",
    "percent": "percent",
    "pct": "percent",
}
# What an eval spends, and a machine or a provider's day can change as much as the program: time, money, tokens, memory.
_SPENT_UNITS = frozenset(("s", "ms", "usd", "eur", "tokens", "mb", "bytes"))
_SPENT = frozenset((
    "bytes", "cost", "costs", "duration", "durations", "elapsed", "latencies", "latency", "mb", "memory", "millis",
    "milliseconds", "minutes", "ms", "price", "rss", "runtime", "sec", "seconds", "secs", "spend", "spent", "time",
    "tokens", "tpot", "ttft", "usd", "eur",
))  # fmt: skip
_COUNTS = ("_mean", "_total")
_STATISTIC = re.compile(r"mean|total|avg|average|median|max|min|sum|p\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")


class Way(NamedTuple):
    """What is known of a metric beside its values."""

    direction: Direction | None
    source: From | None  # where the direction is from
    unit: str | None
    conflict: bool  # the sides contradict each other


def rule_of(rules: Mapping[str, MetricRule], name: str) -> MetricRule | None:
    """Return a metric's rule, by its name in the summary or in the scenarios."""
    for one in (name, *(name.removesuffix(end) for end in _COUNTS), *(f"{name}{end}" for end in _COUNTS)):
        if one in rules:
            return rules[one]
    return None


def way_of(name: str, rule: MetricRule | None, info: Sequence[MetricInfo]) -> Way:
    """Say which way is better for a metric."""
    units = [one["unit"] for one in info if one["unit"]]
    unit = (rule and rule.unit) or (units[0] if units else unit_of(name))
    said = {one["direction"] for one in info if one["direction"]}
    if rule is not None and rule.direction is not None:
        return Way(rule.direction, "settings", unit, conflict=False)
    if said:
        agreed = said.pop() if len(said) == 1 else None
        return Way(agreed, agreed and "reported", unit, conflict=agreed is None)
    direction = direction_of(name)
    spent = direction == "lower" and is_spent(name, unit_of(name))
    source: From = "definition" if spent or is_defined(name) else "name"
    return Way(direction, direction and source, unit, conflict=False)


def table_of(name: str) -> str:
    """Return the head of a metric's own table in the settings."""
    return f"[metrics.{name if re.fullmatch(r'[A-Za-z0-9_-]+', name) else json.dumps(name)}]"


def guess(name: str, direction: Direction | None) -> str:
    """Say that a direction is guessed, and what confirms it."""
    way = "more" if direction == "higher" else "less"
    return f'that {way} is better is guessed from its name: direction = "{direction}" in {table_of(name)} confirms it'


def is_defined(name: str) -> bool:
    """Say whether a name is that of a known metric and nothing else, so that its direction is no guess."""
    words = [word for word in words_of(name) if word and not _STATISTIC.fullmatch(word)]
    return not known.DEFINED.isdisjoint(words) and known.DEFINED.union(known.SPLITS).issuperset(words)


@lru_cache(maxsize=4096)
def direction_of(name: str) -> Direction | None:
    """Return which way a metric's name alone says is better; null where it says both or neither."""
    words = [word for word in words_of(name) if word]
    if words[-1:] == ["s"] and not {"_s", "/s"} & {name[at : at + 2] for at in range(len(name))}:
        words.pop()  # somebody's
    essence = [word for word in words if not _STATISTIC.fullmatch(word)]
    if words[:1] == ["neg"]:  # scikit-learn's
        return "higher" if _by_words(words[1:]) == "lower" else None
    if len(essence) == 1 and essence[0] in known.ALONE:
        return known.ALONE[essence[0]]
    return _by_words(words)


def _by_words(words: Sequence[str]) -> Direction | None:
    said = frozenset(words)
    if said & known.UNSURE:
        return None
    for special in (_of_waiting, _of_ratio, _of_refusals, _of_attacks, _of_detectors, _of_changes):
        if (found := special(words)) is not None:
            return found[0]
    ways = set(_ways(words))
    if ways:
        return ways.pop() if len(ways) == 1 else None
    return "higher" if said & known.WEAK and not said & known.COUNTING else None


def _ways(words: Sequence[str]) -> Iterator[Direction | None]:
    """Give what each word or phrase says of which way is better."""
    at = 0
    while at < len(words):
        likely = _PHRASES.get(words[at], ())
        phrase = next((one for one in likely if tuple(words[at : at + len(one)]) == one), None)
        if phrase is not None:
            yield known.PHRASES[phrase]
            at += len(phrase)
            continue
        word = words[at]
        at += 1
        if word in known.HIGHER:
            yield "higher"
        elif word in known.LOWER and not (word in known.AMOUNTS and not known.TRAFFIC.isdisjoint(words)):
            yield "lower"
        elif word == "s" and at == len(words) > 1:
            yield "lower"  # seconds


# --- what several words say together: null where these are none of them, else the direction, which may be unknown

_Found = tuple["Direction | None"]


def _of_waiting(words: Sequence[str]) -> _Found | None:
    """Time to something is spent, but to a failure it is lasting."""
    for at in range(1, len(words) - 1):
        if words[at] in known.UNTIL and words[at - 1] in known.LASTING:
            if words[at + 1] in known.BREAKDOWN:
                return ("higher",)
            if words[at - 1] == "time":
                return ("lower",)
    return None


def _of_ratio(words: Sequence[str]) -> _Found | None:
    """Of work more per second is better; of what goes wrong or is spent, less of it per whatever."""
    if len(words) > 1 and words[-1] == "s" and words[-2] in known.WORK:
        words = [*words[:-1], "per", "s"]
    if "per" not in words or tuple(words) in known.PHRASES:
        return None
    work, unit = words[: words.index("per")], words[words.index("per") + 1 :]
    if known.LOWER.difference(known.AMOUNTS, known.WORK).isdisjoint(work) and not known.WORK.isdisjoint(work):
        return (None if known.RESOURCE.isdisjoint(unit) else "higher",)
    return (_by_words(work),)


def _of_refusals(words: Sequence[str]) -> _Found | None:
    if known.REFUSING.isdisjoint(words):
        return None
    harmful, harmless = (not known_ones.isdisjoint(words) for known_ones in (known.HARMFUL, known.HARMLESS))
    return (None if harmful == harmless else "higher" if harmful else "lower",)


def _of_attacks(words: Sequence[str]) -> _Found | None:
    """That an attack succeeds is bad, that it is withstood is good."""
    said = frozenset(words)
    if not said & known.HOSTILE:
        return None
    if said & known.WITHSTANDING:
        return ("higher",)
    if said & known.DETECTING or known.HIGHER & said - known.SUCCESSES:
        return None
    return ("lower" if said & known.SUCCESSES or (said & known.JAILBREAKS and not said & known.COUNTING) else None,)


def _of_detectors(words: Sequence[str]) -> _Found | None:
    """A detector of what is bad is good where it is measured; else nobody knows who is meant."""
    said = frozenset(words)
    bad = said & (known.LOWER | known.HARMFUL)
    if not (said & known.DETECTING and bad - known.ERRORS | (bad if said & known.OF_DETECTORS else frozenset())):
        return None
    return ("higher" if said & known.OF_DETECTORS and "false" not in said else None,)


def _of_changes(words: Sequence[str]) -> _Found | None:
    """What is bad and becomes less is good; what is good and becomes less is bad."""
    for at, word in enumerate(words):
        if word not in known.LESSENED and word not in known.WORSENED:
            continue
        ways = set(_ways(words[:at]))
        if word in known.LESSENED and (ways == {"lower"} or not ways):
            spent = word.startswith("recover") and not _SPENT.isdisjoint(words)
            certain = ways or word.startswith("recover")
            return ("higher" if certain and not spent else None,)
        if word in known.WORSENED:
            good = ways or {"higher" for one in words[:at] if one in known.WEAK}
            return ("lower" if good == {"higher"} else None,)
    return None


def is_spent(name: str, unit: str | None) -> bool:
    """Say whether a metric is what the eval spends, and no quality of its answers."""
    return unit in _SPENT_UNITS or not _SPENT.isdisjoint(words_of(name))


def unit_of(name: str) -> str | None:
    """Return the unit that a metric's name ends in."""
    words = words_of(name)
    while words and _STATISTIC.fullmatch(words[-1]):
        words.pop()
    if len(words) < 2 or (words[-1] == "s" and ("_s" not in name or words[-2] in known.WORK)):
        return None
    return _UNITS.get(words[-1])


def words_of(name: str) -> list[str]:
    """Return the words of a name: split where it has no letter or digit, and where camelCase has a capital."""
    parts = ([part] if part.lower() in _KNOWN else _CAMEL.findall(part) for part in _ALPHANUMERIC.findall(name))
    words = [word.lower() for part in parts for word in part]
    return [word if word in _KNOWN or _STATISTIC.fullmatch(word) else word.rstrip("0123456789") for word in words]

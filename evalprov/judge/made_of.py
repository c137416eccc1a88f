"""A summary's number that is no mean of its scenarios: what it is made of, as declared or as proven by the numbers."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

from evalprov.judge.choose_test import ONE_GROUP, Weighed
from evalprov.judge.direction import table_of
from evalprov.judge.samples import own_names
from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.stats.columns import is_rounded, mean_of, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.groups import Groups
    from evalprov.judge.rules import MetricRule
    from evalprov.judge.samples import Sample, Table
    from evalprov.stats.aggregate import Aggregate
    from evalprov.stats.columns import Column

_QUANTILE = re.compile(r"(?:^|_)(p\d{1,2}|median)(?=_|$)")
_PASS_AT = re.compile(r"(?:^|_)pass(?:@|_at_|_?)([1-9]\d{0,4})$")
_BY_NAME = ("micro_f1", "micro_precision", "micro_recall", "bleu", "macro_f1")  # told by their names' last word
_LEAST = 5  # scenarios: of fewer no number made of all of them has a noise that can be told
_SHORT = 40  # letters of the names that it takes
_REPEATS = "`evalprov run --repeat 5` on each side would tell"


class _Both(NamedTuple):
    """The values by scenario that a number is made of, on both sides, by metric; the scenarios alike if paired."""

    scenarios: tuple[Sequence[str], Sequence[str]]
    a: list[list[float]]
    b: list[list[float]]

    @property
    def paired(self) -> bool:
        return self.scenarios[0] == self.scenarios[1]


def of_aggregate(name: str, a: Sample, b: Sample, rule: MetricRule | None, groups: Groups) -> Weighed | None:
    """Judge a number by what it is made of; null where it is the mean of its scenarios, or nothing of theirs.

    The number is made anew from the scenarios first: only if it comes out as reported its noise is known.
    """
    if a.table is None or b.table is None or a.value is None or b.value is None:
        return None
    declared = rule.aggregate if rule else None
    aggregates = _declared(rule) if rule and declared else _likely(name, a.table)
    told = None
    for one in aggregates:
        tables = (a.table, b.table)
        if isinstance(one, str):
            return Weighed(None, one)
        both = _columns(one, tables)
        if isinstance(both, str):
            told = told or both
            continue
        made = [_value(one, side) for side in (both.a, both.b)]
        wanted = [number(a.value), number(b.value)]
        if all(isfinite(one) and is_rounded(want, one) for want, one in zip(wanted, made, strict=True)):
            return _judged(one, both, groups)
        words = " and ".join(rounded(one) if isfinite(one) else "nothing" for one in made)
        of = ", ".join(one.of)
        told = told or f"{one.name} of {of} is {words}, and not what the runs report"
    if declared:
        return Weighed(None, f"[metrics] aggregate: {told}")
    return Weighed(None, _what_would_tell(name, a.table, b.table))


def _declared(rule: MetricRule) -> list[Aggregate | str]:
    from evalprov.stats.aggregate import Aggregate, methods, names_of, quantile_of

    name = rule.aggregate or ""
    if name.startswith("python:"):
        if rule.function is None:
            return [f"{name} is not run: look at it, then `evalprov trust`"]
        if not rule.of:
            return [f"of = [...] has to name the scenarios' metrics that {name} takes"]
        return [Aggregate(name, rule.of, function=rule.function)]
    of = rule.of or names_of(name)
    if of is None:
        return [f"of = [...] has to name the scenarios' metrics that {name} is made of"]
    share = quantile_of(name)
    if share is not None:
        return [Aggregate(name, of, share, method) for method in methods()]
    return [Aggregate(name, of)]


def _likely(name: str, table: Table) -> list[Aggregate | str]:
    """Return what a number may be made of by its name; whether it is, the numbers say."""
    from evalprov.stats.aggregate import Aggregate, methods, names_of, quantile_of

    found: list[Aggregate | str] = []
    if part := _QUANTILE.search(name):
        bare = (name[: part.start()] + name[part.end() :]).strip("_")
        if bare in table.names:
            found += [Aggregate(part[1], (bare,), quantile_of(part[1]), method) for method in methods()]
    for one in _by_name(name):
        names = names_of(one) or ()
        if all(own in table.names for own in names):
            found.append(Aggregate(one, names))
    return found


def _by_name(name: str) -> list[str]:
    """Return the aggregates that a number's name may be of, quantiles aside."""
    found = [one for one in _BY_NAME if one.rpartition("_")[2] in name.lower()]
    part = _PASS_AT.search(name.lower())
    return [*found, f"pass@{part[1]}"] if part else found


def _columns(one: Aggregate, tables: Sequence[Table]) -> _Both | str:
    """Return the values on both sides: of the scenarios that each number is of."""
    sides: list[tuple[Sequence[str], list[list[float]]]] = []
    for side, table in zip("AB", tables, strict=True):
        columns: list[Column] = [table.column(name) for name in one.of]
        lacking = [name for name, column in zip(one.of, columns, strict=True) if not column.values]
        if lacking:
            return f"the scenarios of {side} have no {', '.join(lacking)}"
        if any(column.scenarios != columns[0].scenarios for column in columns[1:]):
            return f"some scenarios of {side} lack one of {', '.join(one.of)}"
        sides.append((columns[0].scenarios, [list(column.values) for column in columns]))
    (names_a, a), (names_b, b) = sides
    if names_a != names_b and set(names_a) == set(names_b):
        places = {name: place for place, name in enumerate(names_b)}
        b = [[column[places[name]] for name in names_a] for column in b]
        names_b = names_a
    return _Both((names_a, names_b), a, b)


def _value(one: Aggregate, columns: list[list[float]]) -> float:
    import numpy as np

    if one.name.startswith("pass@"):
        return mean_of(_by_scenario(one, columns))
    if one.name in ("mean", "sum"):
        return mean_of(columns[0]) * (len(columns[0]) if one.name == "sum" else 1)
    return one.value([np.asarray(column) for column in columns])


def _by_scenario(one: Aggregate, columns: list[list[float]]) -> list[float]:
    """Return the values that a number is the mean of."""
    import numpy as np

    from evalprov.stats.aggregate import pass_at

    if one.name.startswith("pass@"):
        k = int(one.name.removeprefix("pass@"))
        return list(pass_at(k, np.asarray(columns[0]), np.asarray(columns[1])))
    if one.name == "mean":
        return columns[0]
    if one.name == "sum":
        return [value * len(columns[0]) for value in columns[0]]
    return list(one.shares([np.asarray(column) for column in columns]))


def _judged(one: Aggregate, both: _Both, groups: Groups) -> Weighed:
    import numpy as np

    from evalprov.stats import paired, unpaired
    from evalprov.stats.aggregate import of_quantiles

    count = min(len(both.a[0]), len(both.b[0]))
    if count < _LEAST:
        return Weighed(None, f"{one.name} of {count} scenarios: their noise is unknown; {_REPEATS}")
    numbers = [groups.of(names) for names in both.scenarios]
    if one.share is not None:
        if not both.paired or numbers[0] is not None:
            apart = "scenarios in groups" if both.paired else "other scenarios on each side"
            return Weighed(None, f"a quantile of {apart}: its noise is unknown; {_REPEATS}")
        return Weighed(of_quantiles(np.asarray(both.a[0]), np.asarray(both.b[0]), one), None)
    shares = [np.asarray(_by_scenario(one, side)) for side in (both.a, both.b)]
    if both.paired:
        d = shares[1] - shares[0]
        found = paired.of_groups(d, numbers[0]) if numbers[0] is not None else paired.of_numbers(d)
        unit = "scenario" if numbers[0] is None else "group"
    else:
        means = [unpaired.mean_of(side, groups_) for side, groups_ in zip(shares, numbers, strict=True)]
        found, unit = unpaired.of_means(means[0], means[1]), "scenario" if numbers == [None, None] else "group"
    if found.noise.df <= 0:
        return Weighed(None, ONE_GROUP)
    method = f"{one.name}, jackknifed by {unit}: {found.method}"
    return Weighed(found._replace(method=method), None, "group" if unit == "group" else "scenario", count / found.n)


def _what_would_tell(name: str, a: Table, b: Table) -> str:
    """Say of a number that its scenarios do not make what one line of settings would do."""
    from evalprov.stats.aggregate import names_of

    quantile = _QUANTILE.search(name)
    likely = quantile[1] if quantile else next(iter(_by_name(name)), None)
    of = ", ".join(names_of(likely or "") or ())
    line = f'{table_of(name)} aggregate = "{likely or "..."}"'
    line += f" and {of} by scenario" if of and len(of) < _SHORT else ", and what it is made of by scenario"
    for own in own_names(name):
        columns = [table.column(own).values for table in (a, b)]
        if all(columns):
            means = " and ".join(rounded(mean_of(column)) for column in columns)
            return f"it is not the mean of its scenarios' {own} ({means}): {line}, or {_REPEATS}"
    return f"its scenarios do not make it: {line}, or {_REPEATS}"

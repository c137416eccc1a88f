"""Runs of one program that disagree with each other: found, weighed against their own noise, and explained.

Runs that share a fingerprint should give the same results, up to noise. Where they do not, the program is not
deterministic in a way its scenarios do not show, or something that moves scores is not in the fingerprint. So it is
with the hash that the eval's own config layer gave: runs that share it and differ lack a field in that layer.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from math import isclose, isnan, nan
from typing import TYPE_CHECKING, Any, Literal

from evalprov.explain.suspects import PACKAGES_HASH, Facts, Split, facts_of, packages_of, suspects
from evalprov.judge.samples import is_redundant_total, mean_or_sum_of, own_names
from evalprov.named import NamedTuple
from evalprov.record.layers import JUDGED, PROGRAM
from evalprov.record.result import why_none
from evalprov.stats.columns import number
from evalprov.stats.noise import LEVEL, Judgement, holm, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from evalprov.record.manifest import Manifest

    Load = Callable[[str], Manifest | None]
    Row = Mapping[str, "float | bool | None"]

Verdict = Literal["equal", "within_noise", "disagrees", "noise_unknown"]
GroupVerdict = Literal["agrees", "disagrees", "noise_unknown", "no_metrics"]

KEPT = 200  # of a fingerprint's runs, the last so many are compared
SUSPECTS = 20
OF_BUILDER = (
    "same hash of the config layer, other results: nondeterminism, or a field that the layer lacks; "
    "add it with add_field"
)
ADVICE = (
    "same fingerprint, other results: nondeterminism, or a fact that is not in the fingerprint; "
    "declare it with --set, --prompt or --data, or in evalprov.toml"
)


class Run(NamedTuple):
    """What is kept of a run."""

    run_id: str
    summary: dict[str, float]
    facts: tuple[tuple[tuple[str, str], ...], ...]  # by section; like sections are one object


class Id(NamedTuple):
    """What runs have in common that are compared: their fingerprint, or the config layer's own hash and a scenario."""

    fingerprint: str | None
    builder: str | None = None
    scenario: str | None = None


class Shared:
    """The runs of one id."""

    __slots__ = ("count", "fingerprints", "first", "kept")

    def __init__(self, line: Mapping[str, Any]) -> None:
        self.first = (line["scenario"], line["identity"]["program"], _pinned(line["model_config"]))
        self.count = 0
        self.fingerprints: set[str | None] = set()
        self.kept: list[Run] = []  # newest first

    @property
    def tells_more(self) -> bool:
        """Whether there is something to compare that the groups by fingerprint have not."""
        return self.count > 1 and (len(self.fingerprints) > 1 or None in self.fingerprints)


class Metric(NamedTuple):
    """A metric's values in a group's runs, and whether they disagree."""

    name: str
    values: list[tuple[str, float]]  # by run, oldest first
    verdict: Verdict
    judged: Judgement | None
    p: float | None  # adjusted for everything that was judged
    note: str | None


class Group(NamedTuple):
    """The runs of one id, compared."""

    fingerprint: str | None  # null where they share the config layer's hash and not all of them a fingerprint
    builder: str | None  # that hash
    program: str | None  # of one of them at least
    scenario: str | None
    runs: int
    run_ids: list[str]  # those compared, oldest first
    verdict: GroupVerdict
    pinned: str | None  # what of the model was pinned that should make it repeat itself
    metrics: list[Metric]
    suspects: list[Split]
    telling_nothing: list[str]  # facts with another value in every run


class Audit(NamedTuple):
    """What the history says about programs that were run more than once."""

    groups: list[Group]  # those that disagree first
    runs: int  # in the history
    single: int  # runs that are the only one of their fingerprint
    left_out: dict[str, int]  # why runs could not be compared, and how many


def audit(lines: Iterable[Mapping[str, Any]], load: Load, *, allow_failed: bool | None = None) -> Audit:
    """Compare the runs that share an id; `load` gives a run's record, or null where it cannot be read."""
    shared, left_out, count = gather(lines, allow_failed=allow_failed)
    fingerprints = {id_: runs for id_, runs in shared.items() if id_.fingerprint}
    repeated = {id_: runs for id_, runs in fingerprints.items() if runs.count > 1}
    compared = repeated | {id_: runs for id_, runs in shared.items() if id_.builder and runs.tells_more}
    groups = _with_verdicts([_compared(id_, runs, load) for id_, runs in compared.items()])
    explained = [_explained(group, shared[_id(group)].kept[::-1], load) for group in groups]
    return Audit(explained, count, len(fingerprints) - len(repeated), left_out)


def _id(group: Group) -> Id:
    return Id(group.fingerprint) if group.fingerprint else Id(None, group.builder, group.scenario)


def gather(
    lines: Iterable[Mapping[str, Any]], *, allow_failed: bool | None = None
) -> tuple[dict[Id, Shared], dict[str, int], int]:
    """Sort history lines, newest first, by what they share; count those that cannot be compared, with the reason."""
    shared: dict[Id, Shared] = {}
    left_out: Counter[str] = Counter()
    sections: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    count = 0
    for line in lines:
        count += 1
        identity = line["identity"]
        fingerprint, builder = identity["fingerprint"], identity["builder"]
        if (why := why_none(line, allow_failed=allow_failed)) is not None:
            left_out[why] += 1
            continue
        if fingerprint is None:
            left_out[_unknown(identity)] += 1
        ids = [Id(fingerprint)] if fingerprint else []
        ids += [Id(None, builder, line["scenario"])] if builder else []
        groups = [shared.get(id_) or shared.setdefault(id_, Shared(line)) for id_ in ids]
        for group in groups:
            group.count += 1
            group.fingerprints.add(fingerprint)
        if wanting := [group for group in groups if len(group.kept) < KEPT]:
            facts = [*facts_of(line), *([_layers(identity)] if builder else [])]
            like = tuple(sections.setdefault(one, one) for one in (tuple(s.items()) for s in facts))
            run = Run(line["run_id"], _numbers(line["metric_summary"] or {}), like)
            for group in wanting:
                group.kept.append(run)
    return shared, dict(left_out.most_common()), count


def _unknown(identity: Mapping[str, Any]) -> str:
    reasons = [
        f"{name}: {identity['unknown'].get(name, 'not known')}"
        for name in (*PROGRAM, *JUDGED)
        if name in identity["layers"] and identity["layers"][name] is None
    ]
    return f"no fingerprint: {'; '.join(reasons) or identity['unknown'].get('fingerprint', 'none was recorded')}"


def _layers(identity: Mapping[str, Any]) -> Facts:
    """Return the layers' hashes as facts: all of one fingerprint have the same."""
    known = {name: identity["layers"].get(name) for name in (*PROGRAM, *JUDGED)}
    return {f"the {name} layer": json.dumps(hashed) for name, hashed in known.items() if hashed}


def _numbers(metrics: Row) -> dict[str, float]:
    return {name: number(value) for name, value in metrics.items() if value is not None}


def _pinned(model: Mapping[str, Any]) -> str | None:
    temperature, seed = model.get("temperature"), model.get("seed")
    said = ["temperature 0"] if temperature == 0 and temperature is not False else []
    said += [f"seed {seed}"] if seed is not None else []
    return " and ".join(said) or None


def _compared(id_: Id, shared: Shared, load: Load) -> Group:
    runs = shared.kept[::-1]
    columns = {name: [run.summary.get(name) for run in runs] for name in _names(runs)}
    unequal = [name for name, values in columns.items() if not _equal(values)]
    records = _Records(runs, unequal, load) if unequal else None
    metrics = [_metric(name, runs, values, records if name in unequal else None) for name, values in columns.items()]
    scenario, program, pinned = shared.first
    ids = [run.run_id for run in runs]
    verdict: GroupVerdict = "agrees" if metrics else "no_metrics"
    return Group(id_.fingerprint, id_.builder, program, scenario, shared.count, ids, verdict, pinned, metrics, [], [])


def _explained(group: Group, runs: Sequence[Run], load: Load) -> Group:
    """Name the facts outside the id that differ, where results do so by more than noise."""
    if group.verdict not in ("disagrees", "noise_unknown"):
        return group
    facts: list[Facts] = [{name: text for section in run.facts for name, text in section} for run in runs]
    if len({one.get(PACKAGES_HASH) for one in facts}) > 1:
        for run, one in zip(runs, facts, strict=True):
            if (manifest := load(run.run_id)) is not None:
                one.update(packages_of(manifest["software"]))
    at_issue = [metric for metric in group.metrics if metric.verdict == group.verdict]
    values = {metric.name: [run.summary.get(metric.name) for run in runs] for metric in at_issue}
    found, nothing = suspects(facts, values)
    return group._replace(suspects=found[:SUSPECTS], telling_nothing=nothing)


def _names(runs: Sequence[Run]) -> list[str]:
    """Return the metrics that two runs or more have; a total says no more than the mean beside it."""
    count = Counter(name for run in runs for name in run.summary)
    return [name for name, times in count.items() if times > 1 and not is_redundant_total(name, count)]


def _equal(values: Iterable[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return all(isclose(value, known[0], rel_tol=1e-9) for value in known)


class _Records:
    """The per-scenario values of a group's runs, for the metrics that need them."""

    def __init__(self, runs: Sequence[Run], metrics: Sequence[str], load: Load) -> None:
        self.columns: list[dict[str, array[float]]] = []  # by run and metric; NaN where a scenario has none
        wanted = {own for name in metrics for own in own_names(name)}
        places: dict[str, int] = {}  # scenario to its place in the columns
        for run in runs:
            manifest = load(run.run_id)
            self.columns.append({})
            self._take((manifest and manifest["metrics"]) or {}, wanted, places)
        for columns in self.columns:
            for column in columns.values():
                column.extend([nan] * (len(places) - len(column)))

    def _take(self, scenarios: Mapping[str, Row], wanted: set[str], places: dict[str, int]) -> None:
        columns = self.columns[-1]
        for scenario, row in scenarios.items():
            place = places.setdefault(scenario, len(places))
            for name in wanted & row.keys():
                value = row[name]
                column = columns.setdefault(name, array("d"))
                column.extend([nan] * (place + 1 - len(column)))
                column[place] = nan if value is None else number(value)

    def of(self, name: str, values: Sequence[float | None]) -> list[array[float]]:
        """Return the per-scenario values of the runs that have a metric in their summary and its values as well."""
        for own in own_names(name):
            found = [
                columns[own]
                for columns, value in zip(self.columns, values, strict=True)
                if value is not None and own in columns and mean_or_sum_of(name, own, value, _known(columns[own]))
            ]
            if found:
                return found
        return []


def _known(column: array[float]) -> list[float]:
    return [value for value in column if not isnan(value)]


def _metric(name: str, runs: Sequence[Run], values: Sequence[float | None], records: _Records | None) -> Metric:
    known = [(run.run_id, value) for run, value in zip(runs, values, strict=True) if value is not None]
    notes = [f"{len(runs) - len(known)} of {len(runs)} runs lack it"] if len(known) < len(runs) else []
    if records is None:
        return Metric(name, known, "equal", None, None, _joined(notes))
    rows = records.of(name, values)
    judged = judge(rows) if len(rows) > 1 else None
    if not rows:
        notes.append("no per-scenario values")
    elif judged is None:
        notes.append("too few per-scenario values to tell")
    else:
        most = max(sum(not isnan(value) for value in row) for row in rows)
        if judged.unstable is None:
            notes.append("the runs share few scenarios or none")
        elif most > judged.scenarios:
            notes.append(f"judged on the {judged.scenarios} scenarios that every run has, of up to {most}")
        if len(rows) < len(known):
            notes.append(f"judged on {len(rows)} of {len(known)} runs; the others have no per-scenario values")
    whole = judged is not None and len(rows) == len(known)
    return Metric(name, known, "within_noise" if whole else "noise_unknown", judged, None, _joined(notes))


def _joined(notes: Sequence[str]) -> str | None:
    return "; ".join(notes) or None


_WORST_FIRST: tuple[GroupVerdict, ...] = ("disagrees", "noise_unknown", "agrees", "no_metrics")


def _with_verdicts(groups: list[Group]) -> list[Group]:
    """Adjust every p-value for all that was judged, and say of each group what follows; the worst come first."""
    ps = [metric.judged.p for group in groups for metric in group.metrics if metric.judged]
    adjusted = iter(holm(ps))
    return sorted(
        (_with_verdict(group, [_settled(metric, adjusted) for metric in group.metrics]) for group in groups),
        key=lambda group: _WORST_FIRST.index(group.verdict),
    )


def _settled(metric: Metric, adjusted: Iterator[float]) -> Metric:
    if metric.judged is None:
        return metric
    p = next(adjusted)
    return metric._replace(p=p, verdict="disagrees" if p < LEVEL else metric.verdict)


def _with_verdict(group: Group, metrics: list[Metric]) -> Group:
    said = {metric.verdict for metric in metrics}
    verdict: GroupVerdict = group.verdict
    if "disagrees" in said:
        verdict = "disagrees"
    elif "noise_unknown" in said:
        verdict = "noise_unknown"
    return group._replace(metrics=metrics, verdict=verdict)

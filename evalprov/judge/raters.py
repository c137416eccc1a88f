"""What people's labels tell of a grader: whether it agrees with them, how far it errs, and whether that moved."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from evalprov.errors import UnreadableError
from evalprov.explain.wording import brief
from evalprov.judge.metric_diff import REAL
from evalprov.judge.rules import Label
from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.stats.columns import mean_of, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.stats.evidence import Evidence, Interval

_KEYS = {"scenario", "label", "rater", "metric", "run"}
_EXAMPLE = 'a line is such as {"scenario": "t1", "label": 1, "rater": "anna"}, with "metric" and "run" where needed'
FEWEST = 10  # labelled scenarios, of fewer nothing is said of the grader's error
_LEVEL = 0.05


class Agreement(NamedTuple):
    """How far those who judged the same things agree beyond chance: 1 is always, 0 as chance has it."""

    measure: str
    value: float | None  # null where all judged alike: then nothing tells
    interval: tuple[float, float] | None


class GraderCheck(NamedTuple):
    """What labels tell of how a metric was graded on one side."""

    metric: str
    labelled: int  # scenarios
    scenarios: int  # with a grade
    agreement: Agreement | None  # of the grader with people
    among_people: Agreement | None  # of people with each other, where several labelled the same
    error: float | None  # grade less label, the mean
    error_interval: tuple[float, float] | None
    score: float  # the mean grade
    corrected: float | None  # what it would be, had people labelled all of it
    corrected_interval: tuple[float, float] | None
    any_run: bool  # labels that name no run are among them: of which outputs they are is not known

    def told(self) -> str:
        """Say it in a line."""
        said = f"{brief(self.metric)}: {_scenarios(self.labelled)} of {self.scenarios} labelled by people"
        for one, words in (
            (self.agreement, "the grader agrees with them"),
            (self.among_people, "they with each other"),
        ):
            if one and one.value is not None:
                span = f" ({_span(one.interval)})" if one.interval else ""
                said += f"; {words} at {one.measure} {rounded(one.value)}{span}"
        if self.error is None or self.error_interval is None:
            return f"{said}; of how far the grader errs nothing can be told: that takes {FEWEST}"
        said += f"; it is off by {rounded(self.error, '+')} ({_span(self.error_interval)})"
        if self.corrected is not None and self.corrected_interval is not None:
            said += f": {rounded(self.score)} is {rounded(self.corrected)} corrected ({_span(self.corrected_interval)})"
        return said + ("; labels without a run are taken to be of its outputs" if self.any_run else "")


class GraderMove(NamedTuple):
    """Whether the grader's error moved from A to B, and what that makes of a metric's move."""

    metric: str
    moved: bool | None  # null where labels are too few to tell
    by: float
    interval: tuple[float, float] | None
    p: float
    delta: float | None  # of the score, where that moved for real

    def told(self) -> str:
        """Say it in a line."""
        by = f"{rounded(self.by, '+')} ({_span(self.interval)})" if self.interval else rounded(self.by, "+")
        told = f"the grader's error of {brief(self.metric)} moved by {by}"
        if self.delta is None:
            return told if self.moved else f"{told}: not proven"
        of = f" of {rounded(self.delta, '+')}"
        if self.moved:
            return f"{told}: so much of the score's move{of} is its doing"
        if self.moved is None:
            return f"whether {brief(self.metric)}'s move{of} is the grader's cannot be told: its error moved by {by}"
        return f"{brief(self.metric)}'s move{of} is not the grader's: its error moved by {by}"

    def in_short(self) -> str:
        """Say of a move that is proven to be the grader's how much of the score's it is."""
        by = rounded(self.by, "+")
        if self.delta is None:
            return f"the grader's error of {brief(self.metric)} moved by {by}"
        return f"{by} of {brief(self.metric)}'s move of {rounded(self.delta, '+')} is the grader's"


class Drift(NamedTuple):
    """How two graders judged the same scenarios."""

    metric: str
    scenarios: int
    alike: int
    agreement: Agreement

    def told(self) -> str:
        """Say it in a line."""
        value = self.agreement.value
        sure = f" ({self.agreement.measure} {rounded(value)})" if value is not None else ""
        return (
            f"two graders of {brief(self.metric)}: {self.alike} of {_scenarios(self.scenarios)} judged alike{sure}, "
            "if they saw the same outputs, which is not recorded"
        )


class RaterEvidence(NamedTuple):
    """What is known of the graders of two sides."""

    a: Sequence[GraderCheck] = ()
    b: Sequence[GraderCheck] = ()
    moves: Sequence[GraderMove] = ()
    drifts: Sequence[Drift] = ()

    def told(self) -> list[tuple[str, str]]:
        """Say it, by side."""
        sides = [(name, one.told()) for name, found in (("A", self.a), ("B", self.b)) for one in found]
        between = [*(one.told() for one in self.moves), *(one.told() for one in self.drifts)]
        return [*sides, *(("", words) for words in between)]

    def caveats(self) -> list[str]:
        """Say which moves are the grader's, where that is proven."""
        return [one.in_short() for one in self.moves if one.moved]

    def document(self) -> dict[str, Any]:
        """Return it for a program."""
        return {name: [_document(one) for one in found] for name, found in zip(self._fields, self, strict=True)}


def _document(one: Any) -> dict[str, Any]:
    return {name: _document(value) if isinstance(value, Agreement) else value for name, value in one._asdict().items()}


NO_RATERS = RaterEvidence()


def labels_of(data: bytes, path: str) -> list[Label]:
    """Read labels, one a line."""
    found = []
    for place, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"{path}, line {place}: {error}", _EXAMPLE) from None
        found.append(_label(said, f"{path}, line {place}"))
    return found


def _label(said: Any, where: str) -> Label:
    if not isinstance(said, dict) or not isinstance(said.get("scenario"), str):
        raise UnreadableError(f"{where}: no scenario", _EXAMPLE)
    if unknown := sorted(said.keys() - _KEYS):
        raise UnreadableError(f"{where}: there is no such key: {brief(unknown[0])}", _EXAMPLE)
    value = said.get("label")
    if not isinstance(value, int | float) or not isfinite(value):
        raise UnreadableError(f"{where}: a label is a number, true or false, not {brief(value)}", _EXAMPLE)
    texts = [said.get(key) for key in ("rater", "metric", "run")]
    if any(text is not None and not isinstance(text, str) for text in texts):
        raise UnreadableError(f"{where}: rater, metric and run are texts", _EXAMPLE)
    return Label(said["scenario"], number(value), texts[0] or "", texts[1], texts[2])


class _Labelled(NamedTuple):
    """A metric's grades and labels on one side, by scenario."""

    grades: dict[str, float]  # the mean over the runs that the labels are of
    score: dict[str, float]  # of every scenario, over all runs
    by_rater: dict[str, dict[str, float]]
    any_run: bool

    @property
    def errors(self) -> dict[str, float]:
        """Grade less the people's mean label, by scenario."""
        return {one: grade - self.people(one) for one, grade in self.grades.items()}

    def people(self, scenario: str) -> float:
        """Return the mean of what people said."""
        return mean_of([said[scenario] for said in self.by_rater.values() if scenario in said])


def raters(
    a: Side, b: Side, labels: Sequence[Label], metrics: Sequence[MetricDiff], *, graders_differ: bool
) -> RaterEvidence:
    """Say what labels tell of the graders of two sides; without labels, how two graders differ."""
    sides = [_labelled(side, labels) for side in (a, b)]
    checks = [[_check(name, one) for name, one in side.items()] for side in sides]
    deltas = {name: one.delta for one in metrics if one.verdict in REAL for name in (one.name, _own(one))}
    moves = [
        move
        for name, one in sides[0].items()
        if name in sides[1] and (move := _move(name, one, sides[1][name], deltas.get(name)))
    ]
    return RaterEvidence(checks[0], checks[1], moves, _drifts(a, b, metrics) if graders_differ else [])


def _labelled(side: Side, labels: Iterable[Label]) -> dict[str, _Labelled]:
    tables = {run["run_id"]: run["metrics"] or {} for run in side.runs}
    names = list(dict.fromkeys(name for table in tables.values() for row in table.values() for name in row))
    chosen: dict[str, list[Label]] = {}
    for label in labels:
        if label.run is not None and label.run not in tables:
            continue
        name = label.metric or (names[0] if len(names) == 1 else None)
        if name is None and names:
            raise UnreadableError(f"labels name no metric, and the scenarios have {len(names)}", _EXAMPLE)
        if name in names:
            chosen.setdefault(str(name), []).append(label)
    found = {}
    for name, of_metric in chosen.items():
        grades: dict[str, list[float]] = {}
        said: dict[str, dict[str, list[float]]] = {}
        for label in of_metric:
            runs = [label.run] if label.run else list(tables)
            known = [value for run in runs if (value := tables[run].get(label.scenario, {}).get(name)) is not None]
            if known:
                grades.setdefault(label.scenario, []).extend(map(number, known))
                said.setdefault(label.rater, {}).setdefault(label.scenario, []).append(label.value)
        whole: dict[str, list[float]] = {}
        for table in tables.values():
            for scenario, row in table.items():
                if (value := row.get(name)) is not None:
                    whole.setdefault(scenario, []).append(number(value))
        if grades:
            found[name] = _Labelled(
                {one: mean_of(values) for one, values in grades.items()},
                {one: mean_of(values) for one, values in whole.items()},
                {rater: {one: mean_of(values) for one, values in own.items()} for rater, own in said.items()},
                any(label.run is None for label in of_metric),
            )
    return found


def _check(name: str, labelled: _Labelled) -> GraderCheck:
    import numpy as np

    from evalprov.stats.agreement import prediction_powered

    scenarios = list(labelled.grades)
    grades = np.array([labelled.grades[one] for one in scenarios])
    people = np.array([labelled.people(one) for one in scenarios])
    others = np.array([value for one, value in labelled.score.items() if one not in labelled.grades])
    check = GraderCheck(
        name,
        len(scenarios),
        len(labelled.score),
        _with_people(labelled, scenarios),
        _agreement([[said.get(one) for one in scenarios] for said in labelled.by_rater.values()]),
        None,
        None,
        mean_of(list(labelled.score.values())),
        None,
        None,
        labelled.any_run,
    )
    if len(scenarios) < FEWEST:
        return check
    error = prediction_powered(grades, people, others[:0], 1.0)
    if not error.error:
        return check  # numbers that are off alike everywhere: how sure that is, nothing tells
    corrected = prediction_powered(people, grades, others)
    return check._replace(
        error=error.mean,
        error_interval=error.interval(_LEVEL),
        corrected=corrected.mean,
        corrected_interval=corrected.interval(_LEVEL),
    )


def _with_people(labelled: _Labelled, scenarios: Sequence[str]) -> Agreement | None:
    if len(labelled.by_rater) == 1:
        (said,) = labelled.by_rater.values()
        return _agreement([[labelled.grades[one] for one in scenarios], [said[one] for one in scenarios]])
    rows: list[list[float | None]] = [[labelled.grades[one] for one in scenarios]]
    return _agreement([*rows, *([said.get(one) for one in scenarios] for said in labelled.by_rater.values())])


def _agreement(rows: Sequence[Sequence[float | None]]) -> Agreement | None:
    """Return how far raters (rows) agree; Cohen's kappa of two without gaps, else Krippendorff's alpha."""
    import numpy as np

    from evalprov.stats.agreement import cohen, jackknifed, krippendorff, scale_of

    if len(rows) < 2:
        return None
    table = np.array([[np.nan if value is None else value for value in row] for row in rows])
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    if table.shape[1] < 2:
        return None
    scale = scale_of(table)
    if len(rows) == 2 and scale != "interval":
        weighted = ", squared weights" if scale == "ordinal" else ""
        return Agreement(
            f"Cohen's kappa{weighted}",
            cohen(table[0], table[1], scale),
            jackknifed(lambda left: cohen(left[0], left[1], scale), table, _LEVEL),
        )
    return Agreement(
        f"Krippendorff's alpha, {scale}",
        krippendorff(table, scale),
        jackknifed(lambda left: krippendorff(left, scale), table, _LEVEL),
    )


def _move(name: str, a: _Labelled, b: _Labelled, delta: float | None) -> GraderMove | None:
    found = error_moves(a.errors, b.errors)
    if found is None:
        return None
    interval = found.interval(_LEVEL)
    proven = found.p < _LEVEL
    # What its error may have moved by could be all of the score's move.
    covers = interval is None or delta is None or interval[0] <= delta <= interval[1]
    return GraderMove(name, True if proven else None if covers else False, found.effect, interval, found.p, delta)


def error_moves(a: dict[str, float], b: dict[str, float]) -> Evidence | None:
    import numpy as np

    from evalprov.stats import paired, unpaired

    both = [one for one in a if one in b]
    if len(both) >= FEWEST and 2 * len(both) >= min(len(a), len(b)):
        return paired.of_numbers(np.array([b[one] - a[one] for one in both]))
    if min(len(a), len(b)) < FEWEST:
        return None
    means = [unpaired.mean_of(np.array(list(errors.values()))) for errors in (a, b)]
    return unpaired.of_means(means[0], means[1], "Welch's t")


def _drifts(a: Side, b: Side, metrics: Sequence[MetricDiff]) -> list[Drift]:
    """Say how two graders judged the same scenarios, metric by metric."""
    found = []
    if len(a.runs) > 1 or len(b.runs) > 1:
        return []
    ones, others = (side.runs[0]["metrics"] or {} for side in (a, b))
    both = [one for one in ones if one in others]
    judged = {_own(one) for one in metrics if one.role != "info" and one.direction is not None}
    for name in judged & {name for one in both for name in ones[one]}:
        pairs = [
            (number(x), number(y))
            for one in both
            if (x := ones[one].get(name)) is not None and (y := others[one].get(name)) is not None
        ]
        agreement = _agreement(list(zip(*pairs, strict=True))) if len(pairs) >= FEWEST else None
        if agreement:
            found.append(Drift(name, len(pairs), sum(x == y for x, y in pairs), agreement))
    return sorted(found)


def _own(metric: MetricDiff) -> str:
    """Return the name that a summary's metric has in the scenarios."""
    return metric.name.removesuffix("_mean")


def _scenarios(count: int) -> str:
    return "1 scenario" if count == 1 else f"{count} scenarios"


def _span(ends: Interval | None) -> str:
    return "" if ends is None else f"{rounded(ends[0])} to {rounded(ends[1])}"

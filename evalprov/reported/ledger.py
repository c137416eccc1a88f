"""What one channel reported: its lines merged in order, checked value by value, and summed up."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from evalprov.reported.facts import KEYS, WHOLE_LIMIT, Facts
from evalprov.reported.fields import is_field
from evalprov.reported.repeats import MARKS, Repeats, mean
from evalprov.reported.text import NotAnObject, Reader, brief, kind_of, name
from evalprov.reported.texts import BYTES, FIELDS, PutAside, ScenarioTexts
from evalprov.reported.warnings import Budget, Notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.values import MetricValue

METRIC_KEYS = frozenset(("metrics", "scenario", "group", "metric_summary"))
_METRICS_ALONE = {"metrics"}
_ERRORS = frozenset(("error", "errors"))
TEXT_KEYS = frozenset(FIELDS)  # what it said for a scenario
_OF_A_FAILURE = frozenset((*_ERRORS, *MARKS, *TEXT_KEYS, "scenario", "group"))
_WORDS = frozenset((str, list))
_NUMBERS = frozenset((bool, int, float))
_NAMES = 100_000  # spellings of names remembered


class _NoMetric(Exception):  # noqa: N818 - no error: the eval's line is read on
    """The value is none; the words say what it is."""


class Ledger:
    """The metrics and facts of one channel."""

    def __init__(
        self, channel: str, called: str = "", budget: Budget | None = None, text_bytes: int | None = None
    ) -> None:
        self.channel = channel
        self.called = called or channel  # in messages
        self.notes = Notes()
        self.budget = budget or Budget()
        self.facts = Facts(self.notes, self.budget)
        self.summary: dict[str, MetricValue] = {}
        self.scenarios: dict[str, dict[str, MetricValue]] = {}
        self.texts = ScenarioTexts(BYTES if text_bytes is None else text_bytes)
        self.reports = 0  # lines that had metrics
        self.line: int | None = None  # the last of them
        self.rule = "report-line"
        self._repeats = Repeats()
        self._reader = Reader()
        self._names: dict[str, str] = {}
        self._plain: set[str] = set()  # those that stay as they are

    @property
    def has_metrics(self) -> bool:
        """Whether any metric was reported, be it null."""
        return bool(self.summary) or any(self.scenarios.values())

    def read(self, text: bytes, line: int) -> bool:
        """Take in a line if it is a report line; say whether it was."""
        try:
            said = self.parse_all(text, line)
        except NotAnObject as why:
            self.notes.add("broken", f"{self.at(line)} looks like a report and is no JSON object: {why}")
            return False
        taken = [self.take(one, line) for one in said]
        if any(taken) and not all(taken):
            self.notes.add("beside", f"{self.at(line)} holds a report and another object, which was left out")
        return any(taken)

    def parse(self, text: bytes, line: int | None) -> dict[str, Any]:
        """Return the last object on a line, with a remark on keys that it repeats."""
        return self.parse_all(text, line)[-1]

    def parse_all(self, text: bytes, line: int | None) -> list[dict[str, Any]]:
        """Return the objects that a line is made of, with a remark on keys that they repeat."""
        said = self._reader.read_all(text)
        for key in self._reader.repeated:
            self.notes.add(("repeated", key), f"{self.at(line)} gives {brief(key)} more than once; the last one counts")
        return said

    def unread(self, line: int, why: str) -> None:
        """Remark on what looks like metrics and is not read."""
        self.notes.add(("unread", why), f"{self.at(line)} looks like metrics and was not read: {why}")

    def take(self, said: dict[str, Any], line: int | None) -> bool:
        """Take in a parsed report; say whether it was one."""
        if "metrics" not in said:
            return False
        metrics = said["metrics"]
        if not isinstance(metrics, dict):
            self.notes.add("metrics", f"{self.at(line)} was left out: its metrics are {kind_of(metrics)} and no object")
            return False
        self.reports += 1
        self.line = line
        self.take_facts(said, metrics, line)
        return True

    def read_failure(self, text: bytes, line: int) -> None:
        """Take in a line that says of a scenario that it failed, and has no metrics."""
        try:
            said = self.parse(text, line)
        except NotAnObject:
            return
        if is_failure(said):
            self.take_facts(said, {}, line)

    def take_facts(self, said: dict[str, Any], metrics: dict[str, Any], line: int | None) -> None:
        """Take in a report's metrics, and whatever stands beside them."""
        scenario = None
        if said.keys() != _METRICS_ALONE:
            if said.get("scenario") is not None:
                scenario = self._scenario(said["scenario"], line)
                metrics = {} if scenario is None else metrics
            if not said.keys() <= METRIC_KEYS:
                self._take_beside(said, metrics, scenario, line)
            if (group := said.get("group")) is not None:
                if scenario is None:
                    self.notes.add("group", f"{self.at(line)}: a group without a scenario beside it was left out")
                else:
                    self.facts.take_group(scenario, group, self.at(line))
        if scenario is None:
            self._take_metrics(said, metrics, line)
        else:
            self._put_scenario(scenario, said, metrics, line)
        summary = said.get("metric_summary")
        if isinstance(summary, dict):
            self._put(self.summary, summary, line)
        elif summary is not None:
            self.facts.wrong("metric_summary", summary, "an object", self.at(line))

    def take_bare(self, said: dict[str, Any], line: int | None, rule: str) -> None:
        """Take in an object that is the flat summary itself, where other fields are nothing odd."""
        self.rule = rule
        self.reports = 1
        self.line = line
        passed_over = self._put(self.summary, said, line, bare=True)
        if not self.summary and passed_over:
            names = ", ".join(brief(one) for one in passed_over[:5])
            self.notes.add("nothing", f"{self.at(line)} is a JSON object without a number in it: {names}")

    def take_final(self, said: dict[str, Any], line: int | None) -> None:
        """Take in an object behind all reports as their summary, where they gave scenarios and no summary."""
        if self.scenarios and not self.summary:
            self._put(self.summary, said, line, bare=True)
            self.line = line

    def at(self, line: int | None) -> str:
        """Return where something was said."""
        return self.called if line is None else f"{self.called} line {line}"

    def _take_beside(
        self, said: dict[str, Any], metrics: dict[str, Any], scenario: str | None, line: int | None
    ) -> None:
        by_scenario = scenario is None and _is_by_scenario(metrics)
        marked = scenario is not None or by_scenario
        where = self.at(line)
        texts: dict[str, Any] = {}
        for key, value in said.items():
            if key in METRIC_KEYS or (marked and key in MARKS):  # which trial of the scenarios this is
                continue
            if key in TEXT_KEYS or type(value) is PutAside:
                if value is not None:
                    texts[key] = value
                continue
            if key in KEYS:
                if value is not None:
                    self.facts.take(key, value, scenario, where)
            elif is_field(key):
                if value is not None:
                    self.facts.take_field(key, value, where)
            else:
                self.facts.unknown(key, where)
        if scenario is not None and texts:
            self.texts.take(scenario, texts)
        elif texts:
            self._take_texts(texts, metrics if by_scenario else {}, where)

    def _take_texts(self, texts: dict[str, Any], metrics: dict[str, Any], where: str) -> None:
        """Take in maps of scenario to text, which stand beside one of scenario to metrics."""
        for field, said in texts.items():
            if not isinstance(said, dict) or not (found := metrics.keys() & said.keys()):
                self.notes.add("texts", f"{where}: {field} was left out: no scenario stands beside it")
                continue
            for scenario in found:
                self.texts.take(self._name(scenario), {field: said[scenario]})

    def settle(self) -> None:
        """Make of what was said of a scenario again and again what it is, once all was read."""
        if note := self._repeats.settle(self.scenarios):
            self.notes.add("repeats", note)
        self.texts.are_trials = self._repeats.are_trials

    def _take_metrics(self, said: dict[str, Any], metrics: dict[str, Any], line: int | None) -> None:
        """Take in metrics without a scenario beside them: flat ones, or a map of scenario to metrics."""
        if _is_by_scenario(metrics):
            for key, values in metrics.items():
                self._put_scenario(self._name(key), said, values, line)
            return
        if any(type(value) is dict for value in metrics.values()):
            text = f"{self.at(line)} mixes numbers and objects under metrics; it was read as one flat summary"
            self.notes.add("mixed", text)
        self._put(self.summary, metrics, line)

    def _scenario(self, scenario: object, line: int | None) -> str | None:
        if isinstance(scenario, str):
            return self._name(scenario)
        if isinstance(scenario, int) and not isinstance(scenario, bool):
            return str(scenario)
        text = f"{self.at(line)}: the scenario is {kind_of(scenario)} and no text, so its metrics were left out"
        self.notes.add("scenario", text)
        return None

    def _put_scenario(self, scenario: str, said: dict[str, Any], metrics: dict[str, Any], line: int | None) -> None:
        into = self.scenarios.get(scenario)
        if into and not into.keys().isdisjoint(metrics):
            self._repeats.keep(scenario, into, said)
        if into is None:
            if not self.budget.take(len(scenario), 1):
                self._full(line)
                return
            into = self.scenarios[scenario] = {}
        if not TEXT_KEYS.isdisjoint(metrics):
            # A number of that name is a metric, an object several.
            texts = {key: metrics[key] for key in TEXT_KEYS & metrics.keys() if type(metrics[key]) in _WORDS}
            self.texts.take(scenario, texts)
            metrics = {key: value for key, value in metrics.items() if key not in texts}
        self._put(into, metrics, line)

    def _put(
        self,
        into: dict[str, MetricValue],
        said: dict[str, Any],
        line: int | None,
        *,
        prefix: str = "",
        bare: bool = False,
    ) -> list[str]:
        """Put what is a metric in its place, objects flattened; return the names of what is none."""
        if not prefix and self._are_plain(said):
            if self.budget.take(0, len(said) if not into else len(said.keys() - into.keys())):
                into.update(said)
            else:
                self._full(line)
            return []
        names = self._names
        passed_over: list[str] = []
        for key, value in said.items():
            path = prefix + key
            kind = type(value)
            if kind is dict:
                passed_over += self._put(into, value, line, prefix=f"{path}.", bare=bare)
                continue
            known = names.get(path)
            called = self._name(path) if known is None else known
            # What is not finite differs from itself when taken from itself.
            if not (kind is bool or value is None or (kind is float and value - value == 0)):
                try:
                    value = self._metric(value, called, line, bare=bare)  # noqa: PLW2901 - the value as it counts
                except _NoMetric:
                    passed_over.append(called)
                    continue
            if called not in into and not self.budget.take(0 if known else len(called), 1):
                self._full(line)
                continue
            into[called] = value
        return passed_over

    def _are_plain(self, said: dict[str, Any]) -> bool:
        """Say whether all are finite numbers and booleans under names that are known to stay as they are."""
        if not said or not said.keys() <= self._plain or not _NUMBERS.issuperset(map(type, said.values())):
            return False
        values = said.values()
        if not (max(values) <= WHOLE_LIMIT and min(values) >= -WHOLE_LIMIT):
            return False
        total = sum(values)
        return bool(total - total == 0)  # what is not finite makes the sum so

    def _metric(self, value: Any, called: str, line: int | None, *, bare: bool) -> MetricValue:
        """Return an unusual value as it counts, with a remark; raise if it is no metric."""
        if isinstance(value, int):
            if -WHOLE_LIMIT <= value <= WHOLE_LIMIT:
                return value
            return self.facts.number(value, called, self.at(line))
        if isinstance(value, float):
            return self.facts.number(value, called, self.at(line))
        if isinstance(value, str) and _is_number(value):
            text = f"{self.at(line)}: {called} is the text {brief(value)}; a number in quotes is no metric"
            self.notes.add(("quoted", called), text)
        elif not bare:
            self.notes.add(("none", called), f"{self.at(line)}: {called} is {kind_of(value)}, which is no metric")
        raise _NoMetric

    def _name(self, path: str) -> str:
        called = name(path)
        if len(called) < len(path):
            self.notes.add("cut", f"a name of {len(path)} characters was cut: {called}")
        if len(self._names) < _NAMES:
            self._names[path] = called
            if called == path:
                self._plain.add(path)
        return called

    def _full(self, line: int | None) -> None:
        self.notes.add("full", f"{self.at(line)}: too much was reported; no further names are kept")


def is_failure(said: dict[str, Any]) -> bool:
    """Say whether an object without metrics tells of a scenario's error: an entry of a log has more in it."""
    told = said.keys() - _OF_A_FAILURE
    errors = [said.get(key) for key in _ERRORS]  # an empty one says that there was none
    return "scenario" in said and not told and any(one and isinstance(one, (str, dict, list)) for one in errors)


def _is_by_scenario(metrics: dict[str, Any]) -> bool:
    """Say whether metrics are a map of scenario to metrics."""
    return bool(metrics) and all(type(value) is dict for value in metrics.values())


def summed_up(scenarios: dict[str, dict[str, MetricValue]]) -> dict[str, MetricValue]:
    """Return NAME_mean for every metric, and NAME_total for whole-number ones; nulls are left out."""
    summary: dict[str, MetricValue] = {}
    for called, column in _columns(scenarios):
        summary[f"{called}_mean"] = mean(column)
        if column and all(type(value) is int for value in column):
            total = sum(column)
            summary[f"{called}_total"] = total if abs(total) <= WHOLE_LIMIT else float(total)
    return summary


def _columns(scenarios: dict[str, dict[str, MetricValue]]) -> Iterator[tuple[str, list[bool | int | float]]]:
    """Yield the known values of each metric."""
    names = dict.fromkeys(chain.from_iterable(scenarios.values()))
    if len(names) * len(scenarios) <= 2 * sum(map(len, scenarios.values())):
        for called in names:  # most scenarios have all metrics
            found = [metrics.get(called) for metrics in scenarios.values()]
            yield called, [value for value in found if value is not None]
        return
    columns: dict[str, list[bool | int | float]] = {called: [] for called in names}
    for metrics in scenarios.values():
        for called, value in metrics.items():
            if value is not None:
                columns[called].append(value)
    yield from columns.items()


def _is_number(text: str) -> bool:
    if len(text) > 64:
        return False
    try:
        float(text.strip().removesuffix("%"))
    except ValueError:
        return False
    return True

"""The channels of reports put together: which one counts, and what the record gets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from evalprov.numbers import listed
from evalprov.reported.files import read_metrics, read_report
from evalprov.reported.ledger import Ledger, summed_up
from evalprov.reported.reported import Reported
from evalprov.reported.tail import BEHIND_TEXT
from evalprov.reported.text import brief

if TYPE_CHECKING:
    from evalprov.record.schema.outcome import MetricsSource
    from evalprov.record.schema.values import MetricValue
    from evalprov.reported.choosing import Known
    from evalprov.reported.open_results import Before
    from evalprov.reported.scan import Scanner
    from evalprov.reported.tail import FoundObject

# Where a report's key stands in the record; the others stand at the top under their own name.
_PLACES = {
    "observed_model": ("observed", "model"),
    "online": ("observed", "online"),
    "artifacts": ("output", "artifacts"),
}


def put_together(
    scanner: Scanner,
    report_file: str | None,
    metrics_file: str | None,
    before: Before | None = None,
    known: Known = tuple,
) -> Reported:
    """Read the files, choose the channel that counts, and say where the others disagree."""
    began = time.perf_counter()
    last = scanner.close(known)
    channels = [scanner.ledger]
    if report_file is not None:
        channels.insert(0, read_report(report_file, scanner.text_bytes))
    if metrics_file is not None:
        channels.insert(0, read_metrics(metrics_file, before, scanner.text_bytes))
    elif last and not any(channel.reports for channel in channels):
        _take_last(scanner.ledger, last)
    elif last and not any(channel.reports for channel in channels[:-1]):
        scanner.ledger.take_final(last.said, last.line)
    for channel in channels:
        channel.settle()
    winner = next((channel for channel in channels if channel.has_metrics), None)
    facts = _placed(channels)
    facts |= _metrics(winner)
    info, unmatched = _info(facts.get("metric_info", {}), facts["metric_summary"] or {})
    facts["metric_info"] = info
    facts["scenarios_run"] = list((winner or _with_scenarios(channels)).scenarios)
    source: MetricsSource | None = None
    if winner:
        source = {
            "channel": winner.channel,
            "line": winner.line,
            "rule": winner.rule,
            "reports": winner.reports,
        }
    facts.setdefault("output", {})["metrics_source"] = source
    warnings = [text for channel in channels for text in channel.notes.texts()]
    if unmatched:
        warnings.append(f"metric_info tells of what is no metric of the summary: {brief(unmatched)}")
    if winner:
        others = channels[channels.index(winner) + 1 :]
        warnings += [text for other in others if (text := _disagreement(winner, other))]
    reason = None if winner else _why_none(channels, report_file, metrics_file)
    texts = next((one for one in (channel.texts for channel in channels) if one.names() or one.left_out), None)
    return Reported(facts, source, warnings, reason, round((time.perf_counter() - began) * 1000, 1), texts)


def _take_last(ledger: Ledger, last: FoundObject) -> None:
    said = ledger.parse(last.text, last.line)
    if last.how == BEHIND_TEXT:
        advice = "print them on a line of their own, or write them to the file $EVALPROV_REPORT"
        text = f"the metrics come from {ledger.at(last.line)}, where other text stands before them; {advice}"
        ledger.notes.add("behind", text)
    # A line whose metrics are no object says something else than a bare summary would.
    if "metrics" not in said:
        ledger.take_bare(said, last.line, last.how)
    elif last.how == BEHIND_TEXT and ledger.take(said, last.line):
        ledger.rule = last.how


def _with_scenarios(channels: list[Ledger]) -> Ledger:
    return next((channel for channel in channels if channel.scenarios), channels[0])


def _metrics(winner: Ledger | None) -> dict[str, Any]:
    if not winner:
        return {"metric_summary": None, "metrics": None}
    return {"metric_summary": winner.summary or summed_up(winner.scenarios), "metrics": winner.scenarios}


def _info(said: dict[str, Any], summary: dict[str, MetricValue]) -> tuple[dict[str, Any], list[str]]:
    """Return what is known of the summary's metrics, and whose name is not among them.

    What is said of a scenario's metric holds for the mean and the total that were made of it.
    """
    info: dict[str, Any] = {}
    unmatched = []
    for called, told in said.items():
        if called in summary:
            info[called] = told
            continue
        mean, total = f"{called}_mean", f"{called}_total"
        if mean in summary:
            info.setdefault(mean, said.get(mean, told))
        if total in summary:
            info.setdefault(total, said.get(total, {**told, "stderr": None}))
        if mean not in summary and total not in summary:
            unmatched.append(called)
    return info, unmatched


def _placed(channels: list[Ledger]) -> dict[str, Any]:
    """Return the facts by the record's names; what a better channel says of a key counts."""
    said: dict[str, Any] = {}
    for channel in reversed(channels):
        said |= channel.facts.said
    facts: dict[str, Any] = {}
    for key, value in said.items():
        if key == "config":
            facts["config"] = {"reported": _flattened(value)}
        elif place := _PLACES.get(key):
            facts.setdefault(place[0], {})[place[1]] = value
        else:
            facts[key] = value
    return facts


def _flattened(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted path, as the values of config files stand in the record."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _why_none(channels: list[Ledger], report_file: str | None, metrics_file: str | None) -> str:
    for channel in channels:
        if channel.reports:
            return f"what was reported on {channel.at(channel.line)} holds no metric"
    if metrics_file is not None:
        return f"the metrics file {channels[0].called} gave none"
    also = ", and none are in the report file" if report_file is not None else ""
    return f"no line on stdout is a JSON object with metrics{also}"


def _disagreement(winner: Ledger, other: Ledger) -> str | None:
    """Say where a channel that does not count says otherwise."""
    ours, theirs = _flat(winner), _flat(other)
    differing = [key for key, value in theirs.items() if key not in ours or not _same(value, ours[key])]
    if not differing:
        return None
    told = [f"{key} is {brief(theirs[key])} there, {_here(ours, key)} here" for key in differing]
    return f"{other.called} reports other metrics than {winner.called}, which counts: {listed(told, between='; ')}"


def _here(ours: dict[str, MetricValue], key: str) -> str:
    return brief(ours[key]) if key in ours else "not given"


def _flat(ledger: Ledger) -> dict[str, MetricValue]:
    flat = dict(ledger.summary)
    for scenario, metrics in ledger.scenarios.items():
        flat |= {f"{scenario}/{called}": value for called, value in metrics.items()}
    return flat


def _same(one: MetricValue, other: MetricValue) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)

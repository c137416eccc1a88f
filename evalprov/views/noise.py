"""What `evalprov noise` found: how often the gate fires where nothing changed, and what the noise is made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.numbers import listed
from evalprov.page import DIM, FactBlock, Remark, TableBlock, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.judge.self_comparison import MetricNoise, Rate, SelfComparison
    from evalprov.page import Block, Pairs

COLUMNS = (
    "metric",
    "trials",
    "mean",
    "deviation",
    "scenarios",
    "unstable",
    "within",
    "detectable",
    "size",
    "needed_scenarios",
    "needed_trials",
    "p",
    "fired",
    "tolerance",
    "whole",
)
UNSTABLE_SHOWN = 5
_COLOURS = {"holds": "1;32", "fires_more": "1;31", "trials_differ": "1;31", "cannot_tell": "1;33"}


def answer(found: SelfComparison) -> str:
    """Say in one line how often the gate fired for nothing."""
    stated = f"stated: at most {_share(found.level)}"
    if found.verdict == "cannot_tell":
        return f"the gate cannot judge these runs: {found.why}"
    if found.verdict == "trials_differ":
        names = listed([one.name for one in found.metrics if one.differs])
        return f"the trials are not alike ({names}): {_alarms(found.pairs, 'pairs')}; {stated}"
    few = "too many " if found.verdict == "fires_more" else ""
    if found.resampled:
        return f"{few}{_alarms(found.resampled, 'comparisons')}; {stated}"
    return f"{few}{_alarms(found.pairs, 'pairs of trials')}; {stated}"


def _alarms(rate: Rate, what: str) -> str:
    between = f" ({100 * rate.interval[0]:.2g} to {_share(rate.interval[1])})" if rate.interval else ""
    return f"false alarms in {_share(rate.fired / rate.of)} of {rate.of:,} {what}{between}"


def _share(share: float) -> str:
    return f"{100 * share:.2g} %"


def page(found: SelfComparison) -> Iterator[Block]:
    """Give it for a person: the answer, what was compared, each metric's noise, and what to do."""
    yield line(answer(found), _COLOURS[found.verdict])
    yield FactBlock("compared", _compared(found))
    if found.metrics:
        yield line("")
        heading = ["", "mean", "run to run", "whole runs", "within", "unstable", "one run shows"]
        for words in render.columns([heading, *map(_cells, found.metrics)]):
            yield line(f"  {words}")
        for words in _LEGEND:
            yield line(f"  {words}", DIM)
    yield FactBlock("to show a smaller move", [(one.name, _wanted(one)) for one in found.metrics])
    for one in found.metrics:
        shown = one.most_unstable[:UNSTABLE_SHOWN]
        more = f", the first {len(shown)} of {one.unstable}" if one.unstable > len(shown) else ""
        ranges = [
            (u.scenario, f"{render.number(u.mean)}  {render.number(u.low)} to {render.number(u.high)}") for u in shown
        ]
        yield FactBlock(f"unstable in {one.name}{more}: mean and range over the trials", ranges)
    yield FactBlock("for evalprov.toml: how much worse one run may be than another by chance", _settings(found))
    yield from map(line, _ADVICE.get(found.verdict, ()))


_LEGEND = (
    "whole runs: what of that moves a run as a whole; only more runs lessen it",
    "within: the share of the scenarios' variance that is from trial to trial",
    "one run shows: a move of that size in one run against one is seen 4 times in 5",
)
_ADVICE = {
    "trials_differ": (
        "",
        "Whole trials differ, and not only their scenarios: something drifted meanwhile,",
        "they share state (a cache, a server, a rate limit), or they depend on something",
        "hidden. evalprov audit names recorded facts that go with it. Look for the cause",
        "first: a tolerance that covers it hides it as well.",
    ),
    "fires_more": (
        "",
        "The trials are alike, and the gate fires all the same: its tests do not suit",
        "these values. More scenarios help, and so does a tolerance in evalprov.toml.",
    ),
}


def _compared(found: SelfComparison) -> Pairs:
    pairs = [("trials", f"{len(found.runs)}, {found.runs[0]} to {found.runs[-1]}")]
    for what, rate in (("pairs of trials", found.pairs), ("pairs made up", found.resampled)):
        if rate is not None:
            undecided = f", {rate.undecided:,} could not be judged" if rate.undecided else ""
            pairs.append((what, f"{rate.of:,}, the gate fired in {rate.fired:,}{undecided}"))
    return pairs


def _cells(one: MetricNoise) -> list[str]:
    return [
        one.name,
        render.number(one.mean),
        render.number(one.deviation),
        render.number(one.whole),
        "-" if one.within is None else f"{one.within:.0%}",
        f"{one.unstable} of {one.scenarios}" if one.scenarios else "-",
        render.number(one.detectable),
    ]


def _wanted(one: MetricNoise) -> str:
    if one.needed is None or one.size is None or one.detectable is None or one.detectable <= one.size:
        return ""
    scenarios, trials = one.needed
    ways = [f"{scenarios:,} scenarios"] if scenarios is not None else []
    ways += [f"{trials:,} trials of these {one.scenarios:,} a side"] if trials is not None else []
    return f"{render.number(one.size)} takes {', or '.join(ways) or 'more runs than anybody has'}"


def _settings(found: SelfComparison) -> Pairs:
    lines = []
    for one in found.metrics:
        if one.tolerance is not None:
            bare = one.name.isascii() and one.name.replace("_", "").replace("-", "").isalnum()
            lines += [f"[metrics.{one.name if bare else json.dumps(one.name)}]", f"tolerance = {one.tolerance:.10g}"]
    return [("", line) for line in lines]


# --- for a program


def lines_of(found: SelfComparison) -> Iterator[Block]:
    """Give it for a pipe: a line a metric, and the answer beside them."""
    yield TableBlock(COLUMNS, map(_row, found.metrics))
    yield Remark(answer(found))


def _row(one: MetricNoise) -> tuple[str, ...]:
    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.10g}"

    needed = (None, None) if one.needed is None else one.needed
    numbers = (one.detectable, one.size, *needed, one.p, one.fired, one.tolerance, one.whole)
    return (
        one.name,
        str(one.trials),
        cell(one.mean),
        cell(one.deviation),
        str(one.scenarios),
        str(one.unstable),
        cell(one.within),
        *map(cell, numbers),
    )


def document(found: SelfComparison, notes: list[str]) -> dict[str, Any]:
    """Return it as JSON has it."""
    metrics = [
        {
            **one._asdict(),
            "most_unstable": [unstable._asdict() for unstable in one.most_unstable],
            "needed": one.needed and one.needed._asdict(),
        }
        for one in found.metrics
    ]
    return {
        "version": 1,
        "answer": answer(found),
        **found._asdict(),
        "pairs": found.pairs._asdict(),
        "resampled": found.resampled and found.resampled._asdict(),
        "metrics": metrics,
        "notes": notes,
    }

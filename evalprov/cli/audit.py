"""`evalprov audit`: programs that disagree with themselves, and what may be behind it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import STORE, counted, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import EvalprovError
from evalprov.explain.elide import apart
from evalprov.isolation import here
from evalprov.judge.audit import ADVICE, OF_BUILDER, Audit, Group, Metric
from evalprov.judge.audit import audit as compared
from evalprov.judge.rules import rules_of
from evalprov.settings import load as settings
from evalprov.store import read

if TYPE_CHECKING:
    from evalprov.explain.suspects import Fact, Split
    from evalprov.record.manifest import Manifest

COLUMNS = ("fingerprint", "scenario", "runs", "metric", "low", "high", "verdict", "p", "suspects")
SHOWN = 3  # suspects, facts of one, values of one
GROUPS_SHOWN = 20  # of those that agree
NAMES_SHOWN = 8
LETTERS = 40  # of a value
DISAGREE = 1


def audit(*, as_json: bool, exit_code: bool, store: str | None) -> int:
    """Find programs that disagree with themselves.

    Runs that share a fingerprint are compared, and so are those that share the hash which the eval's own config layer
    gave. Where a metric differs more than its own noise allows, the recorded facts that are not in the fingerprint and
    differ among the runs are named, most suspicious first. The noise is that of the per-scenario values; without them
    it is unknown, and nothing is called a disagreement. A run whose command failed counts if its metrics were read;
    [gate] allow_failed = true takes every one of them, false none.

    In a pipe the columns are separated by tabs. Example: evalprov audit --exit-code
    """
    folder = open_store(store)
    notes: dict[str, None] = {}
    odd: list[str] = []

    def load(run_id: str) -> Manifest | None:
        try:
            manifest = read.load(folder, run_id)
        except EvalprovError as problem:
            notes[problem.message] = None
            return None
        if manifest["run_id"] == run_id:
            return manifest
        notes[f"the record of run {run_id} is gone"] = None
        return None

    allow_failed = rules_of(settings(here()).declared).gate.allow_failed
    found = compared(read.iterate(folder, odd, whole=True), load, allow_failed=allow_failed)
    remarks = [*odd, *notes]
    if as_json:
        render.document({**_document(found), "store": folder, "notes": remarks})
    elif sys.stdout.isatty():
        _print(found)
    else:
        render.table(COLUMNS, [row for group in found.groups for row in _rows(group)])
        render.note(_answer(found))
    if not as_json:
        for remark in remarks:
            render.note(remark)
    return DISAGREE if exit_code and any(group.verdict == "disagrees" for group in found.groups) else 0


def _counts(found: Audit) -> tuple[int, int, int]:
    verdicts = [group.verdict for group in found.groups if group.verdict != "no_metrics"]
    return len(verdicts), verdicts.count("disagrees"), verdicts.count("noise_unknown")


def _answer(found: Audit) -> str:
    total, disagree, unknown = _counts(found)
    if not found.groups:
        return "nothing to compare: no two runs share a fingerprint"
    if not total:
        return f"nothing to compare: {_programs(len(found.groups))} with repeated runs reported no metrics twice"
    if disagree:
        also = "differs" if unknown == 1 else "differ"
        more = f"; {unknown} more {also}, and whether by noise is unknown" if unknown else ""
        verb = "disagrees with itself" if disagree == 1 else "disagree with themselves"
        return f"{disagree} of {_programs(total)} with repeated runs {verb}{more}"
    if unknown:
        verb = "differs" if unknown == 1 else "differ"
        return f"{unknown} of {_programs(total)} with repeated runs {verb}, and whether by noise is unknown"
    agree = "agrees within its" if total == 1 else "agree within their"
    return f"{'the' if total == 1 else 'all'} {_programs(total)} with repeated runs {agree} noise"


def _programs(count: int) -> str:
    return "1 program" if count == 1 else f"{count} programs"


def _print(found: Audit) -> None:
    render.out(render.paint(_answer(found), "1", sys.stdout))
    at_issue = [group for group in found.groups if group.verdict in ("disagrees", "noise_unknown")]
    for group in at_issue:
        render.facts(_title(group), _of_group(group))
    alike = [group for group in found.groups if group.verdict == "agrees"]
    if alike:
        rows = [(_title(group), _metrics(group)) for group in alike[:GROUPS_SHOWN]]
        more = [("", f"and {len(alike) - GROUPS_SHOWN} more")] if len(alike) > GROUPS_SHOWN else []
        render.facts("agree with themselves", [*rows, *more])
    none = [(_title(group), "no metric was reported twice") for group in found.groups if group.verdict == "no_metrics"]
    unsaid = [("", f"and {len(none) - GROUPS_SHOWN} more")] if len(none) > GROUPS_SHOWN else []
    render.facts("without metrics", [*none[:GROUPS_SHOWN], *unsaid])
    out = [(counted(count), reason) for reason, count in found.left_out.items()]
    if found.single:
        out.insert(0, (counted(found.single), "no other run with that fingerprint"))
    render.facts("not compared", out)
    advice = [ADVICE] if any(group.fingerprint for group in at_issue) else []
    advice += [OF_BUILDER] if any(group.builder for group in at_issue) else []
    for one in advice:
        render.out(f"\n{one}")


def _title(group: Group) -> str:
    kept = f", the last {len(group.run_ids)} compared" if group.runs > len(group.run_ids) else ""
    scenario = group.scenario if group.scenario is not None else "(no scenario named)"
    return f"{_short(group)}  {scenario}  {counted(group.runs)}{kept}"


def _short(group: Group) -> str:
    hashed = (group.fingerprint or group.builder or "").removeprefix("sha256:")[:12]
    return hashed if group.fingerprint else f"builder:{hashed}"


def _metrics(group: Group) -> str:
    more = [f"and {len(group.metrics) - SHOWN} more"] if len(group.metrics) > SHOWN else []
    return "  ".join([*(f"{metric.name} {_range(metric)}" for metric in group.metrics[:SHOWN]), *more])


def _of_group(group: Group) -> list[tuple[str, str]]:
    pairs = [(metric.name, f"{_range(metric)}  {_judged(metric)}") for metric in group.metrics]
    if group.pinned:
        pairs.append(("model", f"{group.pinned} pinned, and the runs differ all the same"))
    if not group.suspects:
        pairs.append(("suspects", f"none: no recorded fact outside the {_what(group)} divides these runs"))
    else:
        pairs.append(("suspects", "most suspicious first; what changes together with a score need not be its cause"))
    for number, split in enumerate(group.suspects[:SHOWN], 1):
        pairs += _of_split(number, split)
    if len(group.suspects) > SHOWN:
        pairs.append(("", f"and {len(group.suspects) - SHOWN} less suspicious (--json has them)"))
    if group.telling_nothing:
        pairs.append(("other each time", f"{_listed(group.telling_nothing)}: nothing can be told of them"))
    return pairs


def _what(group: Group) -> str:
    return "fingerprint" if group.fingerprint else "config layer"


def _of_split(number: int, split: Split) -> list[tuple[str, str]]:
    metric = split.metric or next(iter(split.parts[0].means))
    share = "" if split.explained is None else f"  explains {split.explained:.0%} of how {metric} varies"
    first, *others = split.facts
    parts = [
        f"{value}: {metric} {render.number(part.means[metric])} in {counted(part.runs)}"
        for value, part in zip(_values(first), split.parts, strict=True)
    ]
    pairs = [(f"  {number}", f"{first.name}{share}"), ("", f"  {_cut(parts, '; ')}")]
    pairs += [("", f"together with {_changed(fact)}") for fact in others[:SHOWN]]
    if len(others) > SHOWN:
        pairs.append(("", f"and with {_listed([fact.name for fact in others[SHOWN:]])}"))
    return pairs


def _changed(fact: Fact) -> str:
    return f"{fact.name}: {_cut(_values(fact), ', ')}"


def _values(fact: Fact) -> list[str]:
    """Return a fact's values in a few letters each, with what tells them apart."""
    return apart(list(map(_value, fact.values)), LETTERS)


def _value(value: Any) -> str:
    if value is None:
        return "(not recorded)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(parts: list[str], between: str) -> str:
    more = [f"{len(parts) - SHOWN} more"] if len(parts) > SHOWN else []
    return between.join([*parts[:SHOWN], *more])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{', '.join(names[:NAMES_SHOWN])}{more}"


def _bounds(metric: Metric) -> tuple[float, float]:
    values = [value for _, value in metric.values]
    return min(values), max(values)


def _range(metric: Metric) -> str:
    low, high = map(render.number, _bounds(metric))
    if metric.verdict == "equal":
        return low
    return f"{low} to {high}"


def _judged(metric: Metric) -> str:
    note = f"; {metric.note}" if metric.note else ""
    if metric.verdict == "equal":
        return f"the same in every run{note}"
    if metric.judged is None or metric.p is None:
        return f"differs; noise unknown ({metric.note})"
    words = {
        "disagrees": "disagrees with itself",
        "within_noise": "within its noise",
        "noise_unknown": "differs; noise unknown",
    }[metric.verdict]
    judged = metric.judged
    unstable = (
        "" if judged.unstable is None else f", {judged.unstable} of {judged.scenarios} scenarios came out differently"
    )
    return f"{words} (p = {metric.p:.2g}{unstable}{note})"


def _rows(group: Group) -> list[tuple[str, ...]]:
    head = (_short(group), group.scenario or "-", str(group.runs))
    if not group.metrics:
        return [(*head, "-", "-", "-", group.verdict, "-", "-")]
    names = ",".join(split.facts[0].name for split in group.suspects) or "-"
    return [
        (
            *head,
            metric.name,
            *(f"{bound:.10g}" for bound in _bounds(metric)),
            metric.verdict,
            "-" if metric.p is None else f"{metric.p:.4g}",
            names if metric.verdict == group.verdict else "-",
        )
        for metric in group.metrics
    ]


def _document(found: Audit) -> dict[str, Any]:
    total, disagree, unknown = _counts(found)
    return {
        "version": 1,
        "answer": _answer(found),
        "runs": found.runs,
        "programs": {"repeated": total, "disagree": disagree, "noise_unknown": unknown},
        "groups": [_group_document(group) for group in found.groups],
        "single": found.single,
        "left_out": found.left_out,
    }


def _group_document(group: Group) -> dict[str, Any]:
    metrics = [
        {
            **metric._asdict(),
            "values": dict(metric.values),
            "judged": metric.judged and metric.judged._asdict(),
        }
        for metric in group.metrics
    ]
    splits = [
        {
            **split._asdict(),
            "facts": [fact._asdict() for fact in split.facts],
            "parts": [part._asdict() for part in split.parts],
        }
        for split in group.suspects
    ]
    return {**group._asdict(), "metrics": metrics, "suspects": splits}


COMMAND = Subcommand(
    audit,
    (
        Option("--json", None, "Print what was found as JSON.", into="as_json"),
        Option("--exit-code", None, "Exit with 1 when a program disagrees."),
        STORE,
    ),
)

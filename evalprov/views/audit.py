"""What `evalprov audit` found: programs that disagree with themselves, and what may be behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.explain.elide import apart
from evalprov.judge.audit import ADVICE, OF_BUILDER
from evalprov.numbers import and_more, counted, listed
from evalprov.page import BOLD, FactBlock, Remark, TableBlock, line, rest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.explain.suspects import Fact, Split
    from evalprov.judge.audit import Audit, Group, Metric
    from evalprov.page import Block, Pairs

COLUMNS = ("fingerprint", "scenario", "runs", "metric", "low", "high", "verdict", "p", "suspects")
SHOWN = 3  # suspects, facts of one, values of one
GROUPS_SHOWN = 20  # of those that agree
NAMES_SHOWN = 8
LETTERS = 40  # of a value


def _counts(found: Audit) -> tuple[int, int, int]:
    verdicts = [group.verdict for group in found.groups if group.verdict != "no_metrics"]
    return len(verdicts), verdicts.count("disagrees"), verdicts.count("noise_unknown")


def answer(found: Audit) -> str:
    """Say in one line how many programs disagree with themselves."""
    total, disagree, unknown = _counts(found)
    if not found.groups:
        return "nothing to compare: no two runs share a fingerprint"
    if not total:
        return (
            f"nothing to compare: {counted(len(found.groups), 'program')} with repeated runs reported no metrics twice"
        )
    if disagree:
        also = "differs" if unknown == 1 else "differ"
        more = f"; {unknown} more {also}, and whether by noise is unknown" if unknown else ""
        verb = "disagrees with itself" if disagree == 1 else "disagree with themselves"
        return f"{disagree} of {counted(total, 'program')} with repeated runs {verb}{more}"
    if unknown:
        verb = "differs" if unknown == 1 else "differ"
        return f"{unknown} of {counted(total, 'program')} with repeated runs {verb}, and whether by noise is unknown"
    agree = "agrees within its" if total == 1 else "agree within their"
    return f"{'the' if total == 1 else 'all'} {counted(total, 'program')} with repeated runs {agree} noise"


def page(found: Audit) -> Iterator[Block]:
    """Give it for a person: the answer, each program at issue with its suspects, and all others in a line."""
    yield line(answer(found), BOLD)
    at_issue = [group for group in found.groups if group.verdict in ("disagrees", "noise_unknown")]
    yield from (FactBlock(_title(group), _of_group(group)) for group in at_issue)
    alike = [(_title(group), _metrics(group)) for group in found.groups if group.verdict == "agrees"]
    none = [(_title(group), "no metric was reported twice") for group in found.groups if group.verdict == "no_metrics"]
    for title, pairs in (("agree with themselves", alike), ("without metrics", none)):
        yield FactBlock(title, [*pairs[:GROUPS_SHOWN], *rest(len(pairs) - GROUPS_SHOWN)])
    out = [(counted(count), reason) for reason, count in found.left_out.items()]
    if found.single:
        out.insert(0, (counted(found.single), "no other run with that fingerprint"))
    yield FactBlock("not compared", out)
    advice = [ADVICE] if any(group.fingerprint for group in at_issue) else []
    advice += [OF_BUILDER] if any(group.builder for group in at_issue) else []
    for one in advice:
        yield from map(line, ("", one))


def lines_of(found: Audit) -> Iterator[Block]:
    """Give it for a pipe: a line a metric, and the answer beside them."""
    yield TableBlock(COLUMNS, [row for group in found.groups for row in _rows(group)])
    yield Remark(answer(found))


def _title(group: Group) -> str:
    kept = f", the last {len(group.run_ids)} compared" if group.runs > len(group.run_ids) else ""
    scenario = group.scenario if group.scenario is not None else "(no scenario named)"
    return f"{_short(group)}  {scenario}  {counted(group.runs)}{kept}"


def _short(group: Group) -> str:
    hashed = (group.fingerprint or group.builder or "").removeprefix("sha256:")[:12]
    return hashed if group.fingerprint else f"builder:{hashed}"


def _metrics(group: Group) -> str:
    shown = [f"{metric.name} {_range(metric)}" for metric in group.metrics[:SHOWN]]
    return "  ".join([*shown, *and_more(len(group.metrics) - SHOWN)])


def _of_group(group: Group) -> Pairs:
    pairs = [(metric.name, f"{_range(metric)}  {_judged(metric)}") for metric in group.metrics]
    if group.pinned:
        pairs.append(("model", f"{group.pinned} pinned, and the runs differ all the same"))
    if not group.suspects:
        pairs.append(("suspects", f"none: no recorded fact outside the {_what(group)} divides these runs"))
    else:
        pairs.append(("suspects", "most suspicious first; what changes together with a score need not be its cause"))
    for number, split in enumerate(group.suspects[:SHOWN], 1):
        pairs += _of_split(number, split)
    pairs += rest(len(group.suspects) - SHOWN, "--json has them", "suspect")
    if group.telling_nothing:
        pairs.append(("other each time", f"{listed(group.telling_nothing, NAMES_SHOWN)}: nothing can be told of them"))
    return pairs


def _what(group: Group) -> str:
    return "fingerprint" if group.fingerprint else "config layer"


def _of_split(number: int, split: Split) -> Pairs:
    metric = split.metric or next(iter(split.parts[0].means))
    share = "" if split.explained is None else f"  explains {split.explained:.0%} of how {metric} varies"
    first, *others = split.facts
    parts = [
        f"{value}: {metric} {render.number(part.means[metric])} in {counted(part.runs)}"
        for value, part in zip(_values(first), split.parts, strict=True)
    ]
    pairs = [(f"  {number}", f"{first.name}{share}"), ("", f"  {listed(parts, SHOWN, between='; ')}")]
    pairs += [("", f"together with {_changed(fact)}") for fact in others[:SHOWN]]
    if len(others) > SHOWN:
        pairs.append(("", f"and with {listed([fact.name for fact in others[SHOWN:]], NAMES_SHOWN)}"))
    return pairs


def _changed(fact: Fact) -> str:
    return f"{fact.name}: {listed(_values(fact), SHOWN)}"


def _values(fact: Fact) -> list[str]:
    """Return a fact's values in a few letters each, with what tells them apart."""
    return apart(list(map(_value, fact.values)), LETTERS)


def _value(value: Any) -> str:
    if value is None:
        return "(not recorded)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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


def document(found: Audit) -> dict[str, Any]:
    """Return it as JSON has it."""
    total, disagree, unknown = _counts(found)
    return {
        "version": 1,
        "answer": answer(found),
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

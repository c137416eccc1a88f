"""The words of `evalprov diff`: each fact in a line, bounded, whoever reads it."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.explain import elide
from evalprov.explain.changes import different_words
from evalprov.judge.answer import chance
from evalprov.judge.direction import guess
from evalprov.named import NamedTuple
from evalprov.numbers import counted, listed
from evalprov.page import rest
from evalprov.record.facts import ARGUMENTS, PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.explain.changes import Change
    from evalprov.explain.text_edits import TextEdits
    from evalprov.judge.diff import Diff, Scenarios
    from evalprov.judge.left_out import LeftOut
    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.record.manifest import Manifest
    from evalprov.repository import Between

SHORT = 12  # digits of a hash
NAME = 44  # letters
WORDS = 60  # letters of a command line
COMMITS = 5
SCENARIOS = 5  # and files
NOT_KNOWN = "not known"
STATES = {
    "changed": "changed",
    "unknown": NOT_KNOWN,
    "equal": "proven equal",
    "named": "same by name",
    "undeclared": "nobody declared",
}
PARTS = ("metrics", "layers")
COLUMNS = ("metric", "A", "B", "delta", "95 % interval", "want", "verdict")
NUMBERS = ("A", "B", "delta")


class History(NamedTuple):
    """How the commits of two sides stand to each other."""

    a: str
    b: str
    between: Between


class FileEdit(NamedTuple):
    """One file that differs, and by how many lines where that is known."""

    path: str
    how: str  # changed, added, removed
    plus: int | None
    minus: int | None

    @property
    def words(self) -> str:
        """Name it as a headline does."""
        name = self.path if self.how == "changed" else f"{self.path} {self.how}"
        return name if self.plus is None else f"{name} (+{self.plus} -{self.minus})"


class FoundDifference(NamedTuple):
    """A comparison, and what it is of."""

    a: Side
    b: Side
    present: bool  # B is the present state
    diff: Diff
    history: History | None
    files: list[FileEdit]  # of the code, that differ
    parts: tuple[str, ...]  # what is to be shown
    everything: bool
    texts: TextEdits | None = None  # null where nobody asked for them


def cells(metric: MetricDiff) -> tuple[str, ...]:
    """Return a metric's row of COLUMNS, less its name."""
    return (*moved(metric), wanted(metric), verdict(metric))


def moved(metric: MetricDiff) -> tuple[str, str, str, str]:
    """Return what a metric is on both sides, how far it moved, and the interval of that."""
    return render.number(metric.a), render.number(metric.b), delta(metric), interval(metric)


def metric_name(metric: MetricDiff) -> str:
    """Name a metric with its unit."""
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name


def delta(metric: MetricDiff) -> str:
    """Return how far it moved."""
    return _signed(metric.delta)


def interval(metric: MetricDiff) -> str:
    """Return the confidence interval of what was judged."""
    if metric.interval is None:
        return "-"
    return " to ".join(f"{bound:+.3g}" for bound in metric.interval)


def verdict(metric: MetricDiff) -> str:
    """Return the verdict in words."""
    if metric.same_as is not None:
        return f"same as {cut(metric.same_as, NAME)}"
    words = metric.verdict.replace("_", " ")
    if metric.direction_from == "name" and metric.verdict in ("better", "worse"):
        return f"{words}, by a guess"
    if metric.corrected_for and metric.verdict == "within_noise":
        return f"not proven: {chance(metric)}"
    return words


def wanted(metric: MetricDiff) -> str:
    """Say which way is better; a question mark marks a guess."""
    way = {"higher": "high", "lower": "low", None: "-"}[metric.direction]
    return f"{way}?" if metric.direction_from == "name" else way


def remarks(metrics: Sequence[MetricDiff]) -> list[tuple[str, str]]:
    """Return what to know about verdicts, like ones together, and what would tell more."""
    said: dict[str, list[str]] = {}
    for metric in metrics:
        parts = [metric.reason] if metric.reason else []
        if metric.verdict == "cannot_tell" and metric.needed:
            needed = metric.needed
            ways = [f"{count} {what}" for what, count in needed._asdict().items() if count is not None]
            parts += [f"{' or '.join(ways)} would tell"] if ways else []
        if metric.direction_from == "name" and metric.verdict in ("better", "worse"):
            parts.append(guess(metric.name, metric.direction))
        if parts and metric.same_as is None:
            said.setdefault("; ".join(parts), []).append(metric.name)
    told = [(listed(names, 3), words) for words, names in said.items()]
    own = [f"{m.name} {render.number(m.own[0])} -> {render.number(m.own[1])}" for m in metrics if m.own]
    return [*told, *missed(metrics), *([("the runs' own numbers", listed(own, SCENARIOS))] if own else [])]


def missed(metrics: Sequence[MetricDiff]) -> list[tuple[str, str]]:
    """Say of the metrics that are within noise which moves would not have been seen."""
    blind = [m for m in metrics if m.verdict == "within_noise" and m.detectable is not None and m.same_as is None]
    what = "fall" if blind and all(m.one_sided for m in blind) else "move"
    sizes = listed([f"{m.name} below {render.number(m.detectable)}" for m in blind], len(blind))
    return [(f"would miss a {what}", sizes)] if blind else []


def _signed(value: float | None) -> str:
    if value is None:
        return "-"
    text = render.number(float(value))
    return text if text.startswith("-") or value == 0 else f"+{text}"


def name(change: Change) -> str:
    """Name a fact within its layer."""
    if change.item == change.layer and change.field:
        return change.field
    return f"{change.item} {change.field}".strip()


def value(change: Change, width: int) -> str:
    """Say what a fact is on both sides, in so many letters."""
    # Of a command line the middle may be what counts: it goes on in the next line instead.
    least = WORDS if change.field == ARGUMENTS else 10
    a, b = _both(change, max(least, (width - 8) // 2))
    if change.kind == "same":
        return a
    if change.kind == "unknown":
        return f"{a} -> {NOT_KNOWN}" if change.b is None else f"{NOT_KNOWN} -> {b}"
    if change.kind == "changed":
        up_or_down = how(change)
        return f"{a} -> {b}" + (f" ({up_or_down})" if up_or_down != "changed" else "")
    if change.layer == "infra":
        return f"not recorded -> {b}" if change.kind == "added" else f"{a} -> not recorded"
    return f"added: {b}" if change.kind == "added" else f"removed: was {a}"


def sides(change: Change, width: int) -> tuple[str, str]:
    """Return a fact's two values, in so many letters each."""
    missing = NOT_KNOWN if change.kind == "unknown" else "-"
    a, b = _both(change, width)
    return missing if change.a is None else a, missing if change.b is None else b


def _both(change: Change, width: int) -> tuple[str, str]:
    a, b = change.a, change.b
    if change.field == ARGUMENTS and isinstance(a, list) and isinstance(b, list):
        a, b = different_words(a, b)
    ones, others = (render.neutral(_form(change, side)) for side in (a, b))
    one_sided = change.a is None or change.b is None
    ones, others = [cut(ones, width), cut(others, width)] if one_sided else elide.apart([ones, others], width)
    if change.field.endswith("_mb"):
        return (f"{ones} MB", others) if b is None else (ones, f"{others} MB")
    return ones, others


def _form(change: Change, said: Any) -> str:
    if not change.field and isinstance(said, dict):
        return _whole(said)
    if change.field == ARGUMENTS and isinstance(said, list):
        return shlex.join(map(str, said)) or "none"
    if change.field == "bytes" and isinstance(said, int):
        return render.size(said)
    if change.field == "tree" and isinstance(said, str):
        return said[:SHORT]
    if isinstance(said, str):
        return said[7 : 7 + SHORT] if re.fullmatch(r"sha256:[0-9a-f]{64}", said) else said
    return json.dumps(said, ensure_ascii=False)


def _whole(facts: dict[str, Any]) -> str:
    """Sum up a thing that only one side has."""
    hashed = facts.get("sha256")
    short = hashed[7 : 7 + SHORT] if isinstance(hashed, str) and hashed.startswith("sha256:") else hashed
    told = [str(facts[key]) for key in ("version", "path", "source") if key in facts]
    return " ".join([*told, str(short)] if short else told) or f"{len(facts)} values"


def how(change: Change) -> str:
    """Say what became of a fact: of a package also whether it went up or down, where its versions are numbers."""
    if change.item != PACKAGE or change.kind != "changed":
        return change.kind
    a, b = (_numbers(side) for side in (change.a, change.b))
    if a is None or b is None or a == b:
        return change.kind
    return "upgraded" if a < b else "downgraded"


def _numbers(version: object) -> list[int] | None:
    found = re.match(r"\d{1,9}(?:\.\d{1,9}){0,8}(?![\d!])", str(version))
    if not found:
        return None
    numbers = [int(part) for part in found[0].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


def cut(text: str, width: int) -> str:
    """Return a text of so many letters at most, its middle left out."""
    return elide.cut(render.neutral(text), width)


def short_names(texts: Iterable[str], width: int = NAME) -> list[str]:
    """Return names of so many letters at most; different ones stay different."""
    return elide.named([render.neutral(text) for text in texts], width)


def compared(a: Sequence[Manifest], b: Sequence[Manifest], *, present: bool) -> list[tuple[str, str]]:
    """Say what the two sides are."""
    return [("A", _side(a)), ("B", _side(b, present=present))]


def noted(runs: Sequence[Manifest], *, present: bool = False) -> list[str]:
    """Return the tags of a side's run and the lines of its note, those that were added later too."""
    run = runs[0]
    tags = [f"tags: {', '.join(run['tags'])}"] if run["tags"] else []
    return [] if present else [*tags, *(run["note"] or "").splitlines()]


def _side(runs: Sequence[Manifest], *, present: bool = False) -> str:
    first = runs[0]
    sha = first["git_sha"]
    dirt = {True: ", not all committed", False: "", None: ", unknown whether clean"}[first["git_dirty"]]
    trials = f"and {len(runs) - 1} further trials" if len(runs) > 1 else ""
    head = "the present state" if present else f"{first['run_id']}  {first['status'].replace('_', ' ')}"
    return "  ".join(filter(None, [head, trials, first["scenario"], f"{sha[:SHORT]}{dirt}" if sha else ""]))


def scenarios(found: Scenarios, left_out: LeftOut) -> list[tuple[str, str]]:
    """Say which scenarios crashed or only one side has, and what each metric would be with them."""
    lost = ((f"crashed in {side.side}", len(side.crashed), side.crashed) for side in left_out.sides)
    sides = (("only in A", found.only_a, found.first_a), ("only in B", found.only_b, found.first_b))
    pairs = [(name, f"{count}: {_first(names, count)}") for name, count, names in (*lost, *sides) if count]
    pairs += [("at worst to at best", words) for words in left_out.with_them()[:SCENARIOS]]
    both = left_out.shared if left_out.told() else found.both
    return [("in both", str(both)), *pairs] if pairs else []


def _first(said: Sequence[str], count: int) -> str:
    return listed(short_names(said[:SCENARIOS]), SCENARIOS, count)


def moves_title(metric: MetricDiff) -> str:
    """Head a list of the scenarios that moved most."""
    return f"{cut(metric.name, NAME)} by scenario: {metric.up} up, {metric.down} down"


def moves(metric: MetricDiff, *, everything: bool) -> list[tuple[str, str]]:
    """Return the scenarios that moved most."""
    shown = metric.moves if everything else metric.moves[:SCENARIOS]
    steps = [f"{render.number(one.a)} -> {render.number(one.b)}" for one in shown]
    pairs = list(zip(short_names(one.scenario for one in shown), steps, strict=True))
    return [*pairs, *rest(metric.up + metric.down - len(shown))]


def commits(history: History) -> list[tuple[str, str]]:
    """Say how the commits of two sides stand to each other."""
    found = history.between
    step = f"{history.a[:SHORT]} -> {history.b[:SHORT]}"
    if found.ahead is None or found.behind is None:
        return [("commits", f"{step}; {found.problem}")]
    if found.ahead and found.behind:
        relation = f"the histories went apart: {found.behind} of A alone, {found.ahead} of B alone"
    else:
        relation = (
            f"{counted(found.ahead, 'commit')} later" if found.ahead else f"{counted(found.behind, 'commit')} earlier"
        )
    pairs = [("commits", f"{step}, {relation}")]
    pairs += [("", f"{one.sha[:SHORT]}  {one.subject}") for one in found.commits[:COMMITS]]
    return pairs + rest((found.ahead or found.behind) - COMMITS)


def files(edits: Sequence[FileEdit]) -> list[tuple[str, str]]:
    """Name the files of the code that differ."""
    return [("files", _first([one.words for one in edits], len(edits)))] if edits else []


def not_committed(a: Manifest, b: Manifest) -> list[tuple[str, str]]:
    """Name the files that were not committed on each side."""
    pairs = []
    for side, run in (("A", a), ("B", b)):
        git = run["git"]
        if names := list(dict.fromkeys([*git["staged"], *git["changed"], *git["untracked"]])):
            pairs.append((f"not committed in {side}", _first(names, max(len(names), sum(git["counts"].values())))))
    return pairs

"""What `evalprov diff` shows: to a person at a terminal, and as lines to a program."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.explain.used import USED
from evalprov.judge.inside import sentences
from evalprov.numbers import and_more
from evalprov.page import BOLD, DIM, FactBlock, TableBlock, fitted, line, rest
from evalprov.record.facts import PACKAGE
from evalprov.views import diff_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.explain.changes import Change
    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.page import Block, Pairs
    from evalprov.views.diff_words import FoundDifference

COLUMNS = ("kind", "of", "name", "a", "b", "delta", "low", "high", "p", "verdict")
METRICS = 20
LISTS = 2  # of scenarios
CRASHED = 10  # scenarios, for a program; --json has all
HIDDEN = 6  # things that the means hide
MARGIN = 4  # letters around a name
CHANGES = 15  # of a layer
_FIRST = ("worse", "better", "moved", "cannot_tell", "one_sided", "within_noise", "same")


def in_order(metrics: Sequence[MetricDiff]) -> list[MetricDiff]:
    """Put first what moved."""
    return sorted(metrics, key=lambda metric: _FIRST.index(metric.verdict))


def shown_metrics(found: FoundDifference) -> tuple[list[MetricDiff], list[str]]:
    """Return the metrics to be shown, and what to say of the others."""
    ordered = in_order(found.diff.metrics)
    if found.everything:
        return ordered, []
    same = sum(metric.verdict == "same" for metric in ordered)
    other = [metric for metric in ordered if metric.verdict != "same"]
    notes = and_more(len(other) - METRICS, "--all")
    if same:
        notes.append(f"{same} {'metric is' if same == 1 else 'metrics are'} the same (--all)")
    return other[:METRICS], notes


def with_moves(metrics: Sequence[MetricDiff], *, everything: bool = False) -> tuple[list[MetricDiff], list[str]]:
    """Return the metrics whose scenarios are worth a list, those that moved or may have, and what is left out."""
    worth = [m for m in metrics if m.moves and m.verdict not in ("same", "within_noise") and m.same_as is None]
    if everything or len(worth) <= LISTS:
        return worth, []
    return worth[:LISTS], and_more(len(worth) - LISTS, "by scenario: --all", "metric")


# --- a person


def page(found: FoundDifference, width: int) -> Iterator[Block]:
    """Give it for a person: the answer, what is compared, the metrics, and what changed."""
    for words in wrap(render.neutral(found.diff.answer.sentence), width):
        yield line(words, BOLD)
    a, b = diff_words.compared(found.a.runs, found.b.runs, present=found.present)
    said = [("", words) for words in diff_words.noted(found.a.runs)]
    said_of_b = [("", words) for words in diff_words.noted(found.b.runs, present=found.present)]
    yield _facts("compared", [a, *said, b, *said_of_b], width)
    if "metrics" in found.parts and not found.present:
        yield from _metrics(found, width)
    if "layers" in found.parts:
        for title, pairs in blocks(found, width - MARGIN):
            yield _facts(title, pairs, width)


def _metrics(found: FoundDifference, width: int) -> Iterator[Block]:
    yield _facts("scenarios", diff_words.scenarios(found.diff.scenarios, found.diff.left_out), width)
    metrics, notes = shown_metrics(found)
    if metrics:
        names = diff_words.short_names(map(diff_words.metric_name, metrics))
        rows = [(name, *diff_words.cells(metric)) for name, metric in zip(names, metrics, strict=True)]
        yield TableBlock(diff_words.COLUMNS, rows, diff_words.NUMBERS)
    for words in notes:
        yield line(words, DIM)
    yield _facts("about the verdicts", diff_words.remarks(metrics), width)
    inside = sentences(found.diff.inside)[: None if found.everything else HIDDEN]
    yield _facts("inside the means", [("", words) for words in inside], width)
    yield _facts("graders", found.diff.raters.told(), width)
    listed, left_out = with_moves(metrics, everything=found.everything)
    for metric in listed:
        yield _facts(diff_words.moves_title(metric), diff_words.moves(metric, everything=found.everything), width)
    for words in left_out:
        yield line(words, DIM)


def _facts(title: str, pairs: Pairs, width: int) -> FactBlock:
    """Give a block that fits, its names cut too."""
    names = diff_words.short_names(name for name, _ in pairs)
    short = [(name, render.neutral(value)) for name, (_, value) in zip(names, pairs, strict=True)]
    return fitted(diff_words.cut(title, width), short, width)


def blocks(found: FoundDifference, width: int) -> Iterator[tuple[str, Pairs]]:
    """Give what changed as titled blocks: the layers in a word, each that is another, and what is in none."""
    result = found.diff
    yield (
        "layers",
        [
            (words, ", ".join(name for name, layer in result.layers.items() if layer.state == state))
            for state, words in diff_words.STATES.items()
        ],
    )
    # By state, reason to the layers of which nothing more is to be told.
    bare: dict[str, dict[str, list[str]]] = {"unknown": {}, "named": {}}
    for name, layer in result.layers.items():
        inside = [change for change in result.changes if change.layer == name]
        pairs = _changes(inside, width, everything=found.everything)
        if name == "code" and layer.state in ("changed", "unknown"):
            pairs += diff_words.files(found.files)
            pairs += diff_words.not_committed(found.a.runs[0], found.b.runs[0])
        if layer.reason and pairs:
            pairs.append(("why", layer.reason))
        elif layer.reason:
            bare[layer.state].setdefault(layer.reason, []).append(name)
        if pairs and (found.everything or layer.state in ("changed", "unknown")):
            yield f"{name}: {diff_words.STATES[layer.state]}", pairs
    undeclared = [change for change in result.changes if change.layer == USED]
    yield "used and not declared", _changes(undeclared, width, everything=found.everything)
    for state, reasons in bare.items():
        yield diff_words.STATES[state], [(", ".join(names), reason) for reason, names in reasons.items()]
    if found.history:
        yield "commits", diff_words.commits(found.history)
    outside = [change for change in result.beside if not (found.history and change.field == "git_sha")]
    yield "beside the layers", _changes(outside, width, everything=found.everything)


def _changes(changes: Sequence[Change], width: int, *, everything: bool) -> Pairs:
    shown = changes if everything else changes[:CHANGES]
    names = diff_words.short_names(map(diff_words.name, shown))
    label = max(map(len, names), default=0)
    pairs = [(name, diff_words.value(change, width - label)) for name, change in zip(names, shown, strict=True)]
    pairs += rest(len(changes) - len(shown), "--all")
    packages = [change for change in changes if change.item == PACKAGE and change.kind != "same"]
    return [*_counted(packages), *pairs] if len(packages) > 1 else pairs


def _counted(packages: Sequence[Change]) -> Pairs:
    words = [diff_words.how(change) for change in packages]
    counts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    return [("packages", ", ".join(counts))]


# --- a program


def rows(found: FoundDifference) -> Iterator[tuple[str, ...]]:
    """Give lines of COLUMNS: the answer, metrics, scenarios, layers and changes; a dash is nothing."""
    result = found.diff
    yield _row("answer", name=result.answer.sentence, verdict=result.answer.kind)
    if "metrics" in found.parts:
        yield from _hidden_rows(found)
        yield from _metric_rows(in_order(result.metrics), everything=found.everything)
    if "layers" in found.parts:
        for name, layer in result.layers.items():
            yield _row("layer", name=name, verdict=layer.state)
        for change in (*result.changes, *result.beside):
            a, b = diff_words.sides(change, 200)
            yield _row("change", of=change.layer, name=diff_words.name(change), a=a, b=b, verdict=change.kind)
        if found.history:
            between = found.history.between
            for commit in between.commits:
                yield _row("commit", of=commit.sha, name=commit.subject)
            yield from _left_out("commits", (between.ahead or between.behind or 0) - len(between.commits), "commit")


def _hidden_rows(found: FoundDifference) -> Iterator[tuple[str, ...]]:
    """Give what is left out of the metrics, what their means hide, and what to know of their verdicts."""
    for side in found.diff.left_out.sides:
        for name in side.crashed[:CRASHED]:
            yield _row("crashed", of=side.side, name=name)
        yield from _left_out("crashed", len(side.crashed) - CRASHED)
    for one in found.diff.left_out.ranges:
        (low_a, high_a), (low_b, high_b) = one.a, one.b
        ends = (f"{_number(low)} to {_number(high)}" for low, high in ((low_a, high_a), (low_b, high_b)))
        yield _row("with_all", of=str(one.scenarios), name=one.metric, a=next(ends), b=next(ends))
    for words in sentences(found.diff.inside):
        yield _row("inside", name=words)
    for names, words in diff_words.remarks(found.diff.metrics):
        yield _row("about", of=names, name=words)
    for of, words in found.diff.raters.told():
        yield _row("grader", of=of or "-", name=words)


def _metric_rows(metrics: Sequence[MetricDiff], *, everything: bool) -> Iterator[tuple[str, ...]]:
    for metric in metrics:
        if everything or metric.verdict != "same":
            yield _metric_row(metric)
    for metric in with_moves(metrics, everything=True)[0]:
        for move in metric.moves:
            yield _row("scenario", of=metric.name, name=move.scenario, a=_number(move.a), b=_number(move.b))
        yield from _left_out(metric.name, metric.up + metric.down - len(metric.moves))


def _left_out(of: str, count: int, what: str = "scenario") -> Iterator[tuple[str, ...]]:
    for words in and_more(count, what=what):
        yield _row("more", of=of, name=words)


def _row(  # noqa: PLR0913 - one a column
    kind: str,
    *,
    of: str = "-",
    name: str = "-",
    a: str = "-",
    b: str = "-",
    delta: str = "-",
    low: str = "-",
    high: str = "-",
    p: str = "-",
    verdict: str = "-",
) -> tuple[str, ...]:
    return (kind, of, name, a, b, delta, low, high, p, verdict)


def _metric_row(metric: MetricDiff) -> tuple[str, ...]:
    low, high = metric.interval or (None, None)
    guessed = "?" if metric.direction_from == "name" else ""
    return _row(
        "metric",
        of=f"{metric.direction}{guessed}" if metric.direction else "-",
        name=metric.name,
        a=_number(metric.a),
        b=_number(metric.b),
        delta=_number(metric.delta),
        low=_number(low),
        high=_number(high),
        p=_number(metric.p if metric.p_adjusted is None else metric.p_adjusted),
        verdict=metric.verdict + guessed * (metric.verdict in ("better", "worse")),
    )


def _number(value: float | None) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return render.number(value)

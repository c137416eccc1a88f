"""`evalprov compare`: several programs in one table, each judged against the first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli import selection
from evalprov.cli.common import STORE, open_store
from evalprov.cli.contenders import named_rows, selected_rows
from evalprov.cli.earlier import EarlierRuns
from evalprov.cli.options import Argument, Option, Subcommand, did_you_mean
from evalprov.cli.rules import rules_for
from evalprov.errors import EvalprovError, UsageError
from evalprov.explain.several import columns
from evalprov.isolation import here
from evalprov.judge.contest import Contest, front
from evalprov.judge.direction import direction_of, is_spent, rule_of, table_of, unit_of, way_of
from evalprov.judge.samples import is_redundant_total
from evalprov.judge.verdicts import can_judge
from evalprov.numbers import listed
from evalprov.record.layers import LAYERS
from evalprov.settings import load
from evalprov.stats.columns import mean_of, number
from evalprov.store.where import equals
from evalprov.views import compare as view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.cli.contenders import ProgramRow
    from evalprov.judge.rules import Rules
    from evalprov.stats.whole_run import Spread
    from evalprov.views.compare import ComparedRow, FoundComparison

_SPENT = {"cost": "usd", "tokens": "tokens", "duration": "seconds"}  # what --pareto may name beside metrics
_OTHERS = 6  # further metrics


def compare(  # noqa: PLR0913 - one an option
    *,
    runs: tuple[str, ...],
    sweep: str | None,
    by: str | None,
    against: str | None,
    pareto: str | None,
    number_: str | None,
    as_json: bool,
    markdown: bool,
    out: str | None,
    open_: bool,
    store: str | None,
    **picks: Any,
) -> int:
    """Hold several programs against the first of them, and say which is the best, and whether that is more than luck.

    Runs of one program, or of one point of a sweep, are a row; with only what differs among the rows, the best first.
    The first is the run that is named first, the first point of a sweep, else the program of the oldest run.

    Each is judged as `evalprov diff` judges two, on the scenarios that both have, and corrected for all of them. The
    best is picked by its number, so what is said of it is corrected for every pair. What differs otherwise than in
    its settings, another data set or scenarios that are missing, is said first.

    In a pipe the columns are separated by tabs. -o writes a page to look at.

    Examples: evalprov compare --sweep latest; evalprov compare latest~2 latest~1 latest --by accuracy;
    evalprov compare --where 'model_config.model~mini' --since 7d --pareto cost,accuracy --markdown
    """
    if as_json and markdown:
        raise UsageError("--json and --markdown cannot be used together")
    folder = open_store(store)
    rules = rules_for(load(here()))
    asked = selection.asked(**picks)
    notes: list[str] = []
    allow_failed = rules.gate.allow_failed
    if runs:
        if sweep or asked.conditions or asked.since:
            raise UsageError("name either runs or what to select them by", "evalprov compare --sweep latest")
        rows = named_rows(folder, runs, allow_failed=allow_failed)
    elif sweep or asked.conditions or asked.since:
        conditions = list(asked.conditions)
        if sweep:
            from evalprov.fleet.sweep import sweep_of  # the others do without

            conditions.append(equals("sweep.id", sweep_of(folder, sweep)))
        rows = selected_rows(folder, conditions, asked.since, notes, allow_failed=allow_failed)
    else:
        raise UsageError("which runs?", "name them, or: evalprov compare --sweep latest; --where, --since, --tag ...")
    if against is not None:
        rows = _with_first(rows, named_rows(folder, [against], allow_failed=allow_failed)[0])
    found = _compared(folder, rows, _ComparisonAsked(by, pareto, rules, against is not None), notes)
    if out is not None:
        from evalprov.cli.report import put
        from evalprov.report import several

        return put(several.page(found), out, open_=open_)
    if as_json:
        render.document({**view.document(found), "store": folder})
    elif markdown:
        render.out("\n".join(view.markdown(found)))
    elif width := render.width():
        render.page(view.page(found, width, selection.limit(number_, view.SHOWN)))
    else:
        render.page(view.lines_of(found))
    return 0


class _ComparisonAsked:
    """By what is compared."""

    def __init__(self, by: str | None, pareto: str | None, rules: Rules, named: bool) -> None:  # noqa: FBT001
        self.by = by
        self.pareto = pareto
        self.rules = rules
        self.first_is_named = named


def _with_first(rows: Sequence[ProgramRow], first: ProgramRow) -> list[ProgramRow]:
    """Put the row of a run first; a row that has the run already is it."""
    ids = {run.run_id for run in first.runs}
    own = next((row for row in rows if any(run.run_id in ids for run in row.runs)), first)
    return [own, *(row for row in rows if row is not own)]


def _compared(folder: str, rows: Sequence[ProgramRow], asked: _ComparisonAsked, notes: list[str]) -> FoundComparison:
    able = [row for row in rows if row.done]
    if len(able) < 2:
        count = f"{len(able)} of {len(rows)}" if rows else "none"
        raise EvalprovError(
            f"two programs with results are needed, and there {'is' if len(able) == 1 else 'are'} {count}",
            "evalprov history shows the runs there are",
        )
    first = able[0]
    if first is not rows[0]:
        if asked.first_is_named:
            raise EvalprovError(f"run {rows[0].name} has no result to hold others against")
        notes.append(f"{rows[0].name} has no result: the others are held against {first.name}")
    metric = _metric(able, asked)
    contest = Contest(first.name, first.load(folder), metric, asked.rules)
    alone = {row.name: row.done[0] for row in able if len(row.done) == 1}
    earlier = EarlierRuns(folder, (run.about for run in alone.values()), allow_failed=asked.rules.gate.allow_failed)

    def spreads(a: str, b: str) -> dict[str, Spread]:
        return earlier.spreads(alone[a].about, alone[b].about) if a in alone and b in alone else {}

    draw = render.progress("comparing", lambda done, total: f"{done} of {total} programs")
    for place, row in enumerate(able[1:], 1):
        contest.enter(row.name, row.load(folder), spreads(first.name, row.name))
        if draw:
            draw(place, len(able))
    judged = contest.settle()
    if draw:
        draw(1, 1)
    told = [_told(row, contest) for row in rows]
    pair = _pareto(asked, told) if asked.pareto else None
    if pair:
        told = [row._replace(pareto=(_number(row, pair[0]), _number(row, pair[1]))) for row in told]
        on_front = front({row.name: row.pareto for row in told}, [_way(name, asked.rules) for name in pair])
        told = [row._replace(on_front=row.name in on_front) for row in told]
    sign = -1 if contest.way.direction != "lower" else 1
    order = sorted(range(len(told)), key=lambda place: _rank(told[place], sign))
    facts = columns([row.facts for row in rows], [row.swept for row in rows])
    others = dict.fromkeys(name for row in told for name in row.metrics if not is_redundant_total(name, row.metrics))
    return view.FoundComparison(
        rows=[told[place] for place in order],
        first=first.name,
        columns=[one._replace(values=[one.values[place] for place in order]) for one in facts],
        metric=metric,
        way=contest.way,
        others=[*filter(lambda name: name != metric, others)][:_OTHERS],
        judged=judged,
        lead=contest.lead(spreads),
        pareto=pair,
        unknown=Counter(layer for row in rows for layer in row.unknown if layer in LAYERS),
        can_judge=can_judge(),
        notes=notes,
    )


def _rank(row: ComparedRow, sign: int) -> tuple[bool, float]:
    value = row.entered.value if row.entered else None
    return value is None, 0.0 if value is None else sign * number(value)


def _told(row: ProgramRow, contest: Contest) -> ComparedRow:
    names = dict.fromkeys(name for run in row.done for name in run.summary)
    means = {name: _mean(run.summary.get(name) for run in row.done) for name in names}
    entered = contest.entered.get(row.name)
    if entered is not None:
        means[contest.metric] = entered.value
    spent = [[getattr(run, name) for run in row.done] for name in _SPENT.values()]
    usd, tokens, seconds = map(_mean, spent)
    return view.ComparedRow(
        row.name,
        row.point,
        [run.run_id for run in row.done],
        len(row.runs) - len(row.done),
        means,
        entered,
        contest.judged.get(row.name),
        usd,
        tokens,
        seconds,
    )


def _mean(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return known[0] if len(known) == 1 else mean_of(list(map(number, known))) if known else None


# --- by which metrics


def _metric(rows: Sequence[ProgramRow], asked: _ComparisonAsked) -> str:
    """Return the metric that is compared by: the one that is named, else the likeliest of those that there are."""
    every = list(dict.fromkeys(name for row in rows for run in row.done for name in run.summary))
    if asked.by is not None:
        return _named(asked.by, every, "--by")
    metrics = asked.rules.metrics
    if not every:
        raise EvalprovError("none of these runs has a metric", "evalprov show RUN says why")
    return min(every, key=lambda name: _likely(name, metrics))


def _likely(name: str, metrics: Any) -> tuple[bool, bool, bool]:
    """Order metrics: first what the settings call primary, then what has a direction and is not merely spent."""
    rule = rule_of(metrics, name)
    way = way_of(name, rule, [])
    return not (rule and rule.role == "primary"), is_spent(name, unit_of(name)), way.direction is None


def _named(name: str, every: Sequence[str], option: str) -> str:
    for one in (name, f"{name}_mean"):
        if one in every:
            return one
    hint = did_you_mean(name, every) or f"they have {listed(every, 10)}"
    raise UsageError(f"{option} {name}: these runs have no such metric", hint)


def _pareto(asked: _ComparisonAsked, rows: Sequence[ComparedRow]) -> tuple[str, str]:
    names = [name.strip() for name in (asked.pareto or "").split(",")]
    if len(names) != 2:
        raise UsageError("--pareto takes two names: --pareto cost,accuracy")
    every = list(dict.fromkeys(name for row in rows for name in row.metrics))
    found = [name if name in _SPENT else _named(name, [*every, *_SPENT], "--pareto") for name in names]
    for name in found:
        if name not in _SPENT and way_of(name, rule_of(asked.rules.metrics, name), []).direction is None:
            hint = f'direction = "higher" or "lower" in {table_of(name)} says it'
            raise UsageError(f"--pareto {name}: which way is better is not known", hint)
    return found[0], found[1]


def _way(name: str, rules: Rules) -> str:
    if name in _SPENT:
        return "lower"
    return way_of(name, rule_of(rules.metrics, name), []).direction or direction_of(name) or "higher"


def _number(row: ComparedRow, name: str) -> float | None:
    value = getattr(row, _SPENT[name]) if name in _SPENT else row.metrics.get(name)
    return None if value is None else number(value)


COMMAND = Subcommand(
    compare,
    (
        Option("--sweep", "SWEEP", "All runs of a sweep: its id, the beginning of that, a run of it, or latest."),
        Option("--by", "METRIC", "The metric to order and judge by; else the likeliest."),
        Option("--against", "RUN", "Hold all others against the program of this run."),
        Option("--pareto", "A,B", "Mark where none is better in both: metrics, or cost, tokens, duration."),
        Option(
            "--number", "N", f"How many rows; 0 for all. A terminal shows {view.SHOWN}.", short="-n", into="number_"
        ),
        *selection.OPTIONS,
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        Option("--markdown", None, "Print it for a pull request or a CI system's summary."),
        Option("--out", "FILE", "Write a page to look at, in one file.", short="-o"),
        Option("--open", None, "Open that page in the browser.", into="open_"),
        STORE,
    ),
    (Argument("runs", "RUN...", "Runs; of a trial all trials of its repeat.", many=True),),
)

"""What `evalprov plan` found: how many scenarios and runs show a move of a metric, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.named import NamedTuple
from evalprov.page import BOLD, Remark, TableBlock, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.judge.planning import Parts, PlanRow
    from evalprov.page import Block

COLUMNS = ("trials", "sees", "scenarios", "seconds", "usd")


class ScenarioCost(NamedTuple):
    """What one scenario of one run costs; null where no run says."""

    seconds: float | None
    usd: float | None


class FoundPlan(NamedTuple):
    """What was asked, what the noise is made of, and each way to run the eval."""

    metric: str
    move: float
    parts: Parts
    plans: Sequence[PlanRow]
    enough: int | None  # runs on each side of as many scenarios, that show the move; null where too many would have to
    cost: ScenarioCost
    notes: Sequence[str]


def page(found: FoundPlan) -> Iterator[Block]:
    """Give it for a person: the answer, then a row a way."""
    yield line(_answer(found), BOLD)
    yield TableBlock(COLUMNS, _rows(found), COLUMNS)
    yield from map(Remark, found.notes)


def lines_of(found: FoundPlan) -> Iterator[Block]:
    """Give it for a pipe: a row a way, and the answer beside them."""
    yield TableBlock(COLUMNS, _rows(found))
    yield from map(Remark, (_answer(found), *found.notes))


def document(found: FoundPlan) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "version": 1,
        "answer": _answer(found),
        "metric": found.metric,
        "move": found.move,
        **found.parts._asdict(),
        "trials_needed": found.enough,
        "plans": [{**row._asdict(), **_spent(row, found.cost)} for row in found.plans],
        "notes": list(found.notes),
    }


def _rows(found: FoundPlan) -> list[tuple[str, ...]]:
    return [
        tuple(map(render.number, (row.trials, row.sees, row.scenarios, *_spent(row, found.cost).values())))
        for row in found.plans
    ]


def _spent(row: PlanRow, cost: ScenarioCost) -> dict[str, float | None]:
    """Return what a plan costs, both sides together."""
    runs = None if row.scenarios is None else 2 * row.trials * row.scenarios
    return {
        name: None if runs is None or each is None else round(runs * each, 4) for name, each in cost._asdict().items()
    }


def _answer(found: FoundPlan) -> str:
    now, scenarios = found.plans[0].sees, found.parts.scenarios
    seen = "nothing" if now is None else f"a move of {render.number(now)}"
    of = f"{scenarios} scenarios, one run on each side, see" if scenarios else "one run on each side sees"
    ways = [
        f"{row.scenarios:,} scenarios" + ("" if row.trials == 1 else f" {row.trials} times")
        for row in found.plans
        if row.scenarios is not None and row.trials in (1, 3)
    ]
    move = render.number(found.move)
    says = [f"{found.metric}: {of} {seen}"]
    if scenarios and not any(row.scenarios for row in found.plans):
        says.append(f"{move} is less than whole runs differ by, and no number of scenarios shows it")
    if found.enough is not None and found.enough > 1:
        ways.append(f"{found.enough} runs{' of these' if scenarios else ''} on each side")
    return "; ".join([*says, *([f"{move} takes {' or '.join(ways)}"] if ways else [])])

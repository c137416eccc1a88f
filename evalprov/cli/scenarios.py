"""Single scenarios of runs: which are meant, and what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError, UnreadableError
from evalprov.explain.scenario import ScenarioPair, facts_of, near, scenarios_of
from evalprov.numbers import listed
from evalprov.store.texts import read_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.record.manifest import Manifest

_NEAR = 5


def found_scenarios(
    store: str, runs: Sequence[Manifest], wanted: Sequence[str]
) -> tuple[list[ScenarioPair], list[str]]:
    """Return what one run or two know of scenarios, and which texts could not be read and why."""
    names = [scenarios_of(run) for run in runs]
    for one in wanted:
        if not any(one in known for known in names):
            raise _unknown(one, runs, list(dict.fromkeys(name for known in names for name in known)))
    problems: list[str] = []
    texts = []
    for run in runs:
        try:
            texts.append(read_texts(store, run, wanted))
        except UnreadableError as problem:
            texts.append({})
            problems.append(problem.message)
    pairs = []
    for one in dict.fromkeys(wanted):
        sides = [
            facts_of(run, one, said) if one in known else None
            for run, known, said in zip(runs, names, texts, strict=True)
        ]
        pairs.append(ScenarioPair(one, sides[0], sides[-1]))
    return pairs, problems


def _unknown(wanted: str, runs: Sequence[Manifest], names: list[str]) -> EvalprovError:
    of = " and ".join(run["run_id"] for run in runs)
    if not names:
        why = f"no scenario is known of {of}: the eval reported none"
        return EvalprovError(why, f"evalprov show {runs[-1]['run_id']} says what it did report")
    some = near(wanted, names) or names[:_NEAR]
    words = "like it are" if near(wanted, names) else "there are"
    left = len(names) if some == names[:_NEAR] else len(some)
    has = "has" if len(runs) == 1 else "have"
    return EvalprovError(f"{of} {has} no scenario {wanted}", f"{words}: {listed(some, _NEAR, left)}")

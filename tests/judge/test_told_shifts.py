"""What is said to have changed where a metric changed its level."""

from __future__ import annotations

from typing import Any

from evalprov.judge.shifts import HORIZON, RunLayers, ToldShift, explained
from evalprov.record.form import RECIPE
from evalprov.record.identity import hash_of
from evalprov.stats.shifts import level_shifts
from evalprov.views import shifts as words

NOTHING = hash_of({"recipe": RECIPE, "facts": {}})


def told(**layers: list[Any]) -> ToldShift:
    """Return the one shift of a metric that falls in the middle of runs with these hashes."""
    count = len(next(iter(layers.values())))
    runs = [RunLayers(f"r{at}", {name: hashes[at] for name, hashes in layers.items()}) for at in range(count)]
    [shift] = explained(runs, level_shifts([1.0] * (count // 2) + [0.0] * (count - count // 2)))
    return shift


def test_what_changed_near_is_named_and_the_rest_is_not() -> None:
    """A layer that changed within three runs is named; one that did so earlier, or did not, is not."""
    shift = told(
        prompts=["a"] * 20 + ["b"] * 20,
        code=["a"] * 17 + ["b"] * 23,
        config=["a"] * 15 + ["b"] * 25,
        data=["a"] * 24 + ["b"] * 16,
        grader=["a"] * 40,
    )
    assert shift.changed == ("prompts", "code")
    assert (shift.run_id, shift.runs_before, shift.runs_after) == ("r20", 20, 20)
    assert words.there(shift) == "changed there: prompts, code"


def test_a_layer_that_changes_back_is_not_named() -> None:
    """A machine that flaps is not named beside what changed for good; one back far beyond the horizon is."""
    flaps = ["a", "b"] * 20
    once = ["a"] * 20 + ["b"] * 10 + ["a"] * 10
    assert told(prompts=["a"] * 20 + ["b"] * 20, infra=flaps, software=once).changed == ("prompts",)
    far = HORIZON + 10
    assert told(code=["a"] * far + ["b"] * (far - 5) + ["a"] * 5).changed == ("code",)


def test_a_layer_that_changes_all_the_time_is_marked() -> None:
    """Where the code is another in every third run, that it is so here too says little, and is said."""
    shift = told(code=[f"c{at // 3}" for at in range(60)], prompts=["a"] * 30 + ["b"] * 30)
    assert words.there(shift) == "changed there: code (it often does), prompts"


def test_where_nothing_recorded_changed_it_is_said_to_look_outside() -> None:
    """What is not known or was declared by nobody is said with it, and is never called the same."""
    shift = told(prompts=["a"] * 40, data=["a"] * 19 + [None] + ["a"] * 20, model=[NOTHING] * 40)
    assert words.there(shift) == (
        "no recorded layer changed: look outside the record; not known: data; nobody declared: model"
    )
    appeared = told(model=[NOTHING] * 20 + ["a"] * 20)
    assert appeared.changed == ("model",)

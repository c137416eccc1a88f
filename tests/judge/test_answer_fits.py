"""The first line where there is much to say: fewer metrics are named, so that the cause keeps its place."""

from __future__ import annotations

from generated import manifest

from evalprov.explain.changes import Change
from evalprov.explain.wording import LINE
from evalprov.judge.answer import AnswerEvidence, LayerDiff, answer
from evalprov.judge.verdicts import Side, compare_metrics


def test_many_long_names_leave_room_for_what_changed() -> None:
    """Six metrics of long names moved: the line tells fewer of them, and still which layer changed."""
    names = [f"accuracy_of_{k}_tickets_by_customers_of_the_northern_region" for k in range(6)]
    a, b = (
        Side((manifest({f"s{i}": {name: i < least + k for k, name in enumerate(names)} for i in range(60)}),))
        for least in (10, 40)
    )
    change = Change("code", "code", "commit", "changed", "one", "two")
    layers = {"code": LayerDiff("changed", None)}
    found = answer(a, b, AnswerEvidence(compare_metrics(a, b), layers, [change], [], []), present=False)
    assert len(found.sentence) <= LINE
    assert "6 metrics moved for real" in found.sentence
    assert "the code changed" in found.sentence
    assert found.sentence.count("tickets_by") < 3

"""The first line where there is much to say: fewer metrics are named, so that the cause keeps its place."""

from __future__ import annotations

from generated import manifest

from evalprov.explain.changes import Change
from evalprov.explain.wording import LINE
from evalprov.judge.answer import AnswerEvidence, LayerDiff, answer
from evalprov.judge.inside import Inside
from evalprov.judge.metric_diff import Side
from evalprov.judge.verdicts import compare_metrics


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


def test_each_part_of_a_line_keeps_its_place() -> None:
    """What comes before, the verdict and what changed are all there, however long each of them is."""
    names = [f"accuracy_of_{k}_tickets_by_customers_of_the_northern_region" for k in range(6)]
    a, b = (
        Side((manifest({f"s{i}": {name: i < least + k for k, name in enumerate(names)} for i in range(60)}),))
        for least in (10, 40)
    )
    layers = {name: LayerDiff("changed", None) for name in ("prompts", "model", "code", "software", "infra", "data")}
    caveats = [f"the scenario is another ({'long words ' * 20}", "A is not a completed run (timed out)"]
    hidden = [Inside("x", "group", f"x of group {'refunds ' * 20}: 1 -> 0")]
    for metrics in (compare_metrics(a, b), compare_metrics(a, a)):
        evidence = AnswerEvidence(metrics, layers, [], [], caveats, inside=hidden)
        said = answer(a, b, evidence, present=False).sentence
        assert len(said) <= LINE
        assert said.startswith("the scenario is another (long words")
        assert "for real" in said or "the scores are the same" in said
        assert "changed" in said

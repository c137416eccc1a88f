"""What people's labels tell of a grader, and whose a score's move is."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from gate_runs import BASELINE, RUN, Store, called, record

from evalprov.errors import UnreadableError
from evalprov.judge.diff import diff
from evalprov.judge.metric_diff import Side
from evalprov.judge.raters import labels_of
from evalprov.judge.rules import NO_RULES, Label

N = 200
TRUE = [i % 10 < 6 for i in range(N)]  # what people say
GRADED = [not one if i % 20 == 3 else one for i, one in enumerate(TRUE)]  # wrong in one of twenty
LENIENT = [i % 10 < 8 for i in range(N)]  # forgives half of what is wrong


def labels(values: list[bool] = TRUE, count: int = 80, **facts: Any) -> list[Label]:
    """Return one person's labels of the first scenarios."""
    said = {"rater": "anna", "metric": None, "run": None, **facts}
    return [Label(f"t{i}", float(value), **said) for i, value in enumerate(values[:count])]


def compared(a: list[bool], b: list[bool], given: list[Label], **facts: Any) -> Any:
    """Compare two runs by such labels."""
    sides = [record(BASELINE, {"accuracy": a}), record(RUN, {"accuracy": b}, **facts)]
    return diff(*(Side((run,)) for run in sides), NO_RULES._replace(labels=given))


def test_agreement_error_and_corrected_score_are_told_of_each_side() -> None:
    """A lenient grader's score is corrected to about what people say."""
    found = compared(GRADED, LENIENT, labels()).raters
    (a,), (b,) = found.a, found.b
    assert (a.labelled, a.scenarios) == (80, 200)
    assert a.agreement.measure == "Cohen's kappa"
    assert a.agreement.interval[0] < a.agreement.value < a.agreement.interval[1]
    assert b.error == pytest.approx(0.2)
    assert b.corrected == pytest.approx(b.score - b.error)
    assert b.corrected_interval[0] < 0.6 < b.corrected_interval[1]


def test_a_move_of_the_graders_is_said_to_be_its() -> None:
    """The first line says so, and that it is not proven where labels are few."""
    found = compared(GRADED, LENIENT, labels())
    told = found.raters.moves[0]
    assert found.answer.sentence.startswith(f"+{told.by:.4g} of accuracy's move of +{told.delta:.4g} is the grader's;")
    assert "so much of the score's move of +" in told.told()
    few = compared(GRADED, LENIENT, labels(count=12))
    assert few.raters.moves[0].moved is None
    assert "cannot be told" in few.raters.moves[0].told()
    fewer = compared(GRADED, LENIENT, labels(count=9))
    assert fewer.raters.moves == []
    assert "nothing can be told: that takes 10" in fewer.raters.a[0].told()


def test_a_move_of_the_programs_is_not_the_graders() -> None:
    """Labels of each run's own outputs hold the grader to what was there."""
    worse = [one and i % 3 > 0 for i, one in enumerate(TRUE)]
    given = [*labels(count=200, run=BASELINE), *labels(worse, 200, run=RUN)]
    found = compared(TRUE, worse, given)
    (move,) = found.raters.moves
    assert move.moved is False
    assert "is not the grader's" in move.told()
    assert found.answer.moved == ["accuracy_mean"]


def test_several_raters_with_gaps_are_held_against_each_other() -> None:
    """People's own agreement stands beside the grader's."""
    rng = random.Random(1)
    bruno = [Label(f"t{i}", float(TRUE[i] ^ (rng.random() < 0.1)), "bruno", None, None) for i in range(40, 120)]
    (check,) = compared(GRADED, GRADED, [*labels(), *bruno]).raters.a
    assert check.labelled == 120
    assert check.agreement.measure == check.among_people.measure.replace(
        "Cohen's kappa", "Krippendorff's alpha, nominal"
    )
    assert "they with each other at" in check.told()


def test_two_graders_are_held_against_each_other_without_labels() -> None:
    """What they saw is not recorded, and that is said."""
    found = compared(GRADED, LENIENT, [], grader__version="2").raters
    (drift,) = found.drifts
    assert (drift.metric, drift.scenarios, drift.alike) == ("accuracy", 200, sum(map(bool.__eq__, GRADED, LENIENT)))
    assert "if they saw the same outputs" in drift.told()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "labels.jsonl, line 2: "),
        ('{"label": 1}', "line 2: no scenario"),
        ('{"scenario": "t", "label": "good"}', "a label is a number"),
        ('{"scenario": "t", "label": NaN}', "a label is a number"),
        ('{"scenario": "t", "label": 1, "rator": "a"}', "there is no such key: rator"),
        ('{"scenario": "t", "label": 1, "rater": 3}', "are texts"),
    ],
)
def test_a_line_that_is_no_label_is_refused(line: str, says: str) -> None:
    """The message names the line."""
    with pytest.raises(UnreadableError, match="line 2") as refused:
        labels_of(b'{"scenario": "t1", "label": true}\n' + line.encode(), "labels.jsonl")
    assert says in refused.value.message


def test_labels_are_read_when_a_run_is_judged(tmp_path: Path) -> None:
    """`diff` and `gate` have them; a file that is gone is an error, and to the gate a run that it cannot evaluate."""
    store = Store(tmp_path / "metrics")
    store.put(record(BASELINE, {"accuracy": GRADED}), record(RUN, {"accuracy": LENIENT}))
    (tmp_path / "evalprov.toml").write_text('[grader]\ncalibration = "labels.jsonl"\n')
    words = (BASELINE, RUN, "--json")
    assert called(tmp_path, "diff", *words)[0] == 2
    code, out, _ = called(tmp_path, "gate", RUN, "--baseline", f"run:{BASELINE}")
    assert (code, out.splitlines()[0]) == (3, "could not evaluate: cannot read labels.jsonl: No such file or directory")
    lines = [json.dumps({"scenario": f"t{i}", "label": value}) for i, value in enumerate(TRUE[:80])]
    (tmp_path / "labels.jsonl").write_text("\n".join(lines))
    found = json.loads(called(tmp_path, "diff", *words)[1])["raters"]
    assert found["moves"][0]["moved"] is True
    assert found["b"][0]["agreement"]["measure"] == "Cohen's kappa"
    _, _, said = called(tmp_path, "gate", RUN, "--baseline", f"run:{BASELINE}")
    assert "the run, accuracy: 80 scenarios of 200 labelled by people" in said
    screen = called(tmp_path, "diff", BASELINE, RUN)[1]
    assert [line.split("\t")[1] for line in screen.splitlines() if line.startswith("grader\t")] == ["A", "B", "-"]

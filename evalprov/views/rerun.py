"""What `evalprov rerun` judged: whether the run was reproduced, and what each metric was and is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.page import CellsLine, line
from evalprov.restore.rerun import EXIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.page import Block
    from evalprov.restore.rerun import RerunJudgement


def page(judged: RerunJudgement) -> Iterator[Block]:
    """Give it for a person: the answer."""
    yield line(judged.sentence)


def lines_of(judged: RerunJudgement, common: str) -> Iterator[Block]:
    """Give it for a pipe: the answer, what the two runs have in common, and a line a metric."""
    yield CellsLine(("answer", judged.sentence))
    yield CellsLine(("rung", common))
    for one in judged.metrics:
        yield CellsLine((one.name, render.number(one.a), render.number(one.b), one.outcome))


def document(judged: RerunJudgement, common: str, run_id: str, rerun: str) -> dict[str, object]:
    """Return it as JSON has it."""
    return {
        "version": 1,
        "run_id": run_id,
        "rerun": rerun,
        "outcome": judged.outcome,
        "answer": judged.sentence,
        "exit_code": EXIT[judged.outcome],
        "rung": common,
        "metrics": [one._asdict() for one in judged.metrics],
        "layers": {name: layer._asdict() for name, layer in judged.diff.layers.items()},
    }

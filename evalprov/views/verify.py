"""What `evalprov verify` found: how the present stands to a run, and how far each layer of it can come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.page import CellsLine, FactBlock, TableBlock, line, rest
from evalprov.restore.verify import RUNGS
from evalprov.views import diff_words
from evalprov.views.diff_words import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.page import Block, Pairs
    from evalprov.restore.verify import Verified

COLUMNS = ("layer", "now", "comes back", "how")
SHOWN = 20  # facts, for a person
WIDE = 60  # letters of what a fact is


def page(found: Verified) -> Iterator[Block]:
    """Give it for a person: the answer, each layer, and the first facts that differ."""
    yield line(f"{found.run_id}: {found.answer}")
    yield _layers(found)
    yield line(f"{found.rung}: {RUNGS[found.rung]}")
    differs = _differs(found)
    yield FactBlock("what differs", [*differs[:SHOWN], *rest(len(differs) - SHOWN, "--json has them")])


def lines_of(found: Verified) -> Iterator[Block]:
    """Give it for a pipe: the answer, each layer, and every fact that differs."""
    yield CellsLine(("answer", found.answer))
    yield CellsLine(("rung", found.rung, RUNGS[found.rung]))
    yield _layers(found)
    for pair in _differs(found):
        yield CellsLine(("differs", *pair))


def _layers(found: Verified) -> TableBlock:
    rows = [
        (name, STATES[layer.state], found.back[name].way, found.back[name].why)
        for name, layer in found.diff.layers.items()
    ]
    return TableBlock(COLUMNS, rows)


def _differs(found: Verified) -> Pairs:
    return [(f"{one.layer}: {diff_words.name(one)}", diff_words.value(one, WIDE)) for one in found.diff.changes]


def document(found: Verified) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "version": 1,
        "run_id": found.run_id,
        "answer": found.answer,
        "exit_code": found.exit_code,
        "rung": found.rung,
        "layers": {
            name: {**layer._asdict(), "back": found.back[name].way, "how": found.back[name].why}
            for name, layer in found.diff.layers.items()
        },
        "changes": [change._asdict() for change in found.diff.changes],
    }

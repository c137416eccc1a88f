"""What `evalprov restore` brought back: how each layer stands to the record, what is missing, and how to run it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from evalprov.page import CellsLine, FactBlock, line
from evalprov.restore.bring import SOFTWARE
from evalprov.views.diff_words import SHORT, STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.page import Block
    from evalprov.restore.bring import Restored

_NOT_BROUGHT = {"infra": "a machine is not brought back", SOFTWARE: "not installed: --env does that"}


def layers(found: Restored) -> Iterator[tuple[str, str, str]]:
    """Give each layer, how it stands to the record, and the words for that."""
    for name, standing in found.layers.items():
        if name in _NOT_BROUGHT and not (name == SOFTWARE and found.environment):
            yield name, "not_brought", _NOT_BROUGHT[name]
        else:
            words = STATES[standing.state]
            yield name, standing.state, f"{words}: {standing.reason}" if standing.reason else words


def command_line(found: Restored) -> str:
    """Return what to type to run it."""
    return f"cd {shlex.quote(found.cwd)} && . {shlex.quote(found.variables)} && {shlex.join(found.command)}"


def _answer(found: Restored) -> str:
    return "all of its files are back" if found.whole else "not all of its files are back"


def _files(found: Restored, tree: str | None) -> str:
    return f"git's tree {(tree or '')[:SHORT]} is the recorded one" if found.tree else "not proven"


def page(found: Restored, tree: str | None) -> Iterator[Block]:
    """Give it for a person: the answer, each layer, what is missing, and the line to type; tree is the recorded one."""
    yield line(f"{found.run_id}: {_answer(found)}")
    yield FactBlock(
        found.project, [("files", _files(found, tree)), *((name, words) for name, _, words in layers(found))]
    )
    yield FactBlock("missing", [("", one) for one in found.missing])
    yield FactBlock("to run it", [("", command_line(found))])


def lines_of(found: Restored, tree: str | None) -> Iterator[Block]:
    """Give it for a pipe: a line for each."""
    yield CellsLine(("answer", _answer(found)))
    yield CellsLine(("folder", found.project))
    yield CellsLine(("files", _files(found, tree)))
    yield from map(CellsLine, layers(found))
    for one in found.missing:
        yield CellsLine(("missing", one))
    yield CellsLine(("command", command_line(found)))


def document(found: Restored, ahead: list[str]) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "version": 1,
        "run_id": found.run_id,
        "whole": found.whole,
        "folder": found.folder,
        "project": found.project,
        "cwd": found.cwd,
        "command": found.command,
        "variables": found.variables,
        "environment": found.environment,
        "tree_proven": found.tree,
        "layers": {name: {"state": state, "words": words} for name, state, words in layers(found)},
        "missing": found.missing,
        "ahead": ahead,
    }

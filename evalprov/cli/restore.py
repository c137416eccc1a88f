"""`evalprov restore`: an old run's files, and its packages, in a folder of their own."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.isolation import given_environment, here
from evalprov.restore.bring import SOFTWARE, Restored, RestoreRequest
from evalprov.restore.bring import restore as brought
from evalprov.restore.setting import named_ahead
from evalprov.settings import load
from evalprov.store import read
from evalprov.store.ids import is_run_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest

_STATES = {
    "equal": "proven",
    "named": "the same by name",
    "unknown": "not known",
    "changed": "another",
    "undeclared": "nobody declared it",
}
_NOT_BROUGHT = {"infra": "a machine is not brought back", SOFTWARE: "not installed: --env does that"}


def restore(*, run: str, folder: str | None, env: bool, as_json: bool, store: str | None) -> int:
    """Bring a run's files back to a folder of their own, and prove that they are what ran.

    Without DIR the folder is named after the run and is made here. Your own repository is only read. What is proven,
    and by what, is said of each layer; what could not be brought back is named. Nothing of the run is started, except
    that --env installs its packages: by uv if that is there, else by venv and pip.

    Exit codes: 0 all of its files are back and proven; 3 not all of them; 125 it cannot be brought back.

    Example: evalprov restore latest~3 /tmp/old --env
    """
    place = open_store(store)
    m = read.load(place, run)
    environ = given_environment()
    ahead = named_ahead(m, environ)
    if not as_json:
        for line in ahead:
            render.note(line)
    target = os.path.join(here(), folder or f"restored-{m['run_id'] if is_run_id(m['run_id']) else 'run'}")
    asked = RestoreRequest(m, pieces(place, run), load(here()).root, target, environ, env, told=render.note)
    found = brought(asked)
    if as_json:
        render.document(document(found, ahead))
    else:
        _show(m, found)
    return 0 if found.whole else 3


def pieces(store: str, run: str) -> str:
    """Return the store that has what a run kept: that of its manifest where a file was named."""
    if run.endswith(".json"):
        around = os.path.dirname(os.path.dirname(os.path.abspath(run)))
        if os.path.isdir(f"{around}/objects"):
            return around
    return store


def document(found: Restored, ahead: list[str]) -> dict[str, Any]:
    """Return what came back, for a program."""
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


def layers(found: Restored) -> Iterator[tuple[str, str, str]]:
    """Give each layer, how it stands to the record, and the words for that."""
    for name, standing in found.layers.items():
        if name in _NOT_BROUGHT and not (name == SOFTWARE and found.environment):
            yield name, "not_brought", _NOT_BROUGHT[name]
        else:
            words = _STATES[standing.state]
            yield name, standing.state, f"{words}: {standing.reason}" if standing.reason else words


def _show(m: Manifest, found: Restored) -> None:
    said = "all of its files are back" if found.whole else "not all of its files are back"
    tree = f"git's tree {(m['git']['tree'] or '')[:12]} is the recorded one" if found.tree else "not proven"
    if not sys.stdout.isatty():
        render.out(f"answer\t{said}\nfolder\t{render.neutral(found.project)}\nfiles\t{tree}")
        for name, state, words in layers(found):
            render.out(f"{name}\t{state}\t{render.neutral(words)}")
        for one in found.missing:
            render.out(f"missing\t{render.neutral(one)}")
        render.out(f"command\t{render.neutral(command_line(found))}")
        return
    render.out(f"{render.neutral(found.run_id)}: {said}")
    pairs = [("files", tree), *((name, words) for name, _, words in layers(found))]
    render.facts(found.project, pairs)
    render.facts("missing", [("", one) for one in found.missing])
    render.facts("to run it", [("", command_line(found))])


def command_line(found: Restored) -> str:
    """Return what to type to run it."""
    return f"cd {shlex.quote(found.cwd)} && . {shlex.quote(found.variables)} && {shlex.join(found.command)}"


COMMAND = Subcommand(
    restore,
    (
        Option("--env", None, "Install its packages too, in an environment in that folder."),
        Option("--json", None, "Print what came back as JSON.", into="as_json"),
        STORE,
    ),
    (
        Argument(
            "run", "RUN", "A run: an id, its beginning, latest~1, baseline:NAME, a manifest's path.", required=True
        ),
        Argument("folder", "DIR", "A folder that is not there yet, or an empty one."),
    ),
)

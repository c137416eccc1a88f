"""`evalprov init`: write a settings file fitted to what the repository has, or to what a run used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import EvalprovError
from evalprov.isolation import here
from evalprov.settings import FILE, load, project_root
from evalprov.settings.fitting import LISTED, compose, survey
from evalprov.store import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.cli.declaring import WholeSettings

RUNS = 5  # whose metrics are looked at
SHOWN = 5
_KINDS = (("config", "config"), ("prompt", "prompts"), ("data", "data"))


def init(*, scenario: str | None, source: str | None) -> int:
    """Write an evalprov.toml that names this project's configs, prompts and data.

    With --from RUN it declares what that run was declared with, and what it was seen to read beside that; a run made
    with --observe auto knows what it read. Of metrics that were recorded here before, it writes which way is better,
    as a guess for you to confirm. An existing file is never overwritten.

    Examples: evalprov init --scenario support-tickets; evalprov init --from latest
    """
    root = project_root(here())
    existing = load(here()).path
    if existing:
        add = f"evalprov inputs {source} --write adds to it what that run used" if source else "edit that file"
        raise EvalprovError(f"there are settings already: {existing}", f"{add}; nothing was written")
    path = os.path.join(root, FILE)
    run = _of_run(source) if source else None
    tables = run.tables if run else survey(root)
    tables["scenario"] = scenario or tables.get("scenario") or os.path.basename(root)
    text = compose(tables, run.lost if run else ()) + ways(_metrics())
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise EvalprovError(f"cannot write {path}: {problem.strerror}") from None
    for what, name in _KINDS:
        table = tables.get(name, {})
        names = table.get("files", ()) if name == "config" else [_path(one) for one in table.values()]
        render.out(f"{what}\t{len(names)}\t{', '.join(map(render.neutral, names[:SHOWN]))}".rstrip())
    render.out(f"wrote {render.neutral(path)}")
    return 0


def _path(said: str | Mapping[str, str]) -> str:
    return said if isinstance(said, str) else said["path"]


def _of_run(source: str) -> WholeSettings:
    """Return what declares a run as it was, and tell what is not known of it."""
    from evalprov.cli.declaring import whole_tables_for  # an ordinary init has no run
    from evalprov.explain.used import unobserved

    m = read.load(open_store(None), source)
    found = whole_tables_for(m, load(here()))
    notes = [f"{path} is not here any more, so it is not declared" for path in found.gone]
    for note in filter(None, [unobserved(m), *notes]):
        render.note(note)
    return found


def _metrics() -> list[str]:
    """Return the metrics of the latest runs that are recorded here already."""
    lines = read.history(open_store(None), RUNS).lines if os.path.isdir(open_store(None)) else []
    return list(dict.fromkeys(name for line in lines for name in line["metric_summary"] or {}))[:LISTED]


def ways(metrics: Sequence[str]) -> str:
    """Return, for a person to confirm, what is guessed of which way is better."""
    from evalprov.judge.direction import direction_of, is_defined, is_spent, table_of, unit_of

    said = ""
    for name in metrics:
        way = direction_of(name)
        if (way and is_defined(name)) or is_spent(name, unit_of(name)):
            continue
        why = "guessed from its name" if way else "its name does not tell: higher or lower"
        said += f'# {table_of(name)}\n# direction = "{way or "..."}"  # {why}\n'
    return f"\n# Which way is better: take the # away where it is so.\n{said}" if said else ""


COMMAND = Subcommand(
    init,
    (
        Option("--scenario", "NAME", "What is evaluated."),
        Option("--from", "RUN", "Declare what this run used.", into="source"),
    ),
)

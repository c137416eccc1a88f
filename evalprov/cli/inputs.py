"""`evalprov inputs`: what a run used, which layer has it, and the settings that would declare the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import RUN, STORE, open_store
from evalprov.cli.declaring import as_toml, tables_for, write
from evalprov.cli.options import Option, Subcommand
from evalprov.explain.used import unobserved
from evalprov.isolation import here
from evalprov.settings import load
from evalprov.store import read
from evalprov.views import inputs as view

if TYPE_CHECKING:
    from evalprov.cli.declaring import WrittenSettings


def inputs(*, run: str, write_settings: bool, as_json: bool, store: str | None) -> int:
    """Say what a run used, which layer has it, what nobody declared, and the settings that would declare it.

    Every run knows which files of the project were opened while it ran, and which programs; one that was made with
    --observe auto knows all that its Pythons read, variables and files from elsewhere included.

    With --write the settings are added to evalprov.toml, behind what stands there, which is kept as it is; what
    cannot be added so is printed for you to add.

    In a pipe the columns are separated by tabs. Example: evalprov inputs latest --write
    """
    m = read.load(open_store(store), run)
    settings = load(here())
    tables = tables_for(m, settings)
    done = write(tables, settings) if write_settings and tables else None
    if as_json:
        text = as_toml(tables)
        settings_told = {"settings": text, "written": done and done.path, "left": as_toml(done.left) if done else text}
        render.document({**view.document(m), **settings_told})
        return 0
    render.page(view.page(m) if render.width() else view.lines_of(m))
    if problem := unobserved(m):
        render.note(problem)
    _say_settings(as_toml(done.left if done else tables), done)
    return 0


def _say_settings(text: str, done: WrittenSettings | None) -> None:
    """Print what would declare the rest: beside the table, so that a pipe has rows alone."""
    if done and done.path:
        render.note(f"added to {done.path}")
    if not text:
        return
    render.note(done.why if done and done.why else "to declare what no layer of its own has, add this (or: --write)")
    for line in text.splitlines():
        render.aside(line)


COMMAND = Subcommand(
    inputs,
    (
        Option("--write", None, "Add the settings to evalprov.toml.", into="write_settings"),
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        STORE,
    ),
    (RUN,),
)

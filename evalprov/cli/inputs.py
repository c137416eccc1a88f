"""`evalprov inputs`: what a run used, which layer has it, and the settings that would declare the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.declaring import as_toml, tables_for, write
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.explain.used import undeclared_files, undeclared_variables, unobserved
from evalprov.isolation import here
from evalprov.numbers import and_more
from evalprov.record.layers import LAYERS
from evalprov.settings import load
from evalprov.store import read
from evalprov.views.show import headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.cli.declaring import WrittenSettings
    from evalprov.record.manifest import Manifest

COLUMNS = ("kind", "name", "layer", "content")
SHOWN = 20  # of a kind, for a person
VALUES = {
    "recorded": "its value is in the record",
    "named": "its name alone is in the record",
    "session": "of the session",
    "unset": "not set",
    "counted": "not told apart by its value",
}


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
        render.document(_document(m, as_toml(tables), done))
        return 0
    if sys.stdout.isatty():
        _show(m)
    else:
        render.table(COLUMNS, _rows(m))
    if problem := unobserved(m):
        render.note(problem)
    _say_settings(as_toml(done.left if done else tables), done)
    return 0


def _rows(m: Manifest) -> Iterator[tuple[str, str, str, str]]:
    seen = m["observed"]
    for name, one in seen["inputs"].items():
        yield "file", name, one["layer"] or "-", one["sha256"] or "-"
    for name, how in seen["environment"].items():
        yield "variable", name, "software" if how == "recorded" else "-", how
    for name, path in seen["modules"].items():
        yield "module", name, _layer_of(m, path), path
    for name in seen["packages"]:
        yield "package", name, "software", "-"
    for path, program in seen["programs"].items():
        yield "program", path, "-", program["sha256"] or "-"
    for host in seen["hosts"]:
        yield "host", host, "-", "-"


def _layer_of(m: Manifest, path: str) -> str:
    one = m["observed"]["inputs"].get(path)
    return (one["layer"] if one else None) or "-"


def _show(m: Manifest) -> None:
    seen = m["observed"]
    render.page([headline(m)])
    for layer in (*LAYERS, "secret"):
        _list(layer, [name for name, one in seen["inputs"].items() if one["layer"] == layer])
    _list("no layer has these files", undeclared_files(m))
    _list("no layer has these variables", undeclared_variables(m))
    others = [f"{name}: {VALUES[how]}" for name, how in seen["environment"].items() if how in VALUES]
    _list("other variables that were read", [one for one in others if not one.endswith(VALUES["counted"])])
    _list("installed packages", seen["packages"])
    _list("hosts", seen["hosts"])
    _list("programs that ran", list(seen["programs"]))


def _list(title: str, names: list[str]) -> None:
    shown = [*names[:SHOWN], *and_more(len(names) - SHOWN, "--json has them")]
    render.facts(f"{title} ({len(names)})", [("", name) for name in shown])


def _say_settings(text: str, done: WrittenSettings | None) -> None:
    """Print what would declare the rest: beside the table, so that a pipe has rows alone."""
    if done and done.path:
        render.note(f"added to {done.path}")
    if not text:
        return
    render.note(done.why if done and done.why else "to declare what no layer of its own has, add this (or: --write)")
    for line in text.splitlines():
        render.aside(line)


def _document(m: Manifest, text: str, done: WrittenSettings | None) -> dict[str, Any]:
    seen = m["observed"]
    return {
        "version": 1,
        "run_id": m["run_id"],
        "observed": seen["looked"]["files"] is not None,
        "note": unobserved(m),
        "used": m["identity"]["used"],
        **{name: seen[name] for name in ("looked", "inputs", "modules", "packages", "environment", "programs")},
        "hosts": seen["hosts"],
        "undeclared": {"files": undeclared_files(m), "variables": undeclared_variables(m)},
        "settings": text,
        "written": done and done.path,
        "left": as_toml(done.left) if done else text,
    }


COMMAND = Subcommand(
    inputs,
    (
        Option("--write", None, "Add the settings to evalprov.toml.", into="write_settings"),
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("run", "run", "A run id, its beginning, latest, latest~2, or a manifest's path.", default="latest"),),
)

"""What a run used: by layer for a person, a row a thing for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.explain.used import undeclared_files, undeclared_variables, unobserved
from evalprov.page import FactBlock, TableBlock, rest
from evalprov.record.layers import LAYERS
from evalprov.views.show import headline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.page import Block
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


def page(m: Manifest) -> Iterator[Block]:
    """Give it for a person: by layer, then what no layer has."""
    seen = m["observed"]
    yield headline(m)
    for layer in (*LAYERS, "secret"):
        yield _list(layer, [name for name, one in seen["inputs"].items() if one["layer"] == layer])
    yield _list("no layer has these files", undeclared_files(m))
    yield _list("no layer has these variables", undeclared_variables(m))
    told = {name: how.partition(" ")[0] for name, how in seen["environment"].items()}
    others = [f"{name}: {VALUES[how]}" for name, how in told.items() if how in VALUES]
    yield _list("other variables that were read", [one for one in others if not one.endswith(VALUES["counted"])])
    yield _list("installed packages", seen["packages"])
    yield _list("hosts", seen["hosts"])
    yield _list("programs that ran", list(seen["programs"]))


def _list(title: str, names: Sequence[str]) -> FactBlock:
    shown = [("", name) for name in names[:SHOWN]]
    return FactBlock(f"{title} ({len(names)})", [*shown, *rest(len(names) - SHOWN, "--json has them")])


def lines_of(m: Manifest) -> Iterator[Block]:
    """Give it for a pipe: a line for each thing."""
    yield TableBlock(COLUMNS, _rows(m))


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


def document(m: Manifest) -> dict[str, Any]:
    """Return it as JSON has it."""
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
    }

"""Lines of the history as Parquet files, which are read much quicker: a column for each key of the record."""

from __future__ import annotations

import json
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from evalprov.record.form import BULKY, SCHEMA
from evalprov.record.manifest import Manifest
from evalprov.store.decode import glance

if TYPE_CHECKING:
    import duckdb

RECIPE = 1  # of the columns: another one's files are made anew
LARGEST_LINE = 8 << 20  # of one that becomes a row
_PLAIN = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_HOW = "format='newline_delimited', ignore_errors=true, maximum_object_size"


@cache
def columns() -> dict[str, str]:
    """Return the columns of a run and their types, from the types of the record."""
    found = {
        name: _sql_type(kind, (name,))
        for name, kind in get_type_hints(Manifest).items()
        if (name,) not in BULKY and name != "counts"
    }
    return found | {"timestamp": "TIMESTAMP"}


def text(value: str) -> str:
    """Return a text as SQL has it."""
    return "'" + value.replace("'", "''") + "'"


def rows_of(path: str, named: dict[str, str] | None = None) -> str:
    """Return the SQL that reads a file of lines, or of other JSON objects a line, as rows."""
    shape = ", ".join(f"{text(name)}: {text(kind)}" for name, kind in (named or columns()).items())
    return f"read_json({text(path)}, {_HOW}={2 * LARGEST_LINE}, columns={{{shape}}})"


def write(connection: duckdb.DuckDBPyConnection, lines: str, target: str, named: dict[str, str] | None = None) -> None:
    """Make a Parquet file of a file of lines, each a run of the present version and each run once."""
    rows = f"SELECT * FROM {rows_of(lines, named)}"
    connection.execute(f"COPY ({rows}) TO {text(target)} (FORMAT parquet, COMPRESSION zstd)")


class _Version(msgspec.Struct):
    schema: int


_version = msgspec.json.Decoder(_Version)


def present(line: bytes) -> bytes:
    """Return a sound line in the present version, ended."""
    if _version.decode(line).schema == SCHEMA:
        return line + b"\n"
    return json.dumps(glance(line), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _sql_type(kind: Any, path: tuple[str, ...]) -> str:
    """Return the type of a column that holds values of a type of the record; what is free in form is JSON."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        some = {one for one in inside if one is not NoneType}
        if len(some) > 1:
            return "DOUBLE" if some <= {bool, int, float} else "JSON"
        return _sql_type(some.pop(), path)
    if is_typeddict(kind):
        fields = {name: (*path, name) for name in get_type_hints(kind)}
        inner = {name: _sql_type(get_type_hints(kind)[name], at) for name, at in fields.items() if at not in BULKY}
        return f"STRUCT({', '.join(f'{json.dumps(name)} {one}' for name, one in inner.items())})"
    if origin is dict:
        return f"MAP(VARCHAR, {_sql_type(inside[1], (*path, '*'))})"
    if origin is list:
        return f"{_sql_type(inside[0], (*path, '*'))}[]"
    return "VARCHAR" if origin is Literal else _PLAIN.get(kind, "JSON")

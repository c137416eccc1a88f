"""What a node is asked to do: one trial, as a text that holds no secret; the values of variables go another way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict, cast

from evalprov.run.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Engine
    from evalprov.run.agreed import Expected

FORM = 1
CODE = (
    "import sys; sys.path.append(sys.argv.pop(1)); from evalprov.isolation import given_environment; "
    "from evalprov.fleet.node import main; sys.exit(main(sys.argv[1:], given_environment()))"
)
NEEDED = b"evalprov-tree-needed\n"  # what a node says that has not the files yet
_NOT_SENT = ("engine", "run_id", "expected", "since", "replay", "fill")


class Order(TypedDict):
    """One trial for a node."""

    form: int
    run_id: str  # reserved at home
    request: dict[str, Any]
    tree: str | None  # the hash of the parcel with the files; null where the folder is shared
    folder: str  # where the command runs: from the project's root, or in full where it is shared
    top: str | None  # of the repository at home: words of the command may name files in it
    environ: dict[str, str]  # of this trial: values that a sweep sets
    path: str  # the search path at home
    have: list[str]  # pieces of the work tree that are at home already
    expected: Expected
    engine: Engine


def words_of(request: Request) -> dict[str, Any]:
    """Return a request as JSON."""
    return {name: value for name, value in request._asdict().items() if name not in _NOT_SENT}


def request_of(order: Order) -> Request:
    """Return the request that an order has."""
    words = order["request"].items()
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in words}
    return Request(**told, run_id=order["run_id"], expected=order["expected"], engine=order["engine"])


def written(order: Order) -> bytes:
    """Return an order as bytes."""
    return json.dumps(order).encode()


def read(data: bytes) -> Order:
    """Return an order; ValueError for what is none of ours."""
    told = json.loads(data)
    if not isinstance(told, dict) or told.get("form") != FORM:
        raise ValueError("the order is of another version of evalprov")
    return cast("Order", told)


def values(data: bytes) -> dict[str, str]:
    """Return the values of variables that came beside an order."""
    told = json.loads(data)
    if not isinstance(told, dict):
        raise ValueError("no variables")  # noqa: TRY004 - as of what is no JSON
    return {str(name): str(value) for name, value in told.items()}


def block(data: bytes) -> bytes:
    """Return a piece of a stream, behind its length."""
    return f"{len(data)}\n".encode() + data


def start_of(python: str, package: str, *words: str) -> list[str]:
    """Return the command that does an order, by a Python that has evalprov, or finds it where it is at home."""
    return [python, "-E", "-P", "-c", CODE, package, *words]


def chosen(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return those variables whose values go along."""
    return {name: environ[name] for name in names if name in environ}

"""What is handed over: the parts that a target would get, and the receipt for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from evalprov.judge.rules import MetricRule
    from evalprov.record.manifest import Manifest


class TargetRefused(EvalprovError):  # noqa: N818 - it is what the target said
    """The target does not take it, or is not there."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, exit_code=1)


class SendOptions(NamedTuple):
    """How and where to hand over."""

    folder: str  # that files go to
    url: str | None = None  # of the server; the tool's own settings say otherwise
    project: str | None = None  # or experiment, as the tool calls it
    rules: Mapping[str, MetricRule] = {}
    dry_run: bool = False
    progress: Callable[[int, int], None] | None = None  # of the parts of one run
    prompts: Callable[[Manifest], Mapping[str, bytes]] | None = None  # their texts, by name; null where not asked for


class Rows(NamedTuple):
    """Many things alike, made as they are taken."""

    total: int
    each: Callable[[], Iterator[Any]]


class FileContent(NamedTuple):
    """A file's bytes, made as they are taken."""

    chunks: Callable[[], Iterable[bytes]]
    rows: Rows | None = None  # what is in it, where the bytes are no text


class Parcel(NamedTuple):
    """All that a target gets of one run."""

    run_id: str
    id: str  # by which the target finds it again
    where: str  # for a person; it holds no secret
    parts: dict[str, Any]  # Rows, FileContent, or a JSON value


class Receipt(NamedTuple):
    """What became of a parcel."""

    target: str
    run_id: str
    id: str
    where: str
    state: str  # sent, updated, already there, would be sent
    parcel: Parcel | None  # null where it need not be known any more

    def without_parcel(self) -> Receipt:
        """Return the receipt alone: a parcel may hold a whole record."""
        return self._replace(parcel=None)


def document(value: Any, *, indent: int | None = 1) -> FileContent:
    """Return a JSON value as a file; the same value is the same bytes."""

    def chunks() -> Iterator[bytes]:
        yield json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
        yield b"\n"

    return FileContent(chunks)


def amount(part: Any) -> str:
    """Return how much a part is, in words."""
    if isinstance(part, FileContent) and part.rows:
        part = part.rows
    if isinstance(part, Rows):
        return "1 row" if part.total == 1 else f"{part.total} rows"
    if isinstance(part, FileContent):
        return f"{sum(map(len, part.chunks()))} bytes"
    if isinstance(part, dict | list):
        return "1 value" if len(part) == 1 else f"{len(part)} values"
    return str(part)


def shown(part: Any) -> Any:
    """Return a part as a JSON value, whole."""
    if isinstance(part, FileContent) and part.rows:
        part = part.rows
    if isinstance(part, Rows):
        return list(part.each())
    if isinstance(part, FileContent):
        text = b"".join(part.chunks()).decode()
        try:
            return json.loads(text)
        except ValueError:
            return text
    return part

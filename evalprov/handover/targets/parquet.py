"""Parquet: a row for the run, and a row for each value of each scenario; the same columns for every run."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.parcel import FileContent, Parcel, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

_TOGETHER = 50_000  # values in a piece


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the two files, each in a folder that reads as one table of all runs."""
    run_id, identity = m["run_id"], content.identity(m)
    run = {
        "run_id": run_id,
        "timestamp": m["timestamp"],
        "status": m["status"],
        "scenario": m["scenario"],
        "duration_seconds": m["duration_seconds"],
        "git_sha": m["git_sha"],
        "git_dirty": m["git_dirty"],
        "fingerprint": identity.get("fingerprint"),
        "program": identity.get("program"),
        "metrics": {name: float(value) for name, value in content.summary(m).items()},
        "params": {name: str(value) for name, value in content.params(m).items()},
        "tags": content.tags(m),
    }
    parts = {f"runs/{run_id}.parquet": _file("runs", Rows(1, lambda: iter([run])))}
    if m["metrics"]:
        total = sum(map(len, m["metrics"].values()))
        parts[f"scenarios/{run_id}.parquet"] = _file("scenarios", Rows(total, lambda: _values(m)))
    return Parcel(run_id, content.uid(m), f"{options.folder}/runs/{run_id}.parquet", parts)


def _values(m: Manifest) -> Iterator[dict[str, Any]]:
    for scenario, group, values in content.scenarios(m).each():
        for metric, value in values.items():
            number = None if value is None else float(value)
            kind = "boolean" if isinstance(value, bool) else "number"
            row = {"run_id": m["run_id"], "scenario": scenario, "group": group, "metric": metric}
            yield {**row, "value": number, "kind": None if value is None else kind}


def _file(name: str, rows: Rows) -> FileContent:
    def chunks() -> Iterator[bytes]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        text, number = pa.string(), pa.float64()
        texts = ("run_id", "timestamp", "status", "scenario", "git_sha", "fingerprint", "program")
        schemas = {
            "runs": pa.schema(
                [
                    *((one, text) for one in texts),
                    ("duration_seconds", number),
                    ("git_dirty", pa.bool_()),
                    ("metrics", pa.map_(text, number)),
                    ("params", pa.map_(text, text)),
                    ("tags", pa.map_(text, text)),
                ]
            ),
            "scenarios": pa.schema(
                [*((one, text) for one in ("run_id", "scenario", "group", "metric", "kind")), ("value", number)]
            ),
        }
        sink = _ParquetSink()
        with pq.ParquetWriter(pa.PythonFile(sink, "w"), schemas[name]) as writer:
            for piece in _pieces(rows.each()):
                writer.write_table(pa.Table.from_pylist(piece, schema=schemas[name]))
                yield sink.taken()
        yield sink.taken()

    return FileContent(chunks, rows)


class _ParquetSink(io.RawIOBase):
    """What a writer wrote since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return it."""
        held, self._held = self._held, []
        return b"".join(held)


def _pieces(rows: Iterator[Any]) -> Iterator[list[Any]]:
    piece = []
    for row in rows:
        piece.append(row)
        if len(piece) == _TOGETHER:
            yield piece
            piece = []
    if piece:
        yield piece

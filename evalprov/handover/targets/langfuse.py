"""Langfuse: a trace of the run with a span a scenario, and a score for each of their metrics."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.handover import content, notes
from evalprov.handover.files import ALREADY, SENT
from evalprov.handover.parcel import Parcel, Rows, TargetRefused
from evalprov.handover.servers import from_settings, in_pieces, quiet, refusing, shown_url
from evalprov.handover.targets import otlp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

_USUAL = "https://cloud.langfuse.com"
_TOGETHER = 1000
_INGESTION = {"x-langfuse-ingestion-version": "4"}  # shown at once, not after some minutes


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the trace and the scores."""
    uid = content.uid(m)
    scenarios = content.scenarios(m)
    parts: Json = {
        "resource": {"attributes": otlp.attributes({"service.name": m["scenario"] or "evalprov"})},
        "spans": Rows(1 + scenarios.total, lambda: _spans(m, uid)),
        "scores": Rows(content.values_of(m), lambda: _scores(m, uid)),
    }
    return Parcel(m["run_id"], uid, shown_url(_host(options)), parts)


def _host(options: SendOptions) -> str:
    return options.url or from_settings(("LANGFUSE_BASE_URL", "LANGFUSE_HOST")) or _USUAL


def _spans(m: Manifest, uid: str) -> Iterator[Json]:
    """Yield the spans, with what Langfuse reads of a trace."""
    trace = {
        "langfuse.trace.name": f"eval {m['scenario'] or m['run_id']}",
        "langfuse.release": m["git_sha"],
        "langfuse.session.id": m["scenario"],
    }
    trace |= {f"langfuse.trace.metadata.{name}": value for name, value in content.tags(m).items()}
    each = otlp.spans(m, uid)
    root = next(each)
    yield {**root, "attributes": [*root["attributes"], *otlp.attributes(trace)]}
    yield from each


def _scores(m: Manifest, uid: str) -> Iterator[Json]:
    for name, value in (m["metric_summary"] or {}).items():
        if value is not None:
            yield {**_score(uid, name, value), "id": content.as_uuid(content.part_uid(uid, "score", name))}
    for scenario, _, values in content.scenarios(m).each():
        span = otlp.scenario_id(uid, scenario)
        for name, value in values.items():
            if value is not None:
                identifier = content.as_uuid(content.part_uid(uid, "score", scenario, name))
                yield {**_score(uid, name, value), "id": identifier, "observationId": span}


def _score(uid: str, name: str, value: float) -> Json:
    kind = "BOOLEAN" if isinstance(value, bool) else "NUMERIC"
    return {"traceId": uid, "name": name, "value": float(value), "dataType": kind}


def send(parcel: Parcel, options: SendOptions) -> str:
    """Send the trace, then the scores; all have ids of their own, so that what is sent twice is there once."""
    from langfuse.api import LangfuseAPI

    public, secret = (os.environ.get(f"LANGFUSE_{kind}_KEY") for kind in ("PUBLIC", "SECRET"))
    if not (public and secret):
        raise TargetRefused("Langfuse needs its keys", "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY hold them")
    if notes.has(options.folder, parcel):
        return ALREADY
    client = LangfuseAPI(
        base_url=_host(options), username=public, password=secret, x_langfuse_public_key=public, headers=_INGESTION
    )
    spans, scores = parcel.parts["spans"], parcel.parts["scores"]
    with quiet("langfuse", "httpx"), refusing("Langfuse", parcel.where):
        for part, piece in in_pieces(options, _TOGETHER, spans, scores):
            if part is spans:
                scoped = {"scope": {"name": "evalprov"}, "spans": piece}
                client.opentelemetry.export_traces(
                    resource_spans=[{"resource": parcel.parts["resource"], "scopeSpans": [scoped]}]
                )
            else:
                _must_be_whole(client.scores.create(request=piece))
    notes.add(options.folder, parcel)
    return SENT


def _must_be_whole(answer: Any) -> None:
    if getattr(answer, "rejected", 0):
        raise TargetRefused(f"Langfuse rejects {answer.rejected} scores: {answer.errors[:1]}")

"""OpenTelemetry: a span for the run, one a scenario, evaluation results as events, by OTLP over HTTP as JSON."""

from __future__ import annotations

import gzip
import json
import os
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import unquote

from evalprov.handover import content, notes
from evalprov.handover.files import ALREADY, SENT
from evalprov.handover.parcel import Parcel, Rows, TargetRefused
from evalprov.handover.servers import from_settings, in_pieces, refusing, shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

MAPPING = "1"  # of ours: the conventions for evaluation results are still being made
EVENT = "gen_ai.evaluation.result"
_TOGETHER = 2000  # spans in a request
_USUAL = "http://localhost:4318"
_PATH = "/v1/traces"
_SECONDS = 60
_INTERNAL, _OK, _ERROR = 1, 1, 2


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the resource, and the spans as OTLP has them in JSON."""
    uid = content.uid(m)
    scenarios = content.scenarios(m)
    named = {"service.name": options.project or m["scenario"] or "evalprov", "service.version": m["git_sha"]}
    code = {"vcs.ref.head.revision": m["git_sha"], "vcs.repository.url.full": content.remote(m)}
    parts: Json = {
        "resource": {"attributes": attributes({**named, **code})},
        "scope": {
            "name": "evalprov",
            "version": m["system"].get("evalprov_version") or "",
            "attributes": attributes({"evalprov.mapping": MAPPING}),
        },
        "spans": Rows(1 + scenarios.total, lambda: spans(m, uid)),
    }
    return Parcel(m["run_id"], uid, shown_url(_endpoint(options)), parts)


def _endpoint(options: SendOptions) -> str:
    """Return where traces go, by the same variables as any exporter."""
    if not options.url and (whole := from_settings(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",))):
        return whole
    base = (options.url or from_settings(("OTEL_EXPORTER_OTLP_ENDPOINT",)) or _USUAL).rstrip("/")
    return base if base.endswith(_PATH) else f"{base}{_PATH}"


def root_id(uid: str) -> str:
    """Return the id of the run's span."""
    return content.part_uid(uid, "run")[:16]


def scenario_id(uid: str, name: str) -> str:
    """Return the id of a scenario's span."""
    return content.part_uid(uid, "scenario", name)[:16]


def spans(m: Manifest, uid: str) -> Iterator[Json]:
    """Yield the run's span, and then one a scenario."""
    begin, end = (str(round(seconds * 1e9)) for seconds in (content.began(m), content.ended(m)))
    times = {"startTimeUnixNano": begin, "endTimeUnixNano": end}
    root = root_id(uid)
    params = {f"evalprov.param.{name}": value for name, value in content.params(m).items()}
    model = {"gen_ai.request.model": content.model(m), "gen_ai.provider.name": m["model_config"].get("provider")}
    span = {"traceId": uid, "kind": _INTERNAL, **times}
    failed = m["status"] != "completed"
    yield {
        **span,
        "spanId": root,
        "name": f"eval {m['scenario'] or m['run_id']}",
        "attributes": attributes({**content.tags(m), **model, **params}),
        "events": [_event(name, value, end) for name, value in (m["metric_summary"] or {}).items()],
        "status": {"code": _ERROR, "message": m["status"]} if failed else {"code": _OK},
    }
    for name, group, values in content.scenarios(m).each():
        yield {
            **span,
            "spanId": scenario_id(uid, name),
            "parentSpanId": root,
            "name": f"scenario {name}",
            "attributes": attributes({"evalprov.scenario.name": name, "evalprov.scenario.group": group}),
            "events": [_event(metric, value, end) for metric, value in values.items() if value is not None],
        }


def _event(name: str, value: Any, when: str) -> Json:
    score = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": value if value is None else float(value)}
    if isinstance(value, bool):
        score["gen_ai.evaluation.score.label"] = "true" if value else "false"
    return {"timeUnixNano": when, "name": EVENT, "attributes": attributes(score)}


def attributes(values: Mapping[str, Any]) -> list[Json]:
    """Return values as OTLP has them; what is null is left out."""
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def _value(value: Any) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value)}


def send(parcel: Parcel, options: SendOptions) -> str:
    """Post the spans, unless a note says that it was done: a trace has one id, so posted twice it is there once."""
    if not _endpoint(options).startswith(("http://", "https://")):
        raise TargetRefused(f"not an address of an OTLP endpoint: {parcel.where}", "it begins with http:// or https://")
    if notes.has(options.folder, parcel):
        return ALREADY
    with refusing("the OTLP endpoint", parcel.where):
        for _, piece in in_pieces(options, _TOGETHER, parcel.parts["spans"]):
            scoped = {"scope": parcel.parts["scope"], "spans": piece}
            _post(
                _endpoint(options), {"resourceSpans": [{"resource": parcel.parts["resource"], "scopeSpans": [scoped]}]}
            )
    notes.add(options.folder, parcel)
    return SENT


def _post(url: str, said: Json) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", **_headers()}
    body = gzip.compress(json.dumps(said, separators=(",", ":")).encode("utf-8", "backslashreplace"), 1)
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - http, as was checked
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - likewise
            told = answer.read()
    except HTTPError as error:
        why = error.read(300).decode("utf-8", "replace")
        raise TargetRefused(f"the OTLP endpoint ({shown_url(url)}) refuses: HTTP {error.code} {why}".rstrip()) from None
    except OSError as error:
        raise TargetRefused(
            f"the OTLP endpoint is not there ({shown_url(url)}): {getattr(error, 'reason', error)}",
            "OTEL_EXPORTER_OTLP_ENDPOINT or --url names it",
        ) from None
    _must_be_whole(told)


def _must_be_whole(told: bytes) -> None:
    """Refuse where the backend took a part alone; an answer that is no JSON is that of success."""
    try:
        rejected = json.loads(told or b"{}").get("partialSuccess", {})
    except (ValueError, AttributeError):
        return
    if int(rejected.get("rejectedSpans") or 0):
        raise TargetRefused(f"the OTLP endpoint took a part alone: {rejected.get('errorMessage') or rejected}")


def _headers() -> dict[str, str]:
    """Return the user's headers, as any exporter reads them."""
    said = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or os.environ.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    pairs = (one.partition("=") for one in said.split(",") if "=" in one)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}

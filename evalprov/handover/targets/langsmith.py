"""LangSmith: in a project, a run for the whole and one a scenario, with feedback for each of their metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evalprov.handover import content, notes
from evalprov.handover.files import ALREADY, SENT
from evalprov.handover.parcel import Parcel, Rows, TargetRefused
from evalprov.handover.servers import from_settings, in_pieces, quiet, refusing, shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

_USUAL = "https://api.smith.langchain.com"
_KEYS = ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")
_TOGETHER = 500
_PATIENCE_SECONDS, _A_SECOND = 60.0, 500  # for the client's own queue; at least so many in a second


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the runs and their feedback."""
    uid = content.uid(m)
    scenarios = content.scenarios(m)
    project = (
        options.project or from_settings(("LANGSMITH_PROJECT", "LANGCHAIN_PROJECT")) or m["scenario"] or "evalprov"
    )
    parts = {
        "project": project,
        "runs": Rows(1 + scenarios.total, lambda: _runs(m, uid, project)),
        "feedback": Rows(content.values_of(m), lambda: _feedback(m, uid)),
    }
    return Parcel(m["run_id"], uid, f"{shown_url(_url(options))}, project {project}", parts)


def _url(options: SendOptions) -> str:
    return options.url or from_settings(("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT")) or _USUAL


def _id(uid: str, scenario: str | None) -> str:
    return content.as_uuid(
        content.part_uid(uid, "run") if scenario is None else content.part_uid(uid, "scenario", scenario)
    )


def _runs(m: Manifest, uid: str, project: str) -> Iterator[Json]:
    begin, end = content.began(m), content.ended(m)
    about = {**content.tags(m), **content.params(m)}
    failed = None if m["status"] == "completed" else m["status"]
    whole = {"name": f"eval {m['scenario'] or m['run_id']}", "outputs": content.summary(m), "error": failed}
    rows = [(None, whole, about)]
    each = (
        (name, {"name": name, "outputs": values}, {"evalprov.run_id": m["run_id"], "evalprov.group": group})
        for name, group, values in content.scenarios(m).each()
    )
    start = datetime.fromtimestamp(begin, UTC)
    for part in (iter(rows), each):
        for scenario, said, metadata in part:
            identifier = _id(uid, scenario)
            yield {
                **said,
                "id": identifier,
                "trace_id": identifier,
                "dotted_order": f"{start:%Y%m%dT%H%M%S%f}Z{identifier}",
                "run_type": "chain",
                "session_name": project,
                "inputs": {"scenario": scenario if scenario is not None else m["scenario"]},
                "start_time": content.spelled(begin),
                "end_time": content.spelled(end),
                "tags": m["tags"],
                "extra": {"metadata": {name: value for name, value in metadata.items() if value is not None}},
            }


def _feedback(m: Manifest, uid: str) -> Iterator[Json]:
    yield from _scores(uid, None, m["metric_summary"] or {})
    for scenario, _, values in content.scenarios(m).each():
        yield from _scores(uid, scenario, values)


def _scores(uid: str, scenario: str | None, values: Json) -> Iterator[Json]:
    run = _id(uid, scenario)
    for name, value in values.items():
        if value is not None:
            identifier = content.as_uuid(content.part_uid(uid, "feedback", scenario or "", name))
            yield {"feedback_id": identifier, "run_id": run, "trace_id": run, "key": name, "score": float(value)}


def send(parcel: Parcel, options: SendOptions) -> str:
    """Send the runs, then the feedback; all have ids of their own, so that what is sent twice is there once."""
    from langsmith import Client

    if not from_settings(_KEYS):
        raise TargetRefused("LangSmith needs its key", "LANGSMITH_API_KEY holds it")
    if notes.has(options.folder, parcel):
        return ALREADY
    problems: list[Exception] = []
    runs, feedback = parcel.parts["runs"], parcel.parts["feedback"]
    with quiet("langsmith", "langsmith.client", "urllib3"), refusing("LangSmith", parcel.where):
        client = Client(api_url=_url(options), tracing_error_callback=problems.append)
        client.request_with_retries("GET", "/info", stop_after_attempt=1)  # else nobody there is found out late
        for part, piece in in_pieces(options, _TOGETHER, runs, feedback):
            if part is runs:
                client.multipart_ingest(create=piece)
            else:
                for one in piece:
                    client.create_feedback(**one)
            if problems:
                raise problems[0]
        client.flush(timeout=_PATIENCE_SECONDS + (runs.total + feedback.total) / _A_SECOND)
        if problems:
            raise problems[0]
        if client.tracing_queue is not None and client.tracing_queue.unfinished_tasks:
            raise TargetRefused(f"LangSmith ({parcel.where}) did not take all of it in time", "try again")
    notes.add(options.folder, parcel)
    return SENT

"""A run as spans, sent to a real endpoint on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gate_runs import Store, called
from handed_records import RUN, full
from standins import Taken, serving


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a run, and no exporter set up."""
    for name in ("TRACES_ENDPOINT", "ENDPOINT", "TRACES_HEADERS", "HEADERS"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
    Store(tmp_path / "metrics").put(full(RUN, scenarios=5))
    return tmp_path


def sent(*taken: Taken) -> list[dict]:
    """Return the spans of requests."""
    return [
        span
        for one in taken
        for resource in one.document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def values(attributes: list[dict]) -> dict:
    """Return attributes by name."""
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}


def test_a_run_is_a_trace_with_a_span_a_scenario(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are the run's, scores are events by the conventions, and the user's own headers go along."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=evals%20a, authorization=Bearer%20x")
    with serving() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        assert called(project, "export", RUN, "--to", "otlp")[0] == 0
    (taken,) = server.taken
    assert (taken.path, taken.headers["x-team"], taken.headers["authorization"]) == (
        "/v1/traces",
        "evals a",
        "Bearer x",
    )
    root, *others = sent(taken)
    assert len(others) == 5
    assert len({one["spanId"] for one in (root, *others)}) == 6
    assert {one["traceId"] for one in (root, *others)} == {root["traceId"]}
    assert {one["parentSpanId"] for one in others} == {root["spanId"]}
    assert int(root["endTimeUnixNano"]) - int(root["startTimeUnixNano"]) == 12_500_000_000
    assert values(root["attributes"])["evalprov.run_id"] == RUN
    assert values(root["attributes"])["gen_ai.request.model"] == "gpt-4o-2024-08-06"
    event = others[1]["events"][0]
    assert event["name"] == "gen_ai.evaluation.result"
    assert values(event["attributes"]) == {
        "gen_ai.evaluation.name": "accuracy",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "true",
    }


def test_a_second_export_sends_nothing(project: Path) -> None:
    """What was sent is noted by address; another address gets it all the same."""
    with serving() as one, serving() as other:
        for server, state in ((one, "sent"), (one, "already there"), (other, "sent")):
            _, out, _ = called(project, "export", RUN, "--to", "otlp", "--url", server.url, "--json")
            assert json.loads(out)["runs"][0]["state"] == state
        assert len(one.taken) == len(other.taken) == 1
        assert [span["spanId"] for span in sent(*one.taken)] == [span["spanId"] for span in sent(*other.taken)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {"message": "no key"}), "HTTP 401"),
        ((200, {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}), "a part alone: too old"),
    ],
)
def test_what_was_refused_can_be_tried_again(project: Path, answer: tuple[int, object], words: str) -> None:
    """A refusal is one line and exit code 1; the next try sends the same ids."""
    with serving(lambda _: answer) as server:
        code, _, err = called(project, "export", RUN, "--to", "otlp", "--url", server.url)
        assert (code, words in err) == (1, True)
        server.answer = lambda _: (200, b"")
        assert called(project, "export", RUN, "--to", "otlp", "--url", server.url)[0] == 0
        first, second = server.taken
        assert sent(first) == sent(second)


def test_an_endpoint_that_is_not_there_is_one_line(project: Path) -> None:
    """The address is told without its password, and what names another."""
    code, _, err = called(project, "export", RUN, "--to", "otlp", "--url", "http://me:pass-word-9@127.0.0.1:9/x?key=1")
    assert (code, "is not there" in err, "--url" in err) == (1, True, True)
    assert "pass-word-9" not in err
    assert "key=1" not in err
    assert called(project, "export", RUN, "--to", "otlp", "--url", "file:///etc/passwd")[0] == 1

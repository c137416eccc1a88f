"""Calls that are looked at and not kept: what they come to is in the record, and the calls are nowhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Project

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures" / "secrets"))
from recorded_runs import KEY, asking, live, standin
from standin import StandIn

__all__ = ["asking", "live", "standin"]  # fixtures, by their names

PAST = """
import socket
from ask import ask
ask("is it?")
try:
    socket.getaddrinfo("api.openai.com", 443)
except OSError:
    pass
print('{"accuracy": 1}')
"""


def test_what_calls_come_to_is_recorded_and_no_call_is_kept(asking: Project, live: StandIn) -> None:
    """Model, parameters, fingerprint, hashes, tokens, cost, times, ends and contradictions; no file, no text."""
    asking.write("evalprov.toml", '[model]\nmodel = "gpt-4o"\ntemperature = 0.0\n[observe]\nwire = true\n')
    done = asking.run("python3", "eval.py")
    assert done.returncode == 0, done.stderr
    record = asking.record()
    calls = record["calls"]
    assert (calls["mode"], calls["count"], calls["errors"]) == ("observe", 5, 0)
    (model,) = calls["models"]
    assert model["gen_ai.provider.name"] == "openai"
    assert model["gen_ai.operation.name"] == "chat"
    assert (model["gen_ai.request.model"], model["gen_ai.request.temperature"]) == ("gpt-4o-mini", 0.5)
    assert model["gen_ai.response.model"] == ["gpt-4o-mini-2024-07-18"]
    assert model["gen_ai.openai.response.system_fingerprint"] == ["fp_44709d6fcb"]
    assert (model["gen_ai.usage.input_tokens"], model["gen_ai.usage.output_tokens"]) == (80, 20)
    assert calls["cost"]["usd"] > 0
    assert list(calls["seconds"]) == list(calls["first_token_seconds"]) == ["p50", "p90", "p95", "p99"]
    assert (calls["finish_reasons"], calls["retries"], calls["refusals"]) == ({"stop": 5}, 0, 0)
    assert record["observed"]["model"] == {"model": "gpt-4o-mini-2024-07-18", "system_fingerprint": "fp_44709d6fcb"}
    assert record["observed"]["prompts"]["system"]["sha256"]
    said = " ".join(record["warnings"])
    assert "model.model is declared as gpt-4o, and what was asked for is gpt-4o-mini" in said
    assert "model.temperature is declared as 0" in said
    assert (calls["file"], calls["complete"]) == (None, False)
    assert "not kept" in calls["reason"]
    assert not (asking.path / "metrics" / "calls").exists()
    stored = asking.stored()
    assert not [text for text in (b"is it?", b"Be terse", KEY.encode()) if text in stored]


def test_a_host_that_was_reached_past_the_proxy_is_named(asking: Project, live: StandIn) -> None:
    """By whoever looks at everything; the proxy itself is no host of the run."""
    asking.write("past.py", PAST)
    done = asking.run("python3", "past.py", options=("--observe", "strict"))
    assert done.returncode == 0, done.stderr
    record = asking.record()
    assert record["calls"]["count"] == 1
    assert record["observed"]["hosts"] == ["api.openai.com 443"]
    (said,) = record["calls"]["not_recorded"]
    assert said.startswith("api.openai.com: asked past the proxy")


def test_calls_that_cannot_be_looked_at_stop_no_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run begins without, and the record says why; switched off, nobody looks."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:9")
    done = project.python("print('hello')", options=("--observe", "strict"))
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    calls = project.record()["calls"]
    assert (calls["mode"], calls["count"]) == ("observe", None)
    assert "could not be looked at: --observe: the proxy that HTTPS_PROXY or ALL_PROXY names" in calls["reason"]
    project.write("evalprov.toml", "[observe]\nwire = false\n")
    project.python("print('hello')", options=("--observe", "strict"))
    assert project.records()[-1]["calls"]["mode"] is None

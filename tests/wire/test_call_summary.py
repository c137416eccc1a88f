"""What a call says of itself, whoever the provider is, what all come to, and what of it may be kept."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from standin import events, shape_of, whole

from evalprov.secrets import Scrubber
from evalprov.wire.asked import PartBook, question
from evalprov.wire.call import EXACT, Call, RecordedAnswer
from evalprov.wire.cleaning import CallCleaner
from evalprov.wire.messages import parse_head
from evalprov.wire.prices import PriceTable, read_prices, usd
from evalprov.wire.reading import Tokens, facts_of, said_in
from evalprov.wire.summary import Summary, quantiles, repeated

TOOL = {"name": "weather", "description": "of a city", "parameters": {"type": "object"}}
PROVIDERS = {
    "openai": ("api.openai.com", "/v1/chat/completions", {"tools": [{"type": "function", "function": TOOL}]}),
    "responses": ("api.openai.com", "/v1/responses", {"instructions": "Be terse.", "input": "is it?"}),
    "anthropic": ("api.anthropic.com", "/v1/messages", {"system": "Be terse.", "max_tokens": 9}),
    "gemini": (
        "generativelanguage.googleapis.com",
        "/v1beta/models/gemini-2.0-flash:streamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "is it?"}]}], "generationConfig": {"temperature": 0.2}},
    ),
    "bedrock": (
        "bedrock-runtime.us-east-1.amazonaws.com",
        "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream",
        {"inferenceConfig": {"maxTokens": 9}},
    ),
    "cohere": ("api.cohere.com", "/v2/chat", {}),
}
KINDS = {"bedrock": "application/vnd.amazon.eventstream"}


def call_of(name: str, *, streamed: bool, said: str = "yes, it is so", number: int = 1, **more: Any) -> Call:
    """Return a call as the stand-in would answer it."""
    host, path, extra = PROVIDERS[name]
    body = {"model": "some-model-1", "messages": [{"role": "user", "content": "is it?"}], **extra, **more}
    if name in {"gemini", "bedrock"}:
        del body["model"]
    head = f"POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n\r\n".encode()
    asked = question(host, parse_head(head), json.dumps(body).encode(), PartBook(lambda value: value))
    assert shape_of(host, path) == name
    kind = KINDS.get(name, "text/event-stream") if streamed else "application/json"
    answer = (
        b"".join(events(name, body, said, number)) if streamed else json.dumps(whole(name, body, said, number)).encode()
    )
    given = RecordedAnswer(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nx-ratelimit-left: 9\r\n\r\n".encode(), answer)
    return Call(number, name, asked, 200, 1.0, 0.1, 0.2, EXACT, None, given)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_call_says_the_same_whole_and_in_pieces(name: str, streamed: bool) -> None:
    """Model, tokens, end and words are read of every provider's answers, streamed or not."""
    call = call_of(name, streamed=streamed)
    facts = facts_of(call)
    assert facts.requested in {"some-model-1", "gemini-2.0-flash", "anthropic.claude-3-haiku-20240307-v1:0"}
    assert facts.operation in {"chat", "generate_content"}
    if not (name == "openai" and streamed):  # which says none unless it is asked to
        assert facts.tokens == Tokens(20, 5)
    assert facts.finish
    assert facts.limits == {"x-ratelimit-left": "9"}
    assert said_in(call) == "yes, it is so"
    assert facts.users == ["is it?"]


def test_what_was_sent_first_is_told_apart_from_what_was_filled_in() -> None:
    """A prompt that is always the same has its hash; of one with a part filled in what repeats has."""
    assert repeated(["Rate 1 of 5", "Rate 22 of 5"]) == ("Rate ", " of 5")
    assert repeated(["same"]) == ("same", "")
    assert repeated(["a", "b"]) == ("", "")
    summary = Summary(PriceTable(None, {}))
    for number in range(3):
        text = f"Please judge the answer below.\n{number}\nSay yes or no."
        call = call_of("anthropic", streamed=False, number=number + 1, messages=[{"role": "user", "content": text}])
        summary.add(call, facts_of(call))
    prompts = summary.prompts()
    assert (prompts["system"]["texts"], prompts["user"]["texts"]) == (1, 3)
    assert prompts["system"]["sha256"]
    assert prompts["user"]["sha256"]
    assert summary.told()["tokens"] == {"input": 60, "output": 15, "cached": 0, "uncounted": 0}
    tools = call_of("openai", streamed=False)
    summary.add(tools, facts_of(tools))
    assert summary.tools()["weather"]["schema_hash"]


def test_prices_are_those_of_the_table_and_of_no_other_model() -> None:
    """A date behind a name is the same model; anything else is not, and has no price."""
    table = read_prices(None)
    million = Tokens(1_000_000, 1_000_000)
    assert usd(table, "openai", "gpt-4o-mini-2024-07-18", million) == pytest.approx(0.75)
    assert usd(table, "openrouter", "openai/gpt-4o-mini", million) == pytest.approx(0.75)
    for other in ("gpt-4o-mini-audio", "gpt-4", "claude-sonnet-4-6", "", "gpt-4o-mini-tts-2025"):
        assert usd(table, "openai", other, million) is None
    assert usd(table, "openai", "gpt-4o", Tokens(1_000_000, 0, 400_000)) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25)
    assert usd(table, "anthropic", "claude-sonnet-4-20250514", Tokens(1_000_000, 0, 1_000_000)) == pytest.approx(3.3)


def test_a_table_of_prices_of_ones_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    """It has a date, and prices of models that nobody else knows."""
    file = tmp_path / "prices.json"
    file.write_text('{"date": "2026-11-01", "usd_per_million_tokens": {"mine": {"input": 1, "output": 2}}}')
    table = read_prices(str(file))
    assert (table.date, usd(table, "x", "mine", Tokens(1_000_000, 1_000_000))) == ("2026-11-01", 3.0)


def test_quantiles_are_values_that_were_measured() -> None:
    """The nearest rank, and nothing of no values."""
    assert quantiles([]) == {}
    assert quantiles([3.0]) == {"p50": 3.0, "p90": 3.0, "p95": 3.0, "p99": 3.0}
    assert quantiles(range(1, 101)) == {"p50": 50, "p90": 90, "p95": 95, "p99": 99}


SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_token_that_is_spread_over_a_stream_is_not_kept(name: str) -> None:
    """A text that comes some letters at a time is looked at as one; where it cannot be rewritten it is left out."""
    cleaner = CallCleaner(Scrubber({}))
    call = call_of(name, streamed=True, said=f"the token is {SECRET} so")
    assert call.answer is not None
    head = parse_head(call.answer.head)
    found = cleaner.body(head, call.answer.body)
    assert not found.exact
    if found.body is None:
        assert name == "bedrock"
        return
    clean = call._replace(answer=call.answer._replace(body=found.body))
    said = said_in(clean)
    assert said.startswith("the token is ")
    assert said.endswith(" so")
    assert SECRET[:12] not in said
    assert facts_of(clean).finish == facts_of(call).finish


def test_a_clean_body_is_kept_byte_for_byte_a_packed_one_too() -> None:
    """Only where something is hidden a body is another; what cannot be unpacked cannot be looked at, and goes."""
    cleaner = CallCleaner(Scrubber({"MY_API_KEY": "value-of-mine-123"}))
    packed = parse_head(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n")
    plain = gzip.compress(b'{"a":  "b", "id": "chatcmpl-Ab12"}')
    assert cleaner.body(packed, plain).body == plain
    hidden = cleaner.body(packed, gzip.compress(b'{"a": "value-of-mine-123"}'))
    assert (hidden.exact, b"value-of-mine" in (hidden.body or b"")) == (False, False)
    brotli = parse_head(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\n")
    assert cleaner.body(brotli, b"xyz").body is None


def test_heads_are_kept_less_what_says_who_asked() -> None:
    """Ids of a request and limits stay, as libraries show them; cookies, organisations and accounts go."""
    raw = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_1a2b3c\r\n"
        b"openai-organization: acme\r\nset-cookie: a=b\r\nanthropic-organization-id: 1\r\nx-ratelimit-left: 9\r\n"
        b"x-note: " + SECRET.encode() + b"\r\n\r\n"
    )
    kept = CallCleaner(Scrubber({})).head(parse_head(raw))
    assert kept == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_1a2b3c\r\nx-ratelimit-left: 9\r\n"
        b"x-note: [secret]\r\n\r\n"
    )

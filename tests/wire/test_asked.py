"""Keys of questions, the nearest of what was asked, what a replay gives, and which hosts are opened."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalprov.errors import UnreadableError
from evalprov.wire.asked import CallQuestion, PartBook, ignoring, question
from evalprov.wire.call import CHUNKED, EXACT, Call, RecordedAnswer
from evalprov.wire.calls import CallReader, CallWriter
from evalprov.wire.comparing import compare
from evalprov.wire.matching import Miss, differences
from evalprov.wire.messages import parse_head
from evalprov.wire.providers import Opened, from_environment
from evalprov.wire.replay import Replayer

JSON = b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n%s\r\n"


def asked(body: Any, target: str = "/v1/chat", headers: str = "", host: str = "api.openai.com") -> CallQuestion:
    """Return a question."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return question(host, parse_head(JSON % (target.encode(), headers.encode())), raw, PartBook(lambda value: value))


def said(text: str, **more: Any) -> dict[str, Any]:
    """Return a body."""
    return {"model": "gpt", "messages": [{"role": "user", "content": text}], **more}


def test_the_spelling_of_a_question_does_not_count() -> None:
    """Order, spaces and whole numbers with a point make no other question; all that asks for something else does."""
    one = asked(b'{"model": "gpt", "temperature": 1.0, "messages": [{"role":"user","content":"a"}]}')
    other = asked(b'{"messages":[{"content":"a","role":"user"}],"temperature":1,"model":"gpt"}')
    assert one.key == other.key
    variants = [
        asked(said("a")),
        asked(said("b")),
        asked(said("a", seed=1)),
        asked(said("a", seed=True)),
        asked(said("a", tools=[{"name": "x"}])),
        asked(said("a"), "/v1/other"),
        asked(said("a"), "/v1/chat?api-version=2"),
        asked(said("a"), headers="anthropic-version: 2023-06-01\r\n"),
        asked(said("a"), host="api.groq.com"),
    ]
    assert len({one.key for one in variants}) == len(variants)


def test_who_asks_does_not_count() -> None:
    """Keys in the address and headers of the client take no part in a key."""
    plain = asked(said("a"), "/v1beta/models/g:generateContent?alt=sse")
    keyed = asked(said("a"), "/v1beta/models/g:generateContent?key=AIzaSomething&alt=sse", "x-stainless-os: Linux\r\n")
    assert plain.key == keyed.key
    assert "AIza" not in keyed.path


def test_a_question_is_put_together_again() -> None:
    """Of the skeleton and the pieces the same body comes, one without a body too, and one that is no JSON."""
    body = {**said("a", tools=[{"type": "function"}], input="text"), "contents": [], "system": [{"text": "s"}]}
    assert asked(body).body() == body
    assert asked(b"").body() is None
    assert asked(b"[1, 2.5]").body() == [1, 2.5]
    assert asked(b"plain text").body() == "plain text"
    assert asked(b"\xff\x00").body()["bytes"] == 2


def test_a_form_has_the_same_key_whatever_its_boundary() -> None:
    """A library makes up another boundary each time."""

    def form(boundary: str) -> CallQuestion:
        head = f"POST /v1/audio HTTP/1.1\r\ncontent-type: multipart/form-data; boundary={boundary}\r\n\r\n"
        body = f"--{boundary}\r\n\r\nwhisper\r\n--{boundary}--\r\n"
        return question("api.openai.com", parse_head(head.encode()), body.encode(), PartBook(lambda value: value))

    assert form("abc123").key == form("zzz999").key


def test_patterns_leave_out_what_may_differ() -> None:
    """A date anywhere in the text is another each day; the rest still counts."""
    patterns = [re.compile(r"\d{4}-\d{2}-\d{2}")]
    one, other = asked(said("Today is 2026-11-22.")), asked(said("Today is 2027-01-01."))
    assert one.key != other.key
    assert ignoring(one, patterns) == ignoring(other, patterns)
    assert ignoring(one, patterns) != ignoring(asked(said("Today was 2026-11-22.")), patterns)


def test_the_first_difference_is_named_where_it_is() -> None:
    """By its path in the request, with what is there now and what was."""
    then = {"messages": [{"content": "x"}, {"content": "Today is 2026-11-21, a Saturday"}], "n": 1}
    now = {"messages": [{"content": "x"}, {"content": "Today is 2026-11-22, a Sunday"}], "n": 2, "extra": True}
    found = differences(then, now)
    assert found[0].startswith("messages[1].content differs at '2026-11-22, a Sunday'")
    assert found[1:] == ["n was 1 and is 2", "extra is new: True"]
    assert differences([1], [1, 2]) == ["it has 2 items and had 1"]
    assert differences(1, True) == ["the body was 1 and is True"]


def kept(path: Path, calls: list[tuple[str, int, str]]) -> str:
    """Write a file of calls: what was asked, the status, what was answered."""
    writer = CallWriter(str(path))
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    for number, (text, status, answer) in enumerate(calls, 1):
        body = json.dumps({"choices": [{"message": {"content": answer}}]}).encode()
        given = RecordedAnswer(head % status, body, ((len(body), 0.5),)) if status else None
        problem = None if status else "dropped: no answer"
        flags = EXACT | CHUNKED
        writer.write([Call(number, "openai", asked(said(text)), status, 1.0, 0.1, 0.2, flags, problem, given)])
    writer.seal({"run_id": "x"})
    return str(path)


def test_repeats_are_answered_in_their_order_each_once(tmp_path: Path) -> None:
    """Sampled answers to one question come as they came; when there are no more, that is said."""
    path = kept(tmp_path / "a.sqlite", [("q", 200, "1"), ("p", 200, "other"), ("q", 200, "2")])
    with CallReader(path) as reader:
        replayer = Replayer(reader)
        found = [replayer.answer(asked(said(text))) for text in ("q", "q", "p")]
        assert [one.number for one in found if isinstance(one, Call)] == [1, 3, 2]
        more = replayer.answer(asked(said("q")))
        assert isinstance(more, Miss)
        assert "asked more often than the 2 times" in str(more)
        assert replayer.unused() == 0


@pytest.mark.parametrize(("errors", "wanted"), [(False, [2, 4, 5]), (True, [1, 2, 3, 4, 5])])
def test_failures_that_were_mended_come_again_only_if_asked_for(
    tmp_path: Path, errors: bool, wanted: list[int]
) -> None:
    """A 429, and a connection that was dropped, before a good answer; a failure that nobody mended is given again."""
    calls = [("q", 429, ""), ("q", 200, "1"), ("q", 0, ""), ("q", 200, "2"), ("q", 500, "")]
    with CallReader(kept(tmp_path / "a.sqlite", calls)) as reader:
        replayer = Replayer(reader, errors=errors)
        found = [replayer.answer(asked(said("q"))) for _ in wanted]
        assert [one.number for one in found if isinstance(one, Call)] == wanted


def test_the_nearest_call_shares_most_messages(tmp_path: Path) -> None:
    """Of a conversation the turn that went the same way is shown, not the one that happens to be first."""
    path = kept(tmp_path / "a.sqlite", [("something else", 200, ""), ("Today is Monday", 200, ""), ("x", 200, "")])
    with CallReader(path) as reader:
        miss = Replayer(reader).answer(asked({**said("Today is Monday"), "temperature": 1}))
        assert isinstance(miss, Miss)
        assert (miss.nearest, miss.difference) == (2, "temperature is new: 1")


def test_the_calls_of_two_runs_are_held_against_each_other(tmp_path: Path) -> None:
    """The same question with another answer, and what one side alone asked."""
    a = kept(tmp_path / "a.sqlite", [("same", 200, "x"), ("moved", 200, "yes"), ("only here", 200, "")])
    b = kept(tmp_path / "b.sqlite", [("moved", 200, "no"), ("same", 200, "x"), ("only there", 200, "")])
    with CallReader(a) as one, CallReader(b) as two:
        found = [(row.state, row.a, row.b) for row in compare(one, two)]
    assert found == [("same", 1, 2), ("another answer", 2, 1), ("only A", 3, None), ("only B", None, 3)]


def test_a_writer_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    """What it wrote stays, its dictionary goes on, and numbers do not begin again."""
    path = str(tmp_path / "a.sqlite")
    first = CallWriter(path)
    call = Call(
        1, "openai", asked(said("q")), 200, 1.0, 0.1, 0.2, EXACT, None, RecordedAnswer(b"HTTP/1.1 200 X\r\n\r\n", b"1")
    )
    first.write([call])
    copy = str(tmp_path / "copy.sqlite")  # as it lies there when its writer is killed
    for end in ("", "-wal"):
        shutil.copy(path + end, copy + end)
    first.abandon()
    second = CallWriter(copy)
    assert second.last() == 1
    second.write([call._replace(number=2)])
    second.seal({})
    with CallReader(copy) as reader:
        assert [one.answer.body for one in reader.calls() if one.answer] == [b"1", b"1"]


def test_what_is_no_file_of_calls_is_named(tmp_path: Path) -> None:
    """Another file, a torn one, one of another version."""
    (tmp_path / "text").write_text("x" * 5000)
    writer = CallWriter(str(tmp_path / "newer"))
    writer.seal({"format": "99"})
    whole = Path(kept(tmp_path / "whole", [("q", 200, "1")])).read_bytes()
    (tmp_path / "torn").write_bytes(whole[: len(whole) // 2])
    for name in ("text", "newer", "torn", "missing"):
        with pytest.raises(UnreadableError), CallReader(str(tmp_path / name)) as reader:
            list(reader.calls())


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "openai"),
        ("us-west.openai.azure.com", "azure.ai.openai"),
        ("api-inference.together.ai", "together"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("s3.eu-west-1.amazonaws.com", None),
        ("openai.com.evil.example.org", None),
        ("notapi.openai.com.example.org", None),
        ("storage.googleapis.com", None),
    ],
)
def test_hosts_are_opened_by_whole_domain(host: str, name: str | None) -> None:
    """A provider's hosts and those below them, and nothing that merely looks like one."""
    assert Opened().name(host, 443) == name


def test_hosts_of_ones_own_are_opened_where_they_are_named() -> None:
    """By the settings, and by the variables that lead a library elsewhere; a provider alone keeps others shut."""
    opened = Opened(["anthropic", "llm.example.org", "http://localhost:8000"])
    assert opened.name("llm.example.org", 443) == "llm.example.org"
    assert opened.name("localhost", 8000) == "localhost:8000"
    assert opened.name("localhost", 9000) is None
    assert opened.name("api.openai.com", 443) is None
    moved = Opened(from_environment({"OPENAI_BASE_URL": "https://gate.example.org/v1"}))
    assert moved.name("gate.example.org", 443) == "openai"
    assert moved.covers("*.example.org")
    assert not moved.covers("10.0.0.1")

"""The scrubber on streams, ends of outputs and long lines, and what many secrets cost."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import tracemalloc
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_secrets import KEY, PEM, PLAIN, SCRUBBER, SHAPES, quick

from evalprov.secrets import PLACEHOLDER, Scrubber, StreamScrubber, scrubber


@pytest.mark.parametrize("limit", range(40))
def test_tail_never_begins_in_a_secret(limit: int) -> None:
    """The end of an output is cut beside a placeholder, not in it."""
    tail = SCRUBBER.tail(f"some text {KEY} and the end\n".encode(), limit)
    assert len(tail) <= limit
    assert b"some text [secret] and the end\n".endswith(tail)
    assert not any(tail.startswith(b"[secret]"[at:]) for at in range(1, 8))


def test_stream_is_prompt() -> None:
    """Whole lines are released at once, the unfinished one is not."""
    stream = SCRUBBER.stream()
    assert stream.feed(b"one\nand tw") == b"one\n"
    assert stream.feed(b"o\n") == b"and two\n"
    assert stream.feed(PEM[:90].encode()) == b""
    assert stream.feed(PEM[90:].encode() + b"\nthree\n") == b"[secret]\nthree\n"
    assert stream.feed(b"one\ntwo") == b""
    assert stream.feed(b" two\n-three\nx\n") == b"[secret]\nx\n"
    assert stream.close() == b""


def test_unended_key_does_not_hold_back_for_ever() -> None:
    """What begins as a private key and is none is released after 16 KiB."""
    stream = StreamScrubber(SCRUBBER)
    out = stream.feed(b"-----BEGIN PRIVATE KEY-----\n" + b"some other line\n" * 2000)
    assert len(out) > 30_000


def long_lines() -> list[bytes]:
    """Lines longer than a window, with secrets all over them."""
    words = f'lorem ipsum, {KEY} dolor token=abc {SHAPES[0]} "password": "x y z" sit '.encode()
    return [
        words * 1500,
        words.replace(b" ", b";") * 2000,
        b"a" * 70_000 + KEY.encode() + b"a" * 70_000,
        b"a" * 48_990 + KEY.encode() * 3 + b"a" * 70_000,
        b'x "password": "' + b"q" * 200_000 + b'" after ' + words * 300,
        b"token=" + b"q" * 200_000 + b" after",
        base64.b64encode((b"u:" + KEY.encode() + b"..") * 9000),
        PEM.replace("\n", "\\n").encode() * 400,
        b"50%\r" * 30_000 + KEY.encode() + b"\r100%",
    ]


@pytest.mark.long
@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("step", [1000, 65_536])
def test_long_lines(number: int, step: int) -> None:
    """A line of any length is scrubbed the same in pieces and whole, and no secret is lost where it is cut."""
    data = long_lines()[number]
    whole = SCRUBBER.data(data)
    assert KEY.encode() not in whole
    assert b"abc" not in whole.replace(b"abcd", b"")
    assert b"qqq" not in whole
    assert base64.b64encode(KEY.encode())[:20] not in whole
    assert SCRUBBER.data(whole) == whole
    stream = SCRUBBER.stream()
    out = [stream.feed(data[at : at + step]) for at in range(0, len(data), step)]
    assert b"".join(out) + stream.close() == whole


def test_memory_stays_flat() -> None:
    """Ten megabytes without a line's end pass in little memory."""
    stream = SCRUBBER.stream()
    piece = b"word " * 2000
    tracemalloc.start()
    try:
        total = sum(len(stream.feed(piece)) for _ in range(1000)) + len(stream.close())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 10_000_000
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "piece",
    ["a", "=", ":", "eyJ", "eyJ-", "-----BEGIN", "-----BEGIN PRIVATE KEY-----", '"', "'", "\\", "token=", "://a:", "sk-",
     "password: ", "--token ", "[secret]", KEY, "\x1b[0meyJ", "%20eyJ", 'password="', "one\n", "@", "hf_a", "/", " "],
)  # fmt: skip
def test_hostile_text_ends(piece: str) -> None:
    """No text makes a pattern run away."""
    data = (piece * (120_000 // len(piece))).encode()
    assert SCRUBBER.data(data) is not None
    assert SCRUBBER.data(data.replace(b"\n", b"") + b"\n") is not None


@pytest.mark.parametrize("piece", ["auth_token = token", "pw=", "key: key=", "a1:B2c@"])
def test_a_line_is_looked_at_so_many_times_alone(piece: str) -> None:
    """Where every secret that is taken out makes way for another, the rest is hidden, and once is enough."""
    data = (piece * (12_000 // len(piece))).encode()
    began = time.process_time()
    shown = SCRUBBER.data(data)
    assert time.process_time() - began < 3
    assert SCRUBBER.data(shown) == shown


@pytest.mark.long
def test_texts_of_the_rules_own_words_end() -> None:
    """Whatever a rule looks for, a line full of it takes no longer than it should."""
    sources = "".join(path.read_text() for path in Path(scrubber.__file__).parent.glob("*.py"))
    pieces = {
        piece for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', sources) for piece in text.split() if 1 < len(piece) < 24
    }
    slow = []
    for number, piece in enumerate(sorted(pieces)):
        form = ("{}", "{} ", "{}=", "{}(", "{}: ", '{}"', "{}=a1 ", "{} 'a1B2' ", "({}", "{}, ", "{}/")[number % 11]
        text = form.format(piece)
        data = (text * (6000 // len(text))).encode()
        began = time.process_time()
        SCRUBBER.data(data)
        if time.process_time() - began > 1:
            slow.append(text)
    assert len(pieces) > 1000
    assert not slow


def many_secrets(count: int) -> dict[str, str]:
    """Return an environment of so many secrets: plain ones, with signs in them, long ones, of several lines, words."""
    digests = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(count)]
    forms = ("{0:.20}", "{0:.9}/+{0:.9} =", "{0}{0}", "{0:.30}\n{0:.31}", "p-{0:.4}", "é{0:.20}")
    return {f"SERVICE{n}_API_KEY": forms[n % len(forms)].format(digest) for n, digest in enumerate(digests)}


def test_each_of_many_secrets_is_found_as_if_it_were_the_only_one() -> None:
    """Among thousands of secrets each is taken out in every writing, wherever it stands."""
    environ = many_secrets(3000)
    scrubber = Scrubber(environ)
    for name in list(environ)[:6] + list(environ)[-6:]:
        alone, value = Scrubber({name: environ[name]}), environ[name].encode()
        for text in (
            b"it is %s." % value,
            base64.b64encode(b"u:" + value),
            json.dumps(environ[name]).encode() * 3,
            quote(environ[name], safe="").encode(),
            (b"x" * 65_530) + b" " + value + b" and then more",
        ):
            assert scrubber.data(text) == alone.data(text)
        assert PLACEHOLDER.encode() in scrubber.data(b"it is %s." % value)


def test_what_a_text_costs_does_not_grow_with_the_number_of_secrets() -> None:
    """A thousand short texts pass thousands of secrets in the time of a few; a search for each would take minutes."""
    scrubber = Scrubber(many_secrets(5000))
    scrubber.text("made ready")
    began = time.process_time()
    for number in range(1000):
        scrubber.text(f"line {number} of the log")
    assert time.process_time() - began < 2.0


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["password:", 'token: "x"', "-----BEGIN", "key="]))),
    secrets=st.lists(
        st.sampled_from(["hunter2hunter2", "sk-proj-abcdefghijkl123", "password=tr0ub4dor&3"]), max_size=3
    ),
    data=st.data(),
)
def test_many_texts_at_once_are_scrubbed_as_each_alone(
    names: list[str], secrets: list[str], data: st.DataObject
) -> None:
    """Company hides no secret and makes none."""
    scrubber = Scrubber({"DB_PASSWORD": "hunter2hunter2"})
    texts = data.draw(st.permutations([*names, *(f"case {secret}" for secret in secrets)]))
    knowing = scrubber.knowing(texts)
    assert [knowing.text(text) for text in texts] == [scrubber.text(text) for text in texts]


@quick
@given(
    st.lists(
        st.sampled_from(
            ["sk", "live", "hf", "token", "pwd", "old", "x", "passed", "first", "secret", "eyj", "abcdefghi"]
        )
        | st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_short_words_alone_are_no_secret_by_any_rule(pieces: list[str], capital: bool) -> None:
    """What is passed over without a look is what a look would find nothing in."""
    name = "_".join(pieces)
    name = name.upper() if capital else name
    assert PLAIN.data(name.encode()) == name.encode()
    assert PLAIN.text(name) == name


def test_short_words_that_are_a_secret_of_the_environment_are_hidden() -> None:
    """A password of plain words is known by its value, however plain it looks."""
    scrubber = Scrubber({"DB_PASSWORD": "correct_horse"})
    assert scrubber.text("correct_horse") == PLACEHOLDER
    assert scrubber.knowing(["correct_horse"]).text("correct_horse") == PLACEHOLDER


NEAR, TOKEN, CALM = b"here comes the token\n", b"Zx9kQ2mB7vL4nR8tY1wC5\n", b"done with step seventeen\n"


@pytest.mark.parametrize("company", [NEAR + TOKEN, NEAR + b"\n" + TOKEN, NEAR + b"\n", NEAR])
def test_lines_seen_before_are_judged_by_their_company(company: bytes) -> None:
    """What was seen to hold nothing is passed over only where no line before it says otherwise."""
    seen = (TOKEN + CALM + NEAR + CALM + b"\n" + CALM) * 100
    text = [seen, seen, company * 300, TOKEN]
    at_once, by_line = Scrubber({}).stream(), Scrubber({}).stream()
    shown = b"".join(map(at_once.feed, text)) + at_once.close()
    assert shown == b"".join(map(by_line.feed, b"".join(text).splitlines(keepends=True))) + by_line.close()
    assert shown.startswith(seen)
    assert shown.endswith(TOKEN) == company.endswith(TOKEN)

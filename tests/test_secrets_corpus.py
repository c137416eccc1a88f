"""The scrubber held to its figures: what it hides of a corpus of placed secrets, and what it leaves alone."""

from __future__ import annotations

import random
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from evalprov.secrets import Scrubber, sieve
from evalprov.secrets.gate import may_hold_token, suspects
from evalprov.secrets.lines import told
from evalprov.secrets.values import flattened

sys.path.insert(0, str(Path(__file__).parent.parent / "fixtures" / "secrets"))

from corpus import POINTED, cases, is_held, templates
from measure import measure
from values import PROVIDERS

PARTS = ("open", "held")
ENVIRON = {
    "OPENAI_API_KEY": "sk-proj-" + "abcDEF123456ghiJKL789mnoPQR",
    "DB_PASSWORD": "Sommer2024!",
    "X_SECRET": "one\ntwo two\n-three",
}


def test_the_corpus_is_large_and_various() -> None:
    """Hundreds of templates of either sort make more than a thousand texts each, with the tokens of sixty providers."""
    for what in ("canaries", "innocents"):
        assert sum(len(templates(what, part)) for part in PARTS) > 500
        assert sum(len(cases(what, part, 1)) for part in PARTS) > 2000
    assert len(PROVIDERS) >= 60


def test_a_rule_whose_signs_are_not_there_finds_nothing() -> None:
    """All rules together find on a line what those find whose signs stand in it, of one line or of many at once."""
    drawn = random.Random(11).sample(
        [case.text for what in ("canaries", "innocents") for case in cases(what, "open", 1)], 600
    )
    lines = [line.encode() for text in drawn for line in text.split("\n")]
    scrubber = Scrubber({})
    for line, mask in zip(lines, sieve.masks(lines), strict=True):
        every = ~(sieve.EVIDENT | sieve.RECORD) | mask
        assert sieve.of(line) == mask
        assert scrubber.find(line, mask=mask) == scrubber.find(line, mask=every), line


def test_a_third_is_held_out_by_a_hash() -> None:
    """No template stands in the part it was not drawn for, nor twice."""
    for what in ("canaries", "innocents"):
        seen = {part: [template for _, _, template in templates(what, part)] for part in PARTS}
        assert all(is_held(template) for template in seen["held"])
        assert not any(is_held(template) for template in seen["open"])
        assert len({*seen["open"], *seen["held"]}) == len(seen["open"]) + len(seen["held"])


@pytest.mark.parametrize(
    ("part", "pointed", "all_kinds", "changed"), [("open", 0.99, 0.99, 0.004), ("held", 0.965, 0.965, 0.016)]
)
def test_what_is_hidden_and_what_is_not(part: str, pointed: float, all_kinds: float, changed: float) -> None:
    """Of what the rules were made for nearly all is hidden and nothing else; of what they never saw, somewhat less."""
    figures = measure(part, times=2)  # `make bench` fills each twice as often
    assert figures.recall(POINTED) >= pointed
    assert figures.recall() >= all_kinds
    assert figures.false_hiding <= changed


def test_a_line_is_looked_at_whatever_stands_around_it() -> None:
    """Which lines the gate lets by depends on each alone: not on a sign elsewhere, nor on how much there is."""
    around = 'plain words: of (a) log / with {every} "sign" & more? <x> a|b `c` $d \\e @f * %g 12\n' * 12
    for case in cases("canaries", "open", 1) + cases("innocents", "open", 1):
        for line in {line for line in case.text.split("\n") if line}:
            alone, company = line.encode() + b"\n", (around + line + "\n" + around).encode()
            looked_at = suspects(company, flattened(company))
            assert bool(suspects(alone, flattened(alone))) == (len(around.encode()) in looked_at), line


@pytest.mark.parametrize("seed", range(3))
def test_texts_of_many_lines_are_scrubbed_alike_in_any_pieces_and_only_once(seed: int) -> None:
    """What a line tells about the next holds wherever a stream is cut, and a second scrubbing changes nothing."""
    draw = random.Random(seed)
    texts = [case.text.encode() for case in cases("canaries", "open") + cases("innocents", "open")]
    scrubber = Scrubber(ENVIRON)
    for _ in range(100):
        chosen = [
            draw.choice(texts) + draw.choice([b"\n", b"\n", b" ", b"", b"\n\n"]) for _ in range(draw.randint(1, 6))
        ]
        data = b"".join(chosen)
        whole = scrubber.data(data)
        assert scrubber.data(whole) == whole
        cuts = [0, *sorted(draw.randint(0, len(data)) for _ in range(5)), len(data)]
        stream = scrubber.stream()
        assert b"".join(stream.feed(data[a:b]) for a, b in pairwise(cuts)) + stream.close() == whole


@pytest.mark.long
def test_what_was_seen_before_changes_nothing() -> None:
    """A scrubber that remembers clean lines says of each text what a new one says."""
    draw = random.Random(7)
    texts = [case.text for case in cases("canaries", "open") + cases("innocents", "open")]
    draw.shuffle(texts)
    used = Scrubber({})
    for text in texts[: len(texts) // 2]:
        used.text(text)
    again = texts[::5]
    assert [used.text(text) for text in again] == [Scrubber({}).text(text) for text in again]


def test_lines_that_differ_from_others_in_their_numbers_alone_are_scrubbed_as_if_seen_first() -> None:
    """What is remembered of a log's lines decides nothing that a number, a name or a neighbour would have changed."""
    draw = random.Random(11)
    texts = [case.text for case in cases("canaries", "open") + cases("innocents", "open")]
    used = Scrubber(ENVIRON)
    for _ in range(30):
        lines = [draw.choice(texts) for _ in range(4)] * draw.choice([1, 8])
        logged = [f"step {draw.randrange(99)} of the run is done"] * draw.choice([0, 150]) + lines
        data = re.sub("[0-9]", lambda _: draw.choice("0123456789"), "\n".join(logged)).encode()
        assert used.data(data) == Scrubber(ENVIRON).data(data)


@pytest.mark.long
def test_whether_there_is_a_secret_is_known_without_cleaning() -> None:
    """The search that ends at the first secret says of every text what the scrubber makes of it."""
    scrubber = Scrubber(ENVIRON)
    texts = [case.text.encode() for case in cases("canaries", "open") + cases("innocents", "open")]
    long = [b"plain words and numbers\n" * 9000 + text + b"\n" + b"and more\n" * 9000 for text in texts[::800]]
    for text in (*texts[::5], *long, b"", b"\n", b"no line's end"):
        assert scrubber.has_secret(text) == (scrubber.data(text) != text), text[-200:]


def test_no_line_with_a_run_is_passed_over_on_which_anything_is_found() -> None:
    """Lines of ids, digests and pictures are told from those with a token in them as the rules themselves would."""
    scrubber = Scrubber({})
    texts = [case.text.encode() for case in cases("canaries", "open", 1) + cases("innocents", "open", 1)]
    lines = [line for text in texts for line in text.splitlines(keepends=True) if may_hold_token(line)]
    assert len(lines) > 1000
    for line in lines:
        if not scrubber.suspects(line):
            assert not scrubber.find(line), line
            assert told(line, None) is None, line

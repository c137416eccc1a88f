"""Two texts held against each other word by word."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.explain.words import word_edits

TEXTS = st.text(alphabet="ab .\n\u6771\u4eac'", max_size=40)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_edits(a: str, b: str) -> None:
    """What stayed and went is the first text, what stayed and came the second, and no two pieces in a row are alike."""
    edits = word_edits(a, b)
    assert "".join(text for mark, text in edits if mark != "+") == a
    assert "".join(text for mark, text in edits if mark != "-") == b
    marks = [mark for mark, _ in edits]
    assert all(text for _, text in edits)
    assert all(one != other for one, other in pairwise(marks))
    assert "+-" not in "".join(marks)
    assert a != b or marks in ([], [" "])


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("the cat sat", "the dog sat", [(" ", "the "), ("-", "cat"), ("+", "dog"), (" ", " sat")]),
        ("a cat sat", "the dog sat", [("-", "a cat"), ("+", "the dog"), (" ", " sat")]),
        ("yes", "yes, and", [(" ", "yes"), ("+", ", and")]),
        ("\u6771\u4eac", "\u4eac\u90fd", [("-", "\u6771"), (" ", "\u4eac"), ("+", "\u90fd")]),
        ("", "new", [("+", "new")]),
    ],
)
def test_whole_words_are_marked(a: str, b: str, expected: list[tuple[str, str]]) -> None:
    """A change is told in words, blanks between two changed words with them; scripts without blanks by letters."""
    assert word_edits(a, b) == expected


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (" ".join(map(str, range(550))), " ".join(map(str, range(550, 1100)))),
        ("x" * 2048, "x" * 2047),
        (".," * 1024, ",." * 1024),
        ("a\n" * 20_000, "b\na\n" * 10_000),
    ],
    ids=("unique words", "one letter", "no words", "far beyond the bound"),
)
def test_hostile_texts_take_bounded_time(a: str, b: str) -> None:
    """No text makes the comparison run away."""
    began = time.process_time()
    edits = word_edits(a, b)
    assert time.process_time() - began < 5
    assert "".join(text for mark, text in edits if mark != "-") == b

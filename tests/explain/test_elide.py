"""Texts made short: never longer than asked, and different ones stay different."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalprov.explain.elide import DOTS, apart, cut, named

WORDS = st.text("abc -/", max_size=60)


def test_a_text_that_fits_stays_as_it_is() -> None:
    """Nothing is left out where there is room."""
    assert apart(["one", "two"], 3) == ["one", "two"]
    assert named(["one"], 3) == ["one"]
    assert cut("one", 3) == "one"


def test_what_differs_is_shown() -> None:
    """Wherever it is: at the beginning, amid, or at the end."""
    same = "x" * 100
    for a, b in ((f"A{same}", f"B{same}"), (f"{same}A{same}", f"{same}B{same}"), (f"{same}A", f"{same}B")):
        one, other = apart([a, b], 30)
        assert "A" in one
        assert "B" in other
        assert len(one) <= 30
        assert DOTS in one
    assert apart(["python eval.py --config one.json", "python eval.py --config two.json"], 20) == [
        "...--config one.json",
        "...--config two.json",
    ]


def test_the_end_of_a_longer_text_is_a_difference() -> None:
    """One that goes on where the other ends is seen to go on."""
    one, other = apart(["x" * 50, "x" * 50 + "y"], 20)
    assert one != other
    assert other.endswith("y")


@given(texts=st.lists(WORDS, min_size=1, max_size=6), prefix=WORDS, suffix=WORDS, width=st.integers(16, 40))
def test_different_texts_stay_different(texts: list[str], prefix: str, suffix: str, width: int) -> None:
    """However many there are and wherever they differ, in the room that was given; like ones stay alike."""
    whole = [f"{prefix}{text}{suffix}" for text in texts]
    for shown in (apart(whole, width), named(whole, width)):
        assert all(len(one) <= width for one in shown)
        assert len(set(shown)) == len(set(whole))
        assert len(set(zip(whole, shown, strict=True))) == len(set(whole))

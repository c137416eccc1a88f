"""Run ids."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.errors import EvalprovError
from evalprov.store import ids


@given(st.integers(0, 4_000_000_000))
def test_an_id_is_the_start_in_utc(seconds: int) -> None:
    """An id is ISO 8601 basic, its timestamp the same moment in the extended spelling."""
    run_id = ids.stamp(seconds)
    assert ids.is_run_id(run_id)
    assert ids.timestamp(run_id) == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    assert ids.timestamp(f"{run_id}_12") == ids.timestamp(run_id)


@pytest.mark.parametrize("good", ["20260920T143000Z", "20260920T143000Z_2", "20260920T143000Z_100000"])
def test_ids_are_taken(good: str) -> None:
    """Ids with and without a number are taken."""
    assert ids.checked(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "..",
        "20260920T143000",
        "20260920T143000Z_",
        "20260920T143000Z_0",
        "20260920T143000Z_1",
        "20260920T143000Z_02",
        "20260920T143000Z_2\n",
        "20260920T143000Z_-2",
        "20260920T143000Z/..",
        "2026092\u0660T143000Z",
        "\u0662\u0660260920T143000Z",
        "20260920T143000Z_99999999",
        "../20260920T143000Z",
        "20260920t143000z",
        "x" * 10_000,
        None,
        20260920,
    ],
)
def test_what_is_no_id_is_refused(bad: object) -> None:
    """Anything else is refused, with a short message that no control character gets into."""
    assert not ids.is_run_id(bad)
    with pytest.raises(EvalprovError) as refused:
        ids.checked(bad)  # type: ignore[arg-type]
    assert refused.value.exit_code == 2
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 100


@given(st.text())
def test_text_of_strangers_is_shown_safely(text: str) -> None:
    """Whatever is quoted in a message is printable ASCII."""
    shown = ids.shown(text)
    assert shown.isascii()
    assert shown.isprintable()


def test_ids_are_ordered_by_start_then_number() -> None:
    """_10 comes after _9, and a later second after both."""
    mixed = ["20260920T143001Z", "20260920T143000Z_10", "20260920T143000Z", "20260920T143000Z_9"]
    assert sorted(mixed, key=ids.order) == [mixed[2], mixed[3], mixed[1], mixed[0]]

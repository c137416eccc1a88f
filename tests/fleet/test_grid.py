"""What a sweep tries: lists, ranges and quoting, and what is refused before anything runs."""

from __future__ import annotations

import pytest

from evalprov.errors import UsageError
from evalprov.fleet.grid import points, size, tried
from evalprov.settings import Settings, overlay


def texts(given: str, way: str = "--env") -> list[str]:
    """Return what is tried, as the command is told it."""
    return [value.text for value in tried(way, given).values]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("A=1,2,3", ["1", "2", "3"]),
        ("A=1..5", ["1", "2", "3", "4", "5"]),
        ("A=3..1", ["3", "2", "1"]),
        ("A=-2..2:2", ["-2", "0", "2"]),
        ("A=0..1:0.25", ["0", "0.25", "0.5", "0.75", "1"]),
        ("A=0..1:0.3", ["0", "0.3", "0.6", "0.9"]),
        ("A=1e-4..3e-4:1e-4", ["0.0001", "0.0002", "0.0003"]),
        ("A=0.1..0.3:0.1", ["0.1", "0.2", "0.3"]),
        ("A=1..2,7", ["1", "2", "7"]),
        ("A=1e-4,1e-3", ["1e-4", "1e-3"]),
        ("A=gpt-4o, claude", ["gpt-4o", "claude"]),
        ("A=,on", ["", "on"]),
        ("A=\"a,b\",'c,d'", ["a,b", "c,d"]),
        ('A="1..5"', ["1..5"]),
        ('A="say \\"hi, you\\"",x', ['say "hi, you"', "x"]),
        ('A={"a":1,"b":[2,3]},{}', ['{"a":1,"b":[2,3]}', "{}"]),
        ("A=don't,won't", ["don't", "won't"]),
        ("A=../conf/a.yaml,../conf/b.yaml", ["../conf/a.yaml", "../conf/b.yaml"]),
        ("A=main..dev", ["main..dev"]),
        ("A=x=1,y=2", ["x=1", "y=2"]),
    ],
)
def test_values_are_lists_ranges_and_what_is_quoted(given: str, expected: list[str]) -> None:
    """Commas part values, ranges have both their ends without a rounding error, and what is quoted is one value."""
    assert texts(given) == expected


def test_a_fact_has_the_type_that_set_gives_it() -> None:
    """A swept fact is declared as --set declares it: numbers, booleans, lists and texts."""
    given = tried("--set", 'model.stop_sequences=["a","b"],["c"]')
    written = [overlay(Settings("/"), [("--set", f"{given.name}={one.written}")]).declared for one in given.values]
    assert [one["model"]["stop_sequences"] for one in written] == [["a", "b"], ["c"]]
    (first, second) = tried("--set", 'model.model="1,5",2').values
    assert (first.written, first.text) == ('"1,5"', "1,5")
    assert overlay(Settings("/"), [("--set", f"model.top_k={second.written}")]).declared["model"]["top_k"] == 2


@pytest.mark.parametrize(
    ("way", "given", "why"),
    [
        ("--set", "model.temperature", "it takes NAME=VALUES"),
        ("--env", "A B=1", "it takes NAME=VALUES"),
        ("word", "=1", "it takes NAME=VALUES"),
        ("word", "trial=1,2", "evalprov's own word"),
        ("--env", "EVALPROV_SEED=1,2", "evalprov's own word"),
        ("--env", "A=1,2,1", "1 is there twice"),
        ("--env", "A=,", "nothing is there twice"),
        ("--env", 'A="a,b', '" is missing'),
        ("--env", "A=[1,2", "] is missing"),
        ("--env", "A=0..1.5", "needs a step"),
        ("--env", "A=1..5:-1", "no step of -1 leads from 1 to 5"),
        ("--env", "A=1..5:0", "no step of 0"),
        ("--env", "A=1..x", "is no range"),
        ("--env", "A=2024-01-01..2024-01-05", "is no range"),
        ("--env", "A=1..1000000000", "1,000,000,000 values"),
    ],
)
def test_what_cannot_be_meant_is_refused(way: str, given: str, why: str) -> None:
    """Names without values, a value twice, quotes without an end and ranges that lead nowhere are refused."""
    with pytest.raises(UsageError) as refused:
        tried(way, given)  # type: ignore[arg-type]
    assert why in refused.value.message


def test_a_grid_is_every_combination_the_last_name_changing_first() -> None:
    """The grid is the product of all values; a name given twice and a grid beyond all bounds are refused."""
    grid = [tried("--set", "a=1,2"), tried("word", "b=x,y")]
    assert size(grid) == 4
    assert [[value.text for value in point] for point in points(grid)] == [
        ["1", "x"],
        ["1", "y"],
        ["2", "x"],
        ["2", "y"],
    ]
    with pytest.raises(UsageError, match="given twice"):
        size([tried("--env", "a=1"), tried("word", "a=2")])
    with pytest.raises(UsageError, match="points"):
        size([tried("--env", "a=1..400"), tried("--env", "b=1..400")])

"""Our named tuples, held against typing's."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from evalprov.named import NamedTuple


class Theirs(typing.NamedTuple):
    """A class of typing's."""

    one: int
    two: str = "b"
    three: tuple[int, ...] = ()

    @property
    def twice(self) -> int:
        """A property."""
        return 2 * self.one


class Ours(NamedTuple):
    """The same class of ours."""

    one: int
    two: str = "b"
    three: tuple[int, ...] = ()

    @property
    def twice(self) -> int:
        """A property."""
        return 2 * self.one


class Plain(Ours):
    """A class that has its fields from another."""


@pytest.mark.parametrize(
    "make",
    [
        lambda kind: kind(1),
        lambda kind: kind(1, "c"),
        lambda kind: kind(1, "c", (3,)),
        lambda kind: kind(three=(1,), one=4),
        lambda kind: kind(7, three=(1,)),
        lambda kind: kind(7)._replace(two="x", one=2),
        lambda kind: kind._make([1, "c", ()]),
        lambda kind: copy.copy(kind(5)),
    ],
)
@pytest.mark.parametrize("kind", [Ours, Plain])
def test_it_is_what_typing_makes(make: typing.Any, kind: type) -> None:
    """Values, names, order, text, comparison, hash and properties are the same."""
    ours, theirs = make(kind), make(Theirs)
    assert ours == theirs
    assert tuple(ours) == tuple(theirs)
    assert hash(ours) == hash(theirs)
    assert ours._asdict() == theirs._asdict()
    assert repr(ours) == repr(theirs).replace("Theirs", kind.__name__)
    assert (ours.one, ours.two, ours.three, ours.twice) == (theirs.one, theirs.two, theirs.three, theirs.twice)
    assert ours[1:] == theirs[1:]
    assert isinstance(ours, tuple)
    assert pickle.loads(pickle.dumps(ours)) == ours


@pytest.mark.parametrize(
    "make",
    [
        lambda kind: kind(),
        lambda kind: kind(1, 2, 3, 4),
        lambda kind: kind(1, four=4),
        lambda kind: kind(1, one=2),
        lambda kind: kind(1, "b", (), two="c"),
        lambda kind: kind(two="c"),
        lambda kind: kind(1)._replace(four=4),
        lambda kind: setattr(kind(1), "one", 2),
        lambda kind: setattr(kind(1), "four", 2),
    ],
)
def test_what_typing_refuses_is_refused(make: typing.Any) -> None:
    """Fields that are missing, unknown or given twice, and an assignment, are errors of both."""
    for kind in (Ours, Theirs):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            make(kind)

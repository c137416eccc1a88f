"""What a search between two runs came to: its points, what moved the score, and how that is said; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.judge.halfway import step
from evalprov.named import NamedTuple
from evalprov.numbers import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

Outcome = Literal[
    "found",  # this, and all of it, moves the score
    "narrowed",  # it is among these, and the search could not go on
    "not moved",  # brought back, the two runs score alike
    "not told",  # nobody can tell: an end does not run, or the noise is too large
]
EXIT: dict[Outcome, int] = {"found": 0, "narrowed": 3, "not moved": 1, "not told": 3}


class TriedPoint(NamedTuple):
    """One point that was tried, and how it stands."""

    what: str
    side: Literal["good", "bad"] | None
    value: float | None
    how: str
    runs: list[str]


class CommitTold(NamedTuple):
    """A commit in words."""

    sha: str
    subject: str
    files: list[tuple[str, int | None, int | None]]  # with the lines added and removed; null for what is no text

    @property
    def words(self) -> str:
        """It, and its files."""
        return f"commit {self.sha[:10]} {self.subject!r}"

    @property
    def edits(self) -> str:
        """Its files, with the lines added and removed."""
        return listed([path if plus is None else f"{path} (+{plus} -{minus})" for path, plus, minus in self.files])


class Bisection(NamedTuple):
    """The whole search."""

    metric: str
    outcome: Outcome
    answer: str  # in a sentence
    layers: list[str]  # those that what was found is of
    found: list[str]  # what moves the score together, or among which it is
    commit: CommitTold | None
    points: list[TriedPoint]

    @property
    def exit_code(self) -> int:
        """What to exit with."""
        return EXIT[self.outcome]


class ScoreStep(NamedTuple):
    """The metric's values without and with what moves it."""

    metric: str
    before: float | None
    after: float | None

    @property
    def words(self) -> str:
        """As in: accuracy 0.82 -> 0.74."""
        return f"{self.metric} {step(self.before, self.after)}"


def said_of_commit(one: CommitTold, moved: ScoreStep, more: Sequence[str]) -> str:
    """Say which commit did it."""
    files = f": {one.edits}" if one.files else ""
    return f"{one.words} moved {moved.words}{files}{_more(more)}"


def said_of_commits(count: int, why: str, moved: ScoreStep) -> str:
    """Say among how many commits it is."""
    return f"one of {counted(count, 'commit')} moved {moved.words}; {why}"


def said_of_groups(groups: Sequence[Sequence[str]], moved: ScoreStep, more: Sequence[str]) -> str:
    """Say what did it; several things of which none alone does are told as such."""
    said = [names[0] if len(names) == 1 else f"one of {listed(names, 5)}" for names in groups]
    if len(said) == 1:
        return f"{said[0]} moved {moved.words}{_more(more)}"
    return f"only together did these move {moved.words}: {'; '.join(said)}{_more(more)}"


def _more(more: Sequence[str]) -> str:
    return "".join(f"; {one}" for one in more)

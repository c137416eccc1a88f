"""What moved a score between two runs, found by rerunning points halfway: first the layer, then what of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.judge import bisection, halving
from evalprov.judge.bisection import Bisection, ScoreStep, TriedPoint
from evalprov.judge.halfway import Stand, moved, stand
from evalprov.judge.metric_diff import Side
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.result import why_none
from evalprov.restore.commits import Commits, NoHistory
from evalprov.restore.pieces import differing, fields
from evalprov.restore.points import HalfwayRuns, Mix, NoPoint
from evalprov.restore.rerun import run_again

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from evalprov.judge.halfway import MetricRules
    from evalprov.judge.halving import DifferingPiece
    from evalprov.record.manifest import Manifest, Repeat
    from evalprov.restore.bring import RestoreRequest
    from evalprov.restore.rerun import Answers

_INTERRUPTED = 130


class BisectTerms(NamedTuple):
    """How it is searched."""

    by: MetricRules
    repeat: int  # how often a point is run, at most, where one run cannot tell
    most: int | None  # reruns in all
    answers: Answers
    told: Callable[[TriedPoint, int, int], None]  # a point, how many reruns so far, and about how many there will be
    quietly: Callable[[Callable[[], Manifest]], Manifest]  # runs one without showing what it prints


class Estimate(NamedTuple):
    """What a search may cost."""

    reruns: int
    seconds: float | None  # of each, as recorded
    differs: list[str]  # the layers in question


class AllRerunsMade(Exception):  # noqa: N818 - it is no error
    """As many reruns were made as may be."""


class ScoreSearch:
    """The search between two runs that were brought back."""

    def __init__(self, points: HalfwayRuns, asked: RestoreRequest, terms: BisectTerms) -> None:
        self._points, self._asked, self._terms = points, asked, terms
        self.pieces = differing(points.good, points.bad, software=not points.keeps_packages)
        self._layers = list(dict.fromkeys(piece.layer for piece in self.pieces))
        self._commits = Commits(points)
        self._tried: list[TriedPoint] = []
        self._stands: dict[Mix, Stand] = {}
        self._reruns = 0
        self._good: list[Manifest] = []
        self._bad: list[Manifest] = []
        self._left: list[str] = []  # among which it is, by what is known so far
        self._in: list[str] = []  # layers
        self._why_dark = ""

    def estimate(self) -> Estimate:
        """Say what it may cost, before any of it."""
        durations = [m["duration_seconds"] for m in (self._points.good.record, self._points.bad.record)]
        known = [one for one in durations if one is not None]
        within = max((self._most_within(layer) for layer in self._layers), default=0)
        reruns = (2 + (len(self._layers) if len(self._layers) > 1 else 0) + within) * self._terms.repeat
        return Estimate(reruns, sum(known) / len(known) if known else None, self._layers)

    def _most_within(self, layer: str) -> int:
        pieces = self._of(layer)
        count = self._commits.count() if layer == "code" else 0
        if count:
            return halving.most_asked(count) + 1
        files = [fields(self._points.good, self._points.bad, one) for one in pieces if one.layer == "config"]
        return halving.most_asked(len(pieces)) + max((halving.most_asked(len(one)) for one in files), default=0)

    def _of(self, layer: str) -> list[DifferingPiece]:
        return [piece for piece in self.pieces if piece.layer == layer]

    def run(self) -> Bisection:
        """Search, and say what it came to."""
        try:
            return self._search()
        except AllRerunsMade:
            why = f"stopped after {self._reruns} reruns, as many as --max-reruns allows"
            if not self._left:
                return self._came_to("not told", why)
            left = listed(self._left, 5)
            return self._came_to("narrowed", f"{self._moved().words} by one of {left}; {why}", found=self._left)

    def _search(self) -> Bisection:
        if not self.pieces:
            return self._came_to("not moved", f"nothing that can be brought back differs{self._elsewhere()}")
        if why := self._ends():
            return why
        moving = self._moving_layers()
        if len(moving) == 1:
            return self._within(moving[0])
        if moving:
            # Each of them moves it: the one that does most is taken apart, the others are named.
            most = max(moving, key=self._effect)
            rest = [
                f"{name} moves it too ({self._step(frozenset(self._of(name))).words})"
                for name in moving
                if name != most
            ]
            return self._within(most, rest)
        layers = [self._whole(layer) for layer in self._layers]
        found = halving.smallest(layers, lambda taken: self._asks(self._opened(taken)))
        names = [one.name for one in halving.all_of(found.groups)]
        upon = self._opened(found.upon)
        if len(names) == 1:
            return self._within(names[0], upon=upon)
        return self._among([piece for name in self._layers if name in names for piece in self._of(name)], upon)

    def _whole(self, layer: str) -> DifferingPiece:
        return halving.DifferingPiece(layer, "file", layer, layer)

    def _opened(self, layers: Collection[DifferingPiece]) -> frozenset[DifferingPiece]:
        return frozenset(piece for layer in layers for piece in self._of(layer.name))

    # --- the ends, and the layers

    def _ends(self) -> Bisection | None:
        """Run both ends; return what there is to say where they do not lie apart."""
        for what, mix, runs in (
            ("the good run", Mix(frozenset()), self._good),
            ("the bad run", Mix(frozenset(self.pieces)), self._bad),
        ):
            why = ""
            while len(runs) < self._terms.repeat and not why:
                why = self._run(mix, runs, what)
            if why:
                self._tell(TriedPoint(what, None, None, why, _ids(runs)))
                return self._came_to("not told", f"brought back, {what} {why}")
            side: Stand | None = None
            if runs is self._bad:
                side = moved(Side(tuple(self._good)), Side(tuple(self._bad)), self._terms.by)
            value = _value(runs, self._terms.by.metric)
            self._stands[mix] = Stand("good" if side is None else side.side, value, "")
            self._tell(
                TriedPoint(what, self._stands[mix].side, value, side.how if side else "where it starts", _ids(runs))
            )
            if value is None:
                return self._came_to("not told", f"brought back, {what} has no {self._terms.by.metric}")
            if side and side.side != "bad":
                here = f"brought back, the runs score alike ({self._moved().words}, {side.how})"
                return self._came_to(
                    "not moved",
                    f"{here}: what moved it is in nothing of theirs that can be brought back{self._elsewhere()}",
                )
        self._left = [piece.said for piece in self.pieces]
        return None

    def _elsewhere(self) -> str:
        """Name what differs between the records and cannot be brought back."""
        from evalprov.judge.diff import diff

        found = diff(Side((self._points.good.record,)), Side((self._points.bad.record,)))
        names = [name for name in ("model", "agent", "infra") if found.layers[name].state == "changed"]
        if self._points.keeps_packages and found.layers["software"].state == "changed":
            names.append("software, of which today's is used")
        return f"; the records differ in {', '.join(names)}" if names else ""

    def _moving_layers(self) -> list[str]:
        """Return the layers each of which moves the score when it alone is taken from the bad run."""
        if len(self._layers) == 1:
            return self._layers
        return [name for name in self._layers if self._asks(frozenset(self._of(name)))]

    def _effect(self, layer: str) -> float:
        step = self._step(frozenset(self._of(layer)))
        return abs((step.after or 0) - (step.before or 0))

    # --- within a layer

    def _within(self, layer: str, more: Sequence[str] = (), upon: frozenset[DifferingPiece] = frozenset()) -> Bisection:
        self._in = [layer]
        self._left = [piece.said for piece in self._of(layer)]
        if layer == "code":
            try:
                return self._of_commits(upon, more)
            except NoHistory:
                pass  # then file by file
        return self._among(self._of(layer), upon, more)

    def _among(
        self, pieces: list[DifferingPiece], upon: frozenset[DifferingPiece], more: Sequence[str] = ()
    ) -> Bisection:
        """Search piece by piece, and in what was found field by field."""
        found = halving.smallest(pieces, self._asks, upon)
        only = halving.all_of(found.groups)
        if len(only) == 1 and only[0].kind == "file" and only[0].layer == "config":
            inner = fields(self._points.good, self._points.bad, only[0])
            # The file with all of its fields taken is written by us, and may read otherwise than as it was.
            if len(inner) > 1 and self._asks(found.upon.union(inner)):
                found = halving.smallest(inner, self._asks, found.upon)
            elif len(inner) == 1:
                found = halving.Culprits([inner], found.upon)
                self._stands.setdefault(Mix(found.upon.union(inner)), self._stands[Mix(found.upon.union(only))])
        taken = halving.all_of(found.groups)
        groups = [[piece.said for piece in group] for group in found.groups]
        if found.upon:
            more = [
                *more,
                f"with {listed([one.said for one in found.upon])} of the bad run, without which nobody can tell",
            ]
        said = bisection.said_of_groups(groups, self._step(found.upon.union(taken), found.upon), more)
        sure = all(len(group) == 1 for group in found.groups)
        self._in = list(dict.fromkeys(piece.layer for piece in taken))
        if not sure:
            said += f"; the points between could not be told: {self._why_dark}"
        return self._came_to("found" if sure else "narrowed", said, found=[piece.said for piece in taken])

    def _of_commits(self, upon: frozenset[DifferingPiece], more: Sequence[str]) -> Bisection:
        """Search commit by commit; NoHistory where none leads from the one run to the other."""

        def asked(commit: str) -> bool | None:
            self._left = [f"{self._commits.left} commits"]
            return self._asks(upon, commit)

        found = self._commits.search(asked)
        step = ScoreStep(
            self._terms.by.metric, *(self._value_of(Mix(upon, one)) for one in (found.before, found.after))
        )
        if len(found.commits) > 1:
            said = bisection.said_of_commits(
                len(found.commits), f"the points between could not be told: {self._why_dark}", step
            )
            return self._came_to("narrowed", said, found=found.commits)
        told = self._commits.told(found.commits[0])
        if found.backwards:
            more = [*more, "the good run has it, and the bad one does not"]
        said = bisection.said_of_commit(told, step, more)
        return self._came_to("found", said, found=found.commits)._replace(commit=told)

    # --- one point

    def _asks(self, taken: frozenset[DifferingPiece], commit: str | None = None) -> bool | None:
        """Say whether the score has moved at a point; null where nobody can tell."""
        mix = Mix(taken, commit)
        if mix not in self._stands:
            self._stands[mix] = self._stand(mix)
        side = self._stands[mix].side
        return None if side is None else side == "bad"

    def _stand(self, mix: Mix) -> Stand:
        what = self._what(mix)
        runs: list[Manifest] = []
        found = Stand(None, None, "")
        while found.side is None and len(runs) < self._terms.repeat:
            if why := self._run(mix, runs, what):
                found = Stand(None, None, why)
                break
            found = stand(Side(tuple(self._good)), Side(tuple(runs)), Side(tuple(self._bad)), self._terms.by)
        if found.side is None:
            self._why_dark = f"{what}: {found.how}"
        self._tell(TriedPoint(what, found.side, found.value, found.how, _ids(runs)))
        return found

    def _run(self, mix: Mix, runs: list[Manifest], what: str) -> str:
        """Run a point once more; say why that cannot be, where it cannot."""
        if self._terms.most is not None and self._reruns >= self._terms.most:
            raise AllRerunsMade
        try:
            made = self._points.make(mix)
        except NoPoint as problem:
            return f"cannot be made: {problem}"
        self._reruns += 1
        terms, good, bad = self._terms, self._points.good.record, self._points.bad.record
        repeat: Repeat | None = None
        if terms.repeat > 1:
            of = f"{good['run_id']}-bisect-{len(self._tried) + 1}"
            repeat = {"id": of, "trial": len(runs) + 1, "of": terms.repeat, "seed": len(runs) + 1}
        note = f"bisect of {terms.by.metric} between {good['run_id']} and {bad['run_id']}: {what}"
        asked = self._asked._replace(record=made.like)
        try:
            new = terms.quietly(
                lambda: (
                    run_again(
                        made.like, made.found, asked, (), None, answers=terms.answers, note=note, repeat=repeat
                    ).manifest
                )
            )
        except EvalprovError as problem:
            if problem.exit_code >= CANNOT_START + 3:  # a signal asked us to stop
                raise
            return f"does not start: {problem.message}"
        if new["status"] == "interrupted":
            raise EvalprovError("interrupted; the reruns so far are recorded", exit_code=_INTERRUPTED)
        if why := why_none(new, allow_failed=terms.by.rules.gate.allow_failed):
            return why
        if made.wanted is not None and (new["software"]["packages"] or {}) != made.wanted:
            return "had other packages than were asked for"
        runs.append(new)
        return ""

    def _what(self, mix: Mix) -> str:
        if mix.commit:
            return f"the code of {mix.commit[:10]}"
        whole = [name for name in self._layers if mix.taken.issuperset(self._of(name))]
        others = [piece.said for piece in self.pieces if piece in mix.taken and piece.layer not in whole]
        inner = [piece.said for piece in mix.taken if piece.kind == "field"]
        return f"with {listed([*(f'the {name}' for name in whole), *others, *sorted(inner)])} of the bad run"

    def _tell(self, point: TriedPoint) -> None:
        self._tried.append(point)
        self._terms.told(point, self._reruns, max(self.estimate().reruns, self._reruns))

    def _step(self, taken: frozenset[DifferingPiece], before: frozenset[DifferingPiece] = frozenset()) -> ScoreStep:
        """Return the metric's values without and with what was taken."""
        values = (self._value_of(Mix(one)) for one in (before, taken))
        return ScoreStep(self._terms.by.metric, *values)

    def _value_of(self, mix: Mix) -> float | None:
        at = self._stands.get(mix)
        if at is None and mix.commit:  # the code of an end, where all of it is committed
            is_good = mix.commit == self._points.good.record["git_sha"]
            end = mix.taken if is_good else mix.taken.union(self._of("code"))
            at = self._stands.get(Mix(end))
        return at.value if at else None

    def _moved(self) -> ScoreStep:
        return ScoreStep(
            self._terms.by.metric, *(_value(runs, self._terms.by.metric) for runs in (self._good, self._bad))
        )

    def _came_to(self, outcome: bisection.Outcome, answer: str, found: Sequence[str] = ()) -> Bisection:
        return Bisection(self._terms.by.metric, outcome, answer, self._in, list(found), None, self._tried)


def _ids(runs: Sequence[Manifest]) -> list[str]:
    return [m["run_id"] for m in runs]


def _value(runs: Sequence[Manifest], metric: str) -> float | None:
    """Return a metric's mean over runs."""
    values = [(m["metric_summary"] or {}).get(metric) for m in runs]
    known = [float(one) for one in values if one is not None]
    return sum(known) / len(known) if known else None

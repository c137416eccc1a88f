"""How often the gate blocks two runs of one program, and how often it blocks one that became worse."""

from __future__ import annotations

import math
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from designs import ALIKE, MOVED, Design, rates, recorded, seed, sides
from gate_pairs import all_block, pair_of
from generated import KINDS, Pair
from scipy.stats import binom

from evalprov.judge.gate import Gate, judge
from evalprov.judge.groups import Groups
from evalprov.judge.looks import Look
from evalprov.judge.rules import NO_RULES, GateRule, MetricRule, Rules
from evalprov.judge.samples import Sample, samples
from evalprov.judge.verdicts import Terms, compare_samples
from evalprov.stats.looks import FIRST

PAIRS = 1000
WORSE_PAIRS = 300
LEVEL = NO_RULES.gate.level
CHANCE = 1e-3  # that a proof fails where nothing is wrong
POWER = 0.8  # at the size that a comparison itself says it would see four times in five
SHORT_OF_IT = 0.1  # what that size may be off by: it is worked out from the noise of each pair
# Where the two runs have other scenarios, each of the baseline's is missing.
LENIENT = Rules({}, GateRule(max_errors=1.0))


class Row(NamedTuple):
    """What came of many pairs of a kind."""

    blocked: int
    not_evaluated: int
    of: int
    seconds: float


def held(pair: Pair, kind: str) -> Gate:
    """Judge a pair."""
    return judge(*pair, all_block(pair, LENIENT if kind.startswith("unpaired") else NO_RULES))


def judged(kind: str, pairs: int, worse: float = 0.0, first: int = 0) -> Row:
    """Judge many pairs."""
    began = time.monotonic()
    verdicts = [held(pair_of(kind, seed, worse), kind).verdict for seed in range(first, first + pairs)]
    return Row(verdicts.count("regression"), verdicts.count("not_evaluated"), pairs, time.monotonic() - began)


def seen(kind: str, pairs: int) -> float | None:
    """Return the size of a move that pairs of a kind say they would see; null where they say none."""
    sizes = [
        one.diff.detectable
        for seed in range(pairs)
        for one in held(pair_of(kind, seed), kind).metrics
        if one.diff.name == KINDS[kind].metric and one.diff.detectable is not None
    ]
    return math.fsum(sizes) / len(sizes) if len(sizes) > pairs / 2 else None


def most(of: int, rate: float) -> int:
    """Return how many may block by chance at a rate."""
    return int(binom.ppf(1 - CHANCE, of, rate))


def least(of: int, rate: float) -> int:
    """Return how many must block at a rate, chance allowed for."""
    return int(binom.ppf(CHANCE, of, rate))


def alike(kinds: list[str], pairs: int) -> bool:
    """Print how often identical programs are blocked; say whether that is as seldom as stated."""
    print(f"the same program twice: blocked at {LEVEL:.0%} at most, so in {most(pairs, LEVEL)} of {pairs} by chance")
    print(f"{'kind':<20}{'pairs':>7}{'blocked':>9}{'rate':>8}{'not evaluated':>15}{'ms a pair':>11}")
    fine = True
    for kind in kinds:
        row = judged(kind, pairs)
        fine &= row.blocked <= most(pairs, LEVEL)
        counts = f"{row.of:>7}{row.blocked:>9}{row.blocked / row.of:>8.1%}{row.not_evaluated:>15}"
        print(f"{kind:<20}{counts}{row.seconds / row.of * 1e3:>11.1f}", flush=True)
    return fine


def worse(kinds: list[str], pairs: int) -> bool:
    """Print how often a program that became worse is blocked; say whether that is as often as stated."""
    bound = POWER - SHORT_OF_IT
    print(f"\nworse by what a comparison says it would see in {POWER:.0%} of cases: blocked in {bound:.0%} at least")
    print(f"{'kind':<20}{'worse by':>10}{'pairs':>7}{'blocked':>9}{'power':>8}{'by twice as much':>18}")
    fine = True
    for kind in kinds:
        size = seen(kind, min(pairs, 100))
        if size is None:
            print(f"{kind:<20}{'-':>10}   it has too few data for any verdict, and says so")
            continue
        row, twice = judged(kind, pairs, size, PAIRS), judged(kind, pairs, 2 * size, PAIRS)
        fine &= row.blocked >= least(pairs, bound)
        power = row.blocked / pairs
        print(
            f"{kind:<20}{size:>10.3g}{pairs:>7}{row.blocked:>9}{power:>8.1%}{twice.blocked / pairs:>18.1%}", flush=True
        )
    return fine


def by_design(pairs: int, which: str) -> bool:
    """Print how often a fall is claimed where there is none and where there is one, for each design."""
    print(f"\nby design, as a metric that blocks: no move, then a fall ({pairs} pairs)")
    terms = Terms(gates=lambda diff: diff.direction is not None)
    info = terms._replace(
        rules=Rules({f"other{i}_accuracy": MetricRule(role="info") for i in range(1, 10)}, NO_RULES.gate)
    )
    aside = [Design("rates .75 -> .70, n 300, 9 others as info", rates(300, 0.75, metrics=10), -0.05)]
    fine = True
    for design in [*ALIKE, *MOVED, *aside]:
        if not re.search(which, design.name):
            continue
        draw = np.random.default_rng(seed(design) + 1)
        way = -1 if design.size > 0 and "latency" not in design.name and "trials x" not in design.name else 1
        fallen = 0
        for _ in range(pairs):
            a, b = sides(design, draw, way * design.size)
            found = compare_samples(
                samples(a.runs), samples(b.runs), Groups(a.runs, b.runs), info if design in aside else terms
            )
            fallen += any(one.verdict == "worse" for one in found)
        wrong = not design.size and fallen > most(pairs, LEVEL)
        fine &= not wrong
        print(f"{design.name:52}{fallen / pairs:>8.1%}{'  <- off' if wrong else ''}", flush=True)
    return fine


LOOKED = ("rates", "judge", "3 metrics", "latency")


def _run(kind: str, draw: np.random.Generator, level: np.ndarray, fall: float) -> dict[str, np.ndarray]:
    """Return what one run of a program came to, whose scenarios are so hard."""
    n = len(level)
    if kind == "judge":
        return {"score": np.clip(np.round(3.5 + level + draw.normal(0, 0.7, n) - 8 * fall), 1, 5)}
    if kind == "latency":
        return {"score": -np.exp(level / 2 + draw.normal(0, 0.4, n)) * (1 + 5 * fall)}
    chance = np.clip(1 / (1 + np.exp(-1.2 - 2 * level)) - fall, 0, 1)
    return {f"score{i}": draw.random(n) < chance for i in range(1 if kind == "rates" else 3)}


def looks(sequences: int) -> bool:
    """Print how often any of twenty unchanged runs held against one baseline is called worse, by level of a look."""
    print(f"\n{FIRST} unchanged runs against one baseline, {sequences} times: any of them called worse")
    print(f"{'100 scenarios':<16}{'each a look alone':>20}{'--sequential':>14}   a fall of .12 at the 10th, likewise")
    fine = True
    for kind in LOOKED:
        draw = np.random.default_rng(seed(Design(kind, rates(1))))
        terms = [Terms(level=LEVEL, gates=lambda diff: True)]
        terms.append(terms[0]._replace(level=Look(10, True).level(LEVEL)))
        terms = [one._replace(rules=Rules({f"score{i}": MetricRule("higher") for i in ("", 0, 1, 2)}, NO_RULES.gate))
                 for one in terms]  # fmt: skip
        fired, seen = [0, 0], [0, 0]
        for _ in range(sequences):
            level = draw.normal(0, 1, 100)
            a = recorded([_run(kind, draw, level, 0.0)], "20260920T120000Z")
            ours = samples(a.runs)
            called = []
            for _look in range(FIRST):
                b = recorded([_run(kind, draw, level, 0.0)], "20260921T120000Z")
                theirs = samples(b.runs)
                called.append([_worse(ours, theirs, Groups(a.runs, b.runs), one) for one in terms])
            b = recorded([_run(kind, draw, level, 0.12)], "20260922T120000Z")
            for place, one in enumerate(terms):
                fired[place] += any(look[place] for look in called)
                seen[place] += _worse(ours, samples(b.runs), Groups(a.runs, b.runs), one)
        wrong = fired[1] > most(sequences, LEVEL)
        fine &= not wrong
        shares = [count / sequences for count in (*fired, *seen)]
        off = "  <- off" if wrong else ""
        print(f"{kind:<16}{shares[0]:>20.1%}{shares[1]:>14.1%}   {shares[2]:.1%}, {shares[3]:.1%}{off}", flush=True)
    return fine


def _worse(ours: dict[str, Sample], theirs: dict[str, Sample], groups: Groups, terms: Terms) -> bool:
    return any(one.verdict == "worse" for one in compare_samples(ours, theirs, groups, terms))


def main() -> int:
    """Print the tables; 1 where the gate cries wolf, or sleeps."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    which = sys.argv[2] if len(sys.argv) > 2 else ""
    quiet = which != "" or alike(list(KINDS), pairs)
    awake = which != "" or worse(list(KINDS), WORSE_PAIRS)
    if which in ("", "looks"):
        quiet &= looks(pairs)
    if which != "looks":
        quiet &= by_design(pairs, which)
    if not quiet:
        print("\nit blocks identical programs more often than it says")
    if not awake:
        print("\nit lets regressions through that it says it sees")
    return 0 if quiet and awake else 1


if __name__ == "__main__":
    sys.exit(main())

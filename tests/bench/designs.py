"""Designs of evals, made up from a seed: what is calibrated is that nothing moves, that something does, and how far."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from generated import manifest
from scipy import stats

from evalprov.judge.metric_diff import Side

Rng = np.random.Generator
Runs = list[dict[str, "np.ndarray"]]  # a run: values by scenario, by metric


class Design(NamedTuple):
    """Two sides made up: what each run's scenarios came to."""

    name: str
    make: Callable[[Rng, float], tuple[Runs, Runs]]  # by how much B is moved
    size: float = 0.0  # of the move that is to be seen
    groups: int = 0  # scenarios to a group
    apart: bool = False  # other scenarios on each side


def seed(design: Design) -> int:
    """Return where its draws begin."""
    return zlib.crc32(design.name.encode())


def sides(design: Design, rng: Rng, move: float) -> tuple[Side, Side]:
    """Return the records of two sides."""
    made = design.make(rng, move)
    found = []
    for letter, runs in zip("ab", made, strict=True):
        prefix = letter if design.apart else "s"
        records = []
        for number, run in enumerate(runs):
            columns = {name: values.tolist() for name, values in run.items()}
            count = len(next(iter(columns.values())))
            table = {f"{prefix}{i}": {name: values[i] for name, values in columns.items()} for i in range(count)}
            groups = {f"{prefix}{i}": f"g{i // design.groups}" for i in range(count)} if design.groups else None
            records.append(manifest(table, groups=groups, run_id=f"202609{'ab'.index(letter) + 20}T1200{number:02d}Z"))
        found.append(Side(tuple(records)))
    return found[0], found[1]


def best_p(design: Design, rng: Rng, move: float) -> float | None:
    """Return the p-value of the test that is best for values made so, by one who knows how; null where none is known.

    Of rates it is McNemar's mid-p, of latencies a t test of their logarithms, of trials Mantel and Haenszel's test
    where whole runs do not move, else a t test of the runs.
    """
    a, b = design.make(rng, move)
    if len(a[0]) > 1:
        return None
    (name,) = a[0]
    one, other = (np.array([run[name] for run in side], dtype=float) for side in (a, b))
    is_rate = a[0][name].dtype == bool
    if not is_rate:
        one, other = np.log(one), np.log(other)
    if len(one) == 1 and is_rate:
        up, down = int(np.sum(other > one)), int(np.sum(other < one))
        fewer = min(up, down)
        tail = 2 * stats.binom.cdf(fewer, up + down, 0.5) - stats.binom.pmf(fewer, up + down, 0.5)
        return 1.0 if up == down else float(tail)
    if len(one) == 1:
        return float(stats.ttest_rel(other[0], one[0]).pvalue)
    if not is_rate:
        return float(stats.ttest_ind(other.mean(axis=1), one.mean(axis=1)).pvalue)
    share = np.concatenate([one, other]).mean(axis=0)
    runs = len(one) + len(other)
    variance = float((share * (1 - share)).sum()) * len(one) * len(other) / (runs - 1)
    away = float((other.sum(axis=0) - len(other) * share).sum())
    return float(2 * stats.norm.sf(abs(away) / variance**0.5)) if variance else 1.0


def recorded(runs: Runs, run_id: str) -> Side:
    """Return a side of such runs."""
    tables = [{f"s{i}": dict(zip(run, row, strict=True)) for i, row in enumerate(_rows(run))} for run in runs]
    return Side(tuple(manifest(table, run_id=run_id) for table in tables))


def _rows(run: dict[str, np.ndarray]) -> list[tuple[float, ...]]:
    return list(zip(*(values.tolist() for values in run.values()), strict=True))


def rates(n: int, base: float = 0.75, rho: float = 0.7, metrics: int = 1) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return paired 0/1 values: a share of the scenarios is always alike, the others are drawn anew."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        a, b = {}, {}
        for number in range(metrics):
            name = "accuracy" if not number else f"other{number}_accuracy"
            step = move if not number else 0.0
            u = rng.random(n)
            same = rng.random(n) < rho
            v = np.where(same, u, rng.random(n))
            a[name], b[name] = u < base, v < base + step
        return [a], [b]

    return make


def numbers(n: int, kind: str) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return paired numbers of a kind; a move is a shift, or of latencies a factor."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        level = rng.normal(0, 1, n)

        def side() -> np.ndarray:
            noise = {
                "normal": lambda: level + rng.normal(0, 0.5, n),
                "lognormal": lambda: np.exp(level + rng.normal(0, 0.4, n)),
                "t2": lambda: level + rng.standard_t(2, n),
                "cauchy": lambda: level + rng.standard_cauchy(n),
                "pareto": lambda: rng.pareto(1.5, n) + 1,
                "zeros": lambda: np.where(rng.random(n) < 0.7, 0.0, rng.exponential(1, n)),
                "ties": lambda: np.round(level + rng.normal(0, 0.7, n)),
                "judge": lambda: np.clip(np.round(3.5 + level + rng.normal(0, 0.7, n)), 1, 5),
                "mostly equal": lambda: np.where(rng.random(n) < 0.9, level, level + rng.normal(0, 1, n)),
            }[kind]
            return np.asarray(noise())

        a, b = side(), side()
        name = "latency_ms" if kind == "lognormal" else "score"
        return [{name: a}], [{name: b * (1 + move) if kind == "lognormal" else b + move}]

    return make


def whole_runs(
    n: int, counts: tuple[int, int], sd: float, *, kind: str = "latency"
) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return trials of which each is moved as a whole: latencies by a factor, rates by their logit."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        level = rng.normal(0, 1, n)

        def run(step: float) -> dict[str, np.ndarray]:
            shift = rng.normal(0, sd)
            if kind == "latency":
                return {"latency_ms": np.exp(level * 0.5 + rng.normal(0, 0.4, n) + shift) * (1 + step)}
            chance = 1 / (1 + np.exp(-(1.2 + level + shift)))
            return {"accuracy": rng.random(n) < np.clip(chance + step, 0, 1)}

        return [run(0.0) for _ in range(counts[0])], [run(move) for _ in range(counts[1])]

    return make


def apart_numbers(n: int) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return other scenarios on each side."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        return [{"score": rng.lognormal(0, 0.5, n)}], [{"score": rng.lognormal(0, 0.5, n) + move}]

    return make


def grouped(groups: int, size: int) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return scenarios of which those of a group are alike."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        def side() -> np.ndarray:
            return np.repeat(rng.normal(0, 1, groups), size) + rng.normal(0, 1, groups * size)

        return [{"score": side()}], [{"score": side() + move}]

    return make


def skewed_groups(groups: int, size: int) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return scenarios in groups of which some are far noisier than others, and lopsided."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        noise = np.repeat(np.arange(1, groups + 1), size)

        def side() -> np.ndarray:
            common = np.repeat(rng.exponential(1, groups), size)
            return noise * (common + rng.exponential(1, groups * size))

        return [{"score": side()}], [{"score": side() + move}]

    return make


def many(n: int, metrics: int, rho: float) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return metrics that go together."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        def side(step: float) -> dict[str, np.ndarray]:
            common = rng.normal(0, 1, n)
            return {
                f"score{number}": np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(0, 1, n) + step * (not number)
                for number in range(metrics)
            }

        return [side(0.0)], [side(move)]

    return make


def rare(n: int, share: float, by: float) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return values of which only a few moved, and those far."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        level = rng.normal(0, 1, n)
        return [{"score": level}], [{"score": level + np.where(rng.random(n) < share, by, 0.0)}]

    return make


def slow_tail(n: int) -> Callable[[Rng, float], tuple[Runs, Runs]]:
    """Return latencies of which one in twenty became six times as long."""

    def make(rng: Rng, move: float) -> tuple[Runs, Runs]:
        a = rng.lognormal(0, 0.4, n)
        return [{"latency_ms": a}], [{"latency_ms": rng.lognormal(0, 0.4, n) * np.where(rng.random(n) < 0.05, 6, 1)}]

    return make


ALIKE = [
    *(Design(f"rates n {n}, base {base}, alike {rho}", rates(n, base, rho)) for n in (10, 30, 100, 1000)
      for base, rho in ((0.5, 0.0), (0.75, 0.7), (0.95, 0.3))),
    *(Design(f"{kind} n {n}", numbers(n, kind))
      for kind in ("normal", "lognormal", "t2", "cauchy", "pareto", "zeros", "ties", "judge", "mostly equal")
      for n in (5, 10, 30, 300)),
    *(Design(f"other scenarios n {n}", apart_numbers(n), apart=True) for n in (20, 100)),
    *(Design(f"{groups} groups of 5", grouped(groups, 5), groups=5) for groups in (2, 3, 5, 7, 8, 20, 40)),
    *(Design(f"{groups} groups of 10, skewed", skewed_groups(groups, 10), groups=10) for groups in (3, 5, 7)),
    *(Design(f"{count} metrics alike {rho}, n {n}", many(n, count, rho))
      for count, n, rho in ((10, 100, 0.0), (10, 100, 0.6), (10, 100, 0.95), (50, 30, 0.5))),
    *(Design(f"trials {counts[0]} v {counts[1]} n {n}, {kind}, run sd {sd}", whole_runs(n, counts, sd, kind=kind))
      for counts in ((2, 2), (3, 3), (5, 5), (10, 10), (1, 5)) for n, kind, sd in (
          (50, "latency", 0.0), (50, "latency", 0.05), (50, "latency", 0.1),
          (50, "accuracy", 0.0), (50, "accuracy", 0.3), (5, "accuracy", 0.0), (6, "accuracy", 0.0))),
]  # fmt: skip

MOVED = [
    *(Design(f"rates .70 -> .75, n {n}", rates(n, 0.70), 0.05) for n in (100, 300, 1000)),
    *(Design(f"rates .75 -> .70, n {n}", rates(n, 0.75), -0.05) for n in (100, 300, 1000)),
    Design("rates .75 -> .70, n 300, 9 others", rates(300, 0.75, metrics=10), -0.05),
    Design("latency x 1.2, n 100", numbers(100, "lognormal"), 0.2),
    *(Design(f"10 trials of {n} scenarios, .63 -> .87", whole_runs(n, (10, 10), 0.0, kind="accuracy"), 0.24)
      for n in (5, 6)),
    *(Design(f"{trials} trials x 1.15, run sd {sd}", whole_runs(50, (trials, trials), sd), 0.15)
      for trials in (3, 5, 10) for sd in (0.05, 0.1)),
    Design("10 metrics alike .95, first moved", many(100, 10, 0.95), 0.4),
]  # fmt: skip

# A design, and how far its mean moves.
COVERED = [
    *((Design(f"rates .75 -> .70, n {n}, covered", rates(n, 0.75), -0.05), -0.05) for n in (30, 100, 300)),
    *((Design(f"normal + .3, n {n}, covered", numbers(n, "normal"), 0.3), 0.3) for n in (10, 30, 300)),
    (Design("judge + 0, n 100, covered", numbers(100, "judge"), 0.0), 0.0),
    *((Design(f"3 of {n} moved far, covered", rare(n, 3 / n, 5.0)), 15.0 / n) for n in (40, 100, 300)),
    (Design("slow tail n 10, covered, too few to have one", slow_tail(10)), 0.25 * np.exp(0.08)),
    *((Design(f"slow tail n {n}, covered", slow_tail(n)), 0.25 * np.exp(0.08)) for n in (100, 300)),
    *((Design(f"{n} groups of 5 + .3, covered", grouped(n, 5), 0.3, groups=5), 0.3) for n in (8, 40)),
    (Design("5 trials of 50 x 1.15, run sd .05, covered", whole_runs(50, (5, 5), 0.05), 0.15),
     0.15 * float(np.exp((0.25 + 0.16 + 0.0025) / 2))),
]  # fmt: skip

# Whose detectable size is held to its word.
SIZED = [
    *(Design(f"{kind} n {n}, by its size", numbers(n, kind)) for kind in ("normal", "judge") for n in (10, 30, 100)),
    *(Design(f"latency n {n}, by its size", numbers(n, "lognormal")) for n in (30, 100, 300)),
    *(Design(f"rates n {n}, by their size", rates(n)) for n in (30, 300)),
    *(Design(f"{n} groups of 5, by their size", grouped(n, 5), groups=5) for n in (5, 20)),
    Design("3 trials of 50 latency, by their size", whole_runs(50, (3, 3), 0.05)),
    Design("5 trials of 5 rates, by their size", whole_runs(5, (5, 5), 0.0, kind="accuracy")),
]  # fmt: skip

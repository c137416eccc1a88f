"""Our numbers beside those of packages that are too large for the tests; run by `make oracles`, which installs them."""

from __future__ import annotations

import importlib
import math
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from evalprov.judge.planning import Parts, needed
from evalprov.stats import agreement, paired, unpaired
from evalprov.stats.aggregate import Aggregate, names_of
from evalprov.stats.whole_run import of_runs

RNG = np.random.default_rng(1)
Row = tuple[str, float, float, float]  # what, ours, theirs, how far apart they may be as a share


def aggregate(name: str, columns: list[np.ndarray]) -> float:
    """Return a number made of all scenarios."""
    return Aggregate(name, names_of(name) or ()).value(columns)


def bleu(sacrebleu: Any) -> list[Row]:
    """Hold corpus BLEU of counts by sentence against that of the sentences."""
    words = [f"w{i}" for i in range(30)]
    draw = random.Random(1)
    found = []
    for kept in (0.9, 0.5, 0.2):
        references = [" ".join(draw.choices(words, k=draw.randint(8, 20))) for _ in range(80)]
        systems = [
            " ".join(w if draw.random() < kept else draw.choice(words) for w in one.split()) for one in references
        ]
        metric = sacrebleu.BLEU(effective_order=False, tokenize="none")
        rows = []
        for system, reference in zip(systems, references, strict=True):
            one = metric.corpus_score([system], [[reference]])
            rows.append([*one.counts, *one.totals, one.sys_len, one.ref_len])
        ours = aggregate("bleu", list(np.array(rows, dtype=float).T))
        found.append((f"bleu, {kept:.0%} kept", ours, metric.corpus_score(systems, [references]).score, 1e-9))
    return found


def f1(metrics: Any) -> list[Row]:
    """Hold micro-averages of counts by scenario against those of all labels."""
    truth, said = RNG.random((60, 9)) < 0.4, RNG.random((60, 9)) < 0.5
    tp, fp, fn = ((truth & said).sum(1), (~truth & said).sum(1), (truth & ~said).sum(1))
    counts = [column.astype(float) for column in (tp, fp, fn)]
    label, predicted = (RNG.choice(range(first, last), 120).astype(float) for first, last in ((0, 6), (2, 9)))
    predicted = np.where(RNG.random(120) < 0.6, label, predicted)  # some classes are never predicted, some never true
    whole = aggregate("macro_f1", [label, predicted])
    without = [np.delete(column, 0) for column in (label, predicted)]
    shares = Aggregate("macro_f1", ("label", "predicted")).shares([label, predicted])
    gap = (120 * whole - shares[0]) / 119 - (120 * whole - shares[1]) / 119
    others = [np.delete(column, 1) for column in (label, predicted)]
    theirs = [metrics.f1_score(*pair, average="macro") for pair in (without, others)]
    return [
        ("macro F1", whole, metrics.f1_score(label, predicted, average="macro"), 1e-12),
        ("macro F1, one scenario less", gap, theirs[0] - theirs[1], 1e-9),
        ("micro F1", aggregate("micro_f1", counts), metrics.f1_score(truth, said, average="micro"), 1e-12),
        ("micro precision", aggregate("micro_precision", counts[:2]),
         metrics.precision_score(truth, said, average="micro"), 1e-12),
        ("micro recall", aggregate("micro_recall", [counts[0], counts[2]]),
         metrics.recall_score(truth, said, average="micro"), 1e-12),
    ]  # fmt: skip


def corrected(ppi: Any) -> list[Row]:
    """Hold a prediction-powered mean against the authors' own; theirs divides by n, ours by n - 1."""
    people = RNG.normal(0, 1, 2500)
    grades = people + RNG.normal(0.3, 0.5, 2500)
    found = []
    for lam in (1.0, 0.8):
        ours = agreement.prediction_powered(people[:500], grades[:500], grades[500:], lam)
        theirs = (people[:500], grades[:500], grades[500:])
        low, high = (float(one[0]) for one in ppi.ppi_mean_ci(*theirs, alpha=0.05, lam=lam))
        found += [(f"corrected mean, share {lam}", ours.mean, (low + high) / 2, 1e-9)]
        found += [(f"its error, share {lam}", ours.error, (high - low) / 2 / 1.959963985, 2e-3)]
    return found


def alpha(package: Any) -> list[Row]:
    """Hold Krippendorff's alpha with gaps against the package of its name."""
    table = RNG.integers(1, 6, (4, 50)).astype(float)
    table[1] = np.clip(table[0] + RNG.integers(-1, 2, 50), 1, 5)
    table[RNG.random((4, 50)) < 0.2] = np.nan
    scales: tuple[agreement.Scale, ...] = ("nominal", "ordinal", "interval")
    return [
        (f"alpha, {scale}", agreement.krippendorff(table, scale) or 0.0,
         float(package.alpha(reliability_data=table, level_of_measurement=scale)), 1e-9)
        for scale in scales
    ]  # fmt: skip


def two_levels(models: Any) -> list[Row]:
    """Hold the t over runs against a mixed model of runs and scenarios."""
    import pandas as pd

    level = RNG.normal(0, 1, 30)
    rows = [
        (side, f"{side}{run}", scenario, level[scenario] + shift + RNG.normal(0, 0.3) + 0.2 * side)
        for side in (0, 1) for run in range(8) for shift in [RNG.normal(0, 0.5)] for scenario in range(30)
    ]  # fmt: skip
    data = pd.DataFrame(rows, columns=["side", "run", "scenario", "value"])
    fit = models.mixedlm("value ~ side + C(scenario)", data, groups="run").fit(reml=True)
    means = data.groupby(["side", "run"])["value"].mean()
    ours = of_runs(list(means[0]), list(means[1]))
    assert ours is not None
    return [
        ("two levels, the move", ours.effect, float(fit.params["side"]), 1e-4),
        ("two levels, its error", ours.noise.error, float(fit.bse["side"]), 2e-2),
    ]


def harness(metrics: Any) -> list[Row]:
    """Hold the standard error of a mean against lm-eval's formula and its bootstrap."""
    os.environ["DISABLE_MULTIPROC"] = "1"
    values = (RNG.random(300) < 0.7).astype(float)
    ours = paired.noise_of(values).error
    boot = metrics.bootstrap_stderr(metrics.mean, values.tolist(), 20_000)
    return [
        ("standard error", ours, metrics.mean_stderr(values.tolist()), 1e-12),
        ("standard error, bootstrapped", ours, boot, 3e-2),
    ]


def inspect(scorer: Any) -> list[Row]:
    """Hold standard errors, plain and by cluster, against inspect_ai's own."""
    values, groups = RNG.random(60), np.repeat(np.arange(12), 5)
    scores = [
        scorer.SampleScore(score=scorer.Score(value=float(v)), sample_id=i, sample_metadata={"g": int(g)})
        for i, (v, g) in enumerate(zip(values, groups, strict=True))
    ]
    return [
        ("standard error", unpaired.mean_of(values).noise.error, scorer.stderr()(scores), 1e-9),
        # Ours leaves out a group at a time, which for groups of one size is the same formula.
        ("clustered standard error", paired.clustered_noise(values, groups.tolist()).error,
         scorer.stderr(cluster="g")(scores), 1e-9),
    ]  # fmt: skip


def published(_: Any) -> list[Row]:
    """Hold ours against the formulas and the examples of Miller (2024), "Adding error bars to evals"."""
    n, groups = 120, np.repeat(np.arange(30), 4)
    a = np.clip(np.repeat(RNG.random(30), 4) + RNG.normal(0, 0.3, n), 0, 1)
    b = np.clip(a + RNG.normal(0.05, 0.2, n), 0, 1)
    away = a - a.mean()
    cross = sum(float(away[groups == g].sum() ** 2 - (away[groups == g] ** 2).sum()) for g in range(30))
    clustered = math.sqrt(float((away**2).sum()) / n**2 + cross / n**2)
    errors = [float(np.std(one, ddof=1)) / math.sqrt(n) for one in (a, b)]
    paired_error = math.sqrt(errors[0] ** 2 + errors[1] ** 2 - 2 * float(np.cov(a, b)[0, 1]) / n)
    plan = needed(Parts(0.5, 100, 1 / 18, 0.0, rates=False, sure=False, df=0), 0.03, 1, 0.05) or 0
    math_rows, code = unpaired.of_counts(3275, 5000, 3150, 5000), unpaired.of_counts(137, 164, 142, 164)
    return [
        # The paper's has no allowance for few clusters.
        ("clustered error", paired.clustered_noise(a, groups.tolist()).error, clustered * math.sqrt(30 / 29), 1e-9),
        ("paired error, by covariance", paired.noise_of(b - a).error, paired_error, 1e-9),
        ("questions that show 3 points", plan, 969, 6e-3),
        ("MATH, 65.5 of 5,000: error", unpaired.mean_of(np.repeat([1.0, 0.0], [3275, 1725])).noise.error, 0.0067, 5e-3),
        ("MATH moved, HumanEval not told", float(math_rows.p < 0.05) - float(code.p < 0.05), 1.0, 0.0),
    ]


ORACLES: dict[str, Callable[[Any], list[Row]]] = {
    "sacrebleu": bleu,
    "sklearn.metrics": f1,
    "ppi_py": corrected,
    "krippendorff": alpha,
    "statsmodels.formula.api": two_levels,
    "lm_eval.api.metrics": harness,
    "inspect_ai.scorer": inspect,
    "math": published,
}


def main() -> int:
    """Print the table; 1 where a number is another than theirs."""
    fine = True
    for name, oracle in ORACLES.items():
        try:
            package = importlib.import_module(name)
        except ImportError as error:
            print(f"{name:<26}not installed: {error}")
            continue
        for what, ours, theirs, apart in oracle(package):
            wrong = abs(ours - theirs) > apart * max(abs(theirs), 1e-9)
            fine &= not wrong
            source = "Miller 2024" if oracle is published else name
            print(f"{source:<26}{what:<34}{ours:>14.8g}{theirs:>14.8g}{'  <- off' if wrong else ''}", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

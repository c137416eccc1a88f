"""Our numbers beside those of packages that are too large for the tests; run by `make oracles`, which installs them."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

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
    return [
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


ORACLES: dict[str, Callable[[Any], list[Row]]] = {
    "sacrebleu": bleu,
    "sklearn.metrics": f1,
    "ppi_py": corrected,
    "krippendorff": alpha,
    "statsmodels.formula.api": two_levels,
    "lm_eval.api.metrics": harness,
    "inspect_ai.scorer": inspect,
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
            print(f"{name:<26}{what:<34}{ours:>14.8g}{theirs:>14.8g}{'  <- off' if wrong else ''}", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

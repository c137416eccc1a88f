"""How often the interval of a score that labels correct holds the truth, and how often a grader is blamed wrongly.

Usage: python tests/bench/raters.py [EVALS]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from evalprov.judge.raters import error_moves
from evalprov.stats.agreement import prediction_powered

EVALS = 2000
SCENARIOS = 300
HOLD = (0.93, 0.99)
MOST = 0.065  # of unmoved graders that may be blamed, chance allowed for
KINDS = (("rates, errs in 2 %", 0.02), ("rates, errs in 15 %", 0.15), ("grades 1 to 5", 0.0))


def made(draw: np.random.Generator, errs: float, lenient: float, n: int = SCENARIOS) -> tuple[np.ndarray, np.ndarray]:
    """Return what people would say of each scenario, and what the grader says."""
    level = draw.normal(0, 1, n)
    if errs:
        people = (draw.random(n) < 1 / (1 + np.exp(-0.8 - level))).astype(float)
        wrong = draw.random(n) < np.where(people == 1, errs, errs + lenient)
        return people, np.where(wrong, 1 - people, people)
    people = np.clip(np.round(3.4 + level), 1, 5)
    return people, np.clip(np.round(people + 0.3 + 3 * lenient + draw.normal(0, 0.6, n)), 1, 5)


def main() -> int:
    """Print the table; 1 where a rate is off."""
    evals = int(sys.argv[1]) if len(sys.argv) > 1 else EVALS
    fine = True
    print(f"{evals} evals of {SCENARIOS} scenarios: corrected scores held, graders blamed (unmoved, then more lenient)")
    for kind, errs in KINDS:
        truth = float(made(np.random.default_rng(0), errs, 0.1, 400_000)[0].mean())
        for labelled in (20, 50, 150):
            draw = np.random.default_rng(labelled)
            held = blamed = seen = 0
            for _ in range(evals):
                people, grades = made(draw, errs, 0.1)
                low, high = prediction_powered(people[:labelled], grades[:labelled], grades[labelled:]).interval(0.05)
                held += low - 1e-9 <= truth <= high + 1e-9
                moves = []
                for lenient in (0.1, 0.4):
                    others, theirs = made(draw, errs, lenient)
                    errors = [
                        {str(i): float(of[0][i] - of[1][i]) for i in range(labelled)}
                        for of in ((grades, people), (theirs, others))
                    ]
                    found = error_moves(errors[0], errors[1])
                    moves.append(found is not None and found.p < 0.05)
                blamed, seen = blamed + moves[0], seen + moves[1]
            shares = held / evals, blamed / evals, seen / evals
            wrong = not shares[0] >= HOLD[0] or shares[1] > MOST
            fine &= not wrong
            off = "  <- off" if wrong else ""
            print(f"{kind:<22}{labelled:>5} labels{shares[0]:>9.1%}{shares[1]:>9.1%}{shares[2]:>9.1%}{off}", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

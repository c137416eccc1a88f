"""How often the gate blocks: identical programs as seldom as stated, worse ones almost always. The bench has more."""

from __future__ import annotations

import pytest
from gate_pairs import all_block, pair_of
from scipy.stats import binom

from evalprov.judge.gate import judge
from evalprov.judge.rules import NO_RULES

PAIRS = 60
FAR_WORSE = {"paired rates": 0.4, "paired numbers": 4.0, "trials": 0.4, "clustered": 6.0}


@pytest.mark.long
@pytest.mark.parametrize("kind", FAR_WORSE)
def test_the_gate_does_not_cry_wolf_and_does_not_sleep(kind: str) -> None:
    """Over generated pairs: no more blocks than the level allows by chance, and a heavy fall is blocked."""

    def verdict(seed: int, worse: float = 0.0) -> str:
        pair = pair_of(kind, seed, worse)
        return judge(*pair, all_block(pair, NO_RULES)).verdict

    alike = [verdict(seed) for seed in range(PAIRS)]
    assert alike.count("regression") <= binom.ppf(0.9999, PAIRS, NO_RULES.gate.level)
    assert "not_evaluated" not in alike
    worse = [verdict(seed, FAR_WORSE[kind]) for seed in range(20)]
    assert worse.count("regression") >= 19

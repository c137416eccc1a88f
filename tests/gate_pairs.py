"""Generated pairs of runs as the gate gets them: two runs that know what they were."""

from __future__ import annotations

import random
from typing import cast

from gate_runs import NO_GPUS
from generated import KINDS, Pair

from evalprov.judge.direction import is_spent
from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import MetricRule, Rules
from evalprov.record.identity import identify
from evalprov.record.manifest import Manifest
from evalprov.record.schema.machine import Gpus


def pair_of(kind: str, seed: int, worse: float = 0.0) -> Pair:
    """Return a baseline and a run of a kind; the run's first metric is worse by so much."""
    made = KINDS[kind].make(random.Random(f"{kind} {seed}"), worse=worse)
    return Pair(*(Side(tuple(_whole(run, day, i) for i, run in enumerate(side.runs))) for day, side in enumerate(made)))


def _whole(run: Manifest, day: int, trial: int) -> Manifest:
    run["run_id"] = f"2026090{day + 1}T12000{trial}Z"
    run["infra"]["gpu"] = cast("Gpus", NO_GPUS)
    run["identity"] = identify(run)
    return run


def all_block(pair: Pair, rules: Rules) -> Rules:
    """Return rules by which time and cost block as well."""
    spent = [name for name in pair.a.runs[0]["metric_summary"] or {} if is_spent(name, None)]
    return rules._replace(metrics={name: MetricRule(blocking=True) for name in spent})

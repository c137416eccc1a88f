"""Which way is better for a metric, and its unit: as the settings or the eval say, else by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.compare.rules import Direction, MetricRule
    from evalprov.record.manifest import MetricInfo

From = Literal["settings", "reported", "name"]

_LOWER = frozenset((
    "brier", "bugs", "bytes", "cer", "contamination", "cost", "costs", "crash", "crashes", "defects", "degradation",
    "distance", "drop", "dropped", "drops", "duration", "durations", "ece", "elapsed", "err", "error", "errored",
    "errors", "eur", "exceptions", "fail", "failed", "failing", "fails", "failure", "failures", "false",
    "hallucinated", "hallucination", "hallucinations", "harm", "harmful", "incorrect", "invalid", "latencies",
    "latency", "leak", "leakage", "leaked", "leaks", "loss", "losses", "mae", "mape", "mb", "memory", "millis",
    "milliseconds", "minutes", "mismatch", "mismatches", "misses", "missing", "ms", "mse", "nll", "overconfidence",
    "perplexity", "ppl", "price", "regressions", "retries", "retry", "rmse", "rss", "runtime", "sec",
    "seconds", "secs", "spend", "spent", "ter", "time", "timeout", "timeouts", "tokens", "toxic", "toxicity",
    "tpot", "ttft", "unresolved", "unsafe", "unsolved", "usd", "violation", "violations", "warnings", "waste",
    "wasted", "wer", "wrong",
))  # fmt: skip
_HIGHER = frozenset((
    "acc", "accuracy", "accurate", "agreement", "auc", "auprc", "auroc", "avoided", "bertscore", "bleu", "chrf",
    "coherence", "comet", "completeness", "correct", "correctness", "coverage", "dice", "em", "exact", "f1",
    "faithful", "faithfulness", "fixed", "fluency", "gain", "grounded", "groundedness", "harmlessness", "helpful",
    "helpfulness", "hit", "hits", "improvement", "iou", "kappa", "map", "match", "matched", "matches", "mcc",
    "meteor", "mrr", "ndcg", "ok", "pass", "passed", "passes", "passing", "pearson", "precision", "prevented",
    "quality", "r2", "rating", "recall", "recovered", "relevance", "relevancy", "relevant", "resolved", "reward",
    "rewards", "roc", "rouge", "rouge1", "rouge2", "rougel", "safe", "safety", "saved", "savings", "score",
    "scores", "similarity", "solved", "spearman", "succeeded", "success", "successes", "successful", "throughput",
    "truthful", "truthfulness", "utility", "valid", "win", "winrate", "wins",
))  # fmt: skip
# A name with one of these may mean the reverse, or no quality at all.
_UNSURE = frozenset((
    "budget", "delta", "diff", "free", "limit", "no", "non", "not", "on", "sd", "se", "std", "stddev", "stderr",
    "uptime", "var", "variance", "without",
))  # fmt: skip
_KNOWN = _LOWER | _HIGHER
_AMOUNTS = frozenset(("bytes", "mb", "tokens"))  # of which more per second is better, and less per answer
_UNITS = {
    "ms": "ms",
    "millis": "ms",
    "milliseconds": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "usd": "usd",
    "eur": "eur",
    "tokens": "tokens",
    "mb": "mb",
    "bytes": "bytes",
    "percent": "percent",
    "pct": "percent",
}
# What an eval spends, and a machine or a provider's day can change as much as the program: time, money, tokens, memory.
_SPENT_UNITS = frozenset(("s", "ms", "usd", "eur", "tokens", "mb", "bytes"))
_SPENT = frozenset((
    "bytes", "cost", "costs", "duration", "durations", "elapsed", "latencies", "latency", "mb", "memory", "millis",
    "milliseconds", "minutes", "ms", "price", "rss", "runtime", "sec", "seconds", "secs", "spend", "spent", "time",
    "tokens", "tpot", "ttft", "usd", "eur",
))  # fmt: skip
_COUNTS = ("_mean", "_total")
_STATISTIC = re.compile(r"mean|total|avg|average|median|max|min|sum|p\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")


class Way(NamedTuple):
    """What is known of a metric beside its values."""

    direction: Direction | None
    source: From | None  # where the direction is from
    unit: str | None
    conflict: bool  # the sides contradict each other


def rule_of(rules: Mapping[str, MetricRule], name: str) -> MetricRule | None:
    """Return a metric's rule, by its name in the summary or in the scenarios."""
    for one in (name, *(name.removesuffix(end) for end in _COUNTS), *(f"{name}{end}" for end in _COUNTS)):
        if one in rules:
            return rules[one]
    return None


def way_of(name: str, rule: MetricRule | None, info: Sequence[MetricInfo]) -> Way:
    """Say which way is better for a metric."""
    units = [one["unit"] for one in info if one["unit"]]
    unit = (rule and rule.unit) or (units[0] if units else unit_of(name))
    said = {one["direction"] for one in info if one["direction"]}
    if rule is not None and rule.direction is not None:
        return Way(rule.direction, "settings", unit, conflict=False)
    if said:
        agreed = said.pop() if len(said) == 1 else None
        return Way(agreed, agreed and "reported", unit, conflict=agreed is None)
    direction = direction_of(name)
    return Way(direction, direction and "name", unit, conflict=False)


def direction_of(name: str) -> Direction | None:
    """Return which way a metric's name alone says is better; null where it says both or neither."""
    words = words_of(name)
    if "per" in words:
        words = words[: words.index("per")]
        if not _AMOUNTS.isdisjoint(words):
            return None
    lower = not _LOWER.isdisjoint(words) or unit_of(name) == "s"
    if lower == (not _HIGHER.isdisjoint(words)) or not _UNSURE.isdisjoint(words):
        return None
    return "lower" if lower else "higher"


def is_spent(name: str, unit: str | None) -> bool:
    """Say whether a metric is what the eval spends, and no quality of its answers."""
    return unit in _SPENT_UNITS or not _SPENT.isdisjoint(words_of(name))


def unit_of(name: str) -> str | None:
    """Return the unit that a metric's name ends in."""
    words = words_of(name)
    while words and _STATISTIC.fullmatch(words[-1]):
        words.pop()
    if len(words) < 2 or (words[-1] == "s" and "_s" not in name):
        return None
    return _UNITS.get(words[-1])


def words_of(name: str) -> list[str]:
    """Return the words of a name: split where it has no letter or digit, and where camelCase has a capital."""
    parts = ([part] if part.lower() in _KNOWN else _CAMEL.findall(part) for part in _ALPHANUMERIC.findall(name))
    words = [word.lower() for part in parts for word in part]
    return [word if word in _HIGHER or _STATISTIC.fullmatch(word) else word.rstrip("0123456789") for word in words]

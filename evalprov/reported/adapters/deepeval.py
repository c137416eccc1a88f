"""deepeval: the JSON of a test run, as `deepeval test run` and `evaluate` leave it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.reported.adapters.pieces import pieces
from evalprov.reported.adapters.source import (
    Names,
    digest,
    failure,
    known,
    listed,
    number,
    parted,
    reasons,
    sample_name,
    spoken,
    table,
)
from evalprov.reported.open_results import Unusable
from evalprov.reported.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.adapters.source import Source

_WRAPPED = "testRunData"  # as .deepeval/.latest_test_run.json has it
_CASES = ("testCases", "conversationalTestCases")
_SAMPLE = ("input", "expectedOutput", "context", "scenario", "expectedOutcome", "userDescription")
_NUMBERED = re.compile(r"(?:conversational_)?test_case_\d+")  # deepeval's own names, by place
_KNOWN = {"success": {"direction": "higher"}, "seconds": {"direction": "lower", "unit": "s"}}
_MODEL = ("temperature", "top_p", "top_k", "max_tokens", "seed", "provider")


def fits(head: bytes) -> bool:
    """Say whether this is a test run: test cases with the data of metrics."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and all(
        re.search(pattern, head) for pattern in (rb'"testCases"\s*:\s*\[', rb'"(?:metricsData|metricsScores)"\s*:')
    )


def read(source: Source) -> Iterator[dict[str, Any]]:
    """Yield a line a test case, and at last the facts."""
    said: dict[str, Any] = {}
    names, metrics = Names(), _Metrics()
    rows: set[str] = set()
    cases = [(*before, key) for before in ((), (_WRAPPED,)) for key in _CASES]
    for path, value in pieces(source.file, ((_WRAPPED,), *cases)):
        if path not in cases:
            said[path[-1] if path else ""] = value
        elif isinstance(value, dict):
            rows.add(digest(known(value, _SAMPLE)))
            yield metrics.taken(names.line(_name(value)), value) | source.said(_texts(value))
    source.is_of(said.get("testFile"))
    if not metrics.cases:
        raise Unusable("it has no test case")
    yield {"metrics": {}, "metric_info": metrics.info(), **_facts(said, metrics, rows)}


def _name(case: dict[str, Any]) -> str:
    """Return the test case's name; a number in it that only tells its place is left out."""
    given = case.get("name")
    label = given if isinstance(given, str) and not _NUMBERED.fullmatch(given) else ""
    sample = known(case, _SAMPLE)
    if not sample:  # a conversation without a scenario is known by how it begins
        sample = {"turn": table(next(iter(listed(case.get("turns"))), None)).get("content")}
    first = next((value for value in sample.values() if isinstance(value, str)), "")
    return sample_name(label.partition("[")[0] or first or "test case", sample)


def _texts(case: dict[str, Any]) -> dict[str, Any]:
    """Return what a test case asked, wanted and got, and why its scores are what they are."""
    scored = map(table, listed(case.get("metricsData")))
    return {
        "input": case.get("input") or case.get("scenario"),
        "expected": case.get("expectedOutput") or case.get("expectedOutcome"),
        "output": case.get("actualOutput") or spoken(listed(case.get("turns"))),
        "explanation": reasons((one.get("name"), one.get("reason")) for one in scored),
    }


class _Metrics:
    """What the test cases say of the metrics."""

    def __init__(self) -> None:
        self.cases = 0
        self.judges: dict[str, dict[str, Any]] = {}  # by metric
        self._counts: dict[str, int] = {}
        self._directions: dict[str, set[str]] = {}

    def taken(self, line: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
        """Return a test case as a report line; a metric that broke has no score."""
        self.cases += 1
        values: dict[str, Any] = {}
        errors = []
        for one in map(table, listed(case.get("metricsData"))):
            called = one.get("name")
            if not isinstance(called, str):
                continue
            self.judges[called] = known(one, ("threshold", "evaluationModel", "strictMode"))
            if isinstance(one.get("error"), str):
                told = failure(one["error"])
                errors.append({**told, "message": f"{printable(called)}: {told['message']}"})
            elif (score := number(one.get("score"))) is not None:
                values[called] = score
                self._directions.setdefault(called, set()).add(_direction(one))
        if not errors:
            values["success"] = number(case.get("success"))
        values["seconds"] = number(case.get("runDuration"))
        line["metrics"] = {called: value for called, value in values.items() if value is not None}
        for called in line["metrics"]:
            self._counts[called] = self._counts.get(called, 0) + 1
        return {**line, "errors": errors or None}

    def info(self) -> dict[str, Any]:
        """Return what is known of each metric; which way is better shows in what passed its threshold."""
        info = {called: {"n": n, **_KNOWN.get(called, {})} for called, n in self._counts.items()}
        for called, seen in self._directions.items():
            told = seen - {""}
            info[called]["direction"] = told.pop() if len(told) == 1 else None
        return info


def _direction(one: dict[str, Any]) -> str:
    score, threshold, success = one.get("score"), one.get("threshold"), one.get("success")
    if not isinstance(score, (int, float)) or not isinstance(threshold, (int, float)) or score == threshold:
        return ""
    return "higher" if (score > threshold) == bool(success) else "lower"


def _facts(said: dict[str, Any], metrics: _Metrics, rows: set[str]) -> dict[str, Any]:
    """Return the model and the settings that were logged with the run."""
    logged = table(said.get("hyperparameters"))
    model = known(logged, ("model", *_MODEL))
    rest, prompts = parted({key: value for key, value in logged.items() if key not in model}, "deepeval")
    return {
        "model_config": model,
        "prompts": prompts,
        "config": {"deepeval": rest} if rest else {},
        "data": {"deepeval test cases": {"sha256": digest(sorted(rows))}},
        "grader": {"deepeval": metrics.judges},
    }

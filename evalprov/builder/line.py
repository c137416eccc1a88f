"""Report lines: what the eval says of itself, handed to the surrounding run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from evalprov.builder.values import plain, scalar_of, scrubbed, unseen

REPORT_VARIABLE = "EVALPROV_REPORT"
_LINE_LIMIT = 256 << 20  # a longer one is not read


_SAID = frozenset(("input", "expected", "output", "explanation"))


class LineFacts(TypedDict, total=False):
    """What may stand beside the metrics; a null counts as not given."""

    metric_summary: Mapping[str, Any] | None
    errors: Sequence[str | Mapping[str, Any]] | str | None
    stages: Mapping[str, float] | None  # name to seconds
    total_tool_calls: int | None
    golden_version: str | None
    prompts: Mapping[str, Mapping[str, Any]] | None  # name to sha256 and version
    prompt_versions: Mapping[str, str] | None
    model_config: Mapping[str, Any] | None
    observed_model: Mapping[str, Any] | str | None  # what was served: model, system_fingerprint
    tools: Sequence[Mapping[str, Any] | str] | None
    agent: Mapping[str, Any] | None
    algorithms: Mapping[str, Any] | None  # name to hash_code of it, or to the code itself
    grader: Mapping[str, Any] | None
    data: Mapping[str, Any] | None
    config: Mapping[str, Any] | None
    infra: Mapping[str, Any] | None
    online: Mapping[str, Any] | None
    artifacts: Sequence[str | Mapping[str, Any]] | None
    metric_info: Mapping[str, Mapping[str, Any]] | None  # by metric: stderr, n, direction (higher, lower), unit
    group: str | None  # what the scenario comes from, as others do
    scenario_groups: Mapping[str, str] | None  # likewise for many
    layer: Mapping[str, Any] | None  # a ConfigLayer's to_dict()
    input: Any  # what was asked of the program for this scenario: a text, or any JSON
    expected: Any
    output: Any  # what it said
    explanation: Any  # of the score


def report(
    metrics: Mapping[str, Any] | None = None, *, scenario: str | None = None, **facts: Unpack[LineFacts]
) -> None:
    """Hand metrics and facts to the surrounding `evalprov run`; without one, print them as a line of JSON.

    Metrics are numbers, booleans or None, by name or by scenario and name; with `scenario` they are that one's. Any
    number of reports merge, the later wins. Threads and processes may report at the same time.

    >>> report({"accuracy": 0.74, "solved": 37})
    {"metrics": {"accuracy": 0.74, "solved": 37}}
    >>> report({"correct": True}, scenario="case-1", stages={"inference": 1.5})
    {"metrics": {"correct": true}, "scenario": "case-1", "stages": {"inference": 1.5}}
    >>> report({"correct": True}, scenario="case-1", output="Paris")
    {"metrics": {"correct": true}, "scenario": "case-1", "output": "Paris"}
    """
    line: dict[str, Any] = {"metrics": _metrics(metrics or {}, "", depth=0)}
    if scenario is not None:
        line["scenario"] = str(scenario)
    for name, value in facts.items():
        if name not in LineFacts.__annotations__:
            raise TypeError(f"report() knows no {name!r}{_meant(name)}")
        if name == "metric_summary" and isinstance(value, Mapping):
            line[name] = _metrics(value, "", depth=0)
        elif value is not None:
            line[name] = unseen(value) if name in _SAID else scrubbed(plain(value, name))
    _hand_over(line)


def _meant(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, LineFacts.__annotations__, 1)
    return f"; is {near[0]!r} meant?" if near else f"; it knows {', '.join(LineFacts.__annotations__)}"


def _metrics(metrics: Mapping[str, Any], path: str, *, depth: int) -> dict[str, Any]:
    if depth > 32:
        raise ValueError(f"the metric {path[:80]}...: nested too deep, or inside itself")
    checked: dict[str, Any] = {}
    for name, value in metrics.items():
        if not isinstance(name, str):
            raise TypeError(f"the metric name {name!r} is no string")
        where = path + name
        if isinstance(value, Mapping):
            checked[name] = _metrics(value, f"{where}.", depth=depth + 1)
        else:
            checked[name] = _metric(scalar_of(value), where)
    return checked


def _metric(value: Any, where: str) -> bool | int | float | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if not isinstance(value, float):
        raise TypeError(f"the metric {where} is {value!r:.80}; a metric is a number, a boolean or None")
    if value - value != 0:
        import warnings

        warnings.warn(f"the metric {where} is {float(value)}, and is reported as null", stacklevel=5)
        return None
    return float(value)


def _hand_over(said: dict[str, Any]) -> None:
    # ASCII alone: it passes through any terminal, pipe and locale.
    line = json.dumps(said, allow_nan=False) + "\n"
    if len(line) > _LINE_LIMIT:
        raise ValueError(f"a report of {len(line):,} bytes is not read, the bound is 256 MiB; make several of it")
    if path := os.environ.get(REPORT_VARIABLE):
        try:
            _append(path, line.encode())
        except OSError as problem:
            import warnings

            warnings.warn(f"cannot report to {path}: {problem.strerror}; printed instead", stacklevel=3)
        else:
            return
    if sys.stdout is not None:
        sys.stdout.write(line)
        sys.stdout.flush()


def _append(path: str, line: bytes) -> None:
    """Append a line whole, in one write: other threads and processes do the same."""
    import errno
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line  # a full disk cut the last one off; this one stands alone
        if os.write(fd, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)

"""OpenAI evals: the log that `oaieval` records, a JSON object a line."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.reported.adapters.source import (
    ROWS,
    Names,
    Samples,
    failure,
    known,
    listed,
    local,
    numbers,
    spoken,
    table,
)
from evalprov.reported.open_results import Unusable
from evalprov.reported.text import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.adapters.source import Source

# The standard error of the accuracy, by resampling; the log spells it in the first way.
_DEVIATIONS = ("boostrap_std", "bootstrap_std")


_UNDER_WAY = 4096  # samples


def fits(head: bytes) -> bool:
    """Say whether the first line is the spec of a run."""
    first = head.partition(b"\n")[0]
    return bool(re.match(rb'\s*\{\s*"spec"\s*:\s*\{', first)) and b'"eval_name"' in first


def read(source: Source) -> Iterator[dict[str, Any]]:
    """Yield the samples, and at last the final report."""
    spec: dict[str, Any] = {}
    report: dict[str, Any] | None = None
    log = _Log(source)
    for line in source.lines(source.file, "the log"):
        if "spec" in line:
            if spec:
                raise Unusable("it holds the logs of several runs")
            spec = table(line["spec"])
        elif "final_report" in line:
            report = table(line["final_report"])
        elif not log.take(line):
            source.notes.add("many", f"the log has more than {ROWS:,} samples; no more of them were read")
            break
    if not spec:
        raise Unusable("it has no spec of a run")
    if report is None:
        source.notes.add("torn", "the log has no final report: the run did not come to its end")
    summary = {name: value for name, value in numbers(report).items() if name not in _DEVIATIONS}
    for line in log.samples.lines(summary):
        yield {**line, "errors": log.errors.pop(line["scenario"], None)}
    for scenario, errors in log.errors.items():
        yield {"metrics": {}, "scenario": scenario, "errors": errors}
    source.is_of(spec.get("eval_name"), ", ".join(map(str, listed(spec.get("completion_fns")))))
    stderr = next((report[name] for name in _DEVIATIONS if name in report), None) if report else None
    info = {"accuracy": {"stderr": stderr, "n": log.matches, "direction": "higher"}} if "accuracy" in summary else {}
    yield {"metrics": {}, "metric_summary": summary or None, "metric_info": info, **_facts(spec, log.served)}


class _Log:
    """What the events of a log say of the samples."""

    def __init__(self, source: Source) -> None:
        self.samples = Samples()
        self._said = source.said
        self._asked: dict[str, dict[str, Any]] = {}  # the first thing of each sample that is not scored yet
        self.errors: dict[str, list[dict[str, Any]]] = {}
        self.served: set[str] = set()
        self.matches = 0
        self._names = {"match": Names(), "metrics": Names()}

    def take(self, event: dict[str, Any]) -> bool:
        """Take in an event, and say whether there was room."""
        kind, sample, data = event.get("type"), event.get("sample_id"), table(event.get("data"))
        if not isinstance(sample, str) or not isinstance(kind, str):
            return True
        if kind == "sampling":
            if isinstance(data.get("model"), str):
                self.served.add(data["model"])
            if len(self._asked) < _UNDER_WAY:  # what is sampled then may be a judge's
                self._asked.setdefault(sample, {"input": spoken(data.get("prompt")), "output": data.get("sampled")})
        elif kind == "error":
            message = ": ".join(str(data[key]) for key in ("type", "message") if data.get(key))
            self.errors.setdefault(sample, []).append(failure(message or brief(data)))
        elif kind in self._names:
            metrics = numbers(data)
            if kind == "match":
                self.matches += 1
                # The final report calls the rate of correct ones so.
                metrics = {"accuracy": metrics["correct"]} if "correct" in metrics else {}
            texts = self._asked.pop(sample, {})
            texts |= known({"expected": data.get("expected"), "output": data.get("sampled")}, ("expected", "output"))
            return self.samples.add({**self._names[kind].line(sample), "metrics": metrics, **self._said(texts)})
        return True


def _facts(spec: dict[str, Any], served: set[str]) -> dict[str, Any]:
    """Return what the spec says of the model, the data and the settings."""
    run = table(spec.get("run_config"))
    asked = table(run.get("eval_spec"))
    models = [one for one in listed(spec.get("completion_fns")) if isinstance(one, str)]
    base = spec.get("base_eval")
    arguments = dict(table(asked.get("args")))
    data: dict[str, Any] = {}
    if isinstance(base, str) and isinstance(spec.get("eval_name"), str):
        data[base] = {"version": spec["eval_name"].removeprefix(f"{base}.")}
        if isinstance(file := arguments.pop("samples_jsonl", None), str):
            registry = str(asked.get("registry_path") or "registry")
            data[base]["path"] = local(file, os.path.join(registry, "data")) or file
    if selection := known(run, ("max_samples",)):
        data["openai-evals"] = selection
    return {
        "model_config": {"model": ", ".join(models)} if models else {},
        "observed_model": {"model": ", ".join(sorted(served))} if served else {},
        "config": {"openai-evals": known(run, ("seed",)) | known({"args": arguments}, ("args",))},
        "data": data,
        "grader": known({"class": asked.get("cls")}, ("class",)),
    }

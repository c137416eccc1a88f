"""promptfoo's JSON output: a scenario a test; of several providers or prompts, each has its own metrics."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.reported.adapters.pieces import pieces
from evalprov.reported.adapters.source import (
    Names,
    digest,
    failure,
    known,
    listed,
    measure,
    number,
    sample_name,
    spoken,
    table,
    text_hash,
)
from evalprov.reported.open_results import Unusable
from evalprov.reported.text import brief, printable
from evalprov.secrets import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.adapters.source import Source

_RESULTS = ("results",)
_EACH = ("results", "results")
_VERSION = 3
_ERROR = 2  # the failureReason of what could not be run, where 1 is an assertion that failed
_LABEL = 40
_RAW = 1 << 20
_PLACE = re.compile(r"Row #\d+")
_SETTINGS = ("repeat", "cache")
_KINDS = {
    "success": {"direction": "higher"},
    "score": {"direction": "higher"},
    "latency_ms": {"direction": "lower", "unit": "ms"},
    "cost": {"direction": "lower", "unit": "USD"},
}
_SCORE = {"direction": "higher"}  # any assertion's


def fits(head: bytes) -> bool:
    """Say whether this is what `promptfoo eval --output` writes."""
    return bool(re.match(rb'\s*\{\s*"evalId"\s*:\s*(?:"[^"]*"|null)\s*,\s*"results"\s*:\s*\{', head))


def read(source: Source) -> Iterator[dict[str, Any]]:
    """Yield a line for every result, and at last the facts."""
    said: dict[str, Any] = {}
    columns = _Columns([])
    names: dict[str, Names] = {}
    info: dict[str, Any] = {}
    tests: set[str] = set()
    served = _ServedModels()
    for path, value in pieces(source.file, (_RESULTS, _EACH)):
        if path == ("results", "prompts"):
            columns = _Columns(listed(value))
        elif path != _EACH:
            said[".".join(path)] = value
        elif isinstance(value, dict):
            _check(said)
            prefix = columns.prefix(value.get("promptIdx"))
            test = _test(value)
            tests.add(digest(_open_part(_less_place(table(value.get("testCase"))) or {"vars": value.get("vars")})))
            served.see(columns.label(value["promptIdx"]), table(value.get("response")))
            line = _taken(names.setdefault(prefix, Names()).line(test), value, prefix, info)
            yield line | source.said(_texts(value, prefix))
    _check(said)
    yield {"metrics": {}, "metric_info": info, **_facts(said, columns, tests), "observed_model": served.told()}


def _check(said: dict[str, Any]) -> None:
    version = said.get("results.version")
    if version != _VERSION:
        raise Unusable(f"its results are of version {brief(version)}, and {_VERSION} is known")


class _Columns:
    """The provider and prompt of each column of the results."""

    def __init__(self, prompts: list[Any]) -> None:
        self.prompts = [table(prompt) for prompt in prompts]
        parts = [[_text(prompt, "provider") for prompt in self.prompts], [_label(prompt) for prompt in self.prompts]]
        telling = [part for part in parts if len(set(part)) > 1]
        self._prefixes = ["".join(f"{part[place]}." for part in telling) for place in range(len(self.prompts))]

    def prefix(self, column: Any) -> str:
        """Return what a column's metrics are called by, nothing where there is nothing to tell apart."""
        if not isinstance(column, int) or not 0 <= column < len(self._prefixes):
            raise Unusable("one of its results belongs to no prompt")
        return self._prefixes[column]

    def label(self, column: int) -> str:
        """Return what a column's provider is called."""
        return _text(self.prompts[column], "provider")


class _ServedModels:
    """What the providers say of the models that answered."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, set[str]]] = {}  # by provider

    def see(self, provider: str, response: dict[str, Any]) -> None:
        """Take in a response; some providers hand on what they got, as an object or as text."""
        raw = response.get("raw")
        if isinstance(raw, str) and raw.startswith("{") and len(raw) < _RAW:
            with suppress(ValueError, RecursionError):
                raw = json.loads(raw)
        of = self._seen.setdefault(provider, {})
        for said in (table(raw), table(response.get("metadata")), response):
            for key in ("model", "system_fingerprint"):
                if isinstance(said.get(key), str):
                    of.setdefault(key, set()).add(said[key])

    def told(self) -> dict[str, Any]:
        """Return the models served; of several providers, each by its name."""
        told = {
            provider: {key: ", ".join(sorted(values)) for key, values in of.items()}
            for provider, of in self._seen.items()
            if of
        }
        return next(iter(told.values()), {}) if len(self._seen) == 1 else {"providers": told} if told else {}


def _test(result: dict[str, Any]) -> str:
    """Return the test's name; its variables tell it from others."""
    case = table(result.get("testCase"))
    given = table(case.get("vars")) or table(result.get("vars"))
    variables = {key: value for key, value in given.items() if not is_secret_name(key)}
    told = ", ".join(f"{key}={value}" for key, value in sorted(variables.items()))
    label = _text(_less_place(case), "description") or told
    return sample_name(label or f"test {result.get('testIdx')}", variables)


def _less_place(case: dict[str, Any]) -> dict[str, Any]:
    """Return a test without a description that only tells its place in a table."""
    rest = dict(case)
    if _PLACE.fullmatch(_text(case, "description")):
        del rest["description"]
    return rest


def _open_part(value: Any) -> Any:
    """Return a test without what is called like a secret."""
    if isinstance(value, dict):
        return {key: _open_part(inner) for key, inner in value.items() if not is_secret_name(key)}
    return [_open_part(inner) for inner in value] if isinstance(value, list) else value


def _taken(line: dict[str, Any], result: dict[str, Any], prefix: str, info: dict[str, Any]) -> dict[str, Any]:
    """Return a result as a report line; what could not be run has no score."""
    error = result.get("error")
    if result.get("failureReason") == _ERROR or (error and not isinstance(result.get("gradingResult"), dict)):
        where = f"{prefix.removesuffix('.')}: " if prefix else ""
        told = failure(str(error or "it could not be run"))
        return {**line, "errors": {**told, "message": f"{where}{told['message']}"}}
    values = {
        "success": number(result.get("success")),
        "score": measure(result.get("score")),
        "latency_ms": None if table(result.get("response")).get("cached") else measure(result.get("latencyMs")),
        "cost": measure(result.get("cost")),
        **{f"scores.{name}": measure(score) for name, score in table(result.get("namedScores")).items()},
    }
    for name, value in values.items():
        if value is not None:
            line["metrics"][prefix + name] = value
            told = info.setdefault(prefix + name, {"n": 0, **_KINDS.get(name, _SCORE)})
            told["n"] += 1
    return line


def _texts(result: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return what was asked, wanted and answered; of several providers or prompts, each behind its name."""
    case, grading = table(result.get("testCase")), table(result.get("gradingResult"))
    wanted = [f"{one.get('type')}: {_json(one['value'])}" for one in _asserts(case) if "value" in one]
    raw = table(result.get("prompt")).get("raw")
    if isinstance(raw, str) and raw[:1] == "[" and len(raw) < _RAW:
        with suppress(ValueError, RecursionError):
            raw = spoken(json.loads(raw))
    texts = {
        "input": raw,
        "output": table(result.get("response")).get("output"),
        "explanation": grading.get("reason") if result.get("success") is not True else None,
    }
    label = prefix and f"#{prefix.removesuffix('.')}"
    return {"expected": "\n".join(wanted), **{f"{field}{label}": said for field, said in texts.items()}}


def _asserts(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [table(one) for one in listed(case.get("assert"))]


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _facts(said: dict[str, Any], columns: _Columns, tests: set[str]) -> dict[str, Any]:
    """Return the models, prompts and settings that promptfoo names."""
    config = table(said.get("config"))
    declared = {}
    for one in listed(config.get("providers")):
        provider = {"id": one} if isinstance(one, str) else table(one)
        declared[_text(provider, "label") or _text(provider, "id")] = provider
    models = {}
    for prompt in columns.prompts:
        called = _text(prompt, "provider")
        provider = table(declared.get(called))
        models[called] = {**table(provider.get("config")), "model": _text(provider, "id") or called}
    prompts = {
        _label(prompt): {"sha256": text_hash(prompt["raw"])}
        for prompt in columns.prompts
        if isinstance(prompt.get("raw"), str)
    }
    return {
        "model_config": next(iter(models.values())) if len(models) == 1 else {"providers": models},
        "prompts": prompts,
        "config": {"promptfoo": known(table(said.get("runtimeOptions")), _SETTINGS)},
        "data": {"promptfoo tests": {"sha256": digest(sorted(tests))}},
        "grader": known({"promptfoo": table(said.get("metadata")).get("promptfooVersion")}, ("promptfoo",)),
    }


def _label(prompt: dict[str, Any]) -> str:
    text = _text(prompt, "label") or _text(prompt, "id")
    # A prompt from a file is called by that and its whole text.
    text = text.removesuffix(f": {_text(prompt, 'raw')}") or text
    return text if len(text) <= _LABEL else sample_name(text, text)  # without a label it is the whole prompt


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return printable(value) if isinstance(value, str) else ""

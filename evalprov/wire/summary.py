"""What all calls of a run come to: models, tokens, cost, times, ends; by OpenTelemetry's names for it."""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING, Any

from evalprov.wire.call import MISSED, REPLAYED
from evalprov.wire.prices import PriceTable, usd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.wire.call import Call
    from evalprov.wire.reading import CallFacts

_VALUES = 8  # of a parameter that are told apart
_TEXTS = 512  # different prompts whose repeated text is looked for
_LEAST = 24  # letters that a template has at least
_MODELS = 200


class _ModelSums:
    """The calls that asked one provider for one model."""

    def __init__(self) -> None:
        self.count = self.errors = self.tool_calls = 0
        self.input = self.output = self.cached = self.written = 0
        self.served: dict[str, int] = {}
        self.fingerprints: dict[str, int] = {}
        self.operations: set[str] = set()
        self.parameters: dict[str, dict[str, Any]] = {}
        self.cost: float | None = 0.0


class Summary:
    """Adds up calls as they come."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self.count = self.errors = self.retries = self.replayed = self.refusals = 0
        self._models: dict[tuple[str, str], _ModelSums] = {}
        self._seconds = array("d")
        self._firsts = array("d")
        self._finish: dict[str, int] = {}
        self._problems: dict[str, int] = {}
        self._limits: dict[str, str] = {}
        self._failed: dict[bytes, int] = {}  # keys that failed and may be tried again
        self._prompts: dict[str, dict[str, int]] = {"system": {}, "user": {}}
        self._tools: dict[str, tuple[str, str]] = {}
        self._unpriced: set[str] = set()
        self._uncounted = 0
        self._tool_changed: set[str] = set()

    def add(self, call: Call, facts: CallFacts) -> None:
        """Count a call."""
        if call.flags & MISSED:
            return
        self.count += 1
        self.replayed += bool(call.flags & REPLAYED)
        key = call.question.key if self._failed or not call.ok else b""
        if self._failed.get(key):
            self.retries += 1
            self._failed[key] -= 1
        model = self._model(call, facts)
        if call.ok:
            if not call.flags & REPLAYED:
                self._seconds.append(call.ended)
                if call.answer and len(call.answer.chunks) > 1:
                    self._firsts.append(call.first or 0.0)
        else:
            self.errors += 1
            model.errors += 1
            self._failed[key] = self._failed.get(key, 0) + 1
            name = str(call.status) if call.status and not call.problem else (call.problem or "").partition(":")[0]
            self._problems[name] = self._problems.get(name, 0) + 1
        self.refusals += facts.refused
        for reason in facts.finish:
            self._finish[reason] = self._finish.get(reason, 0) + 1
        self._limits.update(facts.limits)
        self._see_texts(facts)

    def _model(self, call: Call, facts: CallFacts) -> _ModelSums:
        name = (call.provider, facts.requested or "")
        if name not in self._models and len(self._models) >= _MODELS:
            name = (call.provider, "others")
        model = self._models.setdefault(name, _ModelSums())
        model.count += 1
        model.tool_calls += facts.tool_calls
        if facts.operation:
            model.operations.add(facts.operation)
        for known, value in ((model.served, facts.served), (model.fingerprints, facts.fingerprint)):
            if value and (value in known or len(known) < _VALUES):
                known[value] = known.get(value, 0) + 1
        for parameter, value in facts.parameters.items():
            values = model.parameters.setdefault(parameter, {})
            if len(values) < _VALUES:
                values[repr(value)] = value
        if (tokens := facts.tokens) is not None:
            model.input += tokens.input
            model.output += tokens.output
            model.cached += tokens.cached
            model.written += tokens.written
            spent = usd(self._prices, call.provider, facts.served or facts.requested or "", tokens)
            if spent is None:
                self._unpriced.add(facts.requested or "")
                model.cost = None
            elif model.cost is not None:
                model.cost += spent
        elif call.ok and facts.operation is not None:
            self._uncounted += 1
        return model

    def _see_texts(self, facts: CallFacts) -> None:
        for role, texts in (("system", facts.system), ("user", facts.users)):
            known = self._prompts[role]
            for text in texts:
                if text in known or len(known) < _TEXTS:
                    known[text] = known.get(text, 0) + 1
        for name, what in facts.tools.items():
            if self._tools.setdefault(name, what) != what:
                self._tool_changed.add(name)

    # --- told

    def told(self) -> dict[str, Any]:
        """Return the sums."""
        models = [self._told_model(name, one) for name, one in sorted(self._models.items())]
        priced = [one.cost for one in self._models.values()]
        return {
            "count": self.count,
            "errors": self.errors,
            "retries": self.retries,
            "replayed": self.replayed,
            "refusals": self.refusals,
            "models": models,
            "tokens": {
                "input": sum(one.input for one in self._models.values()),
                "output": sum(one.output for one in self._models.values()),
                "cached": sum(one.cached for one in self._models.values()),
                "uncounted": self._uncounted,
            },
            "cost": {
                "usd": None if None in priced or not priced else round(sum(filter(None, priced)), 6),
                "prices": self._prices.date,
                "unpriced": sorted(self._unpriced),
            },
            "seconds": quantiles(self._seconds),
            "first_token_seconds": quantiles(self._firsts),
            "finish_reasons": dict(sorted(self._finish.items())),
            "problems": dict(sorted(self._problems.items())),
            "rate_limits": dict(sorted(self._limits.items())[:32]),
        }

    def _told_model(self, name: tuple[str, str], one: _ModelSums) -> dict[str, Any]:
        told: dict[str, Any] = {
            "gen_ai.provider.name": name[0],
            "gen_ai.operation.name": ", ".join(sorted(one.operations)) or None,
            "gen_ai.request.model": name[1] or None,
            "gen_ai.response.model": sorted(one.served),
            "gen_ai.openai.response.system_fingerprint": sorted(one.fingerprints),
            "gen_ai.usage.input_tokens": one.input,
            "gen_ai.usage.output_tokens": one.output,
            "calls": one.count,
            "errors": one.errors,
            "tool_calls": one.tool_calls,
            "usd": None if one.cost is None else round(one.cost, 6),
        }
        for parameter, values in sorted(one.parameters.items()):
            several = [values[key] for key in sorted(values)]
            told[f"gen_ai.request.{parameter}"] = several[0] if len(several) == 1 else several
        return told

    def prompts(self) -> dict[str, dict[str, Any]]:
        """Return what was said first, by role: its hash where it is one text, else that of what repeats in it."""
        found = {}
        for role, texts in self._prompts.items():
            if texts:
                head, tail = repeated(list(texts))
                template = head if len(texts) == 1 else f"{head}{{}}{tail}"
                whole = len(texts) == 1 or len(head) + len(tail) >= _LEAST
                found[role] = {
                    "sha256": f"sha256:{hashlib.sha256(template.encode('utf-8', 'replace')).hexdigest()}"
                    if whole
                    else None,
                    "texts": len(texts),
                    "calls": sum(texts.values()),
                }
        return found

    def tools(self) -> dict[str, dict[str, Any]]:
        """Return the tools that were offered, by the hashes of what they say and take."""
        return {
            name: {
                "description_hash": _hash(said) if said else None,
                "schema_hash": None if schema == "null" else _hash(schema),
                "changed": name in self._tool_changed,
            }
            for name, (said, schema) in sorted(self._tools.items())
        }


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """Return the usual quantiles of some seconds; nothing of none."""
    ranked = sorted(values)
    if not ranked:
        return {}
    return {f"p{q}": round(ranked[max(0, -(-q * len(ranked) // 100) - 1)], 6) for q in (50, 90, 95, 99)}


def repeated(texts: list[str]) -> tuple[str, str]:
    """Return how all these texts begin and end: what is left between is what was filled in."""
    first, last = min(texts), max(texts)
    size = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    backward = [text[size:][::-1] for text in texts]
    low, high = min(backward), max(backward)
    end = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return first[:size], low[:end][::-1]


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"

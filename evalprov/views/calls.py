"""A run's calls of models: what they come to, call by call, one of them whole, and two runs' held together."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

from evalprov import render
from evalprov.numbers import counted
from evalprov.page import FactBlock, Remark, TableBlock, line
from evalprov.views.show import headline
from evalprov.wire.call import EXACT, REPLAYED
from evalprov.wire.comparing import State, name_of
from evalprov.wire.functions import HOST as OF_FUNCTIONS
from evalprov.wire.reading import said_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.page import Block, Pairs
    from evalprov.record.manifest import Manifest
    from evalprov.wire.call import Call
    from evalprov.wire.comparing import ComparedCall
    from evalprov.wire.reading import CallFacts

    Read = tuple[Call, CallFacts]

COLUMNS = ("call", "model", "status", "seconds", "first", "input", "output", "finish", "note")
COMPARED = ("calls", "A", "B", "asked of", "difference")
SHOWN = 20


# --- all of them together


def page(m: Manifest) -> Iterator[Block]:
    """Give what all calls come to, for a person."""
    yield headline(m)
    yield FactBlock("calls", _pairs(m))
    sent = m["observed"]
    prompts = [
        (role, f"{counted(one['texts'], 'text')}, {one['sha256'] or 'no common text'}")
        for role, one in sent["prompts"].items()
    ]
    yield FactBlock("prompts as they were sent", prompts)
    yield FactBlock(
        "tools as they were offered", [(name, one["schema_hash"] or "-") for name, one in sent["tools"].items()]
    )


def lines_of(m: Manifest) -> Iterator[Block]:
    """Give it for a pipe."""
    yield TableBlock(("what", "value"), _pairs(m))


def document(m: Manifest) -> dict[str, Any]:
    """Return it as JSON has it."""
    sent = {"prompts": m["observed"]["prompts"], "tools": m["observed"]["tools"]}
    return {"version": 1, "run_id": m["run_id"], "calls": m["calls"], **sent}


def _pairs(m: Manifest) -> Pairs:
    sums = m["calls"]
    functions = sum(one["calls"] for one in sums["models"] if one["gen_ai.provider.name"] == OF_FUNCTIONS)
    asked = functions < (sums["count"] or 0)
    tokens, cost = (sums["tokens"], sums["cost"]) if asked else (None, None)
    pairs = [
        ("mode", str(sums["mode"]) + (f" of {sums['source']}" if sums["source"] else "")),
        ("calls", str(sums["count"])),
        ("replayed", str(sums["replayed"] or "")),
        ("missed", "; ".join(sums["missed"][:SHOWN])),
        ("failed", ", ".join(f"{name} {count}" for name, count in sums["problems"].items())),
        ("retries", str(sums["retries"] or "")),
        ("refusals", str(sums["refusals"] or "")),
        ("finish", ", ".join(f"{name} {count}" for name, count in sums["finish_reasons"].items())),
        ("seconds", _quantiles(sums["seconds"])),
        ("first token", _quantiles(sums["first_token_seconds"])),
        ("tokens", f"{tokens['input']} in, {tokens['output']} out" if tokens else ""),
        ("tokens not told", str(tokens["uncounted"] or "") if tokens else ""),
        ("cost", "" if not cost or cost["usd"] is None else f"${cost['usd']:.6g} by prices of {cost['prices']}"),
        ("without a price", ", ".join(cost["unpriced"]) if cost else ""),
        ("rate limits", ", ".join(f"{name} {value}" for name, value in sums["rate_limits"].items())),
        ("passed unopened", ", ".join(f"{host} ({one['connections']})" for host, one in sums["passed"].items())),
        ("not recorded", ", ".join(f"{what} ({count})" for what, count in sums["not_recorded"].items())),
        ("network", sums["network"] or ""),
        ("not whole", sums["reason"] or ""),
        ("file", f"{sums['file']} ({render.size(sums['bytes'])})" if sums["file"] else ""),
    ]
    pairs += [
        (f"model {one['gen_ai.request.model'] or 'not named'}", _model(one))
        for one in sums["models"]
        if one["gen_ai.provider.name"] != OF_FUNCTIONS
    ]
    pairs.append(("functions", counted(functions, "call") if functions else ""))
    return [(name, value) for name, value in pairs if value]


def _model(one: dict[str, Any]) -> str:
    served = [name for name in one["gen_ai.response.model"] if name != one["gen_ai.request.model"]]
    prefix = "gen_ai.request."
    given = [
        f"{name.removeprefix(prefix)} {value}"
        for name, value in one.items()
        if name.startswith(prefix) and name != f"{prefix}model"
    ]
    parts = [
        f"{one['gen_ai.provider.name']}, {counted(one['calls'], 'call')}",
        f"served as {', '.join(served)}" if served else "",
        ", ".join(given),
        f"{one['gen_ai.usage.input_tokens']} in, {one['gen_ai.usage.output_tokens']} out",
        "" if one["usd"] is None else f"${one['usd']:.6g}",
    ]
    return "; ".join(filter(None, parts))


def _quantiles(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {render.number(value)}" for name, value in found.items())


# --- call by call


def rows(found: Sequence[Read]) -> Iterator[Block]:
    """Give a row a call."""
    yield TableBlock(COLUMNS, [_row(*one) for one in found], COLUMNS[2:7])


def rows_document(m: Manifest, found: Sequence[Read]) -> dict[str, Any]:
    """Return all calls, and what they come to, as JSON has it."""
    return {**document(m), "rows": [_row_document(*one) for one in found]}


def _row(call: Call, facts: CallFacts) -> tuple[str, ...]:
    tokens = facts.tokens
    notes = [call.problem or "", "replayed" if call.flags & REPLAYED else "", "" if call.flags & EXACT else "scrubbed"]
    return (
        str(call.number),
        facts.requested or name_of(call),
        str(call.status or "-"),
        f"{call.ended:.3f}",
        "-" if call.first is None else f"{call.first:.3f}",
        str(tokens.input) if tokens else "-",
        str(tokens.output) if tokens else "-",
        ", ".join(facts.finish) or "-",
        ", ".join(filter(None, notes)) or "-",
    )


def _row_document(call: Call, facts: CallFacts) -> dict[str, Any]:
    return {
        "call": call.number,
        "provider": call.provider,
        "asked": name_of(call),
        "requested": facts.requested,
        "served": facts.served,
        "status": call.status,
        "began": call.began,
        "seconds": call.ended,
        "first_seconds": call.first,
        "tokens": facts.tokens and facts.tokens._asdict(),
        "finish": list(facts.finish),
        "problem": call.problem,
        "exact": bool(call.flags & EXACT),
        "replayed": bool(call.flags & REPLAYED),
    }


def one_call(call: Call, facts: CallFacts) -> Iterator[Block]:
    """Give one call whole: what is known of it, what was asked and what was answered."""
    yield FactBlock(f"call {call.number}", list(zip(COLUMNS[1:], _row(call, facts)[1:], strict=True)))
    asked = json.dumps(call.question.body(), indent=1, ensure_ascii=False)
    for title, text in (("asked", asked), ("answered", said_in(call) or "-")):
        yield from map(line, ("", title, *(f"  {one}" for one in text.splitlines())))


def call_document(call: Call, facts: CallFacts) -> dict[str, Any]:
    """Return one call as JSON has it."""
    answer = call.answer.body.decode("utf-8", "replace") if call.answer else None
    bodies = {"request": call.question.body(), "answer": answer, "said": said_in(call)}
    return {"version": 1, **_row_document(call, facts), **bodies}


# --- two runs


def compared(found: Sequence[ComparedCall]) -> Iterator[Block]:
    """Give a row a call that is not the same in both runs, and how many there are of each kind beside them."""
    different = [row for row in found if row.state != "same"]
    cells = [(row.state, str(row.a or "-"), str(row.b or "-"), row.asked, row.difference or "-") for row in different]
    yield TableBlock(COMPARED, cells)
    yield Remark(", ".join(f"{state} {count}" for state, count in _counts(found).items()))


def compared_document(found: Sequence[ComparedCall], a: str, b: str) -> dict[str, Any]:
    """Return it as JSON has it."""
    different = [row._asdict() for row in found if row.state != "same"]
    return {"version": 1, "a": a, "b": b, "counts": _counts(found), "calls": different}


def _counts(found: Sequence[ComparedCall]) -> dict[str, int]:
    counts = Counter(row.state for row in found)
    return {state: counts[state] for state in get_args(State)}

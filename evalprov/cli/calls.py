"""`evalprov calls`: what a run asked of models and what they answered; which calls differ between two runs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import EvalprovError, UsageError
from evalprov.store import read
from evalprov.store.calls import path_of
from evalprov.wire.calls import EXACT, REPLAYED, CallReader
from evalprov.wire.comparing import compare, name_of
from evalprov.wire.reading import CallFacts, facts_of, said_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.wire.calls import Call
    from evalprov.wire.comparing import ComparedCall

COLUMNS = ("call", "model", "status", "seconds", "first", "input", "output", "finish", "note")
COMPARED = ("calls", "A", "B", "asked of", "difference")
SHOWN = 20


def calls(  # noqa: PLR0913 - one argument an option
    *, run: str, other: str | None, differ: bool, every: bool, call: int | None, as_json: bool, store: str | None
) -> int:
    """Say what a run asked of models: how often, which, tokens, cost, times, failures; or how two runs' calls differ.

    With --all every call is a row, with --call N one is shown with what was asked and answered. Calls are kept by
    `evalprov run --record`.

    In a pipe the columns are separated by tabs. Examples: evalprov calls latest; evalprov calls --diff latest~1 latest
    """
    folder = open_store(store)
    if differ != (other is not None):
        raise UsageError("--diff goes with two runs: evalprov calls --diff A B")
    m = read.load(folder, run)
    if differ:
        return _compare(folder, m, read.load(folder, other or ""), as_json=as_json)
    if call is not None:
        return _show_one(path_of(folder, m), call, as_json=as_json)
    if m["calls"]["count"] is None or every:
        return _rows(path_of(folder, m), m, as_json=as_json)
    if as_json:
        render.document({"version": 1, "run_id": m["run_id"], "calls": m["calls"], **_sent(m)})
    elif sys.stdout.isatty():
        _show(m)
    else:
        render.table(("what", "value"), _pairs(m))
    return 0


def _sent(m: Manifest) -> dict[str, Any]:
    return {"prompts": m["observed"]["prompts"], "tools": m["observed"]["tools"]}


def _pairs(m: Manifest) -> list[tuple[str, str]]:
    """Return what all calls come to, in words."""
    sums = m["calls"]
    tokens, cost = sums["tokens"], sums["cost"]
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
    pairs += [(f"model {one['gen_ai.request.model']}", _model(one)) for one in sums["models"]]
    return [(name, value) for name, value in pairs if value]


def _model(one: dict[str, Any]) -> str:
    served = [name for name in one["gen_ai.response.model"] if name != one["gen_ai.request.model"]]
    prefix = "gen_ai.request."
    given = [
        f"{name.removeprefix(prefix)} {value}"
        for name, value in one.items()
        if name.startswith(prefix) and name != f"{prefix}model"
    ]
    spent = "" if one["usd"] is None else f"${one['usd']:.6g}"
    parts = [
        f"{one['gen_ai.provider.name']}, {one['calls']} calls",
        f"served as {', '.join(served)}" if served else "",
        ", ".join(given),
        f"{one['gen_ai.usage.input_tokens']} in, {one['gen_ai.usage.output_tokens']} out",
        spent,
    ]
    return "; ".join(filter(None, parts))


def _quantiles(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {render.number(value)}" for name, value in found.items())


def _show(m: Manifest) -> None:
    render.out(f"{m['run_id']}  {m['status']}")
    render.facts("calls", _pairs(m))
    prompts = [
        (role, f"{one['texts']} texts, {one['sha256'] or 'no common text'}")
        for role, one in _sent(m)["prompts"].items()
    ]
    render.facts("prompts as they were sent", prompts)
    render.facts(
        "tools as they were offered", [(name, one["schema_hash"] or "-") for name, one in _sent(m)["tools"].items()]
    )


# --- call by call


def _rows(path: str, m: Manifest, *, as_json: bool) -> int:
    with CallReader(path) as reader:
        found = [(call, facts_of(call)) for call in reader.calls()]
    if as_json:
        rows = [_row_document(call, facts) for call, facts in found]
        render.document({"version": 1, "run_id": m["run_id"], "calls": m["calls"], "rows": rows, **_sent(m)})
        return 0
    render.table(COLUMNS, (_row(call, facts) for call, facts in found), right=COLUMNS[2:7])
    return 0


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


def _show_one(path: str, number: int, *, as_json: bool) -> int:
    with CallReader(path) as reader:
        call = next(reader.calls("WHERE number = ?", (number,)), None)
        count = reader.count()
    if call is None:
        raise EvalprovError(f"there is no call {number}", f"the calls are numbered from 1 to {count}")
    facts = facts_of(call)
    if as_json:
        answer = call.answer.body.decode("utf-8", "replace") if call.answer else None
        found = {"request": call.question.body(), "answer": answer, "said": said_in(call)}
        render.document({"version": 1, **_row_document(call, facts), **found})
        return 0
    render.facts(f"call {number}", list(zip(COLUMNS[1:], _row(call, facts)[1:], strict=True)))
    asked = json.dumps(call.question.body(), indent=1, ensure_ascii=False)
    for title, text in (("asked", asked), ("answered", said_in(call) or "-")):
        render.out(f"\n{title}")
        for line in text.splitlines():
            render.out(f"  {render.neutral(line)}")
    return 0


# --- two runs


def _compare(folder: str, a: Manifest, b: Manifest, *, as_json: bool) -> int:
    with CallReader(path_of(folder, a)) as one, CallReader(path_of(folder, b)) as two:
        found = list(compare(one, two))
    counts = {
        state: sum(row.state == state for row in found) for state in ("same", "another answer", "only A", "only B")
    }
    if as_json:
        render.document(
            {
                "version": 1,
                "a": a["run_id"],
                "b": b["run_id"],
                "counts": counts,
                "calls": [row._asdict() for row in found if row.state != "same"],
            }
        )
        return 0
    render.table(COMPARED, _compared(found))
    render.note(", ".join(f"{state} {count}" for state, count in counts.items()))
    return 0


def _compared(found: list[ComparedCall]) -> Iterator[tuple[str, ...]]:
    for row in found:
        if row.state != "same":
            yield row.state, str(row.a or "-"), str(row.b or "-"), row.asked, row.difference or "-"


COMMAND = Subcommand(
    calls,
    (
        Option("--diff", None, "Hold the calls of two runs against each other.", into="differ"),
        Option("--all", None, "Print every call.", into="every"),
        Option("--call", "N", "Show one call: what was asked, and what was answered.", at_least=1),
        Option("--json", None, "Print it as JSON.", into="as_json"),
        STORE,
    ),
    (
        Argument("run", "RUN", "A run id, its beginning, latest, latest~2, or a manifest's path.", default="latest"),
        Argument("other", "OTHER", "Another run, for --diff."),
    ),
)

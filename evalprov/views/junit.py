"""A gate's verdict as JUnit XML, for the CI systems that read it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from evalprov import render

if TYPE_CHECKING:
    from evalprov.judge.gate import Gate
    from evalprov.judge.gate_words import Judged

SUITE = "evalprov.gate"
COMPARED = "compared"  # the test case of the run as a whole


def document(gate: Gate) -> str:
    """Return the XML: a case for the run as a whole and one a metric.

    A failure is a regression, an error is what could not be evaluated, and what does not block is skipped.
    """
    cases = [_case(COMPARED, "error", "; ".join(gate.problems) or None, None)]
    cases += [_metric(one) for one in gate.metrics]
    counts = {kind: sum(f"<{kind} " in case for case in cases) for kind in ("failure", "error", "skipped")}
    totals = f'tests="{len(cases)}" failures="{counts["failure"]}" errors="{counts["error"]}"'
    properties = [("verdict", gate.verdict), ("why", gate.why), ("exit_code", str(gate.exit_code))]
    properties += [("baseline", one) for one in gate.baseline] + [("run", one) for one in gate.runs]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {totals}>",
        f'<testsuite name="{SUITE}" {totals} skipped="{counts["skipped"]}">',
        "<properties>",
        *(f"<property name={_attribute(name)} value={_attribute(value)}/>" for name, value in properties),
        "</properties>",
        *cases,
        *([f"<system-out>{_text(chr(10).join(gate.notes))}</system-out>"] if gate.notes else []),
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _metric(one: Judged) -> str:
    diff = one.diff
    numbers = f"{render.number(diff.a)} -> {render.number(diff.b)}"
    said = f"{diff.verdict.replace('_', ' ')}: {numbers}" + (f"; {one.why}" if one.why else "")
    kind = {"regression": "failure", "not_evaluated": "error", "reported": "skipped", "not_judged": "skipped"}
    return _case(diff.name, kind.get(one.outcome, ""), said if one.outcome in kind else None, said)


def _case(name: str, kind: str, message: str | None, said: str | None) -> str:
    head = f'<testcase classname="{SUITE}" name={_attribute(name)}'
    if message is None:
        return f"{head}><system-out>{_text(said)}</system-out></testcase>" if said else f"{head}/>"
    typed = "" if kind == "skipped" else f' type="{kind}"'
    return f"{head}><{kind} message={_attribute(message)}{typed}/></testcase>"


def _attribute(text: str) -> str:
    return f'"{escape(render.neutral(text))}"'


def _text(text: str) -> str:
    return escape(render.neutral(text, lines=True), quote=False)

"""A gate's verdict as JUnit XML, for the CI systems that read it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from evalprov import render

if TYPE_CHECKING:
    from evalprov.judge.gate import Gate

SUITE = "evalprov.gate"
COMPARED = "compared"  # the test case of the run as a whole
_KINDS = {"regression": "failure", "not_evaluated": "error", "reported": "skipped", "not_judged": "skipped"}


def document(gate: Gate) -> bytes:
    """Return the XML: a case for the run as a whole and one a metric.

    A failure is a regression, an error is what could not be evaluated, and what does not block is skipped.
    """
    whole = Element("testsuites")
    suite = SubElement(whole, "testsuite", name=SUITE)
    properties = [("verdict", gate.verdict), ("why", gate.why), ("exit_code", str(gate.exit_code))]
    properties += [("baseline", one) for one in gate.baseline] + [("run", one) for one in gate.runs]
    inside = SubElement(suite, "properties")
    for name, value in properties:
        SubElement(inside, "property", name=name, value=render.neutral(value))
    _case(suite, COMPARED, "error", "; ".join(gate.problems), "")
    for one in gate.metrics:
        numbers = f"{render.number(one.diff.a)} -> {render.number(one.diff.b)}"
        said = f"{one.diff.verdict.replace('_', ' ')}: {numbers}" + (f"; {one.why}" if one.why else "")
        kind = _KINDS.get(one.outcome, "")
        _case(suite, one.diff.name, kind, said if kind else "", said)
    if gate.notes:
        SubElement(suite, "system-out").text = render.neutral("\n".join(gate.notes), lines=True)
    counts = {"tests": 1 + len(gate.metrics)}
    counts |= {f"{kind}s": len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error")}
    whole.attrib |= (totals := {name: str(count) for name, count in counts.items()})
    suite.attrib |= {**totals, "skipped": str(len(suite.findall("testcase/skipped")))}
    return bytes(tostring(whole, encoding="UTF-8", xml_declaration=True)) + b"\n"


def _case(suite: Element, name: str, kind: str, message: str, said: str) -> None:
    """Add a case: of a kind if there is a message, else one that passed."""
    case = SubElement(suite, "testcase", classname=SUITE, name=render.neutral(name))
    if message:
        typed = {} if kind == "skipped" else {"type": kind}
        SubElement(case, kind, {"message": render.neutral(message), **typed})
    elif said:
        SubElement(case, "system-out").text = render.neutral(said, lines=True)

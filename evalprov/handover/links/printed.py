"""Addresses that trackers print for a person to open, each known by the words before it and by its form."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from evalprov.handover.links.ended import PRINTED, EndedRun
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.outcome import RunLink

_MOST = 200  # lines of one tool that are looked at
_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
_HOST = rb"https?://[\w.:\[\]-]{1,255}"
_PLAIN = rb"[\w./:;,@%?=&#~+$!*()-]*"


class AddressForm(NamedTuple):
    """How one tool prints an address."""

    tool: str
    word: bytes  # without which nobody needs to look
    line: bytes  # what stands before the address; the next word is it
    address: bytes  # its form; the first group is the tool's own id


# W&B begins each of its lines with its name: its `View run` is that of MLflow, too.
_FORMS = (
    AddressForm(
        "mlflow",
        b"View run ",
        rb"View run [^\n]{1,500}? at: ",
        rb"%s[\w./:%%-]*/(?:#/)?(?:ml/)?experiments/\d+/runs/([0-9a-f]{32})%s" % (_HOST, _PLAIN),
    ),
    AddressForm(
        "wandb",
        b"wandb: ",
        rb"(?m)^wandb: [^\n]{0,500}?(?=https?://)",
        rb"%s/[\w.%%-]+/[\w.%%-]+/runs/([\w-]+)" % _HOST,
    ),
    AddressForm(
        "langsmith",
        b"selectedSessions=",
        rb"(?=https?://[^\s]{1,300}/compare\?selectedSessions=)",
        rb"%s/%s/datasets/[\w-]+/compare\?selectedSessions=([\w-]+)" % (_HOST, rb"[\w./-]*"),
    ),
    AddressForm(
        "langfuse",
        b"/project/",
        rb"(?=https?://[^\s/]{1,255}/project/)",
        rb"%s/project/[\w-]+/(?:traces|sessions|datasets/[\w-]+/runs)/([\w-]+)%s" % (_HOST, _PLAIN),
    ),
    AddressForm(
        "comet",
        b"comet.com/",
        rb"(?=https?://(?:www\.)?comet\.com/)",
        rb"%s/[\w.%%-]+/[\w.%%-]+/([0-9a-zA-Z]{32,50})" % _HOST,
    ),
)
_WORD = re.compile(rb"[^\s\"'<>`\x00-\x1f\x7f]{1,1000}")


def find(run: EndedRun) -> Iterator[RunLink]:
    """Yield the addresses, in the order in which they were printed."""
    for text in run.printed():
        if b"://" not in text:
            continue
        plain = _COLOURS.sub(b"", text) if b"\x1b[" in text else text
        for form in _FORMS:
            if form.word in plain:
                for before in islice(re.finditer(form.line, plain), _MOST):
                    word = _WORD.match(plain, before.end())
                    url = word[0].rstrip(b".,;:)") if word else b""
                    if known := re.fullmatch(form.address, url):
                        yield run.link(form.tool, known[1].decode(), url.decode(), PRINTED)

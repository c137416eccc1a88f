"""A page read as a browser reads it, without one: what elements it has, and what in it could act."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

from evalprov.record.form import blank
from evalprov.record.identity import identify
from evalprov.record.manifest import Manifest

NASTY = (
    "</script></style></title></textarea><script>window.evil=1;alert(1)</script><img src=x onerror=window.evil=1>"
    "<svg onload=window.evil=1>\"'&`]]>--><!--{{7*7}}${window.evil=1}<%=7%> \u202e\u2066\u2028\x1b[31m\x07\r\n\x7f"
)
VOID = {"br", "hr", "input", "link", "meta"}
# All that we ever write; anything else came from what is quoted.
OURS = {
    *(
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "main",
        "script",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "a",
        "ul",
    ),
    *("li", "dl", "div", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary"),
    *("figure", "figcaption", "label", "input", "output", "pre", "code", "span", "section", "ins", "del", "strong"),
    *("header", "nav", "svg", "text", "path", "circle", "rect", "pattern", "b"),
}


def hostile_run(number: int, words: str = NASTY) -> Manifest:
    """Return a run in which all that an eval or a user names, and all that it says, is hostile."""
    m: Any = blank(f"2026090{number + 1}T000000Z", f"2026-09-0{number + 1}T00:00:00Z")
    long = "<b>" + "x" * 300_000
    names = [words, long, "javascript:alert(1)", "a b"]
    m |= {
        "status": "failed",
        "scenario": words,
        "note": words,
        "tags": [words],
        "git_sha": words,
        "warnings": [words, long],
    }
    m["metrics"] = {
        f"{name}{place}": {words: (place + number) % 3 == 0, "time": place * 1.5 + number, long: place + number}
        for place in range(12)
        for name in names
    }
    m["metric_summary"] = {f"{name}_mean": 0.5 + number / 10 for name in (words, "time", long)}
    m["metric_info"] = {f"{words}_mean": {"stderr": 0.1, "n": 3, "direction": "higher", "unit": words}}
    m["errors"] = [{"kind": "task", "message": words, "scenario": f"{words}1", "stderr_tail": f"{words}\n{long}"}]
    m["stages"] = {words: 1.0 + number, long: 2.0}
    m["model_config"] = {words: words, "temperature": number}
    m["prompts"] = {words: {"path": words, "sha256": None, "version": str(number), "source": words}}
    m["config"]["files"] = {
        words: {
            "sha256": f"sha256:{number}",
            "format": words,
            "bytes": 1,
            "source": words,
            "values": {words: number, long: number},
        }
    }
    m["observed"]["ci"] = {"provider": words, "run_url": f"javascript:alert(1)//{words}"}
    m["links"] = [
        {"tool": words, "id": words, "where": address, "rule": words}
        for address in ("javascript:alert(1)", f"https://e.org/{words}", "data:text/html,<script>alert(1)</script>")
    ]
    m["output"]["artifacts"] = [{"name": words, "url": 'https://e.org/x" onmouseover=alert(1)'}, words, {"url": {}}]
    m["git"]["remotes"] = {"origin": f"https://github.com/{words}", words: words}
    m["git"]["changed"] = [words, long]
    m["capture"] = {words: {"status": "failed", "ms": 1.0, "reason": words}}
    m["command"]["argv"] = [words, long]
    m["identity"] = identify(m)
    manifest: Manifest = m
    return manifest


class ReadPage(HTMLParser):
    """What stands in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []  # each with the element that it is in
        self.open: list[str] = []
        self.wrong: list[str] = []  # ends that do not match
        self.feed(page)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that is empty."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def said(self) -> str:
        """All that a person reads in it."""
        return " ".join(" ".join(text for of, text in self.texts if of not in ("style", "script")).split())

    def named(self, name: str) -> list[dict[str, str | None]]:
        """Return the elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]


def complaints(page: str) -> list[str]:
    """Return what is wrong with a page, whatever is quoted in it: all in it must be ours, and nothing may act."""
    read = ReadPage(page)
    found = [f"<{tag}>" for tag, _ in read.elements if tag not in OURS]
    found += [f"it does not close: {one}" for one in read.wrong]
    found += [
        f"{name} of <{tag}>"
        for tag, attributes in read.elements
        for name in attributes
        if name.startswith("on") or name in ("style", "srcdoc", "formaction", "xlink:href", "src")
    ]
    addresses = [of[name] or "" for _, of in read.elements for name in ("href", "src", "action") if name in of]
    found += [f"leads to {one}" for one in addresses if not re.match(r"https?://|#|data:,$", one)]
    ids = [of["id"] for _, of in read.elements if "id" in of]
    found += [f"the id {one} stands twice" for one in {one for one in ids if ids.count(one) > 1}]
    policy = next(of["content"] or "" for of in read.named("meta") if of.get("http-equiv"))
    for kind in ("style", "script"):
        inside = [text for of, text in read.texts if of == kind]
        hashed = b64encode(sha256("".join(inside).encode()).digest()).decode()
        if f"{kind}-src 'sha256-{hashed}';" not in policy or len(read.named(kind)) != 1:
            found.append(f"the {kind} is not the one that is allowed")
    if not policy.startswith("default-src 'none';"):
        found.append("something may be fetched")
    odd = {letter for letter in page if not letter.isprintable() and letter not in "\n\t"}
    if odd:
        found.append(f"control characters: {odd!r}")
    return found

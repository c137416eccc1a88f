"""The pages as a real browser shows them: what is drawn, on which screens, with which keys, and that nothing runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import chromium
import pytest
from comparisons import found, scored, several
from diffing import OTHER, put, record
from reading_pages import NASTY, hostile_run
from test_history_page import timeline

from evalprov.explain.scenario import ScenarioFacts, ScenarioPair
from evalprov.explain.text_edits import Hunk, TextEdit, TextEdits
from evalprov.judge.rules import NO_RULES
from evalprov.report import history, pair, single
from evalprov.report import several as table

WHY = "no Chromium is here: `make report-test` says how to get one"
pytestmark = [pytest.mark.long, pytest.mark.skipif(not chromium.found(), reason=WHY)]
AXE = Path(__file__).parent.parent.parent / ".report-test/node_modules/axe-core/axe.min.js"
COUNT = "document.querySelectorAll({!r}).length"


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Browser]:
    """One browser for all."""
    with chromium.Browser() as one:
        yield one


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of two runs, of one, of many, and of runs whose every name and text is hostile."""
    folder = tmp_path_factory.mktemp("pages")
    a = record(metrics=scored(1, 0.95, 6.0))
    b = record(
        put("model_config/temperature", 0.7), put("prompts/plan/sha256", OTHER), run=1, metrics=scored(2, 0.7, 6.2)
    )
    b["stages"] = {"ask": 1.5, "judge": 0.5}
    b["duration_seconds"] = 3.0
    b["resources"]["series"] = {
        "seconds": [0.5, 1.0, 1.5, 2.0], "cpu": [0.5, 1.5, None, 0.2], "memory_bytes": [10**6, 10**8, 10**8, 10**7],
        "processes": [1, 2, 2, 1], "gpu": None,
    }  # fmt: skip
    one, other = hostile_run(0), hostile_run(1)
    lines = ((" ", "same"), ("-", "Be brief."), ("+", "Be careful."))
    bad = tuple((mark, f"{words} {NASTY}") for mark, words in lines)
    texts = [
        TextEdits((TextEdit(path, "prompts", (Hunk(1, 1, held),), None),))
        for path, held in (("p", lines), (NASTY, bad))
    ]

    def known(names: Sequence[str]) -> tuple[list[ScenarioPair], list[str]]:
        said = [
            ScenarioFacts({"ok": True}, None, [NASTY], {"output": text}) for text in (NASTY * 9, NASTY * 8 + "x" * 999)
        ]
        return [ScenarioPair(name, *said) for name in names], [NASTY]

    made = {
        "pair": pair.page(found(a, b)._replace(texts=texts[0]), known),
        "single": single.page(b, NO_RULES, {"stdout": b"step 1\n\x1b[32mstep 2\x1b[0m\n"}),
        "history": history.page(timeline(60)),
        "long history": history.page(timeline(3000)),
        "hostile history": history.page(timeline(60, NASTY)),
        "table": table.page(several(12)),
        "hostile table": table.page(several(3, NASTY)),
        "hostile pair": pair.page(found(one, other)._replace(texts=texts[1]), known),
        "hostile single": single.page(one, NO_RULES, {"stdout": NASTY.encode("utf-8", "replace")}, known),
    }
    paths = {}
    for name, page in made.items():
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(page)
    return paths


KINDS = (
    *("pair", "single", "history", "long history", "table"),
    *("hostile pair", "hostile single", "hostile history", "hostile table"),
)


def test_what_moved_is_drawn(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """Each metric has its row with a mark, each scenario its cell or dot, each layer its tile; marks lead to rows."""
    browser.open(pages["pair"])
    assert browser.ask(COUNT.format(".forest tbody tr svg .worse")) >= 3
    assert browser.ask(COUNT.format(".tile")) == 9
    assert browser.ask(COUNT.format(".tile.changed")) == 2
    cells = browser.ask("[...document.querySelectorAll('.groups rect')].map((one) => one.textContent).sort()")
    assert cells == [f"case-{number:04}" for number in range(200)]
    box = browser.ask("JSON.stringify(document.querySelector('.groups svg').getBoundingClientRect())")
    assert '"width":0' not in box
    browser.ask("document.querySelector('.groups [data-to]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert browser.ask("document.querySelector('tr:target').closest('details').open")
    assert browser.ask("document.querySelector('h1').textContent").startswith("3 metrics moved for real")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_runs_but_our_script_and_nothing_is_fetched(
    browser: chromium.Browser, pages: dict[str, Path], kind: str
) -> None:
    """No dialog, no error, nothing that the policy had to refuse, and no request but for the page itself."""
    browser.open(pages[kind])
    browser.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert browser.complaints() == []
    assert browser.requests() == [pages[kind].as_uri()]
    assert browser.ask("typeof window.evil") == "undefined"


class Served(BaseHTTPRequestHandler):
    """Answers every request with the same page, and remembers what was asked for."""

    page = b""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server on this machine alone."""
    Served.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


def test_from_a_server_too_the_page_is_all_that_is_fetched(
    browser: chromium.Browser, pages: dict[str, Path], server: str
) -> None:
    """Where a CI system serves it, the browser asks for nothing beside it, not even a sign for the tab."""
    Served.page = pages["pair"].read_bytes()
    browser.open(f"{server}/page.html")
    browser.ask("new Promise((done) => setTimeout(done, 200))")
    assert Served.asked == ["/page.html"]
    assert browser.complaints() == []


def test_the_policy_refuses_whatever_else_there_were(
    browser: chromium.Browser, pages: dict[str, Path], server: str
) -> None:
    """A script, a style or a picture that got into the page all the same would not act."""
    bad = (
        f"<script>window.evil = 1</script><script src={server}/x.js></script><img src={server}/x.png>"
        f"<link rel=stylesheet href={server}/x.css><iframe src={server}/x.html></iframe>"
        "<h1 style='display: none' onclick='window.evil = 3'>"
    )
    file = pages["single"].with_name("broken.html")
    file.write_text(pages["single"].read_text().replace("<h1>", bad, 1))
    browser.open(file)
    browser.ask("document.querySelector('h1').click(); 0")
    browser.ask("new Promise((done) => setTimeout(done, 200))")
    assert browser.ask("typeof window.evil") == "undefined"
    assert browser.ask("getComputedStyle(document.querySelector('h1')).display") == "block"
    assert Served.asked == []
    assert len(browser.complaints()) >= 5


@pytest.mark.parametrize("width", [320, 390, 820])
@pytest.mark.parametrize("kind", KINDS)
def test_no_screen_has_to_be_moved_sideways(
    browser: chromium.Browser, pages: dict[str, Path], kind: str, width: int
) -> None:
    """On a phone and on a small screen the page is as wide as the screen, with all that is folded away unfolded."""
    browser.open(pages[kind], width=width)
    browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    wide = (
        "[...document.querySelectorAll('main *')].filter((one) => !one.closest('svg, .scrolled')"
        " && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 200)).slice(0, 3)"
    )
    assert browser.ask(wide) == []
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_all_of_it(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """Links, folded parts and the search box come in order, the focus is seen on each, and keys work them."""
    browser.open(pages["pair"])
    seen = []
    for _ in range(40):
        browser.press("Tab")
        at = "document.activeElement"
        seen.append(browser.ask(f"{at}.tagName"))
        said = browser.ask(f"{at}.textContent")
        assert browser.ask(f"getComputedStyle({at}).outlineStyle") != "none"
        if seen[-1] == "SUMMARY" and said.startswith("scenarios that moved most"):
            break
    assert seen[0] == "A"
    assert seen[-1] == "SUMMARY"
    browser.press("Enter", "\r")
    assert browser.ask("document.activeElement.parentElement.open")
    browser.press("Tab")
    assert browser.ask("document.activeElement.type") == "search"
    browser.call("Input.insertText", text="case-001")
    shown = "[...document.activeElement.closest('details').querySelectorAll('tbody tr')].filter((one) => !one.hidden)"
    names = browser.ask(f"{shown}.map((one) => one.cells[0].textContent)")
    assert names
    assert all("case-001" in name for name in names)
    assert browser.ask("document.activeElement.parentElement.querySelector('output').value").startswith(
        f"{len(names)} of "
    )


def test_without_scripts_everything_is_there(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """All is in the page itself; only the search box, which would do nothing, is not shown."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages["pair"])
        document = browser.call("DOM.getDocument", depth=-1)["root"]
        rows = browser.call("DOM.querySelectorAll", nodeId=document["nodeId"], selector=".moves tbody tr")["nodeIds"]
        assert len(rows) > 300
        box = browser.call("DOM.querySelector", nodeId=document["nodeId"], selector=".search")["nodeId"]
        style = browser.call("CSS.enable") or browser.call("CSS.getComputedStyleForNode", nodeId=box)
        assert {"name": "display", "value": "none"} in style["computedStyle"]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_keeps_anybody_out(browser: chromium.Browser, pages: dict[str, Path], kind: str, dark: bool) -> None:
    """axe-core finds nothing to complain of: names, roles, order, contrast, in light and in dark."""
    if not AXE.exists():
        pytest.skip("axe-core is not here: `make report-test` gets it")
    for width in (1280, 390):
        browser.open(pages[kind], width=width, dark=dark)
        browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        browser.ask(AXE.read_text() + ";0")
        told = browser.ask("axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations.map("
            "(one) => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)]))")  # fmt: skip
        assert told == []

"""How a page is made: what is quoted in it stands for itself."""

from __future__ import annotations

from reading_pages import ReadPage, complaints

from evalprov.page import CellsLine, FactBlock, Remark, TableBlock, line
from evalprov.report import html

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&`{{7*7}}${x}\u202e\x1b[31m\x00\ud800"


def test_whatever_is_quoted_stands_for_itself() -> None:
    """In words, attributes, addresses, tables and blocks alike, nothing that is quoted becomes an element."""
    page = html.page(
        NASTY,
        html.element("h1", NASTY, title=NASTY),
        html.facts([(NASTY, NASTY), ("", NASTY)]),
        html.table(NASTY, (NASTY, "b"), [(NASTY, NASTY)]),
        html.link(f"javascript:alert(1)//{NASTY}", NASTY),
        html.link(f"https://example.org/{NASTY}", NASTY),
        html.blocks([line(NASTY), FactBlock(NASTY, [("", NASTY)]), TableBlock((NASTY,), [(NASTY,)]), Remark(NASTY)]),
        html.blocks([CellsLine((NASTY, NASTY))]),
    )
    assert complaints(page) == []
    assert "\\u202e\\x1b[31m\\x00\\ud800" in ReadPage(page).said


def test_only_addresses_of_the_web_become_links() -> None:
    """What calls itself an address and is none stands there as text."""
    assert html.link("https://ci.example.org/runs/7?a=1&b=2", "run") == (
        '<a href="https://ci.example.org/runs/7?a=1&amp;b=2" rel="noopener noreferrer">run</a>'
    )
    for address in ("javascript:alert(1)", "data:text/html,x", "//evil", "file:///etc/passwd", "https://a b", " "):
        assert html.link(address, "run") == "run"


def test_a_name_of_a_megabyte_is_cut() -> None:
    """What is quoted has a bound, and begin and end of it are seen."""
    shown = html.text("a" * 500_000 + "\x1b" * 500_000 + "z", 100)
    assert len(shown) == 100
    assert (shown[:5], shown[-5:]) == ("aaaaa", "\\x1bz"[-5:])


def test_an_anchor_is_plain_or_a_hash() -> None:
    """Anchors are readable where the names are, and never what the names say otherwise; different names, others."""
    assert html.identifier("accuracy", "case-1") == "accuracy:case-1"
    odd = {html.identifier(*names) for names in (("a b",), ("a", "b:c"), ('"><script>',), ("\ud800",), ("x" * 10**6,))}
    assert len(odd) == 5
    assert html.identifier("a-b", "c") != html.identifier("a", "b-c")
    assert all(one.startswith("x-") and one[2:].isalnum() for one in odd)


def test_what_is_empty_is_left_out() -> None:
    """There are no headings over nothing."""
    assert html.section("title", html.facts([("name", "")])) == ""
    assert html.facts([("a", "1"), ("", "2"), ("b", "")]) == ("<dl><div><dt>a</dt><dd>1</dd><dd>2</dd></div></dl>")
    assert html.facts([("", "1"), ("", "2")]) == "<ul><li>1</li><li>2</li></ul>"

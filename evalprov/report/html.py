"""One way to make a page: what is quoted in it stands for itself, nothing is fetched, and no script runs but ours."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from hashlib import blake2s, sha256
from html import escape
from typing import TYPE_CHECKING

from evalprov import __version__, render
from evalprov.explain import elide
from evalprov.page import CellsLine, FactBlock, Line, TableBlock
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evalprov.page import Block, Pairs

LONGEST = 400  # letters of what is quoted, where nothing else is said
_HERE = os.path.dirname(__file__)
_VOID = frozenset(("br", "hr", "input", "link", "meta"))
_ADDRESS = re.compile(r"https?://[\w.:\[\]-]+(/[\w./%~+=?&;:@,#!-]*)?", re.ASCII)
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


class Markup(str):
    """Text that is markup already; all other text is escaped on its way into a page."""

    __slots__ = ()


NOTHING = Markup("")


def text(said: object, most: int = LONGEST, *, lines: bool = False) -> Markup:
    """Return a text that stands for itself, its middle left out where it is long; control characters are spelled out.

    With lines, line ends and tabs stay, and what is too long ends there.
    """
    if isinstance(said, Markup):
        return said
    words = str(said)
    if lines:
        begin = words[:most] + ("..." if len(words) > most else "")
        return Markup(escape(render.neutral(begin, lines=True)))
    return Markup(escape(cut(words, most)))


def cut(said: str, most: int) -> str:
    """Return a text of so many letters at most, control characters spelled out; it is not escaped yet."""
    if len(said) > 4 * most:  # a name of a megabyte is not looked at letter by letter
        said = said[: 2 * most] + said[-2 * most :]
    return elide.cut(said if said.isprintable() else render.neutral(said), most)


def element(name: str, /, *inside: object, **attributes: object) -> Markup:
    """Return an element; of the attributes' names, an underline at the end is dropped, the others are hyphens."""
    said = "".join(_attribute(one, value) for one, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{join(inside)}</{name}>")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False or value == "":
        return ""
    spelled = name.rstrip("_").replace("_", "-")
    return f" {spelled}" if value is True else f' {spelled}="{text(value)}"'


def join(pieces: Iterable[object], between: str = "") -> Markup:
    """Return pieces one after the other; those that are no markup are escaped."""
    return Markup(escape(between).join(map(text, pieces)))


def identifier(*names: str) -> str:
    """Return an anchor for a thing of these names: readable where they are plain, else by their hash."""
    plain = ":".join(names)
    if all(map(_PLAIN_ID.fullmatch, names)):
        return plain
    hashed = blake2s("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"x-{hashed}"


def link(address: str, words: object) -> Markup:
    """Return a link to an address of the web; anything else that calls itself one stands there as text."""
    if not _ADDRESS.fullmatch(address):
        return text(words)
    return Markup(f'<a href="{escape(address)}" rel="noopener noreferrer">{text(words)}</a>')


def section(title: object, *inside: object, id_: str = "", level: int = 2) -> Markup:
    """Return a part of the page under its heading; nothing where there is nothing in it."""
    held = join(inside)
    return element("section", element(f"h{level}", title), held, id=id_) if held else NOTHING


def parts(given: Iterable[tuple[str, str, Markup]]) -> Iterator[Markup]:
    """Give links to the parts of a page, each with its id and its title, then the parts; nothing of an empty one."""
    held = [(f"-{id_}", title, inside) for id_, title, inside in given if inside]  # no thing that is named is called so
    leads = (element("li", element("a", title, href=Markup(f"#{id_}"))) for id_, title, _ in held)
    yield element("nav", element("ul", *leads), aria_label="on this page")
    for id_, title, inside in held:
        yield section(title, inside, id_=id_)


def folded(summary: object, *inside: object, open_: bool = False, id_: str = "") -> Markup:
    """Return what is folded away below a line."""
    return element("details", element("summary", summary), *inside, open=open_, id=id_)


def facts(pairs: Pairs) -> Markup:
    """Return names and values; a value without a name goes with the one before it."""
    held = [(name, value) for name, value in pairs if value != ""]
    if not held:
        return NOTHING
    if not any(name for name, _ in held):
        return element("ul", *(element("li", value) for _, value in held))
    rows: list[tuple[str, list[str]]] = []
    for name, value in held:
        if name or not rows:
            rows.append((name, [value]))
        else:
            rows[-1][1].append(value)
    return element(
        "dl",
        *(
            element("div", element("dt", name or "-"), *(element("dd", value) for value in values))
            for name, values in rows
        ),
    )


def table(
    caption: object,
    columns: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[object] = (),
    class_: str = "",
) -> Markup:
    """Return a table, whose first column heads the rows; on a phone each row stands as a block of named values."""
    names = [text(one) for one in columns]
    numbers = [one in right for one in columns]
    heads = element(
        "tr",
        *(
            element("th", name, scope="col", role="columnheader", class_="number" if is_number else "")
            for name, is_number in zip(names, numbers, strict=True)
        ),
        role="row",
    )
    body = Markup(
        "".join(
            f'<tr role="row">{"".join(map(_cell, row, names, numbers, range(len(names))))}</tr>'
            if not isinstance(row, Markup)
            else row
            for row in rows
        )
    )
    return element(
        "table",
        element("caption", caption),
        element("thead", heads, role="rowgroup"),
        element("tbody", body, role="rowgroup"),
        class_=f"stacked {class_}".strip(),
        role="table",
    )


def _cell(value: object, name: str, number: bool, place: int) -> str:  # noqa: FBT001 - of a row, by its columns
    right = ' class="number"' if number else ""
    if not place:
        return f'<th scope="row" role="rowheader"{right}>{text(value)}</th>'
    return f'<td role="cell"{right} data-name="{name}">{text(value)}</td>'


def blocks(given: Iterable[Block]) -> Markup:
    """Return what a view gives for the terminal, block by block."""
    return join(map(_block, given))


def _block(block: Block) -> Markup:
    if isinstance(block, Line):
        return (
            element("p", *(words for words, _ in block.pieces)) if any(words for words, _ in block.pieces) else NOTHING
        )
    if isinstance(block, FactBlock):
        return section(block.title, facts(list(block.pairs)), level=3)
    if isinstance(block, TableBlock):
        return table("", block.columns, block.rows, right=block.right)
    if isinstance(block, CellsLine):
        return element("p", "  ".join(block.cells))
    return element("p", " ".join((block.text, *block.below)))


def search(rows_of: str, words: str) -> Markup:
    """Return a box that looks through the rows of the table with that id; it shows only where our script runs."""
    return element(
        "p",
        element("label", words, for_=f"{rows_of}-search"),
        " ",
        element("input", type="search", id=f"{rows_of}-search", data_rows=rows_of, autocomplete="off"),
        " ",
        element("output", for_=f"{rows_of}-search"),
        class_="search",
        hidden=True,
    )


def page(title: str, *inside: object) -> str:
    """Return the whole document."""
    style, script = _file("page.css"), _file("page.js")
    policy = (
        f"default-src 'none'; style-src {_allowed(style)}; script-src {_allowed(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    head = join((
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=Markup(policy)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="generator", content=f"evalprov {__version__}"),
        Markup('<link rel="icon" href="data:,">'),
        element("title", title),
        Markup(f"<style>{style}</style>"),
    ))  # fmt: skip
    body = join((element("main", *inside), Markup(f"<script>{script}</script>")))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _file(name: str) -> str:
    with reading(os.path.join(_HERE, name)) as file:
        return file.read().decode()


def _allowed(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"

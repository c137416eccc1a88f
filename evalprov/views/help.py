"""What a command does and takes, as a page."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING

from evalprov.page import FactBlock, fitted, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.page import Block, Pairs

WIDTH = 80  # of a pipe, and of a terminal that does not say
WIDEST = 100
_EXAMPLES = re.compile(r"Examples?: ((?:.|\n(?!\s*\n))*)")


def summary(text: str) -> str:
    """Return a command's first sentence."""
    return " ".join(text.strip().partition("\n\n")[0].split())


def page(usage: str, text: str, blocks: Mapping[str, Pairs], width: int | None) -> Iterator[Block]:
    """Give how it is written, what it does, what it takes, and examples."""
    width = min(width or WIDTH, WIDEST)
    yield line(f"Usage: {usage}")
    found = _EXAMPLES.search(text)
    for paragraph in (text.replace(found[0], "") if found else text).split("\n\n"):
        if words := wrap(" ".join(paragraph.split()), width, break_on_hyphens=False):
            yield from map(line, ("", *words))
    for title, pairs in blocks.items():
        yield fitted(title, pairs, width)
    if found:
        examples = [" ".join(one.split()) for one in re.split(r";\s+(?=evalprov )", found[1])]
        yield FactBlock("examples" if len(examples) > 1 else "example", [("", one) for one in examples])

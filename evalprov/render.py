"""The one printer: neutral text, plain lines for pipes, colour and tables for people. Only this file knows rich."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from evalprov.numbers import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

    from evalprov.errors import EvalprovError
    from evalprov.page import Block

_GREEN, _RED, _YELLOW, _DIM, _BOLD = "32", "31", "33", "2", "1"
_BAR = 24  # characters


def neutral(text: object, *, lines: bool = False) -> str:
    """Return text that cannot steer a terminal: control characters are spelled out."""
    keep = "\n\t" if lines else ""
    return "".join(
        c if c in keep or (c.isprintable() and not 0xD800 <= ord(c) < 0xE000) else _spelled(c) for c in str(text)
    )


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def wants_colour(stream: TextIO | None) -> bool:
    """Say whether a person with a colour terminal reads this stream."""
    if not stream or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, code: str, stream: TextIO | None) -> str:
    """Colour a piece of text where that is wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if code and wants_colour(stream) else text


def out(text: str) -> None:
    """Print a result."""
    _write(sys.stdout, text)


def document(value: object, *, indent: int | None = None) -> None:
    """Print JSON, one line or indented; what could steer a terminal is escaped, which no program minds."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    out(re.sub(r"[^\n -~]", _escaped, text))


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def raw(data: bytes, stream: TextIO) -> None:
    """Print bytes as they are; a terminal gets their control characters spelled out."""
    if stream.isatty():
        stream.write(neutral(data.decode("utf-8", "backslashreplace"), lines=True))
    else:
        stream.buffer.write(data)
    stream.flush()


def note(text: str) -> None:
    """Print one remark on stderr."""
    _remark(f"{paint('evalprov', _DIM, sys.stderr)}  {neutral(text)}")


def error(problem: EvalprovError) -> None:
    """Print what went wrong and what to do next."""
    _remark(f"{paint('evalprov: error:', _RED, sys.stderr)} {neutral(problem.message)}")
    if problem.hint:
        aside(problem.hint)


def aside(text: str) -> None:
    """Print what goes with a remark, on a line of its own."""
    _remark(f"  {neutral(text)}")


def status_style(word: str) -> str:
    """Return the colour of a status."""
    return {"completed": _GREEN, "running": _YELLOW, "interrupted": _YELLOW}.get(word, _RED)


def _remark(text: str) -> None:
    """Write to stderr; where nobody listens, nothing is said, and nothing else changes."""
    with suppress(OSError, ValueError):
        if sys.stderr:
            _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def hashing() -> Callable[[int, int], None] | None:
    """Return what draws a bar while much data is hashed, for a terminal."""
    return progress("hashing data", lambda done, total: f"{size(done)} of {size(total)}")


def cleaning() -> Callable[[int, int], None] | None:
    """Return what draws a bar while a log is still cleaned after the command's end, for a terminal."""
    what = "cleaning the log; Ctrl-C leaves out the rest"
    return progress(what, lambda done, total: f"{size(done)} of {size(total)}")


def progress(what: str, words: Callable[[int, int], str]) -> Callable[[int, int], None] | None:
    """Return what draws a bar on stderr, for a terminal; it goes away when all is done."""
    if not sys.stderr or not sys.stderr.isatty():
        return None
    drawn = False

    def draw(done: int, total: int) -> None:
        nonlocal drawn
        line = f"evalprov  {what} {bar(done, total)} {words(done, total)}" if done < total else ""
        with suppress(OSError, ValueError):  # nobody listens any more
            room = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1  # a line that wraps is not drawn over
            if len(line) > room:
                line = f"evalprov  {what} {words(done, total)}"[:room]
            if line or drawn:
                sys.stderr.write(f"\r\x1b[K{line}")
                sys.stderr.flush()
        drawn = done < total

    return draw


def bar(done: int, total: int) -> str:
    """Return a bar that is filled as far as the work is done."""
    filled = done * _BAR // total
    return f"[{'#' * filled}{'-' * (_BAR - filled)}]"


def width() -> int | None:
    """Return how many columns a person's terminal has; null where a program reads the result."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size  # a pipe does without

    return get_terminal_size().columns


def number(value: object) -> str:
    """Return a metric value as a person reads it: four digits, or all of those before the point."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return rounded(value) if isinstance(value, float) else neutral(value)


def duration(seconds: float | None) -> str:
    """Return a time span as a person reads it."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m{rest:02d}s" if hours else f"{minutes}m{rest:02d}s"


def size(count: int | None) -> str:
    """Return a number of bytes as a person reads it."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def page(blocks: Iterable[Block]) -> None:
    """Print what a view gives, block by block."""
    from evalprov.page import CellsLine, FactBlock, Line, TableBlock  # a run does without

    for block in blocks:
        if isinstance(block, Line):
            out(
                "".join(
                    paint(neutral(text), style, sys.stdout) if style else neutral(text) for text, style in block.pieces
                )
            )
        elif isinstance(block, FactBlock):
            facts(block.title, block.pairs)
        elif isinstance(block, TableBlock):
            table(block.columns, block.rows, right=block.right)
        elif isinstance(block, CellsLine):
            out("\t".join(map(neutral, block.cells)))
        else:
            note(block.text)
            for text in block.below:
                aside(text)


def csv(rows: Iterable[Sequence[str]]) -> None:
    """Print rows as RFC 4180 has them."""
    from csv import writer
    from io import StringIO

    for row in rows:
        text = StringIO()
        writer(text, lineterminator="\r").writerow([neutral(cell, lines=True) for cell in row])
        out(text.getvalue())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print rows: a table for a person, tab-separated lines without a heading's frills for a pipe."""
    if not sys.stdout.isatty():
        out("\t".join(columns))
        for row in rows:
            out("\t".join(neutral(cell) for cell in row))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        grid.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name == "run")
    for row in rows:
        grid.add_row(*(Text(neutral(cell), style=_style(cell)) for cell in row))
    _console().print(grid)


def _style(cell: str) -> str:
    return next((colour for colour, words in _STYLES.items() if cell in words), "")


_STYLES = {
    "green": {"completed", "pass", "better"},
    "yellow": {"running", "interrupted", "not evaluated", "cannot tell"},
    "red": {"failed", "killed", "timed_out", "lost", "not_started", "regression", "worse"},
}


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of aligned cells: the first of each to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def facts(title: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Print a titled block of names and values; nothing where there are none."""
    rows = [(name, value) for name, value in pairs if value != ""]
    if not rows:
        return
    out("\n" + paint(neutral(title), _BOLD, sys.stdout))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        label = paint(f"  {neutral(name):<{width}}", _DIM, sys.stdout)
        out(f"{label}  {neutral(value)}")


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, emoji=False, markup=False)

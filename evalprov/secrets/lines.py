"""What one line tells about the next: a key whose value follows, a YAML block or list, a table's head, a record.

Each line is read with what the lines before it told (a Context), and tells a new one. It depends on the content
alone, so that a stream gives the same result wherever its pieces begin and end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.secrets.judged import NAME_OF_ONE, is_secret_value
from evalprov.secrets.names import CHOSEN, LIKELY, NO, PERHAPS, SURE, holds_many, judge
from evalprov.secrets.pairs import rank_in
from evalprov.secrets.pointed import NOUN, NOUNS
from evalprov.secrets.source import counts_in_source
from evalprov.secrets.values import (
    MARK,
    compiled,
    has_one,
    is_common,
    is_masked,
    is_plain,
    is_reference,
    looks_chosen,
    looks_random,
)

if TYPE_CHECKING:
    import re

    from evalprov.secrets.shapes import Spans

_KEY = rb"([ \t]*)(?:-[ ]+)?[\"']?([\w .-]{1,64}?)[\"']?[ \t]*(?:[:=][ \t]*|:=[ \t]*)"
_OPENS_BLOCK = _KEY + rb"(?:&[\w-]+[ ]+)?(?:![\w-]+[ ]+)?[|>][-+0-9]{0,2}[ \t]*(?:#.*)?\s*\Z"
_OPTION = rb"([ \t]*)(?:-[ ]+)?[\"']?--?([A-Za-z][\w-]{1,63})[\"']?,?\s*\Z"  # of a list of arguments
_OPENS = _KEY + rb"(?:&[\w-]+[ ]*)?([\[{(]?)[ \t]*\s*\Z"
_NAMED = (
    rb"[-{\[ \t]*(?:\w{1,24}[ ]?\{[ ]*)?[\"']?(?:[Nn]ame|[Kk]ey|variable|id|env|title|field|setting|option|label|header"
    rb"|prop|property|parameter|\w*Key)[\"']?[ \t]*[:=][ \t]*[\"']?([\w.-]{2,64})[\"']?[ \t]*,?\s*\Z"
    rb"|[ \t]*(?:variable|output|locals|set\w*)[ ]+\"([\w.-]{2,64})\"[ ]*\{\s*\Z"
    rb"|[ \t]*<(?:key|name|td|th|dt|param-name)>([\w .-]{2,64})</[a-z-]+>\s*\Z"
)
_VALUE_LINE = (
    # An option in a list of arguments.
    rb"[ \t]*(?:[\"']?(?:value|val|default|content|Value|\w{1,24}Value)[\"']?[ \t]*[:=][ \t]*[\"']?"
    rb"|<[a-z]+(?:-[a-z]+)?>)"
    rb"([^\"'<\s,][^\"'<\n]*)"
)
_SCALAR = rb"[ \t]*(?:-[ ]+)?(?:[\"']?([\w .-]{1,64})[\"']?[ \t]*[:=][ \t]+)?([\"']?)([^\s\"',#][^\"'\r\n]*)"
_SECTION = (
    rb"[ \t]*\[[\w. -]*(?:(secrets|credentials|passwords|tokens|api_?keys)|secret|password|token|api_?key)\]\s*\Z"
)
_LOWER_NAME = rb"[a-z]+(?:[_-][a-z]+)+"
_ENCRYPTED = b"$ANSIBLE_VAULT;"  # a head, not yet what was encrypted
_HEAD_ALONE = rb"[ \t|\xe2\x94\x82\x83]*([A-Za-z][\w ]{0,40}?)[ \t|\xe2\x94\x82\x83]*\s*\Z"
_CELL_ALONE = rb"[ \t|\xe2\x94\x82\x83]*([^\s|\xe2]+)[ \t|\xe2\x94\x82\x83]*\s*\Z"
_NAMES_IT = {"name", "key", "file", "source", "target", "external", "path", "id", "namespace", "type", "kind", "labels"}
_VALUED = {"value", "default", "val", "content", "text", "data"}
_ALIGNED = b"  "  # a table whose columns are parted by blanks alone
_CELLS = (b"|", "│".encode(), "┃".encode(), b"\t", b";", b",", _ALIGNED)
_RULE = rb"[-+|:=\s\xe2\x94-\x95\x80-\xbf]+\Z"
_MAY_BE_HEAD = rb"[^|,;\t\xe2]{0,44}?(?:[|,;\t\xe2]|\S[ ]{2,}\S)"
_OF_HEADS = bytes(code for code in range(128) if chr(code).isalnum()) + b" _.#-`*\"'|\t;,\r\n\v\f\xe2\x94\x82\x83"
_HEAD_CELL = rb"[\w .#-]{1,40}\Z"
_AROUND_HEADS, _LONGEST_HEAD = b" \t\r\n\v\f|\xe2\x94\x82\x83", 41
_NEAR_END = 80  # before a line's end no such word begins that has only some fifty signs behind it
_ANNOUNCES = rb"(?<![a-z_])(?:" + NOUN + rb")(?![a-z_=])[^.=]{0,48}[:.]?\s*\Z"
_ALONE = rb"[ \t>*`\"']*(?:[A-Za-z]{1,12}[ ])?([A-Za-z0-9][\w+/-]{19,}={0,2})[ \t*`\"',.]*\s*\Z"


class Context(NamedTuple):
    """What the lines before tell."""

    kind: str  # value, block, many, section, record, table, head, cell, near, kube
    rank: int = SURE
    indent: int = 0
    left: int = 1  # lines for which it holds, where it does not end by itself
    sign: bytes = b""  # between a table's cells
    columns: tuple[tuple[int, int], ...] = ()  # of a table, with their ranks
    width: int = 0


def find_told(line: bytes, context: Context, spans: Spans, *, quoted: bool = False) -> None:
    """Add the secrets of a line that the lines before it tell."""
    found: Spans = []
    if line.strip():
        _find_told(line, context, found)
    for span in found:
        in_quotes = line[span[0] - 1 : span[0]] in {b'"', b"'", b"`"}
        if not quoted or counts_in_source(line[slice(*span)], "", in_quotes=in_quotes):
            spans.append(span)


def _find_told(line: bytes, context: Context, spans: Spans) -> None:  # noqa: C901, PLR0912 - one branch a kind
    if context.kind == "block":
        text = line.strip()
        if (
            _indent(line) > context.indent
            and (context.rank == SURE or looks_random(text))
            and text != MARK
            and not text.startswith(_ENCRYPTED)
        ):
            start = line.index(text)
            spans.append((start, start + len(text)))
    elif context.kind == "table":
        _find_cells(line, context, spans)
    elif context.kind == "head":
        return
    elif context.kind == "cell":
        if found := compiled(_CELL_ALONE).match(line):
            _add(found.span(1), line, CHOSEN, spans)
    elif context.kind == "near":
        alone = compiled(_ALONE).match(line)
        if alone and looks_random(alone[1]):
            spans.append(alone.span(1))
    elif context.kind == "record":
        if found := compiled(_VALUE_LINE).match(line):
            _add(found.span(1), line, context.rank, spans)
    elif found := compiled(_SCALAR).match(line):
        name = (found[1] or b"").decode().strip()
        deep = _indent(line) > context.indent or line.lstrip().startswith(b"- ")
        if found[3].rstrip().endswith(b":") and not found[2]:
            return  # the key of a value further on
        if context.kind == "value" and name.lower() in _VALUED and _indent(line) > context.indent:
            _add(found.span(3), line, CHOSEN, spans)
        elif context.kind == "value" and not name and (deep or looks_chosen(found[3].strip())):
            _add(found.span(3), line, context.rank, spans)
        elif context.kind == "value" and name and deep and looks_chosen(found[3].strip(), strict=True, mixed=True):
            _add(found.span(3), line, CHOSEN, spans)  # credentials: bob: X
        elif context.kind == "section" and name and (context.rank == SURE or name.lower() in _VALUED):
            _add(found.span(3), line, CHOSEN, spans)
        elif context.kind in {"many", "kube"} and context.indent >= 0 and deep and name.lower() not in _NAMES_IT:
            _add(found.span(3), line, CHOSEN if name and context.kind == "many" else context.rank, spans)


def _add(span: tuple[int, int], line: bytes, rank: int, spans: Spans) -> None:
    value = line[slice(*span)].rstrip()
    if (
        compiled(NAME_OF_ONE).fullmatch(value)
        or value.endswith((b"{", b"[", b"("))
        or is_reference(value)
        or is_plain(value)
        or is_masked(value)
    ):
        return
    if compiled(_LOWER_NAME).fullmatch(value) and judge(value.decode()) != NO:
        return  # a list of secrets' names
    if is_secret_value(value, "password", rank):
        spans.append((span[0], span[0] + len(value)))


def _cells(line: bytes, sign: bytes) -> list[tuple[int, bytes]]:
    """Return a line's cells, and where each begins."""
    if sign == _ALIGNED:
        return [(found.start(), found[0]) for found in compiled(rb"\S+(?:[ ]\S+)*").finditer(line)]
    at = 0
    cells: list[tuple[int, bytes]] = []
    for cell in line.rstrip(b"\r\n").split(sign):
        cells.append((at, cell))
        at += len(cell) + len(sign)
    return cells


def _find_cells(line: bytes, context: Context, spans: Spans) -> None:
    cells = _cells(line, context.sign)
    if len(cells) != context.width:
        return
    for number, rank in context.columns:
        start, cell = cells[number]
        value = cell.strip(b" `*\"'")
        fits = is_secret_value(value, "password", rank) and not (rank == SURE and is_common(value))
        if value and value != MARK and fits and not is_masked(value):
            start += cell.index(value)
            spans.append((start, start + len(value)))


def told(line: bytes, before: Context | None) -> Context | None:
    """Return what is known for the line after this one."""
    if line == b"\0\n":  # between texts that have nothing to do with each other
        return None
    if not line.strip():
        return before and _weaker(before)
    line = line.replace(MARK, b"\x01" * len(MARK))
    return _begun(line, before) or (before and _goes_on(line, before))


def _weaker(before: Context) -> Context | None:
    if before.kind in {"block", "many", "kube", "section"}:
        return before
    return before._replace(left=before.left - 1) if before.left > 1 and before.kind != "table" else None


def _goes_on(line: bytes, before: Context) -> Context | None:  # noqa: PLR0911 - one line a kind
    indent = _indent(line)
    if before.kind == "block":
        return None  # else it had begun again
    if before.kind == "section":
        return None if line.lstrip().startswith(b"[") else before
    if before.kind == "head":  # a column of one
        return Context("cell", CHOSEN) if compiled(_RULE).match(line) else None
    if before.kind in {"many", "kube"}:
        if line.startswith(b"---"):
            return None
        listed = indent == before.indent and line.lstrip().startswith(b"- ") and before.kind == "many"
        return before if indent > before.indent or listed or (before.kind == "kube" and before.indent < 0) else None
    if before.kind == "table":
        rule = compiled(_RULE).match(line) is not None
        return before if rule or len(_cells(line, before.sign)) == before.width else None
    if before.kind == "value":
        return _weaker(before) if indent > before.indent and compiled(_KEY).match(line) else None
    if before.kind == "record":
        return _weaker(before) if not line.lstrip().startswith((b"- ", b"}", b"]")) else None
    return None


def _begun(line: bytes, before: Context | None) -> Context | None:  # noqa: C901, PLR0911, PLR0912 - one line a kind
    """Return what this line begins to tell."""
    if before and before.kind == "kube" and before.indent < 0:
        found = compiled(rb"([ \t]*)(?:data|stringData):\s*\Z").match(line)
        if found:
            return Context("kube", indent=len(found[1]))
    if before and before.kind == "block" and _indent(line) > before.indent:
        return None if line.lstrip().startswith(_ENCRYPTED) else before
    lower = line.lower()
    if not has_one(lower, NOUNS) and (line.isascii() or not compiled(NOUN).search(lower)):
        return None
    last = line.rstrip()[-1:]
    if last == b"]" and (section := compiled(_SECTION).match(line)):
        return Context("section", SURE if section[1] else CHOSEN)
    if b"ecret" in line and compiled(rb"[ \t]*[\"']?kind[\"']?:[ \t]*[\"']?Secret\b").match(line):
        return Context("kube", indent=-1)
    if last in b"|>+-0123456789" and has_one(line, (b"|", b">")) and (found := compiled(_OPENS_BLOCK).match(line)):
        rank = _rank(found[2])
        return Context("block", rank, len(found[1])) if rank != NO else None
    if last in b":=[{(" and (found := compiled(_OPENS).match(line)):
        return _opened(line, found)
    if b"-" in line and (found := compiled(_OPTION).match(line)):
        rank = _rank(found[2])
        return Context("value", CHOSEN if rank == SURE else rank, len(found[1]) - 1) if rank != NO else None
    if found := compiled(_NAMED).match(line):
        rank = _rank(found[1] or found[2] or found[3])
        if rank != NO:
            return Context("record", rank, left=4)
    if not line.translate(None, _OF_HEADS) and compiled(_MAY_BE_HEAD).match(line) and (head := _head(line)):
        return head
    alone = compiled(_HEAD_ALONE).match(line) if len(line.strip(_AROUND_HEADS)) <= _LONGEST_HEAD else None
    if alone and _rank(alone[1]) in {SURE, CHOSEN}:
        return Context("head")
    return _announced(line)


def _announced(line: bytes) -> Context | None:
    if len(line) >= 200 or b"PUBLIC" in line:
        return None
    end = len(line.rstrip())
    start = max(0, end - _NEAR_END, line.rfind(b"=", 0, end), line.rfind(b".", 0, end - 1))
    said = compiled(_ANNOUNCES).search(line.lower(), start)
    return Context("near", left=2) if said else None


def _opened(line: bytes, found: re.Match[bytes]) -> Context | None:
    name = found[2].decode().strip()
    rank = _rank(found[2])
    indent = len(found[1])
    if holds_many(name.rpartition(" ")[2]) or (rank != NO and found[3]) or name.lower() == "tokens":
        return Context("many", LIKELY if name.lower() == "tokens" else SURE, indent)  # pieces of text are tokens, too
    if rank == NO:
        return _announced(line)
    return Context("value", CHOSEN if b" " in found[2] or name.lower() in {"token", "auth"} else rank, indent, left=4)


def _head(line: bytes) -> Context | None:
    """Return the table that this line is the head of, if one of its columns is a secret's."""
    for sign in _CELLS:
        cells = [cell for _, cell in _cells(line, sign)]
        if len(cells) < 2 or (len(cells) == 2 and sign == b"," and b" " in line.strip()):
            continue
        names = [cell.strip(b" `*\"'\xe2\x94\x82\x83") for cell in cells]
        if not all(compiled(_HEAD_CELL).match(name) or not name for name in names):
            continue
        ranks = [rank_in(name, 0, name.decode().replace(" ", "_")) if name else NO for name in names]
        ranks = [
            PERHAPS if name in {b"token", b"key", b"auth"} else rank for name, rank in zip(names, ranks, strict=True)
        ]
        ranks = [NO if name.lower() in {b"login", b"user"} else rank for name, rank in zip(names, ranks, strict=True)]
        if any(name.lower().endswith(b"_hash") for name in names):
            ranks = [PERHAPS if name.lower().endswith(b"_hash") else r for name, r in zip(names, ranks, strict=True)]
        if sign == _ALIGNED:
            ranks = [CHOSEN if rank == SURE else rank for rank in ranks]
        columns = tuple((number, rank) for number, rank in enumerate(ranks) if rank != NO)
        if columns and len(columns) < len([name for name in names if name]):
            return Context("table", sign=sign, columns=columns, width=len(cells))
    return None


def _rank(name: bytes) -> int:
    return judge(name.strip().decode().replace(" ", "_"))


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t"))

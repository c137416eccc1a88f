"""What one line tells about the next: a key whose value follows, a YAML block or list, a table's head, a record.

Each line is read with what the lines before it told (a Context), and tells a new one. It depends on the content
alone, so that a stream gives the same result wherever its pieces begin and end.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.secrets.answers import find_answer, is_announced, is_speaker
from evalprov.secrets.commands import COMMAND_WORDS, PARTED
from evalprov.secrets.idioms import find_idioms
from evalprov.secrets.judged import NAME_OF_ONE, is_secret_value
from evalprov.secrets.names import CHOSEN, LIKELY, NO, SURE, holds_many, judge
from evalprov.secrets.pointed import NOUN, NOUNS
from evalprov.secrets.source import counts_in_source
from evalprov.secrets.tables import RULE, find_cells, goes_on, head, head_of_one
from evalprov.secrets.values import (
    MARK,
    compiled,
    has_one,
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
    rb"|[ \t]*<[A-Za-z][\w:-]{0,31}(?:[ ][^<>]{0,80})?>([\w .-]{2,64})</[\w:-]+>\s*\Z"
)
_VALUE_LINE = (
    # An option in a list of arguments.
    rb"[ \t]*(?:[\"']?(?:value|val|default|content|Value|\w{1,24}Value)[\"']?[ \t]*[:=][ \t]*[\"']?"
    rb"|<[A-Za-z][\w:-]{0,31}(?:[ ][^<>]{0,80})?>)"
    rb"([^\"'<\s,][^\"'<\n]*)"
)
_SCALAR = rb"[ \t]*(?:-[ ]+)?(?:[\"']?([\w .-]{1,64})[\"']?[ \t]*[:=][ \t]+)?([\"']?)([^\s\"',#][^\"'\r\n]*)"
_DUMPED = rb"[ \t]*\[[\"']?([\w.-]{1,64})[\"']?(?::[\w\":]{1,80})?\][ ]?=>\s*\Z"
_DUMPED_VALUE = rb"[ \t]*string\([0-9]+\)[ ]\"([^\"\n]*)"
_SECTION = (
    rb"[ \t]*\[[\w. -]*(?:(secrets|credentials|passwords|tokens|api_?keys)|secret|password|token|api_?key)\]\s*\Z"
)
_TAG_OF_LOGIN = rb"[ \t]*<(?:auth-user-pass|http-proxy-user-pass|password|passwd|secret|token|api-?key)>\s*\Z"
# What a test found at a secret's name, what a statement with places to fill was given: it stands below in quotes.
_ASSERTS = rb"[ \t>E]*(?:await[ ])?(?:assert(?:ion)?\b|self\.assert|expect\(|(?:EXPECT|ASSERT)_)"
_STATEMENT = rb"(?i)\b(?:insert|update|select|values|where)\b.*(?:[(=,][ ]*(?:\?|%s|\$[0-9]|:\w+|%\(\w+\)s))"
_OF_ASSERTED = rb"passw|pwd|secret|token|api_?key|credential"
_QUOTED = rb"[\"'\[]([^\"'\s\[\]]{8,128})[\"'\]]|^E?[ ]*[-+][ ](\S{8,128})\s*\Z"
_LONGEST_COMMAND = 1 << 10
_LOWER_NAME = rb"[a-z]+(?:[_-][a-z]+)+[0-9]{0,2}"
_ENCRYPTED = b"$ANSIBLE_VAULT;"  # a head, not yet what was encrypted
_HEAD_ALONE = rb"[ \t|\xe2\x94\x82\x83]*([A-Za-z][\w ]{0,40}?)[ \t|\xe2\x94\x82\x83]*\s*\Z"
_CELL_ALONE = rb"[ \t|\xe2\x94\x82\x83]*([^\s|\xe2]+)[ \t|\xe2\x94\x82\x83]*\s*\Z"
_NAMES_IT = {"name", "key", "file", "source", "target", "external", "path", "id", "namespace", "type", "kind", "labels"}
_VALUED = {"value", "default", "val", "content", "text", "data"}
_AROUND_HEADS, _LONGEST_HEAD = b" \t\r\n\v\f|\xe2\x94\x82\x83", 41

_ANNOUNCING = frozenset({"asked", "near", "shown"})


class Context(NamedTuple):
    """What the lines before tell."""

    kind: str  # command, dumped, value, block, many, section, record, table, head, cell, near, asked, shown, kube
    rank: int = SURE
    indent: int = 0
    left: int = 1  # lines for which it holds, where it does not end by itself
    sign: bytes = b""  # between a table's cells; a command so far
    columns: tuple[tuple[int, int], ...] = ()  # of a table, with their ranks
    width: int = 0

    @property
    def announces(self) -> bool:
        """Whether it says no more than that a secret may follow."""
        return self.kind in _ANNOUNCING


def is_unmoved(line: bytes, way: str) -> bool:
    """Say whether a line is the same with and without a line before it that announces a secret in a way."""
    return bool(line.strip()) and not is_speaker(line) and find_answer(line, way) is None


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
        spans += find_cells(line, context.sign, context.columns, context.width)
    elif context.kind == "head":
        found = compiled(_CELL_ALONE).match(line)
        if found and looks_chosen(found[1], strict=True, mixed=True):
            spans.append(found.span(1))
    elif context.kind == "cell":
        if found := compiled(_CELL_ALONE).match(line):
            _add(found.span(1), line, CHOSEN, spans)
    elif context.announces:
        if answer := find_answer(line, context.kind):
            spans.append(answer)
    elif context.kind == "login":
        value = line.strip()
        if looks_chosen(value) and not value.startswith(b"<"):
            spans.append((line.index(value), line.index(value) + len(value)))
    elif context.kind == "quoted":
        for found in compiled(_QUOTED).finditer(line):
            number = found.lastindex or 0
            if looks_chosen(found[number], strict=True, mixed=True):
                spans.append(found.span(number))
    elif context.kind == "dumped":
        if found := compiled(_DUMPED_VALUE).match(line):
            _add(found.span(1), line, context.rank, spans)
    elif context.kind == "command":
        inside: Spans = []
        find_idioms(context.sign + line, inside)
        begin = len(context.sign)
        spans.extend((start - begin, end - begin) for start, end in inside if start >= begin)
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
        return Context("cell", CHOSEN) if compiled(RULE).match(line) else None
    if before.kind in {"many", "kube"}:
        if line.startswith(b"---"):
            return None
        listed = indent == before.indent and line.lstrip().startswith(b"- ") and before.kind == "many"
        return before if indent > before.indent or listed or (before.kind == "kube" and before.indent < 0) else None
    if before.kind == "table":
        return before if goes_on(line, before.sign, before.width) else None
    if before.kind in {"quoted", "login"} and not line.lstrip().startswith(b"</"):
        return _weaker(before)
    if before.kind == "asked" and is_speaker(line):
        return _weaker(before)
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
    if line.rstrip()[-1:] == b"\\" and len(line) < _LONGEST_COMMAND:
        words = before.sign if before and before.kind == "command" else b""
        if words or not COMMAND_WORDS.isdisjoint(line.translate(PARTED).split()):
            return Context("command", sign=(words + line.rstrip()[:-1])[-_LONGEST_COMMAND:])
    lower = line.lower()
    if b"334 UGFzc3dvcmQ" in line:  # a mail server asks for one
        return Context("shown")
    if not has_one(lower, NOUNS) and (line.isascii() or not compiled(NOUN).search(lower)):
        return None
    last = line.rstrip()[-1:]
    if last == b">" and (found := compiled(_DUMPED).match(line)):
        rank = _rank(found[1])
        return Context("dumped", rank) if rank != NO else None
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
    if compiled(_TAG_OF_LOGIN).match(line):
        return Context("login", CHOSEN, left=2)
    if compiled(_ASSERTS).match(line) and compiled(_OF_ASSERTED).search(lower):
        return Context("quoted", left=8)
    if compiled(_STATEMENT).search(line) and compiled(_OF_ASSERTED).search(lower):
        return Context("quoted", left=2)
    if table := head(line):
        return Context("table", sign=table[0], columns=table[1], width=table[2])
    alone = compiled(_HEAD_ALONE).match(line) if len(line.strip(_AROUND_HEADS)) <= _LONGEST_HEAD else None
    if alone and _rank(alone[1]) in {SURE, CHOSEN}:
        if table := head_of_one(line):
            return Context("table", sign=table[0], columns=table[1], width=table[2])
        return Context("head")
    return _announced(line)


def _announced(line: bytes) -> Context | None:
    kind = is_announced(line)
    return _announcement(kind) if kind else None


@cache
def _announcement(kind: str) -> Context:
    return Context(kind, left=3 if kind == "asked" else 2)


def _opened(line: bytes, found: re.Match[bytes]) -> Context | None:
    name = found[2].decode().strip()
    rank = _rank(found[2])
    indent = len(found[1])
    if holds_many(name.rpartition(" ")[2]) or (rank != NO and found[3]) or name.lower() == "tokens":
        if name.lower() == "tokens":
            return Context("many", LIKELY, indent)  # pieces of text are tokens, too
        if found[3] == b"[" and name.lower().endswith("auth"):
            return Context("many", CHOSEN, indent)  # what one may do
        return Context("many", SURE if rank == SURE or found[3] != b"[" else rank, indent)
    if rank == NO:
        return _announced(line)
    return Context("value", CHOSEN if b" " in found[2] or name.lower() in {"token", "auth"} else rank, indent, left=4)


def _rank(name: bytes) -> int:
    return judge(name.strip().decode().replace(" ", "_"))


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t"))

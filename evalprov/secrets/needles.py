"""The secrets of the environment, in every form in which they turn up elsewhere."""

from __future__ import annotations

import binascii
import os
import re
from typing import TYPE_CHECKING

from evalprov.secrets.gate import has_odd_run
from evalprov.secrets.judged import is_secret_value
from evalprov.secrets.names import (
    LIKELY,
    NUMBER,
    PERHAPS,
    SURE,
    is_issuer,
    is_secret_variable,
    judge,
    may_hold_a_secret,
    words,
)
from evalprov.secrets.shapes import url_passwords
from evalprov.secrets.values import is_no_value, is_path, issued_pieces, looks_chosen, looks_issued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from evalprov.secrets.shapes import Spans

EVERYWHERE = 8  # characters from which on a value is replaced wherever it stands
_LEAST_HELD = 16  # characters of a variable in which more than one thing may stand
_LOGINS = frozenset({"login", "auth", "basic", "userpass", "user"})
WHOLE_WORD = 4  # from which on it is replaced as a whole word
FEW = 256  # so many are looked for one by one; the search for more goes by their first bytes
START = 4  # bytes
PIECE = 1 << 16

_BASE64 = rb"[A-Za-z0-9+/_-]"
_ESCAPED = {"\t": b"t", "\r": b"r", "\f": b"f", "\b": b"b", "\v": b"v", "\a": b"a"}
_HTML = {'"': b"&quot;", "&": b"&amp;", "<": b"&lt;", ">": b"&gt;", "'": b"&#39;"}


def secret_values(environ: Mapping[str, str], is_extra: Callable[[str], bool]) -> set[str]:
    """Return the values of the environment that are secrets: by their name, or what stands in one as text has it."""
    found: set[str] = set()
    for name, value in environ.items():
        if is_extra(name) or (is_secret_variable(name) and not _harmless(name, value)):
            found.add(value.strip())
            scheme, _, rest = value.strip().partition(" ")
            if scheme.lower() in {"bearer", "basic", "token"}:
                found.add(rest.strip())
            found.update(os.fsdecode(piece) for piece in issued_pieces(_raw(value)))
            found.update(_of_user(value, sure=True))
        elif len(value) >= _LEAST_HELD and value[0] not in "/~." and (may_hold_a_secret(name) or _tells(value)):
            found.update(_held(name, value))
        if ":" in value and not _LOGINS.isdisjoint(words(name)):
            found.update(_of_user(value, sure=False))
        if "@" in value:
            found.update(os.fsdecode(secret) for secret in url_passwords(_raw(value)))
            oracles = re.findall(r"\A\w{1,32}/([^\s/@:]{4,64})@[\w./:-]+\Z", value)
            found.update(one for one in oracles if looks_chosen(_raw(one)))  # and not org/model@main
        if is_issuer(name):
            found.update(os.fsdecode(piece) for piece in issued_pieces(_raw(value)))
    return found


def _of_user(value: str, *, sure: bool) -> Iterable[str]:
    """Return the password of `user:password`, and of a line of a file of them; `sure` where the name says it is one."""
    found = re.fullmatch(r"(?:[\w.*-]{1,64}:[0-9*]{1,5}:[\w*-]{1,64}:)?[\w.@+-]{1,64}:([^:/@]{6,})", value.strip())
    fits = found and ((sure and len(found[1]) >= EVERYWHERE) or looks_chosen(_raw(found[1])))
    return [found[1]] if found and fits else []


def _tells(value: str) -> bool:
    """Say whether a value names a secret itself: `Authorization=Basic ...`, `sv=2024&sig=...`."""
    lower = value.lower()
    return ("=" in lower or '":' in lower or ("://" in lower and "hook" in lower)) and any(
        word in lower for word in ("key", "token", "secret", "pass", "auth", "pwd", "sig=", "hook")
    )


def _held(name: str, value: str) -> Iterable[str]:
    """Return the secrets in a variable whose name has a secret's word in it but is none's: KEY, CONNECTION_STRING."""
    if not any(sign in value for sign in "=: {"):
        plain_hex = judge(name) != LIKELY and not value.strip("0123456789abcdefABCDEF")  # a digest or an id
        return [value] if not plain_hex and is_secret_value(_raw(value), name, judge(name) or PERHAPS) else []
    from evalprov.secrets.written import find_written  # costs a start more than most variables are worth

    line = _raw(f"{name}={value}")
    spans: Spans = []
    find_written(line, spans)
    held = (line[start:end].strip(b"\"'") for start, end in spans)
    told = any(word.startswith("header") for word in words(name)[-1:])
    headed = re.findall(r"[=:][ ]?([^\s,;=:]{16,})", value) if told else []
    return [os.fsdecode(secret) for secret in held if len(secret) >= EVERYWHERE] + [
        one for one in headed if looks_issued(_raw(one))
    ]


def _harmless(name: str, value: str) -> bool:
    """Say whether a variable with a secret's name holds none: a word like `true`, a path, a count."""
    if is_no_value(value.strip()):
        return True
    if value[:1] in {"/", "~", "."} and (os.path.exists(value) or is_path(_raw(value))):
        return len(value) < 256
    least = WHOLE_WORD if judge(name) == NUMBER else EVERYWHERE
    return judge(name) != SURE and value.isdigit() and len(value) < least


def _raw(value: str) -> bytes:
    """Return the bytes the environment holds."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


class _Literal:
    """Bytes to look for; in base64 also whether a neighbour holds some bits of the secret."""

    __slots__ = ("anchor", "left", "right")

    def __init__(self, text: bytes, *, left: bool = False, right: bool = False) -> None:
        self.anchor = text
        self.left = left
        self.right = right

    def find(self, text: bytes, spans: Spans) -> None:
        """Add where it stands."""
        at = text.find(self.anchor)
        while at >= 0:
            start, end = at, at + len(self.anchor)
            if self.left and re.match(_BASE64, text[start - 1 : start]):
                start -= 1
            if self.right and (more := re.compile(_BASE64 + b"(?:=|%3[Dd])*").match(text, end)):
                end = more.end()
            spans.append((start, end))
            at = text.find(self.anchor, at + 1)


class _Pattern:
    """A value with characters that are written in several ways; compiled when its plainest part turns up."""

    __slots__ = ("_compiled", "_source", "anchor")

    def __init__(self, anchor: bytes, source: Callable[[], bytes]) -> None:
        self.anchor = anchor
        self._source = source
        self._compiled: re.Pattern[bytes] | None = None

    def find(self, text: bytes, spans: Spans) -> None:
        """Add where the value stands, however it is escaped."""
        self._compiled = self._compiled or re.compile(self._source())
        spans.extend(found.span() for found in self._compiled.finditer(text))


class Anchors:
    """Says which of some byte strings stand in a text; of many without a search for each."""

    def __init__(self, anchors: Iterable[bytes]) -> None:
        self._all = list(anchors)
        self._short = [(n, one) for n, one in enumerate(self._all) if not has_odd_run(one)]
        self._by_start: dict[int, dict[bytes, list[int]]] = {}  # by length and first bytes, where they are many
        if len(self._all) > FEW:
            for number, anchor in enumerate(self._all):
                start = anchor[:START]
                self._by_start.setdefault(len(start), {}).setdefault(start, []).append(number)

    def within(self, text: bytes, *, runs: bool = True) -> list[int]:
        """Return the numbers of those that stand in the text; of those with a long, odd run only if it has any."""
        if not runs and not self._by_start:
            return [number for number, anchor in self._short if anchor in text]
        if not self._by_start:
            return [number for number, anchor in enumerate(self._all) if anchor in text]
        found: set[int] = set()
        for length, starts in self._by_start.items():
            for at in range(0, max(1, len(text)), PIECE):
                piece = text[at : at + PIECE + length]
                seen = {piece[i : i + length] for i in range(len(piece) - length + 1)}
                found.update(number for start in starts.keys() & seen for number in starts[start])
        return sorted(number for number in found if self._all[number] in text)


class Needles:
    """All forms of the given values: plain, base64, URL-encoded, JSON- and shell-escaped; several lines as well."""

    def __init__(self, values: Iterable[str]) -> None:
        self._needles: list[_Literal | _Pattern] = []
        self.blocks: list[list[bytes]] = []  # values of several lines
        self.longest = 0
        for value in sorted(values, key=len, reverse=True):
            if len(value) >= WHOLE_WORD:
                self._add(value, _raw(value))
        self._anchors = Anchors(needle.anchor for needle in self._needles)
        self.first_lines = Anchors(lines[0] for lines in self.blocks)
        self.longest_first = max((len(lines[0]) for lines in self.blocks), default=0)

    def _add(self, value: str, raw: bytes) -> None:
        self.longest = max(self.longest, len(raw))
        # Bytes that are no UTF-8 come out of text() in another spelling.
        spellings = {raw, value.encode("utf-8", "surrogatepass")}
        if len(value) < EVERYWHERE:
            self._add_word(value, raw)
        elif len(spellings) > 1:
            self._needles += map(_Literal, spellings)
        elif re.fullmatch(rb"[A-Za-z0-9_.~-]+", raw):
            self._needles.append(_Literal(raw))
        else:
            self._needles.append(_Pattern(_anchor(raw), lambda: _flexible(value)))
        if len(value) >= EVERYWHERE:
            self._needles += _in_base64(raw)
            self._needles += (_Literal(raw.hex().encode()), _Literal(raw.hex().upper().encode()))
        if b"\n" in raw:
            self.blocks.append([line.strip(b" \t\r") for line in raw.split(b"\n")])
        encoded = binascii.b2a_base64(raw, newline=False)[: len(raw) // 3 * 4]
        for width in (64, 76):
            if len(encoded) > width:
                lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
                self.blocks.append(lines)

    def _add_word(self, value: str, raw: bytes) -> None:
        encoded = binascii.b2a_base64(raw, newline=False).rstrip(b"=")
        start, end = rb"(?:(?<!\w)|(?<=\\[nrt]))", rb"(?!\w)"
        self._needles += (
            _Pattern(_anchor(raw), lambda: start + b"(?:" + _flexible(value) + b")" + end),
            _Pattern(encoded, lambda: rb"(?<![\w+/])" + re.escape(encoded) + rb"(?![\w+/])=*"),
        )

    def hits(self, text: bytes, *, runs: bool = True) -> list[tuple[int, int]]:
        """Return where one may stand, and which; `runs` says whether a long run stands in the text at all."""
        found = []
        for number in self._anchors.within(text, runs=runs):
            anchor = self._needles[number].anchor
            at = text.find(anchor) if anchor else -1
            while at >= 0:
                found.append((at, number))
                at = text.find(anchor, at + len(anchor))
            if not anchor:  # nothing but signs, each of which may be escaped
                spans: Spans = []
                self._needles[number].find(text, spans)
                found += [(start, number) for start, _ in spans]
        return found

    def find(self, text: bytes, spans: Spans, numbers: Iterable[int] | None = None) -> None:
        """Add where a value stands in a text; of some of them, if their numbers are given."""
        for number in self._anchors.within(text) if numbers is None else numbers:
            if self._needles[number].anchor in text:
                self._needles[number].find(text, spans)


def _anchor(raw: bytes) -> bytes:
    """Return the longest part of a value that is written in one way only."""
    return max(re.findall(rb"[A-Za-z0-9]+", raw), key=len, default=b"")


def _in_base64(raw: bytes) -> list[_Literal]:
    """Return what a value looks like inside a longer base64 text, whatever comes before and after it."""
    found: dict[bytes, _Literal] = {}
    for shift, lead in ((0, 0), (1, 2), (2, 3)):
        length = shift + len(raw)
        encoded = binascii.b2a_base64(bytes(shift) + raw, newline=False)
        core = encoded[lead : len(encoded) // 4 * 4 - (0, 3, 2)[length % 3]]
        for form in _base64_spellings(core):
            found[form] = _Literal(form, left=shift > 0, right=length % 3 > 0)
    return list(found.values())


def _base64_spellings(core: bytes) -> set[bytes]:
    if b"+" not in core and b"/" not in core:
        return {core}
    upper = core.replace(b"+", b"%2B").replace(b"/", b"%2F")
    lower = core.replace(b"+", b"%2b").replace(b"/", b"%2f")
    return {core, core.translate(bytes.maketrans(b"+/", b"-_")), core.replace(b"/", rb"\/"), upper, lower}


def _flexible(value: str) -> bytes:
    """Return a pattern for a value as it is, URL-encoded, and escaped for JSON, Python, HTML or a shell."""
    parts: list[bytes] = []
    slashes = rb"\\{1,15}+"  # that introduce an escape; text may have been escaped several times over
    for run in re.findall(r"[A-Za-z0-9]+|\\+|\r?\n|.", value, re.DOTALL):
        if run[0] == "\\":
            parts.append(_backslashes(len(run)))
            slashes = rb"\\{0,15}+"  # the run before has taken them
            continue
        if run in {"\n", "\r\n"}:
            parts.append(rb"(?:(?:%sr)?%s(?:n|u000[aA])|(?:%%0[Dd])?%%0[Aa]| )" % (slashes, slashes))
        else:
            parts.append(run.encode() if run.isalnum() and run.isascii() else _special(run, slashes))
        slashes = rb"\\{1,15}+"
    return b"".join(parts)


def _backslashes(count: int) -> bytes:
    return rb"(?:\\{%d,%d}+|(?i:%%5C|\\+u005c){%d})" % (count, 16 * count, count)


def _special(char: str, slashes: bytes) -> bytes:
    """Return a pattern for a character in every writing, the longest first."""
    raw = _raw(char)
    units = char.encode("utf-16-be", "surrogatepass")
    pairs = [slashes + b"u%02x%02x" % (units[i], units[i + 1]) for i in range(0, len(units), 2)]
    ways = [
        b"(?i:" + b"".join(pairs) + b")",
        b"(?i:" + b"".join(slashes + b"x%02x" % byte for byte in raw) + b")",
        b"(?i:" + b"".join(b"%%%02x" % byte for byte in raw) + b")",
    ]
    if char == "'":
        ways += [rb"'\\''", rb"'\"'\"'", b"&#x27;"]
    if char in _HTML:
        ways.append(_HTML[char])
    if char.isascii():
        ways.append(slashes + _ESCAPED.get(char, re.escape(raw)))
    if char == " ":
        ways.append(rb"\+")
    return b"(?:" + b"|".join((*ways, re.escape(raw))) + b")"

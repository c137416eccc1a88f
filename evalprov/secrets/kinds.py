"""What is known of lines that differ in their numbers alone: what was found in one of them stands for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from evalprov.secrets.gate import has_odd_run
from evalprov.secrets.values import compiled, has_one

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

    from evalprov.secrets.lines import Context
    from evalprov.secrets.shapes import Spans

_DIGITS = bytes.maketrans(b"0123456789", b"0" * 10)
# What stands beside a digit that is part of a name: letters, what escapes, what joins.
_BESIDE = bytes(
    48 if code in b"0123456789" else 97 if code == 95 or (chr(code).isalpha() and code < 128)
    else 37 if code in b"%#\\&$" else 43 if code in b"+/-" else 32
    for code in range(256)
)  # fmt: skip
_DIGIT_IN_NAME = (b"a0", b"0a", b"%0", b"a+0", b"0" * 12)
# Lines of a log differ in their numbers, which decide nothing where they are no part of a name; in a key, they may.
_NUMBER = rb"(?<![A-Za-z0-9_%#\\&$])(?<![A-Za-z][+/-])[0-9]{1,11}+(?![A-Za-z0-9_])"
_PGPASS = b":5432:"
_REMEMBERED, _LONGEST = 1 << 12, 1 << 9
_WORTH_ASKING = 1 << 12  # bytes from which on it pays to ask whether all lines are of kinds seen before
_PAUSE, _LONGEST_PAUSE = 8, 64  # windows after one of mostly new lines, and after several
_FEW = 64  # different lines in a window, which cost next to nothing to ask again
_ANY_PORT = b":0000:"  # of which one is told by its number

# Where secrets stand in a line, then in what is left of it, and so on; and what it tells of the next.
Known: TypeAlias = "tuple[list[Spans], Context | None]"
NOTHING: Known = ([], None)


class _Pause:
    """Has a memory not asked for a while after a text that was mostly new to it."""

    def __init__(self) -> None:
        self._left, self._next = 0, _PAUSE

    def is_over(self) -> bool:
        """Say whether the memory is asked of the next text."""
        self._left -= 1
        return self._left < 0

    def judge(self, new: int, lines: int, known: int) -> None:
        """Begin one if most of the lines that were asked are new."""
        if 2 * new > lines > max(known // 4, _FEW):
            self._left = self._next
            self._next = min(2 * self._next, _LONGEST_PAUSE)
        else:
            self._left, self._next = 0, _PAUSE


class Kinds:
    """Remembers lines, and kinds of them."""

    def __init__(self) -> None:
        self._lines: dict[bytes, Known] = {}
        self._plain = {b""}  # what lines with nothing in them look like, their digits aside
        self._of_plain = _Pause()
        self._still: set[bytes] = set()  # lines that, as they are, hold nothing and tell nothing of the next
        self._announcing: dict[bytes, Context] = {}  # lines that hold nothing and announce a secret
        self._unmoved: dict[tuple[bytes, str], bool] = {}  # whether what is announced so before a line changes nothing
        self._of_lines = _Pause()

    def unseen_in(self, text: bytes, before: Context | None) -> set[bytes] | None:
        """Return the lines not known to hold nothing in this company; null if none were asked."""
        if len(text) < _WORTH_ASKING or (before and not before.announces) or not self._of_lines.is_over():
            return None
        lines = set(text.split(b"\n"))
        lines.discard(b"")
        told = lines - self._still
        if not told and not before:
            return told
        new = told.difference(self._announcing)
        self._of_lines.judge(len(new), len(lines), len(self._still))
        if new or b"\n\n" in text or text[:1] == b"\n":  # behind such a line it would go on
            return new or lines
        ways = {self._announcing[line].kind for line in told}
        ways |= {before.kind} if before else set()
        return new if all(self._is_unmoved(line, way) for way in ways for line in lines) else lines

    def told_by(self, text: bytes) -> Context | None:
        """Return what the last of some known lines tells of the next."""
        return self._announcing.get(text[text.rfind(b"\n", 0, -1) + 1 :].removesuffix(b"\n"))

    def seen(self, lines: Iterable[bytes], announcing: Mapping[bytes, Context]) -> None:
        """Remember lines that hold nothing, and which of them announce a secret."""
        for memory in (self._still, self._announcing, self._unmoved):
            if len(memory) >= _REMEMBERED:
                memory.clear()
        for line in lines:
            if len(line) >= _LONGEST:
                continue
            if line in announcing:
                self._announcing[line] = announcing[line]
            else:
                self._still.add(line)

    def _is_unmoved(self, line: bytes, way: str) -> bool:
        known = self._unmoved.get((line, way))
        if known is None:
            from evalprov.secrets.lines import is_unmoved  # most output never needs it

            known = self._unmoved[line, way] = is_unmoved(line, way)
        return known

    def known(self, kind: bytes) -> Known | None:
        """Return what was found in lines of a kind, and what they tell."""
        return self._lines.get(kind)

    def know(self, kind: bytes, what: Known) -> None:
        """Remember what was found in lines of a kind, and what they tell."""
        if len(self._lines) >= _REMEMBERED:
            self._lines.clear()
        self._lines[kind] = what
        if what is NOTHING and not has_one(kind.translate(_BESIDE), _DIGIT_IN_NAME):
            self._remember((kind.rstrip(b"\n"),))

    def new_in(self, text: bytes) -> set[bytes] | None:
        """Return the kinds of lines, their digits aside, not known to hold nothing; null if none were asked."""
        if len(text) < _WORTH_ASKING or not self._of_plain.is_over():
            return None
        kinds = set(text.translate(_DIGITS).split(b"\n"))
        new = kinds - self._plain
        self._of_plain.judge(len(new), len(kinds), len(self._plain))
        return new

    def see(self, kinds: set[bytes], text: bytes, starts: list[int]) -> None:
        """Remember the kinds of lines that nothing is to be looked for in; none of which a digit may decide."""
        suspicious = {line_at(text, start)[0].rstrip(b"\n").translate(_DIGITS) for start in starts}
        self._remember(kinds - suspicious)

    def _remember(self, kinds: Iterable[bytes]) -> None:
        if len(self._plain) >= _REMEMBERED:
            self._plain.clear()
        self._plain.update(
            kind for kind in kinds if len(kind) < _LONGEST and _ANY_PORT not in kind and not has_odd_run(kind)
        )
        self._plain.add(b"")


def kind_of(line: bytes) -> bytes:
    """Return a line with those of its numbers alike that decide nothing; of one not to be remembered, nothing."""
    if len(line) >= _LONGEST or _PGPASS in line:
        return b""
    if has_one(line.translate(_BESIDE), _DIGIT_IN_NAME):
        return compiled(_NUMBER).sub(_zeros, line)
    return line.translate(_DIGITS)


def line_at(text: bytes, at: int) -> tuple[bytes, int]:
    """Return the line that begins here, with its end, and where the next one begins."""
    end = text.find(b"\n", at) + 1 or len(text)
    return text[at:end], end


def _zeros(number: re.Match[bytes]) -> bytes:
    return b"0" * len(number[0])

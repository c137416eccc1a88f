"""Which rules can find anything on which of some lines: asked of all the lines together, at full speed.

A rule costs a line some microseconds; a search for its signs through many lines at once costs next to nothing. Each
bit of a line's mask stands for the signs of a rule, without which it finds nothing: a line without any is passed over.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from evalprov.secrets.commands import COMMAND_WORDS, PARTED
from evalprov.secrets.directives import SIGNS
from evalprov.secrets.foreign import OUTSIDE_ASCII
from evalprov.secrets.forms import LOGS_IN, SIGNS_OF_FORMS, STATEMENTS
from evalprov.secrets.gate import OF_DOMAIN, SHORT_RUNS
from evalprov.secrets.idioms import LISTS
from evalprov.secrets.pairs import OPTION, PAIRED_ALONE
from evalprov.secrets.pointed import NOUNS, RECORDED
from evalprov.secrets.shapes import BEGUN, BEGUN_ESCAPED, HASHED, MARKS
from evalprov.secrets.values import EVIDENCE, RUN_FLAT, compiled, flattened, kinds
from evalprov.secrets.views import ESCAPES, TEXT_IN_BASE64, TEXT_IN_HEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What each bit says: a known token's beginning in a long run, a mark of MARKS, `hook`, a password's hash, `@`.
TOKEN, MARK, HOOK, HASH, AT = (1 << bit for bit in range(5))
# A secret's name and a separator, an option, a word that announces a secret, a letter and a digit side by side, ...
PAIR, DASHES, NOUN, EVIDENT, RECORD, LOGIN, FORM, COMMAND = (1 << bit for bit in range(5, 13))
COLOUR, ESCAPED, ENCODED, TIED = (1 << bit for bit in range(13, 17))
ISSUED = TOKEN | MARK | HOOK | HASH | AT
NAMED = PAIR | DASHES | NOUN | LOGIN | FORM | COMMAND | AT
BY_A_MARK = PAIR | NOUN | EVIDENT | RECORD | TIED  # what a placeholder may bring into a line
_LOGS_IN = LOGIN | EVIDENT
_BESIDE = EVIDENT | RECORD | TIED | LOGIN  # which count beside others alone


def masks(lines: Sequence[bytes]) -> list[int]:
    """Return for each of some lines which rules may find anything on it, or none."""
    return [mask if mask & ~_BESIDE or mask & _LOGS_IN == _LOGS_IN else 0 for mask in _Sieve(lines).masks]


def of(line: bytes) -> int:
    """Return which rules may find anything on a line."""
    return masks((line,))[0]


class _Sieve:
    def __init__(self, lines: Sequence[bytes]) -> None:
        self._ends = list(accumulate(len(line) + 1 for line in lines))
        self.masks = [0] * len(lines)
        text = b"\n".join(lines)
        self._look(text, text.lower())
        self._look_at_runs(text)

    def _look(self, text: bytes, lower: bytes) -> None:
        self._add(NOUN, lower, NOUNS)
        if not text.isascii():
            self._add(NOUN, lower, OUTSIDE_ASCII)
        self._add(TIED, text, (b"=", b":"))
        self._add_pattern(PAIR, lower, PAIRED_ALONE)
        for bit, signs in ((MARK, MARKS), (HOOK, (b"hook",)), (AT, (b"@",)), (COLOUR, (b"\x1b",)), (COMMAND, LISTS)):
            self._add(bit, text, signs)
        for sign, bit, pattern in ((b"--", DASHES, OPTION), (b"$", HASH, HASHED)):
            if sign in text:
                self._add_pattern(bit, text, pattern)
        if b"%" in text or b"&" in text or b"\\" in text:
            self._add(ESCAPED, text, ESCAPES)
        self._add(FORM, text, (*SIGNS_OF_FORMS, *SIGNS))
        self._add(FORM, lower, STATEMENTS)
        parted = b" " + text.translate(PARTED) + b" "  # a place in it is that of the word behind the blank
        self._add(COMMAND, parted, (b" %b " % word for word in COMMAND_WORDS.intersection(parted.split())))
        self._add(LOGIN, lower, LOGS_IN)
        if b"\\" in text:
            self._add_pattern(LOGIN, text, OF_DOMAIN)
        self._add(TOKEN, text, (SHORT_RUNS,))
        self._add(EVIDENT, kinds(text), EVIDENCE)
        self._add(RECORD, text, RECORDED)

    def _look_at_runs(self, text: bytes) -> None:
        flat = flattened(text)
        at = flat.find(RUN_FLAT)
        while at >= 0:
            number = self._number(at)
            end = self._ends[number]
            line = text[self._ends[number - 1] if number else 0 : end - 1]
            begun = BEGUN_ESCAPED if b"\\" in line or b"%" in line else BEGUN
            if compiled(begun).search(b"\n" + line):
                self.masks[number] |= TOKEN
            if compiled(TEXT_IN_BASE64).search(line) or compiled(TEXT_IN_HEX).search(line):
                self.masks[number] |= ENCODED
            at = flat.find(RUN_FLAT, end)

    def _number(self, at: int) -> int:
        """Return which line a place is in."""
        if len(self._ends) == 1:
            return 0
        from bisect import bisect_right  # which a start does without

        return bisect_right(self._ends, at)

    def _mark(self, bit: int, at: int) -> int:
        """Mark the line of a place; return where the next line begins."""
        number = self._number(at)
        self.masks[number] |= bit
        return self._ends[number]

    def _add(self, bit: int, text: bytes, words: Iterable[bytes]) -> None:
        """Mark the lines in which one of some words stands."""
        for word in words:
            at = text.find(word)
            while at >= 0:
                at = text.find(word, self._mark(bit, at))

    def _add_pattern(self, bit: int, text: bytes, pattern: bytes) -> None:
        """Mark the lines in which a pattern is found."""
        search = compiled(pattern).search
        found = search(text)
        while found:
            found = search(text, self._mark(bit, found.start()))

"""A scrubber for the facts that say what ran: what it hides without being sure can still be told from another value.

May this be shown? is answered with caution. Is this the same? must not be answered by what was hidden: two prompts
with other words behind "secret:" are two prompts. So a short digest stands behind the placeholder, made so that trying
out values costs something. What is surely a credential has none: a key that was rotated makes no other program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.record.hidden import MARK, PLACEHOLDER, UNTOLD, digest_of
from evalprov.secrets.scrubber import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_AS_HIDDEN = re.escape(PLACEHOLDER) + r"(?:~(?:[0-9a-f]{6}|\?))?"
MOST = 48  # values of one run; so many cost half a second


class TellingScrubber(Scrubber):
    """Texts and values come out with digests; bytes, which are output and kept files, come out as ever."""

    def __init__(self, environ: Mapping[str, str], extra_names: Iterable[str] = (), most: float = MOST) -> None:
        super().__init__(environ, extra_names)
        self._most = most
        self._digests: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return the text with every secret replaced, and a digest where that is not surely one."""
        return self._told(text, super().text(text))

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return a command line, likewise."""
        return [self._told(word, clean) for word, clean in zip(argv, super().argv(argv), strict=True)]

    def value(self, value: Any, key: str = "") -> Any:
        """Return a JSON-like value, likewise."""
        clean = super().value(value, key)
        return self._told(str(value), clean) if clean == PLACEHOLDER and isinstance(value, int | float) else clean

    def _scalar(self, text: str, key: str) -> str:
        return self._told(text, super()._scalar(text, key))

    def _told(self, raw: str, clean: str) -> str:
        if clean == raw or (MARK in raw and re.sub(_AS_HIDDEN, PLACEHOLDER, raw) == clean):
            return raw  # it was hidden before
        if clean.count(MARK) > raw.count(MARK):
            return clean
        known = self.less_credentials(raw)
        if known == clean:
            return clean
        if known not in self._digests and len(self._digests) < self._most:
            self._digests[known] = f"{MARK}{digest_of(known)}"
        return clean.replace(PLACEHOLDER, self._digests.get(known, UNTOLD), 1)

"""The scrubber itself: bytes in, the same bytes without their secrets out, whole or in pieces."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from evalprov.secrets.names import NO, SURE, holds_many, is_secret_variable, judge
from evalprov.secrets.needles import Needles, secret_values
from evalprov.secrets.pairs import find_pairs, is_secret_value
from evalprov.secrets.shapes import Spans, find_shapes
from evalprov.secrets.stream import WINDOW, StreamScrubber
from evalprov.secrets.values import MARK, PLACEHOLDER

_BATCH = 1 << 14  # characters that are looked at together
_APART = "\n\0\n"


class Scrubber:
    """Takes secrets out of everything that is written; each is replaced by the same placeholder.

    A secret is (a) the value of an environment variable with a secret's name, or one of `extra_names` (names or
    globs), wherever it turns up: as it is, in base64, URL-encoded, escaped. From 8 characters on it is replaced
    anywhere, of 4 to 7 as a whole word, a shorter one only at a secret's key. A value that obviously is none
    (empty, a yes or no, the path of a file, `EMPTY`) is left alone. (b) What has the shape of a known kind of
    secret. (c) What stands at a key, an option or a header that is exactly a secret's name, unless it only says
    where the secret is (`${API_KEY}`, `os.environ["API_KEY"]`), or is a yes or no. Nothing else is changed.
    """

    def __init__(self, environ: Mapping[str, str], extra_names: Iterable[str] = ()) -> None:
        self._environ = dict(environ)
        self._extra_names = tuple(name.upper() for name in extra_names)
        self._known: Mapping[str, str] = {}

    def text(self, text: str) -> str:
        """Return the text with every secret replaced."""
        if (known := self._known.get(text)) is not None:
            return known
        raw = text.encode("utf-8", "surrogatepass")
        scrubbed = self.data(raw)
        return text if scrubbed == raw else scrubbed.decode("utf-8", "surrogatepass")

    def knowing(self, texts: Iterable[str]) -> Scrubber:
        """Return a scrubber that has looked at these texts already: many at once, for most hold no secret."""
        known: dict[str, str] = {}
        batch: list[str] = []
        size = 0
        for text in texts:
            batch.append(text)
            size += len(text)
            if size > _BATCH:
                self._learn(batch, known)
                batch, size = [], 0
        self._learn(batch, known)
        knowing = Scrubber.__new__(Scrubber)  # a copy; `copy` itself costs the start of a run more than this line
        knowing.__dict__.update(self.__dict__, _known=known)
        return knowing

    def _learn(self, batch: list[str], known: dict[str, str]) -> None:
        # No name or value goes beyond this line of its own: what is no secret alone is none in company.
        raw = _APART.join(batch).encode("utf-8", "surrogatepass")
        clean = self.data(raw) == raw
        known.update((text, text if clean else self.text(text)) for text in batch)

    def data(self, data: bytes) -> bytes:
        """Return the bytes with every secret replaced; any bytes, whole."""
        if len(data) < WINDOW and b"-----BEGIN" not in data and not self.needles.blocks:
            return self.scrub_lines(data)  # what the stream would do, without its cost: most texts are short
        return StreamScrubber(self).take(data, final=True)

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return a command line with secrets replaced, also where an option names the next word a secret."""
        words: list[str] = []
        option = ""  # the one that the next word belongs to
        program = os.path.basename(argv[0]) if argv else ""
        for word in argv:
            if option and not word.startswith("-"):
                words.append(self._scalar(word, option))
            elif program == "curl" and words and words[-1] in {"-u", "--user", "--proxy-user"} and ":" in word:
                words.append(f"{word.partition(':')[0]}:{PLACEHOLDER}")
            else:
                words.append(self._word(word))
            option = word.lstrip("-") if re.fullmatch(r"--?[A-Za-z][\w.-]+", word) else ""
        return words

    def value(self, value: Any, key: str = "") -> Any:
        """Return a JSON-like value with secrets replaced, at any depth, by key and by shape."""
        if isinstance(value, str):
            return self._scalar(value, key)
        if isinstance(value, Mapping):
            return self._mapping(value, key)
        if isinstance(value, list | tuple):
            if all(isinstance(item, str) for item in value) and any(item[:1] == "-" for item in value):
                return [self._scalar(item, key) for item in self.argv(value)]
            return [self.value(item, key) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and judge(key) == SURE:
            return PLACEHOLDER
        return value

    def tail(self, data: bytes, limit: int) -> bytes:
        """Return the scrubbed last `limit` bytes, never beginning inside a secret.

        The data must begin where a line does, as with all scrubbing: what was cut inside a secret before it
        came here cannot be told from other text.
        """
        scrubbed = self.data(data)
        start = max(0, len(scrubbed) - limit)
        if start:
            mark = scrubbed.find(MARK, max(0, start - len(MARK) + 1), start + len(MARK) - 1)
            if 0 <= mark < start:
                start = mark + len(MARK)
        return scrubbed[start:]

    def stream(self) -> StreamScrubber:
        """Return a scrubber for bytes that come in pieces."""
        return StreamScrubber(self)

    @cached_property
    def needles(self) -> Needles:
        """The environment's secrets, in all their forms."""
        return Needles(secret_values(self._environ, self._is_extra))

    def scrub_lines(self, text: bytes, spans: Spans | None = None) -> bytes:
        """Return whole lines without the secrets that stand within one, given those already known."""
        spans = self.find(text) if spans is None else spans
        while spans:  # what is left may read differently, now that a placeholder stands beside it
            text = _replace(text, spans)
            spans = self.find(text)
        return text

    def find(self, text: bytes) -> Spans:
        """Return where secrets stand in whole lines: in order, apart, none of them blinded yet."""
        spans: Spans = []
        self.needles.find(text, spans)
        find_shapes(text, spans)
        find_pairs(text, spans)
        return _settled(text, spans) if spans else spans

    def _is_extra(self, name: str) -> bool:
        if not self._extra_names:
            return False
        from fnmatch import fnmatchcase

        return any(fnmatchcase(name.upper(), extra) for extra in self._extra_names)

    def _is_variable(self, name: str) -> bool:
        return self._is_extra(name) or (name.isupper() and is_secret_variable(name))

    def _scalar(self, text: str, key: str) -> str:
        rank = judge(key)
        if rank != NO and is_secret_value(text.encode("utf-8", "surrogatepass"), key, rank):
            return PLACEHOLDER
        return self.text(text)

    def _word(self, word: str) -> str:
        name, assigned, value = word.partition("=")
        if assigned and re.fullmatch(r"-{0,2}[A-Za-z_][\w.-]*", name):
            rank = SURE if self._is_variable(name) else judge(name)
            if rank != NO and is_secret_value(value.encode("utf-8", "surrogatepass"), name, rank):
                return f"{name}={PLACEHOLDER}"
        return self.text(word)

    def _mapping(self, value: Mapping[Any, Any], key: str) -> dict[Any, Any]:
        # Kubernetes and compose files: {"name": "OPENAI_API_KEY", "value": ...}
        named = value.get("name", value.get("key"))
        blind = {"value"} if isinstance(named, str) and self._is_variable(named) else set()
        many = key if holds_many(key) else ""
        scrubbed: dict[Any, Any] = {}
        for name, item in value.items():
            if not isinstance(name, str):
                scrubbed[name] = self.value(item, many)
            elif name in blind and isinstance(named, str):
                scrubbed[name] = self.value(item, "secret")
            elif name.lower() == "token" and any("logprob" in str(other) for other in value):
                scrubbed[name] = self.value(item)  # a piece of text with its probability
            else:
                scrubbed[self.text(name)] = self.value(item, many or name)
        return scrubbed


def _settled(text: bytes, spans: Spans) -> Spans:
    """Put overlapping spans together; a placeholder is taken whole, and left out where it stands alone."""
    marks = [found.span() for found in re.finditer(re.escape(MARK), text)] if MARK in text else []
    merged: Spans = []
    for start, end in sorted(spans + marks):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    alone = set(marks)
    return [span for span in merged if span not in alone] if marks else merged


def _replace(text: bytes, spans: Spans) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end in spans:
        pieces += (text[at:start], MARK)
        at = end
    return b"".join((*pieces, text[at:]))

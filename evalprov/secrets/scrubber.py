"""The scrubber itself: bytes in, the same bytes without their secrets out, whole or in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from evalprov.record.hidden import PLACEHOLDER
from evalprov.secrets.gate import may_hold_token, suspects
from evalprov.secrets.judged import is_secret_value
from evalprov.secrets.kinds import NOTHING, Kinds, kind_of, line_at
from evalprov.secrets.names import NO, SURE, holds_many, is_issuer, is_plain_name, is_secret_variable, judge
from evalprov.secrets.needles import Needles, secret_values
from evalprov.secrets.shapes import find_prefixed
from evalprov.secrets.source import is_source
from evalprov.secrets.spans import replaced, settled
from evalprov.secrets.stream import WINDOW, StreamScrubber
from evalprov.secrets.values import MARK, RUN_FLAT, flattened, is_common, issued_pieces

if TYPE_CHECKING:
    from evalprov.secrets.kinds import Known
    from evalprov.secrets.lines import Context
    from evalprov.secrets.shapes import Spans

_MOST_LOOKS = 24  # at one line, what was found taken out of it each time; then all behind it is hidden
_BATCH = 1 << 14  # characters that are looked at together
_APART = "\n\0\n"


class Scrubber:
    """Takes secrets out of everything that is written; each is replaced by the same placeholder.

    A secret is (a) the value of an environment variable with a secret's name, or one of `extra_names` (names or
    globs), wherever it turns up: as it is, in base64, URL-encoded, escaped. From 8 characters on it is replaced
    anywhere, of 4 to 7 as a whole word, a shorter one only at a secret's key. A value that obviously is none
    (empty, a yes or no, the path of a file, `EMPTY`) is left alone. (b) What has the shape of a known kind of
    secret. (c) What stands at a key, an option or a header that is exactly a secret's name, unless it only says
    where the secret is (`${API_KEY}`, `os.environ["API_KEY"]`), or is a yes or no. (d) What anything else points at: a
    command's option, a table, a tag, a record of name and value, a sentence, the line before; the looser the tie, the
    more must it look like a secret. (e) What is one of these when it is decoded. Nothing else is changed.
    """

    def __init__(self, environ: Mapping[str, str], extra_names: Iterable[str] = ()) -> None:
        self._environ = dict(environ)
        self._extra_names = tuple(name.upper() for name in extra_names)
        self._known: Mapping[str, str] = {}
        self._kinds = Kinds()
        self._quoted = False  # whether it reads source code

    def text(self, text: str) -> str:
        """Return the text with every secret replaced."""
        if (known := self._known.get(text)) is not None:
            return known
        raw = text.encode("utf-8", "surrogatepass")
        if is_plain_name(text) and not self.needles.hits(raw):
            return text
        scrubbed = self.data(raw)
        return text if scrubbed == raw else scrubbed.decode("utf-8", "surrogatepass")

    def knowing(self, texts: Iterable[str]) -> Self:
        """Return a scrubber that has looked at these texts already: many at once, for most hold no secret."""
        known: dict[str, str] = {}
        batch: list[str] = []
        size = 0
        for text in texts:
            if is_plain_name(text):
                continue
            batch.append(text)
            size += len(text)
            if size > _BATCH:
                self._learn(batch, known)
                batch, size = [], 0
        self._learn(batch, known)
        knowing = type(self).__new__(type(self))  # a copy; `copy` itself costs the start of a run more than this line
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
            return self.scrub_lines(data)[0]  # what the stream would do, without its cost: most texts are short
        return StreamScrubber(self).take(data, final=True)

    def reading(self, path: bytes) -> Scrubber:
        """Return a scrubber for what a file of this name holds: source code, or anything."""
        return self._of_source if is_source(path) else self

    @cached_property
    def _of_source(self) -> Scrubber:
        source = self.plain()
        source.__dict__.update(_quoted=True, _kinds=Kinds(), needles=self.needles)
        return source

    def has_secret(self, data: bytes) -> bool:
        """Say whether anything in the bytes would be replaced; the first such thing ends the search."""
        stream, at = StreamScrubber(self), 0
        for start in range(0, max(len(data), 1), WINDOW):
            clean = stream.take(data[start : start + WINDOW], final=start + WINDOW >= len(data))
            if data[at : at + len(clean)] != clean:
                return True
            at += len(clean)
        return at != len(data)

    def less_credentials(self, text: str) -> str:
        """Return a text without what is surely a credential: a value of the environment's, a known kind of token."""
        lines = []
        for line in text.encode("utf-8", "surrogatepass").splitlines(keepends=True):
            spans: Spans = []
            self.needles.find(line, spans)
            find_prefixed(line, spans)
            lines.append(replaced(line, settled(line, spans)) if spans else line)
        return b"".join(lines).decode("utf-8", "surrogatepass")

    def has_credential(self, text: str) -> bool:
        """Say whether anything in a text surely is a credential."""
        raw = text.encode("utf-8", "surrogatepass")
        spans: Spans = []
        self.needles.find(raw, spans)
        find_prefixed(raw, spans)
        return bool(spans)

    def plain(self) -> Scrubber:
        """Return a scrubber for words that are no facts, which nobody compares."""
        plain = Scrubber.__new__(Scrubber)
        plain.__dict__.update(self.__dict__, _known={})
        return plain

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return a command line with secrets replaced, also where an option names the next word a secret."""
        from evalprov.secrets.idioms import secret_in

        words: list[str] = []
        option = ""  # the one that the next word belongs to
        for number, word in enumerate(argv):
            prompts = option == "password" and argv[0].startswith(("mysql", "mariadb"))  # takes none from the next word
            given = option and not word.startswith("-") and not (prompts and is_common(word.encode()))
            clean = self._scalar(word, option) if given else self._word(word)
            if argv[0] == "gcloud" and re.match(r"--secret=[\w-]+\Z", word):
                clean = word  # there it is a secret's name
            if number and clean == word and (span := secret_in(argv, number)):
                clean = f"{word[: span[0]]}{PLACEHOLDER}{word[span[1] :]}"
            words.append(clean)
            option = word.lstrip("-") if re.fullmatch(r"--?[^\W\d_][\w.-]+", word) else ""
        return words

    def value(self, value: Any, key: str = "") -> Any:  # noqa: PLR0911 - one line a case
        """Return a JSON-like value with secrets replaced, at any depth, by key and by shape."""
        if isinstance(value, str):
            return self._scalar(value, key)
        if isinstance(value, Mapping):
            return self._mapping(value, key)
        if isinstance(value, list | tuple):
            if all(isinstance(item, str) for item in value) and any(item[:1] == "-" for item in value):
                return [self._scalar(item, key) for item in self.argv(value)]
            if len(value) == 2 and isinstance(value[0], str) and judge(value[0]) == SURE:  # ["api_key", ...]
                return [value[0], self.value(value[1], value[0])]
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

    def suspects(self, text: bytes) -> bool:
        """Say whether anything in a text is worth a look."""
        if text == text[:1] * len(text):  # zeros, or a ruler
            return bool(self.needles.hits(text))
        flat = flattened(text)
        return bool(suspects(text, flat)) or bool(self.needles.hits(text, runs=RUN_FLAT in flat))

    def scrub_lines(self, text: bytes, before: Context | None = None) -> tuple[bytes, Context | None]:
        """Return whole lines without their secrets, and what the last of them tells about the next.

        Lines in which nothing suspicious stands are not looked at one by one, nor those that were seen before or
        differ from such in their numbers alone.
        """
        unseen = self._kinds.unseen_in(text, before)
        if unseen is not None and not unseen:
            return text, self._kinds.told_by(text)
        new = self._kinds.new_in(text)
        if new is not None and not new and not before and not self.needles.hits(text, runs=False):
            return text, None
        flat = flattened(text)
        hits = self.needles.hits(text, runs=RUN_FLAT in flat)
        starts = suspects(text, flat)
        if new:
            self._kinds.see(new, text, starts)
        holding = {text.rfind(b"\n", 0, place) + 1 for place, _ in hits}
        sifted = self._sifted(text, starts)
        if not holding and not before and not sifted:
            self._kinds.seen(unseen or (), {})
            return text, None
        loud: set[bytes] = set()  # lines that hold something, tell of the next or were told of
        announcing: dict[bytes, Context] = {}  # those that only say that one may follow
        pieces: list[bytes] = []
        at = 0
        needles = sorted({number for _, number in hits})
        for start in (*sorted(holding.union(sifted)), len(text)):
            while before and at < start:  # a line that is nothing by itself
                line, end = line_at(text, at)
                if self._is_unmoved(line, before):
                    before = None
                    break
                loud.add(line.removesuffix(b"\n"))
                line, before = self._scrub_line(line, before, needles, sifted.get(at))
                pieces.append(line)
                at = end
            if at <= start < len(text):
                pieces.append(text[at:start])
                line, at = line_at(text, start)
                clean, before = self._scrub_line(line, before, needles if start in holding else [], sifted.get(start))
                if before and before.announces and clean == line:
                    announcing[line.removesuffix(b"\n")] = before
                elif before or clean != line:
                    loud.add(line.removesuffix(b"\n"))
                pieces.append(clean)
        pieces.append(text[at:])
        if unseen:
            self._kinds.seen(unseen - loud, announcing)
        return b"".join(pieces), before

    def _sifted(self, text: bytes, starts: list[int]) -> dict[int, int | Known]:
        """Return which of the lines that begin there hold anything: what is known of their kind, or which rules ask."""
        sifted: dict[int, int | Known] = {}
        unknown: list[tuple[int, bytes, bytes]] = []
        for start in starts:
            line, _ = line_at(text, start)
            kind = kind_of(line)
            if (known := self._kinds.known(kind)) is None:
                unknown.append((start, line, kind))
            elif known is not NOTHING:
                sifted[start] = known
        if unknown:
            from evalprov.secrets.sieve import masks  # a start with nothing suspicious never needs it

            for (start, _, kind), mask in zip(unknown, masks([line for _, line, _ in unknown]), strict=True):
                if mask:
                    sifted[start] = mask
                elif kind:
                    self._kinds.know(kind, NOTHING)
        return sifted

    def _scrub_line(
        self, line: bytes, before: Context | None, needles: list[int], what: int | Known | None
    ) -> tuple[bytes, Context | None]:
        if before and self._is_unmoved(line, before):
            before = None
        if isinstance(what, tuple) and not before and not needles:
            found, after = what
        else:
            found, after = self._found(line, before, needles, what if isinstance(what, int) else None)
        for spans in found:
            line = replaced(line, spans)
        return line, after

    def _is_unmoved(self, line: bytes, before: Context) -> bool:
        """Say whether what was announced before a line changes nothing about it."""
        if before.kind == "near" and line[:1] not in b"\r\n" and not may_hold_token(line):
            return True  # only a token could be announced
        if not before.announces:
            return False
        from evalprov.secrets.lines import is_unmoved

        return is_unmoved(line, before.kind)

    def _found(
        self, line: bytes, before: Context | None, needles: list[int], mask: int | None = None
    ) -> tuple[list[Spans], Context | None]:
        """Return where secrets stand in a line, then in what is left of it, and what it tells about the next."""
        kind = b"" if before or needles else kind_of(line)
        if known := self._kinds.known(kind):
            return known
        from evalprov.secrets import sieve
        from evalprov.secrets.lines import told

        found: list[Spans] = []
        while spans := self.find(line, before, needles, mask, again=True):
            if len(found) == _MOST_LOOKS:
                spans = [(spans[0][0], len(line.rstrip(b"\r\n")))]
            found.append(spans)
            mask = (sieve.of(line) if mask is None else mask) | sieve.BY_A_MARK
            line = replaced(line, spans)  # what is left may read differently, beside a placeholder
            if len(found) > _MOST_LOOKS:
                break
        after = told(line, before)
        if kind:
            self._kinds.know(kind, (found, after) if found or after else NOTHING)
        return found, after

    def scrub_piece(self, piece: bytes, spans: Spans) -> bytes:
        """Return a piece of a long line without the secrets that stand in it, given those already known."""
        looks = 0
        while spans:
            looks += 1
            piece = replaced(piece, spans if looks <= _MOST_LOOKS else [(spans[0][0], len(piece))])
            spans = self.find(piece) if looks <= _MOST_LOOKS else []
        return piece

    def find(
        self,
        line: bytes,
        before: Context | None = None,
        needles: list[int] | None = None,
        mask: int | None = None,
        *,
        again: bool = False,
    ) -> Spans:
        """Return where secrets stand in one line: in order, apart, none of them blinded yet.

        Not all of them, if what is left of the line is looked at `again`.
        """
        from evalprov.secrets.rules import find_all  # most output never needs it

        spans: Spans = []
        find_all(line, spans, before, self.needles, numbers=needles, mask=mask, quoted=self._quoted, again=again)
        return settled(line, spans) if spans else spans

    def _is_extra(self, name: str) -> bool:
        if not self._extra_names:
            return False
        from fnmatch import fnmatchcase

        return any(fnmatchcase(name.upper(), extra) for extra in self._extra_names)

    def _is_variable(self, name: str) -> bool:
        return self._is_extra(name) or (name.isupper() and is_secret_variable(name))

    def _scalar(self, text: str, key: str) -> str:
        rank = judge(key)
        raw = text.encode("utf-8", "surrogatepass")
        if rank != NO and is_secret_value(raw, key, rank):
            return PLACEHOLDER
        if is_issuer(key):
            for piece in issued_pieces(raw):
                text = text.replace(piece.decode(), PLACEHOLDER)
        return self.text(text)

    def _word(self, word: str) -> str:
        name, assigned, value = word.partition("=")
        if assigned and re.fullmatch(r"-{0,2}[^\W\d][\w.-]*", name):
            rank = SURE if self._is_variable(name) else judge(name.removeprefix("-D"))
            if rank != NO and is_secret_value(value.encode("utf-8", "surrogatepass"), name, rank):
                return f"{name}={PLACEHOLDER}"
        return self.text(word)

    def _mapping(self, value: Mapping[Any, Any], key: str) -> dict[Any, Any]:
        from evalprov.secrets.beside import VALUED, blind_in

        blind, kind = blind_in(value, self._is_variable)
        if judge(key) == SURE:  # {"password": {"type": ..., "default": ...}}
            blind |= {
                name
                for name in value
                if isinstance(name, str) and (name.lower() in VALUED or name.endswith(("Value", "_value")))
            }
        many = key if holds_many(key) else ""
        scrubbed: dict[Any, Any] = {}
        for name, item in value.items():
            if not isinstance(name, str):
                scrubbed[name] = self.value(item, many)
            elif name in blind:
                scrubbed[name] = self.value(item, kind)
            elif name == "data" and isinstance(item, Mapping) and judge(key) == SURE:  # as a vault tells of one
                scrubbed[name] = {inner: self.value(one, key) for inner, one in item.items()}
            elif name.lower() == "token" and any("logprob" in str(other) for other in value):
                scrubbed[name] = self.value(item)  # a piece of text with its probability
            else:
                of_issuer = name.lower() in {"url", "uri"} and is_issuer(key)
                own = f"{key}_key" if name in {"key", "api"} and is_issuer(key) else key if of_issuer else name
                scrubbed[self.text(name)] = self.value(item, many or own)
        return scrubbed

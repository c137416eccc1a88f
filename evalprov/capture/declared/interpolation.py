"""Interpolations in a configuration, `${a.b}` and `${oc.env:NAME}`, replaced by what they stand for.

These are the rules of OmegaConf, for values as its files hold them. What it asks the running program for, such as
the program's own resolvers, stays as it is written, and so does what names the run's own time and place: that is
no part of what the program was told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEPTH = 100
MOST = 5_000_000  # values and characters that references to references may make
ESCAPES = re.compile(r"(\\*)\$\{")
_WHOLE = r"(?:0|[1-9](?:_?\d)*)"
_POINT = rf"(?:{_WHOLE}?\.\d(?:_?\d)*|{_WHOLE}\.)"

WHOLE = re.compile(rf"[+-]?{_WHOLE}")
NUMBER = re.compile(rf"[+-]?(?:{_POINT}|(?:{_WHOLE}|{_POINT})[eE][+-]?\d(?:_?\d)*)")
ENDLESS = re.compile(r"[+-]?(?:inf|nan)", re.IGNORECASE)
# Of Hydra's own facts, those of when and where: another run of the same program has others.
CIRCUMSTANCE = (
    "runtime.output_dir",
    "runtime.cwd",
    "run.dir",
    "sweep.dir",
    "sweep.subdir",
    "job.id",
    "job.num",
)

Path = tuple[str, ...]


class Unresolved(Exception):  # noqa: N818 - the text stays as it is
    """What an interpolation stands for cannot be told; the words say why."""


class Circumstance(Unresolved):
    """It stands for something of this one run."""


class Resolved(NamedTuple):
    """A configuration with its interpolations replaced, and those that were not, by their place."""

    value: Any
    left: dict[str, str]


def resolve(root: Any, environ: Mapping[str, str], hydra: Any = None) -> Resolved:
    """Return a configuration, which is not changed, with every interpolation replaced that can be."""
    return _Resolver(root, environ, hydra).all()


class _Resolver:
    """One configuration being resolved."""

    def __init__(self, root: Any, environ: Mapping[str, str], hydra: Any) -> None:
        self._root = root
        self._environ = environ
        self._hydra = hydra
        self._left: dict[str, str] = {}
        self._under_way: list[Path] = []
        self._made = 0

    def all(self) -> Resolved:
        return Resolved(self._copy(self._root, ()), self._left)

    def _copy(self, node: Any, path: Path) -> Any:
        if isinstance(node, dict):
            return {key: self._copy(inner, (*path, key)) for key, inner in node.items()}
        if isinstance(node, list):
            return [self._copy(inner, (*path, str(at))) for at, inner in enumerate(node)]
        try:
            return self._value(node, path)
        except Circumstance:
            return node
        except Unresolved as why:
            self._left[".".join(path)] = str(why)
            return node

    def _value(self, node: Any, path: Path) -> Any:
        """Return a node with all in it resolved, or raise."""
        if path in self._under_way or len(self._under_way) > DEPTH:
            raise Unresolved("it leads back to itself")
        self._count(1)
        self._under_way.append(path)
        try:
            if isinstance(node, dict):
                return {key: self._value(inner, (*path, key)) for key, inner in node.items()}
            if isinstance(node, list):
                return [self._value(inner, (*path, str(at))) for at, inner in enumerate(node)]
            return self.text(node, path) if isinstance(node, str) and "${" in node else node
        finally:
            self._under_way.pop()

    def text(self, text: str, path: Path) -> Any:
        """Return what a text with interpolations stands for: any value if it is one alone, else a text."""
        parts: list[Any] = []
        at = 0
        while found := ESCAPES.search(text, at):
            slashes = len(found[1])
            parts.append(text[at : found.start()] + "\\" * (slashes // 2))
            if slashes % 2:
                parts.append("${")
                at = found.end()
                continue
            reader = _ReferenceReader(text, found.end(), self, path)
            parts.append(_Value(reader.interpolation()))
            at = reader.at
        parts.append(text[at:])
        told = [part for part in parts if part != ""]
        if len(told) == 1 and isinstance(told[0], _Value):
            return told[0].value
        whole = "".join(str(part.value) if isinstance(part, _Value) else part for part in told)
        self._count(len(whole))
        return whole

    def _count(self, more: int) -> None:
        self._made += more
        if self._made > MOST:
            raise Unresolved(f"its references make more than {MOST:,} values")

    def select(self, key: str, path: Path) -> Any:
        """Return the value at a key: from the root on, or with dots in front from where it is named."""
        dots = len(key) - len(key.lstrip("."))
        if dots > len(path):
            raise Unresolved(f"{key} leads above the top")
        steps = _steps(key[dots:])
        start = path[: len(path) - dots] if dots else ()
        return self._at((*start, *steps), key)

    def _at(self, path: Path, key: str) -> Any:
        node = self._root
        for depth, step in enumerate(path):
            # A step may lead through what is itself an interpolation.
            node = self._value(node, path[:depth]) if isinstance(node, str) else node
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and re.fullmatch(r"\d+", step) and int(step) < len(node):
                node = node[int(step)]
            else:
                raise Unresolved(f"there is no {key}")
        if node == "???":
            raise Unresolved(f"{key} has no value")
        return self._value(node, path)

    def call(self, name: str, words: list[Any], path: Path) -> Any:
        """Return what a resolver gives for its arguments."""
        if name == "now":
            raise Circumstance("the time of the run")
        if name == "hydra":
            return self._of_hydra(words)
        known: dict[str, Callable[..., Any]] = {
            "oc.env": self._env,
            "oc.create": lambda value: value,
            "oc.decode": lambda value: self._decode(value, path),
            "oc.select": lambda key, *default: self._select_or(key, default, path),
            "oc.deprecated": lambda key, *_: self.select(str(key), path),
            "oc.dict.keys": lambda key: list(self._table(key, path)),
            "oc.dict.values": lambda key: list(self._table(key, path).values()),
        }
        if name not in known:
            raise Unresolved(f"the resolver {name} is the program's own")
        try:
            return known[name](*words)
        except TypeError:
            raise Unresolved(f"{name} is not meant for {len(words)} arguments") from None

    def _env(self, name: Any, *default: Any) -> Any:
        if str(name) in self._environ:
            return self._environ[str(name)]
        if not default:
            raise Unresolved(f"the environment has no {name}")
        return None if default[0] is None else str(default[0])

    def _decode(self, value: Any, path: Path) -> Any:
        if value is None:
            return None
        text = str(value)
        reader = _ReferenceReader(text, 0, self, path)
        decoded = reader.element(",")
        if reader.at < len(text) or not text:
            raise Unresolved(f"{text!r} cannot be decoded")
        return text if decoded == text.strip() else decoded

    def _select_or(self, key: Any, default: tuple[Any, ...], path: Path) -> Any:
        try:
            return self.select(str(key), path)
        except Circumstance:
            raise
        except Unresolved:
            return default[0] if default else None

    def _table(self, key: Any, path: Path) -> dict[str, Any]:
        table = self.select(str(key), path)
        if not isinstance(table, dict):
            raise Unresolved(f"{key} is no table")
        return table

    def _of_hydra(self, words: list[Any]) -> Any:
        key = str(words[0]) if words else ""
        if self._hydra is None:
            raise Unresolved("Hydra's own configuration is not there")
        if key in CIRCUMSTANCE:
            raise Circumstance(f"hydra:{key}")
        inner = _Resolver({"hydra": self._hydra}, self._environ, self._hydra)
        return inner.select(f"hydra.{key}", ())


class _Value(NamedTuple):
    """What an interpolation gave, beside the text around it."""

    value: Any


def _steps(key: str) -> Path:
    """Split a key at its dots and brackets."""
    return tuple(step for step in re.split(r"[.\[\]]", key) if step)


class _ReferenceReader:
    """Reads interpolations and their arguments from a text."""

    def __init__(self, text: str, at: int, resolver: _Resolver, path: Path) -> None:
        self.text = text
        self.at = at
        self._resolver = resolver
        self._path = path

    def interpolation(self) -> Any:
        """Return the value of one; the reader stands behind its opening brace."""
        name = ""
        while True:
            if self._skip("${"):
                name += str(self.interpolation())
            elif self._skip("}"):
                return self._resolver.select(name.strip(), self._path)
            elif self._skip(":"):
                words = self._elements("}")
                return self._resolver.call(name.strip(), words, self._path)
            else:
                name += self._take()

    def _elements(self, end: str) -> list[Any]:
        """Return the values up to a closing sign, which is taken."""
        self._blanks()
        if self._skip(end):
            return []
        values = [self.element(f",{end}")]
        while not self._skip(end):
            self._expect(",")
            values.append(self.element(f",{end}"))
        return values

    def element(self, ends: str) -> Any:
        """Return one value: quoted, a list, a table, or plain up to one of the signs that end it."""
        self._blanks()
        start = self.at
        value: Any
        if self._skip("["):
            value = self._elements("]")
        elif self._skip("{"):
            value = self._pairs()
        elif self.text[self.at : self.at + 1] in {"'", '"'}:
            value = self._quoted(self._take())
        else:
            return self._plain(ends)
        self._blanks()
        if self.at < len(self.text) and self.text[self.at] not in ends:
            raise Unresolved(f"{self.text[start : self.at + 1]!r} is not understood")
        return value

    def _pairs(self) -> dict[str, Any]:
        table: dict[str, Any] = {}
        self._blanks()
        if self._skip("}"):
            return table
        while True:
            key = self.element(":")
            self._expect(":")
            table[str(key)] = self.element(",}")
            if self._skip("}"):
                return table
            self._expect(",")

    def _quoted(self, quote: str) -> Any:
        start = self.at
        while (letter := self._take()) != quote:
            if letter == "\\":
                self._take()
        inside = self.text[start : self.at - 1].replace(f"\\{quote}", quote)
        return self._resolver.text(inside, self._path) if "${" in inside else inside

    def _plain(self, ends: str) -> Any:
        parts: list[Any] = []
        kept = 0  # the last part that is more than a blank before the end
        while self.at < len(self.text) and self.text[self.at] not in ends:
            escaped = False
            if self._skip("${"):
                parts.append(_Value(self.interpolation()))
            else:
                escaped = self._skip("\\")
                parts.append(self._take())
            if escaped or not (isinstance(parts[-1], str) and parts[-1].isspace()):
                kept = len(parts)
        parts = parts[:kept]
        if len(parts) == 1 and isinstance(parts[0], _Value):
            return parts[0].value
        if any(isinstance(part, _Value) for part in parts):
            return "".join(str(part.value) if isinstance(part, _Value) else part for part in parts)
        return _typed("".join(parts))

    def _blanks(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _expect(self, sign: str) -> None:
        self._blanks()
        if not self._skip(sign):
            raise Unresolved(f"{self.text!r} is not understood")
        self._blanks()

    def _skip(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def _take(self) -> str:
        if self.at >= len(self.text):
            raise Unresolved(f"{self.text!r} has no end")
        self.at += 1
        return self.text[self.at - 1]


def _typed(word: str) -> Any:
    """Return a plain word as the value that it reads as."""
    if word.lower() in {"null", "true", "false"}:
        return {"null": None, "true": True, "false": False}[word.lower()]
    if WHOLE.fullmatch(word):
        return int(word)
    if NUMBER.fullmatch(word) or ENDLESS.fullmatch(word):
        return float(word)
    return word

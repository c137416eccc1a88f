"""Every key of the settings, the shape its value must have, and what is said of one that has not."""

from __future__ import annotations

import os
from typing import Any

from evalprov.errors import EvalprovError, UsageError
from evalprov.named import NamedTuple

FILE = "evalprov.toml"
RULES = ("metrics", "gate")  # how runs are judged: no facts of a run, so no record has them


class Each(NamedTuple):
    """A table whose keys are the user's own names."""

    shape: Any

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        for name, item in _table(value, at).items():
            check(item, self.shape, at.inside(name))


class Choice(NamedTuple):
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        if value not in self.words:
            raise at.fail(f"must be one of {', '.join(self.words)}, not {value!r}")


class ChosenWords(NamedTuple):
    """One of a few words, or a list of others."""

    alone: tuple[str, ...]
    listed: tuple[str, ...]

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        if isinstance(value, list):
            for number, item in enumerate(value):
                Choice(self.listed).check(item, at.inside(str(number)))
        elif value not in self.alone:
            words = ", ".join(self.alone)
            raise at.fail(f"must be {words}, or a list of {', '.join(self.listed)}, not {value!r}")


class AtLeast(NamedTuple):
    """A whole number from a bound on."""

    bound: int

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        check(value, int, at)
        if isinstance(value, int) and value < self.bound:
            raise at.fail(f"must be at least {self.bound}, not {value}")


class Within(NamedTuple):
    """A number from one bound to another, in words."""

    low: float
    high: float
    words: str

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise at.fail(f"must be {self.words}, not {_name(value)}")
        if not self.low <= value <= self.high:
            raise at.fail(f"must be {self.words}, not {value}")


class Written(NamedTuple):
    """A text of a form, in words."""

    form: str  # a regular expression
    words: str

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        import re

        if not isinstance(value, str) or not re.fullmatch(self.form, value):
            raise at.fail(f"must be {self.words}, not {value!r}")


class Patterns(NamedTuple):
    """A list of regular expressions."""

    words: str = "a list of regular expressions"

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        import re

        check(value, (str,), at)
        for pattern in value if isinstance(value, list) else ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise at.fail(f"{pattern!r} is no regular expression: {error}") from None


class AnyOf(NamedTuple):
    """One of several shapes, in words."""

    shapes: tuple[Any, ...]
    words: str

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        tables = [shape for shape in self.shapes if isinstance(shape, dict)]
        if isinstance(value, dict) and tables:
            _check_table(value, tables[0], at)
        elif type(value) not in self.shapes:
            raise at.fail(f"must be {self.words}, not {_name(value)}")


class Required(NamedTuple):
    """A key that its table must have."""

    shape: Any

    def check(self, value: object, at: At) -> None:
        """Refuse what does not fit."""
        check(value, self.shape, at)


NUMBER = AnyOf((int, float), "a number")
STRINGS = (str,)
AMOUNT = Within(0, 1e300, "a number of 0 or more")
SHARE = Within(0, 1, "a share from 0 to 1")
AGGREGATE = Written(
    r"mean|sum|median|p\d{1,2}(\.\d+)?|ratio|weighted_mean|micro_(f1|precision|recall)|macro_f1|bleu|pass@[1-9]\d*"
    r"|python:[\w.]+:\w+",
    "mean, sum, median, p95, ratio, weighted_mean, micro_f1, micro_precision, micro_recall, macro_f1, bleu, "
    "pass@1 or python:module:function",
)
TRACKERS = ("mlflow", "opentelemetry", "langsmith", "langfuse", "wandb", "inspect", "comet")
_VERSIONED = AnyOf((str, {"path": Required(str), "version": str}), 'a path, or {path = "...", version = "..."}')

# Every key there is. A type is that type, a one-tuple a list of it, a dict a table with these keys.
SHAPE: dict[str, Any] = {
    "scenario": str,
    "golden_version": str,
    "store": str,
    "observe": {"mode": Choice(("project", "auto", "strict", "off")), "wire": bool},
    "record": {"providers": STRINGS, "base_urls": Choice(("auto", "always", "never")), "prices": str},
    "replay": {
        "ignore": Patterns(),
        "timing": bool,
        "errors": bool,
        "network": Choice(("closed", "open")),
    },
    "remote": {"url": str, "push": Choice(("after-run", "never"))},
    "handover": {"trackers": ChosenWords(("off", "auto"), TRACKERS)},
    "log": {"mode": Choice(("bounded", "full", "off")), "bytes": AtLeast(0)},
    "report": {"text_bytes": AtLeast(0)},
    "model": {
        "provider": str,
        "model": str,
        "version": str,
        "temperature": NUMBER,
        "top_p": NUMBER,
        "top_k": int,
        "max_tokens": int,
        "seed": int,
        "stop_sequences": STRINGS,
        "extra": Each(object),
    },
    "prompts": Each(_VERSIONED),
    "config": {"files": STRINGS},
    "data": Each(_VERSIONED),
    "retrieval": {
        "embedding_model": str,
        "index": str,
        "top_k": int,
        "reranker": str,
        "rerank_top_n": int,
        "chunk_size": int,
        "chunk_overlap": int,
        "extra": Each(object),
    },
    "agent": {"name": str, "version": str, "graph": str, "config": str},
    "tools": ({"name": Required(str), "version": str, "description": str, "schema": str},),
    "grader": {"files": STRINGS, "version": str, "metrics": Each(str), "calibration": str},
    "code": {"include": STRINGS, "exclude": STRINGS, "algorithms": Each(str)},
    "infra": {
        "cpu_guaranteed": NUMBER,
        "cpu_hard_limit": NUMBER,
        "memory_guaranteed_mb": int,
        "memory_hard_limit_mb": int,
        "time_budget_seconds": NUMBER,
        "concurrency_level": int,
        "runtime_platform": str,
        "sandbox_provider": str,
        "harness_version": str,
    },
    "versions": Each(str),
    "env": {"record": STRINGS, "secret": STRINGS},
    "metrics": Each(
        {
            "direction": Choice(("higher", "lower")),
            "unit": str,
            "tolerance": AMOUNT,
            "tolerance_relative": AMOUNT,
            "noise_band": AMOUNT,
            "min_n": AtLeast(2),
            "blocking": bool,
            "role": Choice(("primary", "guard", "info")),
            "aggregate": AGGREGATE,
            "of": STRINGS,
        }
    ),
    "gate": {
        "level": Within(1e-9, 0.5, "a share above 0, of 0.5 at most"),
        "noise_band": AMOUNT,
        "max_errors": SHARE,
        "max_infra_errors": SHARE,
        "allow_failed": bool,
        "require": Choice(("no_proven_fall", "no_worse_than")),
        "sequential": bool,
    },
}

_WORDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    object: "anything",
}


class At(NamedTuple):
    """A place in the settings, for messages."""

    path: str
    text: str
    keys: tuple[str, ...] = ()
    given: str | None = None  # on the command line

    def inside(self, key: str) -> At:
        """Go into a table or a list."""
        return self._replace(keys=(*self.keys, key))

    def fail(self, problem: str, hint: str = "") -> EvalprovError:
        """Return the error that says what is wrong here."""
        if self.given is not None:
            return UsageError(f"{self.path} {self.given}: {self._dotted()}: {problem}", hint)
        line = self._line(self.keys)
        where = f"{self.path}:{line}" if line else self.path
        return EvalprovError(f"{where}: {self._dotted()}: {problem}", hint)

    def _dotted(self) -> str:
        return ".".join(f'"{key}"' if "." in key else key for key in self.keys)

    def _line(self, keys: tuple[str, ...]) -> int | None:
        """Find the line a key stands on; the parser does not say."""
        import re

        prefix = () if os.path.basename(self.path) == FILE else ("tool", "evalprov")
        wanted = prefix + tuple(key for key in keys if not key.isdigit())
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[\[?([^\]]+)\]", line):
                table = parts(header[1])
                if table == wanted:
                    return number
            elif (pair := re.match(r"\s*([^=#]+?)\s*=", line)) and (*table, *parts(pair[1])) == wanted:
                return number
        return self._line(keys[:-1]) if len(wanted) > len(prefix) + 1 else None


def parts(dotted: str) -> tuple[str, ...]:
    """Split a dotted key; a dot within quotes is part of a name."""
    pieces = dotted.split(".")
    if '"' in dotted or "'" in dotted:
        import re

        pieces = re.split(r"""\.(?=(?:[^"']|"[^"]*"|'[^']*')*$)""", dotted)
    return tuple(piece.strip(" \"'") for piece in pieces)


def check(value: object, shape: Any, at: At) -> None:
    """Hold a value against its shape; the first misfit is an error that names it."""
    if isinstance(shape, dict):
        _check_table(value, shape, at)
    elif type(shape) is tuple:
        if not isinstance(value, list):
            raise at.fail(f"must be a list, not {_name(value)}")
        for number, item in enumerate(value):
            check(item, shape[0], at.inside(str(number)))
    elif not isinstance(shape, type):
        shape.check(value, at)
    elif shape is not object and type(value) is not shape:
        raise at.fail(f"must be {_WORDS[shape]}, not {_name(value)}")


def takes(shape: Any) -> str:
    """Say in words what fits a shape."""
    if isinstance(shape, Required):
        return f"{takes(shape.shape)}; needed"
    if isinstance(shape, Choice):
        return ", ".join(f"`{word}`" for word in shape.words)
    if isinstance(shape, ChosenWords):
        return f"{takes(Choice(shape.alone))}, or a list of {takes(Choice(shape.listed))}"
    if isinstance(shape, AtLeast):
        return f"a whole number from {shape.bound}"
    if isinstance(shape, Within | AnyOf | Written | Patterns):
        return shape.words
    return f"a list of {_WORDS[shape[0]].removeprefix('a ')}s" if type(shape) is tuple else _WORDS[shape]


def _check_table(value: object, shape: dict[str, Any], at: At) -> None:
    table = _table(value, at)
    for name, item in table.items():
        if name not in shape:
            raise at.inside(name).fail("there is no such key", _nearest(name, shape))
        check(item, shape[name], at.inside(name))
    for name, inner in shape.items():
        if isinstance(inner, Required) and name not in table:
            raise at.fail(f"the key {name} is missing")


def _table(value: object, at: At) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise at.fail(f"must be a table, not {_name(value)}")
    return value


def _nearest(name: str, shape: dict[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(name, shape, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(shape)}"


def _name(value: object) -> str:
    names = {str: "a string", bool: "a boolean", int: "a whole number", float: "a number"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")

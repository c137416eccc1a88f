"""What the adapters have in common: the file they read, and how samples are named and held against a summary."""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from math import fsum, isclose
from typing import IO, TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.reported.open_results import FILE_LIMIT, opened_fresh
from evalprov.reported.text import BOM, LINE_LIMIT, NotAnObject, Reader, brief, printable
from evalprov.reported.texts import ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.record.schema.values import MetricValue
    from evalprov.reported.open_results import Before
    from evalprov.reported.texts import ScenarioTexts
    from evalprov.reported.warnings import Notes

ROWS = 1_000_000  # samples held at most
_LINE = 16 * LINE_LIMIT  # a sample's line may hold a long conversation
_LABEL = 60
_PATH = 1024
_PROMPT = re.compile(r"prompt|template|instruction|system_message", re.IGNORECASE)
_LARGEST = 1e300
_DIGITS = 12
# What goes wrong with a machine or a connection, whatever is evaluated.
_MACHINE = re.compile(
    r"out of memory|MemoryError|OutOfMemory|no space left on device|ENOSPC|Timeout(?:Error|Exception)|timed out"
    r"|ECONN(?:REFUSED|RESET)|ETIMEDOUT|ENOTFOUND|Connection(?:Error| refused| reset| aborted)|RateLimit|rate limit"
    r"|too many requests|service unavailable|bad gateway",
    re.IGNORECASE,
)


class About(NamedTuple):
    """What a result is of, by which it is told from others that the same command wrote."""

    names: tuple[str, ...] = ()  # of the task, the model ...: what tells best comes first
    attempt: str | None = None  # results of one are attempts at the same thing, of which the last counts


class Source:
    """A file to read, opened, and what goes with it."""

    def __init__(
        self, path: str, file: IO[bytes], before: Before | None, notes: Notes, texts: ScenarioTexts | None = None
    ) -> None:
        self.path = path
        self.file = file
        self.notes = notes
        self.about = About()
        self._texts = texts  # null where nobody wants any
        self._before = before  # what stood there before the run is another's

    def is_of(self, *names: object, attempt: str | None = None) -> None:
        """Say what the result is of."""
        self.about = About(tuple(str(name) for name in names if name), attempt)

    def said(self, texts: dict[str, Any]) -> dict[str, Any]:
        """Put aside what a sample's texts are, by the names that reports have for them; return what is of its line."""
        if self._texts is None:
            return {}
        place = self._texts.put({field: said for field, said in texts.items() if said not in ("", [], {})})
        return {} if place is None else {ASIDE: place}

    def beside(self, name: str) -> IO[bytes]:
        """Open another file of this run in the same folder."""
        return opened_fresh(os.path.join(os.path.dirname(self.path), name), self._before)

    def lines(self, file: IO[bytes], called: str) -> Iterator[dict[str, Any]]:
        """Yield the JSON objects that a file's lines are; a line that is none is noted."""
        reader = Reader()
        number = read = 0
        while line := file.readline(_LINE):
            number += 1
            read += len(line)
            if read > FILE_LIMIT:
                self.notes.add("large", f"{called} is past the first GiB at line {number}; what follows was not read")
                return
            if text := line.removeprefix(BOM if number == 1 else b"").strip():
                try:
                    yield reader.read(text)
                except NotAnObject as why:
                    self.notes.add("broken", f"{called} line {number} was left out: {why}")


class Names:
    """Samples by stable names; the same sample again gets a number, and both are of one group."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def line(self, called: str) -> dict[str, Any]:
        """Return the beginnings of a report line for the next sample of this name."""
        count = self._seen[called] = self._seen.get(called, 0) + 1
        if count == 1:
            return {"scenario": called, "metrics": {}}
        again = f"{called}#{count}"
        return {"scenario": again, "metrics": {}, "scenario_groups": {called: called, again: called}}


class Samples:
    """The samples' values, held until it is known whether a summary's value is their mean."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []

    def add(self, line: dict[str, Any]) -> bool:
        """Hold a sample's report line, and say whether there was room."""
        if len(self._lines) >= ROWS:
            return False
        self._lines.append(line)
        return True

    def lines(self, summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the lines; what a summary's value of the same name is no mean of gets another name."""
        columns: dict[str, list[float]] = {}
        for line in self._lines:
            for called, value in line["metrics"].items():
                columns.setdefault(called, []).append(value)
        renamed = {
            called: f"{called}.sample"
            for called, values in columns.items()
            if called in summary and not is_mean(summary[called], values)
        }
        for line in self._lines:
            if renamed:
                line["metrics"] = {renamed.get(called, called): value for called, value in line["metrics"].items()}
            yield line


def local(path: str, *folders: str) -> str | None:
    """Return a path that a log names as it can be opened from here: from the first folder where it is one."""
    plain = path.removeprefix("file://")
    if not plain or len(plain) > _PATH or "\n" in plain or "\0" in plain:
        return None
    return next((found for folder in (*folders, "") if os.path.exists(found := os.path.join(folder, plain))), None)


def parted(values: dict[str, Any], owner: str, *folders: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the prompts among a tool's parameters, texts or files, from the rest: what they are is hashed."""
    rest: dict[str, Any] = {}
    prompts: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(value, str) or not _PROMPT.search(key):
            rest[key] = value
        elif path := local(value, *folders):
            prompts[f"{owner}.{key}"] = {"path": path}
        elif len(value.split()) > 1:
            prompts[f"{owner}.{key}"] = {"sha256": text_hash(value)}
        else:
            rest[key] = value  # the name of one
    return rest, prompts


def text_hash(text: str) -> str:
    """Return the hash of a text."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def is_mean(value: object, values: list[float]) -> bool:
    """Say whether a value is the mean of others."""
    if not isinstance(value, (int, float)):
        return False
    try:
        return isclose(fsum(values) / len(values), value, rel_tol=1e-9, abs_tol=1e-12)
    except (OverflowError, ValueError):
        return False


def sample_name(label: str, content: Any) -> str:
    """Return a name that a sample has in every run, whatever its place: a label and a hash of what it is."""
    text = " ".join(label.split())
    short = text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
    return f"{short}/{digest(content)[:_DIGITS]}"


def digest(content: Any) -> str:
    """Return the hash of a JSON value."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def spoken(said: Any) -> Any:
    """Return messages as the text that they are, each behind its role where there are several; all else as it is."""
    messages = [one for one in said if isinstance(one, dict) and "content" in one] if isinstance(said, list) else []
    if not messages or len(messages) < len(said):
        return said
    texts = [_content(one["content"]) for one in messages]
    if len(texts) == 1:
        return texts[0]
    return "\n\n".join(f"{one.get('role')}: {text}" for one, text in zip(messages, texts, strict=True))


def _content(content: Any) -> str:
    """Return what a message says: a text, or the texts among its parts."""
    if isinstance(content, list):
        return "\n".join(one["text"] for one in content if isinstance(one, dict) and isinstance(one.get("text"), str))
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def reasons(said: Iterable[tuple[object, object]]) -> str:
    """Return why scores are what they are: of several, each behind its name."""
    told = [(name, text) for name, text in said if isinstance(text, str) and text.strip()]
    return told[0][1] if len(told) == 1 else "\n".join(f"{name}: {text}" for name, text in told)


def number(value: object) -> MetricValue:
    """Return a value if it is a number or boolean, else null."""
    return value if isinstance(value, (bool, int, float)) else None


def measure(value: object) -> float | None:
    """Return a number as one that may have a fraction: a score of 1 is no count, of which a total would be made."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
        return None
    return float(value)


def numbers(values: Any) -> dict[str, MetricValue]:
    """Return those of an object's values that are numbers or booleans."""
    return {key: value for key, value in table(values).items() if isinstance(value, (bool, int, float))}


def table(value: Any) -> dict[str, Any]:
    """Return an object as it is, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """Return a list as it is, an empty one for anything else."""
    return value if isinstance(value, list) else []


def known(values: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the named ones of an object's values that are given."""
    return {key: values[key] for key in keys if values.get(key) not in (None, "", {}, [])}


def failure(message: str) -> dict[str, Any]:
    """Return an entry for the record's errors, the machine's told apart from the task's."""
    text = message.strip()
    return {"message": text, "kind": "infra" if _MACHINE.search(text[:4096]) else "task"}


def described(head: bytes) -> str:
    """Return what a file is that begins like this, in a few words."""
    text = head.removeprefix(BOM).lstrip()
    if not text:
        return "empty"
    if text.startswith(b"PK\x03\x04"):
        return "a zip archive"
    if root := re.match(rb"(?:<[?!][^>]*>\s*)*<([\w:.-]{1,40})", text):
        return f"XML that begins with <{root[1].decode()}>"
    if text.startswith(b"["):
        return "a JSON list"
    if text.startswith(b"{"):
        key = re.match(rb'\{\s*("(?:[^"\\]|\\.){0,80}")', text)
        return f"JSON that begins with the key {_text(key[1])}" if key else "like a JSON object, without a key"
    return f"no JSON and no XML: it begins with {brief(_text(text[:20]))}"


def _text(data: bytes) -> str:
    return printable(data.decode("utf-8", "backslashreplace"))

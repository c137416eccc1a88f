"""What stands beside the metrics in a report, each checked: errors, timings, the model, prompts and so on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov.metrics.text import brief, kind_of, name

if TYPE_CHECKING:
    from evalprov.metrics.notes import Budget, Notes
    from evalprov.record.manifest import ErrorEntry

WHOLE_LIMIT = 2**63 - 1  # other languages' readers know no larger whole number
OBJECTS = (
    *("model_config", "observed_model", "agent", "grader", "data", "config", "online"),
    *("prompts", "algorithms", "infra", "layer"),
)
KEYS = frozenset(
    (
        *OBJECTS,
        "errors",
        "stages",
        "total_tool_calls",
        "golden_version",
        "prompt_versions",
        "tools",
        "artifacts",
    )
)
_NEIGHBOURS = ("metrics", "scenario", "metric_summary", *sorted(KEYS))
_MESSAGE_LIMIT = 8192


class Facts:
    """The facts of one channel, merged in order; later ones win, errors and artifacts add up."""

    def __init__(self, notes: Notes, budget: Budget) -> None:
        self.said: dict[str, Any] = {}  # by the report's keys
        self._notes = notes
        self._budget = budget
        self._weights: dict[tuple[str, str], int] = {}
        self._looked_up: set[str] = set()

    def take(self, key: str, value: Any, scenario: str | None, where: str) -> None:
        """Take in one key of a report."""
        if key in OBJECTS:
            if key == "observed_model" and isinstance(value, str):
                value = {"model": value}
            self._take_object(key, value, where)
        elif key == "errors":
            self._take_errors(value, scenario, where)
        elif key == "stages":
            self._take_stages(value, where)
        elif key == "prompt_versions":
            self._take_versions(value, where)
        elif key == "artifacts":
            self._take_artifacts(value, where)
        else:
            self._take_plain(key, value, where)

    def wrong(self, key: str, value: object, wanted: str, where: str) -> None:
        """Remark that a key has the wrong type."""
        text = f"{where}: {key} is {kind_of(value)} and was left out; wanted is {wanted}"
        self._notes.add(("wrong", key, kind_of(value)), text)

    def unknown(self, key: str, where: str) -> None:
        """Remark on a key that nobody knows if it looks like a slip of the pen."""
        if key in self._looked_up or len(self._looked_up) > 1000:
            return
        self._looked_up.add(key)
        from difflib import get_close_matches

        if near := get_close_matches(key[:64], _NEIGHBOURS, 1, 0.8):
            text = f"{where}: nothing is known of {brief(key)}, so it was left out; is {near[0]} meant?"
            self._notes.add(("unknown", key), text)

    def number(self, value: float, called: str, where: str) -> float | None:
        """Return a number that JSON or its readers cannot hold as one that they can, with a remark."""
        try:
            near = float(value)
        except OverflowError:
            near = float("inf")
        if near - near != 0:
            what = "not finite" if isinstance(value, float) else "too large for any number type"
            self._notes.add(("finite", called), f"{where}: {called} is {what}, so it is null")
            return None
        self._notes.add(
            ("large", called),
            f"{where}: {called} does not fit into 64 bits; the nearest floating-point number is recorded",
        )
        return near

    def _take_object(self, key: str, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            self.wrong(key, value, "an object", where)
            return
        section = self.said.setdefault(key, {})
        for inner, fact in value.items():
            called = name(inner)
            self._keep(section, key, called, self._tidy(fact, f"{key}.{called}", where), where)

    def _take_stages(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            self.wrong("stages", value, "an object of names and seconds", where)
            return
        section = self.said.setdefault("stages", {})
        for stage, seconds in value.items():
            called = name(stage)
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
                self.wrong(f"stages.{called}", seconds, "a number of seconds", where)
                continue
            took = self._tidy(seconds, f"stages.{called}", where)
            if took is not None:
                self._keep(section, "stages", called, float(took), where)

    def _take_versions(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            self.wrong("prompt_versions", value, "an object of names and versions", where)
            return
        section = self.said.setdefault("prompt_versions", {})
        for prompt, version in value.items():
            called = name(prompt)
            text = _version(version)
            if text is None:
                self.wrong(f"prompt_versions.{called}", version, "a text", where)
            else:
                self._keep(section, "prompt_versions", called, text, where)

    def _take_plain(self, key: str, value: Any, where: str) -> None:
        fact: Any = None
        wanted = "a text"
        if key == "golden_version":
            fact = _version(value)
        elif key == "total_tool_calls":
            wanted = "a whole number"
            whole = isinstance(value, float) and value.is_integer()
            if (whole or type(value) is int) and 0 <= value <= WHOLE_LIMIT:
                fact = int(value)
        else:
            wanted = "a list"
            fact = self._tidy(value, key, where) if isinstance(value, list) else None
        if fact is None:
            self.wrong(key, value, wanted, where)
        else:
            self._keep(self.said, "", key, fact, where)

    def _take_errors(self, value: Any, scenario: str | None, where: str) -> None:
        listed = [value] if isinstance(value, (str, dict)) else value
        if not isinstance(listed, list):
            self.wrong("errors", value, "a list of texts or objects with a message", where)
            return
        errors = self.said.setdefault("errors", [])
        for one in listed:
            if not isinstance(one, (str, dict)):
                self.wrong("one of errors", one, "a text or an object with a message", where)
                continue
            error = _error(one, scenario)
            if self._has_room(len(error["message"]) + 64, where):
                errors.append(error)

    def _take_artifacts(self, value: Any, where: str) -> None:
        if not isinstance(value, list):
            self.wrong("artifacts", value, "a list of links, or of objects with name and url", where)
            return
        artifacts = self.said.setdefault("artifacts", [])
        for one in value:
            if not isinstance(one, (str, dict)):
                self.wrong("one of artifacts", one, "a link, or an object with name and url", where)
                continue
            link = {"name": None, "url": one} if isinstance(one, str) else self._tidy(one, "artifacts", where)
            if self._has_room(_weight(link), where):
                artifacts.append(link)

    def _keep(self, section: dict[str, Any], key: str, called: str, fact: Any, where: str) -> None:
        weight = len(called) + _weight(fact)
        more = weight - self._weights.get((key, called), 0)
        if more > 0:
            if not self._has_room(more, where):
                return
            self._weights[key, called] = weight
        section[called] = fact

    def _has_room(self, weight: int, where: str) -> bool:
        if self._budget.take(weight):
            return True
        self._notes.add("full of facts", f"{where}: too much was reported; no further facts are kept")
        return False

    def _tidy(self, value: Any, called: str, where: str) -> Any:
        """Return a JSON value without numbers that JSON or its readers cannot hold."""
        if isinstance(value, dict):
            return {key: self._tidy(inner, f"{called}.{name(key)}", where) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._tidy(inner, called, where) for inner in value]
        if isinstance(value, float) and value - value != 0:
            return self.number(value, called, where)
        if type(value) is int and abs(value) > WHOLE_LIMIT:
            return self.number(value, called, where)
        return value


def _error(said: str | dict[str, Any], scenario: str | None) -> ErrorEntry:
    if isinstance(said, str):
        said = {"message": said}
    message = next((said[key] for key in ("message", "error") if isinstance(said.get(key), str)), None)
    if message is None:
        message = json.dumps(said, ensure_ascii=False)
    where = said.get("scenario", scenario)
    return {
        "kind": "infra" if said.get("kind") == "infra" else "task",
        "message": message if len(message) <= _MESSAGE_LIMIT else f"{message[: _MESSAGE_LIMIT - 1]}…",
        "scenario": scenario if where is None else name(str(where)),
        "stderr_tail": None,
    }


def _version(value: object) -> str | None:
    """Return a version as text; 3 and 1.5 are versions too."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)


def _weight(value: object) -> int:
    """Return about how many characters a JSON value keeps."""
    if isinstance(value, str):
        return len(value) + 8
    if isinstance(value, dict):
        return 8 + sum(len(key) + _weight(inner) for key, inner in value.items())
    if isinstance(value, list):
        return 8 + sum(map(_weight, value))
    return 8

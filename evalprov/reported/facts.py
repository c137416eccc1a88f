"""What stands beside the metrics in a report, each checked: errors, timings, the model, prompts and so on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov.numbers import listed
from evalprov.reported.text import brief, kind_of, name

if TYPE_CHECKING:
    from evalprov.record.schema.outcome import ErrorEntry
    from evalprov.reported.warnings import Budget, Notes

WHOLE_LIMIT = 2**63 - 1  # other languages' readers know no larger whole number
OBJECTS = (
    *("model_config", "observed_model", "agent", "grader", "data", "config", "online"),
    *("prompts", "algorithms", "infra", "layer"),
)
_INFO = ("stderr", "n", "direction", "unit")  # what may be said of a metric
_DIRECTIONS = ("higher", "lower")
KEYS = frozenset(
    (
        *OBJECTS,
        "errors",
        "error",  # one of them
        "stages",
        "total_tool_calls",
        "golden_version",
        "prompt_versions",
        "tools",
        "artifacts",
        "metric_info",
        "scenario_groups",
        "decision_spec",
    )
)
_NEIGHBOURS = ("metrics", "scenario", "group", "metric_summary", *sorted(KEYS))
_MESSAGE_LIMIT = 8192
_UNKNOWN = 1000  # keys that are looked up
_SHOWN = 10  # of them
_LARGEST = 1e300


class Facts:
    """The facts of one channel, merged in order; later ones win, errors and artifacts add up."""

    def __init__(self, notes: Notes, budget: Budget) -> None:
        self.said: dict[str, Any] = {}  # by the report's keys
        self._notes = notes
        self._budget = budget
        self._looked_up: set[str] = set()
        self._unknown: list[str] = []

    def take(self, key: str, value: Any, scenario: str | None, where: str) -> None:
        """Take in one key of a report."""
        if key in OBJECTS:
            if key == "observed_model" and isinstance(value, str):
                value = {"model": value}
            self._take_object(key, value, where)
        elif key == "errors" or (key == "error" and value):  # many print an empty one where all went well
            self._take_errors(key, value, scenario, where)
        elif key == "stages":
            self._take_stages(value, where)
        elif key == "prompt_versions":
            self._take_versions(value, where)
        elif key == "artifacts":
            self._take_artifacts(value, where)
        elif key == "metric_info":
            self._take_info(value, where)
        elif key == "scenario_groups":
            self._take_groups(value, where)
        elif key == "decision_spec":
            self._take_spec(value, where)
        elif key != "error":
            self._take_plain(key, value, where)

    def take_group(self, scenario: str, group: Any, where: str) -> None:
        """Take in which group a scenario is of."""
        if isinstance(group, bool) or not isinstance(group, (str, int)):
            self.wrong(f"the group of {scenario}", group, "a text", where)
        else:
            self._keep(self.said.setdefault("scenario_groups", {}), scenario, name(str(group)), where)

    def _take_groups(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            self.wrong("scenario_groups", value, "an object of scenarios and the group of each", where)
            return
        self.said.setdefault("scenario_groups", {})
        for scenario, group in value.items():
            self.take_group(name(scenario), group, where)

    def wrong(self, key: str, value: object, wanted: str, where: str) -> None:
        """Remark that a key has the wrong type."""
        text = f"{where}: {key} is {kind_of(value)} and was left out; wanted is {wanted}"
        self._notes.add(("wrong", key, kind_of(value)), text)

    def unknown(self, key: str, where: str) -> None:
        """Remark on a key that nobody knows: on its own if it looks like a slip of the pen, else with all others."""
        if key in self._looked_up or len(self._looked_up) > _UNKNOWN:
            return
        self._looked_up.add(key)
        from difflib import get_close_matches

        if near := get_close_matches(key[:64], _NEIGHBOURS, 1, 0.8):
            text = f"{where}: nothing is known of {brief(key)}, so it was left out; is {near[0]} meant?"
            self._notes.add(("unknown", key), text)
            return
        self._unknown.append(key)
        some = listed([brief(one) for one in self._unknown[:_SHOWN]], _SHOWN, len(self._unknown))
        self._notes.put("unknown", f"nothing is known of these keys of reports, so they were left out: {some}")

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
            self._keep(section, called, self._tidy(fact, f"{key}.{called}", where), where)

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
                self._keep(section, called, float(took), where)

    def take_field(self, key: str, value: Any, where: str) -> None:
        """Take in a parameter that stands in a report by itself, under the name it has in the program."""
        self._take_object("fields", {key: value}, where)

    def _take_spec(self, value: Any, where: str) -> None:
        """Keep a decision spec as it is: its own fingerprint is made of every value, however large."""
        if not isinstance(value, dict):
            self.wrong("decision_spec", value, "an object", where)
        elif _is_finite(value):
            self._keep(self.said, "decision_spec", value, where)
        else:
            self._notes.add("spec", f"{where}: decision_spec was left out: a number in it is not finite")

    def _take_info(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            self.wrong("metric_info", value, "an object of metrics and what is known of each", where)
            return
        section = self.said.setdefault("metric_info", {})
        for metric, told in value.items():
            called = name(metric)
            if not isinstance(told, dict):
                self.wrong(f"metric_info.{called}", told, f"an object of {', '.join(_INFO)}", where)
                continue
            info = dict(section.get(called) or dict.fromkeys(_INFO))
            for key, fact in told.items():
                if key not in _INFO:
                    self._notes.add(("info", key), f"{where}: nothing is known of {brief(key)} in metric_info")
                elif fact is not None:
                    info[key] = self._info(key, fact, f"metric_info.{called}.{key}", where)
            self._keep(section, called, info, where)

    def _info(self, key: str, fact: Any, called: str, where: str) -> Any:
        """Return one thing said of a metric if it is what it should be."""
        wanted = "a text"
        if key == "direction":
            wanted = " or ".join(_DIRECTIONS)
            if fact in _DIRECTIONS:
                return fact
        elif key == "unit":
            if isinstance(fact, str):
                return name(fact)
        elif not isinstance(fact, bool) and isinstance(fact, (int, float)):
            wanted = "a whole number from 0" if key == "n" else "a finite number from 0"
            if key == "stderr" and 0 <= fact <= _LARGEST:
                return float(fact)
            if key == "n" and 0 <= fact <= WHOLE_LIMIT and fact == int(fact):
                return int(fact)
        self.wrong(called, fact, wanted, where)
        return None

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
                self._keep(section, called, text, where)

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
            self._keep(self.said, key, fact, where)

    def _take_errors(self, key: str, value: Any, scenario: str | None, where: str) -> None:
        listed = [value] if isinstance(value, (str, dict)) else value
        if not isinstance(listed, list):
            self.wrong(key, value, "a list of texts or objects with a message", where)
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

    def _keep(self, section: dict[str, Any], called: str, fact: Any, where: str) -> None:
        more = _weight(fact) - _weight(section[called]) if called in section else _weight(fact) + len(called)
        if more <= 0 or self._has_room(more, where):
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
    where = scenario
    if isinstance(said, str):
        message = said
    else:
        told = next((said[key] for key in ("message", "error") if isinstance(said.get(key), str)), None)
        message = json.dumps(said, ensure_ascii=False) if told is None else told
        where = said.get("scenario", scenario)
    return {
        "kind": "infra" if isinstance(said, dict) and said.get("kind") == "infra" else "task",
        "message": message if len(message) <= _MESSAGE_LIMIT else f"{message[: _MESSAGE_LIMIT - 1]}…",
        "scenario": scenario if where is None else name(str(where)),
        "stderr_tail": None,
    }


def _version(value: object) -> str | None:
    """Return a version as text; 3 and 1.5 are versions too."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, dict):
        value = list(value.values())
    return all(map(_is_finite, value)) if isinstance(value, list) else True


def _weight(value: object) -> int:
    """Return about how many characters a JSON value keeps."""
    if isinstance(value, str):
        return len(value) + 8
    if isinstance(value, dict):
        return 8 + sum(len(key) + _weight(inner) for key, inner in value.items())
    if isinstance(value, list):
        return 8 + sum(map(_weight, value))
    return 8

"""Key paths of a record, and conditions on what stands there: `accuracy>=0.7`, `note=null`, `tags~nightly`."""

from __future__ import annotations

import json
import operator
import re
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from msgspec import UNSET

from evalprov.errors import UsageError
from evalprov.named import NamedTuple
from evalprov.record.form import BULKY
from evalprov.record.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Test = Callable[[Any], bool]

METRICS = "metric_summary"
PREFIX = "sha256:"
FEWEST, SHORT = 7, 12  # digits of a hash that name it, and of its short form
EXAMPLES = "for example 'accuracy>=0.7', 'status=failed', 'note=null', 'model_config.model~mini'"
_PATHS = """for example accuracy, model_config.temperature, config.files["eval.yaml"].values.temperature"""
_OPERATORS = ("==", "!=", ">=", "<=", "=", ">", "<", "~")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_SIGNS = re.compile(r"[=!<>~]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 1000
_WORDS = {"null": None, "true": True, "false": False}
# One step of a path: a name, a quoted key, or a place in a list.
_STEP = re.compile(
    r"""(?P<name>[^.\[\]"'=!<>~]+)
      | \[\s*(?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>[^']*)' | (?P<place>[0-9]{1,9}) )\s*\]""",
    re.VERBOSE,
)
KINDS: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    NoneType: "null",
}


class PathStep(NamedTuple):
    """One name of a path; a quoted one is a whole key."""

    name: str
    quoted: bool


class Path(NamedTuple):
    """Where in a record something stands: keys that the record's types name, then steps into what is free in form."""

    text: str
    keys: tuple[str, ...]
    rest: tuple[PathStep, ...]


class Condition(NamedTuple):
    """What must hold of a run."""

    text: str
    path: Path
    test: Test  # of the value there; UNSET where there is none, which counts as null
    wanted: tuple[str, ...] = ()  # the kinds of value that it can hold of; none where any


def path(text: str) -> Path:
    """Return the path that is written.

    Names are parted by dots. Where a key has dots itself the longest key that is there is meant; quotes make one key
    of what they hold: config.files["eval.yaml"]. What begins with no key of the record is a metric's name, whole.
    """
    steps = _steps(text.strip())
    if steps[0].quoted or steps[0].name not in _keys_of(Manifest):
        whole = steps[0].name if len(steps) == 1 else text.strip()
        steps = [PathStep(METRICS, quoted=False), PathStep(whole, quoted=True)]
    keys, rest = _planned(steps)
    found = Path(text.strip(), keys, rest)
    for bulky in BULKY:
        if found.keys[: len(bulky)] == bulky:
            hint = "the summary is in metric_summary" if bulky == ("metrics",) else "evalprov show RUN --json has it"
            raise UsageError(f"the history does not hold {'.'.join(bulky)}: only a run's own record does", hint)
    return found


def value_at(record: dict[str, Any], where: Path) -> Any:
    """Return what stands there; UNSET for nothing."""
    value: Any = record
    for key in where.keys:
        value = value.get(key, UNSET) if isinstance(value, dict) else UNSET
    return dig(value, where.rest)


def within(where: Path, keys: Iterable[str]) -> bool:
    """Say whether what stands there is part of what stands at one of some key paths."""
    return any(where.keys[: len(parts)] == parts for parts in (tuple(key.split(".")) for key in keys))


def last_name(where: Path) -> str:
    """Return the name of what stands there."""
    return where.rest[-1].name if where.rest else where.keys[-1]


def dig(value: Any, steps: Sequence[PathStep]) -> Any:
    """Return what the steps lead to, the longest key first; UNSET for nothing."""
    if not steps:
        return value
    if isinstance(value, list):
        place = steps[0].name
        inside = place.isascii() and place.isdigit() and int(place) < len(value)
        return dig(value[int(place)], steps[1:]) if inside else UNSET
    if not isinstance(value, dict):
        return UNSET
    for count in range(len(steps), 0, -1):
        if count > 1 and any(step.quoted for step in steps[:count]):
            continue
        key = ".".join(step.name for step in steps[:count])
        if key in value and (found := dig(value[key], steps[count:])) is not UNSET:
            return found
    return UNSET


def condition(text: str) -> Condition:
    """Return the condition that is written: a path, an operator, a value."""
    where, sign, value = _parted(text)
    found = path(where)
    if sign == "~":
        return Condition(text, found, _matches(text, value), (KINDS[str], KINDS[list]))
    literal = _literal(text, value)
    digits = hash_digits(value)
    if sign in _ORDERS:
        if literal is None or isinstance(literal, bool):
            raise UsageError(f"not a condition: {text}: only numbers and strings have an order", EXAMPLES)
        return Condition(text, found, _ordered(_ORDERS[sign], literal), (KINDS[type(literal)],))
    equal = _equals(literal)
    if digits is not None:
        exactly, short = equal, f"{PREFIX}{digits}"
        equal = lambda value: exactly(value) or (type(value) is str and value.startswith(short))  # noqa: E731
    if sign == "!=":
        return Condition(text, found, lambda value: not equal(value))
    kinds = () if literal is None else (KINDS[type(literal)],)
    return Condition(text, found, equal, tuple(dict.fromkeys((*kinds, *((KINDS[str],) if digits else ())))))


def hash_digits(text: str) -> str | None:
    """Return the digits of a hash, or of its beginning, in any spelling; null for what is none."""
    digits = text.strip().lower().removeprefix(PREFIX)
    return digits if FEWEST <= len(digits) <= 64 and set(digits) <= set("0123456789abcdef") else None


def hashed(section: str, names: Sequence[str], digits: str) -> Condition:
    """Return the condition that one of a section's hashes begins so."""
    begin = f"{PREFIX}{digits}"

    def test(value: Any) -> bool:
        found = [value.get(name) for name in names] if isinstance(value, dict) else []
        return any(isinstance(one, str) and one.startswith(begin) for one in found)

    return Condition(f"{section} {digits}", path(section), test)


def equals(name: str, text: str) -> Condition:
    """Return the condition that a key of the record is this string."""
    return Condition(f"{name} {text}", path(name), _equals(text))


def begins(name: str, text: str) -> Condition:
    """Return the condition that a string of the record begins so."""
    return Condition(name, path(name), lambda value: isinstance(value, str) and value.startswith(text))


def tagged(tag: str) -> Condition:
    """Return the condition that a run has a tag."""
    return Condition(f"tag {tag}", path("tags"), lambda value: isinstance(value, list) and tag in value)


def started_since(second: str) -> Condition:
    """Return the condition that a run began in this second, spelled as in ids, or later."""
    return Condition(second, path("run_id"), lambda value: value >= second)


def without_none(kind: Any) -> Any:
    """Return a type less its null, where that leaves one type."""
    if get_origin(kind) in (Union, UnionType):
        some = [inner for inner in get_args(kind) if inner is not NoneType]
        return some[0] if len(some) == 1 else kind
    return kind


def _parted(text: str) -> tuple[str, str, str]:
    end = 0
    while step := _STEP.match(text, end):  # so that a sign within quotes is none
        end = step.end()
        end += text[end : end + 1] == "."
    signs = _SIGNS.match(text, end)
    if not signs or not text[:end].strip():
        raise UsageError(f"not a condition: {text}", EXAMPLES)
    if signs[0] not in _OPERATORS:
        raise UsageError(f"not a condition: {text}: {signs[0]} is none of {' '.join(_OPERATORS)}", EXAMPLES)
    return text[:end], signs[0].replace("==", "="), text[signs.end() :].strip()


def _steps(text: str) -> list[PathStep]:
    steps: list[PathStep] = []
    at = 0
    while step := _STEP.match(text, at):
        name = step["name"]
        if name is not None:
            if steps and text[at - 1] != ".":
                break
            steps.append(PathStep(name.strip(), quoted=False))
        elif step["double"] is not None:
            steps.append(PathStep(_unquoted(f'"{step["double"]}"', text), quoted=True))
        else:
            steps.append(PathStep(step["single"] or step["place"] or "", quoted=True))
        at = step.end()
        if text[at : at + 1] == "." and at + 1 < len(text):
            at += 1
    if at < len(text) or not steps:
        raise UsageError(f"not a key path: {text or '(nothing)'}", _PATHS)
    return steps


def _planned(steps: Sequence[PathStep]) -> tuple[tuple[str, ...], tuple[PathStep, ...]]:
    """Part the steps that the record's types know from those into what is free in form."""
    keys: list[str] = []
    kind: Any = Manifest
    left = list(steps)
    while left:
        kind = without_none(kind)
        if is_typeddict(kind):
            kind = _keys_of(kind).get(left[0].name, Any)
            keys.append(left.pop(0).name)
        elif get_origin(kind) is dict and (len(left) == 1 or (_is_flat(kind) and not any(s.quoted for s in left))):
            kind = get_args(kind)[1]
            keys.append(".".join(step.name for step in left))
            left.clear()
        else:
            break
    return tuple(keys), tuple(left)


def _is_flat(kind: Any) -> bool:
    """Say whether a map's values are plain, so that its keys alone can have dots."""
    inner = get_args(kind)[1]
    return set(get_args(inner) or [inner]) <= {bool, int, float, str, NoneType}


def _keys_of(kind: Any) -> dict[str, Any]:
    if kind not in _KEYS:
        _KEYS[kind] = get_type_hints(kind)
    return _KEYS[kind]


_KEYS: dict[Any, dict[str, Any]] = {}


def _literal(text: str, value: str) -> str | int | float | bool | None:
    if value in _WORDS:
        return _WORDS[value]
    if value[:1] == '"':
        return _unquoted(value, text)
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if not value:
        raise UsageError(f'not a condition: {text}: no value (an empty string is "")', EXAMPLES)
    if not _NUMBER.fullmatch(value):
        return value
    if len(value) > _LONGEST_NUMBER or abs(number := _number(value)) == float("inf"):
        raise UsageError(f"not a condition: {text[:60]}: too large a number", EXAMPLES)
    return number


def _number(value: str) -> int | float:
    return int(value) if value.lstrip("+-").isdigit() else float(value)


def _unquoted(value: str, text: str) -> str:
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise UsageError(f"the quotes do not fit in {text}", EXAMPLES)
    return found


def _equals(literal: object) -> Test:
    if literal is None:
        return lambda value: value is None or value is UNSET
    if isinstance(literal, bool):
        return lambda value: value is literal
    if isinstance(literal, str):
        return lambda value: type(value) is str and value == literal
    return lambda value: (type(value) is float or type(value) is int) and value == literal


def _ordered(order: Callable[[Any, Any], bool], literal: str | float) -> Test:
    if isinstance(literal, str):
        return lambda value: type(value) is str and order(value, literal)
    return lambda value: (type(value) is float or type(value) is int) and order(value, literal)


def _matches(text: str, value: str) -> Test:
    """Return the test whether a regular expression is found in a string, or in one of a list's strings."""
    wanted = _unquoted(value, text) if value[:1] == '"' else value
    try:
        search = re.compile(wanted).search
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"not a regular expression: {wanted}: {error}", EXAMPLES) from None
    if not wanted:
        raise UsageError(f"not a condition: {text}: no value", EXAMPLES)

    def test(value: Any) -> bool:
        if type(value) is str:
            return search(value) is not None
        return type(value) is list and any(type(one) is str and search(one) is not None for one in value)

    return test

"""Which words of a record are the record's own: they stand in every one, so they are there though a secret is alike.

A password may be `test`, and a token `running`: that is no reason for a record that nobody can read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

from evalprov.record.form import blank
from evalprov.record.manifest import Manifest

_HASH = re.compile(r"(sha256|scrypt):[0-9a-f]+")
_BY_THE_CLOCK = re.compile(r"\d{8}T\d{6}Z(_\d+|-[0-9a-f]+)?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TIMED = frozenset(("run_id", "timestamp", "parent_run_id", "id"))
_OUR_KEYS = frozenset(("capture", "counts", "layers", "unknown"))  # tables whose keys nobody else chose


class OwnWords:
    """What is the record's own at one place of it, and at those below."""

    def __init__(self, name: str, kind: Any, model: Any = None) -> None:
        kinds = [one for one in _members(kind) if one is not type(None)]
        self._fields: dict[str, Any] = {}
        for one in kinds:
            self._fields |= get_type_hints(one) if is_typeddict(one) else {}
        self._words = {word for one in kinds if get_origin(one) is Literal for word in get_args(one)}
        self._each = next((get_args(one)[-1] for one in kinds if get_origin(one) in {dict, list}), Any)
        self._model: dict[str, Any] = model if isinstance(model, dict) else {}
        self._name = name
        self._below: dict[str, OwnWords] = {}

    def has(self, text: str) -> bool:
        """Say whether a text at this place is one that we put there."""
        timed = self._name in _TIMED and _BY_THE_CLOCK.fullmatch(text)
        return text in self._words or bool(timed or _HASH.fullmatch(text))

    def names(self, key: str) -> bool:
        """Say whether a key at this place is the record's."""
        return key in self._fields or key in self._model or self._name in _OUR_KEYS

    def inside(self, key: str) -> OwnWords:
        """Return what holds below a key, or of each value of a list."""
        field = key if key in self._fields else ""
        if field not in self._below:
            self._below[field] = OwnWords(field, self._fields.get(field, self._each), self._model.get(field))
        return self._below[field]


@cache
def of_record() -> OwnWords:
    """Return what is its own in a whole record."""
    return OwnWords("", Manifest, blank("", ""))


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the kinds that a union is of, or the one that it is."""
    inside = get_args(kind)
    return inside if inside and get_origin(kind) not in {dict, list, Literal} else (kind,)

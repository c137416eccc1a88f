"""What is asked of the history's lines, made into a decoder that passes over all else."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, reduce
from operator import attrgetter
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
from msgspec import UNSET, UnsetType

from evalprov.record.form import BULKY, KEPT, SCHEMA
from evalprov.record.manifest import Manifest
from evalprov.store import ids
from evalprov.store.decode import NEWER, Unreadable, decode_line, glance
from evalprov.store.folder import LARGEST
from evalprov.store.notes import KEYS
from evalprov.store.where import KINDS, Path, PathStep, dig, started_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from evalprov.store.notes import Annotations
    from evalprov.store.where import Condition

    Row = Any  # a struct with an attribute for each key that is asked for
    Get = Callable[[Row], Any]

NAMES_KEPT = 1000
_ODD = re.compile(r'[\x00-\x1f"\\]')
_IDS = re.compile(r"(?:[0-9]{8}T[0-9]{6}Z(?:_(?!1\n)[1-9][0-9]{0,5})?\n)*")
# What every row has: the kind of the value is checked in passing.
_ALWAYS: dict[str, Any] = {"schema": Literal[SCHEMA], "run_id": str, "duration_seconds": float | int | None}
_REQUIRED = ("schema", "run_id")
_CANNOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

NOTHING: Mapping[str, Any] = {}
Tree = dict[str, "Tree | None"]  # the keys that are asked for; null for all there is


class Query:
    """Conditions that must all hold, and the values to bring along."""

    def __init__(
        self,
        conditions: Sequence[Condition] = (),
        values: Sequence[Path] = (),
        *,
        since: str | None = None,  # the id of the earliest second that is of interest
        names: Path | None = None,  # whose values are to be listed, whatever the conditions
    ) -> None:
        self.since = since
        if since is not None:
            conditions = [*conditions, started_since(since)]
        tree: Tree = dict.fromkeys(_ALWAYS)
        asked = [*(one.path for one in conditions), *values, *([names] if names else [])]
        for one in asked:
            _plant(tree, one.keys)
            for key in _counted(one):
                _plant(tree, key.keys)
        self._row = _struct(tree, _ALWAYS, _REQUIRED)
        self._decoder = msgspec.json.Decoder(self._row)
        self.id: Get = attrgetter(_attribute(tree, "run_id"))
        self.took: Get = attrgetter(_attribute(tree, "duration_seconds"))
        self._tree = tree
        self._tests = [(_getter(tree, one.path), one.test) for one in conditions]
        self._values = [_getter(tree, one) for one in values]
        self._names = _getter(tree, names) if names else None
        self._paths = [one.path for one in conditions], list(values)
        self._asked = asked
        self._left_out = [[_getter(tree, key) for key in _counted(one)] for one in asked]
        # The kinds of value that were seen. A condition looks at every row until it has seen one, then only at those of
        # which the conditions before it hold.
        self.kinds: list[set[str]] = [set() for _ in conditions]
        self.value_kinds: list[set[str]] = [set() for _ in values]
        self.names: set[str] = set()
        self._left_out_rows = [0] * (len(conditions) + len(values))

    def add_later(self, notes: Annotations) -> None:
        """Ask of tags and notes together with what is said of runs later."""
        tests, values = self._paths
        if any(one.keys[0] in KEYS for one in (*tests, *values)):
            notes.read_all()
        for number, one in enumerate(tests):
            if one.keys[0] in KEYS:
                self._tests[number] = self._later(one, notes), self._tests[number][1]
        for number, one in enumerate(values):
            if one.keys[0] in KEYS:
                self._values[number] = self._later(one, notes)

    def _later(self, where: Path, notes: Annotations) -> Get:
        key = where.keys[0]
        own = _getter(self._tree, where._replace(keys=(key,), rest=()))
        rest = (*(PathStep(name, quoted=True) for name in where.keys[1:]), *where.rest)
        return lambda row: dig(notes.value(self.id(row), key, own(row)), rest)

    def rows(self, lines: bytes) -> list[Row] | None:
        """Return the rows of some lines; null where these must be looked at one by one."""
        if len(lines) > LARGEST:  # one of them is
            return None
        try:
            rows: list[Row] = self._decoder.decode_lines(lines)
            if not lines.isascii():
                lines.decode()
        except _CANNOT_READ:
            return None
        named = "".join([f"{run_id}\n" for run_id in map(self.id, rows)])
        return rows if _IDS.fullmatch(named) else None

    def row(self, line: bytes) -> Row:
        """Return the row of one line, or say why it has none."""
        rows = self.rows(line)
        if rows is not None and len(rows) == 1:
            return rows[0]
        return self.of(glance(line if len(line) <= LARGEST else None))

    def of(self, record: dict[str, Any]) -> Row:
        """Return the row of a record."""
        try:
            row = msgspec.convert(record, self._row)
        except _CANNOT_READ as error:
            raise Unreadable(str(error)) from None
        if not ids.is_run_id(self.id(row)):
            raise Unreadable(f"its run_id is none: {ids.shown(self.id(row))}")
        return row

    def chosen(self, rows: Sequence[Row]) -> Sequence[int]:
        """Return the places of the rows of which all conditions hold."""
        if self._names and len(self.names) < NAMES_KEPT:
            self.names.update(name for name in map(self._names, rows) if isinstance(name, str))
        places: Sequence[int] = range(len(rows))
        for number, ((get, test), kinds) in enumerate(zip(self._tests, self.kinds, strict=True)):
            if not kinds:
                kinds.update(_kinds(map(get, rows)))
            for left_out in self._left_out[number]:
                held = [place for place in places if left_out(rows[place]) is UNSET]
                self._left_out_rows[number] += len(places) - len(held)
                places = held
            places = [place for place in places if test(get(rows[place]))]
        return places

    def seen(self) -> tuple[list[list[str]], list[str], list[int]]:
        """Return what was seen, for a process that has to learn of it; names and counts are forgotten."""
        seen = [list(kinds) for kinds in (*self.kinds, *self.value_kinds)], list(self.names), self._left_out_rows
        self.names.clear()
        self._left_out_rows = [0] * len(self._left_out_rows)
        return seen

    def learn(self, kinds: Sequence[Sequence[str]], names: Sequence[str], left_out: Sequence[int]) -> None:
        """Take over what another process has seen."""
        self._left_out_rows = [ours + theirs for ours, theirs in zip(self._left_out_rows, left_out, strict=True)]
        for ours, theirs in zip((*self.kinds, *self.value_kinds), kinds, strict=True):
            ours.update(theirs)
        if len(self.names) < NAMES_KEPT:
            self.names.update(names)

    def too_large(self) -> Counter[Path]:
        """Return in how many of the rows looked at a value was left out as too large for the history, by its path."""
        found: Counter[Path] = Counter()
        for where, count in zip(self._asked, self._left_out_rows, strict=False):
            found[where] += count
        return +found

    def brought(self, row: Row) -> tuple[Any, ...]:
        """Return the values to bring along, null where there is none."""
        values = tuple(get(row) for get in self._values)
        for number in range(len(self._values)):
            place = len(self._tests) + number
            self._left_out_rows[place] += any(left_out(row) is not UNSET for left_out in self._left_out[place])
        for value, kinds in zip(values, self.value_kinds, strict=True):
            if value is not UNSET:
                kinds.add(KINDS[type(value)])
        return tuple(None if value is UNSET else value for value in values)


def check(line: bytes) -> str:
    """Return the run id of a line that is a record in full; any other is refused."""
    try:
        record = _whole().decode(line)
        line.decode()
        if ids.is_run_id(record.run_id):
            return str(record.run_id)
    except _CANNOT_READ:
        pass
    return str(decode_line(line)["run_id"])  # an older version, or what is wrong with it


@cache
def _whole() -> msgspec.json.Decoder[Any]:
    """Return a decoder that takes a whole line of the present version, quicker than into a dict."""
    return msgspec.json.Decoder(_whole_struct(Manifest, ()))


def _whole_struct(kind: Any, path: tuple[str, ...]) -> Any:
    if is_typeddict(kind):
        fields: list[Any] = []
        for name, inner in get_type_hints(kind).items():
            place = (*path, name)
            wanted = Literal[SCHEMA] if place == ("schema",) else _whole_struct(inner, place)
            may_lack = place in BULKY or ".".join(place) in NEWER
            fields.append((name, wanted | UnsetType, UNSET) if may_lack else (name, wanted))
        return msgspec.defstruct(kind.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal or not inside:
        return kind
    made = [_whole_struct(inner, path) for inner in inside]
    if origin in (Union, UnionType):
        return reduce(lambda one, other: one | other, made)
    return origin[tuple(made)]


def _plant(tree: Tree, keys: Sequence[str]) -> None:
    first, *others = keys
    if first in tree and tree[first] is None:  # all of it is asked for already
        return
    if not others or _ODD.search(others[0]):  # a decoder cannot name such a key: all around it is read
        tree[first] = None
        return
    below = tree.setdefault(first, {})
    assert below is not None
    _plant(below, others)


def _struct(tree: Tree, kinds: Mapping[str, Any] = NOTHING, required: Sequence[str] = ()) -> Any:
    fields: list[Any] = []
    for key, below in tree.items():
        name = _attribute(tree, key)
        if below is not None:
            fields.append((name, _struct(below) | None, None))
        elif key in required:
            fields.append((name, kinds[key]))
        elif key in kinds:
            fields.append((name, kinds[key], None))
        else:
            fields.append((name, Any, UNSET))
    rename = {_attribute(tree, key): key for key in tree}
    return msgspec.defstruct("Row", fields, rename=rename, gc=False, kw_only=True)


def _attribute(tree: Tree, key: str) -> str:
    return f"f{list(tree).index(key)}"


def _getter(tree: Tree, path: Path) -> Get:
    """Return what finds a path's value in a row."""
    names = []
    below: Tree | None = tree
    left = list(path.keys)
    while left and below is not None:
        names.append(_attribute(below, left[0]))
        below = below[left.pop(0)]
    get = _chain([attrgetter(name) for name in names])
    # Where another path asks for all that this one goes into, its last keys are looked for there.
    rest = (*(PathStep(key, quoted=True) for key in left), *path.rest)
    return (lambda row: dig(get(row), rest)) if rest else get


def _chain(gets: Sequence[Get]) -> Get:
    first, *others = gets
    if not others:
        return first
    if len(others) == 1:
        second = others[0]
        return lambda row: UNSET if (section := first(row)) is None else second(section)
    then = _chain(others)
    return lambda row: UNSET if (section := first(row)) is None else then(section)


def _counted(where: Path) -> Iterator[Path]:
    """Yield where a line says that it left out what a path goes into."""
    for length in range(1, min(len(where.keys), 2) + 1):
        if where.keys[0] not in KEPT:
            yield Path(where.text, ("counts", ".".join(where.keys[:length])), ())


def _kinds(values: Iterable[Any]) -> set[str]:
    return {KINDS[kind] for kind in set(map(type, values)) if kind is not UnsetType}

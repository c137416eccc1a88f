"""What the eval said for each scenario: put aside as it comes, so that memory stays flat, and read again in order."""

from __future__ import annotations

import json
import marshal
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.private import VeiledFile

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView

FIELDS = ("input", "expected", "output", "explanation")
BYTES = 2048  # of a text, where nobody says how many
_MARGIN = 1 << 14  # letters behind the bound: a secret that goes beyond it is seen whole
_ROOM = 256 << 20  # bytes put aside
ASIDE = "texts"  # the key of a line whose texts are put aside


class Said(NamedTuple):
    """A text as it was said: its beginning, and how many letters followed."""

    text: str
    more: int = 0


class PutAside(int):
    """Where in the file the texts of a report line are; no line of a program's can claim to be one."""


class ScenarioTexts:
    """The texts of one channel, by scenario; a later text of a scenario counts, of trials each."""

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit  # bytes of a text that are kept; 0 for none
        self.left_out = 0  # texts for which there was no room
        self.problem: str | None = None
        self.are_trials = False
        self._file: VeiledFile | None = None
        self._size = 0
        self._last: dict[str, int] = {}  # places
        self._before: dict[str, list[int]] = {}  # of what was said of a scenario before

    def take(self, scenario: str, said: dict[str, Any]) -> None:
        """Take in what a report line says of a scenario, be it put aside already."""
        place = said.get(ASIDE)
        self._place(scenario, place if type(place) is PutAside else self.put(said))

    def put(self, said: dict[str, Any]) -> PutAside | None:
        """Put texts aside; null where there are none, or no room. What tells several apart may stand behind a #."""
        if not self.limit:
            return None
        texts = {
            field: tuple(self._cut(value))
            for field, value in said.items()
            if value is not None and field.partition("#")[0] in FIELDS
        }
        if not texts:
            return None
        data = marshal.dumps(texts)  # this process alone reads it
        if self.problem is None and self._size + len(data) <= _ROOM:
            try:
                self._file = self._file or VeiledFile()
                at, length = self._file.put(data)
            except OSError as error:
                self.problem = error.strerror or str(error)
            else:
                self._size += length
                return PutAside(at << 32 | length)
        self.left_out += len(texts)
        return None

    def names(self) -> KeysView[str]:
        """Return the scenarios of which anything was said."""
        return self._last.keys()

    def rows(self) -> Iterator[tuple[str, dict[str, Said]]]:
        """Yield each scenario and its texts, in the order of their names: what was said alike comes out alike."""
        for scenario in sorted(self._last):
            yield scenario, self.of(scenario)

    def of(self, scenario: str) -> dict[str, Said]:
        """Return what was said of a scenario, by field; of several trials the second one's output is output#2."""
        if scenario not in self._last:
            return {}
        said = [self._at(place) for place in (*self._before.get(scenario, ()), self._last[scenario])]
        fields = sorted(dict.fromkeys(field for one in said for field in one), key=_order)
        if not self.are_trials:
            return {field: one[field] for field in fields for one in said if field in one}
        texts: dict[str, Said] = {}
        for field in fields:
            all_said = [one[field] for one in said if field in one]
            for number, text in enumerate(all_said if len(set(all_said)) > 1 else all_said[:1], 1):
                texts[field if number == 1 else f"{field}#{number}"] = text
        return texts

    def close(self) -> None:
        """Let go of what was put aside."""
        if self._file:
            self._file.close()

    def _cut(self, value: Any) -> Said:
        if isinstance(value, Said):
            return value
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        most = self.limit + _MARGIN
        return Said(text[:most], max(len(text) - most, 0))

    def _place(self, scenario: str, place: PutAside | None) -> None:
        if place is None:
            return
        if (before := self._last.get(scenario)) is not None:
            self._before.setdefault(scenario, []).append(before)
        self._last[scenario] = place

    def _at(self, place: int) -> dict[str, Said]:
        assert self._file
        data = self._file.get(place >> 32, place & 0xFFFFFFFF)
        return {field: Said(*text) for field, text in marshal.loads(data).items()}  # noqa: S302 - our own


def _order(field: str) -> int:
    return FIELDS.index(field.partition("#")[0])

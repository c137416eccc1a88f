"""Lines of the history fetched from a shared store: packs, and single lines that are in no pack yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from evalprov.fleet import keys
from evalprov.fleet.packs import LARGEST_PACK, PackedLine, Unpacked, single, unpacked
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.store.folder import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from evalprov.fleet.bucket import Bucket, StoredObject

THREADS = 16
GONE = "a pack was put into another one meanwhile: ask again for its runs"
_UNPACKING = 2  # packs at a time: each may take as much memory as its bound


class StoreListing(NamedTuple):
    """What there is of lines: packs, newest first, and those in no pack."""

    packs: list[keys.Pack]
    lines: dict[str, int]  # stem to bytes
    strange: int  # files that are none of ours, or too large to be


class Odd:
    """What was read past, counted and told."""

    def __init__(self) -> None:
        self.lines = 0
        self.words: list[str] = []
        self.vanished = False  # something was put into another pack while it was fetched

    def take(self, found: Unpacked) -> list[PackedLine]:
        """Return the lines, and remember what was odd."""
        self.lines += found.odd
        self.vanished = self.vanished or found.problem == GONE
        self.words += [found.problem] if found.problem else []
        return found.lines

    def told(self) -> list[str]:
        """Return it in words."""
        return [
            *self.words,
            *([f"{counted(self.lines, 'line')} of the shared store left out: none of ours"] * bool(self.lines)),
        ]


def listing(packs: Iterable[StoredObject], lines: Iterable[StoredObject]) -> StoreListing:
    """Return what there is, by the names alone."""
    found: list[keys.Pack] = []
    stems: dict[str, int] = {}
    strange = 0
    for one in packs:
        pack = keys.pack(one.name, one.size)
        if pack and one.size <= LARGEST_PACK:
            found.append(pack)
        else:
            strange += 1
    for one in lines:
        stem = keys.stem_in(one.name)
        if stem and one.size <= LARGEST:
            stems[stem] = one.size
        else:
            strange += 1
    found.sort(key=lambda pack: (keys.second_of(pack.last), pack.name), reverse=True)
    return StoreListing(found, stems, strange)


def fetch_packs(bucket: Bucket, packs: Sequence[keys.Pack], odd: Odd) -> Iterator[list[PackedLine]]:
    """Yield the lines of packs; one that is gone was made part of another."""

    def one(pack: keys.Pack) -> Unpacked:
        data = bucket.get(f"{keys.PACKS}/{pack.name}", LARGEST_PACK)
        if data is None:
            return Unpacked([], problem=GONE)
        if keys.digest(data) not in pack.name:
            return Unpacked([], problem=f"the pack {pack.name} is not what its name says and is left out")
        return unpacked(pack.name, data)

    with ThreadPoolExecutor(_UNPACKING) as pool:
        yield from map(odd.take, pool.map(one, packs))


def fetch_lines(
    bucket: Bucket, stems: Iterable[str], odd: Odd, progress: Callable[[int, int], None] | None = None
) -> list[PackedLine]:
    """Return single lines; one that is gone was made part of a pack."""
    wanted = sorted(stems)

    def one(stem: str) -> PackedLine | bool | None:
        data = bucket.get(f"{keys.LINES}/{stem}.json", LARGEST)
        return data is not None and single(stem, data)

    found: list[PackedLine] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for number, line in enumerate(pool.map(one, wanted), 1):
            if isinstance(line, PackedLine):
                found.append(line)
            odd.lines += line is None
            odd.vanished = odd.vanished or line is False
            if progress:
                progress(number, len(wanted))
    return found

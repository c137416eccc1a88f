"""Many single lines made into packs, and small packs into larger ones, so that reading asks for few things.

A pack is put before what it holds is taken away: whoever is killed in between leaves lines twice, which is no harm.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from evalprov.fleet import keys
from evalprov.fleet.bucket import Bucket, BucketError
from evalprov.fleet.gather import Odd, fetch_lines, fetch_packs, listing
from evalprov.fleet.packs import LINES_AT_MOST, PackedLine, in_packs, packed
from evalprov.named import NamedTuple
from evalprov.store import ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evalprov.fleet.gather import StoreListing

SMALL = LINES_AT_MOST // 4  # lines of a pack that is put together with others
_AT_ONCE = 2 * LINES_AT_MOST  # lines in memory
_THREADS = 2


class Compacted(NamedTuple):
    """What became of a shared store's lines."""

    packs: list[str]  # that were made
    lines: int  # in them
    deleted: int  # single lines and small packs that are not needed any more
    kept: int  # that could not be deleted, and do no harm
    notes: list[str]


def compact(url: str, *, bucket: Bucket | None = None, progress: Callable[[int, int], None] | None = None) -> Compacted:
    """Put what is in no pack, or in small ones, into packs; return what was made."""
    bucket = bucket or Bucket(url)
    odd = Odd()
    singles = list(bucket.list(keys.LINES))
    there = listing(list(bucket.list(keys.PACKS)), singles)
    small = [pack for pack in there.packs if pack.lines < SMALL]
    done = Compacted([], 0, 0, 0, [])
    for packs, stems in _portions(there, small):
        if len(packs) + len(stems) < 2 and not stems:
            continue
        done = _one(bucket, packs, stems, odd, done)
        if progress:
            progress(done.lines, len(there.lines) + sum(pack.lines for pack in small))
    return done._replace(notes=[*done.notes, *odd.told()])


def _portions(there: StoreListing, small: Sequence[keys.Pack]) -> list[tuple[list[keys.Pack], list[str]]]:
    """Part the work by time, so that what is in memory has a bound and packs overlap little."""
    things: list[tuple[str, int, keys.Pack | str]] = [(pack.first, pack.lines, pack) for pack in small]
    things += [(keys.run_of(stem), 1, stem) for stem in there.lines]
    things.sort(key=lambda one: (ids.order(one[0]), str(one[2])))
    found: list[tuple[list[keys.Pack], list[str]]] = []
    count = _AT_ONCE
    for _, lines, thing in things:
        if count + lines > _AT_ONCE:
            found.append(([], []))
            count = 0
        count += lines
        if isinstance(thing, str):
            found[-1][1].append(thing)
        else:
            found[-1][0].append(thing)
    return found


def _one(bucket: Bucket, packs: list[keys.Pack], stems: list[str], odd: Odd, done: Compacted) -> Compacted:
    lines: dict[str, PackedLine] = {}
    whole: list[keys.Pack] = []
    for pack, found in zip(packs, fetch_packs(bucket, packs, odd), strict=True):
        if len(found) == pack.lines:  # one that is torn stays as it is
            whole.append(pack)
        lines |= {one.stem: one for one in found}
    singles = fetch_lines(bucket, stems, odd)
    lines |= {one.stem: one for one in singles}
    ordered = sorted(lines.values(), key=lambda one: (ids.order(keys.run_of(one.stem)), one.stem))
    made: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        portions = list(in_packs(ordered))
        for some, data in zip(portions, pool.map(packed, portions), strict=True):
            name = keys.pack_name(keys.run_of(some[0].stem), keys.run_of(some[-1].stem), len(some), data)
            bucket.put(f"{keys.PACKS}/{name}", data)
            made.append(name)
    gone = [f"{keys.LINES}/{one.stem}.json" for one in singles]
    gone += [f"{keys.PACKS}/{pack.name}" for pack in whole if pack.name not in made]
    notes, deleted = done.notes, len(gone)
    try:
        bucket.delete(gone)
    except BucketError as problem:
        deleted = 0
        notes = [*notes, f"{problem.message}: what is in packs now stays there as well, and does no harm"][:1]
    return Compacted(
        [*done.packs, *made], done.lines + len(lines), done.deleted + deleted, done.kept + len(gone) - deleted, notes
    )

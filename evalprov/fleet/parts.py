"""A stretch of a mirror's history: a file of lines, oldest first, and beside it the names of their records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict

from evalprov.fleet import keys
from evalprov.fleet.packs import PackedLine, renamed
from evalprov.named import NamedTuple
from evalprov.store import ids
from evalprov.store.folder import Folder, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

STEMS = "stems"  # what is behind the name of a part's file
_BLOCK = 8 << 20


class PartState(TypedDict):
    """What is known of a part; where its file is another than it was, the mirror begins anew."""

    file: str
    low: str  # all runs that began later than this second, up to the next part's low, are in it
    inode: int
    size: int
    changed: int
    count: int
    first: str
    last: str


class MergedPart(NamedTuple):
    """What became of a part."""

    state: PartState
    added: int
    renamed: list[str]  # ids that are no run's any more: another run had the same


def stems_of(folder: Folder, part: PartState) -> list[str]:
    """Return the names of the records of a part's lines, in their order; raises ValueError where they do not fit."""
    found = (folder.read(f"{part['file']}.{STEMS}") or b"").decode("ascii").split("\n")[:-1]
    if len(found) != part["count"]:
        raise ValueError("the names do not fit the lines")
    return found


def is_as_it_was(folder: Folder, part: PartState) -> bool:
    """Say whether a part's file is the one that its names were written for."""
    try:
        found = os.stat(part["file"], dir_fd=folder.fd, follow_symlinks=False)
    except OSError:
        return False
    return (found.st_ino, found.st_size, found.st_mtime_ns) == (part["inode"], part["size"], part["changed"])


def new_part(file: str, low: str) -> PartState:
    """Return the state of a part that has no line yet."""
    return {"file": file, "low": low, "inode": 0, "size": 0, "changed": 0, "count": 0, "first": "", "last": ""}


def merge(folder: Folder, part: PartState, fresh: Sequence[PackedLine]) -> MergedPart:
    """Add lines to a part: at its end where they are the latest, else by writing it anew."""
    before = stems_of(folder, part) if part["count"] else []
    known = set(before)
    lines = {one.stem: one for one in fresh if one.stem not in known}
    if not lines and part["inode"]:
        return MergedPart(part, 0, [])
    names = named([*before, *lines])
    order = sorted(lines, key=lambda stem: ids.order(names[stem]))
    were = named(before) if _collides(known, lines) else {}
    changed = [stem for stem in were if names[stem] != were[stem]]
    added = (_written(lines[stem], names[stem]) for stem in order)
    if part["inode"] and not changed and ids.order(names[order[0]]) > ids.order(part["last"]):
        _append(folder, part["file"], added)
        _append(folder, f"{part['file']}.{STEMS}", [f"{stem}\n".encode() for stem in order])
        stems: Sequence[str] = order
    else:
        stems = sorted([*before, *lines], key=lambda stem: ids.order(names[stem]))
        _write(folder, part["file"], _woven(folder, part, before, lines, names, stems))
        _write(folder, f"{part['file']}.{STEMS}", ["".join(f"{stem}\n" for stem in stems).encode()])
    state = _looked_at(folder, part, len(before) + len(lines))
    first = part["first"] if stems is order and part["first"] else names[stems[0]] if stems else ""
    return MergedPart(
        {**state, "first": first, "last": names[stems[-1]] if stems else ""},
        len(lines),
        [were[stem] for stem in changed],
    )


def _collides(known: set[str], lines: Iterable[str]) -> bool:
    runs = {keys.run_of(stem) for stem in known}
    return any(keys.run_of(stem) in runs for stem in lines)


def named(stems: list[str]) -> dict[str, str]:
    """Return the id that each record goes by here: where none has the same as another, its own."""
    plain = {stem: keys.run_of(stem) for stem in stems}
    if len(set(plain.values())) == len(plain):
        return plain
    seconds: dict[str, list[str]] = {}
    for stem in stems:
        seconds.setdefault(keys.second_of(stem), []).append(stem)
    return {stem: name for group in seconds.values() for stem, name in keys.told_apart(group).items()}


def _written(line: PackedLine, name: str) -> bytes:
    return line.line if keys.run_of(line.stem) == name else renamed(line, name)


def _woven(  # noqa: PLR0913, PLR0917 - the old lines, the new ones, and their order
    folder: Folder,
    part: PartState,
    before: list[str],
    lines: dict[str, PackedLine],
    names: dict[str, str],
    stems: Sequence[str],
) -> Iterator[bytes]:
    """Yield old and new lines in order; the old ones are read one after the other, as they stand."""
    if not before:
        for stem in stems:
            yield _written(lines[stem], names[stem])
        return
    olds = sorted(before, key=lambda stem: ids.order(names[stem]))
    in_order = olds == before
    with os.fdopen(folder.open(part["file"], os.O_RDONLY), "rb", _BLOCK) as file:
        held = {} if in_order else {stem: file.readline() for stem in before}
        for stem in stems:
            if stem in lines:
                yield _written(lines[stem], names[stem])
            else:
                old = file.readline() if in_order else held[stem]
                spelled = (f'"run_id":{space}"{names[stem]}"'.encode() for space in ("", " "))
                yield old if any(one in old for one in spelled) else renamed(PackedLine(stem, old), names[stem])


def _append(folder: Folder, name: str, pieces: Iterable[bytes]) -> None:
    fd = folder.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        write_all(fd, b"".join(pieces))
    finally:
        os.close(fd)


def _write(folder: Folder, name: str, pieces: Iterable[bytes]) -> None:
    """Put a file in place; a mirror that a power cut takes is made anew."""
    temp, fd = folder.new()
    try:
        try:
            with open(fd, "wb", _BLOCK) as file:
                file.writelines(pieces)
        except BaseException:
            folder.drop(temp)
            raise
        folder.place(temp, name)
    except OSError:
        folder.drop(temp)
        raise


def _looked_at(folder: Folder, part: PartState, count: int) -> PartState:
    found = os.stat(part["file"], dir_fd=folder.fd, follow_symlinks=False)
    return {**part, "inode": found.st_ino, "size": found.st_size, "changed": found.st_mtime_ns, "count": count}

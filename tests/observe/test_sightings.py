"""What the hook wrote is read within bounds, whatever stands in it."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.observe.sightings import FILES, OTHERS, Sightings, TouchedFile, read_sightings


def test_the_first_way_a_file_was_opened_counts() -> None:
    """What a run wrote before it read it is told from what it read before it wrote it."""
    seen = Sightings()
    for line in (b"w 1 /made", b"r 2 /made", b"r 1 /state", b"w 1 /state", b"q 1 /a.db", b"b 1 /grown"):
        seen.add(line)
    assert seen.files["/made"] == TouchedFile(read=True, written=True, written_first=True)
    assert seen.files["/state"] == TouchedFile(read=True, written=True)
    assert seen.files["/a.db"] == TouchedFile(read=True)
    assert seen.files["/grown"] == TouchedFile(read=True, written=True)


@pytest.mark.parametrize(
    "line",
    [b"r", b"r 1", b"r x /a", b"z 1 /a", b"r 99999999999 /a", b"r 1 near", b"r 1 /a\0b", b"\xff\xff \xff /a"],
)
def test_a_line_that_is_none_of_ours_is_counted(line: bytes) -> None:
    """It leaves nothing behind."""
    seen = Sightings()
    seen.add(line)
    assert (seen.unreadable, seen.files) == (1, {})


@given(st.binary(max_size=300))
def test_any_line_can_be_read(line: bytes) -> None:
    """Whatever a program wrote there, reading it fails at nothing."""
    Sightings().add(line)


def test_a_flood_is_read_in_flat_memory(tmp_path: Path) -> None:
    """Of more than can be kept in mind the rest is counted."""
    file = tmp_path / "seen"
    with file.open("wb") as out:
        out.writelines(b"\nr 1 /data/%d\n" % n for n in range(FILES + 5_000))
        out.writelines(b"\nh 1 host%d 443\n" % n for n in range(OTHERS + 7))
        out.write(b"\nr 1 /" + b"x" * 200_000 + b"\nr 1 /after\ntorn")
    tracemalloc.start()
    seen = read_sightings(str(file))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert (len(seen.files), len(seen.hosts)) == (FILES, OTHERS)
    assert seen.cut == 5_000 + 7 + 1
    assert seen.unreadable == 2


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, kind: str) -> None:
    """A program that puts something else in the file's place is found out, and nobody waits."""
    place = tmp_path / "seen"
    if kind == "link":
        place.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(OSError, match=r"^."):
        read_sightings(str(place))

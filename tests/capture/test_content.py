"""Hashes of files and folders, and the cache of them."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evalprov.capture import hashcache, hashing
from evalprov.capture.content import Content, Contents, finish

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = 1_600_000_000


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where the cache is."""
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder for data."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def content(path: Path, cache: Path | None, md5: hashing.Md5 | None = None, store: str = "") -> Content:
    """Hash what is at a path."""
    environ = {} if cache is None else {"XDG_CACHE_HOME": str(cache)}
    return finish(Contents(environ, store).of(str(path), md5))


def write(path: Path, data: bytes) -> Path:
    """Write a file long ago, as far as its own times tell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


def sha(data: bytes) -> str:
    """Return the digits of a SHA-256."""
    return hashlib.sha256(data).hexdigest()


def settle(young: float = 0.05) -> None:
    """Wait until what was just written is no longer young, less long than usual: its time of change cannot be set."""
    hashcache.UNSURE = young
    time.sleep(young + 0.05)


@pytest.fixture(autouse=True)
def _youth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashcache, "UNSURE", hashcache.UNSURE)  # put back afterwards


def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that is filled with every path which is hashed from now on."""
    seen: list[bytes] = []
    real = os.open

    def noted(path: bytes | str, flags: int, *rest: int) -> int:
        if b"/content-v1/" not in os.fsencode(path):  # what is remembered of them
            seen.append(os.fsencode(path))
        return real(path, flags, *rest)

    monkeypatch.setattr(hashing.os, "open", noted)
    return seen


@pytest.mark.parametrize("size", [0, 1, 100, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20, 40 << 20])
def test_a_file_counts_by_its_bytes(data: Path, cache: Path, size: int) -> None:
    """The hash is what `sha256sum` says, below and above every bound."""
    file = write(data / "f", b"x" * size)
    for _ in range(2):
        found = content(file, cache)
        assert found == Content(f"sha256:{sha(b'x' * size)}", None, folder=False, files=1, bytes=size, oddities=())


def test_a_folder_counts_by_names_modes_and_contents_in_order(data: Path, cache: Path) -> None:
    """The hash is the documented one, which a shell can compute as well."""
    for name in ("b", "a/z", "a-b", "a.b", "a/c/d", "ü", "a0"):
        write(data / name, name.encode())
    (data / "a-b").chmod(0o755)
    (data / "link").symlink_to("a/z")
    (data / "empty").mkdir()
    write(data / ".git" / "HEAD", b"no content")
    names = sorted(os.fsencode(name) for name in ("b", "a/z", "a-b", "a.b", "a/c/d", "ü", "a0", "link"))
    lines = b""
    for name in names:
        mode = b"120000" if name == b"link" else b"100755" if name == b"a-b" else b"100644"
        inner = b"a/z" if name == b"link" else name
        lines += b"%s %s %s\0" % (mode, sha(inner).encode(), name)
    found = content(data, cache)
    assert found.sha256 == f"sha256:{sha(lines)}"
    assert found.folder
    assert found.files == 8
    assert content(data, cache) == found


def test_names_in_any_bytes_are_hashed(data: Path, cache: Path) -> None:
    """A name that is no text, or has a line feed, is as good as any."""
    strange = os.fsencode(data) + b"/\xff\n \\"
    Path(os.fsdecode(strange)).write_bytes(b"1")
    line = b"100644 %s \xff\n \\\0" % sha(b"1").encode()
    for _ in range(2):
        assert content(data, cache).sha256 == f"sha256:{sha(line)}"


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: write(folder / "one", b"1!"),
    "file": lambda folder: write(folder / "more", b""),
    "removal": lambda folder: (folder / "one").unlink(),
    "name": lambda folder: (folder / "one").rename(folder / "uno"),
    "mode": lambda folder: (folder / "one").chmod(0o755),
    "link": lambda folder: ((folder / "link").unlink(), (folder / "link").symlink_to("elsewhere")),
}


def test_every_change_in_a_folder_changes_its_hash(data: Path, cache: Path) -> None:
    """With a cache that knows the folder, a change is still seen."""
    for name in CHANGES:
        write(data / name / "one", b"1")
        write(data / name / "sub" / "two", b"2")
        (data / name / "link").symlink_to("one")
    settle()
    before = {content(data / name, cache).sha256 for name in CHANGES}
    assert len(before) == 1
    for name, change in CHANGES.items():
        change(data / name)
        after = content(data / name, cache)
        assert after.sha256 not in before, name
        assert after == content(data / name, None), name


def test_the_second_time_nothing_is_read(data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known file is only looked at; of a folder only the changed file is read."""
    for number in range(50):
        write(data / f"{number:02}", b"%d" % number)
    large = write(data.parent / "large", b"x" * (2 << 20))
    settle()
    first = content(data, cache), content(large, cache)
    seen = reads(monkeypatch)
    assert (content(data, cache), content(large, cache)) == first
    assert seen == []
    write(data / "07", b"seven")
    changed = content(data, cache)
    assert seen == [os.fsencode(data / "07")]
    monkeypatch.undo()
    assert changed == content(data, None)


def test_a_change_that_keeps_size_and_time_is_seen(data: Path, cache: Path) -> None:
    """Setting the time back does not hide a write: the time of change and the inode tell."""
    file = write(data / "f", b"x" * (2 << 20))
    settle()
    content(file, cache)
    write(file, b"y" * (2 << 20))
    assert content(file, cache).sha256 == f"sha256:{sha(b'y' * (2 << 20))}"


def test_a_young_file_is_not_trusted_to_the_cache(data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was written just now can change without another time, so it is read again."""
    file = data / "f"
    file.write_bytes(b"x" * (2 << 20))
    content(file, cache)
    seen = reads(monkeypatch)
    content(file, cache)
    assert seen == [os.fsencode(file)]


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data[:-10],
    lambda data: b"\0" * len(data),
    lambda data: b"something else",
    lambda data: data + data,
    lambda data: data.replace(b"evalprov content 1", b"evalprov content 9"),
]


def test_a_damaged_cache_is_no_harm(data: Path, cache: Path) -> None:
    """Whatever is in the cache's file, the hash is right, and the cache is whole again."""
    for number in range(20):
        write(data / f"{number:02}", b"%d" % number)
    settle()
    right = content(data, cache)
    (kept,) = (cache / "evalprov" / "content-v1").iterdir()
    whole = kept.read_bytes()
    for damage in DAMAGES:
        kept.write_bytes(damage(whole))
        assert content(data, cache) == right
        assert content(data, cache) == right
    assert kept.read_bytes() == whole


def test_without_a_place_for_a_cache_all_is_hashed(data: Path, tmp_path: Path) -> None:
    """No home, one that is a file, a cache others can write to: the hash is the same and nothing is left."""
    write(data / "a", b"1")
    right = content(data, None)
    blocked = write(tmp_path / "blocked", b"")
    assert content(data, blocked) == right
    shared = tmp_path / "shared"
    (shared / "evalprov" / "content-v1").mkdir(parents=True)
    (shared / "evalprov" / "content-v1").chmod(0o777)
    assert content(data, shared) == right
    assert list((shared / "evalprov" / "content-v1").iterdir()) == []
    assert finish(Contents({"HOME": "relative"}).of(str(data))) == right


def test_many_processes_share_one_cache(data: Path, cache: Path) -> None:
    """Run at once over one folder, all say the same, and one whole cache is left."""
    for number in range(300):
        write(data / f"{number:03}", b"%d" % number * 100)
    settle(hashcache.UNSURE)
    program = (
        "import sys\nfrom evalprov.capture.content import Contents, finish\n"
        "print(finish(Contents({'XDG_CACHE_HOME': sys.argv[1]}).of(sys.argv[2])).sha256)\n"
    )
    words = [sys.executable, "-c", program, str(cache), str(data)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = {one.communicate(timeout=60)[0].strip() for one in running}
    assert said == {content(data, None).sha256}
    (kept,) = (cache / "evalprov" / "content-v1").iterdir()
    assert kept.read_bytes().count(b"\0") == 1 + 3 * 300


def test_links_and_devices_are_never_opened(
    data: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe without a writer does not hang it, a link out is not followed, and both are told."""
    outside = write(tmp_path / "outside", b"1")
    write(data / "a", b"1")
    os.mkfifo(data / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(data)
        unix.bind("socket")
        (data / "out").symlink_to(outside)
        (data / "up").symlink_to("../outside")
        (data / "round").symlink_to(".")
        (data / "broken").symlink_to("nowhere")
        before = content(data, cache)
    write(outside, b"2")
    assert content(data, cache).sha256 == before.sha256
    assert before.files == 7
    assert "out and 1 more: a link that leads out of the folder" in before.oddities[0]
    assert "pipe and 1 more: neither a file nor a folder" in before.oddities[1]


def test_a_link_that_was_named_itself_is_followed(data: Path, cache: Path) -> None:
    """What is asked for by a link is what the link leads to."""
    write(data / "real" / "a", b"1")
    (data / "link").symlink_to("real")
    assert content(data / "link", cache) == content(data / "real", cache)


@pytest.mark.parametrize("name", ["missing", "pipe", "broken"])
def test_what_cannot_be_hashed_is_an_error(data: Path, cache: Path, name: str) -> None:
    """Nothing there, or no file and no folder: the words of the system."""
    os.mkfifo(data / "pipe")
    (data / "broken").symlink_to("nowhere")
    with pytest.raises(OSError, match=r"No such file|neither a file nor a folder"):
        content(data / name, cache)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_leave_to_read_is_an_error(data: Path, cache: Path) -> None:
    """A part that cannot be read is not left out of the whole."""
    write(data / "a", b"1").chmod(0)
    with pytest.raises(PermissionError):
        content(data, cache)


def test_evalprovs_own_store_is_no_data(data: Path, cache: Path) -> None:
    """A data folder that holds the store has the same hash after a run."""
    write(data / "a", b"1")
    before = content(data, cache, store=str(data / "metrics"))
    write(data / "metrics" / "runs" / "1.json", b"{}")
    assert content(data, cache, store=str(data / "metrics")) == before


def test_a_deep_and_a_wide_folder_are_walked(data: Path, cache: Path) -> None:
    """Hundreds of levels, and thousands of files that threads share, come out in order."""
    deep = data / "deep"
    for _ in range(300):
        deep /= "d"
    write(deep / "end", b"1")
    lines = b"100644 %s deep/%send\0" % (sha(b"1").encode(), b"d/" * 300)
    for number in range(3000):
        write(data / "wide" / f"{number:04}", b"%d" % number)
        lines += b"100644 %s wide/%04d\0" % (sha(b"%d" % number).encode(), number)
    assert content(data, cache).sha256 == f"sha256:{sha(lines)}"


def test_several_large_files_are_hashed_side_by_side(data: Path, cache: Path) -> None:
    """Threads give what one after the other gives, SHA-256 and MD5."""
    lines, listed = b"", []
    for number in range(6):
        block = bytes([number]) * ((8 + number) << 20)
        write(data / str(number), block)
        lines += b"100644 %s %d\0" % (sha(block).encode(), number)
        listed.append(f'{{"md5": "{hashlib.md5(block).hexdigest()}", "relpath": "{number}"}}')
    found = content(data, cache, "md5")
    assert found.sha256 == f"sha256:{sha(lines)}"
    assert found.md5 == hashlib.md5(f"[{', '.join(listed)}]".encode()).hexdigest() + ".dir"
    large = write(data.parent / "large", b"z" * (65 << 20))
    found = content(large, cache, "md5")
    assert (found.sha256, found.md5) == (
        f"sha256:{sha(b'z' * (65 << 20))}",
        hashlib.md5(b"z" * (65 << 20)).hexdigest(),
    )


def test_a_cached_hash_without_the_wanted_md5_is_made_anew(data: Path, cache: Path) -> None:
    """What was cached for one question does not answer another."""
    file = write(data / "f", b"a\r\n" * (1 << 20))
    settle()
    plain = content(file, cache)
    asked = content(file, cache, "md5")
    old = content(file, cache, "dos2unix")
    assert plain.md5 is None
    assert asked.md5 == hashlib.md5(b"a\r\n" * (1 << 20)).hexdigest()
    assert old.md5 not in {None, asked.md5}
    assert plain.sha256 == asked.sha256 == old.sha256
    assert content(file, cache, "dos2unix") == old


def test_a_file_that_is_written_to_meanwhile_is_told(data: Path, cache: Path) -> None:
    """Its hash is of something in between, which the words say, and it is not kept."""
    file = write(data / "f", b"x" * (2 << 20))
    asked = hashing.FileEntry.of(b"", os.fsencode(file), file.stat())
    write(file, b"y" * (2 << 20))
    assert hashing.hash_file(asked, None).settled is False
    now = hashing.FileEntry.of(b"", os.fsencode(file), file.stat())
    assert hashing.hash_file(now, None).settled is True


def test_progress_is_told_up_to_the_whole(data: Path, cache: Path) -> None:
    """Whoever draws a bar hears of bytes done, never more than all, and of the end."""
    for number in range(4):
        write(data / str(number), b"x" * (10 << 20))
    told: list[tuple[int, int]] = []
    finish(Contents({"XDG_CACHE_HOME": str(cache)}, "", lambda done, total: told.append((done, total))).of(str(data)))
    assert told[-1] == (40 << 20, 40 << 20)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {40 << 20}


def test_others_get_their_turn_and_giving_up_is_quick(data: Path) -> None:
    """It pauses while it reads, and closing it in the middle ends the reading and leaves no file behind."""
    with (data / "sparse").open("wb") as file:
        file.truncate(8 << 30)
    steps = Contents({"XDG_CACHE_HOME": str(data / "cache")}).of(str(data / "sparse"))
    assert next(steps) == []
    began = time.monotonic()
    steps.close()
    assert time.monotonic() - began < 5
    assert list((data / "cache" / "evalprov" / "content-v1").iterdir()) == []


@pytest.mark.long
def test_a_large_file_and_a_full_folder_take_no_memory(data: Path, cache: Path) -> None:
    """Neither a file of many times the memory allowed, nor thousands of files, make the process grow."""
    with (data / "sparse").open("wb") as file:
        file.truncate(400 << 20)
    for number in range(3000):
        write(data / "many" / f"{number:04}", b"")
    program = (
        "import sys, resource\nfrom evalprov.capture.content import Contents, finish\n"
        "contents = Contents({'XDG_CACHE_HOME': sys.argv[1]})\n"
        "resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "finish(contents.of(sys.argv[2]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(cache), str(data)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 40 << 10

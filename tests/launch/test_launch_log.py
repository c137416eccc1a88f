"""The log of a stream: bounded, scrubbed, and never in the way."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from evalprov.launch import BoundedLog
from evalprov.launch.backlog import Backlog, _Aside
from evalprov.secrets import Scrubber

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"kT9-wq7ZpLx42vN_mRs8Yb"
MARKER = re.compile(rb"\[evalprov: (\d+) bytes left out here\]\n")
CLEAN = Scrubber({})


class Logged:
    """A log in a file, fed and closed."""

    def __init__(self, path: Path, limit: int | None, pieces: list[bytes], scrubber: Scrubber = CLEAN) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.log = BoundedLog(fd, scrubber, limit)
        for piece in pieces:
            self.log.feed(piece)
        self.log.close()
        os.close(fd)
        self.text = path.read_bytes()


def numbered(count: int) -> bytes:
    """Return so many numbered lines of ten bytes."""
    return b"".join(b"%09d\n" % n for n in range(count))


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut into pieces."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("limit", [None, 1000])
@pytest.mark.parametrize("size", [1, 7, 400, 100_000])
def test_what_fits_is_kept_whole(tmp_path: Path, limit: int | None, size: int) -> None:
    """Up to the limit, to the byte, nothing is left out, in whatever pieces it came."""
    logged = Logged(tmp_path / "log", limit, pieces(numbered(100), size))
    assert logged.text == numbered(100)
    assert (logged.log.omitted, logged.log.problem) == (0, None)


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_what_does_not_fit_loses_its_middle(tmp_path: Path, size: int) -> None:
    """The first and the last half of the limit are kept, and a line between them says how much is not."""
    data = numbered(100_000)
    logged = Logged(tmp_path / "log", 10_000, pieces(data, size))
    marker = MARKER.search(logged.text)
    assert marker
    head, tail = logged.text[: marker.start()], logged.text[marker.end() :]
    assert (head, tail) == (data[:5000], data[-5000:])
    assert int(marker[1]) == logged.log.omitted == len(data) - 10_000


def test_one_byte_too_many_is_one_byte_left_out(tmp_path: Path) -> None:
    """The count is exact at the edge."""
    logged = Logged(tmp_path / "log", 10, [b"abcd\nefghij"])
    assert logged.text == b"abcd\n[evalprov: 1 bytes left out here]\nfghij"


@pytest.mark.parametrize("size", [4096, 1 << 22])
def test_one_endless_line_is_cut_as_well(tmp_path: Path, size: int) -> None:
    """The marker begins a line of its own, and the count says what is missing."""
    data = b"word " * 500_000
    logged = Logged(tmp_path / "log", 400_000, pieces(data, size))
    marker = MARKER.search(logged.text)
    assert marker
    head, tail = logged.text[: marker.start()], logged.text[marker.end() :]
    assert head.endswith(b"\n")
    assert data.startswith(head[:-1])
    assert len(head) > 100_000
    assert tail == data[-200_000:]
    assert int(marker[1]) == len(data) - len(head[:-1]) - len(tail)


def test_without_a_limit_everything_is_kept(tmp_path: Path) -> None:
    """A full log is the stream."""
    data = numbered(300_000)
    assert Logged(tmp_path / "log", None, pieces(data, 65536)).text == data


def test_the_head_is_on_disk_at_once(tmp_path: Path) -> None:
    """A log that is never closed, as when we are killed, has its first lines."""
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    log = BoundedLog(fd, CLEAN, 1000)
    log.feed(b"first line\n" * 40)
    os.close(fd)
    assert (tmp_path / "log").read_bytes().startswith(b"first line\n")


def test_the_tail_is_known_whatever_the_log_keeps(tmp_path: Path) -> None:
    """The last bytes can be asked for before and after the end, also of a log without room."""
    data = numbered(50_000)
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    log = BoundedLog(fd, CLEAN, 0)
    for piece in pieces(data, 1000):
        log.feed(piece)
    assert log.tail(4096) == data[-4096:]
    log.close()
    os.close(fd)
    assert log.tail(4096) == data[-4096:]
    assert log.omitted == len(data)
    assert (tmp_path / "log").read_bytes() == b"[evalprov: 500000 bytes left out here]\n"


def test_a_full_disk_stops_the_log_and_nothing_else() -> None:
    """The log says what went wrong, goes on taking bytes, and still knows the end of the stream."""
    fd = os.open("/dev/full", os.O_WRONLY)
    log = BoundedLog(fd, CLEAN, 1000)
    for piece in pieces(numbered(1000), 100):
        log.feed(piece)
    log.close()
    log.close()
    os.close(fd)
    assert log.problem == "No space left on device"
    assert log.tail(10) == b"000000999\n"


def test_no_part_of_a_secret_is_written_wherever_it_stands(tmp_path: Path) -> None:
    """Across pieces, across the end of the head, and across the beginning of the tail."""
    scrubber = Scrubber({"MODEL_API_KEY": SECRET.decode()})
    limit = 400
    data = b"." * 2000
    edges = [*range(160, 205), *range(1775, 1805), 0, 1978]
    for at in edges:
        stream = data[:at] + SECRET + data[at:]
        for size in (1, 13, 5000):
            logged = Logged(tmp_path / "log", limit, pieces(stream, size), scrubber)
            shown = logged.text + logged.log.tail(300)
            leaked = [SECRET[:n] for n in range(6, len(SECRET) + 1) if SECRET[:n] in shown]
            leaked += [SECRET[-n:] for n in range(6, len(SECRET) + 1) if SECRET[-n:] in shown]
            assert not leaked, (at, size)


def test_a_key_that_began_long_before_the_tail_is_not_shown(tmp_path: Path) -> None:
    """Where scrubbing leaves little of what is kept, no piece of a private key whose first line is gone shows up."""
    line = b"MIIEpAIBAAKCAQEA7bq9Vw2kXo0ZrTn1yGm4cHs8LdPf5uJe3aRi6WzQ"
    key = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"\n".join([line] * 200) + b"\n-----END RSA PRIVATE KEY-----\n"
    secret = b"s3cr3t" * 300
    scrubber = Scrubber({"MODEL_API_KEY": secret.decode()})
    rest = b"".join(b"%d %s\n" % (n, secret) for n in range(70))
    for before in range(0, len(key), 1500):
        lead = b"x" * 300_000 + b"\n"
        stream = lead + key + rest[: 131_072 - before]
        logged = Logged(tmp_path / "log", 1000, pieces(stream, 4096), scrubber)
        assert line not in logged.text + logged.log.tail(60_000), before


def test_a_full_log_is_scrubbed_across_pieces(tmp_path: Path) -> None:
    """Where nothing is left out, a secret in two pieces is one secret."""
    scrubber = Scrubber({"MODEL_API_KEY": SECRET.decode()})
    for limit in (None, 1000):
        stream = b"before " + SECRET + b" after\n"
        logged = Logged(tmp_path / "log", limit, pieces(stream, 9), scrubber)
        assert SECRET not in logged.text
        assert logged.text.startswith(b"before ")
        assert logged.text.endswith(b" after\n")


def test_a_slow_log_holds_nobody_up_and_misses_nothing() -> None:
    """What comes faster than it is worked off is taken at once, and comes out whole and in order."""
    taken: list[bytes] = []
    go_on = threading.Event()

    def work(data: bytes) -> None:
        go_on.wait(10)
        taken.append(data)

    backlog = Backlog(work, held=1000, waits=0.01)
    sent = [b"%d" % number * 60 for number in range(200)]
    for piece in sent:
        backlog.put(piece)  # would never return if it waited for the work
    go_on.set()
    time.sleep(0.02)
    for piece in sent:
        backlog.put(piece)
    backlog.end()
    assert b"".join(taken) == b"".join(sent + sent)
    assert backlog.problem is None


@pytest.mark.parametrize("held", [1 << 20, 100])
def test_who_waits_for_a_slow_log_is_told_how_far_it_is(held: int) -> None:
    """It is told in bytes, wherever they wait, ever more of one sum, and last that all is done."""
    told: list[tuple[int, int]] = []
    backlog = Backlog(lambda _: time.sleep(0.03), held=held, waits=0)
    for _ in range(10):
        backlog.put(b"line\n" * 20)
    backlog.end(lambda done, total: told.append((done, total)), quiet=0)
    done, totals = zip(*told, strict=True)
    assert len(set(totals)) == 1
    assert 0 < done[0] < totals[0]
    assert sorted(done) == list(done)
    assert done[-1] == totals[0]


def test_a_log_that_is_soon_done_says_nothing() -> None:
    """Who need not wait is told nothing."""
    told: list[tuple[int, int]] = []
    backlog = Backlog(lambda _: None)
    backlog.put(b"line\n")
    backlog.end(lambda done, total: told.append((done, total)))
    assert told == []


def test_what_waits_on_a_disk_cannot_be_read_there() -> None:
    """The file in which output waits to be scrubbed holds none of it in clear, nor twice the same for the same."""
    aside = _Aside()
    secret = b"api_key=sunset42moon and more\n" * 100
    aside.put(secret)
    aside.put(secret)
    raw = os.pread(aside._file.fileno(), 1 << 20, 0)
    assert len(raw) == 2 * len(secret)
    assert b"sunset" not in raw
    assert raw[: len(secret)] != raw[len(secret) :]
    assert [aside.take(), aside.take()] == [secret, secret]
    assert not aside.waiting
    aside.close()


def test_a_log_for_which_there_is_no_room_ends_before_the_gap() -> None:
    """Where waiting output finds no room, nothing behind it is written: half a secret could not be told."""
    taken: list[bytes] = []
    go_on = threading.Event()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def work(data: bytes) -> None:
        go_on.wait(10)
        taken.append(data)

    backlog = Backlog(work, held=100, waits=0)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, before[1]))
        for number in range(10):
            backlog.put(b"%d" % number * 80)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    go_on.set()
    backlog.end()
    assert taken == [b"%d" % number * 80 for number in range(len(taken))]
    assert 2 <= len(taken) < 10
    assert backlog.lost == 800 - 80 * len(taken)
    assert "no room" in (backlog.problem or "")


def test_a_log_slower_than_its_command_is_whole(tmp_path: Path) -> None:
    """Text full of what may be a secret, in one go, is all there, scrubbed as ever."""
    data = b"".join(b"%d key: step_%d api_key=Sunset%dmoon\n" % (n, n, n) for n in range(2000))
    text = Logged(tmp_path / "log", None, pieces(data, 1 << 16), Scrubber({})).text
    assert text == Scrubber({}).data(data)
    assert b"Sunset" not in text


def test_what_is_stopped_leaves_out_the_rest() -> None:
    """Who waits for a slow log and will not ends it: what is not worked off by then is lost, and that is said."""
    taken: list[bytes] = []

    def work(data: bytes) -> None:
        time.sleep(0.02)
        taken.append(data)

    backlog = Backlog(work, held=1 << 20, waits=0)
    for _ in range(500):
        backlog.put(b"line\n" * 20)
    began = time.monotonic()
    backlog.end(stopped_by=lambda: "SIGTERM" if len(taken) > 2 else None)
    assert time.monotonic() - began < 5
    assert backlog.stopped == "SIGTERM ended the cleaning of what was left of it"
    assert backlog.lost == 100 * (500 - len(taken))


def test_what_is_done_when_it_is_stopped_is_whole() -> None:
    """A signal that comes when nothing is left to do leaves nothing out."""
    backlog = Backlog(lambda _: None)
    backlog.put(b"line\n")
    backlog.end(stopped_by=lambda: "SIGTERM")
    assert (backlog.lost, backlog.stopped) == (0, None)


SLOW = """
import sys
for n in range(200_000):
    sys.stdout.write(f"{n} answer of the model: key step_{n} api_key=Sunset{n}moon\\n")
sys.exit(3)
"""


@pytest.mark.long
def test_a_signal_ends_the_cleaning_of_a_log_and_the_record_is_whole(tmp_path: Path) -> None:
    """Ctrl-C after the command's end: its exit code stays, the log has its head and its end, and says so."""
    (tmp_path / "slow.py").write_text(SLOW)
    words = [sys.executable, "-m", "evalprov", "run", "--log", "full", "--", sys.executable, "slow.py"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert len(list(islice(process.stdout, 200_000))) == 200_000
        time.sleep(1)  # it has ended, and its log is cleaned
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().decode()
        assert process.wait() == 3
    assert time.monotonic() - began < 5
    assert "SIGINT ended the cleaning" in said
    record = json.loads(next((tmp_path / "metrics/runs").glob("*.json")).read_bytes())
    assert (record["status"], record["exit_code"]) == ("failed", 3)
    text = next((tmp_path / "metrics/logs").glob("*.out")).read_text()
    head, marker, tail = text.partition("[evalprov: ")
    assert head.startswith("0 answer")
    assert marker
    assert tail.endswith("199999 answer of the model: key step_199999 api_key=[secret]\n")
    assert "Sunset" not in text

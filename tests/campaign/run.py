"""The campaign: every row bare and recorded, in fresh folders, and nothing may differ: python tests/campaign/run.py.

With words, only the rows whose name holds one of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import IO, NamedTuple, Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from campaign.pairs import rows as pairs
from campaign.row import Row
from campaign.table import rows as table
from evalprov.cli import main as command_line

SHELL = shutil.which("bash") or "/bin/sh"
EVALPROV = (sys.executable, "-m", "evalprov")
HANGS, HANGS_CODE = 90.0, 1000
BAD_WORDS = (b"Traceback (most recent call last)", b"unexpected:")
# A collector that gives up says so in a sentence; these are faults of ours.
FAULTS = ("TypeError", "KeyError", "IndexError", "AttributeError", "ValueError", "AssertionError", "UnicodeEncodeError")
FINAL = {"completed", "failed", "interrupted", "killed", "not_started"}


class Seen(NamedTuple):
    """What came of a command."""

    code: int
    out: bytes
    err: bytes
    seconds: float
    changed: dict[str, str]  # path -> made, gone or changed
    records: int  # new ones
    left: list[str]  # in the folder for temporary files


def rows() -> list[Row]:
    """Return all rows there are."""
    found = [*table(), *pairs()]
    twice = [label for label, times in Counter(row.label for row in found).items() if times > 1]
    assert not twice, twice
    return found


def survive(row: Row, base: Path) -> list[str]:
    """Run a row both ways; return what is wrong."""
    for attempt in range(2):
        bare = carried_out(row, base, recorded=False)
        ours = carried_out(row, base, recorded=True)
        wrong = list(differences(row, bare, ours))
        wrong += [f"the secret is in {path}" for path in holding(row, base)]
        wrong += said_of_the_record(row, base, bare) if ours.records == 1 else []
        slower = ours.seconds - bare.seconds
        if slower < row.adds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)):
            break
        if attempt:  # not a moment's load
            wrong.append(f"{slower:.1f} s longer")
    return wrong


def carried_out(row: Row, base: Path, *, recorded: bool) -> Seen:
    """Set up the row in a fresh folder and run its command there."""
    for name in ("w", "home", "tmp"):
        subprocess.run(["rm", "-rf", base / name], check=True)
        (base / name).mkdir(parents=True)
    folder = base / "w"
    row.setup(folder)
    before, records = snapshot(row, folder), records_of(row, folder)
    options = [word.replace("{folder}", str(folder)) for word in row.options]
    prefix = [*EVALPROV, "run", "--quiet", *options, "--"] if recorded else []
    command = [SHELL, "-c", f'{row.around}\nexec "$@"' if row.around else 'exec "$@"', "-", *prefix, *row.argv]
    with ExitStack() as kept:
        out, err, given = (kept.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        screen = kept.enter_context(Screen(out)) if row.terminal != "none" else None
        given.write(row.stdin or b"")
        given.seek(0)
        began = time.monotonic()
        process = subprocess.Popen(
            [*map(os.fsencode, command)],
            cwd=os.fsencode(folder / row.cwd),
            env=environment(row, base),
            stdin=screen.fd if screen else subprocess.DEVNULL if row.stdin is None else given,
            stdout=screen.fd if screen and row.terminal != "err" else out,
            stderr=screen.fd if screen and row.terminal != "out" else err,
            start_new_session=True,
            preexec_fn=screen.control if screen else None,  # noqa: PLW1509 - it is one call
        )
        try:
            code = process.wait(HANGS)
        except subprocess.TimeoutExpired:
            code = HANGS_CODE
        seconds = time.monotonic() - began
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if screen:
            screen.finish()
        out.seek(0)
        err.seek(0)
        now = snapshot(row, folder)
        changed = {path: how(before.get(path), now.get(path)) for path in {*before, *now}}
        return Seen(
            128 - code if -128 < code < 0 else code,
            out.read(),
            err.read(),
            seconds,
            {path: word for path, word in changed.items() if word},
            records_of(row, folder) - records,
            sorted(os.listdir(base / "tmp")),
        )


class Screen:
    """A terminal of its own, which keeps in a file what is shown on it."""

    def __init__(self, out: IO[bytes]) -> None:
        self._ours, self.fd = os.openpty()
        termios.tcsetwinsize(self.fd, (40, 100))
        self._out = out
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ours)

    def control(self) -> None:
        """Be the terminal that controls the new session."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def finish(self) -> None:
        """Read what is left; who still holds the terminal is not waited for."""
        os.close(self.fd)
        self._reader.join(10)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._ours, 1 << 16):
                self._out.write(data)


def environment(row: Row, base: Path) -> dict[bytes, bytes]:
    """Return the same plain environment for everyone, and the row's own on top."""
    plain: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        "HOME": str(base / "home"),
        "TMPDIR": str(base / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        **setting_of_git(),
        **row.env,
    }
    return {os.fsencode(name): os.fsencode(value) for name, value in plain.items() if value is not None}


def setting_of_git() -> dict[str, str]:
    """Return variables that make git the same everywhere, and its commits the same each time."""
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in WHO.items()}
    return {**people, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


WHO = {"NAME": "A", "EMAIL": "a@example.org", "DATE": "2026-09-20T12:00:00Z"}


def how(before: object, now: object) -> str:
    """Say what became of a file."""
    if before == now:
        return ""
    return "made" if before is None else "gone" if now is None else "changed"


def snapshot(row: Row, folder: Path) -> dict[str, object]:
    """Return all that is in a folder, by path, the records aside."""
    found: dict[str, object] = {}
    store = os.path.realpath(folder / row.store) if row.store else str(folder / "metrics")
    above = {store}
    while len(store) > len(str(folder)):
        store = os.path.dirname(store)
        above.add(store)
    for place, folders, files in os.walk(folder):
        for name in list(folders):
            path = os.path.join(place, name)
            if os.path.realpath(path) in above:
                if path in above and row.store and path == os.path.realpath(folder / row.store):
                    folders.remove(name)
                continue
            found[path] = stat.S_IMODE(os.lstat(path).st_mode)
        for name in files:
            path = os.path.join(place, name)
            status = os.lstat(path)
            content = ""
            if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20:
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            found[path] = (status.st_mode, status.st_size, content)
    return found


def records_of(row: Row, folder: Path) -> int:
    """Return how many records the row's store holds."""
    runs = folder / (row.store or "metrics") / "runs"
    return sum(1 for file in runs.glob("2*.json") if file.stat().st_size) if runs.is_dir() else 0


def differences(row: Row, bare: Seen, ours: Seen) -> Iterator[str]:
    """Yield what one can tell them apart by."""
    if HANGS_CODE in {bare.code, ours.code}:
        yield "the row itself hangs" if bare.code == HANGS_CODE else "it hangs"
    elif row.refused:
        said = ours.out + ours.err  # at a terminal, in colour, and perhaps with words of the shell before it
        if ours.code != 125 or not (b"evalprov: error:" in said or (row.terminal != "none" and b"error:" in said)):
            yield f"not refused: exit {ours.code}, {said[:200]!r}"
    elif ours.code != bare.code:
        yield f"exit {ours.code} for {bare.code}, {ours.err[-300:]!r}"
    elif row.same_output:
        yield from filter(None, (apart("stdout", bare.out, ours.out), apart("stderr", bare.err, ours.err)))
    yield from (f"it says {ours.err[-300:]!r}" for words in BAD_WORDS if words in ours.err and words not in bare.err)
    expected = {} if row.refused else bare.changed
    for path in sorted({*expected, *ours.changed}):
        became, should = ours.changed.get(path, "untouched"), expected.get(path, "untouched")
        if became != should:
            yield f"{path!r} {became} for {should}"
    if ours.left != bare.left and not row.refused:
        yield f"left behind in TMPDIR: {ours.left}"
    if row.store is not None and not row.refused and ours.records != 1:
        yield f"{ours.records} new records; {ours.err[-200:]!r}"


def holding(row: Row, base: Path) -> Iterator[str]:
    """Yield the files of the store that hold the row's secret, or whose name does."""
    store = base / "w" / (row.store or "metrics")
    for file in store.rglob("*") if row.secret and store.is_dir() else ():
        data = file.read_bytes() if file.is_file() and not file.is_symlink() else b""
        if row.secret.encode() in data or row.secret in file.name:
            yield str(file.relative_to(store))


def apart(name: str, one: bytes, other: bytes) -> str:
    """Say where two outputs part, or nothing."""
    if one == other:
        return ""
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{name} differs at {at}: {one[at : at + 80]!r} became {other[at : at + 200]!r}"


def said_of_the_record(row: Row, base: Path, bare: Seen) -> list[str]:
    """Load the newest record as a reader would; return what is wrong with it."""
    store = base / "w" / (row.store or "metrics")
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command_line(["show", "latest", "--json", "--store", str(store)])
    shown = [stream.seek(0) or stream.buffer.read().decode(errors="replace") for stream in (out, err)]
    if code:
        return [f"show: exit {code}: {shown[1][-200:]}"]
    record = json.loads(shown[0])
    status, known = record["status"], record["exit_code"]
    if status not in FINAL or (status == "completed") != (bare.code == 0):
        return [f"status {status} for exit {bare.code}"]
    if known not in (bare.code, None if status == "not_started" else bare.code):
        return [f"exit code {known} recorded for {bare.code}"]
    failed = {name: one["reason"] or "" for name, one in record["capture"].items() if one["status"] == "failed"}
    return [f"a fault of ours in {name}: {reason}" for name, reason in failed.items() if reason.startswith(FAULTS)]


def _tried(number: int) -> tuple[int, list[str]]:
    row = _ROWS[number]
    with tempfile.TemporaryDirectory(prefix="campaign-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # for rows that are another user
        base = Path(folder) / f"{number}"
        try:
            return number, survive(row, base)
        except Exception as fault:  # noqa: BLE001 - one row must not end the campaign
            return number, [f"the row could not be tried: {type(fault).__name__}: {fault}"]


_ROWS: list[Row] = []


def main(words: list[str]) -> int:
    """Try all rows on all processors; say what was survived."""
    os.environ.update(setting_of_git())
    for name in [name for name in os.environ if name.startswith(("EVALPROV_", "PYTHON", "CI", "GITHUB_"))]:
        del os.environ[name]
    _ROWS[:] = [row for row in rows() if not words or any(word in row.label for word in words)]
    began = time.monotonic()
    tried: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    with get_context("fork").Pool() as pool:
        for number, wrong in pool.imap_unordered(_tried, range(len(_ROWS))):
            row = _ROWS[number]
            tried[row.group] += 1
            survived[row.group] += not wrong
            if wrong:
                print(f"FAILED {row.label}: {'; '.join(wrong)[:600]}", flush=True)
            if tried.total() % 100 == 0:
                seconds = time.monotonic() - began
                print(f"{survived.total()} of {tried.total()} so far, {len(_ROWS)} in all, {seconds:.0f} s", flush=True)
    for group, count in tried.items():
        print(f"  {survived[group]:4} of {count:4}  {group}")
    lost = tried.total() - survived.total()
    print(f"campaign: {survived.total()} of {tried.total()} rows survived in {time.monotonic() - began:.0f} s")
    shutil.rmtree("/dev/shm/evalprov-campaign", ignore_errors=True)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Output: every byte, in order, whatever is at either end."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
from pathlib import Path

import pytest
from launching import SLOWER, Launched, Terminal, python, state_of, until

EMPTY = hashlib.sha256().hexdigest()


def test_both_streams_pass_byte_for_byte(tmp_path: Path) -> None:
    """Bytes that are no text, no newline at the end, each stream to its own place, counted and hashed."""
    out = bytes(range(256)) * 100 + b"\r\n\xff\xfe no newline"
    err = b"\x1b[31merror\x1b[0m\n" * 10
    script = f"import os; os.write(2, {err!r}); os.write(1, {out!r})"
    launched = Launched(tmp_path, python(script))
    done = launched.run()
    assert (done.stdout, done.stderr) == (out, err)
    assert launched.stdout == out
    assert launched.outcome["stdout"] == {
        "bytes": len(out),
        "lines": out.count(b"\n"),
        "sha256": hashlib.sha256(out).hexdigest(),
        "terminal": False,
        "complete": True,
    }
    assert launched.outcome["stderr"]["sha256"] == hashlib.sha256(err).hexdigest()
    assert launched.outcome["stderr"]["lines"] == 10


def test_no_output_is_no_bytes(tmp_path: Path) -> None:
    """A silent command has two empty streams."""
    launched = Launched(tmp_path, ["true"])
    done = launched.run()
    assert (done.stdout, done.stderr) == (b"", b"")
    assert launched.outcome["stdout"]["bytes"] == 0
    assert launched.outcome["stderr"]["sha256"] == EMPTY


@pytest.mark.parametrize("poll", [False, True])
def test_ten_megabytes_on_one_line_pass(tmp_path: Path, *, poll: bool) -> None:
    """A line has no limit; nor does a system without epoll change anything."""
    launched = Launched(tmp_path, ["sh", "-c", "head -c 10000000 /dev/zero; echo; echo done >&2"], poll=poll)
    done = launched.run()
    assert done.stdout == bytes(10_000_000) + b"\n"
    assert done.stderr == b"done\n"
    assert launched.outcome["stdout"]["lines"] == 1


def test_the_last_bytes_before_the_end_are_never_lost(tmp_path: Path) -> None:
    """Thirty commands that print 200 KB and are gone at once: every byte arrives and is recorded."""
    data = (b"x" * 99 + b"\n") * 2000
    (tmp_path / "data").write_bytes(data)
    launched = Launched(tmp_path, ["cat", str(tmp_path / "data")], repeat=30)
    assert launched.run().stdout == data * 30
    assert [one["stdout"]["bytes"] for one in launched.outcomes] == [len(data)] * 30
    assert {one["stdout"]["sha256"] for one in launched.outcomes} == {hashlib.sha256(data).hexdigest()}


def test_the_last_bytes_at_a_terminal_are_never_lost(tmp_path: Path) -> None:
    """The same where the command's output is a terminal of its own."""
    data = (b"x" * 99 + b"\n") * 500
    (tmp_path / "data").write_bytes(data)
    launched = Launched(tmp_path, ["cat", str(tmp_path / "data")], repeat=20)
    terminal = Terminal(launched.command)
    assert terminal.finish() == data.replace(b"\n", b"\r\n") * 20
    assert {one["stdout"]["sha256"] for one in launched.outcomes} == {hashlib.sha256(data).hexdigest()}


def test_a_daemon_that_holds_the_output_does_not_hold_us(tmp_path: Path) -> None:
    """What the command left running stays; its hold on the output is waited for shortly, and noted once."""
    launched = Launched(tmp_path, ["sh", "-c", "sleep 60 & echo $!; echo last"])
    done = launched.run()
    daemon = int(done.stdout.split()[0])
    try:
        until(lambda: state_of(daemon) == "S")
    finally:
        os.kill(daemon, signal.SIGKILL)
    assert done.returncode == 0
    assert done.stdout.endswith(b"last\n")
    assert launched.outcome["stdout"]["complete"] is False
    held = "stdout and stderr not followed to the end: a process left running still holds it"
    assert launched.outcome["warnings"] == [held]


def test_a_daemon_without_our_output_is_no_matter(tmp_path: Path) -> None:
    """One that closed what it was given leaves complete streams and no warning."""
    launched = Launched(tmp_path, ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"])
    done = launched.run()
    os.kill(int(done.stdout), signal.SIGKILL)
    assert launched.outcome["stdout"]["complete"] is True
    assert launched.outcome["warnings"] == []


def test_a_reader_that_goes_ends_the_writer_as_without_us(tmp_path: Path) -> None:
    """`yes | head -1` ends at once by SIGPIPE, and what went through is on record."""
    launched = Launched(tmp_path, ["yes"])
    done = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "-", *launched.command], capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, b"y\n", b"")
    outcome = launched.outcome
    assert (outcome["exit_code"], outcome["signal"], outcome["warnings"]) == (141, "SIGPIPE", [])
    assert outcome["stdout"]["complete"] is True
    assert outcome["stdout"]["bytes"] == len(launched.stdout) > 0


def test_a_quiet_command_hears_of_the_lost_reader_at_its_first_word(tmp_path: Path) -> None:
    """Nothing has to be written for us to notice that nobody reads any more."""
    for slower in SLOWER:
        gone = tmp_path / f"gone{slower}"
        wait = f"while [ ! -e {gone} ]; do sleep 0.01; done; sleep {0.1 * slower}"
        launched = Launched(tmp_path, ["sh", "-c", f"{wait}; echo a; exit 5"])
        near, far = os.pipe()
        process = launched.start(stdout=far)
        os.close(far)
        os.close(near)
        gone.touch()
        if process.wait() != 5:  # else it spoke before we had our turn
            break
    assert process.returncode == 141


def test_a_reader_that_does_not_read_cannot_keep_us_after_a_timeout(tmp_path: Path) -> None:
    """Once everything is ended, what nobody takes is dropped with a warning."""
    for slower in SLOWER:
        launched = Launched(tmp_path, ["yes"], timeout=0.3 * slower)
        near, far = os.pipe()
        process = launched.start(stdout=far)
        os.close(far)
        assert process.wait() == 124
        os.close(near)
        if len(launched.stdout) > 1 << 16:  # else it did not come to fill the pipe
            break
    assert launched.outcome["stdout"]["complete"] is False
    assert launched.outcome["warnings"] == ["stdout: its reader did not take the rest, which is lost"]


def test_a_stuck_stdout_does_not_hold_up_stderr(tmp_path: Path) -> None:
    """With different readers, one that does not read is no concern of the other's."""
    script = "head -c 2000000 /dev/zero & echo through >&2; wait"
    near, far = os.pipe()
    process = Launched(tmp_path, ["sh", "-c", script]).start(stdout=far, stderr=subprocess.PIPE)
    os.close(far)
    assert process.stderr
    assert process.stderr.readline() == b"through\n"
    while os.read(near, 1 << 20):
        pass
    os.close(near)
    process.stderr.close()
    assert process.wait() == 0


def test_a_full_disk_on_our_side_is_told(tmp_path: Path) -> None:
    """An output that takes no more is closed, so that the command is told, with a warning."""
    for slower in SLOWER:
        launched = Launched(tmp_path, ["sh", "-c", f"trap '' PIPE; echo a; sleep {0.1 * slower}; echo b || exit 6"])
        with open("/dev/full", "wb") as full:
            done = launched.run(capture_output=False, stdout=full, stderr=subprocess.DEVNULL)
        if done.returncode:  # else its second word was there before our first was refused
            break
    assert done.returncode == 6
    (warning,) = launched.outcome["warnings"]
    assert warning == "stdout could not be passed on: No space left on device; it was closed"


def test_a_reader_that_made_our_output_non_blocking_gets_everything(tmp_path: Path) -> None:
    """Somebody who shares the pipe may have set it so; we wait until it takes more."""
    launched = Launched(tmp_path, ["head", "-c", "3000000", "/dev/zero"])
    near, far = os.pipe()
    os.set_blocking(far, False)
    process = launched.start(stdout=far)
    os.close(far)
    with open(near, "rb") as reader:
        assert reader.read() == bytes(3_000_000)
    assert process.wait() == 0
    assert launched.outcome["warnings"] == []


@pytest.mark.parametrize("closed", ["1", "2", "0", "1 2", "0 1 2"])
def test_a_closed_descriptor_stays_closed(tmp_path: Path, closed: str) -> None:
    """What was closed for us is closed for the command; the rest works."""
    result = tmp_path / "result"
    script = (
        "import os, sys\nsaid = []\n"
        "for fd in (0, 1, 2):\n"
        "    try:\n        os.fstat(fd)\n        said.append(str(fd))\n    except OSError:\n        pass\n"
        "if '1' in said: os.write(1, b'out')\n"
        "if '2' in said: os.write(2, b'err')\n"
        f"os.write(os.open({str(result)!r}, os.O_WRONLY | os.O_CREAT), ' '.join(said).encode())\n"
    )
    launched = Launched(tmp_path, python(script))
    close = "".join(f" {fd}>&-" for fd in closed.split())
    done = subprocess.run(["sh", "-c", f'exec "$@"{close}', "-", *launched.command], capture_output=True)
    still = [fd for fd in "012" if fd not in closed]
    assert result.read_text() == " ".join(still)
    assert done.stdout == (b"out" if "1" in still else b"")
    assert done.stderr == (b"err" if "2" in still else b"")
    assert launched.outcome["stdout"]["bytes"] == len(done.stdout)
    assert launched.outcome["stderr"]["sha256"] == hashlib.sha256(done.stderr).hexdigest()


def test_descriptors_of_the_user_reach_the_command_and_none_of_ours(tmp_path: Path) -> None:
    """`3<file` works, and the command has exactly the descriptors it has without us."""
    (tmp_path / "file").write_text("from three\n")
    show = ["sh", "-c", "cat <&3; ls /proc/self/fd | tr '\\n' ' '"]
    shell = ["sh", "-c", f'exec 3<{tmp_path}/file 7>/dev/null; exec "$@"', "-"]
    bare = subprocess.run([*shell, *show], capture_output=True, check=True).stdout
    done = subprocess.run([*shell, *Launched(tmp_path, show).command], capture_output=True, check=True)
    assert done.stdout == bare
    assert done.stdout.startswith(b"from three\n")


def test_stdin_is_the_commands_own(tmp_path: Path) -> None:
    """A pipe is read by the command alone; what it leaves is left for the next."""
    (tmp_path / "lines").write_text("one\ntwo\n")
    launched = Launched(tmp_path, python("import os; print(os.read(0, 4))"))
    with open(tmp_path / "lines", "rb") as lines:
        assert launched.run(stdin=lines).stdout == b"b'one\\n'\n"
        assert os.read(lines.fileno(), 10) == b"two\n"
    assert Launched(tmp_path, ["cat"]).run(input=b"x" * 300_000).stdout == b"x" * 300_000


# Writes on only when what it wrote last has been passed on and kept.
IN_TURN = """
import os, time
written = 0
for n in range({turns}):
    written += os.write({stream}, {word})
    while sum(os.path.getsize(os.environ["KEPT"] + end) for end in (".stdout", ".stderr")) < written:
        time.sleep(0.002)
"""


def test_a_sink_that_fails_harms_nobody(tmp_path: Path) -> None:
    """It is left out with a warning; the user, the command and the other sinks get everything."""
    launched = Launched(tmp_path, python(IN_TURN.format(turns=3, stream="1", word="b'a\\n'")), broken_sink=True)
    done = launched.run(env={**os.environ, "KEPT": str(launched.out)})
    assert (done.returncode, done.stdout, launched.stdout) == (0, b"a\n" * 3, b"a\n" * 3)
    (warning,) = launched.outcome["warnings"]
    assert warning == "stdout was not followed to its end by Broken: ValueError: cannot take more"


def test_streams_to_one_place_keep_their_order(tmp_path: Path) -> None:
    """Words on stdout and stderr in turn come out in turn, where the command leaves a moment between them."""
    launched = Launched(tmp_path, python(IN_TURN.format(turns=40, stream="1 + n % 2", word="b'%d ' % n")))
    done = launched.run(
        capture_output=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "KEPT": str(launched.out)},
    )
    assert done.stdout.split() == [b"%d" % n for n in range(40)]


def test_memory_stays_flat_however_much_is_printed(tmp_path: Path) -> None:
    """A quarter of a gigabyte, and lines without end, go through a process that stays small."""
    launched = Launched(tmp_path, ["head", "-c", str(1 << 28), "/dev/zero"], sinkless=True)
    assert launched.run(capture_output=False, stdout=subprocess.DEVNULL).returncode == 0
    assert launched.outcome["own_peak_kb"] < 50_000
    assert launched.outcome["stdout"]["bytes"] == 1 << 28


@pytest.mark.linux("the size of a pipe")
def test_a_large_pipe_of_a_slow_reader_is_emptied_before_the_end(tmp_path: Path) -> None:
    """What the command wrote before it ended arrives, however long its reader takes to begin."""
    launched = Launched(tmp_path, ["head", "-c", "400000", "/dev/zero"])
    near, far = os.pipe()
    fcntl.fcntl(far, fcntl.F_SETPIPE_SZ, 4096)
    process = launched.start(stdout=far)
    os.close(far)
    # The first piece may be a small one, and no other is read while nobody takes it.
    until(lambda: Path(f"{launched.out}.stdout").exists() and launched.stdout)
    with open(near, "rb") as reader:
        assert reader.read() == bytes(400_000)
    assert process.wait() == 0
    assert launched.outcome["stdout"]["complete"] is True

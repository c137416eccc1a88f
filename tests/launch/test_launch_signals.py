"""Signals: each reaches the command once, whoever it was sent to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from launching import Launched, Terminal, python, state_of, until

from evalprov.platform.processes import children_of

# Counts the signals it gets, tells of each, and ends a while after it was told to.
COUNTER = python(
    """
import json, os, signal, sys, time
got = {}
def count(number, frame):
    name = signal.Signals(number).name
    got[name] = got.get(name, 0) + 1
    os.write(told, b".")
told = os.open(sys.argv[1] + ".told", os.O_WRONLY | os.O_CREAT)
for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2"):
    signal.signal(getattr(signal, "SIG" + name), count)
with open(sys.argv[1] + ".pids", "w") as file:
    file.write(f"{os.getppid()} {os.getpid()}")
os.rename(sys.argv[1] + ".pids", sys.argv[1] + ".ready")
while not os.path.exists(sys.argv[1] + ".enough"):
    time.sleep(0.01)
time.sleep(0.2)
with open(sys.argv[1], "w") as file:
    json.dump(got, file)
"""
)
ALL = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]


class Counter:
    """The counting command and what it counted."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "counted"
        self.launched = Launched(folder, [*COUNTER, str(self.file)])

    def ready(self) -> tuple[int, int]:
        """Wait until it counts; return our pid and its."""
        ready = Path(f"{self.file}.ready")
        until(ready.exists)
        ours, its = map(int, ready.read_text().split())
        return ours, its

    def heard(self, times: int) -> None:
        """Wait until it has counted so many."""
        until(lambda: os.path.getsize(f"{self.file}.told") >= times)

    def counted(self) -> dict[str, int]:
        """Let it end, and return how often it got what."""
        Path(f"{self.file}.enough").touch()
        until(self.launched.out.exists)
        return json.loads(self.file.read_text())


def a_new_child(ours: int, before: set[int]) -> None:
    """Wait until there is a new process that only lets signals wait: what came until now was understood."""
    until(lambda: children_of(ours) - before)


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """A command that counts."""
    return Counter(tmp_path)


def test_a_signal_sent_to_us_alone_is_passed_on_once(counter: Counter) -> None:
    """Each of the six reaches the command once, and we outlive it."""
    process = counter.launched.start()
    ours, _ = counter.ready()
    for times, name in enumerate(ALL, 1):
        os.kill(ours, signal.Signals[name])
        counter.heard(times)
    assert counter.counted() == dict.fromkeys(ALL, 1)
    assert process.wait() == 0
    outcome = counter.launched.outcome
    assert outcome["stopped_by"] == "SIGTERM"
    assert (outcome["exit_code"], outcome["signal"], outcome["warnings"]) == (0, None, [])


def test_a_signal_sent_to_the_whole_group_is_not_passed_on_again(counter: Counter) -> None:
    """What `kill %1`, `timeout` or a supervisor sends to the process group reaches the command once."""
    process = counter.launched.start(start_new_session=True)
    ours, its = counter.ready()
    a_new_child(ours, {its})
    for times, name in enumerate([*ALL, *ALL], 1):
        before = children_of(ours)
        os.killpg(ours, signal.Signals[name])
        counter.heard(times)
        a_new_child(ours, before)
    assert counter.counted() == dict.fromkeys(ALL, 2)
    assert process.wait() == 0
    assert counter.launched.outcome["stopped_by"] == "SIGTERM"


def test_a_signal_to_us_and_to_the_group_in_one_moment_counts_once(tmp_path: Path) -> None:
    """GNU timeout sends to its child and then to the group: one wish, one signal."""
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        counter = Counter(folder)
        process = counter.launched.start(start_new_session=True)
        ours, _ = counter.ready()
        began = time.monotonic()
        os.kill(ours, signal.SIGTERM)
        time.sleep(0.003)
        os.killpg(ours, signal.SIGTERM)
        one_moment = time.monotonic() - began < 0.01  # unless we had to wait for a processor between the two
        counter.heard(1)
        counted = counter.counted()
        assert process.wait() == 0
        if one_moment:
            break
    assert one_moment
    assert counted == {"SIGTERM": 1}


def test_control_c_at_a_terminal_reaches_the_command_once(counter: Counter) -> None:
    """The terminal tells the foreground group, of which the command is one; we add nothing."""
    terminal = Terminal(counter.launched.command)
    counter.ready()
    terminal.type(b"\x03")
    counter.heard(1)
    terminal.type(b"\x1c")
    counter.heard(2)
    assert counter.counted() == {"SIGINT": 1, "SIGQUIT": 1}
    terminal.finish()
    assert terminal.process.returncode == 0
    assert counter.launched.outcome["stopped_by"] == "SIGINT"


def test_control_c_ends_a_plain_command_as_it_would_without_us(tmp_path: Path) -> None:
    """The command is ended by SIGINT, and the outcome says who stopped it."""
    launched = Launched(tmp_path, ["sh", "-c", "echo ready; exec sleep 60"])
    terminal = Terminal(launched.command)
    terminal.wait_for(b"ready")
    terminal.type(b"\x03")
    terminal.finish()
    assert terminal.process.returncode == 130
    assert (launched.outcome["signal"], launched.outcome["stopped_by"]) == ("SIGINT", "SIGINT")


def test_a_terminal_that_hangs_up_is_heard_once(counter: Counter) -> None:
    """The kernel tells the head of the session alone: without us that is the command."""
    terminal = Terminal(counter.launched.command)
    counter.ready()
    terminal.hang_up()
    counter.heard(1)
    assert counter.counted() == {"SIGHUP": 1}
    assert terminal.process.wait() == 0
    assert counter.launched.outcome["stopped_by"] == "SIGHUP"


SHOW = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"]


@pytest.mark.parametrize("ignored", ["", "HUP", "INT QUIT", "HUP INT TERM USR1 USR2 CHLD"])
@pytest.mark.linux("signals of the C library's own")
def test_ignored_and_blocked_signals_are_the_same_with_and_without_us(tmp_path: Path, ignored: str) -> None:
    """Under nohup, or in the background of a plain shell, the command ignores what it ignores without us."""
    trap = f'trap "" {ignored}; exec "$@"' if ignored else 'exec "$@"'
    shell = ["sh", "-c", trap, "sh"]
    bare = subprocess.run([*shell, *SHOW], capture_output=True, check=True).stdout
    done = subprocess.run([*shell, *Launched(tmp_path, SHOW).command], capture_output=True, check=True)
    assert done.stdout == bare


SPAWNED = "import os, sys; os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setsigdef=[13, 25]), 0)"


def test_what_a_starter_by_posix_spawn_ignores_stays_ignored(tmp_path: Path) -> None:
    """The C library has what `make` starts ignore two signals of its own: the command does so just as without us."""
    starter = [sys.executable, "-c", SPAWNED]
    grep = shutil.which("grep") or ""
    bare = subprocess.run([*starter, grep, *SHOW[1:]], capture_output=True, check=True).stdout
    done = subprocess.run([*starter, *Launched(tmp_path, [grep, *SHOW[1:]]).command], capture_output=True, check=True)
    assert done.stdout == bare != b""


def test_an_ignored_hangup_ends_neither_us_nor_the_command(tmp_path: Path) -> None:
    """Under nohup a SIGHUP to both of us changes nothing."""
    launched = Launched(tmp_path, ["sh", "-c", "echo ready; read line; exit 4"])
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *launched.command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, signal.SIGHUP)
    os.kill(process.pid, signal.SIGHUP)
    time.sleep(0.1)
    process.communicate(b"\n")
    assert process.returncode == 4
    assert launched.outcome["stopped_by"] is None


def test_control_z_stops_and_fg_continues_both(counter: Counter) -> None:
    """A shell's job control works on us and the command as on one."""
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], env={**os.environ, "PS1": "here> "})
    terminal.wait_for(b"here> ")
    terminal.type(" ".join(f"'{word}'" for word in counter.launched.command).encode() + b"\n")
    ours, its = counter.ready()
    terminal.type(b"\x1a")
    until(lambda: (state_of(ours), state_of(its)) == ("T", "T"))
    terminal.wait_for(b"Stopped")
    terminal.type(b"fg\n")
    until(lambda: "T" not in (state_of(ours), state_of(its)))
    terminal.type(b"\x03")
    counter.heard(1)
    assert counter.counted() == {"SIGINT": 1}
    terminal.type(b"exit\n")
    terminal.finish()


def test_killing_us_leaves_the_command_running(tmp_path: Path) -> None:
    """A SIGKILL to us costs the command nothing but its pipe, and leaves no process of ours."""
    after = tmp_path / "after"
    script = f"echo $$; read line; echo lost; trap '' PIPE; sleep 0.1; echo survived > {after}"
    launched = Launched(tmp_path, ["sh", "-c", f"trap '' PIPE; {script}"])
    process = launched.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    assert process.stdin
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert state_of(child) not in ("", "Z")
    process.stdin.write(b"\n")
    process.stdin.close()
    process.stdout.close()
    until(after.exists)
    until(lambda: not group_of(process.pid))
    assert after.read_text() == "survived\n"


def group_of(leader: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def test_nothing_of_ours_is_left_behind(tmp_path: Path) -> None:
    """Once we are through, no process of ours is left in the group."""
    process = Launched(tmp_path, ["true"]).start(start_new_session=True)
    process.communicate()
    until(lambda: not group_of(process.pid))

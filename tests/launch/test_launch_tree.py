"""The process tree: a timeout ends all of it, orphans are reaped, and what it used is known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PORTABLE
from launching import SLOWER, Launched, python, state_of, until

from evalprov.platform import processes
from evalprov.platform.processes import ProcessTree, children_of

# A grandchild in a session of its own, twice forked, that ignores SIGTERM; and one that is merely stubborn.
STUBBORN = python(
    "import os, signal, sys, time\n"
    "def note(name):\n"
    "    with open(os.path.join(sys.argv[1], name + '.new'), 'w') as file: file.write(str(os.getpid()))\n"
    "    os.rename(os.path.join(sys.argv[1], name + '.new'), os.path.join(sys.argv[1], name + '.pid'))\n"
    "    time.sleep(60)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0: note('daemon')\n"
    "    os._exit(0)\n"
    "if os.fork() == 0: note('stubborn')\n"
    "if os.fork() == 0:\n"
    "    os.setpgid(0, 0)\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
    "    note('stopped')\n"
    "os.wait()\n"
    "files = [os.path.join(sys.argv[1], name + '.pid') for name in ('daemon', 'stubborn', 'stopped')]\n"
    "while not all(map(os.path.exists, files)): time.sleep(0.01)\n"
    "os.kill(int(open(files[2]).read()), signal.SIGSTOP)\n"
    "note('child')\n"
)


def test_a_timeout_leaves_nothing_running(tmp_path: Path) -> None:
    """The command, its children, a stopped one and a daemon in its own session that ignores SIGTERM."""
    for slower in SLOWER:
        folder = tmp_path / str(slower)
        folder.mkdir()
        launched = Launched(tmp_path, [*STUBBORN, str(folder)], timeout=1.5 * slower, grace=0.3)
        assert launched.run().returncode == 124
        pids = {file.stem: int(file.read_text()) for file in folder.glob("*.pid")}
        if "child" in pids:  # the last to be there
            break
    assert sorted(pids) == ["child", "daemon", "stopped", "stubborn"]
    assert {name: state_of(pid) in ("", "Z") for name, pid in pids.items()} == dict.fromkeys(pids, True)
    outcome = launched.outcome
    assert (outcome["exit_code"], outcome["timed_out"], outcome["signal"]) == (124, True, "SIGKILL")
    assert outcome["stopped_by"] is None
    assert outcome["warnings"] == []


def test_a_timeout_lets_the_command_tidy_up(tmp_path: Path) -> None:
    """SIGTERM comes first and once; what is still printed is recorded; the exit code is not the command's."""
    script = python(
        "import signal, sys, time\n"
        "def tidy(*_):\n    print('tidied', flush=True); time.sleep(0.2); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, tidy); print('ready', flush=True); time.sleep(60)"
    )
    for slower in SLOWER:
        launched = Launched(tmp_path, script, timeout=0.7 * slower)
        done = launched.run()
        if done.stdout:
            break
    assert (done.returncode, done.stdout) == (124, b"ready\ntidied\n")
    assert (launched.outcome["timed_out"], launched.outcome["signal"]) == (True, None)


def test_a_command_within_its_time_is_left_alone(tmp_path: Path) -> None:
    """A timeout that is not reached changes nothing."""
    launched = Launched(tmp_path, ["sh", "-c", "exit 3"], timeout=60)
    assert launched.run().returncode == 3
    assert launched.outcome["timed_out"] is False


def test_a_timeout_spares_what_was_there_before_us(tmp_path: Path) -> None:
    """A child that we inherited from whatever ran in our process before is none of the command's."""
    launched = Launched(tmp_path, ["sleep", "60"], timeout=0.3)
    shell = ["sh", "-c", 'sleep 61 & echo $!; exec "$@" >/dev/null', "-", *launched.command]
    process = subprocess.Popen(shell, stdout=subprocess.PIPE)
    assert process.stdout
    before = int(process.stdout.readline())
    assert process.wait() == 124
    try:
        assert state_of(before) == "S"
        assert launched.outcome["resources"]["peak_processes"] == 1
    finally:
        os.kill(before, signal.SIGKILL)
        process.stdout.close()


def test_orphans_are_reaped(tmp_path: Path) -> None:
    """Processes the command lost do not pile up as zombies while it runs."""
    ready, enough = tmp_path / "ready", tmp_path / "enough"
    wait = f"while [ ! -e {enough} ]; do sleep 0.01; done"
    script = f"for i in 1 2 3 4 5; do (sleep 0.01 &); done; echo $PPID > {ready}; {wait}"
    launched = Launched(tmp_path, ["sh", "-c", script])
    process = launched.start()
    until(lambda: ready.exists() and ready.read_text().endswith("\n"))
    ours = int(ready.read_text())
    # The command itself, and the witness that only lets signals wait.
    until(lambda: len(children_of(ours)) <= 2)
    enough.touch()
    assert process.wait() == 0


def test_the_trees_use_is_recorded(tmp_path: Path) -> None:
    """CPU and disk writes of child and grandchild, and the memory and number of both together."""
    data = tmp_path / "data"
    grandchild = (
        "import os, sys, time\n"
        "block = bytearray(os.urandom(1 << 20)) * 60\n"
        "end = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass\n"
        "time.sleep(0.3)\n"
    )
    child = (
        "import os, subprocess, sys\n"
        f"other = subprocess.Popen([sys.executable, '-c', {grandchild!r}])\n"
        "block = bytearray(os.urandom(1 << 20)) * 60\n"
        f"fd = os.open({str(data)!r}, os.O_WRONLY | os.O_CREAT)\n"
        "os.write(fd, block[:3000000]); os.fsync(fd)\n"
        "other.wait()\n"
        "fields = dict(line.split(': ') for line in open('/proc/self/io').read().splitlines())\n"
        "print(fields['write_bytes'])\n"
    )
    launched = Launched(tmp_path, python(child))
    written = int(launched.run().stdout)
    used = launched.outcome["resources"]
    assert 0.3 < used["cpu_user_seconds"] + used["cpu_system_seconds"] < 30
    assert 120 << 20 < used["peak_memory_bytes"] < 400 << 20
    assert used["peak_processes"] == 2
    if PORTABLE:
        assert used["written_bytes"] is used["read_bytes"] is None
    else:
        assert used["written_bytes"] >= written
        assert used["read_bytes"] >= 0
    assert used["samples"] > (0 if PORTABLE else 3)  # psutil's first look takes its time
    assert launched.outcome["seconds"] > 0.6


def test_our_own_memory_is_not_taken_for_the_commands(tmp_path: Path) -> None:
    """A command too short to be looked at and smaller than we are has no known peak, rather than ours."""
    launched = Launched(tmp_path, ["true"])
    launched.run()
    used = launched.outcome["resources"]
    assert used["samples"] > 0 or used["peak_memory_bytes"] is None
    assert (used["peak_memory_bytes"] or 0) < 8 << 20


@pytest.mark.linux("orphans come to us")
def test_orphans_belong_to_the_tree(tmp_path: Path) -> None:
    """What an orphan used after it lost its parent counts."""
    burnt = tmp_path / "burnt"
    burn = f'import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nopen("{burnt}", "w")'
    wait = f"while [ ! -e {burnt} ]; do sleep 0.05; done; sleep 0.2"
    launched = Launched(tmp_path, ["sh", "-c", f"('{sys.executable}' -c '{burn}' &) ; {wait}"])
    launched.run()
    used = launched.outcome["resources"]
    assert used["cpu_user_seconds"] + used["cpu_system_seconds"] > 0.29
    assert used["peak_processes"] >= 2


@pytest.mark.linux("orphans come to us")
def test_what_a_timeout_ended_counts(tmp_path: Path) -> None:
    """The CPU time of workers whose parent was ended before it could wait for them is not lost."""
    burnt = tmp_path / "burnt"
    burn = (
        "import time\nend = time.process_time() + 0.15\nwhile time.process_time() < end: pass\n"
        f'open("{burnt}", "w")\ntime.sleep(60)'
    )
    for slower in SLOWER:
        launched = Launched(tmp_path, ["sh", "-c", f"'{sys.executable}' -c '{burn}' & wait"], timeout=1.0 * slower)
        assert launched.run().returncode == 124
        if burnt.exists():
            break
    used = launched.outcome["resources"]
    assert used["cpu_user_seconds"] + used["cpu_system_seconds"] > 0.14


def test_both_ways_to_see_a_tree_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """With /proc and, where there is none, with psutil, the same processes are found alive."""
    before = children_of(os.getpid())
    process = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60; wait"], start_new_session=True)
    try:
        until(lambda: len(ProcessTree(before).look()) == 3)
        tree = ProcessTree(before)
        shown = {(one.pid, one.parent) for one in tree.look()}
        assert {(one.pid, one.parent) for one in tree.look()} == shown
        with monkeypatch.context() as patch:
            patch.setattr(processes, "HAS_PROC", False)
            portable = ProcessTree(before)
            assert {(one.pid, one.parent) for one in portable.look()} == shown
            assert all(one.rss > 0 for one in portable.look())
        assert all(one.rss > 0 for one in tree.look())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not tree.look())
    with monkeypatch.context() as patch:
        patch.setattr(processes, "HAS_PROC", False)
        assert portable.look() == []

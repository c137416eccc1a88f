"""What a command can see of itself: all that the system tells it is the same with and without us."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from launching import PATIENCE, Terminal

if TYPE_CHECKING:
    from pathlib import Path

# The shell that prints this is the command itself; while it waits for another program its signals are blocked.
VIEW = r"""
show() { while IFS= read -r line; do echo "$line"; done <$1; }
show /proc/$$/status; show /proc/$$/limits
read -r pid name state parent group session terminal foreground rest </proc/$$/stat
echo "session $session, terminal $terminal, group $group, foreground $foreground"
test $group = $$ && echo it leads its group
test $session = $$ && echo it leads its session
for file in personality timerslack_ns oom_score_adj coredump_filter loginuid sessionid cgroup cpuset uid_map
do echo $file; test -e /proc/$$/$file && show /proc/$$/$file; done
for file in /proc/$$/fd/*; do test -e $file && echo "${file##*/} $(readlink $file)"; done
umask; ulimit -a; pwd
cut -d' ' -f 18-20,40,41 /proc/$$/stat
grep -hs flags /proc/$$/fdinfo/[012]
tr '\0' '\n' </proc/$$/environ | grep -v ^EVALPROV_
"""
# Numbers that two processes never share, and what the machine or the account does beside.
OWN = (
    r"^(Tgid|Pid|PPid|NStgid|NSpid|SigQ|FDSize|Vm\w+|Rss\w+|\w+_ctxt_switches):.*\n",
    r"(?<=pipe:)\[\d+\]",
    r"(?<=^State:\t).*",
)
# Becomes its words with nothing of Python's own left, save what the first word does to itself.
STARTER = """
import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ): signal.signal(number, signal.SIG_DFL)
exec(sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
"""
ALL = "signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}"
# SIGPIPE and SIGXFSZ are not among the ignored ones: Python ignores them before anybody could ask how they were.
IGNORED = f"[signal.signal(n, signal.SIG_IGN) for n in {ALL} - {{signal.SIGPIPE, signal.SIGXFSZ}}]"
LIMITED = """
import resource
for name, soft in (('NOFILE', 200), ('STACK', 4 << 20), ('CPU', 500), ('NPROC', 20_000), ('FSIZE', 1 << 30)):
    which = getattr(resource, 'RLIMIT_' + name)
    resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))
os.nice(5); os.umask(0o27); os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
with open('/proc/self/oom_score_adj', 'w') as file: file.write('300')
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
import _ctypes
call = lambda name, *given: _ctypes.call_function(_ctypes.dlsym(_ctypes.dlopen(None, 0), name), given)
call('prctl', 29, 70_000, 0, 0, 0); call('personality', 0x0040000)
"""
GROUPS = r"group (\d+), foreground (\d+)$"
SURROUNDINGS = {
    "plain": "",
    "every signal blocked": f"signal.pthread_sigmask(signal.SIG_BLOCK, {ALL})",
    "every signal ignored, as how children end": IGNORED,
    "limits of every kind": LIMITED,
    "stdin closed": "os.close(0)",
    "more descriptors": "[os.dup2(0, n, True) for n in (3, 4, 5, 9, 100)]",
}


def seen(text: str) -> list[str]:
    """Return what was seen, without the numbers that no two processes share."""
    for pattern in OWN:
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    return text.splitlines()


def viewed(folder: Path, *before: str, starter: str = "") -> list[str]:
    """Return what a command sees of itself, started behind these words."""
    (folder / "view").write_text(f"#!/bin/sh\n{VIEW}")
    (folder / "view").chmod(0o755)
    words = [sys.executable, "-c", STARTER, starter, *before, "./view"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done
    assert done.stderr == ""
    return seen(done.stdout)


RECORDED = (sys.executable, "-m", "evalprov", "run", "--quiet", "--")


@pytest.mark.parametrize("name", SURROUNDINGS)
@pytest.mark.linux("signals of the C library's own")
def test_the_command_sees_itself_as_without_us(tmp_path: Path, name: str) -> None:
    """Signals, limits, descriptors, group, session, umask, niceness, processors and the rest are the same."""
    bare = viewed(tmp_path, starter=SURROUNDINGS[name])
    assert len(bare) > 80
    assert viewed(tmp_path, *RECORDED, starter=SURROUNDINGS[name]) == bare


LEADS = {"it leads its group", "it leads its session"}


def test_of_its_group_and_session_it_is_a_member(tmp_path: Path) -> None:
    """The one difference: where it would lead its session and group we do, for a group has its leader's number."""
    bare = viewed(tmp_path, "setsid", "-w")
    recorded = viewed(tmp_path, "setsid", "-w", *RECORDED)
    assert set(bare) >= LEADS
    assert not LEADS & set(recorded)


@pytest.mark.linux("signals of the C library's own")
def test_under_a_shells_job_control_the_command_is_in_the_foreground_group(tmp_path: Path) -> None:
    """It is in the group that the shell made the terminal's and knows its job by: keys, `fg` and `kill %1` mean it."""
    (tmp_path / "view").write_text(f"#!/bin/sh\n{VIEW}")
    (tmp_path / "view").chmod(0o755)
    terminal = Terminal(["bash", "--norc", "-i"], cwd=tmp_path)
    terminal.type(b"./view >bare; %s ./view >recorded; exit\n" % " ".join(RECORDED).encode())
    terminal.finish()
    views = []
    for name in ("bare", "recorded"):
        view = seen((tmp_path / name).read_text())
        ((group, foreground),) = [found.groups() for line in view if (found := re.search(GROUPS, line))]
        assert group == foreground
        others = re.compile(r"[12] |flags:|_=")
        views.append([line.replace(group, "group") for line in view if line not in LEADS and not others.match(line)])
    assert views[0] == views[1]


def test_what_the_command_sends_its_group_ends_it_as_without_us(tmp_path: Path) -> None:
    """`kill 0` reaches it once, and a record says how it ended."""
    terminal = Terminal(["bash", "--norc", "-i"], cwd=tmp_path)
    for words in ("", " ".join(RECORDED)):
        terminal.type(b"%s sh -c 'trap \"echo once >>told\" TERM; kill 0; exit 7'; echo code $?\n" % words.encode())
        terminal.wait_for(b"code 7")
        terminal.seen.clear()
    terminal.type(b"exit\n")
    terminal.finish()
    assert (tmp_path / "told").read_text() == "once\nonce\n"

"""A terminal: the command has one where the user has one, and the screen shows the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from launching import Launched, Terminal, python, state_of, until

SHOW = python(
    "import os, sys, termios\n"
    "for fd in (0, 1, 2):\n"
    "    print(fd, os.isatty(fd), *(os.get_terminal_size(fd) if os.isatty(fd) else ()), file=sys.stderr)\n"
)
TQDM = python(
    "from tqdm import tqdm\n"
    "bar = '{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}'\n"
    "for n in tqdm(range(50), bar_format=bar, mininterval=0, miniters=1, desc='eval'):\n"
    "    if n % 20 == 0: tqdm.write(f'case {n}')\n"
    "print('accuracy 0.74')\n"
)
RICH = python(
    "from rich.progress import BarColumn, Progress, TextColumn\n"
    "from rich.table import Table\n"
    "columns = TextColumn('{task.description}'), BarColumn(), TextColumn('{task.percentage:.0f}')\n"
    "with Progress(*columns, auto_refresh=False) as bar:\n"
    "    task = bar.add_task('eval', total=30)\n"
    "    for n in range(30):\n"
    "        bar.advance(task); bar.refresh()\n"
    "        if n % 10 == 0: bar.console.print(f'[red]case[/red] {n} \\u2714')\n"
    "table = Table('name', 'score'); table.add_row('a', '0.74'); bar.console.print(table)\n"
)
RESIZED = python(
    "import os, signal, sys, time\n"
    "def note(*_):\n"
    "    with open(sys.argv[1], 'a') as file:\n"
    "        file.write(f'{tuple(os.get_terminal_size(1))} {tuple(os.get_terminal_size(2))}\\n')\n"
    "signal.signal(signal.SIGWINCH, note)\n"
    "print(os.getppid(), 'ready', flush=True)\n"
    "sys.stdin.readline()\n"
)


def on_screen(command: list[str], columns: int = 90) -> bytes:
    """Return what a terminal shows of a command."""
    return Terminal(command, columns=columns).finish()


def test_the_command_sees_a_terminal_where_the_user_has_one(tmp_path: Path) -> None:
    """`isatty` and the window's size are as without us, for each descriptor of its own."""
    bare = on_screen(SHOW, 91)
    assert on_screen(Launched(tmp_path, SHOW).command, 91) == bare
    assert bare.count(b"True 91 24") == 3


def test_only_what_is_a_terminal_is_one(tmp_path: Path) -> None:
    """With stdout in a pipe and stderr at the terminal, so it is for the command."""
    launched = Launched(tmp_path, SHOW)
    terminal = Terminal(["sh", "-c", '"$@" | cat', "-", *launched.command])
    assert b"0 True 80 24\r\n1 False\r\n2 True 80 24" in terminal.finish()
    assert (launched.outcome["stdout"]["terminal"], launched.outcome["stderr"]["terminal"]) == (False, True)


def test_the_terminals_modes_are_kept(tmp_path: Path) -> None:
    """What `stty` shows is the same but for the output processing, which the real terminal does."""
    show = ["sh", "-c", "stty -a <&1"]
    bare = on_screen(show)
    ours = on_screen(Launched(tmp_path, show).command)
    assert b"-opost" in ours
    assert ours.replace(b"-opost", b"opost") == bare


def test_tqdm_looks_the_same(tmp_path: Path) -> None:
    """A progress bar and the lines written over it: byte for byte what the terminal shows without us."""
    bare = on_screen(TQDM)
    assert bare.count(b"\r") > 50
    assert on_screen(Launched(tmp_path, TQDM).command) == bare


TURNS = {
    "one byte": "for n in range(300):\n    os.write(2, b'<'); os.write(1, b'|'); os.write(2, b'>')",
    "uneven": (
        "for n in range(60):\n"
        "    os.write(1, b'o' * n * 100); os.write(2, b'e' * (60 - n) * 150); time.sleep(n % 3 / 500)"
    ),
    "processes": "for n in range(20):\n    os.write(1, b'-'); subprocess.run(['sh', '-xc', 'echo a; echo b >&2'])",
}


@pytest.mark.parametrize("kind", TURNS)
def test_stdout_and_stderr_on_one_screen_keep_their_order(tmp_path: Path, kind: str) -> None:
    """However close together they are written, the screen shows them in turn, and the record has them apart."""
    command = python(f"import os, subprocess, time\n{TURNS[kind]}")
    bare = on_screen(command)
    launched = Launched(tmp_path, command)
    assert on_screen(launched.command) == bare
    apart = subprocess.run(command, capture_output=True, check=True)
    assert (launched.stdout, Path(f"{launched.out}.stderr").read_bytes()) == (apart.stdout, apart.stderr)


def test_rich_looks_the_same(tmp_path: Path) -> None:
    """Colours, cursor movements and a table: byte for byte what the terminal shows without us."""
    bare = on_screen(RICH)
    assert b"\x1b[" in bare
    assert on_screen(Launched(tmp_path, RICH).command) == bare


def test_the_recorded_bytes_are_the_commands_own(tmp_path: Path) -> None:
    """The terminal's carriage returns are not in what the sinks get."""
    launched = Launched(tmp_path, ["printf", "a\\nb\\tc\\n"])
    assert on_screen(launched.command) == b"a\r\nb\tc\r\n"
    assert launched.stdout == b"a\nb\tc\n"
    assert launched.outcome["stdout"]["terminal"] is True


def test_the_window_size_is_followed(tmp_path: Path) -> None:
    """A command that looked before we could follow is told again; and is not told without end."""
    sizes = tmp_path / "sizes"
    terminal = Terminal(Launched(tmp_path, [*RESIZED, str(sizes)]).command)
    terminal.wait_for(b"ready")
    ours = int(terminal.seen.split()[0])
    os.kill(ours, signal.SIGSTOP)
    until(lambda: state_of(ours) == "T")
    terminal.resize(30, 101)
    until(sizes.exists)
    os.kill(ours, signal.SIGCONT)
    until(lambda: sizes.read_text().endswith("(101, 30) (101, 30)\n"))
    terminal.type(b"\n")
    terminal.finish()
    assert sizes.read_text().splitlines()[0] == "(80, 24) (80, 24)"
    assert len(sizes.read_text().splitlines()) < 5


def test_keys_reach_the_command(tmp_path: Path) -> None:
    """stdin is the user's terminal itself: line editing, echo and end of file are its own."""
    terminal = Terminal(Launched(tmp_path, ["sh", "-c", "tty; read a; echo got $a; cat"]).command)
    terminal.wait_for(b"/dev/")
    terminal.type(b"hallo\x7fo\n")
    terminal.wait_for(b"got hallo")
    terminal.type(b"\x04")
    terminal.finish()
    assert terminal.process.returncode == 0


def test_the_command_stays_in_the_terminals_foreground(tmp_path: Path) -> None:
    """It has the controlling terminal, our group and our session, so that /dev/tty and job control work."""
    show = python(
        "import os\n"
        "tty = os.open('/dev/tty', os.O_RDWR)\n"
        "print(os.getpgrp() == os.getpgid(os.getppid()) == os.tcgetpgrp(tty), end=' ')\n"
        "print(os.getsid(0) == os.getsid(os.getppid()))\n"
    )
    assert on_screen(Launched(tmp_path, show).command) == b"True True\r\n"

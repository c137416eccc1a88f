"""A Python that is observed behaves as one that is not, and what it uses is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bare import PROBE, Both

from evalprov.observe import FILE, HOOK
from evalprov.observe.sightings import TouchedFile

PYTHON = sys.executable


def _of_this_machine() -> list[str]:
    """Return every Python here, one of a version."""
    found = {}
    for minor in range(8, 16):
        for path in (
            shutil.which(f"python3.{minor}"),
            *map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")),
        ):
            if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
                found[minor] = path
    return list(found.values())


@pytest.fixture
def both(tmp_path: Path) -> Both:
    """A folder to run Pythons in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Both(folder)


@pytest.mark.parametrize("python", _of_this_machine())
def test_no_python_can_tell(both: Both, python: str) -> None:
    """Path, modules, flags, variables, descriptors, filters and a traceback are the same in every version."""
    seen = both.same(python, "-c", PROBE)
    assert len(seen.pythons) == 1
    assert "PYTHONPATH" in seen.variables


@pytest.mark.parametrize(
    "options", [["-I"], ["-E"], ["-s"], ["-W", "error"], ["-X", "dev"], ["-bb"], ["-OO"], ["-B"], ["-u"]]
)
def test_options_of_the_interpreter(both: Both, options: list[str]) -> None:
    """With any option it is as without us; where variables do not count, nothing is seen."""
    seen = both.same(PYTHON, *options, "-c", PROBE)
    assert bool(seen.pythons) == (options[0] not in {"-I", "-E"})


@pytest.mark.parametrize("given", [None, "", "src", "src:", ":src", "src:lib:src"])
def test_a_path_of_the_users_own(tmp_path: Path, given: str | None) -> None:
    """Whatever PYTHONPATH was, the program finds its own value and the same module path."""
    folder = tmp_path / "work"
    (folder / "src").mkdir(parents=True)
    both = Both(folder, {} if given is None else {"PYTHONPATH": given})
    assert both.same(PYTHON, "-c", PROBE).pythons


@pytest.mark.parametrize("line", ["PYTHONPATH=src:$PYTHONPATH", "PYTHONPATH=$PYTHONPATH:src", "PYTHONPATH=src"])
def test_a_shell_that_adds_to_the_path(both: Both, line: str) -> None:
    """What a shell puts beside an empty variable leads to the same module path, the working folder included."""
    shell = f"{line} {PYTHON} -c 'import sys; print(sys.path)'"
    assert both.run("sh", "-c", shell, observed=True) == both.run("sh", "-c", shell, observed=False)


@pytest.mark.parametrize("text", ["print('mine')", "raise ValueError('mine')", "import no_such_module"])
def test_the_users_own_sitecustomize(tmp_path: Path, text: str) -> None:
    """It runs as ever, as the module it is, and fails as ever."""
    folder = tmp_path / "work"
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "sitecustomize.py").write_text(text + "\n")
    both = Both(folder, {"PYTHONPATH": str(folder / "own")})
    assert both.same(PYTHON, "-c", PROBE).pythons


def test_what_is_used_is_told(both: Both) -> None:
    """Files by how they were opened, modules, variables, programs and hosts are seen, by their full names."""
    (both.folder / "helper.py").write_text("X = 1\n")
    for name in ("in.txt", "both.txt", "caf\udce9"):
        (both.folder / name).write_text("1")
    program = (
        "import os, subprocess, socket, sqlite3, helper\n"
        "open('in.txt').read(); open('out.txt', 'w').close(); open('both.txt', 'r+').close()\n"
        "open('new\\nline', 'w').close(); open(b'caf\\xe9').close(); open('out.txt').close()\n"
        "open('tmp', 'w').close(); os.replace('tmp', 'moved')\n"
        "os.environ.get('SEED'); os.environ['HOME']; 'X' in os.environ; dict(os.environ)\n"
        "subprocess.run(['true']); sqlite3.connect('x.db').close()\n"
        "s = socket.socket()\n"
        "try: s.connect(('127.0.0.1', 1))\n"
        "except OSError: pass\n"
        "s.close()\n"
    )
    (both.folder / "main.py").write_text(program)
    both.environ["UNREAD"] = "1"
    assert both.run(PYTHON, "main.py", observed=True)[0] == 0
    seen = both.seen()
    files = {os.path.relpath(path, both.folder): how for path, how in seen.files.items()}
    assert files["in.txt"] == files["main.py"] == files["caf\udce9"] == TouchedFile(read=True)
    assert files["out.txt"] == TouchedFile(read=True, written=True, written_first=True)
    assert files["both.txt"] == TouchedFile(read=True, written=True)
    assert files["x.db"] == TouchedFile(read=True)
    assert files["new\nline"].written
    assert files["moved"].written
    assert any("helper" in name for name in files)
    assert {"SEED", "HOME", "X"} <= set(seen.variables)
    assert "UNREAD" not in seen.variables
    assert "true" in seen.programs
    assert "127.0.0.1 1" in seen.hosts
    assert seen.cut == seen.unreadable == 0


WORKERS = """
import multiprocessing, sys

def work(name):
    return len(open(name).read())

if __name__ == "__main__":
    pool = multiprocessing.get_context(sys.argv[1]).Pool(2)
    print(pool.map(work, ["a", "b"]))
    pool.close()
    pool.join()
"""


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_workers_are_observed(both: Both, way: str) -> None:
    """Processes that are forked or started anew behave as ever, and what they read is told."""
    for name in ("a", "b"):
        (both.folder / name).write_text(name)
    (both.folder / "main.py").write_text(WORKERS)
    seen = both.same(PYTHON, "main.py", way)
    assert {str(both.folder / name) for name in ("a", "b")} <= set(seen.files)


@pytest.mark.parametrize(
    "end", ["os._exit(7)", "os.kill(os.getpid(), 9)", "os.abort()", "sys.exit(3)", "raise SystemExit"]
)
def test_nothing_is_lost_at_a_sudden_end(both: Both, end: str) -> None:
    """What was used just before a process went stands in the file, however it went."""
    (both.folder / "last").write_text("")
    seen = both.same(PYTHON, "-c", f"import os, sys; open('last'); {end}")
    assert str(both.folder / "last") in seen.files


def test_a_program_that_closes_every_descriptor(both: Both) -> None:
    """Where descriptors are closed wholesale, no file of the program gets a byte of ours, and what it uses is told."""
    program = (
        "import os\n"
        "os.closerange(3, 5000)\n"
        "numbers = [os.open('out%d' % n, os.O_WRONLY | os.O_CREAT) for n in range(3)]\n"
        "try:\n"
        "    while True: numbers.append(os.open('many', os.O_WRONLY | os.O_CREAT))\n"
        "except OSError: pass\n"
        "os.close(numbers.pop()); os.close(numbers.pop())\n"
        "open('read', 'w').close()\n"
        "print(numbers[:3], os.stat('many').st_size, os.stat('out0').st_size)\n"
    )
    seen = both.same(
        PYTHON, "-c", f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (5000, 5000))\n{program}"
    )
    assert str(both.folder / "out2") in seen.files
    assert str(both.folder / "read") in seen.files


def test_a_signal_handler_that_raises(both: Both) -> None:
    """A time limit by SIGALRM ends the program as ever, even where it strikes while a fact is written."""
    program = (
        "import signal, sys\n"
        "def late(*_): raise TimeoutError('late')\n"
        "signal.signal(signal.SIGALRM, late)\n"
        "caught = 0\n"
        "for n in range(200):\n"
        "    try:\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0.00001 + n / 1e7)\n"
        "        for k in range(1000000): sys.audit('open', '/no/%d/%d' % (n, k), 'r', 0)\n"
        "    except TimeoutError: caught += 1\n"
        "print(caught)\n"
    )
    assert both.run(PYTHON, "-c", program, observed=True) == (0, b"200\n", b"")


def test_hooks_of_the_users_own(both: Both) -> None:
    """A program's own audit hook sees what it would, and one that forbids still forbids."""
    program = (
        "import sys, os\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    seen.append((event, str(args)))\n"
        "    if event == 'open' and args[0] == 'forbidden': raise PermissionError('no')\n"
        "sys.addaudithook(hook)\n"
        "open(os.devnull).close(); os.environ.get('A'); os.listdir('.')\n"
        "try: open('forbidden', 'w')\n"
        "except PermissionError as error: print(error, error.__traceback__.tb_next.tb_frame.f_code.co_name)\n"
        "print([event for event, _ in seen if event != 'builtins.id'])\n"
    )
    assert both.same(PYTHON, "-c", program).files


def test_folders_whose_names_are_read(both: Both, tmp_path: Path) -> None:
    """They are told by whatever way that is done, and those that an import looks through are not."""
    far = [tmp_path / name for name in ("one", "two", "three", "four")]
    for place in far:
        place.mkdir()
    program = (
        "import glob, os, pathlib, sys\n"
        f"one, two, three, four = {list(map(str, far))!r}\n"
        "sys.path.insert(0, four)\n"
        "try: import no_such_module\n"
        "except ImportError: pass\n"
        "print(os.listdir(one), glob.glob(two + '/*'), list(pathlib.Path(three).iterdir()))\n"
    )
    seen = both.same(PYTHON, "-c", program)
    assert [place for place in map(str, far) if place in seen.folders] == list(map(str, far[:3]))


ODD = (
    *("'open', 1", "'open'", "'open', None, None, None", "'open', b'\\xff', 'r', 0", "'open', '\\ud800', 'r', 0"),
    *("'open', 'x' * 100000, 'r', 0", "'open', '', 'r', 0", "'cpython.run_file'", "'import', 1", "'socket.connect', 1"),
    *(
        "'subprocess.Popen', [], [], 0, 0",
        "'subprocess.Popen', 1, (), None, {}",
        "'subprocess.Popen', 1, None, None, {}",
    ),
    *("'socket.connect', 1, ('a', 'b')", "'os.exec', object(), object(), object()", "'sqlite3.connect', object()"),
    *("'os.listdir', object()", "'os.scandir'", "'os.listdir', None", "'os.listdir', 99", "'os.scandir', b'\\xff'"),
    *("'os.rename', 1, 2, 3, 4", "'socket.getaddrinfo', b'\\xff', object()", "'ctypes.dlopen', None", "'os.system'"),
)


def test_odd_events_harm_nothing(both: Both) -> None:
    """An event of a known name with anything in it goes by without a word."""
    both.same(PYTHON, "-c", "import sys\n" + "".join(f"print(sys.audit({given}))\n" for given in ODD))


def test_a_stack_that_is_used_up(both: Both) -> None:
    """Deep recursion that opens files ends in the error it would."""
    program = (
        "import sys\n"
        "def deep(n):\n"
        "    try: open('/no/such')\n"
        "    except FileNotFoundError: pass\n"
        "    return deep(n + 1)\n"
        "try: deep(0)\n"
        "except RecursionError: print('as ever')\n"
    )
    both.same(PYTHON, "-c", program)


def test_a_zip_a_module_and_standard_input(both: Both) -> None:
    """A program in an archive, by -m and from standard input runs as ever."""
    with zipfile.ZipFile(both.folder / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", PROBE)
    (both.folder / "mod.py").write_text(PROBE)
    assert str(both.folder / "app.pyz") in both.same(PYTHON, "app.pyz").files
    assert both.same(PYTHON, "-m", "mod").pythons
    assert both.same(PYTHON, "-", stdin=PROBE).pythons


def test_a_debugger(both: Both) -> None:
    """A debugger stops at no line of ours."""
    (both.folder / "main.py").write_text("import os\nopen(os.devnull).close()\nx = os.environ.get('HOME')\nprint(1)\n")
    both.same(PYTHON, "-m", "pdb", "main.py", stdin="n\nn\nn\nn\nn\nq\n")


def test_a_file_that_is_gone_or_no_file(both: Both) -> None:
    """Where there is nothing to write to, the program runs as ever."""
    words = (PYTHON, "-c", PROBE)
    bare = both.run(*words, observed=False)
    both.environ["EVALPROV_REPORT"] = str(both.place / "no" / "such" / "report")
    other = both.run(*words, observed=True)
    assert other[0::2] == bare[0::2]
    both.environ["EVALPROV_REPORT"] = str(both.place / "report.jsonl")
    (both.place / FILE).unlink()
    (both.place / FILE).mkdir()
    both.environ["PYTHONPATH"] = HOOK
    assert both.run(*words, observed=False)[0] == bare[0]


def test_the_file_keeps_its_bound_and_says_what_it_lacks(both: Both) -> None:
    """Where the file is full nothing more is written, and it is told how much at least is missing."""
    with (both.place / FILE).open("wb") as file:
        file.truncate(63 << 20)
    both.environ["PYTHONPATH"] = HOOK
    program = "import sys\nfor n in range(5000): sys.audit('open', '/x/%d' % n, 'r', 0)"
    assert both.run(PYTHON, "-c", program, observed=False)[0] == 0
    assert (both.place / FILE).stat().st_size < (63 << 20) + 4096
    seen = both.seen()
    assert seen.cut >= 4096
    assert len(seen.files) < 100


def test_the_same_file_again_and_again_is_told_once(both: Both) -> None:
    """However often a program opens the same files, little is written."""
    both.run(
        PYTHON, "-c", "import sys\nfor n in range(100000): sys.audit('open', '/x/%d' % (n % 50), 'r', 0)", observed=True
    )
    assert (both.place / FILE).stat().st_size < 8000


def test_a_killed_child_leaves_no_zombie_of_ours(both: Both) -> None:
    """A child ended by a signal ends by that signal."""
    code, _, _ = both.run(PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", observed=True)
    assert code == -signal.SIGTERM

"""`evalprov run` in trouble: many at once, killed, signalled, with a full disk, with nobody to read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE, Project


@pytest.mark.long
def test_twenty_runs_at_once_are_twenty_records(project: Project) -> None:
    """Started together in one repository: all recorded, all distinct, no line torn."""
    project.write("x.py", "x = 1\n")
    project.commit_all()
    command = [sys.executable, "-m", "evalprov", "run", "--quiet", "--", "sh", "-c", 'echo "{\\"n\\": $0}"']
    running = [
        subprocess.Popen([*command, str(n)], cwd=project.path, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        for n in range(20)
    ]
    assert [one.wait(PATIENCE) for one in running] == [0] * 20
    records = project.records()
    assert len({record["run_id"] for record in records}) == 20
    assert sorted(record["metric_summary"]["n"] for record in records) == list(range(20))
    assert sorted(line["run_id"] for line in project.history()) == sorted(record["run_id"] for record in records)
    assert not list((project.path / "metrics").rglob(".tmp*"))


# Runs the command line; the system call of this number that changes a file, or starts a program, is its last.
KILLED_AT = """
import os, signal, sys
last, calls = int(sys.argv[1]), 0
def counted(real):
    def call(*args, **more):
        global calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call
for name in ("write", "fsync", "rename", "replace", "link", "unlink", "mkdir", "ftruncate", "posix_spawn"):
    setattr(os, name, counted(getattr(os, name)))
from evalprov.cli import main
code = main(["run", "--quiet", "--", "sh", "-c", *sys.argv[2:]])
sys.exit(f"{code} {calls}")
"""


@pytest.mark.long
def test_killed_at_any_moment_it_leaves_order_or_something_doctor_can_order(project: Project) -> None:
    """SIGKILL at any call: finished records are whole, others running or lost; doctor ends it; once is enough."""

    def killed_at(call: int, script: str = ":") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", KILLED_AT, str(call), script]
        return subprocess.run(command, cwd=project.path, stdin=subprocess.DEVNULL, capture_output=True)

    for _ in range(2):  # the first one also makes the folder
        code, calls = map(int, killed_at(0).stderr.split())
        assert code == 0
    assert calls > 12
    for turn in range(8):  # of the calls of the store alone every one has its turn in `make bench`
        assert killed_at(1 + turn * calls // 8).returncode == -signal.SIGKILL
    assert killed_at(0, "kill -KILL $PPID").returncode == -signal.SIGKILL
    assert {record["status"] for record in project.records()} == {"completed", "running"}
    for record in project.records():
        assert record["status"] in {"completed", "running"}
    seen = project.evalprov("history", "--json")
    assert seen.returncode == 0
    assert {json.loads(line)["status"] for line in seen.stdout.splitlines()} <= {"completed", "lost"}
    assert project.evalprov("doctor").returncode == 0
    assert {record["status"] for record in project.records()} <= {"completed", "lost"}
    assert len(project.history()) == len(project.records())
    assert project.evalprov("doctor").stdout == b"all in order\n"


def test_a_lost_run_is_shown_as_lost(project: Project) -> None:
    """When evalprov was killed, the record says lost as soon as somebody looks."""
    one = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "run", "--", "sh", "-c", "echo ready; read line"],
        cwd=project.path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert one.stdout
    assert one.stdout.readline() == b"ready\n"
    assert json.loads(project.evalprov("show", "--json").stdout)["status"] == "running"
    one.kill()
    one.communicate()
    assert json.loads(project.evalprov("show", "--json").stdout)["status"] == "lost"


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
def test_a_signal_to_us_alone_is_passed_on_once_and_recorded(project: Project, name: str) -> None:
    """The command gets it exactly once, ends as it likes, and the record says interrupted."""
    code = (
        "import signal, sys, time\n"
        "got = []\n"
        f"signal.signal(signal.SIG{name}, lambda *_: got.append(1))\n"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "print('{\"got\": %d}' % len(got), flush=True)\n"
        "sys.exit(5)\n"
    )
    one = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "run", "--", sys.executable, "-c", code],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert one.stdout is not None
    assert one.stdout.readline() == b"ready\n"
    one.send_signal(getattr(signal, f"SIG{name}"))
    assert one.stdout.read() == b'{"got": 1}\n'
    assert one.wait(PATIENCE) == 5
    one.stdout.close()
    record = project.record()
    assert record["status"] == "interrupted"
    assert record["metric_summary"] == {"got": 1}
    assert record["exit_code"] == 5


def test_a_reader_that_goes_away_ends_the_command_as_without_us(project: Project) -> None:
    """`evalprov run -- yes | head -1` ends at once and is recorded."""
    line = f"{sys.executable} -m evalprov run --quiet -- yes | head -1"
    done = subprocess.run(
        ["bash", "-c", f"{line}; echo ${{PIPESTATUS[0]}}"], cwd=project.path, capture_output=True, timeout=PATIENCE
    )
    assert done.stdout == b"y\n141\n"
    assert project.record()["signal"] == "SIGPIPE"


def test_a_linked_runs_folder_is_refused(project: Project) -> None:
    """Nothing is written through a link out of the store."""
    outside = project.path / "outside"
    outside.mkdir()
    (project.path / "metrics").mkdir()
    (project.path / "metrics" / "runs").symlink_to(outside)
    done = project.run("touch", "ran")
    assert done.returncode == 125
    assert b"link" in done.stderr
    assert not list(outside.iterdir())
    assert not (project.path / "ran").exists()


def test_a_store_that_cannot_be_made_is_said_before_the_command_starts(project: Project) -> None:
    """A file in the place of metrics/ is exit 125, with the path, and no command."""
    project.write("metrics", "a file")
    done = project.run("touch", "ran")
    assert done.returncode == 125
    assert b"metrics" in done.stderr
    assert not (project.path / "ran").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 256 kB; skipped where none can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no permission to mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_up_during_the_run_does_not_harm_the_command(project: Project, small_disk: Path) -> None:
    """Exit code and output are the command's; a message on stderr; the record stays repairable."""
    store = small_disk / "metrics"
    code = (
        f"f = open({str(small_disk / 'filler')!r}, 'wb', 0)\n"
        "try:\n  while f.write(b'x' * 4096): pass\n"
        "except OSError: print('done')\n"
        "raise SystemExit(7)"
    )
    done = project.python(code, options=("--store", str(store)))
    assert done.returncode == 7
    assert done.stdout == b"done\n"
    assert b"No space left" in done.stderr
    (small_disk / "filler").unlink()
    assert project.evalprov("doctor", "--store", str(store)).returncode == 0
    (record,) = [json.loads(f.read_text()) for f in (store / "runs").glob("*.json")]
    assert record["status"] in {"lost", "failed"}
    assert project.evalprov("doctor", "--store", str(store)).stdout == b"all in order\n"


def test_a_full_disk_before_the_run_is_exit_125(project: Project, small_disk: Path) -> None:
    """With no space for the record the command is not started."""
    filler = small_disk / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], capture_output=True)
    done = project.run("touch", "ran", options=("--store", str(small_disk / "metrics")))
    assert done.returncode == 125
    assert b"No space left" in done.stderr
    assert not (project.path / "ran").exists()


def test_it_works_without_a_home_and_without_a_writable_temporary_folder(project: Project) -> None:
    """A bare container-like environment is enough."""
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [
            "env",
            "-i",
            f"PATH={env['PATH']}",
            "TMPDIR=/nonexistent",
            "HOME=/nonexistent",
            sys.executable,
            "-m",
            "evalprov",
            "run",
            "--",
            "echo",
            "hi",
        ],
        cwd=project.path,
        capture_output=True,
        env={**env, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert done.returncode == 0
    assert done.stdout == b"hi\n"
    assert project.record()["status"] == "completed"


def test_the_packages_recorded_are_the_childs(project: Project, tmp_path: Path) -> None:
    """The child's interpreter is asked, not the one evalprov lives in."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    site = next((tmp_path / "other" / "lib").glob("python*/site-packages"))
    (site / "only_there-1.2.3.dist-info").mkdir()
    (site / "only_there-1.2.3.dist-info" / "METADATA").write_text("Name: only-there\nVersion: 1.2.3\n")
    project.run(str(tmp_path / "other" / "bin" / "python"), "-c", "pass")
    record = project.record()
    assert record["software"]["packages"] == {"only-there": "1.2.3"}
    assert record["software"]["interpreter"]["prefix"] == str(tmp_path / "other")
    assert record["system"]["python_version"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("closed", ["2>&-", "2> >(exec 0<&-)", "2>/dev/full"])
def test_nobody_who_reads_our_words_changes_nothing(project: Project, closed: str) -> None:
    """With stderr closed, or its reader gone, or its disk full, the exit code and the record are as ever."""
    line = f"{sys.executable} -m evalprov run -- sh -c 'sleep 0.2; exit 7' {closed}"
    done = subprocess.run(["bash", "-c", line], cwd=project.path, capture_output=True)
    assert done.returncode == 7
    assert project.record()["exit_code"] == 7
    missing = subprocess.run(["bash", "-c", f"{sys.executable} -m evalprov run -- no-such {closed}"], cwd=project.path)
    assert missing.returncode == 127


def test_what_is_closed_is_closed_for_the_command_too(project: Project) -> None:
    """Started without stdin, stdout and stderr, the command has none either, and the record is whole."""
    inner = "ls -l /proc/self/fd > seen; exit 4"
    line = f"{sys.executable} -m evalprov run -- sh -c '{inner}' 0<&- 1>&- 2>&-"
    done = subprocess.run(["bash", "-c", line], cwd=project.path)
    assert done.returncode == 4
    assert project.record()["exit_code"] == 4
    assert "metrics" not in (project.path / "seen").read_text()

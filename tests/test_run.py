"""`evalprov run` from outside: what a person who prefixes a command sees, and what is in the record after."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
from pathlib import Path

import psutil
import pytest
from conftest import PATIENCE, Project

PRINT_METRICS = "import json; print('hello'); print(json.dumps({'accuracy': 0.74, 'ok': True, 'n': 12}))"


def test_a_run_prints_what_the_command_prints_and_is_recorded(project: Project) -> None:
    """The command's bytes go through unchanged and its last JSON line becomes the metrics."""
    done = project.python(PRINT_METRICS)
    assert done.returncode == 0
    assert done.stdout == b'hello\n{"accuracy": 0.74, "ok": true, "n": 12}\n'
    record = project.record()
    assert record["status"] == "completed"
    assert record["metric_summary"] == {"accuracy": 0.74, "ok": True, "n": 12}
    assert record["output"]["metrics_source"]["channel"] == "stdout"
    assert record["output"]["metrics_source"]["line"] == 2
    (line,) = project.history()
    assert line["run_id"] == record["run_id"]
    assert line["metric_summary"]["accuracy"] == 0.74


def test_it_says_so_in_at_most_three_lines_on_stderr_or_not_at_all(project: Project) -> None:
    """Our own words are few, on stderr, and gone with --quiet."""
    loud = project.python(PRINT_METRICS)
    assert 1 <= len(loud.stderr.splitlines()) <= 3
    assert b"accuracy 0.74" in loud.stderr
    assert project.python(PRINT_METRICS, options=("--quiet",)).stderr == b""


def test_the_double_dash_can_be_left_out(project: Project) -> None:
    """`evalprov run CMD...` is the same; the command's own options stay its own."""
    done = project.evalprov("run", "--quiet", "sh", "-c", "echo $0", "--quiet")
    assert done.stdout == b"--quiet\n"
    assert project.record()["command"]["argv"] == ["sh", "-c", "echo $0", "--quiet"]


@pytest.mark.parametrize("code", [0, 1, 2, 127, 255])
def test_the_exit_code_is_the_commands_own(project: Project, code: int) -> None:
    """Whatever the command exits with, we exit with, and the record has it."""
    assert project.run("sh", "-c", f"exit {code}").returncode == code
    record = project.record()
    assert record["exit_code"] == code
    assert record["status"] == ("failed" if code else "completed")


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "INT"])
def test_a_command_that_dies_by_a_signal_is_recorded_as_such(project: Project, name: str) -> None:
    """128+n outside, the signal's name and a status in the record."""
    number = getattr(signal, f"SIG{name}")
    assert project.run("sh", "-c", f"ulimit -c 0; kill -{name} $$").returncode == 128 + number
    record = project.record()
    assert record["signal"] == f"SIG{name}"
    assert record["status"] == ("interrupted" if name == "INT" else "killed")
    assert record["errors"]


def test_a_failed_run_leaves_its_last_words(project: Project) -> None:
    """The error entry has the end of stderr, and the metrics printed before the end are kept."""
    done = project.python("print('{\"seen\": 3}'); raise RuntimeError('no more tickets')")
    assert done.returncode == 1
    record = project.record()
    (error,) = record["errors"]
    assert error["kind"] == "task"
    assert "RuntimeError: no more tickets" in error["stderr_tail"]
    assert record["metric_summary"] == {"seen": 3}


def test_standard_input_is_the_commands(project: Project) -> None:
    """What is piped in reaches the command, binary and all."""
    data = bytes(range(256)) * 1000
    assert project.run("cat", stdin=data).stdout == data


def test_output_of_any_bytes_goes_through(project: Project) -> None:
    """Non-UTF-8 bytes, one line of 10 MB, and no output at all are all fine."""
    noise = project.python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 300)")
    assert noise.stdout == bytes(range(256)) * 300
    long = project.python("print('x' * 10_000_000)")
    assert len(long.stdout) == 10_000_001
    nothing = project.run("true")
    assert nothing.stdout == b""
    assert [r["metrics"] for r in project.records()] == [None, None, None]


def test_no_metrics_is_null_with_the_reason(project: Project) -> None:
    """A command that reports nothing has null metrics and a reason why."""
    project.run("echo", "hello")
    record = project.record()
    assert record["metrics"] is None
    assert record["metric_summary"] is None
    assert record["capture"]["metrics"]["status"] == "absent"
    assert record["capture"]["metrics"]["reason"]


def test_the_child_gets_two_variables_more_and_nothing_else(project: Project) -> None:
    """Its environment is the user's plus the run's id and the report file."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    evalprov = [sys.executable, "-m", "evalprov", "run", "--", "env", "-0"]
    done = subprocess.run(evalprov, cwd=project.path, env=outside, capture_output=True)
    inside = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)
    extra = inside.keys() - outside.keys()
    assert extra == {"EVALPROV_RUN_ID", "EVALPROV_REPORT"}
    assert {name: inside[name] for name in outside} == outside
    assert inside["EVALPROV_RUN_ID"] == project.record()["run_id"]


def test_a_report_in_the_file_wins_over_what_is_printed(project: Project) -> None:
    """Model output on stdout cannot forge what the program reports in its file."""
    code = (
        "import os, json\n"
        "open(os.environ['EVALPROV_REPORT'], 'a').write(json.dumps({'metrics': {'accuracy': 0.5}}) + chr(10))\n"
        'print(\'{"metrics": {"accuracy": 1.0}}\')\n'
    )
    project.python(code)
    assert project.record()["metric_summary"] == {"accuracy": 0.5}


def test_a_run_inside_a_run_names_its_parent(project: Project) -> None:
    """A nested run is a run of its own that knows where it came from."""
    project.run(sys.executable, "-m", "evalprov", "run", "--", "true")
    parents = {record["run_id"]: record["parent_run_id"] for record in project.records()}
    (outer,) = [run for run, parent in parents.items() if parent is None]
    assert sorted(parents.values(), key=str) == sorted([None, outer], key=str)


def test_the_store_is_at_the_project_root_wherever_it_is_called(project: Project) -> None:
    """From a sub-folder: the git root; with a settings file: its folder; else here."""
    project.write("a/b/x.txt", "x")
    project.run("true", cwd="a")
    assert (project.path / "a/metrics/runs").is_dir()
    shutil.rmtree(project.path / "a/metrics")
    project.commit_all()
    project.run("true", cwd="a/b")
    assert project.record()["command"]["cwd"] == "a/b"
    project.write("a/evalprov.toml", 'scenario = "s"\n')
    project.run("true", cwd="a/b")
    assert (project.path / "a/metrics/runs").is_dir()


def test_our_folder_never_makes_the_repository_dirty(project: Project) -> None:
    """git sees nothing after a run, and the second run is as clean as the first."""
    project.write("x.py", "x = 1\n")
    sha = project.commit_all()
    for _ in range(2):
        project.run("true")
    assert project.git("status", "--porcelain") == ""
    assert [(r["git_sha"], r["git_dirty"]) for r in project.records()] == [(sha, False)] * 2


def test_a_dirty_repository_is_recorded_with_what_changed(project: Project) -> None:
    """Tracked changes become a patch, small untracked files are kept."""
    project.write("x.py", "x = 1\n")
    project.commit_all()
    project.write("x.py", "x = 2\n")
    project.write("new.py", "y = 1\n")
    project.run("true")
    record = project.record()
    assert record["git_dirty"] is True
    assert record["git"]["changed"] == ["x.py"]
    assert record["git"]["untracked"] == ["new.py"]
    assert b"+x = 2" in (project.path / "metrics" / record["git"]["patch"]["file"]).read_bytes()
    assert (project.path / "metrics" / record["git"]["saved"]["new.py"]["file"]).read_text() == "y = 1\n"
    project.git("add", "-A")
    assert record["git"]["tree"] == project.git("write-tree")


def test_what_the_store_does_not_take_is_withheld(project: Project) -> None:
    """A piece of the work tree that cannot be kept is named with the reason; the run starts."""
    project.write("a.py", "a = 1\n")
    project.commit_all()
    project.write("a.py", "a = 2\n")
    project.write("new.txt", "new\n")
    project.write("empty.txt", "")
    in_the_way = project.path / "metrics/objects" / hashlib.sha256(b"new\n").hexdigest()
    in_the_way.mkdir(parents=True)
    (project.path / "metrics/runs").mkdir()
    assert project.run("true").returncode == 0
    git = project.record()["git"]
    assert list(git["saved"]) == ["empty.txt"]
    assert [one["path"] for one in git["withheld"]] == ["new.txt"]
    assert "not a plain file" in git["withheld"][0]["reason"]
    assert git["counts"]["withheld"] == 1
    assert git["patch"]
    assert any("could be kept" in warning for warning in project.record()["warnings"])


def test_require_clean_refuses_before_the_command_starts(project: Project) -> None:
    """A dirty work tree, or no repository to ask, is exit 125 and no command."""
    project.write("x.py", "x = 1\n")
    unknown = project.run("touch", "ran", options=("--require-clean",))
    assert unknown.returncode == 125
    project.commit_all()
    shutil.rmtree(project.path / "metrics", ignore_errors=True)
    assert project.run("true", options=("--require-clean",)).returncode == 0
    project.write("x.py", "x = 2\n")
    dirty = project.run("touch", "ran", options=("--require-clean",))
    assert dirty.returncode == 125
    assert b"x.py" in dirty.stderr
    assert not (project.path / "ran").exists()
    assert [r["status"] for r in project.records()] == ["completed", "not_started"]


@pytest.mark.parametrize(
    ("command", "code", "word"),
    [("no-such-command", 127, b"not found"), ("./plain.txt", 126, b"not executable"), ("./folder", 126, b"")],
)
def test_a_command_that_cannot_be_started(project: Project, command: str, code: int, word: bytes) -> None:
    """127 not found, 126 not executable, one clear line, and a record that says it never ran."""
    project.write("plain.txt", "x", mode=0o644)
    (project.path / "folder").mkdir()
    done = project.run(command)
    assert done.returncode == code
    assert word in done.stderr
    assert b"Traceback" not in done.stderr
    record = project.record()
    assert record["status"] == "not_started"
    assert record["exit_code"] == code


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("evalprov.toml", b"scenario = ", b"not valid TOML"),
        ("evalprov.toml", b"scenario = 3\n", b"must be a string"),
        ("evalprov.toml", b"[model]\ntemprature = 1\n", b"did you mean temperature"),
        ("evalprov.toml", b'note = "\xff"\n', b"not UTF-8"),
        ("pyproject.toml", b"[tool.evalprov]\nscenaro = 'x'\n", b"did you mean scenario"),
    ],
)
def test_bad_settings_stop_the_run_before_the_command(project: Project, file: str, text: bytes, says: bytes) -> None:
    """A settings file that is wrong is named with what is wrong; nothing is started and nothing recorded."""
    project.write(file, text)
    done = project.run("touch", "ran")
    assert done.returncode == 125
    assert says in done.stderr
    assert file.encode() in done.stderr
    assert not (project.path / "ran").exists()


def test_a_config_that_is_not_there_stops_the_run(project: Project) -> None:
    """--config with a wrong path is exit 125 with the path in the message."""
    done = project.run("touch", "ran", options=("--config", "conf/eval.yaml"))
    assert done.returncode == 125
    assert b"conf/eval.yaml" in done.stderr
    assert not (project.path / "ran").exists()


def test_config_files_are_recorded_by_value(project: Project) -> None:
    """Those given and those named in the command are read, hashed and flattened."""
    project.write("a.yaml", "model:\n  temperature: 0.2\n")
    project.write("b.json", '{"k": 5}')
    project.run("true", "b.json", options=("--config", "a.yaml"))
    files = project.record()["config"]["files"]
    assert files["a.yaml"]["values"] == {"model.temperature": 0.2}
    assert files["b.json"]["values"] == {"k": 5}
    assert files["b.json"]["source"] == "command"


def test_a_config_written_to_during_the_run_is_a_warning(project: Project) -> None:
    """What the record says was read may not be what was read: it says so."""
    project.write("a.json", '{"k": 5}')
    project.run("sh", "-c", "echo '{}' > a.json", options=("--config", "a.json"))
    assert any("a.json was written to" in warning for warning in project.record()["warnings"])


def test_usage_errors_are_exit_2(project: Project) -> None:
    """An unknown option, a missing value or no command at all says what is wrong and starts nothing."""
    for words in (
        ["--scenaro", "x", "--", "true"],
        ["--timeout", "soon", "--", "true"],
        ["--"],
        [],
        ["--log", "some", "true"],
    ):
        done = project.evalprov("run", *words)
        assert done.returncode == 2, words
        assert done.stderr.startswith(b"evalprov: error:")
    assert not (project.path / "metrics").exists()


def test_a_timeout_ends_the_whole_tree(project: Project) -> None:
    """Exit 124, status timed_out, and no process is left, not even one in a session of its own."""
    script = "setsid sh -c 'echo $$ > pid; sleep 60' & sleep 60"
    for seconds in ("0.4", "4", "20"):
        done = project.run("sh", "-c", script, options=("--timeout", seconds))
        assert done.returncode == 124
        if (project.path / "pid").exists():  # else it had no time to begin
            break
    record = project.records()[-1]
    assert record["status"] == "timed_out"
    assert record["errors"][0]["kind"] == "infra"
    pid = int((project.path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


SECRET = "s3cr3t/Value+with=odd&chars"


def test_no_secret_is_ever_written(project: Project) -> None:
    """One of the environment, the command line, a config, a remote, a patch or the output is nowhere under metrics/."""
    forms = {
        SECRET,
        urllib.parse.quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
    }
    project.write("x.py", "x = 1\n")
    project.commit_all()
    project.git("remote", "add", "origin", f"https://me:{urllib.parse.quote(SECRET, safe='')}@example.org/x.git")
    project.write("x.py", f"key = '{SECRET}'\n")
    project.write("new.txt", f"also {SECRET}\n")
    project.write("conf.json", json.dumps({"api_key": "another-one-entirely", "note": SECRET, "max_tokens": 512}))
    code = f"import sys; [print(f, file=s) for f in {sorted(forms)!r} for s in (sys.stdout, sys.stderr)]; sys.exit(3)"
    done = project.python(
        code,
        options=("--config", "conf.json", "--note", f"with {SECRET}", "--log", "full"),
        env={"MY_API_TOKEN": SECRET},
    )
    assert SECRET.encode() in done.stdout
    stored = project.stored()
    for form in forms:
        assert form.encode() not in stored
    assert b"another-one-entirely" not in stored
    record = project.record()
    assert record["config"]["files"]["conf.json"]["values"]["max_tokens"] == 512
    assert record["output"]["stdout"]["log"]


def test_no_secret_is_in_what_is_said_of_a_run_that_never_started(project: Project) -> None:
    """A path that holds a secret and is not there is named on the terminal, and not in the record."""
    done = project.run("true", options=("--config", f"conf-{SECRET}.json"), env={"MY_API_TOKEN": SECRET})
    assert done.returncode == 125
    assert project.record()["status"] == "not_started"
    assert SECRET.encode() not in project.stored()


def test_a_token_across_a_read_boundary_is_not_kept(project: Project) -> None:
    """A secret printed in two halves with a pause between is still one secret."""
    half = len(SECRET) // 2
    code = (
        "import sys, time\n"
        f"for part in ({SECRET[:half]!r}, {SECRET[half:]!r}):\n"
        "    sys.stdout.write(part); sys.stdout.flush(); time.sleep(0.2)\n"
    )
    project.python(code, env={"MY_API_TOKEN": SECRET})
    log = (project.path / "metrics" / project.record()["output"]["stdout"]["log"]).read_text()
    assert SECRET not in log
    assert SECRET[half:] not in log


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

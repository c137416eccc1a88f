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
import zlib

import psutil
import pytest
from conftest import Project

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
    code = f"""
import json, sys
for form in {sorted(forms)!r}:
    print(form)
    print(form, file=sys.stderr)
    texts = dict.fromkeys(("input", "expected", "output", "explanation"), "it is " + form)
    print(json.dumps({{"scenario": form, "metrics": {{"ok": True}}, **texts}}))
    print(json.dumps({{"scenario": "s", "metrics": {{"ok": True}}, "output": {{"key": [form]}}}}))
sys.exit(3)
"""
    done = project.python(
        code,
        options=("--config", "conf.json", "--note", f"with {SECRET}", "--log", "full"),
        env={"MY_API_TOKEN": SECRET},
    )
    assert SECRET.encode() in done.stdout
    said = zlib.decompress((project.path / "metrics" / project.record()["texts"]["object"]).read_bytes(), 31)
    assert len(said.splitlines()) == len(forms) + 1
    assert said.count(b"[secret]") > 4 * len(forms)
    stored = project.stored() + said
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

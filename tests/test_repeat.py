"""`evalprov run --repeat`: many trials of one command from outside, and what is in their records after."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE, Project

SAY = "import json, os; print(json.dumps({'metrics': {n: os.environ[f'EVALPROV_{n}'] for n in ('TRIAL', 'SEED')}}))"
EVAL = """
import json, os, random
random.seed(int(os.environ["EVALPROV_SEED"]))
print(json.dumps({"metrics": {f"t{n}": {"right": random.random() < 0.5, "latency_s": n / 100} for n in range(30)}}))
"""
# Counts the interrupts it gets, and says so when it is left alone for a while.
COUNTING = """
import json, os, signal, sys, time
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(time.monotonic()))
signal.signal(signal.SIGTERM, lambda *_: got.append(time.monotonic()))
open(f"ready{os.environ['EVALPROV_TRIAL']}", "w").close()
print("ready", flush=True)
while not got or time.monotonic() < got[0] + 0.3:
    time.sleep(0.01)
print(json.dumps({"got": len(got)}))
"""


def trials(project: Project) -> list[dict[str, Any]]:
    """Return the records that are trials, in their order."""
    return sorted((r for r in project.records() if r["repeat"]), key=lambda record: record["repeat"]["trial"])


def until(true: Callable[[], object]) -> None:
    """Wait until something is so, with a bound that only a failure meets."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def start(project: Project, *words: str, **how: Any) -> subprocess.Popen[bytes]:
    """Start the real command line in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "evalprov", "run", *words],
        cwd=project.path,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **how},
    )


def at_a_terminal(project: Project, *words: str, keys: bytes = b"", when: Callable[[], object] = bool) -> str:
    """Return what a person sees who types the keys once something is so; the exit code stands at the end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.path)
        os.environ["NO_COLOR"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "evalprov", *words])
    if keys:
        until(when)
        os.write(terminal, keys)
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f"{b''.join(parts).decode()}exit {code}".replace("\r\n", "\n")


def test_each_trial_is_a_whole_run_that_knows_which_it_is(project: Project) -> None:
    """Trials have ids, manifests and history lines of their own, one name in common, and the child is told."""
    project.write("eval.py", EVAL)
    project.commit_all()
    done = project.run("python3", "eval.py", options=("--repeat", "3"))
    assert done.returncode == 0
    records = trials(project)
    assert [record["repeat"]["trial"] for record in records] == [1, 2, 3]
    assert [record["repeat"]["seed"] for record in records] == [1, 2, 3]
    assert {record["repeat"]["of"] for record in records} == {3}
    (name,) = {record["repeat"]["id"] for record in records}
    assert name.replace("-", "").isalnum()
    assert name.isascii()
    assert len({record["run_id"] for record in records}) == 3
    assert [line["repeat"] for line in project.history()] == [record["repeat"] for record in records]
    assert all(record["identity"]["fingerprint"] for record in records)
    assert len({record["identity"]["fingerprint"] for record in records}) == 1
    assert len({record["metric_summary"]["right_mean"] for record in records}) > 1
    assert all(record["status"] == "completed" and record["output"]["stdout"]["lines"] == 1 for record in records)


def test_the_child_is_told_its_trial_and_a_seed_that_another_repeat_has_too(project: Project) -> None:
    """EVALPROV_TRIAL and EVALPROV_SEED are there, the same for the same trial; neither is in the record's facts."""
    for _ in range(2):
        done = project.run("sh", "-c", "echo $EVALPROV_TRIAL $EVALPROV_SEED", options=("--repeat", "3"))
        assert done.stdout == b"1 1\n2 2\n3 3\n"
    assert len({record["repeat"]["id"] for record in trials(project)}) == 2
    for record in trials(project):
        assert not [name for name in record["software"]["env"] if name.startswith("EVALPROV_")]
        assert not [name for name in record["software"]["env_names"] if name.startswith("EVALPROV_")]


def test_without_repeat_a_run_is_no_trial(project: Project) -> None:
    """A plain run gets neither variable and says so in its record; one trial is a trial."""
    done = project.run("sh", "-c", "echo ${EVALPROV_TRIAL-none} ${EVALPROV_SEED-none}")
    assert done.stdout == b"none none\n"
    assert project.record()["repeat"] is None
    assert project.run("true", options=("--repeat", "1")).returncode == 0
    (one,) = trials(project)
    assert (one["repeat"]["trial"], one["repeat"]["of"]) == (1, 1)


def test_a_run_inside_a_trial_is_a_run_of_its_own(project: Project) -> None:
    """It names its parent and is no trial; the outer trial's number and seed are in its environment, not its record."""
    inner = [sys.executable, "-m", "evalprov", "run", "--quiet", "--", "sh", "-c", "echo $EVALPROV_TRIAL"]
    done = project.run(*inner, options=("--repeat", "2"))
    assert done.stdout == b"1\n2\n"
    outer = [record["run_id"] for record in trials(project)]
    nested = [record for record in project.records() if record["repeat"] is None]
    assert sorted(record["parent_run_id"] for record in nested) == sorted(outer)
    assert not [name for record in nested for name in record["software"]["env"] if name.startswith("EVALPROV_")]
    assert nested[0]["identity"]["layers"]["software"] == nested[1]["identity"]["layers"]["software"]


def test_one_at_a_time_they_have_what_a_plain_run_has(project: Project) -> None:
    """Stdin, stdout and stderr are the command's, byte for byte, one trial after the other."""
    code = (
        "import sys; sys.stdout.buffer.write(b'\\0\\xff out\\n'); print(sys.stdin.readline(), file=sys.stderr, end='')"
    )
    done = project.python(code, options=("--repeat", "2", "--quiet"), stdin=b"first\n")
    assert done.stdout == b"\0\xff out\n" * 2
    assert done.stderr == b"first\n"


def test_several_at_a_time_really_overlap_and_their_output_is_kept(project: Project) -> None:
    """Three trials that wait for each other all end; what they print is in their logs, and said to be there."""
    code = (
        "import os, sys, time\n"
        "open('here' + os.environ['EVALPROV_TRIAL'], 'w').close()\n"
        "end = time.monotonic() + 60\n"
        "while not all(os.path.exists(f'here{n}') for n in (1, 2, 3)):\n"
        "    if time.monotonic() > end: sys.exit(9)\n"
        "    time.sleep(0.01)\n"
        "print('trial', os.environ['EVALPROV_TRIAL'], repr(sys.stdin.read()))\n"
    )
    done = project.python(code, options=("--repeat", "3", "--jobs", "3"), stdin=b"not theirs")
    assert done.returncode == 0
    assert done.stdout == b""
    assert done.stderr.count(b"evalprov show RUN --log") == 1
    for record in trials(project):
        kept = (project.path / "metrics" / record["output"]["stdout"]["log"]).read_text()
        assert kept == f"trial {record['repeat']['trial']} ''\n"


def test_never_more_at_a_time_than_asked_for(project: Project) -> None:
    """With two jobs no third trial is under way."""
    code = (
        "import os, time\n"
        "mine = f'going{os.getpid()}'\n"
        "open(mine, 'w').close()\n"
        "time.sleep(0.05)\n"
        "print('{\"n\": %d}' % sum(name.startswith('going') for name in os.listdir('.')))\n"
        "os.remove(mine)\n"
    )
    assert project.python(code, options=("--repeat", "5", "--jobs", "2")).returncode == 0
    assert {record["metric_summary"]["n"] for record in trials(project)} <= {1, 2}
    assert len(trials(project)) == 5


def test_a_trial_that_fails_stops_no_other(project: Project) -> None:
    """All are run; the exit code is that of the first that failed, by number."""
    script = "case $EVALPROV_TRIAL in 2) sleep 0.5; exit 7;; 3) kill -9 $$;; esac"
    for jobs in ((), ("--jobs", "4")):
        done = project.run("sh", "-c", script, options=("--repeat", "4", *jobs))
        assert done.returncode == 7
        assert b"4 trials" in done.stderr
        assert b"2 completed, 1 failed, 1 killed" in done.stderr
    assert [record["status"] for record in trials(project)][::2] == ["completed", "failed", "killed", "completed"]


def test_what_cannot_be_started_is_tried_once(project: Project) -> None:
    """Where the first trial cannot be started, that is said as by a plain run, and nothing else is tried."""
    done = project.run("no-such-program", options=("--repeat", "50"))
    assert done.returncode == 127
    assert done.stderr.count(b"command not found") == 1
    assert [record["status"] for record in trials(project)] == ["not_started"]
    project.commit_all()
    project.write("new.txt", "x")
    done = project.run("true", options=("--repeat", "50", "--jobs", "2", "--require-clean"))
    assert done.returncode == 125
    assert len(project.records()) <= 3


@pytest.mark.parametrize(
    "words",
    [
        ("--jobs", "2"),
        ("--repeat", "0"),
        ("--repeat", "-1"),
        ("--repeat", "1.5"),
        ("--repeat", "ten"),
        ("--repeat", "٣"),
        ("--repeat", ""),
        ("--repeat=9999999999",),
        ("--repeat", "2", "--jobs", "0"),
    ],
)
def test_a_wrong_number_is_a_usage_error(project: Project, words: tuple[str, ...]) -> None:
    """Exit 2, a sentence, and nothing is run."""
    done = project.run("touch", "ran", options=words)
    assert done.returncode == 2
    assert done.stderr.startswith(b"evalprov: error: --")
    assert not (project.path / "ran").exists()


def test_a_timeout_is_for_each_trial(project: Project) -> None:
    """Every trial has the whole time, and is ended when it is up."""
    for seconds in (0.8, 5, 25):
        script = f"sleep {seconds / 2}; touch $EVALPROV_TRIAL; test $EVALPROV_TRIAL != 3 || sleep 60"
        done = project.run(
            "sh",
            "-c",
            script,
            options=("--repeat", "3", "--jobs", "3", "--timeout", str(seconds), "--store", f"{seconds}"),
        )
        assert done.returncode == 124
        if all((project.path / str(trial)).exists() for trial in (1, 2, 3)):  # else half the time was not enough
            break
    records = [json.loads(file.read_text()) for file in (project.path / str(seconds) / "runs").glob("*.json")]
    statuses = {record["repeat"]["trial"]: record["status"] for record in records}
    assert statuses == {1: "completed", 2: "completed", 3: "timed_out"}


def test_the_store_is_whole_after_many_at_a_time(project: Project) -> None:
    """Twelve trials by six in the same second: as many records, lines and ids, and nothing left to put in order."""
    assert project.run("true", options=("--repeat", "12", "--jobs", "6", "--quiet")).returncode == 0
    records, lines = trials(project), project.history()
    assert [record["repeat"]["trial"] for record in records] == list(range(1, 13))
    assert {record["run_id"] for record in records} == {line["run_id"] for line in lines}
    assert len(lines) == len({line["run_id"] for line in lines}) == 12
    assert len({record["observed"]["process"]["pid"] for record in records}) == 12
    assert not list((project.path / "metrics" / "active").iterdir())
    assert project.evalprov("doctor").stdout == b"all in order\n"


def test_at_the_end_they_are_summed_up(project: Project) -> None:
    """The table on stderr has every metric once, fits 80 columns, and says what to do next; --quiet says nothing."""
    done = project.python(EVAL, options=("--repeat", "3"))
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("evalprov  3 trials in ")
    assert lines[0].endswith(": 3 completed")
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    values = [record["metric_summary"]["right_mean"] for record in trials(project)]
    assert float(rows["right_mean"][0]) == pytest.approx(sum(values) / 3, rel=1e-3)
    assert [float(rows["right_mean"][3]), float(rows["right_mean"][4])] == pytest.approx(
        [min(values), max(values)], rel=1e-3
    )
    assert rows["latency_s_mean"][-2:] == ["90", "values"]  # of the second row, the quantiles
    assert any(f"evalprov noise {trials(project)[-1]['run_id']}" in line for line in lines)
    assert max(map(len, lines)) < 80
    assert project.python(EVAL, options=("--repeat", "2", "--quiet")).stderr == b""


def test_what_is_odd_about_the_trials_is_said_once(project: Project) -> None:
    """A warning in every record is one line, with how many have it; so is a program that changed meanwhile."""
    project.write("eval.py", "print('{\"x\": NaN}')")
    project.commit_all()
    script = "python3 eval.py; test $EVALPROV_TRIAL != 1 || echo >> eval.py"
    done = project.run("sh", "-c", script, options=("--repeat", "3"))
    assert done.stderr.count(b"warning: ") == 1
    assert b"(in 3 trials); see: evalprov show " in done.stderr
    assert b"their fingerprints differ" in done.stderr


def test_a_person_sees_how_far_it_is(project: Project) -> None:
    """One at a time: a line a trial, above what it prints. Several: a bar that goes away. In a pipe: neither."""
    seen = at_a_terminal(project, "run", "--repeat", "2", "--", "echo", "hello")
    assert [line.split()[1:3] for line in seen.splitlines() if "[" in line] == [["trial", "1"], ["trial", "2"]]
    assert seen.count("\nhello\n") == 2
    seen = at_a_terminal(project, "run", "--repeat", "4", "--jobs", "2", "--", "sh", "-c", "echo hello; sleep 0.2")
    assert "hello" not in seen
    assert "trials [############------------] 2 of 4" in seen
    assert "\x1b[K" in seen.rpartition("]")[2]
    assert "exit 0" in seen
    assert b"[" not in project.run("true", options=("--repeat", "2", "--jobs", "2")).stderr


@pytest.mark.parametrize(("jobs", "options"), [(1, ()), (3, ()), (1, ("--record",))])
def test_ctrl_c_reaches_who_is_running_once_and_begins_nobody(
    project: Project, jobs: int, options: tuple[str, ...]
) -> None:
    """Every trial under way gets one interrupt and is recorded; no other is begun; the exit code is 130."""
    ready = [project.path / f"ready{trial}" for trial in range(1, jobs + 1)]
    words = ("run", *options, "--repeat", "9", "--jobs", str(jobs), "--", "python3", "-c", COUNTING)
    seen = at_a_terminal(project, *words, keys=b"\x03", when=lambda: all(path.exists() for path in ready))
    assert seen.endswith("exit 130")
    records = trials(project)
    assert [record["status"] for record in records] == ["interrupted"] * jobs
    assert [record["metric_summary"] for record in records] == [{"got": 1}] * jobs


@pytest.mark.parametrize("whom", ["us", "group"])
def test_a_signal_to_us_or_to_all_reaches_every_trial_once(project: Project, whom: str) -> None:
    """SIGTERM to evalprov alone, or to its whole group: each child gets it once, and the exit code is 143."""
    one = start(project, "--repeat", "9", "--jobs", "2", "--", "python3", "-c", COUNTING)
    until(lambda: all((project.path / f"ready{trial}").exists() for trial in (1, 2)))
    (os.kill if whom == "us" else os.killpg)(one.pid, signal.SIGTERM)
    assert one.wait(PATIENCE) == 128 + signal.SIGTERM
    assert [record["metric_summary"] for record in trials(project)] == [{"got": 1}] * 2
    assert [record["status"] for record in trials(project)] == ["interrupted"] * 2


def test_when_evalprov_is_killed_what_runs_is_still_recorded(project: Project) -> None:
    """SIGKILL to the one that begins them: the trial under way ends and is whole, no other is begun."""
    wait = "while [ ! -e killed ]; do sleep 0.01; done"
    one = start(project, "--repeat", "9", "--", "sh", "-c", f"touch ready; {wait}; echo '{{\"x\": 1}}'")
    until((project.path / "ready").exists)
    one.kill()
    one.wait()
    (project.path / "killed").touch()
    until(lambda: (project.path / "metrics" / "eval_history.jsonl").exists() and project.history())
    (record,) = trials(project)
    assert (record["status"], record["metric_summary"]) == ("completed", {"x": 1})
    assert project.evalprov("show", "--json").returncode == 0


def test_a_trial_whose_recorder_is_killed_stops_no_other(project: Project) -> None:
    """That one is lost and said to be; the others are run, and the exit code tells."""
    script = "test $EVALPROV_TRIAL != 2 || kill -9 $PPID"
    done = project.run("sh", "-c", script, options=("--repeat", "3"))
    assert done.returncode == 128 + signal.SIGKILL
    assert b"trial 2 was not recorded to its end" in done.stderr
    lines = [json.loads(line) for line in project.evalprov("history", "--json").stdout.splitlines()]
    statuses = {line["repeat"]["trial"]: line["status"] for line in lines}
    assert statuses == {1: "completed", 2: "lost", 3: "completed"}


@pytest.mark.long
def test_memory_stays_flat(project: Project, tmp_path: Path) -> None:
    """Twenty trials more cost the one that begins them next to nothing."""
    peaks = []
    for times in (4, 24):
        probe = (
            "import resource, sys\n"
            "from evalprov.cli import main\n"
            f"main(['run', '--quiet', '--repeat', '{times}', '--jobs', '4', '--', 'true'])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        done = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 400


OWN = "import os, sys; open(sys.argv[1], 'w').write('{\"trial\": %s}' % os.environ['EVALPROV_TRIAL'])"


def test_trials_at_one_time_have_a_metrics_file_each(project: Project) -> None:
    """{trial} stands for the number, in the command and in the path; the trials are one program all the same."""
    command = ["python3", "-c", OWN, "m-{trial}.json"]
    project.run(*command, options=("--repeat", "6", "--jobs", "3", "--metrics-file", "m-{trial}.json"))
    records = trials(project)
    assert [record["metric_summary"] for record in records] == [{"trial": n} for n in range(1, 7)]
    assert [record["command"]["argv"][-1] for record in records] == [f"m-{n}.json" for n in range(1, 7)]
    assert {record["config"]["arguments"][-1] for record in records} == {"m-{trial}.json"}
    assert len({record["identity"]["layers"]["config"] for record in records}) == 1


@pytest.mark.parametrize(
    ("named", "own"),
    [("m.json", "m-{trial}.json"), ("logs", "logs/{trial}"), ("r.xml:junit", "r-{trial}.xml:junit")],
)
def test_trials_at_one_time_never_share_a_metrics_file(project: Project, named: str, own: str) -> None:
    """Nothing is started, and the message has the line that would do."""
    done = project.run("touch", "ran", options=("--repeat", "2", "--jobs", "2", "--metrics-file", named))
    assert done.returncode == 2
    assert not (project.path / "ran").exists()
    assert f"--metrics-file {own}; or leave out --jobs" in done.stderr.decode().replace("\n", " ")
    assert project.run("true", options=("--repeat", "1", "--jobs", "2", "--metrics-file", named)).returncode == 0


def test_a_trial_that_wrote_nothing_has_not_the_metrics_of_the_one_before(project: Project) -> None:
    """However quickly they follow each other, a file counts for the trial that wrote it."""
    write = 'test "$EVALPROV_TRIAL" = 2 || echo "{\\"trial\\": $EVALPROV_TRIAL}" > m.json'
    project.run("sh", "-c", write, options=("--repeat", "3", "--metrics-file", "m.json"))
    assert [record["metric_summary"] for record in trials(project)] == [{"trial": 1}, None, {"trial": 3}]


def test_a_plain_run_leaves_the_braces_alone(project: Project) -> None:
    """Without --repeat {trial} is a word like any other."""
    assert project.run("echo", "{trial}").stdout == b"{trial}\n"

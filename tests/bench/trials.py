"""Trials on real engines, on loopback: what goes well, what goes wrong on purpose, and what a trial costs beside.

Usage: python tests/bench/trials.py [--rows WORD] [slurm] [ssh] [ray]

An engine that cannot start here is skipped with a word. What is started listens on 127.0.0.1 and is ended.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import venv
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))
from engines import Ray, Ssh
from slurm import Slurm

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 120.0
GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org")
EVAL = """
import json, os, random
random.seed(int(os.environ["EVALPROV_SEED"]))
print(json.dumps({"metrics": {f"t{n}": {"right": random.random() < 0.5} for n in range(30)}}))
"""


class WrongError(Exception):
    """It is not as it should be."""


def must(held: object, what: str) -> None:
    """Fail with words unless it holds."""
    if not held:
        raise WrongError(what)


class Project:
    """A repository with a small eval, and the real command line."""

    def __init__(self, engine: Any, folder: Path) -> None:
        self.engine = engine
        self.path = folder / "project"
        self.path.mkdir()
        self.env = {**os.environ, **engine.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        self.git("init", "-q")
        self.write("eval.py", EVAL)
        self.write("conf.yaml", "model: x\n")
        self.git("add", "-A")
        self.git("commit", "-qm", "one")

    def git(self, *words: str) -> None:
        subprocess.run([*GIT, *words], cwd=self.path, check=True)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def start(self, *words: str, on: bool = True, **env: str) -> subprocess.Popen[str]:
        place = ["--on", self.engine.on] if on else []
        return subprocess.Popen(
            [sys.executable, "-m", "evalprov", "run", *place, *words],
            cwd=self.path,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, on: bool = True, code: int = 0, **env: str) -> str:
        started = self.start(*words, on=on, **env)
        said = started.communicate(timeout=PATIENCE)[0]
        must(started.returncode == code, f"exit {started.returncode}, not {code}: {said[-1500:]}")
        return said

    def evalprov(self, *words: str) -> str:
        """Return what another command says."""
        done = subprocess.run(
            [sys.executable, "-m", "evalprov", *words], cwd=self.path, env=self.env, capture_output=True, text=True
        )
        must(done.returncode == 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def records(self) -> list[dict[str, Any]]:
        """Return all records, the oldest first."""
        files = (self.path / "metrics" / "runs").glob("*.json")
        found = [json.loads(file.read_text()) for file in files]
        return sorted(found, key=lambda m: (m["run_id"][:16], int(m["run_id"][17:] or 1)))

    def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not true():
            must(time.monotonic() < end, "it did not come about")
            time.sleep(0.05)

    def finished(self) -> None:
        """Hold that no record is open, that the history has each once, and that nothing is left of the engine's."""
        runs = [m["run_id"] for m in self.records()]
        must(all(m["status"] != "running" for m in self.records()), "a record is open")
        lines = [json.loads(line) for line in (self.path / "metrics/eval_history.jsonl").read_text().splitlines()]
        must(sorted(line["run_id"] for line in lines) == sorted(runs), "the history is not of these runs")
        must(not list((self.path / "metrics" / "active").iterdir()), "a marker is left")
        left = self.path / "metrics" / "trials"
        must(not left.exists() or not list(left.iterdir()), "the shared folder is left")


# --- rows


def same_program(project: Project) -> str:
    """A dirty tree has one fingerprint at home and on the nodes; logs, patch and engine facts come home."""
    project.write("eval.py", f"{EVAL}\n# more\n")
    project.write("notes.txt", "new\n")
    project.run("--config", "conf.yaml", "--", "python3", "eval.py", on=False, EVALPROV_SEED="1")
    project.run("--config", "conf.yaml", "--repeat", "3", "--", "python3", "eval.py")
    home, *away = project.records()
    must(len(away) == 3, "not three trials")
    must(len({m["identity"]["fingerprint"] for m in (home, *away)}) == 1, "another fingerprint")
    must(home["identity"]["fingerprint"], "no fingerprint")
    for m in away:
        must(m["engine"]["name"] == project.engine.name and m["engine"]["node"], f"engine: {m['engine']}")
        must(m["status"] == "completed" and m["git_dirty"], m["status"])
        must((project.path / "metrics" / m["output"]["stdout"]["log"]).read_text().startswith('{"metrics'), "no log")
        must((project.path / "metrics" / m["git"]["patch"]["file"]).is_file(), "no patch")
        must(m["git"]["root"] == home["git"]["root"], "another root")
    project.finished()
    return home["identity"]["fingerprint"][:19]


def called_off(project: Project) -> str:
    """Ctrl-C ends what runs and what waits, and every trial has a record that says so."""
    started = project.start("--repeat", "4", "--jobs", "2", "--", "sh", "-c", f"touch {project.path}/on; sleep 300")
    project.until((project.path / "on").exists)
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(started.pid, signal.SIGINT)
    said = started.communicate(timeout=PATIENCE)[0]
    took = time.monotonic() - began
    must(started.returncode == 130, f"exit {started.returncode}: {said[-800:]}")
    statuses = sorted(m["status"] for m in project.records())
    told = [(m["engine"], m["errors"]) for m in project.records()]
    must(statuses == ["interrupted", "interrupted", "not_started", "not_started"], f"{statuses}: {said[-500:]} {told}")
    project.finished()
    return f"{', '.join(statuses)}; {took:.1f} s"


def other_packages(project: Project) -> str:
    """A node on which a package is another refuses before the command starts, and says which."""
    place = project.path.parent / "venv"
    venv.create(place, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    new = (
        "import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/METADATA', 'w').write('Name: odd\\nVersion: 2')"
    )
    said = project.run(
        *("--repeat", "2", "--jobs", "1", "--", f"{place}/bin/python", "-c", new, f"{site}/odd-2.dist-info"), code=125
    )
    first, second = project.records()
    must(first["status"] == "completed", f"{first['status']}: {said}")
    must(second["status"] == "not_started", second["status"])
    words = second["errors"][0]["message"]
    must("odd 2 here, is not there" in words, words)
    project.finished()
    return words


def killed_there(project: Project) -> str:
    """What records on a node is killed: the trial is lost, says so, and is done again by a record that names it."""
    flag = project.path.parent / "flag"
    script = f"test -e {flag} || {{ touch {flag}; kill -9 $PPID; sleep 1; }}; echo '{{\"ok\": 1}}'"
    said = project.run("--repeat", "2", "--jobs", "1", "--", "sh", "-c", script)
    lost = [m for m in project.records() if m["status"] == "lost"]
    must(len(lost) == 1 and len(project.records()) == 3, said)
    (again,) = [m for m in project.records() if m["engine"]["replaces"]]
    must(again["engine"]["replaces"] == lost[0]["run_id"] and again["engine"]["attempt"] == 2, str(again["engine"]))
    must(again["status"] == "completed" and again["repeat"] == lost[0]["repeat"], again["status"])
    project.finished()
    return lost[0]["errors"][0]["message"]


def no_disk(project: Project) -> str:
    """The disk of a node is full: nothing is started, and the record says why."""
    place = Path(tempfile.gettempdir()) / f"evalprov-node-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", str(place)], check=True)
    try:
        project.run("--repeat", "1", "--", "true", code=125)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
    (m,) = project.records()
    must(m["status"] == "not_started", m["status"])
    project.finished()
    return m["errors"][0]["message"]


def withheld(project: Project) -> str:
    """A file of secrets does not travel, that is said, and the trials run without it."""
    project.write(".env", "API_KEY=abcdefgh12345678\n")
    said = project.run("--repeat", "1", "--", "sh", "-c", "test ! -e .env")
    must("does not travel: .env" in said, said)
    left = [file for file in Path(tempfile.gettempdir()).glob("evalprov-node-*/**/*") if file.is_file()]
    must(not any(b"abcdefgh12345678" in file.read_bytes() for file in left), "the secret is on the node")
    return said.splitlines()[0]


def resumed(project: Project) -> str:
    """evalprov is killed; what is missing is run then, and what its engine still had is waited for."""
    gate = project.path.parent / "go"
    script = f"while test $EVALPROV_TRIAL != 1 && test ! -e {gate}; do sleep 0.2; done; echo '{{\"ok\": 1}}'"
    words = ("--jobs", "2", "--", "sh", "-c", script)
    started = project.start("--repeat", "4", *words)
    project.until(lambda: any(m["status"] == "completed" for m in project.records()))
    os.kill(started.pid, signal.SIGKILL)
    started.communicate()
    (name,) = {m["repeat"]["id"] for m in project.records()}
    before = len(project.records())
    gate.touch()
    said = project.run("--resume", name, *words)
    done = {m["repeat"]["trial"] for m in project.records() if m["status"] == "completed"}
    must(done == {1, 2, 3, 4}, f"{done}: {said}")
    must({(m["repeat"]["id"], m["repeat"]["of"]) for m in project.records()} == {(name, 4)}, "another repeat")
    must("4 completed" in said, said)
    wrong = project.run("--resume", name, "--", "true", code=2)
    must("another command" in wrong, wrong)
    statuses = [m["status"] for m in project.records()]
    return f"{before} records before, {len(statuses)} after: {statuses.count('lost')} lost"


def cost(project: Project) -> str:
    """What one trial more costs: the engine's own start of `true`, ours, and ours without an engine."""
    few, many = 4, 20

    def slope(seconds: Callable[[int], float]) -> float:
        return (min(seconds(many) for _ in range(2)) - min(seconds(few) for _ in range(2))) / (many - few)

    def ours(count: int, *, on: bool = True) -> float:
        began = time.monotonic()
        project.run("--quiet", "--repeat", str(count), "--jobs", "4", "--", "true", on=on)
        return time.monotonic() - began

    alone, there, here = slope(project.engine.alone), slope(ours), slope(lambda count: ours(count, on=False))
    return f"a trial more: {alone:.2f} s the engine alone, {there:.2f} s with us, {here:.2f} s here, all four at a time"


# --- rows of Slurm alone


def cancelled_there(project: Project) -> str:
    """Somebody cancels one job: its record says so, it is not done again, and the others go on."""
    script = f"touch {project.path}/on$EVALPROV_TRIAL; test $EVALPROV_TRIAL = 1 || sleep 300"
    started = project.start("--repeat", "2", "--", "sh", "-c", script)
    project.until((project.path / "on2").exists)
    (m,) = [m for m in project.records() if m["repeat"]["trial"] == 2]
    project.engine.ask("scancel", m["engine"]["job"])
    said = started.communicate(timeout=PATIENCE)[0]
    statuses = {m["repeat"]["trial"]: m["status"] for m in project.records()}
    must(statuses == {1: "completed", 2: "interrupted"}, f"{statuses}: {said}")
    must(started.returncode == 143, f"exit {started.returncode}")
    project.finished()
    return str(statuses)


def preempted(project: Project) -> str:
    """A partition of higher priority takes the nodes: the trial is done again when they are free, as a new record."""
    mark = project.path.parent / "begun"
    script = f"test -e {mark} || {{ touch {mark}; sleep 300; }}; echo '{{\"ok\": 1}}'"
    started = project.start("--repeat", "1", "--", "sh", "-c", script)
    project.until(mark.exists)
    time.sleep(0.5)
    size = str(2 * project.engine.cpus)
    other = project.engine.ask(
        *("sbatch", "--parsable", "-p", "first", "-N2", "-n", size, "-o", "/dev/null", "--wrap", "sleep 2")
    )
    must(other.strip().isdigit(), other)
    said = started.communicate(timeout=PATIENCE)[0]
    must(len(project.records()) == 2, said + str([(m["status"], m["errors"]) for m in project.records()]))
    first, again = project.records()
    must(
        again["engine"]["replaces"] == first["run_id"] and again["status"] == "completed", f"{again['status']}: {said}"
    )
    must(first["status"] in ("interrupted", "killed", "lost"), first["status"])
    must(started.returncode == 0, f"exit {started.returncode}")
    project.finished()
    return f"{first['status']}, then {again['status']} (attempt {again['engine']['attempt']}); {said.splitlines()[1]}"


def requeued(project: Project) -> str:
    """Who requeues a job is told by Slurm that it is not to be: a second run under one id never comes about."""
    started = project.start("--repeat", "1", "--", "sh", "-c", f"touch {project.path}/on; sleep 3")
    project.until((project.path / "on").exists)
    (m,) = project.records()
    told = project.engine.ask("scontrol", "requeue", m["engine"]["job"])
    started.communicate(timeout=PATIENCE)
    must(len(project.records()) == 1 and project.records()[0]["status"] == "completed", project.records()[0]["status"])
    project.finished()
    return told.strip() or "it was not requeued"


def left_alone(project: Project) -> str:
    """evalprov is killed for good: while Slurm has its jobs they are running, then doctor takes in what they left."""
    gate = project.path.parent / "go"
    script = f"touch {project.path}/on$EVALPROV_TRIAL; while test ! -e {gate}; do sleep 0.2; done; echo '{{\"ok\": 1}}'"
    started = project.start("--repeat", "2", "--", "sh", "-c", script)
    project.until(lambda: (project.path / "on1").exists() and (project.path / "on2").exists())
    os.kill(started.pid, signal.SIGKILL)
    started.communicate()
    must("running" in project.evalprov("history"), "a trial that Slurm has is not running")
    said = project.evalprov("doctor")
    must(said.count("is still with Slurm") == 2, said)
    first, second = project.records()
    gate.touch()
    folder = project.path / "metrics" / "trials" / first["repeat"]["id"]
    project.until(lambda: len(list(folder.glob("*.parcel"))) == 2)
    (folder / f"{second['run_id']}.parcel").write_bytes(b"torn")
    said = project.evalprov("doctor")
    must([m["status"] for m in project.records()] == ["completed", "lost"], said)
    project.finished()
    return project.records()[1]["errors"][0]["message"]


def no_polling_storm(project: Project) -> str:
    """While trials run for 10 s, the controller is asked every few seconds at most."""
    tools = project.path.parent / "tools"
    tools.mkdir()
    for name in ("squeue", "sacct", "scontrol", "sbatch"):
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tools / name).write_text(f'#!/bin/sh\necho {name} >> {tools}/asked\nexec {real} "$@"\n')
        (tools / name).chmod(0o755)
    project.run("--repeat", "2", "--", "sleep", "10", PATH=f"{tools}:{project.env['PATH']}")
    asked = (tools / "asked").read_text().split()
    must(len(asked) <= 6, f"asked {len(asked)} times")
    return f"asked {len(asked)} times: {', '.join(asked)}"


ROWS = (same_program, called_off, other_packages, killed_there, no_disk, withheld, resumed, cost)
OF_SLURM = (left_alone, cancelled_there, preempted, requeued, no_polling_storm)
ENGINES = {"slurm": Slurm, "ssh": Ssh, "ray": Ray}


def main() -> int:
    """Run all rows on all engines, or those that are named; return 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="")
    parser.add_argument("engines", nargs="*")
    asked = parser.parse_args()
    failed = 0
    for name in asked.engines or ENGINES:
        with ExitStack() as held:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
            engine = held.enter_context(ENGINES[name](folder))
            if engine.why_not:
                print(f"{name:<6} skipped: {engine.why_not}", flush=True)
                continue
            for row in (*ROWS, *(OF_SLURM if name == "slurm" else ())):
                if asked.rows in row.__name__:
                    failed += not _held(name, engine, row)
    return 1 if failed else 0


def _held(name: str, engine: Any, row: Callable[[Project], str]) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        try:
            verdict = f"ok: {row(Project(engine, Path(place)))}"
        except WrongError as wrong:
            verdict = f"WRONG: {wrong}"
        except Exception:  # noqa: BLE001 - whatever goes wrong is a verdict
            verdict = f"WRONG: {traceback.format_exc()[-1500:]}"
    print(f"{name:<6} {row.__name__:<17} {time.monotonic() - began:5.1f} s  {verdict}", flush=True)
    return verdict.startswith("ok")


if __name__ == "__main__":
    sys.exit(main())

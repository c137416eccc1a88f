"""Trials on other machines and resumed ones, from outside: real ssh servers on loopback, and a real node's end."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from engines import Ssh

EVAL = """
import json, os
print(json.dumps({"metrics": {"a": {"seed": int(os.environ["EVALPROV_SEED"])}}}))
"""
needs_asyncssh = pytest.mark.skipif(not importlib.util.find_spec("asyncssh"), reason="asyncssh is not installed")


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ssh]:
    """Start two servers, and have their keys in the user's known_hosts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where a node has its things
    with Ssh(tmp_path / "ssh") as servers:
        monkeypatch.setenv("HOME", servers.environ["HOME"])
        yield servers


def statuses(project: Project) -> dict[int, list[str]]:
    """Return the statuses of each trial's records, the oldest first."""
    found: dict[int, list[str]] = {}
    for record in project.records():
        found.setdefault(record["repeat"]["trial"], []).append(record["status"])
    return found


@pytest.mark.long
def test_a_repeat_that_was_not_finished_is_resumed(project: Project) -> None:
    """Only the trials without a result are run, under the same id; another command or number is refused."""
    script = "test -e go || test $EVALPROV_TRIAL = 2; echo '{\"x\": 1}'"
    words = ("sh", "-ec", script)
    assert project.run(*words, options=("--repeat", "3", "--quiet")).returncode == 1
    assert statuses(project) == {1: ["failed"], 2: ["completed"], 3: ["failed"]}
    (name,) = {record["repeat"]["id"] for record in project.records()}
    project.write("go", "")
    for spec, words_of, number in ((name, ("true",), ()), (name, words, ("--repeat", "4")), ("latest", ("true",), ())):
        done = project.run(*words_of, options=("--resume", spec, *number))
        assert done.returncode == 2
        assert b"another command" in done.stderr or b"of 3 trials" in done.stderr
    done = project.run(*words, options=("--resume", project.records()[0]["run_id"]))
    assert done.returncode == 0, done.stderr
    assert b"1 trial of 3 have a result; 2 are run" in done.stderr
    assert b"3 trials in" in done.stderr
    assert statuses(project) == {1: ["failed", "completed"], 2: ["completed"], 3: ["failed", "completed"]}
    assert {(r["repeat"]["id"], r["repeat"]["of"]) for r in project.records()} == {(name, 3)}
    assert project.run(*words, options=("--resume", name)).returncode == 0
    assert len(project.records()) == 5


def test_what_cannot_be_resumed_is_said(project: Project) -> None:
    """A run of no repeat, a repeat that is not there, and an option without an engine are told in words."""
    project.run("true")
    for spec in ("latest", "20260101T000000Z-abcd"):
        done = project.run("true", options=("--resume", spec))
        assert done.returncode in (2, 125)
        assert b"repeat" in done.stderr
    assert b"--on" in project.run("true", options=("--send-env", "X")).stderr
    assert b"goes without --on" in project.run("true", options=("--on", "ssh:none", "--replay", "latest")).stderr
    assert len(project.records()) == 1


@pytest.mark.long
@needs_asyncssh
def test_the_same_program_is_the_same_on_a_node(project: Project, ssh: Ssh) -> None:
    """A dirty tree has one fingerprint here and there; logs, patch and what the engine knows come home."""
    project.write("eval.py", EVAL)
    project.write("conf.yaml", "x: 1\n")
    project.commit_all()
    project.write("eval.py", f"{EVAL}# more\n")
    project.write("new.txt", "new\n")
    assert project.run("python3", "eval.py", options=("--repeat", "1", "--config", "conf.yaml")).returncode == 0
    done = project.run("python3", "eval.py", options=("--repeat", "2", "--config", "conf.yaml", "--on", ssh.on))
    assert done.returncode == 0, done.stderr
    home, *away = project.records()
    assert len(away) == 2
    assert {m["identity"]["fingerprint"] for m in away} == {home["identity"]["fingerprint"]} != {None}
    assert {m["engine"]["worker"] for m in away} <= set(ssh.on.removeprefix("ssh:").split(","))
    assert [m["metric_summary"]["seed_mean"] for m in away] == [1, 2]
    for m in away:
        assert (project.path / "metrics" / m["output"]["stdout"]["log"]).read_text().startswith('{"metrics"')
        assert (m["git"]["root"], m["git"]["patch"]) == (home["git"]["root"], home["git"]["patch"])
    place = Path(os.environ["TMPDIR"]) / f"evalprov-node-{os.getuid()}"
    assert not list((place / "work").iterdir())
    assert project.evalprov("doctor").stdout == b"all in order\n"


@pytest.mark.long
@needs_asyncssh
def test_a_lost_trial_is_done_again_as_a_record_that_names_it(project: Project, ssh: Ssh) -> None:
    """What records on a node is killed: the first record says lost, the second names it, and all went well."""
    project.commit_all()
    script = (
        f"test -e {project.path}/on || {{ touch {project.path}/on; kill -9 $PPID; sleep 1; }}; echo '{{\"ok\": 1}}'"
    )
    project.write(".gitignore", "on\n")
    done = project.run("sh", "-c", script, options=("--repeat", "1", "--on", ssh.on))
    assert done.returncode == 0, done.stderr
    lost, again = project.records()
    assert (lost["status"], again["status"]) == ("lost", "completed")
    assert again["engine"] == {**again["engine"], "attempt": 2, "replaces": lost["run_id"]}
    os.unlink(project.path / "on")
    done = project.run("sh", "-c", script, options=("--repeat", "1", "--retries", "0", "--on", ssh.on))
    assert done.returncode == 125
    assert project.records()[-1]["status"] == "lost"


@pytest.mark.long
@needs_asyncssh
def test_secrets_stay_out_of_orders(project: Project, ssh: Ssh) -> None:
    """A secret in the words is refused; a variable that is named goes along, is used there, and stands nowhere."""
    project.write("eval.py", "import os; print(os.environ['JUDGE_API_KEY'][:4], os.environ.get('OTHER_API_KEY'))")
    project.commit_all()
    key = "canary-3f9a17c2-do-not-tell"
    env = {"JUDGE_API_KEY": key, "OTHER_API_KEY": f"{key}-too"}
    options = ("--repeat", "1", "--on", ssh.on, "--send-env", "JUDGE_API_KEY")
    refused = project.run("python3", "eval.py", key, options=options, env=env)
    assert refused.returncode == 125
    assert b"no file may hold it" in refused.stderr
    assert project.run("python3", "eval.py", options=options, env=env).returncode == 0
    (m,) = project.records()
    assert (project.path / "metrics" / m["output"]["stdout"]["log"]).read_text() == "cana None\n"
    unset = project.run("python3", "eval.py", options=(*options, "--send-env", "NOT_THERE"), env=env)
    assert b"not set here: NOT_THERE" in unset.stderr
    for file in Path(os.environ["TMPDIR"]).rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes(), file


@pytest.mark.long
@needs_asyncssh
def test_a_host_that_is_not_known_is_never_used(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its key in known_hosts nothing is sent, and that is said."""
    with Ssh(tmp_path / "strange", known=False) as strange:
        monkeypatch.setenv("HOME", strange.environ["HOME"])
        done = project.run("true", options=("--repeat", "1", "--on", strange.on))
    assert done.returncode == 125
    assert b"no host can be used" in done.stderr
    assert b"not trusted" in done.stderr
    assert not (project.path / "metrics" / "runs").exists() or not project.records()


@pytest.mark.long
def test_a_folder_without_git_must_be_there_on_the_node(project: Project, tmp_path: Path) -> None:
    """Where the node has no such folder the trial is not started, and says so; a torn order is no reason to hang."""
    from evalprov.fleet.look import look_at_home
    from evalprov.fleet.order import FORM, block, start_of, words_of
    from evalprov.fleet.parcel import unpack
    from evalprov.run.request import Request

    request = Request(argv=("true",))
    home = look_at_home(request, str(project.path), dict(os.environ), None)
    assert home.tree is None
    engine = {"name": "ssh", "job": None, "array": None, "node": None, "worker": None, "attempt": 1, "replaces": None}
    order: dict[str, Any] = {
        "form": FORM, "run_id": "20260921T165320Z", "request": words_of(request), "tree": None, "folder": home.folder,
        "top": None, "environ": {}, "path": os.environ["PATH"], "have": [], "expected": home.expected, "engine": engine,
    }  # fmt: skip
    package = str(Path(__file__).parents[2])

    def said(data: bytes) -> bytes:
        env = {**os.environ, "TMPDIR": str(tmp_path)}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(start_of(sys.executable, package, "pipe"), env=env, **pipes) as node:
            assert node.stdin
            assert node.stdout
            node.stdin.write(data)
            node.stdin.flush()
            if data.startswith(b"900"):
                node.stdin.close()  # else that would call it off
            return node.stdout.read()

    facts = unpack(said(block(json.dumps(order).encode()) + block(b"{}"))).facts
    assert facts["record"]["status"] == "completed", facts
    order["folder"] = f"{project.path}/not-there"
    facts = unpack(said(block(json.dumps(order).encode()) + block(b"{}"))).facts
    assert "no git repository at home, and no folder" in facts["problem"]
    assert said(b"900\n{") == b""

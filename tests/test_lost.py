"""What becomes of a run while the command, or somebody else, works against its record."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"  # of a known kind
REPORTS = (
    'echo \'{"metrics": {"accuracy": 0.5}, "scenario": "one", "tools": ["words"]}\' >>"$EVALPROV_REPORT"\n'
    f'echo \'{{"metrics": {{"accuracy": 0.5}}, "scenario": "{TOKEN}"}}\' >>"$EVALPROV_REPORT"\n'
    'echo "$EVALPROV_REPORT"; read line; echo went on >>went; read line'
)


def test_a_killed_recorder_loses_nothing_of_what_was_reported_to_the_file(project: Project) -> None:
    """SIGKILL to us: the command goes on, and the record says lost, with the numbers that it had reported."""
    one = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "run", "--", "sh", "-c", REPORTS],
        cwd=project.path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert one.stdin
    assert one.stdout
    report = Path(os.fsdecode(one.stdout.readline().strip()))
    one.kill()
    one.wait()
    one.stdin.write(b"go on\n")
    one.stdin.flush()
    while not (project.path / "went").exists():
        pass
    doctor = project.evalprov("doctor")
    assert b"is recorded as lost, with what its command had reported" in doctor.stdout
    one.communicate()
    record = project.record()
    assert (record["status"], record["exit_code"]) == ("lost", None)
    assert (record["metrics"], record["metric_summary"]) == (
        {"one": {"accuracy": 0.5}, "[secret]": {"accuracy": 0.5}},
        {"accuracy_mean": 0.5},
    )
    assert TOKEN.encode() not in project.stored()
    assert record["tools"] == []
    assert any("what it reported in words was left out" in warning for warning in record["warnings"])
    assert project.history()[0]["metric_summary"] == {"accuracy_mean": 0.5}
    assert project.evalprov("doctor").stdout == b"all in order\n"
    report.unlink()
    report.parent.rmdir()


def test_a_report_file_that_others_could_have_made_is_not_read(project: Project) -> None:
    """What the marker names is read only where none but us could have put it."""
    assert project.run("true").returncode == 0
    (file,) = (project.path / "metrics/runs").iterdir()
    record = json.loads(file.read_text())
    record["status"] = "running"
    file.write_text(json.dumps(record))
    (project.path / "metrics/eval_history.jsonl").unlink()
    folder = project.path / f"evalprov-{file.stem}-x"
    folder.mkdir()
    (folder / "report.jsonl").write_text('{"metrics": {"accuracy": 0.9}}\n')
    (project.path / "metrics/active" / file.stem).write_text(str(folder / "report.jsonl"))
    folder.chmod(0o755)
    assert b"is recorded as lost: " in project.evalprov("doctor").stdout
    assert project.record()["metrics"] is None


OWN = "metrics/runs/$EVALPROV_RUN_ID.json"
# What a command does to the store, how many records there are afterwards (two before it), and what is said of it.
HARM = {
    "removes the store": ("rm -rf metrics", 1, "was removed meanwhile; it is written anew"),
    "puts a file in its place": ("rm -rf metrics; echo mine >metrics", 0, "nothing is left of it on disk"),
    "writes its own record": (f"echo '{{}}' >{OWN}", 3, ""),
    "calls its own record finished": (f"sed -i s/running/completed/ {OWN}", 3, "is finished already (completed)"),
    "links its record elsewhere": (f"mv {OWN} x; ln -s ../../x {OWN}", 3, "it is written anew"),
    "puts a folder in its place": (f"rm {OWN}; mkdir {OWN}; : >{OWN}/x", 3, "it is written anew"),
    "removes the history": ("rm metrics/eval_history.jsonl", 3, "`evalprov doctor` enters the runs before"),
    "removes everything": ("rm -rf -- .git * .gitignore", 1, "was removed meanwhile; it is written anew"),
}


def test_a_command_that_harms_its_own_record_loses_nothing_else(project: Project, tmp_path: Path) -> None:
    """Its output and exit code are its own, other runs stay, the record is written anew or its loss said."""
    project.write("eval.py", "print(1)\n")
    project.write(".gitignore", "metrics\n")
    project.commit_all()
    for _ in range(2):
        assert project.run("true").returncode == 0
    shutil.copytree(project.path, tmp_path / "sound", symlinks=True)
    for name, (harm, left, said) in HARM.items():
        shutil.rmtree(project.path)
        shutil.copytree(tmp_path / "sound", project.path, symlinks=True)
        done = project.run("sh", "-c", f"echo before; {harm}; echo after; exit 3", options=("--quiet",))
        assert (done.returncode, done.stdout) == (3, b"before\nafter\n"), name
        words = done.stderr.decode()
        assert said in words, name
        assert bool(said) == bool(words), name
        records = project.records() if (project.path / "metrics").is_dir() else []
        assert len(records) == left, name
        if name != "calls its own record finished":
            assert [record["status"] for record in records][2:] == ["failed"][: max(0, left - 2)], name
    assert project.evalprov("doctor").returncode == 0
    assert len(project.history()) == left

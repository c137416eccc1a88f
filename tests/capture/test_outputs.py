"""What a run wrote and what was edited meanwhile, told apart after real runs in real repositories."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any, NamedTuple

import pytest
from conftest import Project

# A line of its own in every run.
NEW = 'echo "{\\"run\\": \\"$EVALPROV_RUN_ID\\"}"'


class Case(NamedTuple):
    """A program that writes something, and what is found in the record of its last run."""

    script: str
    outputs: dict[str, bool]  # of the last run: the path, and whether it is state; RUN stands for its id
    words: str = ""  # of the command, after the script's name
    files: dict[str, str] = {}  # noqa: RUF012 - committed before the first run
    options: tuple[str, ...] = ()
    between: tuple[str, ...] = ()  # a git command after every run
    program: str = "e.sh"
    repository: bool = True


CASES = {
    "a new file of the command": Case(f"{NEW} > r.json", {"r.json": False}, "--out r.json"),
    "a tracked file of the command": Case(f"{NEW} > r.json", {"r.json": False}, "--out=r.json", {"r.json": "{}"}),
    "-o": Case(f"{NEW} > x.yaml", {"x.yaml": False}, "-o x.yaml", {"x.yaml": "a: 1"}),
    "--junitxml": Case(f"{NEW} > r.xml", {"r.xml": False}, "--junitxml r.xml"),
    "a word without an option": Case(f"{NEW} > $1", {"answers.json": True}, "answers.json"),
    "a tracked word without an option": Case(f"{NEW} > $1", {"a.json": True}, "a.json", {"a.json": "{}"}),
    "an ignored file in the command": Case(
        f"mkdir -p results; {NEW} > $1", {"results/a.json": True}, "results/a.json", {".gitignore": "results/"}
    ),
    "--metrics-file": Case(
        f"{NEW} > m.yaml.json", {"m.yaml.json": False}, "", {"m.yaml.json": "{}"}, ("--metrics-file", "m.yaml.json")
    ),
    "tracked metrics.json": Case(f"{NEW} > metrics.json", {"metrics.json": True}, "", {"metrics.json": "{}"}),
    "metrics.json, first written as it was": Case(
        '[ -e results ] || { mkdir results; echo 1 > metrics.json; exit; }; echo "$EVALPROV_RUN_ID" > metrics.json',
        {"metrics.json": True},
        "",
        {"metrics.json": "1\n"},
    ),
    "dvc.lock": Case(f"{NEW} > dvc.lock", {"dvc.lock": True}, "", {"dvc.lock": "schema: '2.0'"}),
    "a notebook of papermill's": Case(
        f"{NEW} > $2", {"b.ipynb": False}, "a.ipynb b.ipynb", {"a.ipynb": "{}", "b.ipynb": "{}"}, program="papermill"
    ),
    "out.ipynb": Case(f"{NEW} > out.ipynb", {"out.ipynb": True}, "", {"nb.ipynb": "{}", "out.ipynb": "{}"}),
    "nbconvert's notebook": Case(f"{NEW} > nb.nbconvert.ipynb", {"nb.nbconvert.ipynb": True}, "", {"nb.ipynb": "{}"}),
    "results/ with a file each": Case(
        f"mkdir -p results; {NEW} > results/$EVALPROV_RUN_ID.json", {"results/RUN.json": False}
    ),
    "results/, committed each time": Case(
        f"mkdir -p results; {NEW} > results/$EVALPROV_RUN_ID.json", {"results/RUN.json": False}, between=("add", ".")
    ),
    "files named by the time beside others of the kind": Case(
        f"{NEW} > $(date +%Y%m%dT%H%M%S%N).json; rm -f now; ls *.json | wc -l > now", {}, "", {"cases.json": "[]"}
    ),
    "caches that nobody ignores": Case(
        f"mkdir -p src/__pycache__ .pytest_cache; {NEW} > src/__pycache__/a.pyc; {NEW} > .pytest_cache/v", {}
    ),
    "Hydra's outputs": Case(
        "d=outputs/2026-01-01/$EVALPROV_RUN_ID; mkdir -p $d/.hydra\n"
        'echo "a: 1" > $d/.hydra/config.yaml; echo > $d/e.log',
        {"outputs/2026-01-01/RUN/.hydra/config.yaml": False, "outputs/2026-01-01/RUN/e.log": False},
    ),
    "a memory, read and written": Case(f"{NEW} >> memory.json", {"memory.json": True}, "", {"memory.json": ""}),
    "a cache, made by the first run": Case(f"{NEW} >> seen.db", {"seen.db": True}),
    "a generated source": Case(f"mkdir -p build; {NEW} > build/gen.json", {"build/gen.json": True}),
    "a link to the latest": Case(
        f"mkdir -p results; {NEW} > results/$EVALPROV_RUN_ID.json; ln -sfn results/$EVALPROV_RUN_ID.json latest",
        {"latest": True, "results/RUN.json": False},
    ),
    "what a pattern of the settings finds": Case(
        f"{NEW} > scores.json",
        {"scores.json": True},
        files={"evalprov.toml": '[config]\nfiles = ["*.json"]\n', "conf.json": "{}"},
    ),
    "outside of git": Case(
        f"{NEW} > r.json; {NEW} > $3", {"a.json": True, "r.json": False}, "--out r.json a.json", repository=False
    ),
}


def prepared(project: Project, case: Case) -> Project:
    """Write the files of a case, and commit them."""
    for name, text in {**case.files, case.program: f"#!/bin/sh\n{case.script}\n", "src/a.py": "a = 1\n"}.items():
        file = project.write(name, text, 0o755)
        # Git tells a file that was written anew as it was by its time alone, to the second.
        os.utime(file, (time.time() - 10,) * 2)
    if case.repository:
        project.commit_all()
    return project


def newest(project: Project, known: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one record that is not known yet: names tell no order within a second."""
    ids = {record["run_id"] for record in known}
    (new,) = [record for record in project.records() if record["run_id"] not in ids]
    return new


def recorded(project: Project, case: Case, times: int = 2) -> list[dict[str, Any]]:
    """Record the program so many times; return the records in their order."""
    records: list[dict[str, Any]] = []
    for _ in range(times):
        before = project.records()
        done = project.run(f"./{case.program}", *case.words.split(), options=("--quiet", *case.options))
        assert done.returncode == 0, done.stderr
        records.append(newest(project, before))
        if case.between:
            project.git(*case.between)
            project.git("commit", "-qm", "more")
    return records


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if at % 2 else []) for at, name in enumerate(CASES)]
)
def test_a_program_that_only_wrote_is_the_same_program(project: Project, name: str) -> None:
    """Runs have the same code, configuration and identity, each names what it wrote, and an edit changes the code."""
    case = CASES[name]
    first, second = recorded(prepared(project, case), case)
    for layer in ("code", "config", "prompts", "data"):
        assert first["identity"]["layers"][layer] == second["identity"]["layers"][layer], layer
    assert first["identity"]["fingerprint"] == second["identity"]["fingerprint"]
    assert first["observed"]["edited"] == second["observed"]["edited"] == {}
    if case.outputs:
        files = {path.replace(second["run_id"], "RUN"): one for path, one in second["outputs"]["files"].items()}
        assert {path: one["state"] for path, one in files.items()} == case.outputs
    for path, one in second["outputs"]["files"].items():
        file = project.path / path
        if not file.is_symlink():
            assert one["sha256"] == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
            assert one["bytes"] == file.stat().st_size
    if name not in list(CASES)[::4] or not case.repository:
        return  # an edit is an edit whatever was written beside it
    project.write("src/a.py", "a = 2\n")
    third = recorded(project, case, 1)[-1]
    assert third["identity"]["layers"]["code"] != second["identity"]["layers"]["code"]
    assert third["identity"]["layers"]["config"] == second["identity"]["layers"]["config"]


def test_the_whole_tree_is_as_before_launch(project: Project) -> None:
    """What an earlier run left stays in git.tree and among the saved files, from which a run is brought back."""
    case = CASES["results/ with a file each"]
    first, second = recorded(prepared(project, case), case)
    left = f"results/{first['run_id']}.json"
    assert second["git"]["untracked"] == [left]
    assert list(second["git"]["saved"]) == [left]
    assert second["git"]["tree"] != first["git"]["tree"]
    assert second["code"]["tree"] == first["code"]["tree"] == first["git"]["tree"]


def test_an_output_that_somebody_changed_is_an_input_again(project: Project) -> None:
    """A file is known by its content: edited by hand between two runs, it counts."""
    case = CASES["results/ with a file each"]
    first = recorded(prepared(project, case), case, 1)[0]
    project.write(f"results/{first['run_id']}.json", "by hand\n")
    second = recorded(project, case, 1)[-1]
    assert second["identity"]["layers"]["code"] != first["identity"]["layers"]["code"]


def test_an_output_is_known_again_after_it_was_moved_away_and_back(project: Project) -> None:
    """Another time of change alone makes no input of it."""
    case = CASES["results/ with a file each"]
    first = recorded(prepared(project, case), case, 1)[0]
    os.utime(project.path / f"results/{first['run_id']}.json", (1, 1))
    second = recorded(project, case, 1)[-1]
    assert second["identity"]["fingerprint"] == first["identity"]["fingerprint"]


def test_the_output_of_one_program_is_the_input_of_the_next(project: Project) -> None:
    """What another program wrote counts where the command names it, and where its name tells of no result."""
    project.write("prepare.sh", f"{NEW} > cases.json; {NEW} > given.json; mkdir -p results; {NEW} > results/a.json\n")
    project.write("e.sh", "cat cases.json given.json\n")
    project.commit_all()
    runs = []
    for _ in range(2):
        project.run("sh", "prepare.sh")
        before = project.records()
        project.run("sh", "e.sh", "given.json")
        runs.append(newest(project, before))
    for record in runs:
        assert list(record["config"]["files"]) == ["given.json"]
    for layer in ("code", "config"):
        assert runs[0]["identity"]["layers"][layer] != runs[1]["identity"]["layers"][layer]


@pytest.mark.parametrize(
    ("script", "layer", "path"),
    [
        ("echo 'a = 2' > src/a.py", "code", "src/a.py"),
        ("echo '# more' >> e.sh", "code", "e.sh"),
        ("rm src/a.py", "code", "src/a.py"),
        ("echo 'a = 2' > new.py", "code", "new.py"),
        ("echo 'a = 2' > src/a.py; git commit -qam edit", "code", "src/a.py"),
        ("echo More. > plan.txt", "prompts", "plan.txt"),
        ("echo '{\"t\": 1}' > conf.json", "config", "conf.json"),
        ("echo 't: 1' > named.yaml", "config", "named.yaml"),
        ("echo '{}' > asked.json", "config", "asked.json"),
        ("echo '{}' >> golden.jsonl", "data", "golden.jsonl"),
        ("echo '{}' > cases/b.json", "data", "cases/b.json"),
        ("echo 'x = 2' > grade.py", "grader", "grade.py"),
        ("echo 'a==2' > requirements.txt", "software", "requirements.txt"),
    ],
)
def test_an_input_edited_meanwhile_is_named_with_its_layer(
    project: Project, script: str, layer: str, path: str
) -> None:
    """A declared file, a source or a lock that is written to while the command runs stays as it was, with a warning."""
    settings = '[prompts]\nplan = "plan.txt"\n[config]\nfiles = ["conf.json"]\n'
    settings += '[data]\ngolden = "golden.jsonl"\ncases = "cases"\n[grader]\nfiles = ["grade.py"]\n'
    texts = {"evalprov.toml": settings, "plan.txt": "Plan.\n", "conf.json": "{}", "named.yaml": "t: 0\n"}
    texts |= {"golden.jsonl": "{}\n", "cases/b.json": "[]", "grade.py": "x = 1\n", "requirements.txt": "a==1\n"}
    texts |= {"asked.json": "[]", "src/a.py": "a = 1\n", "e.sh": f"sleep 0.03\n{script}\n"}
    for name, text in texts.items():
        project.write(name, text)
    project.commit_all()
    project.write("new.py", "a = 1\n")
    assert project.run("sh", "e.sh", "named.yaml", "--config", "asked.json").returncode == 0
    record = project.record()
    assert record["observed"]["edited"] == {path: layer}
    verb = "removed" if script.startswith("rm") else "written to"
    assert f"{path} was {verb} while the command ran; the record has it as it was before" in record["warnings"]
    assert record["outputs"]["files"] == {}


def test_a_source_written_as_it_was_is_not_edited(project: Project) -> None:
    """Touched, linked or written again with the same content, a source is what it was."""
    project.write("e.sh", "touch src/a.py; ln src/b.py copy; rm copy; cat src/c.py > tmp; cat tmp > src/c.py; rm tmp\n")
    for name in "abc":
        project.write(f"src/{name}.py", "x = 1\n")
    project.commit_all()
    project.run("sh", "e.sh")
    record = project.record()
    assert record["observed"]["edited"] == {}
    assert record["outputs"] == {"files": {}, "count": 0, "bytes": 0, "reason": None}


def test_another_branch_checked_out_meanwhile_is_no_output(project: Project) -> None:
    """What git itself brought is edited code, and the next run on that branch has all of it."""
    project.write("e.sh", "[ -e stop ] || git checkout -q other\n")
    project.write("cases.json", "[]")
    project.commit_all()
    project.git("checkout", "-q", "-b", "other")
    project.write("cases.json", "[1]")
    project.write("more.json", "[2]")
    project.write("stop", "")
    other = project.commit_all()
    project.git("checkout", "-q", "main")
    project.run("sh", "e.sh")
    first = project.record()
    project.run("sh", "e.sh")
    second = newest(project, [first])
    assert first["observed"]["edited"] == {"cases.json": "code"}
    assert first["outputs"]["count"] == 0
    assert second["code"]["tree"] == project.git("rev-parse", f"{other}^{{tree}}")


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_trials_are_of_one_program(project: Project, jobs: str) -> None:
    """What one trial writes makes the next no other program, one after the other and side by side."""
    project.write("e.sh", f"{NEW} > $2; {NEW} > r$EVALPROV_TRIAL.json; sleep 0.05; echo '{{\"accuracy\": 0.5}}'\n")
    project.write("metrics.json", "{}")
    project.write("cases.json", "{}")
    project.commit_all()
    done = project.run("sh", "e.sh", "--out", "metrics.json", options=("--repeat", "4", "--jobs", jobs))
    assert done.returncode == 0, done.stderr
    assert len({record["identity"]["fingerprint"] for record in project.records()}) == 1
    noise = json.loads(project.evalprov("noise", "latest", "--json").stdout)
    assert len(noise["runs"]) == 4


def test_many_and_large_outputs_are_bounded(project: Project) -> None:
    """The record lists the first of them, all are counted, and what is too large is not hashed, with the reason."""
    project.write("e.sh", "mkdir out; cd out; for i in $(seq 300); do echo $i > $i.txt; done; truncate -s 65M 0big\n")
    project.commit_all()
    project.run("sh", "e.sh", "--log", "x")
    first = project.record()
    outputs = first["outputs"]
    assert len(outputs["files"]) == 200
    assert outputs["count"] == 301
    assert outputs["bytes"] > 65 << 20
    assert "101 more" in outputs["reason"]
    project.run("sh", "e.sh", "--log", "x")
    second = newest(project, [first])
    assert first["identity"]["layers"] == second["identity"]["layers"]
    assert not second["outputs"]["files"]["out/0big"]["sha256"]
    assert "too large" in second["outputs"]["reason"]


def test_a_repository_that_breaks_meanwhile_is_a_reason(project: Project) -> None:
    """The command's exit code stands, and the record says why nobody looked."""
    project.write("e.sh", "echo x > new.txt; echo broken > .git/index; exit 7\n")
    project.commit_all()
    assert project.run("sh", "e.sh").returncode == 7
    record = project.record()
    assert record["status"] == "failed"
    assert "not looked at again" in record["outputs"]["reason"]
    assert record["identity"]["layers"]["code"]


def test_a_name_with_a_secret_is_nowhere(project: Project) -> None:
    """The record has the placeholder, and the list of known outputs leaves the file out."""
    project.write("e.sh", "mkdir out; echo 1 > out/$API_KEY.json; echo 1 > out/b.json\n")
    project.commit_all()
    project.run("sh", "e.sh", env={"API_KEY": "s3cr3t-value-0001"})
    assert sorted(project.record()["outputs"]["files"]) == ["out/[secret].json", "out/b.json"]
    assert b"s3cr3t-value-0001" not in project.stored()


def test_the_list_of_outputs_stays_small_and_harms_nothing(project: Project) -> None:
    """Broken or overgrown it is written anew, and a run and the doctor go on."""
    case = CASES["results/ with a file each"]
    first = recorded(prepared(project, case), case, 1)[0]
    listed = project.path / "metrics" / "outputs.jsonl"
    row = json.loads(listed.read_text())
    listed.write_text(
        '{"torn\n[1]\n'
        + json.dumps(row)
        + "\n"
        + "\n".join(json.dumps([f"gone/{'x' * 200}{number}", *row[1:]]) for number in range(9000))
    )
    second = recorded(project, case, 1)[-1]
    assert second["identity"]["fingerprint"] == first["identity"]["fingerprint"]
    assert [json.loads(line)[0] for line in listed.read_text().splitlines()] == [
        f"results/{one['run_id']}.json" for one in (first, second)
    ]
    assert project.evalprov("doctor").returncode == 0

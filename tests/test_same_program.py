"""Whether two real runs were the same program: each layer by its own hash, secrets and history left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

SETTINGS = """
scenario = "support"
golden_version = "v1"
[prompts]
plan = "prompts/plan.txt"
[model]
provider = "openai"
model = "gpt-4o-2024-08-06"
[config]
files = ["conf/*.json"]
[data]
golden = "data/golden.jsonl"
[agent]
name = "planner"
[grader]
files = ["graders/*.py"]
[code]
algorithms = { router = "src/route.py:route" }
[versions]
tool = "cat TOOL"
"""


def made(project: Project) -> None:
    """Make a project with something in every layer, committed, and record it once."""
    project.write("evalprov.toml", SETTINGS)
    project.write("prompts/plan.txt", "Plan.\n")
    project.write("conf/eval.json", '{"temperature": 0, "api_key": "k-first-0001", "max_tokens": 5}')
    project.write("data/golden.jsonl", '{"q": 1}\n')
    project.write("graders/exact.py", "def grade(a, b): return a == b\n")
    project.write("src/route.py", "def route(x):\n    return x\n")
    project.write("src/main.py", "print('{\"accuracy\": 0.5}')\n")
    project.write("TOOL", "1.0\n")
    project.write("docs/readme.md", "# Docs\n")
    project.commit_all()
    identity(project)


@pytest.fixture
def program(
    project: Project, made_once: Callable[[str, Callable[[Project], object]], Project], monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A copy of a project with something in every layer, trusted, and recorded once."""
    monkeypatch.setenv("EVALPROV_TRUST", "1")
    shutil.copytree(made_once("same program", made).path, project.path, dirs_exist_ok=True)
    return project


def first(program: Project) -> dict[str, Any]:
    """Return the identity of the program as it was made."""
    return program.records()[0]["identity"]  # type: ignore[no-any-return]


def identity(project: Project, *options: str, **how: Any) -> dict[str, Any]:
    """Record a run and return its identity."""
    before = {record["run_id"] for record in project.records()}
    done = project.run("python3", "src/main.py", options=options, **how)
    assert done.returncode == 0, done.stderr
    (record,) = [one for one in project.records() if one["run_id"] not in before]
    return record["identity"]  # type: ignore[no-any-return]


def replace(name: str, old: str, new: str) -> Callable[[Project], tuple[str, ...]]:
    """Return a change of a file."""

    def change(project: Project) -> tuple[str, ...]:
        text = (project.path / name).read_text()
        assert old in text
        project.write(name, text.replace(old, new))
        return ()

    return change


@pytest.mark.parametrize(
    ("layer", "change"),
    [
        ("prompts", replace("prompts/plan.txt", "Plan.", "Plan well.")),
        ("model", lambda _: ("--set", "model.temperature=0.7")),
        ("model", replace("evalprov.toml", "2024-08-06", "2024-11-20")),
        ("agent", replace("evalprov.toml", "planner", "critic")),
        ("config", replace("conf/eval.json", '"max_tokens": 5', '"max_tokens": 6')),
        ("code", replace("src/main.py", "0.5", "0.6")),
        ("code", replace("src/route.py", "return x", "return [x]")),
        ("data", replace("data/golden.jsonl", "1", "2")),
        ("data", replace("evalprov.toml", 'golden_version = "v1"', 'golden_version = "v2"')),
        ("grader", replace("graders/exact.py", "==", "!=")),
    ],
)
def test_one_change_is_one_layer(program: Project, layer: str, change: Callable[[Project], tuple[str, ...]]) -> None:
    """A real change of one thing changes the hash of its layer and of no other."""
    before = first(program)
    assert before["unknown"] == {}
    after = identity(program, *change(program))
    assert [name for name in before["layers"] if before["layers"][name] != after["layers"][name]] == [layer]
    assert before["fingerprint"] != after["fingerprint"]


def test_a_tools_version_is_in_the_fingerprint_where_it_was_asked_for(program: Project) -> None:
    """The declared command's answer counts; the file it comes from is out of the way here."""
    program.write(".gitignore", "TOOL\n")
    program.git("rm", "-q", "--cached", "TOOL")
    program.commit_all()
    before = identity(program)
    program.write("TOOL", "2.0\n")
    after = identity(program)
    assert [name for name in before["layers"] if before["layers"][name] != after["layers"][name]] == ["software"]
    assert before["program"] == after["program"]
    assert before["fingerprint"] != after["fingerprint"]


def test_dirty_and_committed_later_are_one_program(program: Project) -> None:
    """The same content has the same identity before and after its commit, and on another branch."""
    program.write("src/new.py", "x = 1\n")
    program.write("src/main.py", "print('{\"accuracy\": 0.9}')\n")
    dirty = identity(program)
    program.commit_all()
    clean = identity(program)
    program.git("checkout", "-q", "-b", "other")
    program.git("commit", "-q", "--allow-empty", "-m", "nothing")
    other = identity(program)
    assert dirty["fingerprint"] == clean["fingerprint"] == other["fingerprint"]
    assert dirty["layers"] == clean["layers"] == other["layers"]


def test_a_docs_only_commit_can_be_left_out(program: Project) -> None:
    """With [code] exclude, documentation is no part of the program; without it, it is."""
    plain = first(program)
    program.write("docs/readme.md", "# More\n")
    assert identity(program)["layers"]["code"] != plain["layers"]["code"]
    replace("evalprov.toml", "[code]", '[code]\nexclude = ["docs/**"]')(program)
    without = identity(program)
    program.write("docs/readme.md", "# Even more\n")
    program.write("docs/new.md", "# New\n")
    assert identity(program)["layers"] == without["layers"]
    replace("evalprov.toml", 'exclude = ["docs/**"]', 'include = ["src/**"]')(program)
    inside = identity(program)
    program.write("docs/newer.md", "# Newer\n")
    assert identity(program)["layers"] == inside["layers"]
    program.write("src/main.py", "print('{}')\n")
    assert identity(program)["layers"]["code"] != inside["layers"]["code"]


def test_a_rotated_key_is_the_same_program(program: Project) -> None:
    """Another key in the environment leaves every hash, in a config too; in a prompt it is another text, as for git."""
    before = identity(program, env={"OPENAI_API_KEY": "k-first-0001"})
    replace("conf/eval.json", "k-first-0001", "k-second-0002")(program)
    after = identity(program, env={"OPENAI_API_KEY": "k-second-0002"})
    assert before["layers"] == after["layers"]
    assert before["fingerprint"] == after["fingerprint"]
    hidden = identity(program)["layers"]["config"]
    assert hidden != after["layers"]["config"], "what only its name makes a key may be something else, and counts"
    assert hidden == identity(program)["layers"]["config"]
    program.write("prompts/plan.txt", "Use sk-proj-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01 to plan.\n")
    assert identity(program)["layers"]["prompts"] != before["layers"]["prompts"]


def test_what_only_looks_a_little_like_a_secret_counts_and_stands_in_clear(project: Project) -> None:
    """Two configs that differ in such a value differ in hash, and both values can be read."""
    values: dict[str, tuple[Any, Any]] = {
        "max_tokens": (512, 1024),
        "tokenizer": ("bpe-1", "bpe-2"),
        "author": ("ann", "bob"),
        "use_cls_token": (True, False),
        "dataset_id": ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"),
        "revision": ("a" * 40, "b" * 40),
    }
    plain = {key: one for key, (one, _) in values.items()}
    project.write("plain.json", json.dumps(plain))
    for key, (_, other) in values.items():
        project.write(f"{key}.json", json.dumps({**plain, key: other}))
    project.run("true", options=tuple(word for key in ("plain", *values) for word in ("--config", f"{key}.json")))
    files = project.record()["config"]["files"]
    assert files["plain.json"]["values"] == plain
    assert {key: files[f"{key}.json"]["values"][key] for key in values} == {
        key: two for key, (_, two) in values.items()
    }
    assert len({one["sha256"] for one in files.values()}) == 1 + len(values)


def test_nothing_of_the_repository_is_written(program: Project) -> None:
    """Every byte under .git and in the work tree is as it was, but for our own folder."""
    program.write("src/main.py", "print('changed')\n")
    program.write("untracked.txt", "x\n")

    def everything() -> dict[str, bytes]:
        files = (file for file in program.path.rglob("*") if file.is_file())
        inside = ((str(file.relative_to(program.path)), file) for file in files)
        return {name: file.read_bytes() for name, file in inside if not name.startswith("metrics/")}

    before = everything()
    program.run("true")
    assert everything() == before


def test_two_evals_in_two_folders_are_two_programs(program: Project) -> None:
    """The same command in another folder of the project runs something else."""
    for name in "ab":
        program.write(f"evals/{name}/run.py", "print('{\"accuracy\": 0.5}')\n")
    program.commit_all()
    seen = []
    for name in "ab":
        done = program.run("python3", "run.py", cwd=f"evals/{name}")
        assert done.returncode == 0, done.stderr
        seen.append(program.history()[-1]["identity"])
    assert [layer for layer in seen[0]["layers"] if seen[0]["layers"][layer] != seen[1]["layers"][layer]] == ["config"]
    assert seen[0]["fingerprint"] != seen[1]["fingerprint"]


def test_another_checkout_is_the_same_program(program: Project, tmp_path: Path) -> None:
    """Paths inside the project count from its root, however they are written and wherever the checkout lies."""
    seen = []
    for name in ("here", "some where else"):
        program.git("clone", "-q", ".", str(tmp_path / name))
        copy = Project(tmp_path / name)
        script, option = copy.path / "src" / "main.py", f"--out={copy.path}/conf"
        done = copy.run("python3", str(script), option, f"file://{copy.path}/data", str(copy.path))
        assert done.returncode == 0, done.stderr
        seen.append(copy.record())
    assert seen[0]["config"]["arguments"] == ["src/main.py", "--out=conf", "file://data", "."]
    assert seen[0]["config"] == seen[1]["config"]
    assert seen[0]["identity"]["fingerprint"] == seen[1]["identity"]["fingerprint"]


def test_a_program_is_named_wherever_it_is_installed(program: Project) -> None:
    """A program of the system counts by its name, one of the project by its place, a Python not at all."""
    program.write("run.sh", "#!/bin/sh\n", mode=0o755)
    named = []
    for words in (("/usr/bin/env", "true"), ("env", "true"), ("./run.sh",), ("python3", "-V")):
        program.run(*words)
        named.append(program.history()[-1]["config"]["program"])
    assert named == ["env", "env", "run.sh", None]

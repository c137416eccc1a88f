"""`evalprov init` and `evalprov doctor`: settings that fit, and order after a crash."""

from __future__ import annotations

import json
import os
import tomllib

from conftest import Project


def test_init_names_what_the_repository_has(project: Project) -> None:
    """Configs, prompts and data are found; the file loads, and a run with it works."""
    for name in (
        "config/eval.yaml",
        "prompts/plan.txt",
        "prompts/judge.md",
        "system_prompt.md",
        "prompt_config.yaml",
        "data/golden.jsonl",
        "src/app.py",
        "uv.lock",
    ):
        project.write(name, "{}\n")
    project.write("node_modules/x/config/eval.yaml", "a: 1\n")
    project.commit_all()
    done = project.evalprov("init", "--scenario", "support", cwd="src")
    assert done.returncode == 0, done.stderr
    settings = tomllib.loads((project.path / "evalprov.toml").read_text())
    assert settings["scenario"] == "support"
    assert settings["config"]["files"] == ["prompt_config.yaml", "config/eval.yaml"]
    prompts = {"plan": "prompts/plan.txt", "judge": "prompts/judge.md", "system_prompt": "system_prompt.md"}
    assert settings["prompts"] == prompts
    assert settings["data"] == {"golden": "data/golden.jsonl"}
    assert project.run("true").returncode == 0
    record = project.record()
    assert set(record["prompts"]) == prompts.keys()
    assert record["data"]["sets"]["golden"]["sha256"]
    assert record["scenario"] == "support"


def test_init_writes_the_guessed_directions_for_a_person_to_confirm(project: Project) -> None:
    """Each metric whose name is no proof stands in a comment; taken out of it, the lines are settings that count."""
    project.run("sh", "-c", """echo '{"accuracy": 0.5, "answer.quality": 0.7, "zorks": 3, "cost_usd": 0.1}'""")
    assert project.evalprov("init").returncode == 0
    text = (project.path / "evalprov.toml").read_text()
    _, _, guesses = text.partition("# Which way is better: take the # away where it is so.\n")
    assert guesses == (
        '# [metrics."answer.quality"]\n# direction = "higher"  # guessed from its name\n'
        '# [metrics.zorks]\n# direction = "..."  # its name does not tell: higher or lower\n'
    )
    assert "metrics" not in tomllib.loads(text)
    said = tomllib.loads(guesses.replace("# [", "[").replace("# direction", "direction").replace("...", "lower"))
    assert said["metrics"] == {"answer.quality": {"direction": "higher"}, "zorks": {"direction": "lower"}}


def test_init_never_overwrites(project: Project) -> None:
    """A second init, or one beside settings in pyproject.toml, is exit 2 and changes nothing."""
    assert project.evalprov("init").returncode == 0
    before = (project.path / "evalprov.toml").read_bytes()
    again = project.evalprov("init", "--scenario", "other")
    assert again.returncode == 2
    assert b"evalprov.toml" in again.stderr
    assert (project.path / "evalprov.toml").read_bytes() == before
    (project.path / "evalprov.toml").unlink()
    project.write("pyproject.toml", "[tool.evalprov]\nscenario = 'x'\n")
    assert project.evalprov("init").returncode == 2
    assert not (project.path / "evalprov.toml").exists()


def test_init_from_a_run_declares_all_that_it_used(project: Project) -> None:
    """A run made by options and seen to read more leaves settings under which the bare command is the same program."""
    for name in ("prompts/plan.txt", "extra.local", "gone.jsonl", "eval.json"):
        project.write(name, "{}\n")
    project.write(".gitignore", "*.local\nmetrics/\nevalprov.toml\n")
    project.write("main.py", "open('extra.local').read()\n")
    project.commit_all()
    options = ["--observe", "auto", "--scenario", "mails", "--prompt", "plan=prompts/plan.txt@v2"]
    options += ["--data", "old=gone.jsonl", "--config", "eval.json", "--set", "model.temperature=0.2"]
    options += ["--set", "model.extra.region=eu", "--set", 'tools=[{name="search"}]']
    assert project.run("python3", "main.py", options=options).returncode == 0
    (project.path / "gone.jsonl").unlink()
    done = project.evalprov("init", "--from", "latest")
    assert done.returncode == 0, done.stderr
    assert b"gone.jsonl is not here any more" in done.stderr
    text = (project.path / "evalprov.toml").read_text()
    assert tomllib.loads(text) == {
        "scenario": "mails",
        "prompts": {"plan": {"path": "prompts/plan.txt", "version": "v2"}},
        "data": {"extra": "extra.local"},
        "config": {"files": ["eval.json"]},
        "model": {"temperature": 0.2, "extra": {"region": "eu"}},
    }
    assert "its record lacks the value: tools\n" in text
    project.run("python3", "main.py")
    before, after = project.records()
    for layer in ("prompts", "model", "config"):
        assert before["identity"]["layers"][layer] == after["identity"]["layers"][layer], layer
    assert after["data"]["sets"]["extra"]["sha256"]
    again = project.evalprov("init", "--from", "latest")
    assert again.returncode == 2
    assert b"evalprov inputs latest --write adds to it what that run used; nothing was written" in again.stderr
    assert (project.path / "evalprov.toml").read_text() == text


def test_doctor_mends_the_history_from_the_manifests(project: Project) -> None:
    """A missing line, a torn line and a leftover temporary file are found, named and mended; then all is in order."""
    for _ in range(3):
        project.run("true")
    expected = project.history()
    file = project.path / "metrics" / "eval_history.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2] + lines[1][:40])
    (project.path / "metrics" / "runs" / f".tmp-{os.getpid() + 10_000_000}-abc").write_text("x")
    seen = project.evalprov("history")
    assert len(seen.stdout.splitlines()) == 3
    assert seen.stderr
    done = project.evalprov("doctor")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) >= 3
    by_id = {line["run_id"]: line for line in project.history()}
    assert by_id == {line["run_id"]: line for line in expected}
    assert project.evalprov("doctor").stdout == b"all in order\n"


def test_rebuild_makes_the_history_anew(project: Project) -> None:
    """With the history gone, --rebuild has every line again, in order."""
    for _ in range(3):
        project.run("true")
    expected = project.history()
    (project.path / "metrics" / "eval_history.jsonl").unlink()
    done = project.evalprov("doctor", "--rebuild", "--json")
    assert json.loads(done.stdout)["actions"]
    assert project.history() == expected


def test_a_reader_that_goes_away_is_no_error(project: Project) -> None:
    """`evalprov history | head -1` ends quietly."""
    import subprocess
    import sys

    for _ in range(3):
        project.run("true")
    line = f"{sys.executable} -m evalprov history --json | head -c 1; true"
    done = subprocess.run(["bash", "-c", line], cwd=project.path, capture_output=True)
    assert done.stdout == b"{"
    assert done.stderr == b""


def test_every_command_has_help_with_an_example(project: Project) -> None:
    """--help of each command shows an example that begins with its name."""
    for command in ("run", "show", "history", "init", "doctor", "audit"):
        done = project.evalprov(command, "--help")
        assert done.returncode == 0
        assert f"evalprov {command}" in done.stdout.decode().split("\nexample", 1)[1], command

"""The README and the pages of `evalprov help` are executed: every command, against the output it shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
import yaml
from conftest import Project

from evalprov.cli.help import TOPICS

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()
PAGES = "\n".join((TOP / "evalprov" / file).read_text() for file, _ in TOPICS.values())

# What differs from run to run, on both sides of the comparison.
VOLATILE = (
    (re.compile(r"\d{8}T\d{6}Z(_\d+)?"), "<run>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)?m?s\b"), "<took>"),
    (re.compile(r"[0-9a-f]{64}"), "<sha256>"),
    (re.compile(r"\b[0-9a-f]{7}(?:[0-9a-f]{5})?\b"), "<commit>"),
)


class Step(NamedTuple):
    """A command of the README, and the output shown for it."""

    command: str
    shown: str
    on_terminal: bool


def steps_shown() -> Iterator[Step]:
    """Yield the commands of README and help pages in their order; one that is marked shows what a terminal shows."""
    for terminal, block in re.findall(r"```console( terminal)?\n(.*?)```", README + PAGES, flags=re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            yield Step(*step.split("\n", 1), on_terminal=bool(terminal))


def plain(text: str) -> str:
    """Return output with what is volatile named instead."""
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text.strip()


def fits(shown: str, seen: str) -> bool:
    """Say whether the output is the one shown, where `...` on a line of its own stands for any lines."""
    parts = [re.escape(part) for part in plain(shown).split("\n...")]
    return re.fullmatch(r"(\n.*)*".join(parts), plain(seen)) is not None


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `evalprov` and `python` are the ones under test."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, module in (("evalprov", "-m evalprov "), ("python", "")):
        script = tools / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


def demo(tmp_path: Path) -> Path:
    """Return a copy of the demo, committed, as a user's project would be."""
    project = tmp_path / "demo"
    shutil.copytree(TOP / "fixtures" / "demo", project, ignore=shutil.ignore_patterns("metrics"))
    for words in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "Ada"],
        ["add", "-A"],
        ["commit", "-qm", "the eval"],
    ):
        subprocess.run(["git", *words], cwd=project, check=True)
    return project


def piped(command: str, folder: Path, shell: dict[str, str]) -> str:
    """Return what a command line says into a pipe."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=shell, text=True, **both).stdout


def seen_on_terminal(command: str, folder: Path, shell: dict[str, str]) -> str:
    """Return what a person sees of an evalprov command line on a terminal of 80 columns, blank lines aside."""
    seen = Project(folder).on_terminal(*command.removeprefix("evalprov ").split(), env=shell | {"NO_COLOR": "1"})
    lines = re.sub(r"\x1b\[\d*m", "", seen).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())


def test_every_command_of_the_readme_does_what_it_shows(tmp_path: Path, shell: dict[str, str]) -> None:
    """Run from top to bottom in a copy of the demo, each command prints what the README says."""
    project = demo(tmp_path)
    steps = list(steps_shown())
    assert len(steps) > 8
    for command, shown, on_terminal in steps:
        if re.search(r"\bjq\b", command) and not shutil.which("jq"):
            continue
        if command.startswith("evalprov run"):
            time.sleep(1.01 - time.time() % 1)  # so that ids tell the order without a suffix
        seen = seen_on_terminal(command, project, shell) if on_terminal else piped(command, project, shell)
        assert fits(shown, seen), f"$ {command}\n{seen}\n-- the README shows --\n{shown}"


def test_the_demo_shows_what_the_readme_shows(tmp_path: Path, shell: dict[str, str]) -> None:
    """Into a pipe, as into a CI system's log, it prints what a terminal of 80 columns shows, without colours."""
    project = demo(tmp_path)
    done = subprocess.run(
        [sys.executable, "demo.py"],
        cwd=project,
        env=shell | {"TERM": "xterm-256color", "COLUMNS": "20"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in done.stdout
    lines = "\n".join(line.rstrip() for line in done.stdout.splitlines() if line.strip())
    seen = dict(part.split("\n", 1) for part in re.split(r"^\$ ", lines, flags=re.MULTILINE)[1:])
    first = [step for step in steps_shown() if step.command in seen][:3]
    assert [step.command for step in first] == [command for command in seen if command != "evalprov history"]
    for command, shown, _ in first:
        assert fits(shown, seen[command]), f"$ {command}\n{seen[command]}\n-- the README shows --\n{shown}"
    assert "--config candidate.json" in seen["evalprov history"]


def test_the_ci_example_stops_a_regression(tmp_path: Path, shell: dict[str, str]) -> None:
    """Its steps, run in order against a committed baseline, tell the reviewers and fail the job."""
    project = demo(tmp_path)
    for command in (
        "evalprov run -- python my_eval.py --config baseline.json",
        "evalprov baseline set main latest --reason r && git add metrics && git commit -qm baseline && git clean -fdxq",
    ):
        subprocess.run(["bash", "-c", command], cwd=project, env=shell, check=True, capture_output=True)
    assert not (project / "metrics" / "runs").exists(), "CI starts from what is committed"
    (block,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    steps = [step["run"] for step in yaml.safe_load(block)["jobs"]["eval"]["steps"] if "run" in step]
    summary = tmp_path / "summary.md"
    codes = {}
    for step in steps:
        if step.startswith("evalprov"):
            env = {**shell, "GITHUB_STEP_SUMMARY": str(summary)}
            codes[step.split()[1]] = subprocess.run(["bash", "-e", "-c", step], cwd=project, env=env).returncode
    assert codes == {"run": 0, "diff": 0, "gate": 1}
    assert "accuracy is worse for real" in summary.read_text()
    assert ET.parse(project / "gate.xml").getroot().find(".//failure") is not None


def test_the_two_first_commands_exist() -> None:
    """`make demo` and `make test` are targets, and `make` alone lists them."""
    done = subprocess.run(["make"], cwd=TOP, capture_output=True, text=True, check=True)
    for target in ("demo", "test", "check", "bench"):
        assert f"make {target}" in done.stdout
    for target in ("make demo", "make test"):
        assert target in README


def test_the_settings_shown_are_valid(tmp_path: Path) -> None:
    """Each settings example of the pages loads, and together they name every key there is."""
    from evalprov import settings

    page = (TOP / "evalprov" / "settings" / "README.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", README + page, flags=re.DOTALL)
    assert len(blocks) > 1
    for number, block in enumerate(blocks):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / settings.FILE).write_text(block)
        settings.load(str(folder))
    text = "\n".join(blocks)
    for key, shape in settings.SHAPE.items():
        assert re.search(rf"^{key} =|^\[\[?{key}[].]", text, flags=re.MULTILINE), key
        for inner in shape if isinstance(shape, dict) else ():
            assert re.search(rf"\b{inner} =|^\[{key}\.{inner}\]", text, flags=re.MULTILINE), f"{key}.{inner}"


def test_every_option_and_command_is_in_the_readme() -> None:
    """What the command line takes, the README names."""
    from evalprov.cli.run import COMMAND

    for option in COMMAND.options:
        assert f"`{option.flag}" in README, option.flag
    listed = subprocess.run(
        [sys.executable, "-m", "evalprov", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in ("run", "diff", "gate", "baseline", "noise", "history", "show", "audit", "init", "doctor"):
        assert command in listed
        assert f"`evalprov {command}" in README


def test_the_python_example_runs(tmp_path: Path, shell: dict[str, str]) -> None:
    """The builder's example runs by itself, and its facts reach a surrounding run."""
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "example.py").write_text(block)
    alone = subprocess.run(
        ["python", "example.py"], cwd=tmp_path, env=shell, capture_output=True, text=True, check=True
    )
    assert alone.stdout.startswith("sha256:")
    subprocess.run(
        ["evalprov", "run", "--", "python", "example.py"], cwd=tmp_path, env=shell, check=True, capture_output=True
    )
    (record,) = (json.loads(file.read_text()) for file in (tmp_path / "metrics" / "runs").glob("*.json"))
    assert record["identity"]["builder"] == alone.stdout.split()[0]
    assert record["scenario"] == "support-tickets"
    assert record["model_config"]["model"] == "claude-sonnet-4-6"
    assert record["config"]["reported"]["max_iterations"] == 10
    assert record["code"]["algorithms"]["orchestrator"]["name"] == "fanout_critic"
    assert record["metrics"] == {"support-tickets": {"accuracy": 0.74}}

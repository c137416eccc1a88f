"""The text of a run's prompts, proven to be what the run had, or named as not to be had."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bringing import called
from conftest import Project

REPORT = "print('{\"accuracy\": 0.5}')\n"
TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"


@pytest.fixture
def prompted(project: Project) -> Project:
    """A run of four prompts, after which the files have changed."""
    project.write(
        "evalprov.toml",
        '[prompts]\nplan = "prompts/plan.txt"\n"a/b: c" = "prompts/b.md"\n'
        'cache = "ignored.txt"\nkey = "prompts/key.txt"\n',
    )
    project.write(".gitignore", "ignored.txt\n")
    project.write("eval.py", REPORT)
    project.write("prompts/plan.txt", "Be brief.\n")
    project.write("prompts/b.md", "not committed yet\n")
    project.write("prompts/key.txt", f"Use {TOKEN} to ask.\n")
    project.write("ignored.txt", "from elsewhere\n")
    project.commit_all()
    project.write("prompts/b.md", "dirty when it ran\n")
    assert project.run("python3", "eval.py").returncode == 0
    project.write("prompts/b.md", "another\n")
    project.write("prompts/plan.txt", "Be VERY brief.\n")
    project.commit_all()
    return project


def parts(project: Project, target: str) -> tuple[dict[str, Any], str]:
    """Return what would be sent, by part, and what is said beside it."""
    code, out, err = called(project, "export", "latest", "--to", target, "--prompts", "--dry-run", "--json")
    assert code == 0, err
    return json.loads(out)["runs"][0]["parts"], err


@pytest.mark.parametrize(("target", "folder"), [("mlflow", "evalprov/prompts"), ("wandb", "prompts")])
def test_prompts_are_handed_over_as_the_run_had_them(prompted: Project, target: str, folder: str) -> None:
    """The texts are those of the run, from its commit, from what was kept of it, or from where they lie unchanged."""
    sent, said = parts(prompted, target)
    texts = {name.removeprefix(f"{folder}/"): text for name, text in sent.items() if name.startswith(f"{folder}/")}
    assert texts == {"plan.txt": "Be brief.\n", "a_b__c.md": "dirty when it ran\n", "cache.txt": "from elsewhere\n"}
    assert "prompt key is not handed over: it holds what looks like a secret" in said
    assert TOKEN not in said + json.dumps(sent)


def test_a_text_that_is_gone_is_named(prompted: Project) -> None:
    """A prompt that git does not have and that is another by now is not handed over, and the reason is said."""
    prompted.write("ignored.txt", "another by now\n")
    sent, said = parts(prompted, "mlflow")
    assert not any("cache" in name for name in sent)
    assert "prompt cache is not handed over: git does not have it" in said


def test_a_target_without_a_place_for_texts_says_so(prompted: Project) -> None:
    """Nothing is sent where the texts would be left out in silence."""
    code, _, err = called(prompted, "export", "latest", "--to", "csv", "--prompts")
    assert code == 2
    assert "csv has no place for the prompts' text\n  mlflow and wandb have one" in err

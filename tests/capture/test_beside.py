"""Sources that git does not show."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of, settled
from environments import install, make_venv, site_of
from gitrepos import Repo

from evalprov.capture.code import beside
from evalprov.capture.collector import Absent, Findings
from evalprov.capture.software import software

if TYPE_CHECKING:
    from pathlib import Path

IGNORED = (
    "helper.py\n*.local.yaml\nhidden/\n.venv/\nnode_modules/\nbuild/\n*.log\nresults.json\nconf*.json\n.env\nmetrics/\n"
)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository that ignores some of what is in it."""
    repo = Repo(tmp_path / "project")
    repo.write("eval.py")
    repo.write("conf/base.yaml")
    repo.write(".gitignore", IGNORED)
    repo.commit()
    return repo


def look(repo: Repo, *, cwd: str = ".", **environ: str) -> Findings:
    """Run the collector and what it left for later."""
    return settled(beside.collect, context_at(repo, cwd, **environ))


def context_at(repo: Repo, cwd: str = ".", **environ: str) -> Any:
    """Return the context of a run in a folder of the repository."""
    from pathlib import Path

    root = Path(repo.path)
    variables = {"PATH": os.environ["PATH"], **environ}
    return context_of(root, ("python", "eval.py"), cwd=(root / cwd).resolve(), environ=variables)


def files(found: Findings) -> dict[str, str]:
    """Return what lies beside the program."""
    told: dict[str, str] = found.facts["code"]["beside"]
    return told


def sha256(text: str) -> str:
    """Return a text's hash as the record has it."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_ignored_sources_are_hashed(repo: Repo) -> None:
    """Ignored modules and settings count by their bytes; outputs, caches, environments and what is tracked do not."""
    for name in ("helper.py", "conf/x.local.yaml", "hidden/deep/plan.py", "config.json"):
        repo.write(name, f"# {name}\n")
    for name in (
        *("run.log", "results.json", "hidden/data.json", "hidden/__pycache__/plan.py", "build/made.py"),
        *("node_modules/x/index.js", ".venv/lib/x.py", "metrics/objects/x.py", "hidden/env1/pyvenv.cfg"),
        "hidden/env1/x.py",
    ):
        repo.write(name)
    found = look(repo)
    names = ("conf/x.local.yaml", "config.json", "helper.py", "hidden/deep/plan.py")
    assert files(found) == {name: sha256(f"# {name}\n") for name in names}
    assert found.reason is None


def test_a_project_that_git_ignores_is_all_hidden(repo: Repo, tmp_path: Path) -> None:
    """Below an ignored folder every source counts, and of one beside it none does."""
    for name in ("hidden/inner/eval.py", "hidden/inner/sub/plan.py", "hidden/other.py"):
        repo.write(name, f"# {name}\n")
    root = tmp_path / "project" / "hidden" / "inner"
    found = settled(beside.collect, context_of(root, ("python", "eval.py"), environ={"PATH": os.environ["PATH"]}))
    assert files(found) == {f"./{name}": sha256(f"# hidden/inner/{name}\n") for name in ("eval.py", "sub/plan.py")}


def test_nothing_is_hidden(repo: Repo) -> None:
    """Where git hides no sources that is said as a finding."""
    repo.write("run.log")
    with pytest.raises(Absent):
        collected(beside.collect, context_at(repo))


def test_modules_from_outside(repo: Repo, tmp_path: Path) -> None:
    """Modules on PYTHONPATH outside the repository are named the same on every machine; packages there are not code."""
    for name in ("outside/helper.py", "outside/sub/more.py", "outside/notes.txt", "project/lib/in_tree.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    install(tmp_path / "target", "installed", "1.0")
    (tmp_path / "target/installed.py").write_text("")
    found = look(repo, PYTHONPATH=f"lib:../outside:{tmp_path}/target:/no/such/folder")
    assert files(found) == {
        "PYTHONPATH[1]/helper.py": sha256("# outside/helper.py\n"),
        "PYTHONPATH[1]/sub/more.py": sha256("# outside/sub/more.py\n"),
    }


def test_folders_that_a_pth_file_adds(repo: Repo, tmp_path: Path) -> None:
    """A folder that only the environment knows of is code from outside as well."""
    venv = make_venv(tmp_path / "v")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/tool.py").write_text("A = 1\n")
    (site_of(venv) / "shared.pth").write_text(f"{tmp_path}/shared\n")
    context = context_at(repo)._replace(argv=(str(venv / "bin/python"), "eval.py"))
    assert files(settled(software.collect, context)) == {".pth[0]/tool.py": sha256("A = 1\n")}


def test_dotenv_files_count_by_their_variables(repo: Repo) -> None:
    """Order, comments and secrets of a .env file do not count, every other value does; each folder has its own."""
    one = "# mine\nMODE=fast\nexport OPENAI_API_KEY=sk-proj-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
    two = "OPENAI_API_KEY='sk-proj-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'\nMODE=\"fast\" # as ever\n"
    hashes = []
    for text in (one, two, one.replace("fast", "slow")):
        repo.write(".env", text)
        repo.write("sub/.env.local", "A=1\n")
        repo.write("sub/.env.example", "A=\n")
        found = look(repo, cwd="sub")
        assert set(files(found)) == {".env", "sub/.env.local"}
        hashes.append(files(found)[".env"])
        assert "sk-proj" not in json.dumps([found.facts, found.reason])
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_dotenv_that_is_a_pipe(repo: Repo) -> None:
    """A pipe, as password managers put one there, is not opened, and said to be unread."""
    os.mkfifo(os.path.join(repo.path, ".env"))
    found = look(repo)
    assert files(found) == {}
    assert found.reason == ".env: not a regular file, not read"


def test_what_another_layer_has(repo: Repo) -> None:
    """An ignored file that the command names as its configuration is no code."""
    repo.write("config.json", "{}")
    repo.write("helper.py")
    context = context_at(repo)._replace(argv=("python", "eval.py", "--config", "config.json"))
    assert set(files(settled(beside.collect, context))) == {"helper.py"}


def test_too_much_is_said(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bounds there is a reason, so that the layer is not called proven."""
    monkeypatch.setattr(beside, "SCANNED", 3)
    for number in range(5):
        repo.write(f"hidden/{number}.bin")
    found = look(repo)
    assert found.reason is not None
    assert found.reason.startswith("hidden/: more than is read")


def test_without_git(tmp_path: Path) -> None:
    """Where git cannot say what it ignores, the reason is there."""
    found = settled(beside.collect, context_of(tmp_path, environ={"PATH": os.environ["PATH"]}))
    assert "git did not say what it ignores" in (found.reason or "")


def test_until_it_is_read_the_reason_stands(repo: Repo) -> None:
    """A run that is killed before the sources were read does not claim that there are none."""
    repo.write("helper.py")
    found = collected(beside.collect, context_at(repo))
    assert "beside" not in found.facts.get("code", {})
    assert found.reason == "sources that git does not show were not read to the end"

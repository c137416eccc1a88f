"""What the first line of a diff claims and what is true: one change of a program a row, two runs and a comparison each.

The eval of these rows reads whatever a row changes, and its score falls as soon as anything it reads is another.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

EVAL = """\
import hashlib, json, os, resource, sys
from pathlib import Path
import helper
import fakepkg
PROMPT_IN_CODE = "answer briefly"
here = Path(__file__).resolve().parent
world = Path(os.environ["WORLD"])

def value(name):
    try:
        return getattr(__import__(name), "VALUE", None)
    except ModuleNotFoundError:
        return None

def text(path):
    return path.read_text() if path.exists() else None

reached = value("reach")
words = [w for w in sys.argv[1:] if not w.startswith(("--run-name", "--out"))]
read = [PROMPT_IN_CODE, words, helper.VALUE, fakepkg.VALUE, value("edited"), value("ignored_helper"), value("outside")]
read += [value("hacked_module"), value("added"), reached, os.path.relpath(os.getcwd(), here)]
for name in ("prompts/plan.txt", "prompts/other.txt", "conf.yaml", "grader.py", "data/rows.jsonl", "data/plain.jsonl",
             "data/ignored.jsonl", "data/tracked.jsonl", ".env", "link", "memory.json", "sub/module.py", "tool.json",
             "graph.json"):
    read.append(text(here / name))
read.append([sorted(json.loads(row)["id"] for row in (text(here / "data/rows.jsonl") or "").splitlines())])
for name in ("KNOB", "LANG", "PYTHONHASHSEED", "OPENAI_MODEL", "EVAL_MODEL"):
    read.append(os.environ.get(name))
cache = os.environ.get("HF_HOME")
read.append(text(Path(cache, "hub/models--m/refs/main")) if cache else None)
read += [len(os.sched_getaffinity(0)), resource.getrlimit(resource.RLIMIT_NOFILE)[0], text(world / "served")]
read.append(sys.stdin.read() if os.environ.get("STDIN") else None)
digest = hashlib.sha256(repr(read).encode()).hexdigest()
base = world / "base"
if not base.exists():
    base.write_text(digest)
right = 30 if base.read_text() == digest else 8
(world / "read").write_text(json.dumps([repr(one) for one in read]))
if text(world / "crash"):
    sys.exit("crashed")
report = {"metrics": {f"s{i}": {"correct": i < right} for i in range(40)}}
if text(world / "tell-model"):
    report["observed_model"] = {"model": text(world / "served") or "m-1", "system_fingerprint": "fp"}
    report["model_config"] = {"provider": "p", "model": "m-1"}
for word in sys.argv[1:]:
    if word.startswith("--out="):
        Path(word[6:]).write_text(json.dumps(right))
if text(world / "remember"):
    (here / "memory.json").write_text((text(here / "memory.json") or "") + "more")
edit = text(world / "edit-meanwhile")
if edit:
    (here / edit).write_text((here / edit).read_text() + "\\n# later\\n")
print(json.dumps(report))
"""
SETTINGS = """\
scenario = "truth"
golden_version = "g1"
[prompts]
plan = "prompts/plan.txt"
[model]
provider = "p"
model = "m-1"
temperature = 0.0
[config]
files = ["conf.yaml"]
[data]
rows = "data/rows.jsonl"
[agent]
name = "planner"
graph = "graph.json"
[[tools]]
name = "search"
description = "searches"
schema = "tool.json"
[grader]
files = ["grader.py"]
"""
ROWS = "".join(json.dumps({"id": i}) + "\n" for i in range(9))
POINTER = "outs:\n- md5: {}\n  size: 5\n  hash: md5\n  path: rows.jsonl\n"
LEVERS = {
    "retriever": "data",
    "data set": "data",
    "golden version": "data",
    "reported data": "data",
    "served model": "model",
    "undeclared inputs": "used",
    "modules": "used",
}


class World:
    """One project with its interpreter, and how its eval is started."""

    def __init__(self, folder: Path, *, declared: bool, observe: str = "project") -> None:
        self.folder = folder
        self.observe = observe
        self.repo = folder / "repo"
        self.venv = folder / "venv"
        self.packages = next((self.venv / "lib").glob("python*")) / "site-packages"
        self.declared = declared
        self.argv = [str(self.venv / "bin/python"), "eval.py", "--config", "conf.yaml"]
        self.env: dict[str, str] = {"LANG": "C.UTF-8"}
        self.cwd = "."
        self.stdin: Path | None = None
        self.cpus: set[int] | None = None
        self.files: int | None = None

    def write(self, name: str, text: str) -> None:
        """Write a file of the repository."""
        file = self.repo / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def outside(self, name: str, text: str) -> None:
        """Write a file outside the repository."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def sub(self, name: str, old: str, new: str) -> None:
        """Change a part of a file of the repository."""
        before = (self.repo / name).read_text()
        assert old in before
        self.write(name, before.replace(old, new))

    def git(self, *words: str) -> None:
        """Run git in the repository."""
        git(self.repo, *words)

    def commit(self) -> None:
        """Commit all."""
        self.git("add", "-A")
        self.git("commit", "-qm", "more", "--allow-empty")

    def install(self, name: str, version: str, text: str, *, record: bool = True) -> None:
        """Install a package as pip would leave it."""
        import base64
        import hashlib

        for old in self.packages.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        (self.packages / f"{name}.py").write_text(text)
        info = self.packages / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        line = f"{name}.py,sha256={digest},{len(text)}\n" if record else ""
        (info / "RECORD").write_text(f"{line}{info.name}/METADATA,,\n{info.name}/RECORD,,\n")

    def editable(self, name: str, folder: Path) -> None:
        """Install a package from a folder, as pip's editable installs do."""
        (self.packages / f"__editable__.{name}.pth").write_text(f"{folder}\n")
        info = self.packages / f"{name}-0.1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n\n")
        (info / "RECORD").write_text(f"__editable__.{name}.pth,,\n{info.name}/RECORD,,\n")
        direct = {"url": f"file://{folder}", "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(direct))

    def run(self) -> list[str]:
        """Record one run; return what its eval read."""
        base = self.folder / "base"
        if not base.exists():
            # What the score is held against is no input that differs: it is there before both runs.
            with tempfile.TemporaryDirectory(prefix="truth-first-") as name:
                copy = Path(name, "world")
                shutil.copytree(self.folder, copy, symlinks=True)
                self._start(copy)
                shutil.copy(copy / "base", base)
        ours = (sys.executable, "-m", "evalprov", "run", "--quiet", "--observe", self.observe, "--")
        done = self._start(self.folder, *ours)
        assert done.returncode != 125, done.stderr
        read: list[str] = json.loads((self.folder / "read").read_text())
        return read

    def _start(self, folder: Path, *ours: str) -> subprocess.CompletedProcess[bytes]:

        def limits() -> None:
            if self.cpus:
                os.sched_setaffinity(0, self.cpus)
            if self.files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

        # No more than what every program needs: the machine's own variables are not these rows' business.
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", **self.env}
        with (self.stdin or Path(os.devnull)).open("rb") as stdin:
            return subprocess.run(
                [*ours, *self.argv],
                cwd=folder / "repo" / self.cwd,
                env={**environ, "WORLD": str(folder)},
                stdin=stdin,
                capture_output=True,
                timeout=120,
                preexec_fn=limits,
            )

    def diff(self) -> dict[str, Any]:
        """Compare the last two runs."""
        done = subprocess.run(
            [sys.executable, "-m", "evalprov", "diff", "latest~1", "latest", "--json"],
            cwd=self.repo,
            env={**os.environ},
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def git(folder: Path, *words: str) -> None:
    """Run git, whoever we are."""
    who = (
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@t",
        "-c",
        "protocol.file.allow=always",
        "-c",
        "commit.gpgsign=false",
    )
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


Edit = Callable[[World], object]


Causes = tuple[frozenset[str], ...]  # each by the layers in which it may rightly be seen


class Row(NamedTuple):
    """One change of a program."""

    name: str
    truth: Causes  # in what the eval uses
    edit: Edit
    prepare: Edit = lambda _: None
    idle: frozenset[str] = frozenset()  # layers that differ in what the eval does not use


def row(name: str, truth: str, edit: Edit, prepare: Edit = lambda _: None, idle: str = "") -> Row:
    """Make a row; the truth is one word a cause, with a bar between layers that may both be its home."""
    return Row(
        name, tuple(frozenset(word.split("|")) for word in truth.split()), edit, prepare, frozenset(idle.split())
    )


def both(*edits: Edit) -> Edit:
    """Return edits one after the other."""
    return lambda world: [edit(world) for edit in edits]


def write(name: str, text: str) -> Edit:
    """Return an edit that writes a file of the repository."""
    return lambda world: world.write(name, text)


def outside(name: str, text: str) -> Edit:
    """Return an edit that writes a file outside the repository."""
    return lambda world: world.outside(name, text)


def sub(name: str, old: str, new: str) -> Edit:
    """Return an edit of a part of a file."""
    return lambda world: world.sub(name, old, new)


def env(**values: str) -> Edit:
    """Return an edit of the environment."""
    return lambda world: world.env.update(values)


def argv(*words: str) -> Edit:
    """Return an edit that adds words to the command."""
    return lambda world: world.argv.extend(words)


def command(*words: str) -> Edit:
    """Return an edit that puts another command in place, in which {python} is the interpreter."""
    return lambda world: setattr(world, "argv", [one.format(python=world.venv / "bin/python") for one in words])


def on_path(world: World) -> None:
    """Put the folder of outside modules on the module path."""
    world.env["PYTHONPATH"] = str(world.folder / "outer")
    world.outside("outer/outside.py", "VALUE = 1\n")


def editable(world: World) -> None:
    """Use a package from a folder outside the repository, under git."""
    folder = world.folder / "lib"
    world.outside("lib/edited.py", "VALUE = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "lib")
    world.editable("edited", folder)


def pth(world: World) -> None:
    """Add a folder of modules by a .pth file."""
    world.outside("extra/added.py", "VALUE = 1\n")
    (world.packages / "extra.pth").write_text(f"{world.folder / 'extra'}\n")


def cache(world: World) -> None:
    """Keep a model in a cache."""
    world.env["HF_HOME"] = str(world.folder / "hf")
    world.outside("hf/hub/models--m/refs/main", "1" * 40)


def submodule(world: World) -> None:
    """Take in another repository as a submodule."""
    inner = world.folder / "inner"
    world.outside("inner/module.py", "VALUE = 1\n")
    git(inner, "init", "-q")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "inner")
    world.git("submodule", "add", "-q", str(inner), "sub")
    world.commit()


def move_submodule(world: World) -> None:
    """Bring the submodule to another commit."""
    (world.repo / "sub/module.py").write_text("VALUE = 2\n")
    git(world.repo / "sub", "commit", "-qam", "two")


def pointer(world: World) -> None:
    """Let DVC alone have the data."""
    world.write("data/rows.jsonl.dvc", POINTER.format("a" * 32))
    (world.repo / "data/rows.jsonl").unlink()
    world.commit()


def flagged(flag: str) -> Edit:
    """Return an edit that hides a file's edits from git, and edits it."""
    return lambda world: (world.git("update-index", flag, "helper.py"), world.write("helper.py", "VALUE = 2\n"))


def stdin(world: World) -> None:
    """Feed the eval a file."""
    world.env["STDIN"] = "1"
    world.outside("fed.jsonl", "1\n")
    world.stdin = world.folder / "fed.jsonl"


def bump(world: World) -> None:
    """Install another version of a package, and lock it."""
    world.install("fakepkg", "2.0", "VALUE = 2\n")


SERVED = outside("served", "m-1-new")
REACH = write("reach.py", "import os, sys\nsys.path.insert(0, os.environ['WORLD'] + '/hacked')\n")
README = write("README.md", "other words\n")
PLAN = write("prompts/plan.txt", "think hard\n")

TABLE: tuple[Row, ...] = (
    row("a declared prompt", "prompts", PLAN),
    row("a prompt outside the declared paths", "code", write("prompts/other.txt", "be kind\n")),
    row("a prompt in the code", "code", sub("eval.py", "answer briefly", "answer at length")),
    row("a comment alone", "code", sub("helper.py", "VALUE", "# a word\nVALUE")),
    row("a helper", "code", write("helper.py", "VALUE = 2\n")),
    row("a helper, committed", "code", both(write("helper.py", "VALUE = 2\n"), World.commit)),
    row("a new file", "code", write("new.py", "x = 1\n")),
    row("an untracked helper", "code", write("added.py", "VALUE = 2\n"), write("added.py", "VALUE = 1\n")),
    row("an ignored helper", "code", write("ignored_helper.py", "VALUE = 2\n"), write("ignored_helper.py", "VALUE = 1\n")),
    row("a module on PYTHONPATH", "code", outside("outer/outside.py", "VALUE = 2\n"), on_path),
    row("a module of a .pth folder", "code|software", outside("extra/added.py", "VALUE = 2\n"), pth),
    row(
        "a module that the code itself reaches for",
        "code",
        outside("hacked/hacked_module.py", "VALUE = 2\n"),
        both(REACH, outside("hacked/hacked_module.py", "VALUE = 1\n")),
    ),
    row("an editable install", "software", outside("lib/edited.py", "VALUE = 2\n"), editable),
    row("a package", "software", bump),
    row("a package and its lock", "software", both(bump, write("uv.lock", "fakepkg 2.0\n"))),
    row("a lock alone", "software", write("uv.lock", "fakepkg 3.0\n")),
    row("a package patched in place", "software", lambda w: (w.packages / "fakepkg.py").write_text("VALUE = 2\n")),
    row(
        "a package without a record, patched",
        "software",
        lambda w: (w.packages / "fakepkg.py").write_text("VALUE = 2\n"),
        lambda w: w.install("fakepkg", "1.0", "VALUE = 1\n", record=False),
    ),
    row("an environment variable nobody lists", "software", env(KNOB="2"), env(KNOB="1")),
    row("an environment variable that appears", "software", env(KNOB="2")),
    row("a variable that is recorded", "software", env(OPENAI_MODEL="m-2"), env(OPENAI_MODEL="m-1")),
    row("the hash seed", "software", env(PYTHONHASHSEED="2"), env(PYTHONHASHSEED="1")),
    row("the locale", "software", env(LANG="C")),
    row("a .env file", "code|config|software", write(".env", "A=2\n"), write(".env", "A=1\n")),
    row("the temperature in YAML", "config", write("conf.yaml", "temperature: 0.7\n")),
    row("the temperature on the command line", "config", argv("--temperature", "0.7"), argv("--temperature", "0.0")),
    row("the seed on the command line", "config", argv("--seed=2"), argv("--seed=1")),
    row("a run's name in the arguments", "config", argv("--run-name=b")),
    row("a run's name and a served model", "config model", both(argv("--run-name=b"), SERVED)),
    row("the model's alias moved", "model", SERVED),
    row("the served model, reported", "model", SERVED, outside("tell-model", "yes")),
    row("the served model and a README", "model code", both(SERVED, README)),
    row("the served model, reported, and a README", "model code", both(SERVED, README), outside("tell-model", "yes")),
    row("a cache of models", "model|used", outside("hf/hub/models--m/refs/main", "2" * 40), cache),
    row("a cache of models and a prompt", "model|used prompts", both(outside("hf/hub/models--m/refs/main", "2"), PLAN), cache),
    row("the data", "data", sub("data/rows.jsonl", '"id": 8', '"id": 99')),
    row("the data in another order", "data", lambda w: w.write("data/rows.jsonl", ROWS[10:] + ROWS[:10])),
    row("the pointer to data that is not here", "data", write("data/rows.jsonl.dvc", POINTER.format("b" * 32)), pointer),
    row("data that is tracked and not declared", "code|data", write("data/tracked.jsonl", "2\n")),
    row(
        "ignored data named in the command",
        "data|config",
        write("data/plain.jsonl", "2\n"),
        both(write("data/plain.jsonl", "1\n"), argv("--rows", "data/plain.jsonl")),
    ),
    row("data on stdin", "data", outside("fed.jsonl", "2\n"), stdin),
    row("the grader", "grader", write("grader.py", "LIMIT = 2\n")),
    row("CPUs", "infra", lambda w: setattr(w, "cpus", {0})),
    row("open files", "infra", lambda w: setattr(w, "files", 256)),
    row("a wrapper", "config infra", command("taskset", "-c", "0", "{python}", "eval.py", "--config", "conf.yaml")),
    row("a folder", "config", lambda w: setattr(w, "argv", [w.argv[0], "../eval.py", "--config", "../conf.yaml"]) or setattr(w, "cwd", "prompts")),
    row("a results file of the first run", "", lambda _: None, argv("--out=results.json")),
    row("a dated results file of each run", "config", argv("--out=results/b.json"), both(write("results/.keep", ""), argv("--out=results/a.json"))),
    row("a results file that is tracked", "", lambda _: None, both(write("results.json", "0"), World.commit, argv("--out=results.json"))),
    row("bytecode", "", lambda _: None, env(PYTHONDONTWRITEBYTECODE="")),
    row("a memory that the run keeps", "code", lambda _: None, both(write("memory.json", "x"), World.commit, outside("remember", "yes"))),
    row("a crash before the report", "", outside("crash", "yes")),
    row("code edited while it runs", "code", lambda _: None, outside("edit-meanwhile", "helper.py")),
    row("a prompt edited while it runs", "prompts", lambda _: None, outside("edit-meanwhile", "prompts/plan.txt")),
    row("an edit under assume-unchanged", "code", flagged("--assume-unchanged")),
    row("an edit under skip-worktree", "code", flagged("--skip-worktree")),
    row("a submodule's commit", "code", move_submodule, submodule, idle="used"),
    row("a submodule's dirt", "code", lambda w: (w.repo / "sub/module.py").write_text("VALUE = 3\n"), submodule, idle="used"),
    row("a link's target", "code", lambda w: ((w.repo / "link").unlink(), (w.repo / "link").symlink_to("helper.py")), lambda w: (w.repo / "link").symlink_to("README.md")),
    row("a mode", "code", lambda w: (w.repo / "helper.py").chmod(0o755)),
    row("line ends", "code", write("helper.py", "VALUE = 1\r\n")),
    row("a file renamed", "code", lambda w: w.git("mv", "README.md", "READ.md")),
    row("an amended commit of the same content", "", lambda w: w.git("commit", "-q", "--amend", "-m", "other words")),
    row("make: a package", "software", bump, both(write("Makefile", "eval:\n\t$(PY) eval.py --config conf.yaml\n"), lambda w: w.env.update(PY=w.argv[0]), command("make", "eval"))),
    row("bash -c: a package", "software", bump, command("bash", "-c", "{python} eval.py --config conf.yaml")),
    row("a script: a package", "software", bump, both(lambda w: w.write("run.sh", f"#!/bin/sh\nexec {w.argv[0]} eval.py --config conf.yaml\n"), lambda w: (w.repo / "run.sh").chmod(0o755), command("./run.sh"))),
    row("a guess and a prompt", "software prompts", both(bump, PLAN), command("bash", "-c", "{python} eval.py --config conf.yaml")),
    row("a prompt and the temperature", "prompts config", both(PLAN, write("conf.yaml", "temperature: 1\n"))),
    row("a prompt and a hidden variable", "prompts software", both(PLAN, env(KNOB="2"))),
    row("a README and an ignored helper", "code code", both(README, write("ignored_helper.py", "VALUE = 2\n")), write("ignored_helper.py", "VALUE = 1\n")),
    row("a README and a hidden variable", "code software", both(README, env(KNOB="2")), env(KNOB="1")),
    row("a README and an editable install", "code software", both(README, outside("lib/edited.py", "VALUE = 2\n")), editable),
    row("a README alone", "code", README),
)  # fmt: skip
# What only settings can say.
DECLARED: tuple[Row, ...] = (
    row("the declared model", "model", sub("evalprov.toml", 'model = "m-1"', 'model = "m-2"')),
    row("the declared temperature", "model", sub("evalprov.toml", "temperature = 0.0", "temperature = 0.7")),
    row("a tool's description", "agent", sub("evalprov.toml", "searches", "searches well")),
    row("a tool's schema", "agent", write("tool.json", '{"type": "array"}')),
    row("the agent's graph", "agent", write("graph.json", '{"nodes": 2}')),
    row("the golden version", "data", sub("evalprov.toml", '"g1"', '"g2"')),
    row("what is retrieved", "data", lambda w: w.write("evalprov.toml", SETTINGS + "[retrieval]\ntop_k = 6\n"), lambda w: w.write("evalprov.toml", SETTINGS + "[retrieval]\ntop_k = 5\n")),
)  # fmt: skip


class Finding(NamedTuple):
    """What a row's first line claimed, and what is wrong with it."""

    name: str
    declared: bool
    truth: Causes
    sentence: str
    states: dict[str, str]
    false_only: bool
    false_equal: list[str]
    false_changed: list[str]
    moved: int  # so many things that the eval reads were others

    @property
    def faults(self) -> list[str]:
        """What is wrong with what was claimed, in words."""
        return [
            *(["FALSE ONLY"] if self.false_only else []),
            *(f"FALSE EQUAL {layer}" for layer in self.false_equal),
            *(f"FALSE CHANGED {layer}" for layer in self.false_changed),
        ]


def template(folder: Path) -> Path:
    """Make the world that every row starts from."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder / "venv"], check=True)
    world = World(folder, declared=False)
    world.repo.mkdir()
    world.write("eval.py", EVAL)
    world.write("helper.py", "VALUE = 1\n")
    world.write("grader.py", "LIMIT = 1\n")
    world.write("README.md", "words\n")
    world.write("conf.yaml", "temperature: 0.0\n")
    world.write("prompts/plan.txt", "think\n")
    world.write("prompts/other.txt", "be brief\n")
    world.write("data/rows.jsonl", ROWS)
    world.write("data/tracked.jsonl", "1\n")
    world.write("uv.lock", "fakepkg 1.0\n")
    world.write("tool.json", '{"type": "object"}')
    world.write("graph.json", '{"nodes": 1}')
    world.write(".gitignore", "ignored*\ndata/plain.jsonl\n.env\n")
    world.install("fakepkg", "1.0", "VALUE = 1\n")
    git(world.repo, "init", "-q", "-b", "main")
    world.commit()
    return folder


def judged(one: Row, base: Path, *, declared: bool, observe: str = "project") -> Finding:
    """Carry out a row."""
    with tempfile.TemporaryDirectory(prefix="truth-") as name:
        folder = Path(name, "world")
        shutil.copytree(base, folder, symlinks=True)
        world = World(folder, declared=declared, observe=observe)
        if declared:
            world.write("evalprov.toml", SETTINGS)
            world.commit()
        one.prepare(world)
        before = world.run()
        one.edit(world)
        after = world.run()
        found = world.diff()
    moved = sum(a != b for a, b in zip(before, after, strict=True))
    return finding(one, found, moved, declared=declared)


def finding(one: Row, found: dict[str, Any], moved: int, *, declared: bool) -> Finding:
    """Hold what was claimed against the truth."""
    sentence = found["answer"]["sentence"]
    states = {layer: said["state"] for layer, said in found["layers"].items()}
    states |= _of_all_that_was_read(found)
    claim = re.search(r"(of what is recorded, )?\bonly the ([a-z ]+?) changed", sentence)
    layer = claim and LEVERS.get(claim[2], claim[2])
    # What no settings claim for another layer is a file of the tree.
    tracked = {"prompts", "data", "grader"}
    truth = tuple(cause | {"code"} if cause & tracked and not declared else cause for cause in one.truth)
    homes = frozenset().union(*truth)
    return Finding(
        one.name,
        declared,
        truth,
        sentence,
        states,
        claim is not None and (layer not in homes or _is_belied(truth, states, of_record=bool(claim[1]))),
        ["|".join(sorted(cause)) for cause in truth if all(states[home] == "equal" for home in cause)],
        sorted(name for name, state in states.items() if state == "changed" and name not in homes | one.idle),
        moved,
    )


def _is_belied(truth: tuple[frozenset[str], ...], states: dict[str, str], *, of_record: bool) -> bool:
    """Say whether more than one thing changed; of what is recorded that is so where the record has the others, too."""
    if of_record:
        return sum(states[home] == "changed" for home in frozenset().union(*truth)) != 1
    return len({*truth}) != 1


def _of_all_that_was_read(found: dict[str, Any]) -> dict[str, str]:
    """Return what is claimed of files that no layer has, and of what is no file, as if they were layers."""
    sentence = found["answer"]["sentence"]
    files, all_else = (f"all {what} read" in sentence for what in ("other files that were", "else that was"))
    undeclared = "undeclared inputs" in found["answer"]["levers"]
    return {
        "used": "changed" if undeclared else "equal" if files or all_else else "unknown",
        "no_file": "equal" if all_else else "unknown",
    }


def findings(
    rows: tuple[Row, ...] = TABLE, *, declared: tuple[bool, ...] = (False, True), observe: str = "project"
) -> Iterator[Finding]:
    """Carry out rows, two at a time."""
    with tempfile.TemporaryDirectory(prefix="truth-base-") as name, ThreadPoolExecutor(2) as crew:
        base = template(Path(name, "base"))
        todo = [(one, how) for how in declared for one in (*rows, *(DECLARED if how and rows is TABLE else ()))]
        yield from crew.map(lambda it: judged(it[0], base, declared=it[1], observe=observe), todo)


def main() -> int:
    """Print the table and what is false in it."""
    wrong = count = 0
    for one in findings():
        count += 1
        wrong += bool(one.faults)
        how = "declared" if one.declared else "no settings"
        print(f"{one.name} ({how}): true: {', '.join('|'.join(sorted(cause)) for cause in one.truth) or 'nothing'}")
        print(f"    {one.sentence}")
        for fault in one.faults:
            print(f"    {fault}: {one.states}")
    print(f"{count} changes; {wrong} with a false claim")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

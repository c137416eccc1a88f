"""Odd states of a machine, each a row: the command must run as it does without us, and leave a record.

Usage: python tests/campaign/states.py [PART OF A NAME ...]
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from places import PYTHON, Place, Row, Setup, judged, remove

HELLO = ("sh", "-c", "echo out; echo err >&2; exit 3")

READING = ("sh", "-c", "cat; exit 4")


def _untracked(make: Callable[[Place], object]) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        make(place)

    return setup


def _sparse(place: Place) -> None:
    with place.write("huge.bin", b"").open("r+b") as file:
        file.truncate(3 << 30)


def _sock(place: Place) -> None:
    # Bound by a short relative name: the path of a socket may not be long.
    here = Path.cwd()
    os.chdir(place.path)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("s.sock")
    finally:
        os.chdir(here)


def _deep(place: Place, levels: int) -> None:
    here = os.open(place.path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f.txt", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


def _growing(place: Place) -> None:
    file = place.write("grows.log", b"x" * 1000)
    writer = subprocess.Popen(
        [
            PYTHON,
            "-c",
            f"import time\nf = open({str(file)!r}, 'ab', 0)\nwhile 1: f.write(b'x' * 999); time.sleep(.0005)",
        ]
    )
    place.undo.append(lambda: (writer.kill(), writer.wait()))


def _vanishing(place: Place) -> None:
    code = (
        "import os, itertools, contextlib\n"
        f"os.chdir({str(place.path)!r})\n"
        "for n in itertools.count():\n"
        "    name = f'v{n % 50}.tmp'\n"
        "    open(name, 'w').close()\n"
        "    with contextlib.suppress(OSError): os.unlink(f'v{(n + 25) % 50}.tmp')\n"
    )
    writer = subprocess.Popen([PYTHON, "-c", code])
    place.undo.append(lambda: (writer.kill(), writer.wait()))


def _many(count: int) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        (place.path / "w").mkdir()
        for number in range(count):
            (place.path / f"w/{number}").touch()

    return make


def _closed(name: str, mode: int, *, folder: bool = False) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.plain = True
        if folder:
            place.write(f"{name}/inside.txt")
        else:
            place.write(name)
        (place.path / name).chmod(mode)
        place.undo.append(lambda: (place.path / name).chmod(0o755))

    return make


def _node(name: str, kind: int) -> Callable[[Place], None]:
    return lambda place: os.mknod(place.path / name, kind | 0o600, os.makedev(1, 3))


def _inner(place: Place) -> None:
    place.git("init", "-q", "inner")
    place.write("inner/x")
    place.git("add", "-A", cwd=place.path / "inner")
    place.git("commit", "-qm", "x", cwd=place.path / "inner")


def _corrupt(name: str, data: bytes) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("lib/a.py", "A = 2\n")
        place.write(f".git/{name}", data)

    return setup


def _no_objects(place: Place) -> None:
    place.repo()
    place.write("lib/a.py", "A = 2\n")
    shutil.rmtree(place.path / ".git/objects")
    (place.path / ".git/objects").mkdir()


def _bare(place: Place) -> None:
    place.git("init", "-q", "--bare")


def _worktree(place: Place) -> None:
    place.repo()
    place.git("worktree", "add", "-q", "../other")
    place.cwd = place.top / "other"
    (place.cwd / "new.txt").write_text("x")


def _worktree_gone(place: Place) -> None:
    _worktree(place)
    shutil.rmtree(place.path / ".git/worktrees")


def _module(place: Place) -> None:
    place.repo()
    place.git("init", "-q", "-b", "main", "../module")
    (place.top / "module/m.txt").write_text("x")
    place.git("add", "-A", cwd=place.top / "module")
    place.git("commit", "-qm", "m", cwd=place.top / "module")
    place.git("submodule", "--quiet", "add", "../module", "module")
    place.git("commit", "-qm", "module")


def _module_broken(place: Place) -> None:
    _module(place)
    shutil.rmtree(place.path / ".git/modules")


def _module_dirty(place: Place) -> None:
    _module(place)
    place.write("module/m.txt", "changed")


def _clone(*how: str) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("eval.py", "print(2)\n")
        place.git("commit", "-qam", "second")
        place.git("config", "uploadpack.allowFilter", "true")
        place.git("clone", "-q", *how, f"file://{place.path}", str(place.top / "clone"))
        place.cwd = place.top / "clone"
        (place.cwd / "lib").mkdir(exist_ok=True)
        (place.cwd / "lib/a.py").write_text("A = 3\n")

    return setup


def _conflict(place: Place) -> None:
    place.repo()
    place.git("checkout", "-qb", "other")
    place.write("lib/a.py", "A = 2\n")
    place.git("commit", "-qam", "two")
    place.git("checkout", "-q", "main")
    place.write("lib/a.py", "A = 3\n")
    place.git("commit", "-qam", "three")


def _merging(place: Place) -> None:
    _conflict(place)
    place.git("merge", "-q", "other", ok=False)


def _rebasing(place: Place) -> None:
    _conflict(place)
    place.git("rebase", "-q", "other", ok=False)


def _flagged(flag: str) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.git("update-index", flag, "lib/a.py")
        place.write("lib/a.py", "A = 2\n")

    return setup


def _filtered(how: str, *, required: bool = False) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write(".gitattributes", "*.py filter=odd\n")
        place.git("config", "filter.odd.clean", how)
        place.git("config", "filter.odd.required", "true" if required else "false")
        place.write("lib/a.py", "A = 2\n")
        place.write("lib/new.py", "A = 2\n")

    return setup


def _lfs(place: Place) -> None:
    place.repo()
    place.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    place.git("config", "filter.lfs.process", "git-lfs filter-process")
    place.git("config", "filter.lfs.clean", "git-lfs clean -- %f")
    place.git("config", "filter.lfs.required", "true")
    place.write("weights.bin", bytes(5000))


def _case_rename(place: Place) -> None:
    place.repo()
    place.git("config", "core.ignoreCase", "true")
    (place.path / "lib/a.py").rename(place.path / "lib/A.py")


def _config(key: str, value: str) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("lib/a.py", "A = 2\n")
        place.git("config", key, value)

    return setup


def _env(make: Callable[[Place], dict[str, str]]) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("lib/a.py", "A = 2\n")
        place.write("new.txt", "x")
        place.env |= make(place)

    return setup


def _without(name: str) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("new.txt", "x")
        del place.env[name]

    return setup


def _alternates(place: Place) -> None:
    _clone("--shared")(place)
    shutil.rmtree(place.path)


def _stranger(place: Place) -> None:
    place.repo()
    for folder, folders, files in os.walk(place.path):
        for name in (".", *folders, *files):
            os.chown(os.path.join(folder, name), 4321, 4321, follow_symlinks=False)


def _read_only(place: Place) -> None:
    place.repo()
    place.write("new.txt", "x")
    place.plain = True
    place.options = ("--store", str(place.top / "store"))
    for folder, _, _ in os.walk(place.path):
        os.chmod(folder, 0o555)
    place.undo.append(lambda: [os.chmod(folder, 0o755) for folder, _, _ in os.walk(place.path)] and None)


def _git_closed(mode: int) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("new.txt", "x")
        place.plain = True
        (place.path / ".git").chmod(mode)
        place.undo.append(lambda: (place.path / ".git").chmod(0o755))

    return setup


def _ignoring(place: Place) -> None:
    place.repo()
    place.write(".gitignore", "".join(f"ignored{n}/**/x?\n" for n in range(50_000)))


def _path(make: Callable[[Place], str]) -> Setup:
    """A PATH with another git, or none, before everything."""

    def setup(place: Place) -> None:
        place.repo()
        place.write("new.txt", "x")
        place.env["PATH"] = make(place)

    return setup


def _fake_git(script: str) -> Callable[[Place], str]:
    def make(place: Place) -> str:
        (place.top / "bin").mkdir()
        file = place.top / "bin/git"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return f"{place.top}/bin:{place.env['PATH']}"

    return make


def _without_git(place: Place) -> str:
    (place.top / "bin").mkdir()
    for name in ("sh", "echo"):
        (place.top / "bin" / name).symlink_to(str(shutil.which(name)))
    return f"{place.top}/bin"


def _replaced(place: Place) -> None:
    place.repo()
    first = place.git("rev-parse", "HEAD")
    place.write("eval.py", "print(9)\n")
    place.git("commit", "-qam", "second")
    place.git("replace", "HEAD", first)


def _after_repo(*steps: tuple[str, ...]) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        for step in steps:
            place.git(*step)
        place.write("new.txt", "x")

    return setup


def _odd_folder(place: Place, name: bytes) -> None:
    place.path = Path(os.fsdecode(os.path.join(os.fsencode(place.top), name)))
    place.path.mkdir()
    place.cwd = place.path
    place.repo()
    place.write("new", "x")


def _unwritable(place: Place, name: str) -> str:
    folder = place.top / name
    folder.mkdir()
    folder.chmod(0o555)
    place.plain = True
    return str(folder)


def _full(place: Place) -> dict[str, str]:
    return {"TMPDIR": "/dev/full"}


def _gone(place: Place) -> None:
    place.cwd = place.top / "gone"
    place.options = ("--store", str(place.top / "store"))
    place.cwd.mkdir()
    place.just_before = lambda: os.rmdir(place.cwd)


def _ulimit(name: str, value: int) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("new.txt", "x")

        def limit() -> None:
            import resource

            resource.setrlimit(getattr(resource, name), (value, value))

        place.just_before = limit

    return setup


def _signals(place: Place) -> None:
    place.repo()
    place.write("new.txt", "x")
    place.just_before = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def _long_path(place: Place) -> None:
    here = place.path
    while len(str(here)) < 3900:
        here = here / ("d" * 200)
    here.mkdir(parents=True)
    place.cwd = here
    place.options = ("--store", str(place.top / "store"))


def _broken_home(place: Place) -> None:
    place.repo()
    place.write("new.txt", "x")
    del place.env["GIT_CONFIG_GLOBAL"]
    (place.top / "home/.gitconfig").write_text("[user\n")


def _unexecutable(place: Place) -> str:
    path = _fake_git("exit 0")(place)
    (place.top / "bin/git").chmod(0o644)
    return path


def _blind(place: Place) -> None:
    place.repo()
    place.plain = True
    place.write("lib/inside")
    place.cwd = place.path / "lib"
    place.cwd.chmod(0o111)
    place.undo.append(lambda: place.cwd.chmod(0o755))


def _settings(text: str, make: Callable[[Place], object] = lambda p: None) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.write("evalprov.toml", text)
        make(place)

    return setup


def _given(make: Callable[[Place], object], *options: str) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        place.options = options
        make(place)

    return setup


LOOKED_FOR = (
    *("uv.lock", "poetry.lock", "poetry.toml", "pdm.lock", "Pipfile.lock", "requirements.txt", "environment.yml"),
    *("package-lock.json", "package.json", "Cargo.lock", "go.sum", "go.mod", ".env", ".python-version", "uv.toml"),
    *("dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore", "data.dvc", "conf/config.yaml", ".venv/pyvenv.cfg"),
    *("pyproject.toml", "setup.py", "helper.py", ".gitmodules", "labels.jsonl", "pixi.toml", "noxfile.py"),
)


def _pipes(place: Place) -> None:
    """Have a pipe, to which nobody writes, in the place of each file that is looked for by its name."""
    for name in LOOKED_FOR:
        (place.path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(place.path / name)


def _partly(place: Place) -> None:
    place.write("d/open.txt")
    _closed("d/closed", 0, folder=True)(place)


def _stdin(make: Callable[[Place], object], name: str) -> Setup:
    def setup(place: Place) -> None:
        place.repo()
        make(place)
        place.stdin = name

    return setup


def _closed_stdin(place: Place) -> None:
    place.repo()
    place.just_before = lambda: os.close(0)


def _script(place: Place) -> None:
    place.repo()
    place.write(".gitignore", "go.sh\n")
    place.write("go.sh", "#!/bin/sh\necho $1; exit 7\n", 0o755)


UNTRACKED: list[tuple[str, Callable[[Place], object]]] = [
    ("an empty file", lambda p: p.write("__init__.py", b"")),
    ("many empty files", lambda p: [p.write(f"e{n}", b"") for n in range(50)]),
    ("a file of one byte", lambda p: p.write("one", b"x")),
    ("a file of no text", lambda p: p.write("bin", bytes(range(256)))),
    ("a dangling link", lambda p: (p.path / "l").symlink_to("nowhere")),
    ("a link to itself", lambda p: (p.path / "l").symlink_to("l")),
    ("a link to a folder above", lambda p: (p.path / "l").symlink_to("..")),
    ("a link to a device", lambda p: (p.path / "l").symlink_to("/dev/zero")),
    ("a link with an odd target", lambda p: os.symlink(b"caf\xe9\n", os.fsencode(p.path / "l"))),
    ("a pipe", lambda p: os.mkfifo(p.path / "pipe")),
    ("a pipe in a folder", lambda p: (p.write("f/x"), os.mkfifo(p.path / "f/pipe"))),
    ("a socket", _sock),
    ("a device", _node("null", stat.S_IFCHR)),
    ("an unreadable file", _closed("secret.txt", 0)),
    ("an unreadable folder", _closed("closed", 0, folder=True)),
    ("a folder that cannot be entered", _closed("closed", 0o444, folder=True)),
    ("a folder that cannot be listed", _closed("closed", 0o111, folder=True)),
    ("a name that is no UTF-8", lambda p: p.write(b"caf\xe9.txt")),
    ("a name with a line break", lambda p: p.write("a\nb.txt")),
    ("a name with a tab, quotes and a backslash", lambda p: p.write("a\t\"\\b'.txt")),
    ("a name of 255 bytes", lambda p: p.write("n" * 255)),
    ("a name like an option", lambda p: p.write("--help")),
    ("a name with escape codes", lambda p: p.write("\x1b[31mred")),
    ("a name like a pattern", lambda p: p.write("*.[ch]?")),
    ("names that differ by case alone", lambda p: (p.write("A.txt"), p.write("a.txt"))),
    ("a folder 300 deep", lambda p: _deep(p, 300)),
    ("a folder 5,000 deep", lambda p: _deep(p, 5000)),
    ("a file of 3 GiB", _sparse),
    ("a file that grows", _growing),
    ("files that come and go", _vanishing),
    ("3,000 files", _many(3000)),
    ("25,000 files", _many(25_000)),
    ("a repository in it", lambda p: (p.git("init", "-q", "inner"), p.write("inner/x"))),
    ("a repository with a commit in it", _inner),
    ("a repository in it that is broken", lambda p: p.write("inner/.git", "gitdir: nowhere\n")),
    ("a file with a private key's name", lambda p: p.write(".env", "KEY=1\n")),
]

REPOSITORY: list[tuple[str, Setup]] = [
    ("no repository", lambda p: None),
    ("clean", lambda p: p.repo()),
    ("no commit yet", lambda p: (p.git("init", "-q"), p.write("a"), p.git("add", "a"), p.write("b"))),
    ("no commit and nothing", lambda p: p.git("init", "-q")),
    ("SHA-256", lambda p: (p.repo("--object-format=sha256"), p.write("n", ""))),
    ("detached", _after_repo(("checkout", "-q", "--detach"))),
    ("an odd branch", _after_repo(("checkout", "-qb", "caf\u00e9/\u2603"))),
    ("a corrupt index", _corrupt("index", b"DIRCxxxx")),
    ("an empty index file", _corrupt("index", b"")),
    ("a lock of the index", _corrupt("index.lock", b"")),
    ("a broken HEAD", _corrupt("HEAD", b"nonsense\n")),
    ("an empty HEAD", _corrupt("HEAD", b"")),
    ("a branch that points nowhere", _corrupt("refs/heads/main", b"1" * 40 + b"\n")),
    ("a broken config", _corrupt("config", b"[core\n")),
    ("a config of a newer git", _corrupt("config", b"[core]\nrepositoryformatversion = 9\n")),
    ("objects lost", _no_objects),
    ("bare", _bare),
    ("a .git file that points nowhere", lambda p: p.write(".git", "gitdir: /no/where\n")),
    ("an empty .git file", lambda p: p.write(".git", "")),
    ("an empty .git folder", lambda p: (p.path / ".git").mkdir()),
    (".git is a pipe", lambda p: os.mkfifo(p.path / ".git")),
    (".git is a dangling link", lambda p: (p.path / ".git").symlink_to("gone")),
    ("another work tree", _worktree),
    ("a work tree whose repository forgot it", _worktree_gone),
    ("a submodule", _module),
    ("a broken submodule", _module_broken),
    ("a dirty submodule", _module_dirty),
    ("a shallow clone", _clone("--depth=1")),
    ("a partial clone", _clone("--filter=blob:none")),
    ("a treeless clone", _clone("--filter=tree:0")),
    ("a sparse clone", _clone("--sparse")),
    ("alternates that are gone", _alternates),
    ("in a merge", _merging),
    ("in a rebase", _rebasing),
    ("assume-unchanged", _flagged("--assume-unchanged")),
    ("skip-worktree", _flagged("--skip-worktree")),
    ("intent to add", lambda p: (p.repo(), p.write("n"), p.git("add", "-N", "n"))),
    ("a file turned into a folder", lambda p: (p.repo(), os.unlink(p.path / "eval.py"), p.write("eval.py/x"))),
    (
        "a file turned into a pipe",
        lambda p: (p.repo(), os.unlink(p.path / "lib/a.py"), os.mkfifo(p.path / "lib/a.py")),
    ),
    ("a tracked file that is unreadable", _untracked(_closed("lib/a.py", 0))),
    ("all deleted", lambda p: (p.repo(), shutil.rmtree(p.path / "lib"), os.unlink(p.path / "eval.py"))),
    ("a filter that fails", _filtered("false")),
    ("a required filter that fails", _filtered("false", required=True)),
    ("a filter that is not there", _filtered("no-such-filter %f", required=True)),
    ("a filter that hangs", _filtered("sleep 1000")),
    ("LFS without git-lfs", _lfs),
    ("renamed by case alone", _case_rename),
    ("core.worktree elsewhere", _config("core.worktree", "/nowhere")),
    ("core.bare in a work tree", _config("core.bare", "true")),
    ("core.fsmonitor with a hook that fails", _config("core.fsmonitor", "false")),
    ("an attributes file that is not there", _config("core.attributesFile", "/no/where")),
    ("an excludes file that is a folder", _config("core.excludesFile", "/")),
    ("autocrlf", _config("core.autocrlf", "true")),
    ("a diff program that fails", _config("diff.external", "false")),
    ("status without untracked files", _config("status.showUntrackedFiles", "no")),
    ("an index of version 4", _after_repo(("update-index", "--index-version=4"))),
    ("a split index", _after_repo(("update-index", "--split-index"))),
    ("an untracked cache", _after_repo(("update-index", "--untracked-cache"))),
    ("replaced commits", _replaced),
    ("a huge .gitignore", _ignoring),
    ("a .gitignore of any bytes", lambda p: (p.repo(), p.write(".gitignore", bytes(range(256))))),
    ("a .gitignore that is a folder", lambda p: (p.repo(), (p.path / ".gitignore").mkdir())),
    ("a .gitmodules of nonsense", lambda p: (p.repo(), p.write(".gitmodules", "[submodule"))),
    ("another user's", _stranger),
    ("read-only", _read_only),
    (".git that cannot be entered", _git_closed(0)),
    (".git that cannot be written", _git_closed(0o555)),
    ("in a folder of an odd name", lambda p: _odd_folder(p, b"caf\xe9 \n'\"$(x)")),
    ("in a folder of the repository", lambda p: (p.repo(), setattr(p, "cwd", p.path / "lib"))),
]

ENVIRONMENT: list[tuple[str, Setup]] = [
    ("no HOME", _without("HOME")),
    ("HOME is no folder", _env(lambda p: {"HOME": "/dev/null"})),
    ("HOME that cannot be written", _env(lambda p: {"HOME": _unwritable(p, "h")})),
    ("HOME with a broken .gitconfig", _broken_home),
    ("TMPDIR that is missing", _env(lambda p: {"TMPDIR": "/no/where"})),
    ("TMPDIR that cannot be written", _env(lambda p: {"TMPDIR": _unwritable(p, "t")})),
    ("TMPDIR that is a device", _env(_full)),
    ("TMPDIR in the repository", _env(lambda p: {"TMPDIR": str(p.path)})),
    ("an empty TMPDIR", _env(lambda p: {"TMPDIR": ""})),
    ("an odd TMPDIR", _env(lambda p: {"TMPDIR": "\udcff\n"})),
    ("GIT_DIR of nowhere", _env(lambda p: {"GIT_DIR": "/no/where"})),
    ("GIT_DIR of this one", _env(lambda p: {"GIT_DIR": str(p.path / ".git")})),
    ("GIT_WORK_TREE elsewhere", _env(lambda p: {"GIT_WORK_TREE": "/no/where"})),
    ("GIT_INDEX_FILE of nowhere", _env(lambda p: {"GIT_INDEX_FILE": "/no/where"})),
    ("GIT_OBJECT_DIRECTORY of nowhere", _env(lambda p: {"GIT_OBJECT_DIRECTORY": "/no/where"})),
    ("GIT_CONFIG_COUNT of nonsense", _env(lambda p: {"GIT_CONFIG_COUNT": "x"})),
    ("GIT_TRACE to stderr", _env(lambda p: {"GIT_TRACE": "2", "GIT_TRACE2": "1"})),
    ("GIT_CEILING_DIRECTORIES", _env(lambda p: {"GIT_CEILING_DIRECTORIES": str(p.path)})),
    ("a locale that does not exist", _env(lambda p: {"LC_ALL": "xx_YY.nonsense", "LANG": "zz"})),
    ("the C locale", _env(lambda p: {"LC_ALL": "C"})),
    ("a time zone of nonsense", _env(lambda p: {"TZ": "No/Where"})),
    ("a variable that is no text", _env(lambda p: {"ODD": "\udcff\udcfe", "ODD_API_KEY": "\udcff" * 20})),
    ("a variable of 100 kB", _env(lambda p: {"LONG_API_KEY": "k" * 100_000, "LONG": "x" * 100_000})),
    ("3,000 secrets", _env(lambda p: {f"S{n}_API_KEY": f"value-of-{n:09}-{n * 7919:x}" for n in range(3000)})),
    ("git that hangs", _path(_fake_git("sleep 1000"))),
    ("git that fails", _path(_fake_git("exit 1"))),
    ("git that prints nonsense", _path(_fake_git("echo nonsense; echo more"))),
    ("git that prints without end", _path(_fake_git("exec cat /dev/zero"))),
    ("git that kills itself", _path(_fake_git("kill -9 $$"))),
    ("git that cannot be executed", _path(_unexecutable)),
    ("no git", _path(_without_git)),
    ("SIGCHLD ignored", _signals),
    ("few open files", _ulimit("RLIMIT_NOFILE", 40)),
    ("a small limit on files", _ulimit("RLIMIT_FSIZE", 1 << 20)),
    ("the current folder deleted", _gone),
    ("a current folder that cannot be read", _blind),
    ("a path of 3,900 bytes", _long_path),
]

DECLARED: list[tuple[str, Setup]] = [
    ("a prompt that is a pipe", _settings('[prompts]\np = "pipe"\n', lambda p: os.mkfifo(p.path / "pipe"))),
    ("a prompt that is unreadable", _settings('[prompts]\np = "p.txt"\n', _closed("p.txt", 0))),
    ("a prompt in a closed folder", _settings('[prompts]\np = "c/inside.txt"\n', _closed("c", 0, folder=True))),
    ("a prompt that is a dangling link", _settings('[prompts]\np = "l"\n', lambda p: (p.path / "l").symlink_to("no"))),
    ("a folder of prompts that is closed", _settings('[prompts]\np = "c"\n', _closed("c", 0, folder=True))),
    ("a prompt that is empty", _settings('[prompts]\np = "p.txt"\n', lambda p: p.write("p.txt", b""))),
    ("data that is a socket", _settings('[data]\nd = "s.sock"\n', _sock)),
    ("data that is unreadable", _settings('[data]\nd = "d.bin"\n', _closed("d.bin", 0))),
    ("data in a folder of which some is closed", _settings('[data]\nd = "d"\n', _partly)),
    ("data that grows", _settings('[data]\nd = "grows.log"\n', _growing)),
    ("data that is a broken pointer", _settings('[data]\nd = "d.dvc"\n', lambda p: p.write("d.dvc", "[nonsense"))),
    ("a grader that is a device", _settings('[grader]\nfiles = ["/dev/zero"]\n')),
    ("an algorithm that is no Python", _settings('[code.algorithms]\na = "a.py:f"\n', lambda p: p.write("a.py", "("))),
    ("a config that is a pipe", _given(lambda p: os.mkfifo(p.path / "c.yaml"), "--config", "c.yaml")),
    ("a config that is unreadable", _given(_closed("c.yaml", 0), "--config", "c.yaml")),
    ("a config that is no YAML", _given(lambda p: p.write("c.yaml", b"\xff\xfe{["), "--config", "c.yaml")),
    ("somebody else's pyproject.toml, unreadable", _given(_closed("pyproject.toml", 0))),
    ("somebody else's pyproject.toml, no text", _given(lambda p: p.write("pyproject.toml", b"\xff\xfe"))),
    ("somebody else's pyproject.toml, a pipe", _given(lambda p: os.mkfifo(p.path / "pyproject.toml"))),
    (
        "pipes for all that is looked for",
        _settings('[data]\nd = "data.dvc"\n[code.algorithms]\na = "helper.py:f"\n', _pipes),
    ),
    ("a pyproject.toml that is a folder", _given(lambda p: (p.path / "pyproject.toml").mkdir())),
]

STDIN: list[tuple[str, Setup, tuple[str, ...]]] = [
    ("stdin is a file", _stdin(lambda p: p.write("rows.jsonl", b"1\n2\n"), "rows.jsonl"), READING),
    ("stdin is an empty file", _stdin(lambda p: p.write("rows.jsonl", b""), "rows.jsonl"), READING),
    ("stdin is a device", _stdin(lambda p: None, "/dev/null"), READING),
    ("stdin is closed", _closed_stdin, ("sh", "-c", "echo hello; exit 3")),
]

NAMED: list[tuple[str, Setup, tuple[str, ...]]] = [
    (
        "a file that git ignores",
        lambda p: (p.repo(), p.write(".gitignore", "*.pt\n"), p.write("m.pt", bytes(9000))),
        ("cat", "m.pt"),
    ),
    ("a pipe", lambda p: (p.repo(), os.mkfifo(p.path / "pipe.jsonl")), ("sh", "-c", "echo $0", "pipe.jsonl")),
    ("an endless device", lambda p: p.repo(), ("head", "-c", "5", "/dev/zero")),
    ("the whole file system", lambda p: p.repo(), ("sh", "-c", "echo $0", "/")),
    ("an unreadable file", _untracked(_closed("r.jsonl", 0)), ("cat", "r.jsonl")),
    ("a word of 5,000 letters", lambda p: p.repo(), ("sh", "-c", "exit 0", "x" * 5000)),
    ("a word that is no UTF-8", lambda p: p.repo(), ("sh", "-c", "exit 0", "caf\udce9", "--data=\udcff")),
    ("an empty word", lambda p: p.repo(), ("sh", "-c", "exit 5", "", "--x=")),
    ("a word with line breaks", lambda p: p.repo(), ("sh", "-c", "exit 5", "a\nb\n", "../..")),
    ("the program is a script that git ignores", _script, ("./go.sh", "x")),
]


def rows() -> list[Row]:
    """Return every row: group, name, what makes the state, and the command."""
    return [
        *(("untracked", name, _untracked(make), HELLO) for name, make in UNTRACKED),
        *(("repository", name, setup, HELLO) for name, setup in REPOSITORY),
        *(("environment", name, setup, HELLO) for name, setup in ENVIRONMENT),
        *(("declared", name, setup, HELLO) for name, setup in DECLARED),
        *(("stdin", name, setup, command) for name, setup, command in STDIN),
        *(("named", name, setup, command) for name, setup, command in NAMED),
    ]


def main(wanted: Sequence[str]) -> int:
    """Judge every row whose group or name holds one of the words; return how many went wrong."""
    bad = 0
    chosen = [row for row in rows() if not wanted or any(word in f"{row[0]}: {row[1]}" for word in wanted)]
    for row in chosen:
        folder = Path(tempfile.mkdtemp(prefix="evalprov-state-"))
        try:
            wrong, seconds = judged(row, folder)
        except Exception as error:  # noqa: BLE001 - a row that cannot be made is told as well
            wrong, seconds = [f"{type(error).__name__}: {error}"], 0.0
        finally:
            remove(folder)
        bad += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '}  {seconds:6.2f}s  {row[0]}: {row[1]}  {'; '.join(wrong)}", flush=True)
    print(f"{len(chosen)} states, {bad} wrong")
    return bad


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))

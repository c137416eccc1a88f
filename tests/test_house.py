"""The shape of the house: which room may import which, and what a run may load before it starts the command."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from conftest import Project

from evalprov.cli import COMMANDS

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "evalprov"
# Things of the language and of the system, as it were.
EVERYBODYS = {"regular", "named", "numbers", "private", "platform"}
MAY_IMPORT = {
    "regular": set(),
    "named": set(),
    "private": set(),
    "platform": set(),
    "isolation": set(),
    "record": set(),
    "errors": set(),
    "numbers": set(),
    "page": set(),
    "secrets": {"record"},
    "settings": {"errors"},
    "render": {"errors", "page"},
    "capture": {"record", "errors", "secrets", "settings"},
    "launch": {"record", "errors", "secrets"},
    "reported": {"record", "errors", "secrets"},
    "store": {"record", "errors", "secrets"},
    "stats": set(),
    "explain": {"record"},
    "judge": {"stats", "explain", "record", "errors"},
    "views": {"fleet", "restore", "wire", "judge", "explain", "stats", "record", "page", "render", "repository"},
    "repository": {"errors"},
    "handover": {"store", "judge", "record", "errors", "secrets", "settings", "reported"},
    "report": {"views", "page", "render", "judge", "explain", "stats", "store", "record", "errors", "__init__"},
    "observe": {"record"},
    "wire": {"record", "errors", "secrets", "builder"},
    "run": {
        "capture",
        "handover",
        "launch",
        "observe",
        "wire",
        "reported",
        "store",
        "record",
        "errors",
        "secrets",
        "settings",
        "__init__",
    },
    "restore": {"run", "capture", "judge", "explain", "stats", "store", "record", "errors", "secrets", "settings"},
    "fleet": {"run", "restore", "capture", "store", "record", "errors", "secrets", "settings"},
    "cli": {
        "fleet",
        "handover",
        "isolation",
        "report",
        "restore",
        "run",
        "wire",
        "repository",
        "views",
        "page",
        "judge",
        "explain",
        "stats",
        "store",
        "render",
        "settings",
        "record",
        "errors",
        "secrets",
    },
    "__main__": {"cli", "isolation", "__init__"},
    "builder": {"secrets", "record"},
    "__init__": {"builder", "restore", "handover"},
}
TOP_LEVEL = {"pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "evalprov", "tests", "fixtures"}


@cache
def files(package: Path = PACKAGE) -> dict[str, list[ast.AST]]:
    """Return every file of a package, by its path from the package's folder, as all that its text is made of."""
    found = {str(file.relative_to(package)): file for file in package.rglob("*.py")}
    return {name: list(ast.walk(ast.parse(file.read_text()))) for name, file in found.items()}


@cache
def modules(package: Path = PACKAGE) -> dict[str, list[ast.AST]]:
    """Return every file of a package, by the name that it is imported under."""
    return {
        ".".join(("evalprov", *Path(name).with_suffix("").parts)).removesuffix(".__init__"): nodes
        for name, nodes in files(package).items()
    }


@cache
def imports() -> list[tuple[str, str, str]]:
    """Return (file, its room, the room it imports) for every import of ours."""
    found = []
    for inside, nodes in files().items():
        room = inside.partition("/")[0].removesuffix(".py")
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "evalprov":
                names = [node.module.split(".")[1]] if "." in node.module else [a.name for a in node.names]
                found += [
                    (inside, room, name)
                    for name in names
                    if (PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists()
                ]
            if isinstance(node, ast.Import):
                found += [(inside, room, a.name.split(".")[1]) for a in node.names if a.name.startswith("evalprov.")]
    return found


def test_imports_run_one_way() -> None:
    """Every import of ours goes the way the plan of the house says."""
    wrong = [(file, other) for file, room, other in imports() if other not in {room, *MAY_IMPORT[room], *EVERYBODYS}]
    assert not wrong
    assert len(imports()) > 40


def circles(every: dict[str, list[ast.AST]]) -> list[str]:
    """Return the files that stand in a circle of imports, or behind one."""
    wants: dict[str, set[str]] = {}
    for name, nodes in every.items():
        froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
        names = {f"{node.module}.{one.name}" for node in froms for one in node.names}
        wants[name] = {one if one in every else one.rpartition(".")[0] for one in names} & every.keys() - {name}
    while free := [name for name, others in wants.items() if not others & wants.keys()]:
        for name in free:
            del wants[name]
    return sorted(wants)


def test_no_file_imports_itself_by_a_detour() -> None:
    """There is no circle of files, not even one for the sake of a type, or of an import inside a function."""
    assert circles(modules()) == []


def classes(every: dict[str, list[ast.AST]]) -> dict[str, list[str]]:
    """Return the files that define a class, by its name."""
    found: dict[str, list[str]] = {}
    for name, nodes in every.items():
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name.lstrip("_"), []).append(name)
    return found


def test_a_class_name_stands_once() -> None:
    """Who reads the name of a class knows which one it is."""
    found = classes(modules())
    assert not {name: where for name, where in found.items() if len(where) > 1}
    assert len(found) > 200


# What Linux, macOS or another system alone has.
ONE_SYSTEMS = {
    *("waitid", "pidfd_open", "memfd_create", "posix_fadvise", "sched_getaffinity", "copy_file_range", "sendfile"),
    *("splice", "eventfd", "setns", "unshare", "pipe2", "sigtimedwait", "sigwaitinfo", "SIGRTMIN", "SIGRTMAX"),
    *("epoll", "EPOLLET", "kqueue", "F_SETPIPE_SZ", "F_GETPATH", "F_FULLFSYNC", "prctl", "syncfs"),
    *("psutil", "_ctypes", "ctypes", "kern.bootsessionuuid"),
}
MODULES = {"os", "sys", "signal", "select", "fcntl", "resource", "socket", "time"}
# What may be asked elsewhere, for nothing of ours is imported yet, or since it is a text that a command holds.
ASKED_ELSEWHERE = {
    ("__main__.py", "sys.platform"),
    ("isolation.py", "/proc"),
    ("capture/declared/named.py", "/proc"),
    ("capture/declared/named.py", "/sys"),
}


def asks_of_the_system(nodes: list[ast.AST]) -> set[str]:
    """Return what in a file depends on which system it runs on."""
    found = set()
    texts = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            names = [node.attr, f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [one.name for one in node.names] + [getattr(node, "module", None) or ""]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            names = [node.value]
            found |= {root for root in ("/proc", "/sys") if f"{node.value}/".startswith(f"{root}/")}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr":
            of = node.args[0]
            found |= {f"hasattr({of.id})"} if isinstance(of, ast.Name) and of.id in MODULES else set()
        found |= {name for name in names if name in ONE_SYSTEMS | {"sys.platform", "os.name", "platform.system"}}
    return found


def test_only_one_room_knows_which_system_it_runs_on() -> None:
    """What one system alone has is called in `platform/`, where the portable way stands beside it."""
    asked = {}
    for name, nodes in files().items():
        if "/hook/" not in name:  # it runs in Pythons of others, and stands alone there
            asked[name] = asks_of_the_system(nodes)
    inside = {name: asked.pop(name) for name in list(asked) if name.startswith("platform/")}
    assert {(name, what) for name, found in asked.items() for what in found} == ASKED_ELSEWHERE
    assert {"sys.platform", "/proc", "psutil", "waitid", "epoll", "sched_getaffinity"} <= set().union(*inside.values())


# Files of ours, or of the kernel; all that is written is made anew.
OPENED_BY_NAME = {
    f"evalprov.{name}"
    for name in (
        "settings.reference",
        "cli.help",
        "isolation",
        "platform",
        "platform.folders",
        "platform.network",
        "platform.processes",
    )
}


def test_what_may_be_a_pipe_is_opened_as_such() -> None:
    """A file is read by way of `regular`: an `open` by name would wait for a pipe's writer, for ever."""
    bare = set()
    for name, nodes in modules().items():
        for node in nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"):
                continue
            mode = next((str(one.value) for one in node.args[1:2] if isinstance(one, ast.Constant)), "r")
            what = ast.unparse(node.args[0])
            is_number = re.match(r"os\.open\(|open_regular\(|\d$|hear$|self\._fd$", what) is not None
            if "r" in mode and not is_number:
                bare.add(name)
    assert bare == OPENED_BY_NAME


def test_what_only_linux_can_show_is_named() -> None:
    """Each reason for which a test is left out without Linux's own calls is a row of the tests' README."""
    marked = re.findall(r'mark\.linux\("(.+)"\)', "\n".join(file.read_text() for file in TESTS.rglob("test_*.py")))
    table = (TESTS / "README.md").read_text().split("## Without")[1]
    rows = re.findall(r"^\| ([a-z].*?) \| .*? \|$", table, re.MULTILINE)
    assert set(marked) == set(rows) - {"what Linux alone has"}


def test_annotations_are_texts() -> None:
    """Our named tuples read their fields off annotations, which are kept as texts, whatever the version of Python."""
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text()
        assert "(NamedTuple)" not in text or "from __future__ import annotations\n" in text, file


def test_only_the_printer_knows_rich_and_only_the_completion_knows_typer() -> None:
    """No other file formats for a person, or leaves the reading of a command line to a toolkit."""
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text()
        if file.name != "render.py":
            assert "import rich" not in text, file
            assert "from rich" not in text, file
        if file.name != "toolkit.py":
            assert "typer" not in text, file


def test_a_view_prints_nothing() -> None:
    """What views give is printed elsewhere: they know no stream, no terminal, and none of the printer's verbs."""
    printing = {"out", "page", "table", "facts", "document", "raw", "note", "error", "aside", "csv", "paint", "width"}
    called = set()
    for file in (PACKAGE / "views").glob("*.py"):
        text = file.read_text()
        assert "import sys" not in text, file
        assert "from evalprov.render import" not in text, file
        called |= set(re.findall(r"\brender\.(\w+)", text))
    assert "number" in called
    assert not called & printing


def test_the_top_level_holds_the_agreed_names_only() -> None:
    """Nothing else is tracked at the top, dotfiles aside."""
    top = PACKAGE.parent
    done = subprocess.run(["git", "ls-files", "-z"], cwd=top, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a checkout")
    names = {line.split("/")[0] for line in done.stdout.split("\0") if line}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


@pytest.mark.parametrize("page", [PACKAGE / "README.md", TESTS / "README.md"])
def test_every_file_on_the_map_is_there(page: Path) -> None:
    """Who follows one of the two maps finds the files and rooms that it names, and every room is on it."""
    text = page.read_text()
    named = set(re.findall(r"`((?:[\w.-]+/)+|(?:[\w.-]+/)*[\w-]+\.(?:py|md|toml))`", text))
    of_a_user = {"metrics/", "evalprov.toml"}
    places = (page.parent, TESTS.parent, PACKAGE / "capture")
    assert {name for name in named - of_a_user if not any((place / name).exists() for place in places)} == set()
    assert len(named) > 10
    if page.parent == PACKAGE:
        rooms = {f"{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
        assert (rooms | {path.name for path in PACKAGE.glob("[!_]*.py")}) - named == set()


# What `evalprov run` may load before the command starts: the interpreter's own start-up aside, no more than this.
BEFORE_LAUNCH = {
    "__future__",
    "_blake2",
    "_collections",
    "_ctypes",
    "_functools",
    "_hashlib",
    "_json",
    "_operator",
    "_queue",
    "_sre",
    "_struct",
    "_typing",
    "binascii",
    "collections",
    "contextlib",
    "copyreg",
    "enum",
    "errno",
    "evalprov",
    "fcntl",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "keyword",
    "operator",
    "re",
    "reprlib",
    "resource",
    "select",
    "signal",
    "struct",
    "termios",
    "types",
    "typing",
    "warnings",
}


def test_start_up_is_lean(tmp_path: Path) -> None:
    """Before the command starts, `run` loads nothing outside a short list."""
    probe = (
        "import sys, os\n"
        "before = set(sys.modules)\n"
        "def seen(event, told):\n"
        "    if event == 'ctypes.call_function' and any(one == b'/bin/true' for one in told[1]):\n"
        "        print(sorted(set(sys.modules) - before))\n"
        "        sys.stdout.flush()\n"
        "sys.addaudithook(seen)\n"
        "from evalprov.cli import main\n"
        "sys.exit(main(['run', '--', '/bin/true']))\n"
    )
    for folder in (tmp_path / "plain", tmp_path / "repository"):
        folder.mkdir()
        if folder.name == "repository":
            subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        done = subprocess.run([sys.executable, "-c", probe], cwd=folder, capture_output=True, text=True, check=True)
        loaded = {name.split(".")[0] for name in ast.literal_eval(done.stdout.splitlines()[0])}
        assert loaded <= BEFORE_LAUNCH, sorted(loaded - BEFORE_LAUNCH)


# What no command needs that reads records: toolkits for a command line and a screen, and libraries that capture uses.
NOT_TO_READ = {"typer", "pydantic", "rich", "click", "inspect", "dataclasses", "importlib.metadata", "email", "asyncio"}
NOT_TO_READ |= {"subprocess", "git", "psutil", "yaml", "scipy", "numpy", "evalprov.capture", "evalprov.run"}


READING = ("history", "history --json", "show", "show --json", "diff latest~1 latest --json", "--help")


@pytest.mark.parametrize("line", READING)
def test_reading_starts_lean(made_once: Callable[..., Project], line: str) -> None:
    """To read a record, no toolkit is loaded, and no module of another command."""

    def two_runs(project: Project) -> None:
        for _ in range(2):
            project.run("true")

    words = line.split()
    # msgspec takes typing_extensions if it is there, which loads inspect: that is not our choice.
    probe = (
        "import sys\n"
        "sys.modules['typing_extensions'] = None\n"
        "from evalprov.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print(sorted(name for name, module in sys.modules.items() if module), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *words],
        cwd=made_once("two runs without metrics", two_runs).path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ast.literal_eval(done.stderr.splitlines()[-1]))
    assert loaded & NOT_TO_READ <= ({"subprocess"} if words[0] == "diff" else set())
    assert {name for name in COMMANDS if f"evalprov.cli.{name}" in loaded} == {words[0]} & COMMANDS.keys()

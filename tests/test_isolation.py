"""What tells Python how to behave reaches the command untouched and does not reach us, however we were started."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import Project

ROOT = Path(__file__).parent.parent
SITE = sysconfig.get_path("purelib")
BASE = os.path.realpath(sys.executable)
SHADOWED = ("typing", "rich", "json", "__future__", "dataclasses", "msgspec", "signal", "select")
# The command says what it was given, and leaves behind how its parent was started.
CHILD = ("sh", "-c", 'tr "\\0" "\\n" </proc/$PPID/cmdline >parent; env | grep -e ^PYTHON -e ^LC_ | sort; exit 3')

RESTARTING = {
    "PYTHONINSPECT": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONWARNDEFAULTENCODING": "1",
    "PYTHONDEVMODE": "1",
    "PYTHONTRACEMALLOC": "5",
    "PYTHONMALLOC": "malloc",
    "PYTHONINTMAXSTRDIGITS": "640",
    "PYTHONCASEOK": "1",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "PYTHON_CPU_COUNT": "1",
}
HARMLESS = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONSTARTUP": "/dev/null",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONUTF8": "1",
    "PYTHONINSPECT": "",
    "PYTHON_VERSION": "3.11.7",
    "PYTHONPATH": ".",
}


@pytest.fixture
def shadows(project: Project) -> Project:
    """A project whose folder `shadow` holds modules of the user that are named like some we need."""
    for name in SHADOWED:
        project.write(f"shadow/{name}.py", f"raise SystemExit('this is the user\\'s own {name}')\n")
    return project


def script(project: Project, head: str) -> list[str]:
    """Write a console script as an installer does."""
    text = f"#!{sys.executable}\n{head}import sys\nfrom evalprov.__main__ import main\nsys.exit(main())\n"
    return [str(project.write("bin/evalprov", text, 0o755))]


def recorded(project: Project, way: list[str], env: dict[str, str], *command: str) -> tuple[bytes, bytes, int]:
    """Record the command; return what it printed, what was said on stderr, and the exit code."""
    done = subprocess.run(
        [*way, "run", "--quiet", "--", *(command or CHILD)],
        cwd=project.path,
        env={**os.environ, **env},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.stdout, done.stderr, done.returncode


def bare(project: Project, env: dict[str, str], *command: str) -> tuple[bytes, bytes, int]:
    """Run the command without us."""
    done = subprocess.run(
        command or CHILD,
        cwd=project.path,
        env={**os.environ, **env},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.stdout, done.stderr, done.returncode


def restarted(project: Project) -> bool:
    """Say whether the command's parent had started itself again."""
    return "-E\n-P\n" in (project.path / "parent").read_text()


@pytest.mark.parametrize("name", RESTARTING)
def test_a_variable_of_the_interpreter_is_the_commands_alone(project: Project, name: str) -> None:
    """We start again without it, say nothing more and nothing less, and the command and the record have it."""
    env = {name: RESTARTING[name]}
    expected = bare(project, env)
    assert f"{name}={RESTARTING[name]}".encode() in expected[0]
    assert recorded(project, script(project, ""), env) == expected
    assert restarted(project)
    assert project.record()["exit_code"] == 3


def test_common_harmless_variables_cost_no_restart(project: Project) -> None:
    """What images and CI set everywhere leaves us as we are, PYTHONPATH included where it shadowed nothing yet."""
    for env in (HARMLESS, {}):
        expected = bare(project, env)
        assert recorded(project, script(project, ""), env) == expected
        assert not restarted(project)


@pytest.mark.parametrize("more", [{}, RESTARTING], ids=["path", "path and all others"])
@pytest.mark.parametrize("way", ["script", "pip's script", "module", "link", "path only", "user site"])
def test_modules_in_the_users_path_break_nothing_however_we_are_started(
    shadows: Project, way: str, more: dict[str, str]
) -> None:
    """The user's typing.py is the command's; evalprov comes from where it lies, be that the same PYTHONPATH."""
    env = {"PYTHONPATH": "shadow", **more}
    if way == "path only":
        env["PYTHONPATH"] = f"shadow{os.pathsep}{ROOT}{os.pathsep}{SITE}"
    if way == "user site":
        home = shadows.path / "home"
        inside = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        shadows.write(f"home/{inside}/checkout.pth", f"{ROOT}\n{SITE}\n")
        env["PYTHONUSERBASE"] = str(home)
    written = script(shadows, "import re\n" if way == "pip's script" else "")
    started = {
        "script": written,
        "pip's script": written,
        "module": [sys.executable, "-m", "evalprov"],
        "link": ["./linked"],
        "path only": [BASE, "-m", "evalprov"],
        "user site": [BASE, "-m", "evalprov"],
    }[way]
    if way == "link":
        (shadows.path / "linked").symlink_to("bin/evalprov")
    if started[0] == BASE:  # what its own .pth files load would break it before it comes to us, and break it bare
        loaded = subprocess.run([BASE, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)
        for name in set(SHADOWED).intersection(loaded.stdout.split()):
            (shadows.path / f"shadow/{name}.py").unlink()
    expected = bare(shadows, env)
    assert recorded(shadows, started, env) == expected
    assert restarted(shadows) == bool(more or way == "path only")
    assert shadows.record()["capture"]["software"]["status"] == "captured" or way != "script"


def test_what_lies_where_we_are_started_shadows_nothing(shadows: Project) -> None:
    """`python -m evalprov` in a folder with a typing.py works as everywhere else."""
    done = shadows.evalprov("run", "--quiet", "--", "true", cwd="shadow")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    shown = shadows.evalprov("history", cwd="shadow")
    assert (shown.returncode, shown.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os, json; os.environ.update(PYTHONPATH='gone', PYTHONNEW='1'); json.dumps = None", b""),
        ("import sys; sys.executable = ''", b""),
        ("raise ValueError('mine')", b"Error in sitecustomize; set PYTHONVERBOSE for traceback:\nValueError: mine\n"),
    ],
)
def test_a_sitecustomize_changes_neither_us_nor_what_the_command_is_given(
    project: Project, text: str, said: bytes
) -> None:
    """What it patches is gone when we start again, what it puts into the environment as well."""
    project.write("shadow/sitecustomize.py", text)
    env = {"PYTHONPATH": "shadow"}
    out, err, code = bare(project, env)
    assert recorded(project, script(project, ""), env) == (out, err + said, code)
    assert restarted(project) == (not said)
    assert project.record()["status"] == "failed"


@pytest.mark.parametrize("lc", [None, "C"], ids=["coerced", "LC_ALL=C"])
def test_the_locale_that_python_gives_itself_stays_ours(
    project: Project, lc: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a C locale Python sets LC_CTYPE, and started again it keeps it from the command all the same."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    env = {"PYTHONINSPECT": "1", **({"LC_ALL": lc} if lc else {})}
    expected = bare(project, env)
    assert b"LC_CTYPE" not in expected[0]
    assert recorded(project, script(project, ""), env) == expected
    assert restarted(project)


def test_ignored_signals_and_closed_descriptors_survive_the_restart(project: Project) -> None:
    """A command finds what it would find without us: signals ignored at the start, closed standard streams."""
    probe = "grep SigIgn /proc/self/status >sig; for n in 0 1 2; do [ ! -e /proc/self/fd/$n ] || echo $n; done >open"
    child = ["sh", "-c", f"{probe}; exit 7"]
    seen = []
    for way in ([], [*script(project, ""), "run", "--quiet", "--"]):
        line = "trap '' HUP USR1; exec \"$@\" <&- >&- 2>&-"
        done = subprocess.run(
            ["sh", "-c", line, "-", *way, *child], cwd=project.path, env={**os.environ, "PYTHONDEVMODE": "1"}
        )
        ignored = int((project.path / "sig").read_text().split()[1], 16) & 0x7FFFFFFF  # above are the C library's own
        seen.append((done.returncode, f"{ignored:x}", (project.path / "open").read_text()))
    assert seen[0] == seen[1]
    assert seen[0][:2] == (7, "201")


def test_packages_are_asked_for_with_the_commands_own_path(project: Project) -> None:
    """The interpreter that the command will run on is asked with its PYTHONPATH, so a package there is recorded."""
    project.write("lib/extra-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: extra\nVersion: 1.2\n")
    code = "import sys; sys.exit(sys.flags.optimize)"
    env = {"PYTHONPATH": "lib", "PYTHONOPTIMIZE": "1"}
    assert recorded(project, script(project, ""), env, sys.executable, "-c", code)[2] == 1
    assert project.record()["software"]["packages"]["extra"] == "1.2"


def test_nothing_is_imported_before_the_search_path_is_ours() -> None:
    """The way to the isolation loads no module that the interpreter has not loaded itself."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import evalprov.__main__, evalprov.isolation\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['evalprov', 'evalprov.__main__', 'evalprov.isolation']"

"""Which Python a command will run on: read off the command and the files it names, nothing is executed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.software.way import CommandWay, PythonChoice, options, python_in, read_head, which

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STEPS = 12  # programs that start one another before we give up

# Programs that start another: the short and the long options that take a word, and words before the command.
WRAPPERS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "chrt": ("TPD", ("sched-runtime", "sched-period", "sched-deadline"), 1),
    "doas": ("uC", (), 0),
    "ionice": ("cn", ("class", "classdata"), 0),
    "nice": ("n", ("adjustment",), 0),
    "nohup": ("", (), 0),
    "numactl": ("iNmCpPw", ("interleave", "cpunodebind", "membind", "physcpubind", "preferred"), 0),
    "setsid": ("", (), 0),
    "stdbuf": ("ioe", ("input", "output", "error"), 0),
    "sudo": ("ughpCrtTUDR", ("user", "group", "host", "prompt", "chdir", "chroot", "close-from"), 0),
    "taskset": ("", (), 1),
    "time": ("fo", ("format", "output"), 0),
    "timeout": ("sk", ("signal", "kill-after"), 1),
    "xvfb-run": ("efnpsw", ("error-file", "auth-file", "server-num", "server-args", "xauth-protocol"), 0),
}
MANAGERS = frozenset(
    ("uv", "uvx", "pipx", "poetry", "pipenv", "pdm", "hatch", "rye", "pixi", "conda", "mamba", "micromamba")
)
ELSEWHERE = frozenset(
    ("docker", "podman", "nerdctl", "ssh", "kubectl", "oc", "apptainer", "singularity", "enroot", "flatpak")
)
SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "busybox"))
RUNNERS = frozenset(("make", "gmake", "just", "task", "ninja", "tox", "nox"))
OTHERS = frozenset(("node", "npm", "npx", "pnpm", "yarn", "bun", "deno", "ruby", "perl", "Rscript"))
# Written in Python, and what they run has an environment, a shell or a kernel of its own.
DIRECTORS = frozenset(
    (
        *("tox", "nox", "invoke", "inv", "fab", "doit", "dvc", "snakemake", "pre-commit", "honcho", "mlflow"),
        *("jupyter", "jupyter-execute", "jupyter-nbconvert", "nbconvert", "papermill", "ploomber", "sky", "modal"),
    )
)


def choose(argv: Sequence[str], cwd: str, environ: Mapping[str, str], root: str) -> PythonChoice:
    """Find the Python that the command will run on."""
    way = CommandWay(argv, cwd, environ, root)
    for _ in range(STEPS):
        outcome = _follow(way)
        if outcome is not None:
            return outcome
    return way.unknown("too many programs that start one another")


def _follow(way: CommandWay) -> PythonChoice | None:
    """Take one program off the front of the command, or come to an end."""
    if not way.words:
        return way.unknown("no command follows")
    name = os.path.basename(way.words[0])
    handler = _handler(name) if _well_known(way.words[0]) else None
    if handler:
        return handler(way, name)
    path = which(way.words[0], way.cwd, way.environ)
    if path is not None:
        return _at_program(way, name, _behind_shim(path, way))
    # A manager's own task may have any name.
    return _uncertain(way, name, may_start=False) if way.prefix else way.unknown(f"{name}: not found")


def _handler(name: str) -> Callable[[CommandWay, str], PythonChoice | None] | None:
    if name == "env":
        return _through_env
    if name in WRAPPERS:
        return _through_wrapper
    if name in MANAGERS:
        from evalprov.capture.software.managers import follow

        return follow
    return None


def _well_known(word: str) -> bool:
    """Tell a program of the system from a file of the project that bears its name."""
    return "/" not in word or os.path.dirname(word).endswith("bin")


def _at_program(way: CommandWay, name: str, path: str) -> PythonChoice | None:
    if is_python(name):
        return _python(way, path)
    head = read_head(path)
    if head.startswith(b"#!"):
        return _through_shebang(way, path, head)
    way.program = path
    if name in ELSEWHERE:
        return way.unknown(f"{name} runs the command elsewhere")
    return _uncertain(way, name, may_start=name in SHELLS or name in RUNNERS or name in OTHERS)


def is_python(name: str) -> bool:
    """Say whether a program of this name is a Python interpreter."""
    for stem in ("python", "pypy", "graalpy"):
        if name.startswith(stem):
            return name[len(stem) :].lstrip("0123456789.") in {"", "t", "d", "m", "dm", "td", "w", "-dbg"}
    return False


def _through_env(way: CommandWay, _: str) -> PythonChoice | None:
    found, used = options(way.words[1:], "uCS", ("unset", "chdir", "split-string"))
    rest = way.words[1 + used :]
    environ = dict(way.environ)
    for name, value in found:
        if name in {"i", "ignore-environment"}:
            environ.clear()
        elif name in {"u", "unset"}:
            environ.pop(value, None)
        elif name in {"C", "chdir"}:
            way.cwd = os.path.normpath(os.path.join(way.cwd, value))
        elif name in {"S", "split-string"}:
            rest = [*_split(value), *rest]
    if rest[:1] == ["-"]:
        environ.clear()
        rest = rest[1:]
    way.words, way.environ = _assign(rest, environ), environ
    return None


def _assign(words: list[str], environ: dict[str, str]) -> list[str]:
    """Take the NAME=VALUE words in front into the environment; return the rest."""
    while words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        environ[name] = value
        words = words[1:]
    return words


def _split(text: str) -> list[str]:
    if not set(text) & set("'\"\\#$"):
        return text.split()
    import shlex

    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return []


def _through_wrapper(way: CommandWay, name: str) -> PythonChoice | None:
    short, long, positional = WRAPPERS[name]
    _, used = options(way.words[1:], short, long)
    way.words = way.words[1 + used + positional :]
    if name in {"sudo", "doas"}:
        environ = dict(way.environ)
        way.words, way.environ = _assign(way.words, environ), environ
        way.certain = False
        way.reasons.append(f"{name} may change the search path and the environment")
    return None


def _through_shebang(way: CommandWay, path: str, head: bytes) -> PythonChoice | None:
    _doubt_director(way, os.path.basename(path))
    line, _, after = head[2:].partition(b"\n")
    interpreter, _, argument = os.fsdecode(line.strip()).partition(" ")
    trampoline = _behind_trampoline(path, after) if after.startswith(b"'''exec'") else None
    if trampoline:
        interpreter, argument = trampoline, ""
    if not interpreter:
        return way.unknown(f"{os.path.basename(path)}: its first line names no interpreter")
    if after.startswith(b"PK\x03\x04"):
        way.certain = False
        way.reasons.append(f"{os.path.basename(path)} is an archive and may carry packages of its own")
    given = [argument.strip()] if argument.strip() else []
    way.words = [interpreter, *given, path, *way.words[1:]]
    if way.found_by == "command":
        way.found_by = "shebang"
    return None


def _doubt_director(way: CommandWay, name: str) -> None:
    if name in DIRECTORS:
        way.certain = False
        way.reasons.append(f"{name} starts programs that may run on another Python")


def _behind_trampoline(path: str, after: bytes) -> str | None:
    """Read the interpreter from the shell line that installers write where a `#!` cannot hold its path."""
    line = os.fsdecode(after.split(b"\n", 1)[0])
    if "$(" in line:
        # A relocatable one: the interpreter stands beside the script.
        name = line.partition(' "$0" "$@"')[0].rpartition("/")[2].strip("'\"")
        return os.path.join(os.path.dirname(os.path.realpath(path)), name)
    words = _split(line)
    return words[1] if len(words) > 1 else None


def _behind_shim(path: str, way: CommandWay) -> str:
    """Return the program that a pyenv shim stands for; a shim that cannot be read so stays what it is."""
    folder, name = os.path.split(path)
    home = os.path.dirname(folder)
    if os.path.basename(folder) != "shims" or not os.path.isdir(os.path.join(home, "versions")):
        return path
    wanted = way.environ.get("PYENV_VERSION") or _pyenv_version(way.cwd, home)
    for version in wanted.replace(":", " ").split():
        if version == "system":
            elsewhere = [f for f in way.environ.get("PATH", "").split(os.pathsep) if f != folder]
            behind = which(name, way.cwd, {"PATH": os.pathsep.join(elsewhere)})
        else:
            behind = which(os.path.join(home, "versions", version, "bin", name), way.cwd, {})
        if behind:
            return behind
    return path


def _pyenv_version(cwd: str, home: str) -> str:
    folder = cwd
    while True:
        text = read_head(os.path.join(folder, ".python-version"))
        if text:
            return os.fsdecode(text)
        if folder == os.path.dirname(folder):
            return os.fsdecode(read_head(os.path.join(home, "version"))) or "system"
        folder = os.path.dirname(folder)


def _python(way: CommandWay, path: str) -> PythonChoice:
    """Read the interpreter's own options as far as the program."""
    kept: list[str] = []
    words = way.words[1:]
    script: str | None = None
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            script = None if word == "-" else word
            break
        if word == "--check-hash-based-pycs":
            words[:1] = []
        if word.startswith("--"):
            continue
        ended = False
        for place, letter in enumerate(word[1:], 2):
            if letter in "IEsSP":
                kept.append(f"-{letter}")
            elif letter in "cmWX":
                ended = letter in "cm"
                value = word[place:] or (words[0] if words else "")
                if letter == "m":
                    _doubt_director(way, value.partition(".")[0])
                if place == len(word):
                    words[:1] = []  # its value
                break
        if ended:
            break
    return way.found([path, *kept], _first_of_path(way, kept, script))


def _first_of_path(way: CommandWay, kept: list[str], script: str | None) -> str:
    """Return what the interpreter will put in front of the module path for this program."""
    isolated = "-I" in kept or "-P" in kept
    if isolated or ("-E" not in kept and way.environ.get("PYTHONSAFEPATH")):
        return ""
    if script is None:
        return way.cwd
    path = os.path.realpath(os.path.join(way.cwd, script))
    return path if os.path.isdir(path) else os.path.dirname(path)


def _uncertain(way: CommandWay, name: str, *, may_start: bool) -> PythonChoice:
    """Take the environment at hand for a program that is no Python itself but may start one."""
    way.certain = False
    way.reasons.append(f"{name} is not a Python program; whether it starts this Python is not known")
    for found_by, prefix in _at_hand(way, near=may_start):
        python = python_in(prefix)
        if python:
            way.found_by = found_by
            return way.found([python])
    if may_start and name not in OTHERS:
        for word in ("python", "python3"):
            path = which(word, way.cwd, way.environ)
            if path:
                way.found_by = "PATH"
                return way.found([_behind_shim(path, way)])
    return way.unknown(f"{name} is not a Python program, and whether it starts one is not known")


def _at_hand(way: CommandWay, *, near: bool) -> list[tuple[str, str]]:
    if way.prefix:
        return [(way.found_by, way.prefix)]
    active = [(name, way.environ[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if way.environ.get(name)]
    folders = dict.fromkeys((way.cwd, way.root)) if near else ()
    return active + [(name, os.path.join(folder, name)) for folder in folders for name in (".venv", "venv")]

"""What a command's Python programs really use: a hook that they load by themselves, and the file it writes to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.observe.project import ProjectWatch
    from evalprov.record.schema.software import Interpreter

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hook")
FILE = "seen"  # beside the file for reports: from that one's name the hook knows it
SWITCH = "EVALPROV_OBSERVE"  # set where everything is to be observed, seen by the command or not
VERSIONS = ((3, 8), (3, 13))  # the Pythons with which observing was tried
NO_HOOK = ("off", "project")
_FOLLOWERS = frozenset(("trace", "cProfile", "profile", "pdb", "debugpy", "viztracer"))  # show every call


class Observation(NamedTuple):
    """A run that is observed, or the reason why not."""

    mode: str  # project, auto, strict or off
    reason: str | None
    path: str | None = None  # of the file that the hook writes to
    project: ProjectWatch | None = None

    def remove(self) -> None:
        """Take the file away; what still runs and has it open writes to nothing then."""
        if self.path is not None:
            try:
                os.unlink(self.path)
            except OSError:
                return


def observe(
    mode: str, argv: Sequence[str], environ: dict[str, str], interpreter: Interpreter | None, version: str | None
) -> Observation:
    """Lead every Python of the command to the hook, by its environment; in `auto` only where nothing can tell."""
    reason = _refused(mode, argv, environ, interpreter, version)
    if reason is not None:
        return Observation(mode, reason)
    path = os.path.join(os.path.dirname(environ["EVALPROV_REPORT"]), FILE)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return Observation(mode, f"no file for what is seen: {error.strerror}")
    environ["PYTHONPATH"] = _with_hook(environ.get("PYTHONPATH"))
    environ.pop(SWITCH, None)
    if mode == "strict":
        environ[SWITCH] = mode
    return Observation(mode, None, path)


def _with_hook(given: str | None) -> str:
    """Return PYTHONPATH with the hook in front, spelled so that the hook knows what there was without it."""
    if not given:
        return HOOK if given is None else f"{HOOK}/"
    return f"{HOOK}/.{os.pathsep}{given}"


def _refused(
    mode: str, argv: Sequence[str], environ: Mapping[str, str], interpreter: Interpreter | None, version: str | None
) -> str | None:
    """Say why a command is not observed; null where it is."""
    if mode in NO_HOOK:
        return "it was not asked for"
    if "EVALPROV_REPORT" not in environ or os.pathsep in HOOK:
        return "there is no place for what is seen, or evalprov lies in a folder that PYTHONPATH cannot name"
    return None if mode == "strict" else _shows(argv, environ, interpreter, version)


def _shows(
    argv: Sequence[str], environ: Mapping[str, str], interpreter: Interpreter | None, version: str | None
) -> str | None:
    """Say why a command might notice that it is observed; null where nothing can tell."""
    if HOOK in environ.get("PYTHONPATH", ""):
        return "another run observes it already"
    if interpreter is None or not interpreter["certain"]:
        return "the command is not surely a Python program, and a shell might add to PYTHONPATH: see --observe strict"
    number = tuple(int(part) for part in (version or "").split(".")[:2] if part.isdecimal())
    if interpreter["implementation"] != "cpython" or not VERSIONS[0] <= number <= VERSIONS[1]:
        tried = " to ".join(f"{major}.{minor}" for major, minor in VERSIONS)
        return f"only CPython {tried} is known not to notice: see --observe strict"
    if environ.get("PYTHONVERBOSE") or environ.get("PYTHONPROFILEIMPORTTIME") or _says_what_it_loads(argv):
        return "so started, this Python would not load the hook, or show it: see --observe strict"
    return None


def _says_what_it_loads(argv: Sequence[str]) -> bool:
    """Say whether an option of the interpreter would make the hook show, or keep it out."""
    words = iter(argv)
    if not any(os.path.basename(word).startswith("python") for word in words):
        return False
    for option in words:
        if option == "-m":
            return next(words, "") in _FOLLOWERS
        if option in {"-", "-c"} or not option.startswith("-"):
            return False
        if option in {"-X", "-W"}:
            option += next(words, "")  # noqa: PLW2901 - its value
        if option == "-Ximporttime" or (option[1] not in "XW-" and set(option) & set("SvIE")):
            return True
    return False

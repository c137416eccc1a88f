"""Our own process keeps to itself: what tells Python how to behave is meant for the command."""

# Until the search path is ours nothing else may be imported, not even __future__: the user's folders may hold one.
import os
import sys

# What changes how the interpreter works from its start; PYTHONPATH has a rule of its own.
_FOR_THE_COMMAND = (
    "PYTHONHOME",
    "PYTHONPLATLIBDIR",
    "PYTHONEXECUTABLE",
    "PYTHONCASEOK",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "PYTHONDEBUG",
    "PYTHONVERBOSE",
    "PYTHONWARNINGS",
    "PYTHONWARNDEFAULTENCODING",
    "PYTHONDEVMODE",
    "PYTHONTRACEMALLOC",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONPERFSUPPORT",
    "PYTHON_PERF_JIT_SUPPORT",
    "PYTHONMALLOC",
    "PYTHONMALLOCSTATS",
    "PYTHONINTMAXSTRDIGITS",
    "PYTHONUTF8",
    "PYTHONIOENCODING",
    "PYTHON_CPU_COUNT",
)
_AS_WE_ARE = {("PYTHONUTF8", "1"), *(("PYTHONIOENCODING", name) for name in ("utf-8", "UTF-8", "utf8", "UTF8"))}
_PATH_OPTION = "evalprov.path"


def isolate() -> None:
    """Keep the user's modules and interpreter settings away from us; start again without them where it must be."""
    given = {} if sys.flags.ignore_environment else given_environment(early=True)
    entries = given.get("PYTHONPATH")
    theirs = {os.path.abspath(entry) for entry in entries.split(os.pathsep)} if entries else set()
    # Where we were started, too, comes behind the standard library and what is installed: there nothing is shadowed,
    # and evalprov itself may lie there.
    last = theirs if sys.flags.safe_path else theirs.union(sys.path[:1])
    sys.path.sort(key=last.__contains__)
    if isinstance(carried := sys._xoptions.get(_PATH_OPTION), str):  # noqa: SLF001 - documented, and for programs
        sys.path += [entry for entry in carried.split(os.pathsep) if entry not in sys.path]
    if sys.flags.ignore_environment:
        return
    values = ((name, given.get(name)) for name in _FOR_THE_COMMAND)
    if any(value and (name, value) not in _AS_WE_ARE for name, value in values) or _loaded_from(theirs):
        _start_again(given)


def given_environment(*, early: bool = False) -> dict[str, str]:
    """Return the environment we were started with: Python adds LC_CTYPE to its own, and a sitecustomize anything.

    Where it takes more than the kernel's word for it, that can only be asked once we are isolated.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [one.partition(b"=") for one in file.read().split(b"\0")]
    except OSError:
        if early:
            return dict(os.environ)
        from evalprov.platform.processes import own_environment

        return own_environment()
    given: dict[str, str] = {}
    for name, equals, value in pairs:
        if name and equals:
            given.setdefault(os.fsdecode(name), os.fsdecode(value))
    return given


def _loaded_from(folders: set[str]) -> bool:
    """Say whether something was loaded from there before it was our turn: sitecustomize, or what a script imports."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or "." in name or name in {"__main__", "evalprov"}:
            continue
        inside = os.path.dirname(file)
        if (os.path.dirname(inside) if hasattr(module, "__path__") else inside) in folders:
            return True
    return False


def _start_again(given: dict[str, str]) -> None:
    """Become a fresh process that ignores the interpreter's variables; they stay in the environment."""
    python = sys.executable
    if not python or given.get("PYTHONEXECUTABLE"):
        python = os.path.realpath("/proc/self/exe")  # sys.executable repeats the variable
    ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    if not os.access(ours, os.R_OK):
        return
    flags = ["-E", "-P", "-X", f"{_PATH_OPTION}={os.pathsep.join(sys.path)}"]
    flags += ["-B"] * sys.flags.dont_write_bytecode + ["-s"] * sys.flags.no_user_site
    if sys.pycache_prefix:
        flags += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    try:
        os.execve(python, [python, *flags, ours, *sys.argv[1:]], given)  # noqa: S606 - no shell is meant
    except (OSError, ValueError):
        return  # as well as can be done


def here() -> str:
    """Return the folder we are in; one that was deleted has no other name than the system's for it."""
    try:
        return os.getcwd()
    except OSError:
        return "/proc/self/cwd"

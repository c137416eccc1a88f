"""Sources that git does not show: what it ignores beside the program, and modules from outside the repository.

What is there is listed before the command starts, and read while it runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.askgit import parts_of, status, where
from evalprov.capture.collector import Absent, CaptureContext, Findings, Later, Steps
from evalprov.capture.made import BUILT, CACHES, ENVIRONMENTS
from evalprov.capture.software.way import read_head
from evalprov.capture.text import readable
from evalprov.named import NamedTuple
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evalprov.capture.ask import Reply
    from evalprov.capture.hashing import FileEntry
    from evalprov.capture.software.packages import Installed

FILES, SIZE = 2_000, 32 << 20
SCANNED = 20_000  # names looked at in folders that git ignores
DOTENV_LIMIT = 1 << 20
SOURCES = (
    *(".py", ".pyx", ".ipynb", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".sh", ".bash", ".zsh"),
    *(".pl", ".pm", ".rb", ".r", ".jl", ".lua", ".go", ".rs", ".java", ".kt", ".scala", ".cs", ".php", ".sql"),
    *(".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".jinja", ".jinja2", ".j2", ".tmpl", ".mustache", ".hbs"),
    *(".prompt", ".prompty"),
)
# In a folder that is ignored as a whole these are a program's output as a rule.
SETTINGS = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf")
SETTINGS_NAMED = frozenset(
    ("config", "conf", "setting", "settings", "option", "options", "param", "params", "prompt", "prompts", "local")
)
MODULES = {
    "PYTHONPATH": (".py", ".pyx", ".so"),
    "NODE_PATH": (".js", ".mjs", ".cjs", ".json"),
    "PERL5LIB": (".pl", ".pm"),
    "RUBYLIB": (".rb",),
}
WORDS = 50  # of the command
LOOKED_INTO, LOOKED_AT = 64, 256 << 10  # files of a folder, bytes of a file
REACHES = (
    rb"\bsys\.path\.(insert|append|extend)\b|\bsys\.path\s*(\+=|=(?!=)|\[[^]\n]*\]\s*=(?!=))|\baddsitedir\("
    rb"|\bspec_from_file_location\(|\bSourceFileLoader\(|\brunpy\.run_path\("
)
NO_DOTENV = (".example", ".sample", ".template", ".dist")


class _Listed(NamedTuple):
    """What lies beside the program, not read yet."""

    files: dict[str, FileEntry]  # by their names in the record
    dotenv: dict[str, FileEntry]
    reasons: list[str]


def collect(context: CaptureContext) -> Steps:
    """Ask git what it ignores, list the sources in it and on the module paths, and leave the reading for later."""
    told, place = yield [status(context), where(context)]
    listed = _Listed({}, {}, [])
    listing = _Listing(listed)
    _ignored(context, told, parts_of(place), listing)
    for variable, kinds in MODULES.items():
        _modules(context, variable, kinds, listing)
    _dotenv(context, listed)
    listed.reasons.extend(_reaching(context))
    if not (listed.files or listed.dotenv or listed.reasons):
        raise Absent("git hides no sources here")
    waiting = "; ".join([*listed.reasons, "sources that git does not show were not read to the end"])
    return Findings({}, reason=_clean(context, waiting), later=Later(lambda stop: _read(context, listed, stop)))


def added_folders(
    context: CaptureContext, installed: Installed, nobody_waits: Callable[[], bool]
) -> tuple[dict[str, str], str | None]:
    """Read the modules in folders that a .pth file added to a Python's path, and say what is not known of them."""
    from evalprov.capture.software.installed import sites_of

    given = context.environ.get("PYTHONPATH", "").split(os.pathsep)
    used = [os.path.realpath(path) for path in installed.folders.values()]
    known = {*map(os.path.realpath, given), *sites_of(installed, context.root)}
    listing = _Listing(_Listed({}, {}, []))
    folders = (os.path.realpath(one) for one in installed.path[1:])
    stdlib = os.path.realpath(installed.stdlib)
    inside = os.path.realpath(context.root)
    for folder in dict.fromkeys(folders):
        of_python = _within(folder, stdlib) or folder.endswith(".zip") or os.path.basename(folder) == "lib_pypy"
        of_package = any(_within(folder, one) for one in used)
        if of_python or of_package or folder in known or _within(folder, inside) or not os.path.isdir(folder):
            continue
        number = sum(1 for one in listing.tops if one.startswith(".pth"))
        listing.add_folder(folder, f".pth[{number}]/", MODULES["PYTHONPATH"])
    return _sums(context, listing.listed, nobody_waits)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def _clean(context: CaptureContext, text: str) -> str:
    return context.scrub.text(readable(text))


# --- listing ------------------------------------------------------------------------------------------------


class _Listing:
    """Takes files up within bounds."""

    def __init__(self, listed: _Listed) -> None:
        self.listed = listed
        self.tops: list[str] = []
        self._size = 0
        self._scanned = 0

    def full(self, reason: str) -> bool:
        """Say whether the bounds are reached, and note it."""
        over = len(self.listed.files) > FILES or self._size > SIZE or self._scanned > SCANNED
        if over and reason not in self.listed.reasons:
            self.listed.reasons.append(reason)
        return over

    def add(self, name: str, path: str) -> None:
        """Take one file."""
        from evalprov.capture.sums import entry_of

        try:
            entry = entry_of(name, path)
        except OSError as error:
            self.listed.reasons.append(f"{name}: {error.strerror}")
            return
        if entry:
            self.listed.files[name] = entry
            self._size += entry.size

    def add_folder(self, folder: str, name: str, kinds: tuple[str, ...]) -> None:
        """Take the files of these kinds in a folder and below."""
        self.tops.append(name)
        pending = [(folder, name)]
        while pending:
            here, inside = pending.pop()
            try:
                entries = sorted(os.scandir(here), key=lambda entry: entry.name)
            except OSError as error:
                self.listed.reasons.append(f"{inside}: {error.strerror}")
                continue
            if any(entry.name in ENVIRONMENTS for entry in entries):
                continue
            self._scanned += len(entries)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in CACHES and entry.name not in BUILT:
                        pending.append((entry.path, f"{inside}{entry.name}/"))
                elif entry.name.lower().endswith(kinds):
                    self.add(inside + entry.name, entry.path)
            if self.full(f"{name}: more than is read: {FILES:,} files, {SIZE >> 20} MiB, {SCANNED:,} names"):
                return


def _ignored(context: CaptureContext, told: Reply, place: list[str], listing: _Listing) -> None:
    if told.problem or told.code or not place:
        listing.listed.reasons.append(f"git did not say what it ignores: {told.complaint}")
        return
    names = _from_root(
        [os.fsdecode(one[2:]) for one in told.out.split(b"\0") if one[:2] == b"! "], place[1], context.root
    )
    taken: set[str] | None = None
    for name in names:
        parts = name.rstrip("/").split("/")
        path = os.path.join(context.root, name.rstrip("/"))
        if not CACHES.isdisjoint(parts) or not BUILT.isdisjoint(parts) or path == context.store:
            continue
        if not name.endswith("/") and not _may_count(parts[-1]):
            continue
        if taken is None:  # asked for where it can matter
            from evalprov.capture.code.codetree import not_code

            taken = not_code(context)
        if name.rstrip("/") in taken:
            continue
        if name.endswith("/"):
            listing.add_folder(path, name, SOURCES)
        else:
            listing.add(name, path)
    for name in taken or ():
        listing.listed.files.pop(name, None)


def _from_root(names: Iterable[str], top: str, root: str) -> Iterator[str]:
    """Give names below the project root as they are from there; all of it where it lies in one of them itself."""
    inside = os.path.relpath(os.path.realpath(root), os.path.realpath(top))
    above = "" if inside == "." else f"{inside}/"
    for name in names:
        if name.endswith("/") and above.startswith(name):
            yield "./"
        elif name.startswith(above):
            yield name[len(above) :]


def _may_count(name: str) -> bool:
    low = name.lower()
    if not low.endswith(".json"):
        return low.endswith((*SOURCES, *SETTINGS))
    words = "".join(letter if letter.isalpha() else " " for letter in low).split()
    return not SETTINGS_NAMED.isdisjoint(words)


def _modules(context: CaptureContext, variable: str, kinds: tuple[str, ...], listing: _Listing) -> None:
    """List the modules in the folders of a search path, but for those that the repository or the packages have."""
    for number, folder in enumerate(context.environ.get(variable, "").split(os.pathsep)):
        place = os.path.realpath(os.path.join(context.cwd, folder))
        if not folder or _within(place, os.path.realpath(context.root)) or not os.path.isdir(place):
            continue
        if variable == "PYTHONPATH" and _holds_packages(place):
            continue
        listing.add_folder(place, f"{variable}[{number}]/", kinds)


def _reaching(context: CaptureContext) -> Iterator[str]:
    """Name the sources beside the program that say themselves where modules are to be looked for: nobody saw which."""
    import re

    for folder in dict.fromkeys(_folders_of_program(context)):
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
        except OSError:
            continue
        for name in names[:LOOKED_INTO]:
            path = os.path.join(folder, name)
            if re.search(REACHES, read_head(path, LOOKED_AT)):
                shown = os.path.relpath(path, context.root)
                yield f"{shown} changes where modules are looked for: what it reaches was not looked at"
                break


def _folders_of_program(context: CaptureContext) -> Iterator[str]:
    """Give the folders of the Python files that the command names, and of a module that it runs."""
    for at, word in enumerate(context.argv[1:WORDS]):
        if word.endswith(".py"):
            yield os.path.dirname(os.path.normpath(os.path.join(context.cwd, word)))
        elif context.argv[at] == "-m":
            yield os.path.join(context.cwd, *word.split(".")[:-1])


def _holds_packages(folder: str) -> bool:
    try:
        return any(name.endswith(".dist-info") for name in os.listdir(folder))
    except OSError:
        return False


def _dotenv(context: CaptureContext, listed: _Listed) -> None:
    """List the .env files where the command runs and above it, up to the root: libraries load them by themselves."""
    for folder in _up_to_root(context):
        try:
            names = [name for name in os.listdir(folder) if name == ".env" or name.startswith(".env.")]
        except OSError:
            continue
        for one in sorted(names):
            name = os.path.relpath(os.path.join(folder, one), context.root)
            listed.files.pop(name, None)
            if one.endswith(NO_DOTENV):
                continue
            from evalprov.capture.sums import entry_of

            try:
                entry = entry_of(name, os.path.join(folder, one))
            except OSError as error:
                listed.reasons.append(f"{name}: {error.strerror}")
                continue
            path = os.path.join(folder, one)
            if entry is None and os.path.exists(path) and not os.path.isdir(path):
                listed.reasons.append(f"{name}: not a regular file, not read")
            elif entry and entry.size > DOTENV_LIMIT:
                listed.reasons.append(f"{name}: larger than {DOTENV_LIMIT >> 20} MiB, not read")
            elif entry:
                listed.dotenv[name] = entry


def _up_to_root(context: CaptureContext) -> Iterator[str]:
    folder = os.path.normpath(context.cwd)
    while _within(folder, context.root):
        yield folder
        if folder == context.root:
            return
        folder = os.path.dirname(folder)


# --- reading ------------------------------------------------------------------------------------------------


def _read(context: CaptureContext, listed: _Listed, nobody_waits: Callable[[], bool]) -> Findings:
    beside, reason = _sums(context, listed, nobody_waits)
    return Findings({"code": {"beside": beside}}, reason=reason)


def _sums(
    context: CaptureContext, listed: _Listed, nobody_waits: Callable[[], bool]
) -> tuple[dict[str, str], str | None]:
    """Hash what was listed; return it by name, and what of it was not read."""
    from evalprov.capture.sums import Bounds, NotRead, sums

    beside: dict[str, str] = {}
    reasons = list(listed.reasons)
    try:
        found = sums(
            f"{context.root}\0beside", listed.files.values(), context.environ, Bounds(FILES, SIZE, nobody_waits)
        )
        beside.update((os.fsdecode(name), f"sha256:{digest.decode()}") for name, digest in found.items())
    except (NotRead, OSError) as error:
        reasons.append(f"not read: {error}")
    for name, entry in listed.dotenv.items():
        try:
            beside[name] = _variables_hash(context, entry)
        except (OSError, ValueError) as error:
            reasons.append(f"{name}: {error}")
    named = {_clean(context, name): digest for name, digest in sorted(beside.items())}
    return named, _clean(context, "; ".join(reasons)) or None


def _variables_hash(context: CaptureContext, entry: FileEntry) -> str:
    """Return the hash of a .env file's variables: a comment, their order and a secret's value do not count."""
    from evalprov.record.identity import hash_of

    file = open_regular(entry.path)
    try:
        text = os.read(file, DOTENV_LIMIT).decode("utf-8", "backslashreplace")
    finally:
        os.close(file)
    return hash_of(context.scrub.value(dict(_assignments(text.splitlines()))))


def _assignments(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            end = value.find(value[0], 1) if value[:1] in {"'", '"'} else -1
            yield name.strip(), value[1:end] if end > 0 else value.partition(" #")[0].rstrip()

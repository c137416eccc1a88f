"""Files that nobody declares and the command names: its standard input, and what no tree of git's holds."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from evalprov.capture.collector import Absent, CaptureContext, Findings, Steps
from evalprov.capture.declared.declared import declared_files
from evalprov.capture.declared.naming import key_of
from evalprov.capture.declared.written import is_output_option, named_outputs, wrote_before
from evalprov.capture.software.interpreter import DIRECTORS, ELSEWHERE, MANAGERS, OTHERS, RUNNERS, SHELLS, is_python
from evalprov.capture.software.way import read_head, which
from evalprov.capture.text import readable
from evalprov.named import NamedTuple
from evalprov.platform import path_of
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.capture.ask import Question, Reply
    from evalprov.record.manifest import FoundFacts
    from evalprov.record.schema.declared import DataSet

MOST = 16  # files and folders; a command that names more names a list
FILES = 1000  # in a folder
BUDGET = 1 << 30  # bytes: hashed in a second or two
_STARTERS = MANAGERS | ELSEWHERE | SHELLS | RUNNERS | OTHERS | DIRECTORS
NOT_FILES = ("/dev/", "/proc/", "/sys/")
SCRIPTS = (
    *(".py", ".pyw", ".ipynb", ".sh", ".bash", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl"),
    *(".r", ".jl", ".lua", ".php", ".go", ".rs", ".java"),
)


# In the name of an option, that its value is a place where the command writes.
PLACES = frozenset(
    (
        *("cache", "dest", "destination", "html", "log", "logdir", "logfile", "logs", "out", "outdir", "output"),
        *("outputs", "report", "reports", "result", "results", "save", "tmp", "write"),
    )
)


class _Word(NamedTuple):
    """A file or folder that the command names."""

    said: str
    path: str  # absolute
    real: str  # with links resolved
    folder: bool
    key: str | None = None  # what it is called in the record, where that is not its path


Working = Generator["list[Question]", "list[Reply]", Any]


def collect(context: CaptureContext) -> Steps:
    """Hash standard input where it is a file, and what the command names that is in no tree of git's."""
    words = list(words_of(context))
    prompts = _prompts(context)
    stdin = stdin_path(context)
    if not words and not prompts and stdin is None:
        raise Absent("the command names no file")
    ignored, outside = yield from _unheld(context, [word.real for word in words], prompts)
    warnings = [
        f"the prompt {key_of(context, path, path)} is in no commit and its text is kept nowhere: git ignores it"
        for path in prompts
        if os.path.realpath(path) in ignored
    ]
    unheld = [word for word in words if word.real in ignored or word.real in outside]
    if not unheld and stdin is None:
        if warnings:
            return Findings({}, tuple(context.scrub.text(readable(one)) for one in warnings))
        raise Absent("what the command names is in the code tree, or recorded elsewhere")
    # Not needed where a command names nothing of this kind.
    from evalprov.capture.declared.naming import UnreadFiles

    hasher = _Hasher(context, UnreadFiles(context, "the command"), warnings)
    if stdin is not None:
        yield from hasher.take_stdin(stdin)
    for word in unheld[:MOST]:
        yield from hasher.take(word)
    if len(unheld) > MOST:
        warnings.append(f"the command names more than {MOST} files that git does not hold; the first are hashed")
    clean = [context.scrub.text(readable(one)) for one in (*hasher.unread.noted, *warnings)]
    facts: FoundFacts = {"data": {"sets": hasher.sets}, "code": {"beside": hasher.beside}}
    return Findings(facts, tuple(clean), reason="; ".join(clean[: len(hasher.unread.noted)]) or None)


def claimed(context: CaptureContext) -> set[str]:
    """Return what belongs to another layer than code, by its path from the project root; a folder means all in it."""
    named = [word.path for word in words_of(context)]
    if stdin := stdin_path(context):
        named.append(stdin)
    # Of what the command names git's tree has the rest.
    pointers = [f"{path}.dvc" for path in named if os.path.lexists(f"{path}.dvc")]
    return declared_files(context) | {
        os.path.relpath(path, context.root) for path in ([stdin] if stdin else []) + pointers
    }


# --- what is named


def words_of(context: CaptureContext) -> Iterator[_Word]:
    """Give what the command names that is there: files and folders, each once, evalprov's own and outputs left out."""
    from evalprov.capture.code.gitpatch import is_secret_file
    from evalprov.capture.declared import config

    claimed: set[str] | None = None
    seen = named_outputs(context)
    for text in _texts(context.argv):
        path = os.path.normpath(os.path.join(context.cwd, text))
        kind = _kind(path)
        if kind is None or path in seen or path.startswith(NOT_FILES) or _around(path, context):
            continue
        if is_secret_file(os.fsencode(path)):
            continue  # a certificate, a .env: no data, and no hash of a secret is kept
        seen.add(path)
        claimed = config.claimed(context) | declared_files(context) if claimed is None else claimed
        if os.path.relpath(path, context.root) not in claimed and not wrote_before(context, path):
            yield _Word(text, path, os.path.realpath(path), kind == "folder")
    if (program := _program(context)) and program.path not in seen:
        yield program


def _program(context: CaptureContext) -> _Word | None:
    """Return the command's own program where it is a script that somebody wrote and no package installed."""
    said = context.argv[0]
    if "/" not in said and (is_python(said) or said in _STARTERS):
        return None
    path = which(said, context.cwd, context.environ)
    if path is None or not (head := read_head(path)).startswith(b"#!"):
        return None
    path = os.path.normpath(path)
    real = os.path.realpath(path)
    interpreter = os.fsdecode(head[2:].partition(b"\n")[0].strip()).partition(" ")[0]
    installed = os.path.dirname(interpreter) in (os.path.dirname(path), os.path.dirname(real))
    if installed or os.path.basename(os.path.dirname(path)) == "shims" or _is_program(real) or _around(real, context):
        return None
    return _Word(said, path, real, folder=False, key=None if "/" in said else f"PATH/{said}")


def _texts(argv: tuple[str, ...]) -> Iterator[str]:
    """Give the words and option values that may name something to read."""
    option = ""
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[+~]*-{0,2}[A-Za-z][\w./-]*", name):
            if value and not _writes(name):
                yield value
        elif word and not word.startswith("-") and not _writes(option):
            yield word
        option = word if word.startswith("-") and not equals else ""


def _writes(option: str) -> bool:
    return is_output_option(option) or not PLACES.isdisjoint(re.findall(r"[a-z]+", option.lower()))


def _kind(path: str) -> str | None:
    """Say whether there is a file or folder to read; a pointer to data that is not there counts as a file."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return "file" if len(path) < 4096 and "\0" not in path and os.path.isfile(f"{path}.dvc") else None
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else None


def _around(path: str, context: CaptureContext) -> bool:
    """Say whether this is a folder around where we are or evalprov's own, a file in that, or an environment's."""
    inside = os.path.join(path, "")
    if any(f"{place}/".startswith(inside) for place in (context.root, context.cwd, context.store)):
        return True
    if f"{path}/".startswith(f"{context.store}/"):
        return True
    places = (path, os.path.dirname(os.path.dirname(path)))
    return any(os.path.exists(os.path.join(place, "pyvenv.cfg")) for place in places)


def stdin_path(context: CaptureContext) -> str | None:
    """Return the path of the file that standard input is, empty where it has none; null where it is no such file."""
    if context.stdin is None:
        return None
    try:
        if not stat.S_ISREG(os.fstat(context.stdin).st_mode):
            return None
    except OSError:
        return None
    path = path_of(context.stdin) or ""
    return None if path.startswith(NOT_FILES) else path


def _prompts(context: CaptureContext) -> list[str]:
    """Return the declared prompts' files."""
    if not context.settings.declared.get("prompts"):
        return []
    from evalprov.capture.declared.naming import files_of, versioned

    return [file.path for said in versioned(context, "prompts") for file in files_of(context, said)]


# --- what git holds of it


def _unheld(context: CaptureContext, words: list[str], prompts: list[str]) -> Working:
    """Return which of these git ignores, and which lie where it does not look; git is asked only where it must be."""
    from evalprov.capture.gitindex import Tracked

    tracked = Tracked(context)
    real = dict.fromkeys([*words, *map(os.path.realpath, prompts)])
    # Data that is not there, known by its pointer alone, is in no tree either.
    outside = {path for path in real if tracked.is_outside(path) or not os.path.lexists(path)}
    asked = [path for path in real if path not in outside and not tracked.has(path)]
    if not asked:
        return set(), outside
    answer: Reply
    [answer] = yield [tracked.which_ignored(asked)]
    if answer.problem or answer.code not in (0, 1):  # it cannot say: no tree will hold them either
        return set(), {*outside, *asked}
    names = [os.path.join(tracked.top, os.fsdecode(name)) for name in answer.out.split(b"\0")[:-1]]
    return set(names), outside


# --- what it holds


class _Hasher:
    """Hashes one after the other, as long as that takes no longer than anybody would wait."""

    def __init__(self, context: CaptureContext, unread: Any, warnings: list[str]) -> None:
        from evalprov.capture.content import Contents

        self.sets: dict[str, DataSet] = {}
        self.beside: dict[str, str] = {}
        self.unread = unread
        self._context = context
        self._warnings = warnings
        self._contents = Contents(context.environ, context.store, context.progress)
        self._left = BUDGET

    def take(self, word: _Word) -> Working:
        """Take a file or folder that the command names."""
        name = word.key or key_of(self._context, word.path, word.said)
        if not word.folder and _is_script(word.path):
            if _is_program(word.path):
                return
            try:
                content = yield from self._contents.of(word.path)
            except OSError as error:
                self.unread.note(("command",), name, error.strerror or str(error))
            else:
                self.beside[name] = content.sha256
            return
        yield from self._set(name, word.path, word.said, "command")

    def take_stdin(self, path: str) -> Working:
        """Take the file that standard input is, whole, wherever it stands in it."""
        fd = self._context.stdin
        assert fd is not None
        if at := os.lseek(fd, 0, os.SEEK_CUR):
            self._warnings.append(f"standard input is read from byte {at:,} on; its hash is of the whole file")
        try:
            same = os.path.samestat(os.fstat(fd), os.stat(path))
        except OSError:
            same = False
        if same:
            yield from self._set("stdin", path, path, "stdin")
        else:
            self.sets["stdin"] = self._nameless(fd)

    def _nameless(self, fd: int) -> DataSet:
        """Hash a file that has no name any more, as a shell's here-document: the system still has it."""
        from evalprov.capture.declared.datasets import blank_set

        found = blank_set(self._context, os.devnull, os.devnull, "stdin")
        found["path"] = None
        found["kind"] = "file"
        size = os.fstat(fd).st_size
        problem = "to hash so much would hold up the start" if size > self._left else None
        try:
            if not problem:
                digest, at = hashlib.sha256(), 0
                while data := os.pread(fd, 1 << 20, at):  # where the command will read from stays as it is
                    digest.update(data)
                    at += len(data)
                found |= {"sha256": f"sha256:{digest.hexdigest()}", "bytes": size, "files": 1}
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            self.unread.note(("stdin",), "a file without a name", problem)
        return found

    def _set(self, name: str, path: str, said: str, source: str) -> Working:
        from evalprov.capture.declared.datasets import blank_set, data_set
        from evalprov.capture.declared.naming import DeclaredPath, NamedFile

        context = self._context
        size = _size(path)
        why = None
        if size is None:
            why = f"it holds more than {FILES:,} files; `--data NAME=PATH` would hash them"
        elif size > self._left:
            why = "to hash so much would hold up the start; `--data NAME=PATH` would do it"
        elif os.path.isdir(path) and any(one.startswith(f"{name}/") for one in context.known()):
            why = "earlier runs wrote into it; `--data NAME=PATH` of what is read there would tell"
        if why:
            found = blank_set(context, path, said, source)
            self._warnings.append(f"{name}: its content is not known: {why}")
        else:
            self._left -= size or 0
            file = NamedFile(name, path, DeclaredPath(("command",), said))
            found = yield from data_set(context, file, self._contents, self._warnings, self.unread)
        found["source"] = source
        self.sets[name] = found


def _is_script(path: str) -> bool:
    """Say whether a file is a program's text, or a program."""
    if path.lower().endswith(SCRIPTS):
        return True
    try:
        if not os.stat(path).st_mode & 0o111:
            return False
        with reading(path) as file:
            return file.read(4).startswith((b"#!", b"\x7fELF"))
    except OSError:
        return False


def _is_program(path: str) -> bool:
    """Say whether it is a program of the machine's: software, and no text of this project's."""
    return not path.lower().endswith(SCRIPTS) and (
        path.startswith(("/usr/", "/bin/", "/sbin/", "/opt/", "/lib")) or _begins(path, b"\x7fELF")
    )


def _begins(path: str, with_: bytes) -> bool:
    try:
        with reading(path) as file:
            return file.read(len(with_)) == with_
    except OSError:
        return False


def _size(path: str) -> int | None:
    """Return how many bytes there are to hash; null where a folder holds too many files."""
    try:
        if not os.path.isdir(path):
            return os.stat(path).st_size
    except OSError:
        return 0
    total = count = 0
    for folder, _, files in os.walk(path):
        count += len(files) + 1
        if count > FILES:
            return None
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total

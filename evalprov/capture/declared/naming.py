"""From what the settings name to the files it stands for; what is not there is an error that helps."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from evalprov.capture.text import readable
from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.capture.collector import CaptureContext

WILD = frozenset("*?[")
MANY = 5000
NOT_CONTENT = frozenset((".git", "__pycache__"))


class DeclaredPath(NamedTuple):
    """What the settings say of one thing: its keys, the path as written, its version."""

    keys: tuple[str, ...]
    path: str
    version: str | None = None

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self.keys[-1]


class NamedFile(NamedTuple):
    """A file or folder that is meant."""

    name: str
    path: str  # absolute
    said: DeclaredPath
    problem: str | None = None  # why a folder's files are not known, or not all


def versioned(context: CaptureContext, table: str) -> Iterator[DeclaredPath]:
    """Give what stands in a table of paths, each alone or beside a version."""
    for name, value in context.settings.declared.get(table, {}).items():
        if isinstance(value, str):
            yield DeclaredPath((table, name), value)
        else:
            yield DeclaredPath((table, name), value["path"], value.get("version"))


def source_of(context: CaptureContext, *keys: str) -> str:
    """Say what declared a key: an option of the command line, or the settings."""
    dotted = ".".join(keys)
    for name, origin in context.settings.origins.items():
        if origin.startswith("--") and f"{name}.".startswith(f"{dotted}."):
            return origin
    return "settings"


def files_of(context: CaptureContext, said: DeclaredPath, *, folders: bool = False) -> list[NamedFile]:
    """Return what a path or pattern means: one thing by its name, several by NAME/which.

    A folder is one thing where folders are taken whole, else it means every file in it.
    """
    path = os.path.normpath(os.path.join(context.root, said.path))
    if os.path.isdir(path):
        if folders:
            return [NamedFile(said.name, path, said)]
        paths, problem = _below(context, path)
        rest = [NamedFile(said.name, path, said, problem)] if problem else []
        return [*_several(said, path, paths), *rest]
    if is_there(path):
        return [NamedFile(said.name, path, said)]
    if not set(said.path) & WILD:
        return []
    from glob import glob

    found = sorted(glob(said.path, root_dir=context.root, recursive=True, include_hidden=True))
    paths = [os.path.normpath(os.path.join(context.root, one)) for one in found]
    paths = [one for one in paths if folders or not os.path.isdir(one)]
    return _several(said, _fixed_part(path), [one for one in paths if not _within(one, context.store)])


def is_there(path: str) -> bool:
    """Say whether something has this name, be it out of our reach or a link that leads nowhere."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def _below(context: CaptureContext, top: str) -> tuple[list[str], str | None]:
    """Return the files in a folder, and why they are not all."""
    paths: list[str] = []
    closed: list[OSError] = []
    for folder, folders, files in os.walk(top, onerror=closed.append):
        folders[:] = sorted(
            one for one in folders if one not in NOT_CONTENT and not _within(os.path.join(folder, one), context.store)
        )
        paths += (os.path.join(folder, one) for one in sorted(files))
        if len(paths) > MANY:
            return [], f"it holds more than {MANY:,} files; so many are better declared as data"
    return paths, f"{closed[0].filename}: {closed[0].strerror}" if closed else None


def _several(said: DeclaredPath, base: str, paths: list[str]) -> list[NamedFile]:
    """Name each of several files by where it is, without its ending unless that alone tells two apart."""
    insides = [os.path.relpath(path, base) for path in paths]
    stems = [os.path.splitext(inside)[0] for inside in insides]
    named = [stem if stems.count(stem) == 1 else inside for stem, inside in zip(stems, insides, strict=True)]
    return [NamedFile(f"{said.name}/{name}", path, said) for name, path in zip(named, paths, strict=True)]


def _fixed_part(pattern: str) -> str:
    """Return the folder above the first name with a wildcard."""
    while set(pattern) & WILD:
        pattern = os.path.dirname(pattern)
    return pattern


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def key_of(context: CaptureContext, path: str, said: str) -> str:
    """Name a file from the project root; one that was named in full and lies outside keeps its full name."""
    relative = os.path.relpath(path, context.root)
    shown = path if os.path.isabs(said) and relative.startswith("..") else relative
    return context.scrub.text(readable(shown))


def refuse(context: CaptureContext, keys: tuple[str, ...], said: str, problem: str, hint: str = "") -> EvalprovError:
    """Return the error that stops the run before launch: where, what, and what is wrong with it."""
    where = context.settings.path or "the settings"
    message = f"{where}: {'.'.join(keys)}: {said}: {problem}"
    return EvalprovError(context.scrub.text(readable(message)), hint, exit_code=125)


class UnreadFiles:
    """Takes note of what is declared and there, and whose content is not known."""

    def __init__(self, context: CaptureContext, origin: str | None = None) -> None:
        self.noted: list[str] = []
        # Who names it, where that is not the settings.
        self._context = context._replace(settings=context.settings._replace(path=origin)) if origin else context

    def note(self, keys: tuple[str, ...], where: str, problem: str) -> None:
        """Take one more; under --strict it stops the run."""
        if self._context.strict:
            hint = "without --strict it runs, and the record says so"
            raise refuse(self._context, keys, where, problem, hint)
        self.noted.append(f"{'.'.join(keys)}: {where} is there, but its content is not known: {problem}")


def missing(context: CaptureContext, said: DeclaredPath) -> EvalprovError:
    """Return the error for what is not there, with what has a name like it."""
    if set(said.path) & WILD:
        return refuse(context, said.keys, said.path, "no file is like that")
    path = os.path.normpath(os.path.join(context.root, said.path))
    if os.path.isdir(path):
        return refuse(context, said.keys, said.path, "there is no file in it")
    folder, name = os.path.split(path)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder, name = os.path.split(folder)
    return refuse(context, said.keys, said.path, "there is no such file", _near(folder, name, context.root))


def _near(folder: str, name: str, root: str) -> str:
    from difflib import get_close_matches

    try:
        entries = os.listdir(folder)
    except OSError as error:
        return f"{readable(folder)}: {error.strerror}"
    near = get_close_matches(name, entries, n=3, cutoff=0.5)
    place = readable(os.path.relpath(folder, root))
    return (
        f"in {place} there is: {', '.join(map(readable, near))}" if near else f"there is no {readable(name)} in {place}"
    )

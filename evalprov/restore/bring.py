"""A run brought back to a folder of its own, and what of it is proven there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.capture import COLLECTORS, start
from evalprov.capture.code.gitlook import RESTORED
from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.explain.attribution import THEN_AND_NOW, Standing, standings
from evalprov.explain.changes import CERTAIN, Change, changes
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.restore import code, packages, setting
from evalprov.restore.folder import Escapes, NewFolder
from evalprov.restore.git import git
from evalprov.restore.inputs import Brought, Project, bring_inputs, wrong
from evalprov.run.pipeline import context_of
from evalprov.run.present import present, request_like
from evalprov.settings import FILE, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evalprov.record.manifest import Manifest

SOFTWARE = "software"
_FILES = ("prompts", "agent", "config", "code", "data", "grader")
_OF_MACHINE = ("hardware", "gpu", "place")
_ROOTS = 20  # folders of a repository that may be the project's root, tried one by one
_NOWHERE = "/dev/null/evalprov"


class RestoreRequest(NamedTuple):
    """What is to be brought back, and where to."""

    record: Manifest
    store: str  # that has its record
    root: str  # the project as the user has it now; absolute
    folder: str  # the new one
    environ: Mapping[str, str]
    environment: bool = False  # with its packages
    to_run: bool = False  # it will be: then today's packages do where they are the same, and are looked at in any case
    pieces: str | None = None  # the store that has what it kept, where that is another
    told: Callable[[str], None] = lambda _: None  # of what is under way, for a person who waits


class Restored(NamedTuple):
    """What came back."""

    run_id: str
    folder: str
    project: str  # the project's root in it
    cwd: str  # where the command runs
    command: list[str]
    environ: dict[str, str]
    variables: str  # the file that has them
    environment: str | None  # the folder of the packages, where they were installed
    store_inside: bool  # evalprov's own folder is where the settings say, in the project
    tree: bool  # every file of the commit and its changes is there: git's id of them is the recorded one
    missing: list[str]  # what could not be brought back, and why
    layers: dict[str, Standing]  # as the new folder has them, against the record
    now: Manifest | None  # the new folder as a record would have it

    @property
    def whole(self) -> bool:
        """Say whether all that the record has of files is there."""
        return self.tree and not self.missing


class NotRestored(EvalprovError):  # noqa: N818 - it is a finding about a record
    """Nothing of a run can be brought back; the words say why."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, CANNOT_START)


def restore(asked: RestoreRequest) -> Restored:
    """Bring a run back as far as it goes; what is proven is proven by looking at the new folder as a run would."""
    m = asked.record
    try:
        sources = code.sources_of(m, asked.pieces or asked.store, [asked.root])
    except code.NoCode as why:
        raise NotRestored(f"run {m['run_id']} cannot be brought back: {why}", _hint(m)) from None
    with NewFolder(asked.folder) as to:
        try:
            missing = code.bring_code(m, to, sources)
        except code.NoCode as why:
            raise NotRestored(
                f"run {m['run_id']} cannot be brought back: {why}", f"{to.path} has no more of it"
            ) from None
        inside, store_inside, tree = _project_in(m, to, asked)
        with open(f"{to.path}/.git/info/exclude", "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"\n/{' '.join(setting.place_of_environment(m, inside).split())}\n")
        project = Project(inside, asked.root)
        brought = bring_inputs(m, to, project, asked.environ)
        missing += brought.missing
        root = os.path.normpath(os.path.join(to.path, inside))
        environment = None
        if asked.environment and m["software"]["packages"] is not None and not _fits(m, to.path, root, asked):
            asked.told("installing the packages")
            environment = _install(m, to, inside, asked.environ, missing)
        try:
            if m["command"]["cwd"] != ".":
                to.make(project.name(m["command"]["cwd"]))
            cwd = setting.folder_in(m, root)
        except (Escapes, OSError) as why:
            raise NotRestored(f"run {m['run_id']} cannot be brought back: {why}") from None
        environ = setting.variables(m, asked.environ, root, environment)
        command = setting.command_in(m, to.path, environment)
        with open(os.path.join(to.path, RESTORED), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(setting.exported(m, environ, environment))
        found = Restored(
            *(m["run_id"], to.path, root, cwd, command, environ, os.path.join(to.path, RESTORED), environment),
            *(store_inside, tree, missing, {}, None),
        )
        look = asked.to_run or environment is not None
        # Nothing is started with a record's own variables only to look: they may name what is to be loaded.
        return _proven(m, to, found, brought, environ if look else asked.environ)


def _hint(m: Manifest) -> str:
    where = m["git"]["remotes"].get("origin")
    return f"its repository was {where}" if where else f"evalprov show {m['run_id']} tells what is known of it"


def _fits(m: Manifest, top: str, root: str, asked: RestoreRequest) -> bool:
    """Say whether the packages that the command would have today are those that it had."""
    if not asked.to_run:
        return False
    like: Any = {**m, "command": {**m["command"], "argv": setting.command_in(m, top, None)}}
    try:
        now = present(like, root, setting.variables(m, asked.environ, root, None), collectors=[SOFTWARE])
    except EvalprovError:
        return False
    return same_packages(m, now)


def same_packages(m: Manifest, now: Manifest) -> bool:
    """Say whether two records have the same Python and the same packages, by name, version and source."""
    same_python = now["system"]["python_version"] == m["system"]["python_version"]
    return same_python and now["software"]["packages_hash"] == m["software"]["packages_hash"]


def _install(m: Manifest, to: NewFolder, inside: str, environ: Mapping[str, str], missing: list[str]) -> str | None:
    place = setting.place_of_environment(m, inside)
    try:
        path = to.at(place)
        if not to.has(place):
            packages.make_environment(m, to.path, path, environ)
            return path
        missing.append(f"packages: {place} is in the repository itself, and nothing is installed over it")
    except (packages.NoEnvironment, Escapes) as why:
        missing.append(f"packages: {why}")
    return None


# --- what is proven -----------------------------------------------------------------------------------------


def _proven(m: Manifest, to: NewFolder, found: Restored, brought: Brought, environ: Mapping[str, str]) -> Restored:
    """Look at the new folder as a run would, and hold that against the record; what is another is taken out again."""
    like: Any = {**m, "command": {**m["command"], "argv": found.command}}
    collectors = [name for name in COLLECTORS if name not in _OF_MACHINE]
    if environ is not found.environ:
        collectors.remove(SOFTWARE)  # nothing that came with the files is started merely to look at it
    missing = list(found.missing)
    now = None
    for refuses in ("declared", "config", None):
        try:
            now = present(like, found.project, dict(environ), collectors=collectors)
            break
        except EvalprovError as problem:  # a file that is named is missing
            if refuses is None:
                return found._replace(missing=[*missing, problem.message])
            missing = missing or [problem.message]
            collectors.remove(refuses)
    assert now is not None
    if SOFTWARE not in collectors:
        m = _without_paths(m)
    for path in wrong(m, now, brought.unsure):
        to.remove(brought.unsure[path])
        missing.append(f"{path}: what is there now is another, and was left out")
    certain = [change for change in changes(m, now) if change.kind in CERTAIN]
    layers = {name: _reasoned(name, one, certain) for name, one in standings(m, now, THEN_AND_NOW).items()}
    told = {change.layer for change in certain}
    another = [name for name in _FILES if name in told or layers[name].state == "changed"]
    if another and not missing:
        missing += [
            f"{change.layer}: {_named(change)} is not what it was" for change in certain if change.layer in another
        ]
    if found.environment and not same_packages(m, now):
        step = next((one for one in certain if one.layer == SOFTWARE), None)
        what = f"{step.item} {step.field}: {step.a} -> {step.b}" if step else "their hash is another"
        missing.append(f"packages: not what they were: {what}")
    return found._replace(missing=missing, layers=layers, now=now)


def _reasoned(layer: str, standing: Standing, certain: list[Change]) -> Standing:
    """Say of a layer that changed what in it did."""
    if standing.state != "changed":
        return standing
    return Standing("changed", listed([_named(one) for one in certain if one.layer == layer]) or None)


def _named(change: Change) -> str:
    return " ".join(filter(None, (change.item, change.field)))


def _without_paths(m: Manifest) -> Manifest:
    """Return a record without the modules that its Python has from elsewhere: nobody looked at that Python now."""
    beside = {path: sha256 for path, sha256 in m["code"]["beside"].items() if not path.startswith(".pth[")}
    return {**m, "code": {**m["code"], "beside": beside}}


def _project_in(m: Manifest, to: NewFolder, asked: RestoreRequest) -> tuple[str, bool, bool]:
    """Return the project's root in the new folder, whether evalprov's own is in it, and whether its files are proven.

    The record does not say which folder of the repository was the project's root: it is the one with which the code's
    own tree comes out as it was.
    """
    found = ("", True, False)
    for inside in list(_roots(m, to, asked))[:_ROOTS]:
        for store in (None, _NOWHERE):
            root = os.path.normpath(os.path.join(to.path, inside))
            tree, code_tree = _trees(m, root, store, asked.environ)
            if tree is None or tree != m["git"]["tree"]:
                continue
            if code_tree == m["code"]["tree"]:
                return inside, store is None, True
            found = found if found[2] else (inside, store is None, True)
    return found


def _trees(m: Manifest, root: str, store: str | None, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the ids that git gives to all files, and to the code alone."""
    try:
        folder = setting.folder_in(m, root)
        folder = folder if os.path.isdir(folder) else root  # git keeps no empty ones
        context = context_of(request_like(m, store), folder, dict(environ))._replace(stdin=None)
        with start(context, ["git"]) as capturing:
            facts = capturing.finish().facts
    except (EvalprovError, Escapes, OSError):
        return None, None
    return facts.get("git", {}).get("tree"), facts.get("code", {}).get("tree")


def _roots(m: Manifest, to: NewFolder, asked: RestoreRequest) -> Iterator[str]:
    """Give the folders that may have been the project's root: the user's own first."""
    top = load(asked.root).root
    names = os.fsdecode(git(to.path, "ls-files", "-z", "--cached", "--others", "--exclude-standard")).split("\0")
    holding = {os.path.dirname(name) for name in names if os.path.basename(name) in (FILE, "pyproject.toml")}
    here = os.path.relpath(os.path.realpath(top), _top_of(top))
    first = "" if here == "." else here
    for inside in dict.fromkeys([first, "", *sorted(holding, key=len)]):
        root = os.path.normpath(os.path.join(to.path, inside))
        try:
            if os.path.realpath(root) == root and os.path.isdir(root) and load(setting.folder_in(m, root)).root == root:
                yield inside
        except (EvalprovError, Escapes):
            continue


def _top_of(folder: str) -> str:
    from evalprov.settings import project_root

    return os.path.realpath(project_root(folder))

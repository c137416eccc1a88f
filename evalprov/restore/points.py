"""Reruns between two runs: some of what differs from the one, the rest from the other, in a place of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.named import NamedTuple
from evalprov.platform import share_blocks
from evalprov.record.form import REPORTED
from evalprov.regular import reading
from evalprov.restore import code, packages, setting
from evalprov.restore.bring import Restored, RestoreRequest, restore, same_packages
from evalprov.restore.folder import Escapes, NewFolder
from evalprov.restore.git import GitFailed, git
from evalprov.restore.pieces import SETTINGS, BroughtEnd, files_apart, with_fields, with_words
from evalprov.run.present import present

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evalprov.judge.halving import DifferingPiece
    from evalprov.record.manifest import Manifest

_SHOWN = 3


class NoPoint(Exception):  # noqa: N818 - it is a finding
    """A halfway point cannot be made; the words say why."""


class Mix(NamedTuple):
    """What a point is made of."""

    taken: frozenset[DifferingPiece]  # from the bad run
    commit: str | None = None  # the code as this commit has it; null for that of the good run


class Made(NamedTuple):
    """A point ready to be run."""

    like: Manifest  # the good run's record, with what was taken
    found: Restored
    wanted: dict[str, str] | None  # the packages that it must turn out to have had; null for those of today


class HalfwayRuns:
    """The two ends, brought back, and every point between them, made one at a time in one and the same place."""

    def __init__(self, good: RestoreRequest, bad: RestoreRequest, *, here: bool) -> None:
        self._around = tempfile.mkdtemp(prefix="evalprov-bisect-")
        self._asked = (good, bad)
        self._here = here
        self._made: dict[tuple[object, ...], str] = {}  # the environments
        self._commit = ""  # that whose files are in the folder for them
        name = os.path.basename(good.record["git"]["root"] or "") or "project"
        self.place = os.path.realpath(os.path.join(self._around, "point", name))

    def __enter__(self) -> Self:
        try:
            self.good, self.bad = (
                self._kept(asked, name) for asked, name in zip(self._asked, ("good", "bad"), strict=True)
            )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._around, ignore_errors=True)

    def _kept(self, asked: RestoreRequest, name: str) -> BroughtEnd:
        """Bring one end back where all points are run, and put it aside."""
        found = restore(asked._replace(folder=self.place, environment=False, to_run=True))
        if not found.whole:
            what = "; ".join(found.missing[:_SHOWN]) or "git's tree of its files is not the recorded one"
            raise EvalprovError(f"run {found.run_id} could not be restored: {what}", exit_code=CANNOT_START)
        kept = os.path.join(self._around, name)
        os.rename(self.place, kept)
        return BroughtEnd(asked.record, found, kept)

    @property
    def keeps_packages(self) -> bool:
        """Say whether all points run on the packages of today, of which no run is known to have had others."""
        return self._here or self.good.record["software"]["packages"] is None

    def make(self, mix: Mix) -> Made:
        """Make a point; NoPoint where that cannot be."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.good.kept, self.place, symlinks=True, copy_function=_copied)
        try:
            with NewFolder(self.place, begun=True) as to:
                if mix.commit:
                    self._take_code(to, mix.commit)
                self._take_files(to, mix.taken)
            like = self._like(mix.taken)
            environment, wanted = self._environment(like, mix.taken)
            self._fit_settings(like, mix)
        except (Escapes, GitFailed, OSError, code.NoCode, packages.NoEnvironment) as why:
            raise NoPoint(str(getattr(why, "strerror", None) or why)) from None
        environ = setting.variables(like, self._asked[0].environ, self._project, environment)
        command = self._command(mix.taken, environment)
        return Made(
            like,
            self.good.found._replace(
                command=command,
                environ=environ,
                cwd=self._cwd(mix.taken),
                environment=environment,
                now=None if mix.taken or mix.commit else self.good.found.now,
            ),
            wanted,
        )

    @property
    def _project(self) -> str:
        return self.good.found.project

    # --- files

    def _take_files(self, to: NewFolder, taken: Iterable[DifferingPiece]) -> None:
        """Put files of the bad run in; what is not there is taken away, first of all."""
        whole = sorted(piece.name for piece in taken if piece.kind in ("file", "data"))
        for name in whole:
            to.remove(name)
        for name in whole:
            source = os.path.join(self.bad.kept, name)
            if os.path.lexists(source):
                to.copy(source, name)
        for name in sorted({piece.name for piece in taken if piece.kind == "field"}):
            one, other = (os.path.join(end.kept, name) for end in (self.good, self.bad))
            mixed = with_fields(one, other, [piece for piece in taken if piece.kind == "field" and piece.name == name])
            to.remove(name)
            to.write(name, mixed)

    def commit_folder(self, commit: str) -> str:
        """Return a folder with the files of a commit, as they were checked out then."""
        place = os.path.join(self._around, "commit")
        if commit == self._commit:
            return place
        shutil.rmtree(place, ignore_errors=True)
        m: Any = self.bad.record
        git_ = {**m["git"], "patch": None, "saved": {}, "withheld": [], "staged": [], "counts": {}}
        clean: Any = {**m, "git_sha": commit, "git": git_}
        with NewFolder(place) as to:
            asked = self._asked[1]
            code.bring_code(clean, to, code.sources_of(clean, asked.pieces or asked.store, [asked.root]))
        self._commit = commit
        return place

    def _take_code(self, to: NewFolder, commit: str) -> None:
        """Have the code as a commit has it; what belongs to other layers, and what no commit has, stays."""
        folder = self.commit_folder(commit)
        for name in self.code_apart(self.good.kept, folder):
            to.remove(name)
        for name in self.code_apart(self.good.kept, folder):
            if os.path.lexists(os.path.join(folder, name)):
                to.copy(os.path.join(folder, name), name)
        git(self.place, "update-ref", "HEAD", commit)
        git(self.place, "read-tree", commit)

    def code_apart(self, a: str, b: str) -> list[str]:
        """Return the files of the code in which two folders differ; one has only what git shows."""
        beside = {name for end in (self.good, self.bad) for name in map(end.named, end.record["code"]["beside"])}
        return [name for name in files_apart(a, b) if name not in beside and not self.is_claimed(name)]

    def is_claimed(self, name: str) -> bool:
        """Say whether a file is of another layer than the code."""
        return any(name == one or name.startswith(f"{one}/") for one in self.claims)

    @property
    def claims(self) -> list[str]:
        """What is of another layer than the code: files and folders, from the folder's top."""
        from evalprov.restore.pieces import claimed, set_places

        ends = (self.good, self.bad)
        settings = os.path.normpath(os.path.join(self.good.inside, SETTINGS))
        return sorted({*claimed(ends[0]), *claimed(ends[1]), *set_places(*ends), settings})

    def _fit_settings(self, like: Manifest, mix: Mix) -> None:
        """Have the settings of the good run, or where they name what is not there now, those of the bad one."""
        name = os.path.normpath(os.path.join(self.good.inside, SETTINGS))
        one, other = (os.path.join(end.kept, name) for end in (self.good, self.bad))
        if not mix.taken or not (os.path.isfile(one) or os.path.isfile(other)):
            return
        for source in (one, other):
            with NewFolder(self.place, begun=True) as to:
                to.remove(name)
                if os.path.isfile(source):
                    to.copy(source, name)
            with suppress(EvalprovError):
                present(like, self._project, dict(self._asked[0].environ), collectors=("declared", "config"))
                return

    # --- the command, and what it runs on

    def _command(self, taken: Iterable[DifferingPiece], environment: str | None) -> list[str]:
        words = {piece.name for piece in taken if piece.kind == "word"}
        one, other = (setting.command_in(end.record, self.place, environment) for end in (self.good, self.bad))
        return with_words(one, other, words)

    def _cwd(self, taken: Iterable[DifferingPiece]) -> str:
        end = self.bad if any(piece.kind == "folder" for piece in taken) else self.good
        os.makedirs(end.found.cwd, exist_ok=True)
        return end.found.cwd

    def _like(self, taken: Iterable[DifferingPiece]) -> Manifest:
        """Return the good run's record with what was taken: packages, variables, and the files that options name."""
        like: Any = {**self.good.record, "software": {**self.good.record["software"]}}
        software, other = like["software"], self.bad.record
        for table in ("packages", "package_sources", "env"):
            software[table] = dict(software[table] or {}) if software[table] is not None else None
        for piece in taken:
            match piece.kind:
                case "package":
                    for table in ("packages", "package_sources"):
                        _take(software[table], other["software"][table] or {}, piece.name)  # type: ignore[literal-required]
                case "variable":
                    _take(software["env"], other["software"]["env"], piece.name)
                case "python":
                    like["system"] = {**like["system"], "python_version": other["system"]["python_version"]}
        layers = {piece.layer for piece in taken if piece.kind in ("file", "data")}

        def named(layer: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
            ones = {**ours, **theirs} if layer in layers else ours
            return {name: one for name, one in ones.items() if self._is_there(name, one)}

        like["config"] = {**like["config"], "files": named("config", like["config"]["files"], other["config"]["files"])}
        like["prompts"] = named("prompts", like["prompts"], other["prompts"])
        like["data"] = {**like["data"], "sets": named("data", like["data"]["sets"], other["data"]["sets"])}
        by_option = {key: told for key, told in other["sources"].items() if key.startswith(("prompts.", "data."))}
        like["sources"] = {**by_option, **like["sources"]}
        return like  # type: ignore[no-any-return]

    def _is_there(self, name: str, one: Mapping[str, Any]) -> bool:
        path = one.get("path", name)
        return path is None or one["source"] == REPORTED or os.path.lexists(os.path.join(self._project, path))

    def _environment(self, like: Manifest, taken: Iterable[DifferingPiece]) -> tuple[str | None, dict[str, str] | None]:
        """Return the environment of a point, and what must be installed in it; nulls where today's will do."""
        now = self.good.found.now
        if self.keeps_packages or like["software"]["packages"] is None:
            self._link_todays()
            return None, None
        moved = any(piece.kind in ("package", "python") for piece in taken)
        if now is not None and same_packages(like, now) and not moved:
            return None, None
        wanted = dict(like["software"]["packages"] or {})
        place = setting.place_of_environment(self.good.record, self.good.inside)
        with NewFolder(self.place, begun=True) as to:
            link = to.at(place)
            if to.has(place):
                raise NoPoint(f"{place} is in the repository itself, and nothing is installed over it")
        sources = like["software"]["package_sources"]
        key = (like["system"]["python_version"], *sorted(wanted.items()), *sorted(sources.items()))
        if key not in self._made:
            folder = os.path.join(self._around, f"environment-{len(self._made)}")
            self._asked[0].told("installing the packages")
            packages.make_environment(like, self.place, folder, self._asked[0].environ)
            self._made[key] = folder
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(self._made[key], link)
        return link, wanted

    def _link_todays(self) -> None:
        place = setting.place_of_environment(self.good.record, self.good.inside)
        theirs = os.path.join(self._asked[0].root, os.path.relpath(os.path.join(self.place, place), self._project))
        if os.path.isdir(theirs) and not os.path.lexists(os.path.join(self.place, place)):
            with suppress(OSError):
                os.symlink(os.path.realpath(theirs), os.path.join(self.place, place))


def _take(ours: dict[str, str], theirs: Mapping[str, str], name: str) -> None:
    if name in theirs:
        ours[name] = theirs[name]
    else:
        ours.pop(name, None)


def _copied(source: str, to: str) -> None:
    """Copy a file; its blocks are shared where the system can."""
    with reading(source) as old, open(to, "wb") as new:
        shared = share_blocks(old.fileno(), new.fileno())
    if not shared:
        shutil.copyfile(source, to)
    shutil.copystat(source, to)

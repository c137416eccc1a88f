"""What a run read beside its code: brought from where the same content still is, else named as missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.capture.content import Contents, finish
from evalprov.capture.made import BUILT, CACHES
from evalprov.named import NamedTuple
from evalprov.record.form import REPORTED
from evalprov.regular import sha256_of
from evalprov.restore.code import actual
from evalprov.restore.folder import Escapes
from evalprov.restore.git import OF_ANOTHER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.declared import DataSet
    from evalprov.restore.folder import NewFolder

_ELSEWHERE = re.compile(r"[\w.]+\[\d+\]/")  # a module from a search path's folder: it is used where it is
DVC_PATIENCE = 3600.0  # seconds
LOOKED_AT = 50_000  # files of a project, in search of data that was moved


GONE = {True: "is no longer what it was", False: "is not there any more"}


class Project(NamedTuple):
    """Where a project's root is: in the new folder, and where the user has it now."""

    inside: str  # of the new folder; empty for its top
    root: str  # where the user has it; absolute

    def name(self, path: str) -> str:
        """Return a path from the project root as one from the new folder's top; Escapes where it leaves that."""
        if os.path.isabs(path):
            raise Escapes("it is used where it is")
        whole = os.path.normpath(os.path.join(self.inside, actual(path)))
        if whole == ".." or whole.startswith("../"):
            raise Escapes("it is outside the repository")
        return whole


class Brought(NamedTuple):
    """What was put in."""

    missing: list[str]  # what could not be had, and why
    unsure: dict[str, str]  # files that were copied by their names, with their places in the new folder


def bring_inputs(m: Manifest, to: NewFolder, project: Project, environ: Mapping[str, str]) -> Brought:
    """Put in what the code's tree does not have."""
    missing: list[str] = []
    unsure: dict[str, str] = {}
    contents = Contents(environ)
    for name, one in m["data"]["sets"].items():
        if one["source"] == "stdin":
            missing.append(f"data {name}: it came by standard input, which is not kept")
        elif one["path"] is not None and one["source"] != REPORTED and (why := _data(one, to, project, contents)):
            missing.append(f"data {name}: {why}")
    for path, digest in _files(m):
        with suppress(Escapes, OSError):
            place = project.name(path)
            source = os.path.join(project.root, actual(path))
            if not to.has(place) and (digest is None or f"sha256:{sha256_of(source)}" == digest):
                to.copy(os.path.realpath(source), place)
                if digest is None:
                    unsure[path] = place
    return Brought(missing, unsure)


def wrong(m: Manifest, now: Manifest, unsure: Mapping[str, str]) -> list[str]:
    """Return those files that were copied by their names and are no longer what they were."""
    ones, others = _known(m), _known(now)
    return [path for path in unsure if ones.get(path) != others.get(path)]


def _known(m: Manifest) -> dict[str, str | None]:
    prompts = {one["path"]: one["sha256"] for one in m["prompts"].values() if one["path"]}
    return prompts | m["code"]["beside"] | {path: one["sha256"] for path, one in m["config"]["files"].items()}


def _files(m: Manifest) -> Iterator[tuple[str, str | None]]:
    """Give the files that a record knows by content, with the SHA-256 of their bytes where that is what it has."""
    for path, digest in m["code"]["beside"].items():
        if not _ELSEWHERE.match(path):
            yield path, None if os.path.basename(path).startswith(".env") else digest
    yield from ((path, None) for path, one in m["config"]["files"].items() if one["source"] != "hydra")
    yield from ((one["path"], None) for one in m["prompts"].values() if one["path"] and one["source"] != REPORTED)
    yield from ((path, digest) for path, digest in m["grader"]["files"].items())
    yield from ((path, digest) for path, digest in m["software"]["locks"].items())


def _data(one: DataSet, to: NewFolder, project: Project, contents: Contents) -> str | None:
    """Put a data set in its place; return why it could not be."""
    path = one["path"] or ""
    if os.path.isabs(path):
        return None if _holds(contents, path, one) else f"{path} {GONE[os.path.lexists(path)]}"
    if one["sha256"] is None and one["pointer"] is None:
        return f"{path}: its content was not known"
    source = os.path.realpath(os.path.join(project.root, actual(path)))
    try:
        place = project.name(path)
        had = to.has(place)
        for found in (to.at(place),) if had else (source, *_moved(project.root, one)):
            if _holds(contents, found, one):
                if not had:
                    to.copy(found, place)
                return None
    except (Escapes, OSError) as problem:
        return f"{path}: {getattr(problem, 'strerror', None) or problem}"
    by_dvc = one["pointer"] is not None and one["stale"] is not True
    return _by_dvc(to, project, place, (contents, one)) if by_dvc else f"{path} {GONE[os.path.lexists(source)]}"


def _moved(root: str, one: DataSet) -> Iterator[str]:
    """Give what may be a data set that has another name by now: files of its size, folders of its name."""
    looked = 0
    wanted = os.path.basename(actual(one["path"] or ""))
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in CACHES and name not in BUILT and name != ".git"]
        looked += len(files)
        if one["kind"] == "folder":
            yield from (os.path.join(folder, name) for name in folders if name == wanted)
        else:
            for name in files:
                with suppress(OSError):
                    if os.lstat(os.path.join(folder, name)).st_size == one["bytes"]:
                        yield os.path.join(folder, name)
        if looked > LOOKED_AT:
            return


def _holds(contents: Contents, path: str, one: DataSet) -> bool:
    if one["sha256"] is None:
        return False
    try:
        return finish(contents.of(path)).sha256 == one["sha256"]
    except OSError:
        return False


def _by_dvc(to: NewFolder, project: Project, place: str, wanted: tuple[Contents, DataSet]) -> str | None:
    """Have DVC bring a data set from the cache that the user has, or from its remote."""
    dvc, shown = shutil.which("dvc"), wanted[1]["path"]
    if dvc is None:
        return f"{shown}: DVC has it, and is not installed here"
    folder = os.path.join(to.path, project.inside)
    env = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    target = os.path.relpath(to.at(place), folder)
    said = ""
    steps = (["config", "--local", "cache.dir", _cache(dvc, project.root, env)], ["checkout", target], ["pull", target])
    for words in steps:
        try:
            done = subprocess.run(
                [dvc, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=DVC_PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return f"{shown}: dvc {words[0]}: {problem}"
        said = said or (done.stderr.strip().splitlines() or [""])[-1] if done.returncode else said
        there = words[0] != "config" and to.has(place)
        if there and (wanted[1]["sha256"] is None or _holds(wanted[0], to.at(place), wanted[1])):
            return None
    return f"{shown}: DVC could not bring it: {said or 'it is not what it was'}"


def _cache(dvc: str, root: str, env: Mapping[str, str]) -> str:
    done = subprocess.run([dvc, "cache", "dir"], cwd=root, env=dict(env), capture_output=True, text=True, check=False)
    return done.stdout.strip() or os.path.join(root, ".dvc/cache")

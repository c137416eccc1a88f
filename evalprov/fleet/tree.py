"""The files of a run as content: packed at home, unpacked on a node, and there proven by git's own id of them."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from evalprov.capture import start
from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.fleet.parcel import MANY, pack, unpack
from evalprov.regular import reading
from evalprov.restore.code import CodeSources, NoCode, bring_code
from evalprov.restore.folder import Escapes, NewFolder
from evalprov.restore.git import ID, GitFailed, ReadRepository, git, shaping, source_with
from evalprov.restore.inputs import Project, bring_inputs
from evalprov.run.pipeline import context_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.run.request import Request

INPUT_LIMIT = 64 << 20  # bytes of declared files that git does not have
_SECTIONS = ("git_sha", "git_dirty", "git", "data", "prompts", "config", "grader", "code", "software", "command")
_BESIDE = ("info/attributes", "info/exclude")
UNPACKED = "unpacked.json"  # what of it is where
_SETTING = re.compile(r"(core|i18n|filter)\.[^\n\0]+")


class TreeRefused(EvalprovError):  # noqa: N818 - it is a finding about files
    """The files cannot travel; the words say why."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(f"the files cannot be sent to a node: {why}", hint, CANNOT_START)


# --- at home ------------------------------------------------------------------------------------------------


def packed(m: Manifest, blobs: Mapping[str, bytes], root: str) -> bytes:
    """Return the files of a run as one parcel: one commit, what was changed since, and inputs that git lacks."""
    source = source_with([root], m["git_sha"])
    if isinstance(source, str):
        raise TreeRefused(source)
    pieces: dict[str, bytes] = dict(blobs)
    modules = {one["path"]: one["commit"] for one in m["git"]["submodules"] if one["commit"]}
    try:
        if m["git_sha"]:
            pieces["pack"] = _pack(source.top, m["git_sha"])
        for path, commit in modules.items():
            with suppress(GitFailed):  # then it is missing, and that is said
                pieces[f"modules/{path}"] = _pack(os.path.join(source.top, path), commit)
    except GitFailed as why:
        raise TreeRefused(f"{why}", "a clone without all of its files has to fetch them first") from None
    for name in _BESIDE:
        with suppress(OSError), reading(f"{source.common}/{name}") as file:
            pieces[name] = file.read()
    pieces |= {f"inputs/{name}": data for name, data in _inputs(m, root)}
    facts = {
        "record": {name: cast("dict[str, Any]", m)[name] for name in _SECTIONS},
        "algorithm": source.algorithm,
        "settings": [list(pair) for pair in shaping(source)],
        "inside": _inside(source.top, root),
        "name": os.path.basename(source.top) or "project",
        "remotes": m["git"]["remotes"],
        "modules": modules,
        "environment": _environment(m, source.top),
    }
    return pack(facts, pieces)


def _pack(top: str, commit: str) -> bytes:
    """Return one commit with its files, without those before it."""
    named = git(top, "rev-list", "--objects", "--no-walk", commit)
    ids = b"".join(line.split(b" ")[0] + b"\n" for line in named.splitlines())
    return git(top, "pack-objects", "--stdout", "-q", "--threads=1", stdin=ids)


def _environment(m: Manifest, top: str) -> list[str] | None:
    """Return where an environment lies that is part of the project and not of git, from the top and in full."""
    interpreter = m["software"]["interpreter"]
    prefix = interpreter["prefix"] if interpreter else ""
    inside = os.path.relpath(prefix, top) if prefix.startswith(f"{top}/") else ""
    return [inside, prefix] if inside and _ignored(top, inside) else None


def _inside(top: str, root: str) -> str:
    inside = os.path.relpath(os.path.realpath(root), os.path.realpath(top))
    return "" if inside == "." else inside


def _inputs(m: Manifest, root: str) -> Iterator[tuple[str, bytes]]:
    """Give declared files below the project that git does not have and that are small enough to travel."""
    paths = {one["path"] for one in m["data"]["sets"].values() if one["path"]}
    paths |= {one["path"] for one in m["prompts"].values() if one["path"]}
    paths |= {*m["config"]["files"], *m["grader"]["files"], *m["software"]["locks"]}
    paths |= {path for path in m["code"]["beside"] if not os.path.basename(path).startswith(".env")}
    room = INPUT_LIMIT
    for path in sorted(path for path in paths if path):
        whole = os.path.normpath(os.path.join(root, path))
        if os.path.isabs(path) or not whole.startswith(f"{root}/") or not _ignored(root, path):
            continue
        for name in _files_of(whole):
            with suppress(OSError):
                room -= os.path.getsize(name)
                if room < 0:
                    return  # what is missing then is said
                with reading(name) as file:
                    yield os.path.relpath(name, root), file.read()


def _files_of(path: str) -> Iterator[str]:
    """Give a file, or those of a folder."""
    if os.path.isfile(path):
        yield path
    for folder, _, names in islice(os.walk(path), MANY):
        yield from (os.path.join(folder, name) for name in names if os.path.isfile(os.path.join(folder, name)))


def _ignored(root: str, path: str) -> bool:
    """Say whether git does not have a file: all else travels with the tree."""
    with suppress(GitFailed):
        git(root, "check-ignore", "-q", "--", path)
        return True
    return False


# --- on a node ----------------------------------------------------------------------------------------------


def settled(parcel: bytes, place: str, environ: Mapping[str, str]) -> None:
    """Unpack a parcel into a folder of its own, with the files of the run as they are copied for each trial.

    Raises OSError, GitFailed, BadParcel.
    """
    facts, pieces = unpack(parcel)
    with NewFolder(place) as to:
        for name, data in pieces.items():
            if name.startswith(("patches/", "objects/")):
                to.write(f"store/{name}", data)
            elif name.startswith("inputs/"):
                to.write(name, data)
        to.make("inputs")
        to.make("files")
        for path in facts["modules"]:
            to.make(f"repository/modules/{path}")
        to.make("repository")
        _make_repository(facts, pieces, f"{place}/repository")
        root, missing = _made(facts, place, environ)
        told = {"root": os.path.relpath(root, place), "missing": missing, "environment": facts["environment"]}
        to.write(UNPACKED, json.dumps(told).encode())


def _make_repository(facts: dict[str, Any], pieces: Mapping[str, bytes], repository: str) -> None:
    algorithm = "sha256" if facts["algorithm"] == "sha256" else "sha1"
    git(repository, "init", "-q", "--bare", "--template=", f"--object-format={algorithm}")
    for key, value in facts["settings"]:
        if _SETTING.fullmatch(key):
            git(repository, "config", "--add", key, value)
    os.makedirs(f"{repository}/info", exist_ok=True)
    for name in _BESIDE:
        if name in pieces:
            with open(f"{repository}/{name}", "wb") as file:
                file.write(pieces[name])
    if commit := facts["record"]["git_sha"]:
        _take_in(repository, pieces["pack"], commit)
    for path, commit in facts["modules"].items():
        if f"modules/{path}" in pieces:
            inner = f"{repository}/modules/{path}"
            git(inner, "init", "-q", "--bare", "--template=", f"--object-format={algorithm}")
            _take_in(inner, pieces[f"modules/{path}"], commit)


def _take_in(repository: str, pack: bytes, commit: str) -> None:
    """Put one commit into a repository, of which nothing before it is known there."""
    if not ID.fullmatch(commit):
        raise GitFailed("the parcel names no commit that git has")
    git(repository, "index-pack", "--stdin", stdin=pack)
    with open(f"{repository}/shallow", "w", encoding="ascii") as shallow:
        shallow.write(f"{commit}\n")


def _made(facts: dict[str, Any], settled_at: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Make the files of a run; return the project's root among them, and what is missing."""
    m = cast("Manifest", facts["record"])
    repository = f"{settled_at}/repository"
    source = ReadRepository(repository, repository, f"{repository}/objects", facts["algorithm"])
    name = facts["name"] if re.fullmatch(r"[\w.-]{1,100}", facts["name"]) else "project"
    place = os.path.join(settled_at, "files", "project" if name in (".", "..", ".git") else name)
    with NewFolder(place) as to:
        try:
            missing = bring_code(m, to, CodeSources(f"{settled_at}/store", source, facts["algorithm"]))
            project = Project(facts["inside"], f"{settled_at}/inputs")
            missing += bring_inputs(m, to, project, environ).missing
            root = to.at(facts["inside"]) if facts["inside"] else to.path
        except (NoCode, Escapes) as why:
            raise GitFailed(str(why)) from None
        # What is copied has other inodes, and is the same all the same.
        told = {"core.trustctime": "false", "core.checkStat": "minimal"}
        told |= {f"remote.{remote}.url": url for remote, url in facts["remotes"].items()}
        for key, value in told.items():
            with suppress(GitFailed):
                git(to.path, "config", key, value)
        os.makedirs(root, exist_ok=True)
        if facts["environment"]:
            with open(f"{to.path}/.git/info/exclude", "a", encoding="utf-8") as exclude:
                exclude.write(f"\n/{' '.join(facts['environment'][0].split())}\n")
        return root, missing


def ids_of(request: Request, cwd: str, environ: dict[str, str]) -> tuple[str | None, str | None]:
    """Return the ids that git gives to all files, and to the code alone."""
    context = context_of(request, cwd, environ)._replace(stdin=None)
    with start(context, ["git"]) as capturing:
        facts = capturing.finish().facts
    return facts.get("git", {}).get("tree"), facts.get("code", {}).get("tree")

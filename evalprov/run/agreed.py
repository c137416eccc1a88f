"""Whether a machine has what the user's own has: asked on a node before the command is started there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.numbers import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest

_SHOWN = 4


class Expected(TypedDict):
    """What is known where the run was asked for; null for what nobody knows there."""

    evalprov: str | None
    tree: str | None  # of all files
    code: str | None  # the tree less what other layers claim
    python: str | None
    packages: str | None  # their hash
    versions: dict[str, str]  # of the packages, to say which differ
    files: dict[str, str | None]  # declared files and data, by path: their hashes


def expected_of(m: Manifest) -> Expected:
    """Return what a machine must have to be as the one of this record."""
    return {
        "evalprov": m["system"]["evalprov_version"],
        "tree": m["git"]["tree"],
        "code": m["code"]["tree"],
        "python": m["system"]["python_version"],
        "packages": m["software"]["packages_hash"],
        "versions": dict(m["software"]["packages"] or {}),
        "files": _files(m),
    }


def refuse_other(expected: Expected, m: Manifest) -> None:
    """Stop a run on a machine that differs from the user's, and say in what."""
    if differs := list(_differing(expected, expected_of(m), m)):
        raise EvalprovError(
            f"this machine is not as the one where the run was asked for: {'; '.join(differs)}",
            "make them alike, or run it there",
            CANNOT_START,
        )


def _differing(there: Expected, here: Expected, m: Manifest) -> Iterator[str]:
    for name, words in (("evalprov", "evalprov"), ("python", "Python")):
        if there[name] and there[name] != here[name]:  # type: ignore[literal-required]
            yield f"{words} {here[name] or 'is not known'} here, {there[name]} there"  # type: ignore[literal-required]
    if there["packages"] and there["packages"] != here["packages"]:
        yield f"packages: {_versions(there['versions'], here['versions'])}"
    if there["tree"] and there["tree"] != here["tree"]:
        outcome = m["capture"].get("git")
        yield f"the tree of its files is {here['tree'] or (outcome and outcome['reason'])} here, {there['tree']} there"
    elif there["code"] != here["code"]:
        yield f"the tree of its code is {here['code'] or 'not known'} here, {there['code'] or 'not known'} there"
    # Of another point of a sweep other files may be declared.
    both = here["files"].keys() & there["files"].keys()
    names = sorted(name for name in both if there["files"][name] not in (None, here["files"][name]))
    if names:
        yield f"not the same content: {listed(names, _SHOWN)}"


def _versions(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    names = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
    told = [f"{name} {here.get(name, 'is not')} here, {there.get(name, 'is not')} there" for name in names]
    return listed(told, _SHOWN) if told else "of the same versions, and from other sources"


def _files(m: Manifest) -> dict[str, str | None]:
    found: dict[str | None, str | None] = {one["path"]: one["sha256"] for one in m["prompts"].values()}
    found |= {one["path"]: one["sha256"] for one in m["data"]["sets"].values()}
    found.update({path: one["sha256"] for path, one in m["config"]["files"].items()})
    found.update(m["grader"]["files"])
    return {path: digest for path, digest in found.items() if path is not None}

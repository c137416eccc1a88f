"""What two sides were seen to use, held against each other: what differs undeclared, and what is proven equal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.explain.changes import CERTAIN, Change
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.facts import TREE
from evalprov.record.hidden import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.observed import UsedFile

USED = "used"  # stands for a layer, where a change is of what nobody declared
# What compiled code opens by itself is not seen: of these kinds it opens none.
_PRIVATE = re.compile(r"(?:0|10|127|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d+)+$")
OPENED_BY_PYTHON = (".py", ".pyi", ".md", ".rst")


class UsedStanding(NamedTuple):
    """What follows from what both sides were seen to use."""

    unread: Sequence[str] = ()  # files of the code that differ, all of them, and that no run read
    rest: str = ""  # what else is proven equal, in words
    all_held: bool = False  # and that is all there is: no host answered, no variable is unknown but credentials
    whole: bool = False  # all that the runs' Pythons read is known

    @property
    def unread_words(self) -> str:
        """Say what changed and can have moved nothing."""
        was = "was" if len(self.unread) == 1 else "were"
        return f"{listed(self.unread, 2)} changed and {was} not read by either run" if self.unread else ""


NOT_SEEN = UsedStanding()


def undeclared_files(m: Manifest) -> list[str]:
    """Name the files that were read and that no layer has."""
    return [name for name, one in m["observed"]["inputs"].items() if one["layer"] is None]


def unobserved(m: Manifest) -> str | None:
    """Say that a run was not observed, or not to the end, and what to do about it."""
    looked = m["observed"]["looked"]
    if looked["pythons"] is None and looked["files"] is not None and not looked["reason"]:
        return "the project's files alone were watched; for variables and files elsewhere: evalprov run --observe auto"
    if looked["pythons"] is None:
        why = f": {looked['reason']}" if looked["reason"] else ""
        return f"{m['run_id']} was not observed{why}; record one with: evalprov run --observe auto -- COMMAND"
    if not looked["complete"]:
        return f"{m['run_id']} was not observed to the end: {looked['reason'] or 'not every file read was hashed'}"
    return None


def undeclared_variables(m: Manifest) -> list[str]:
    """Name the variables that were read, were set, and whose value is not in the record."""
    told = m["observed"]["environment"]
    return [name for name, how in told.items() if how == "counted" or how.startswith("scrypt:")]


def used_changes(a: Manifest, b: Manifest) -> list[Change]:
    """Return what was read, nobody declared, and differs: files, modules and variables.

    What one run alone read is told only where all that the other read there is known.
    """
    if any(run["observed"]["looked"]["files"] is None for run in (a, b)):
        return []
    modules = list(_modules(a, b))
    told = {path for change in modules for path in (change.a, change.b)}
    files = [change for change in _files(a, b) if change.item not in told]
    return [*files, *modules, *_variables(a, b)]


def _files(a: Manifest, b: Manifest) -> Iterator[Change]:
    ones, others = _aligned(a["observed"]["inputs"], b["observed"]["inputs"])
    whole = _whole((a, b))
    watched = all(run["observed"]["looked"]["folders"] is not None for run in (a, b))
    for name in dict.fromkeys([*ones, *others]):
        one, other = ones.get(name), others.get(name)
        if all(side is None or side["layer"] is not None for side in (one, other)):
            continue
        before, after = one and one["sha256"], other and other["sha256"]
        if one and other:
            if before and after and before != after:
                yield Change(USED, name, "sha256", "changed", before, after)
        elif (before or after) and (whole or (watched and not name.startswith("/"))):
            yield Change(USED, name, "sha256", "removed" if one else "added", before, after)


def _modules(a: Manifest, b: Manifest) -> Iterator[Change]:
    """Give the modules that came from another file of other content."""
    ones, others = a["observed"]["modules"], b["observed"]["modules"]
    for name in ones.keys() & others.keys():
        one, other = (run["observed"]["inputs"].get(run["observed"]["modules"][name]) for run in (a, b))
        if ones[name] == others[name] or not one or not other or not (one["sha256"] and other["sha256"]):
            continue
        if one["sha256"] != other["sha256"]:
            yield Change(USED, f"module {name}", "path", "changed", ones[name], others[name])


def _variables(a: Manifest, b: Manifest) -> Iterator[Change]:
    """Give the variables that both runs read, one of them unset, or with values of which only digests are kept."""
    ones, others = a["observed"]["environment"], b["observed"]["environment"]
    for name in sorted(ones.keys() & others.keys()):
        one, other = ones[name], others[name]
        if one == other or "recorded" in (one, other) or any(how.startswith("session") for how in (one, other)):
            continue
        if "unset" in (one, other):
            sides = (None, other) if one == "unset" else (one, None)
            yield Change("software", f"variable {name}", "", "added" if one == "unset" else "removed", *sides)
        elif all(how.startswith("scrypt:") for how in (one, other)):
            yield Change("software", f"variable {name}", "", "changed", one, other)


def _aligned(
    ones: Mapping[str, UsedFile], others: Mapping[str, UsedFile]
) -> tuple[dict[str, UsedFile], dict[str, UsedFile]]:
    """Leave out what both have in another place: a scratch folder has a new name each time."""
    gone = {one["sha256"] for name, one in ones.items() if name not in others}
    come = {one["sha256"] for name, one in others.items() if name not in ones}
    moved = (gone & come) - {None}
    return (
        {name: one for name, one in ones.items() if name in others or one["sha256"] not in moved},
        {name: one for name, one in others.items() if name in ones or one["sha256"] not in moved},
    )


def _whole(runs: Iterable[Manifest]) -> bool:
    return all(run["observed"]["looked"]["complete"] for run in runs)


def standing(
    runs: Sequence[Manifest], changes: Sequence[Change], states: Mapping[str, str], files: Sequence[str]
) -> UsedStanding:
    """Say what follows for all runs of two sides.

    `files` are all the files of the code that differ; none where not all of them are known.
    """
    if not _whole(runs):
        return NOT_SEEN
    unread = list(files) if _are_unread(runs, changes, files) else []
    changed = {change.layer for change in changes if change.kind in CERTAIN}
    changed |= {name for name, state in states.items() if state == "changed"}
    equal = {name for name, state in states.items() if state == "equal"}
    if unread:
        changed -= {"code"}
        equal |= {"code"}
    first, *others = runs
    rest, held = "", all(_all_is_equal(first, run) for run in others)
    if all(_files_are_equal(first, run, changed, equal) for run in others):
        rest = "all other files that were read are equal"
        if held and "software" in equal and not any("named" in run["observed"]["environment"].values() for run in runs):
            rest = "all else that was read is equal"
    return UsedStanding(unread, rest, held, whole=True)


def _are_unread(runs: Sequence[Manifest], changes: Sequence[Change], files: Sequence[str]) -> bool:
    """Say whether it is sure that the files in which the code differs were read by no run."""
    of_code = [change for change in changes if change.layer == "code" and change.kind in CERTAIN]
    if not of_code or any(change.field != TREE for change in of_code) or not files:
        return False
    if not all(name.endswith(OPENED_BY_PYTHON) for name in files):
        return False
    if any(_is_near(host) for run in runs for host in run["observed"]["hosts"]):
        return False  # a server of this very code may have answered, and read it when it was started
    reads = [run["observed"]["inputs"] for run in runs]
    code = [{name: one["sha256"] for name, one in read.items() if one["layer"] == "code"} for read in reads]
    names = {name for read in reads for name in read}
    return (
        all(one == code[0] and None not in one.values() for one in code)
        and not any(PLACEHOLDER in name for name in names)
        # The project's folder may lie below the repository's, or what was read beside it.
        and not any(
            f"/{file}".endswith(f"/{name}") or f"/{name}".endswith(f"/{file}") for name in names for file in files
        )
        and all(_is_python(program) for run in runs for program in run["observed"]["programs"])
    )


def _is_near(host: str) -> bool:
    """Say whether a host is, by its name, this machine or one beside it."""
    name = host.rpartition(" ")[0] or host.rpartition(":")[0] or host
    return "." not in name or name.endswith((".local", ".internal")) or _PRIVATE.match(name) is not None


def _is_python(path: str) -> bool:
    return path.rpartition("/")[2].startswith(("python", "pypy"))


def _files_are_equal(a: Manifest, b: Manifest, changed: set[str], equal: set[str]) -> bool:
    """Say whether all files that were read are the same, apart from those of layers that changed."""
    ones, others = _aligned(a["observed"]["inputs"], b["observed"]["inputs"])
    for name in {*ones, *others}:
        one, other = ones.get(name), others.get(name)
        if one and other and one["sha256"] and one["sha256"] == other["sha256"]:
            continue
        layers = {side["layer"] or USED for side in (one, other) if side}
        if not layers <= changed and not layers <= equal:
            return False
    return True


def _all_is_equal(a: Manifest, b: Manifest) -> bool:
    """Say whether what was read beside files and software is equal: a host's answers are never proven to be.

    Another credential is no other program.
    """
    if a["observed"]["hosts"] or b["observed"]["hosts"]:
        return False
    ones, others = a["observed"]["environment"], b["observed"]["environment"]
    if any(how in ("session", "counted") for side in (ones, others) for how in side.values()):
        return False
    of_session = {name for side in (ones, others) for name, how in side.items() if how.startswith("session ")}
    return all(ones.get(name) == others.get(name) for name in of_session)

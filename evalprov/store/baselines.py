"""Baselines: whole records under metrics/baselines/, meant to be committed, each with who set it, when and why."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict, cast

from evalprov.errors import EvalprovError, UnreadableError
from evalprov.named import NamedTuple
from evalprov.record.baseline import (
    KEY,
    Accepted,
    Account,
    Replaced,
    What,
    acceptance,
    account_of,
    contradicted,
    fact,
    plain,
    sealed,
    trial_of,
)
from evalprov.record.form import encode
from evalprov.record.result import why_none
from evalprov.store import Store, ids
from evalprov.store.folder import LARGEST, Folder
from evalprov.store.index import Lock
from evalprov.store.lookup import checked_name, no_baseline, read_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.record.manifest import Manifest

FOLDER = "baselines"


class Wanted(NamedTuple):
    """What somebody who sets a baseline says."""

    name: str
    reason: str
    by: str | None  # null where nobody knows who it is
    replace: bool = False
    force: bool = False
    allow_failed: bool | None = None  # as in the settings


class BaselineRemarks(TypedDict):
    """Who says something of a baseline, and why."""

    by: str | None
    reason: str


class FoundBaseline(NamedTuple):
    """One baseline of a store: its record, or why it cannot be used."""

    name: str
    manifest: Manifest | None
    problem: EvalprovError | None


def objections(manifest: Manifest, *, allow_failed: bool | None = None) -> list[str]:
    """Say what speaks against holding later runs against this one, in words."""
    found = []
    if (why := why_none(manifest, allow_failed=allow_failed)) is not None:
        found.append(f"it {why}")
    elif not manifest["metric_summary"] and not manifest["metrics"]:
        found.append("it reported no metrics")
    if manifest["git_dirty"] is None:
        found.append("it is not known whether all of its code was committed")
    elif manifest["git_dirty"]:
        found.append("not all of its code was committed")
    return found


def keep(store: str, manifest: Manifest, wanted: Wanted, trials: Sequence[Manifest] = ()) -> Manifest:
    """Make a run the baseline of a name, with further trials of its repeat, and return it as it was stored."""
    name = checked_name(wanted.name)
    against = objections(manifest, allow_failed=wanted.allow_failed)
    if against and not wanted.force:
        what = f"run {manifest['run_id']} is no good baseline: {'; '.join(against)}"
        raise EvalprovError(what, "--force takes it all the same, and the baseline says so")
    if (wrong := contradicted(manifest)) is not None:
        hint = "it was altered after it ran, or another version of evalprov made it; record the run anew"
        raise UnreadableError(f"the record of run {manifest['run_id']} cannot be trusted: {wrong}", hint)
    with _changing(store) as folder:
        before = _present(store, folder, name)
        if before is not None and not wanted.replace:
            run = before["run_id"] or "a record that cannot be read"
            raise EvalprovError(f"there is a baseline {name} already: {run}", "--replace puts this one in its place")
        account: Account = {
            "name": name,
            "set_at": ids.timestamp(ids.stamp(time.time())),
            "set_by": wanted.by,
            "reason": wanted.reason,
            "forced": against,
            "replaces": before,
            "sha256": "",
        }
        if trials:
            account["trials"] = [trial_of(run) for run in trials]
        return _write(folder, manifest, account)


def accept(store: str, name: str, runs: Sequence[Manifest], what: What, said: BaselineRemarks) -> list[Accepted]:
    """Let later runs differ from a baseline as these do, and seal it anew; return what is newly accepted."""
    with _changing(store) as folder:
        known = read_baseline(store, checked_name(name))
        account = account_of(known)
        assert account is not None
        new: list[Accepted] = []
        for run in runs:
            before, after = fact(known, what), fact(run, what)
            if before == after or acceptance([known], run, what):
                continue
            if what in ("grader", "data") and None in (before, after):
                side = "baseline" if before is None else "run"
                raise EvalprovError(
                    f"the {what} of the {side} is not known: there is nothing to accept", "evalprov show RUN says why"
                )
            at = ids.timestamp(ids.stamp(time.time()))
            new.append({"what": what, "before": before, "after": after, "run_id": run["run_id"], "at": at, **said})
            account = {**account, "accepted": [*account.get("accepted", []), new[-1]]}
            known = cast("Manifest", {**known, KEY: account})
        if new:
            _write(folder, known, account)
    return new


def _write(folder: Folder, manifest: Manifest, account: Account) -> Manifest:
    stored = _sealed(manifest, account)
    data = encode(stored)
    if len(data) > LARGEST:
        trials = len(account.get("trials", ())) + 1
        hint = f"it is {len(data) >> 20} MB with {trials} trials; evalprov run without --repeat leaves one"
        raise EvalprovError(f"run {manifest['run_id']} is too large for a baseline", hint)
    folder.write(f"{account['name']}.json", data)
    return stored


def remove(store: str, name: str) -> str | None:
    """Take a baseline away; return its run's id, null where its record could not be read."""
    checked_name(name)
    with _changing(store) as folder:
        before = _present(store, folder, name)
        if before is None:
            raise no_baseline(store, name)
        folder.remove(f"{name}.json")
        folder.settle()
    return before["run_id"]


def find_all(store: str) -> list[FoundBaseline]:
    """Return every baseline by its name."""
    return [_found(store, name) for name in names(store)]


def names(store: str) -> list[str]:
    """Return the names of the baselines there are."""
    try:
        with Folder(f"{store}/{FOLDER}") as folder:
            files = [file.removesuffix(".json") for file in folder.names() if file.endswith(".json")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EvalprovError(f"cannot read {store}/{FOLDER}: {error.strerror}") from None
    return sorted(filter(_is_name, files))


def _found(store: str, name: str) -> FoundBaseline:
    try:
        return FoundBaseline(name, read_baseline(store, name), None)
    except EvalprovError as problem:
        return FoundBaseline(name, None, problem)


def _is_name(name: str) -> bool:
    try:
        checked_name(name)
    except EvalprovError:
        return False
    return True


def _present(store: str, folder: Folder, name: str) -> Replaced | None:
    """Return what has the name; a link or a folder in its place is refused, a record that cannot be read is not."""
    if folder.size(f"{name}.json") is None:
        return None
    known = _found(store, name).manifest
    if known is None:
        return {"run_id": None, "fingerprint": None}
    return {"run_id": known["run_id"], "fingerprint": known["identity"]["fingerprint"]}


def _sealed(manifest: Manifest, account: Account) -> Manifest:
    """Seal the record as it will be read: what JSON cannot hold is gone by then."""
    try:
        return sealed(plain(manifest), account)
    except (ValueError, RecursionError) as why:
        raise UnreadableError(f"the record of run {manifest['run_id']} cannot be kept: {why}") from None


@contextmanager
def _changing(store: str) -> Iterator[Folder]:
    """Open the folder to change it, alone."""
    try:
        opened = Store.open(store)
        with Folder(store, follow=True) as root, Lock(root), opened.enter(FOLDER) as folder:
            yield folder
    except OSError as error:
        where = error.filename or f"{store}/{FOLDER}"
        raise EvalprovError(f"cannot change {where}: {error.strerror}") from None
    except EvalprovError as problem:
        problem.exit_code = 2  # no run depends on it
        raise

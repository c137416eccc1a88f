"""A baseline: a whole record, kept under a name with an account of who chose it and why, and sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, cast

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

KEY = "baseline"  # of the account in the record


class Replaced(TypedDict):
    """The baseline that had the name before; null where it could not be read any more."""

    run_id: str | None
    fingerprint: str | None


class Account(TypedDict):
    """How a record became a baseline."""

    name: str
    set_at: str  # UTC, 2026-09-20T14:30:00Z
    set_by: str | None
    reason: str
    forced: list[str]  # what spoke against it
    replaces: Replaced | None
    sha256: str  # of the whole record's canonical form, this value left out


def account_of(manifest: Manifest) -> Account | None:
    """Return the account in a record; null for a record that is no baseline."""
    return cast("dict[str, Any]", manifest).get(KEY)


def sealed(manifest: Manifest, account: Account) -> Manifest:
    """Return the record as a baseline; whatever of it is changed later is noticed.

    Raises ValueError for what canonical JSON has not.
    """
    from evalprov.record.identity import hash_of

    record = {**manifest, KEY: {**account, "sha256": ""}}
    return cast("Manifest", {**record, KEY: {**account, "sha256": hash_of(record)}})


def plain(manifest: Manifest) -> Manifest:
    """Return the record without its account."""
    return cast("Manifest", {name: value for name, value in manifest.items() if name != KEY})


def altered(record: dict[str, Any]) -> str | None:
    """Say that a baseline, as it was written, is not what was set, in words; null where it is."""
    from evalprov.record.identity import hash_of

    account = record[KEY]
    try:
        seal = hash_of({**record, KEY: {**account, "sha256": ""}})
    except (ValueError, RecursionError) as why:
        return f"its seal cannot be checked: {why}"
    return None if seal == account["sha256"] else "it was altered after it was set: its seal does not hold"


def contradicted(manifest: Manifest) -> str | None:
    """Say which of a record's hashes its own facts contradict, in words; null where they agree."""
    from evalprov.record.identity import identify

    said = manifest["identity"]
    if not said["layers"]:  # it was never identified: the run did not get that far
        return None
    try:
        found = identify(manifest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as why:
        return f"its identity cannot be checked: {why}"
    wrong = [name for name, value in found["layers"].items() if said["layers"].get(name) != value]
    wrong += [name for name in ("program", "scenario", "fingerprint") if said[name] != found[name]]
    return f"what it holds is not what its hashes say: {', '.join(wrong)}" if wrong else None

"""Baselines: as a table, and one with the account of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.page import FactBlock, TableBlock, line
from evalprov.record.baseline import Accepted, Account, account_of, trials_of, who_and_why
from evalprov.views.columns import METRICS_SHOWN, metrics
from evalprov.views.show import headline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.page import Block, Pairs
    from evalprov.record.manifest import Manifest

COLUMNS = ("name", "run", "set", "by", "reason", "metrics")
SHORT = 12  # digits of a hash


def summary(manifest: Manifest) -> dict[str, Any]:
    """Return a baseline in short, as JSON has it."""
    return {
        "run_id": manifest["run_id"],
        "status": manifest["status"],
        "scenario": manifest["scenario"],
        "fingerprint": manifest["identity"]["fingerprint"],
        "metric_summary": manifest["metric_summary"],
        **{name: value for name, value in (account_of(manifest) or {}).items() if name != "trials"},
        "trials": [run["run_id"] for run in trials_of(manifest)[1:]],
    }


def table(kept: Sequence[Manifest], *, whole: bool) -> TableBlock:
    """Return a row a baseline; a person needs no more than the day it was set, and has no room for it."""
    return TableBlock(COLUMNS, [_row(manifest, whole=whole) for manifest in kept])


def _row(manifest: Manifest, *, whole: bool) -> tuple[str, ...]:
    account = account_of(manifest)
    told = ("",) * 4
    if account:
        at = account["set_at"] if whole else account["set_at"].partition("T")[0]
        told = (account["name"], at, account["set_by"] or "-", account["reason"])
    return told[0], manifest["run_id"], *told[1:], metrics(manifest, None if whole else METRICS_SHOWN)


def _accepted(one: Accepted) -> str:
    sides = ["none" if side is None else side.removeprefix("sha256:")[:SHORT] for side in (one["before"], one["after"])]
    return f"{one['what'].replace('_', ' ')} {' -> '.join(sides)}, {who_and_why(one)}"


def _told(account: Account) -> Pairs:
    before = account["replaces"]
    return [
        ("reason", account["reason"]),
        ("set", f"{account['set_at']} by {account['set_by'] or 'nobody knows whom'}"),
        ("in spite of", "; ".join(account["forced"])),
        ("trials", ", ".join(trial["run_id"] for trial in account.get("trials", ()))),
        *(("accepted", _accepted(one)) for one in account.get("accepted", ())),
        ("in place of", (before["run_id"] or "one that could not be read") if before else ""),
    ]


def page(name: str, manifest: Manifest, account: Account) -> Iterator[Block]:
    """Give one baseline: its account, and what the run was."""
    yield headline(manifest, name=f"baseline {name}")
    yield FactBlock("why", _told(account))
    summed = manifest["metric_summary"] or {}
    yield FactBlock("metrics", [(metric, render.number(value)) for metric, value in summed.items()])
    identity = manifest["identity"]
    hashes = [(kind, (identity[kind] or "unknown")[:19]) for kind in ("fingerprint", "program", "scenario")]
    named = [("scenario", manifest["scenario"] or ""), ("golden version", manifest["golden_version"] or "")]
    yield FactBlock("what ran", [*named, ("commit", manifest["git_sha"] or "")])
    yield FactBlock("identity", hashes)
    yield from map(line, ("", f"all of it: evalprov show baseline:{name}"))

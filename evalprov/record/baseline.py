"""A baseline: a whole record, kept under a name with an account of who chose it and why, and sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, cast

# A reader of baselines looks up what the annotations name.
from evalprov.record.manifest import Manifest, Status  # noqa: TC001
from evalprov.record.schema.observed import Process  # noqa: TC001
from evalprov.record.schema.outcome import ErrorEntry, MetricInfo  # noqa: TC001
from evalprov.record.schema.values import MetricValue  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = "baseline"  # of the account in the record


class Replaced(TypedDict):
    """The baseline that had the name before; null where it could not be read any more."""

    run_id: str | None
    fingerprint: str | None


class Trial(TypedDict):
    """What is kept of a further trial of the run's repeat: all that judging it takes."""

    run_id: str
    status: Status
    exit_code: int | None
    metrics: dict[str, dict[str, MetricValue]] | None
    metric_summary: dict[str, MetricValue] | None
    metric_info: dict[str, MetricInfo]
    scenarios_run: list[str]
    scenario_groups: dict[str, str]
    errors: list[ErrorEntry]
    process: Process | None


What = Literal["grader", "data", "scenario", "golden_version"]
WHATS: tuple[What, ...] = ("grader", "data", "scenario", "golden_version")


class Accepted(TypedDict):
    """Another grader, data set, scenario or golden version that later runs may have, and who said so."""

    what: What
    before: str | None  # of a layer its hash, of all else the value
    after: str | None
    run_id: str  # the run that it was accepted for
    at: str  # UTC
    by: str | None
    reason: str


class Account(TypedDict):
    """How a record became a baseline."""

    name: str
    set_at: str  # UTC, 2026-09-20T14:30:00Z
    set_by: str | None
    reason: str
    forced: list[str]  # what spoke against it
    replaces: Replaced | None
    trials: NotRequired[list[Trial]]
    accepted: NotRequired[list[Accepted]]
    sha256: str  # of the whole record's canonical form, this value left out


def account_of(manifest: Manifest) -> Account | None:
    """Return the account in a record; null for a record that is no baseline."""
    return cast("dict[str, Any]", manifest).get(KEY)


def trial_of(run: Manifest) -> Trial:
    """Return what is kept of a trial."""
    return {
        "run_id": run["run_id"],
        "status": run["status"],
        "exit_code": run["exit_code"],
        "metrics": run["metrics"],
        "metric_summary": run["metric_summary"],
        "metric_info": run["metric_info"],
        "scenarios_run": run["scenarios_run"],
        "scenario_groups": run["scenario_groups"],
        "errors": run["errors"],
        "process": run["observed"]["process"],
    }


def trials_of(manifest: Manifest) -> list[Manifest]:
    """Return a baseline's run, and its further trials as runs of the same program on the same machine."""
    account = account_of(manifest)
    runs = [manifest]
    for trial in (account or cast("Any", {})).get("trials", ()):
        own = {name: value for name, value in trial.items() if name != "process"}
        observed = {**manifest["observed"], "process": trial["process"]}
        runs.append(cast("Manifest", {**manifest, **own, "observed": observed}))
    return runs


def fact(manifest: Manifest, what: What) -> str | None:
    """Return what may be accepted as another: a layer's hash, or a name."""
    if what == "scenario":
        return manifest["scenario"]
    if what == "golden_version":
        return manifest["golden_version"]
    return manifest["identity"]["layers"].get(what)


def who_and_why(one: Accepted) -> str:
    """Say when something was accepted, by whom and why."""
    return f"{one['at']} by {one['by'] or 'nobody knows whom'}: {one['reason']}"


def acceptance(a: Iterable[Manifest], b: Manifest, what: What) -> Accepted | None:
    """Return who said of a baseline that this run may have another grader, data set, scenario or golden version."""
    for run in a:
        account = account_of(run)
        for one in reversed(account.get("accepted", [])) if account else ():
            if (one["what"], one["before"], one["after"]) == (what, fact(run, what), fact(b, what)):
                return one
    return None


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

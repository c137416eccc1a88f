"""`evalprov baseline`: the runs that later ones are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli import author
from evalprov.cli.common import NEEDED_RUN, STORE, is_mirror, open_store
from evalprov.cli.options import Argument, Option, Subcommand, SubcommandGroup
from evalprov.cli.sides import side
from evalprov.errors import UsageError
from evalprov.isolation import here
from evalprov.judge.rules import rules_of
from evalprov.record.baseline import account_of
from evalprov.record.result import why_none
from evalprov.settings import load
from evalprov.store import baselines, lookup, read
from evalprov.views import baselines as view

if TYPE_CHECKING:
    from evalprov.fleet.mirror import Mirror
    from evalprov.record.manifest import Manifest


def set_(  # noqa: PLR0913 - one argument an option
    *, name: str, run: str, reason: str | None, replace: bool, force: bool, store: str | None
) -> int:
    """Make a run the baseline of a name.

    The whole record is copied, with who set it, when and why, and sealed: if anything in it is changed later,
    it is refused. Of a trial of a repeat the others' results are kept as well, for gate --trials. Commit the file,
    and every clone has it; with --store URL it goes into the store that a team shares.

    Example: evalprov baseline set main latest --reason "release 1.2"
    """
    if not (reason or "").strip():
        raise UsageError(
            "missing --reason TEXT: why this run",
            f'for example: evalprov baseline set {name} {run} --reason "release 1.2"',
        )
    folder = open_store(store)
    allow_failed = rules_of(load(here()).declared).gate.allow_failed
    wanted = baselines.Wanted(lookup.checked_name(name), **said(reason), replace=replace, force=force)
    named, trials = _with_trials(folder, run, allow_failed=allow_failed)
    stored = baselines.keep(folder, named, wanted._replace(allow_failed=allow_failed), trials)
    where = published(folder, name)
    account = account_of(stored)
    before = account and account["replaces"]
    instead = f", in place of {before['run_id'] or 'one that could not be read'}" if before else ""
    beside = f", with {len(trials)} further trials of its repeat" if trials else ""
    render.out(f"baseline {name} is run {stored['run_id']}{beside}{instead}")
    if stored["status"] == "failed":
        render.note(f"the command exited with {stored['exit_code']}; its metrics were read, and the run counts")
    render.note(where or f"commit it: {folder}/{baselines.FOLDER}/{name}.json")
    return 0


def published(folder: str, name: str) -> str:
    """Put a baseline that was changed in the mirror of a shared store into that store; return where it is then."""
    mirror = _mirror(folder)
    if mirror is None:
        return ""
    from evalprov.fleet.shared import publish_baseline

    publish_baseline(mirror.bucket, mirror.path, name)
    return f"it is in {mirror.bucket.url}, for all who share that"


def _mirror(folder: str) -> Mirror | None:
    """Return the mirror that a store is; null for a store of one's own."""
    if not is_mirror(folder):
        return None
    from evalprov.fleet.reading import mirror_at  # most stores are folders

    if (mirror := mirror_at(folder)) is None:
        raise UsageError(f"{folder} is the mirror of a shared store", "name the store itself: --store URL")
    return mirror


def said(reason: str | None) -> baselines.BaselineRemarks:
    """Return who says something of a baseline, and why, without secrets."""
    by, clean = author.author(load(here()).env_secret)
    return {"by": by, "reason": clean(reason or "")}


def _with_trials(folder: str, run: str, *, allow_failed: bool | None) -> tuple[Manifest, list[Manifest]]:
    """Return the run that is meant, and the further trials of its repeat: of the same program, with results."""
    named = read.load(folder, run)
    fingerprint, trials = named["identity"]["fingerprint"], []
    others = [one for one in side(folder, run, trials=True).runs if one["run_id"] != named["run_id"]]
    for one in others:
        why = why_none(one, allow_failed=allow_failed)
        if one["identity"]["fingerprint"] != fingerprint:
            why = "is of another program"
        if why is None:
            trials.append(one)
        else:
            render.note(f"left out: trial {one['run_id']} {why}")
    return named, trials


def list_(*, as_json: bool, store: str | None) -> int:
    """List the baselines, with who set each, when and why.

    In a pipe the columns are separated by tabs. Example: evalprov baseline list
    """
    folder = open_store(store)
    found = baselines.find_all(folder)
    problems = [one.problem for one in found if one.problem]
    kept = [one.manifest for one in found if one.manifest]
    if as_json:
        listed = [view.summary(manifest) for manifest in kept]
        broken = [{"name": one.name, "problem": one.problem.message} for one in found if one.problem]
        document = {"version": 1, "store": folder, "baselines": listed, "unusable": broken}
        render.document(document)
        return 0
    width = render.width()
    if kept or not width:
        render.page([view.table(kept, whole=not width)])
    elif not problems:
        render.out("no baselines yet; set one: evalprov baseline set NAME RUN --reason TEXT")
    for problem in problems:
        render.error(problem)
    return 0


def show(*, name: str, as_json: bool, store: str | None) -> int:
    """Show one baseline: its account, and what the run was.

    Example: evalprov baseline show main
    """
    folder = open_store(store)
    manifest = lookup.read_baseline(folder, lookup.checked_name(name))
    account = account_of(manifest)
    if as_json or account is None:
        render.document(manifest, indent=1)
        return 0
    render.page(view.page(name, manifest, account))
    return 0


def rm(*, name: str, store: str | None) -> int:
    """Take a baseline away; what git has of it stays there.

    Example: evalprov baseline rm main
    """
    folder = open_store(store)
    mirror = _mirror(folder)
    run_id = baselines.remove(folder, name)
    if mirror:
        from evalprov.fleet.shared import remove_baseline

        remove_baseline(mirror.bucket, mirror.path, name)
    render.out(f"removed baseline {name}" + (f", which was run {run_id}" if run_id else ""))
    return 0


_NAME = Argument("name", "NAME", "The baseline's name: letters, digits, dot, dash, _.", required=True)
_JSON = Option("--json", None, "Print it as JSON.", into="as_json")
COMMAND = SubcommandGroup(
    "Keep runs that later ones are compared with: whole records under metrics/baselines, meant to be committed.",
    {
        "set": Subcommand(
            set_,
            (
                Option("--reason", "TEXT", "Why this run; required."),
                Option("--replace", None, "Put it in place of the one that is there."),
                Option("--force", None, "Take a run that failed, has no metrics, or was not all committed."),
                STORE,
            ),
            (_NAME, NEEDED_RUN),
        ),
        "list": Subcommand(list_, (_JSON, STORE)),
        "show": Subcommand(show, (_JSON, STORE), (_NAME,)),
        "rm": Subcommand(rm, (STORE,), (_NAME,)),
    },
)

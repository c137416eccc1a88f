"""`evalprov export`: runs handed over to other tools."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli import remarks, selection
from evalprov.cli.common import STORE, open_store, project_of
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import EvalprovError, UnreadableError, UsageError
from evalprov.handover.export import hand_over
from evalprov.handover.files import rows_of
from evalprov.handover.parcel import SendOptions, amount, shown
from evalprov.handover.targets import TARGETS, named
from evalprov.isolation import here
from evalprov.judge.rules import rules_of
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.secrets import Scrubber
from evalprov.settings import load
from evalprov.store.lines import Search
from evalprov.store.outputs import add_outputs
from evalprov.store.query import Query
from evalprov.store.where import path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.handover.parcel import Receipt
    from evalprov.handover.targets import Target
    from evalprov.record.manifest import Manifest

COLUMNS = ("run", "state", "where", "id")
DRY_COLUMNS = ("run", "where", "part", "amount")


def export(  # noqa: PLR0913 - one argument an option
    *,
    runs: tuple[str, ...],
    to: str | None,
    out: str | None,
    url: str | None,
    project: str | None,
    every: bool,
    prompts: bool,
    dry_run: bool,
    as_json: bool,
    store: str | None,
    **picks: Any,
) -> int:
    """Hand runs over to another tool, whole: what they were, what they scored, scenario by scenario.

    Runs are named, or picked as in `evalprov history`. A second export finds the first and says so; a failed one can
    be tried again. Servers are those of the tool's own settings, or --url. Files go below the store, or to --out;
    nothing is overwritten but what an export wrote. More: evalprov help handover

    Examples: evalprov export latest --to mlflow --dry-run;
    evalprov export latest --to csv --out tables;
    evalprov export --where 'accuracy>=0.7' --since 7d --to wandb
    """
    target = _target(to)
    _must_fit(target, out=out, url=url, project=project, prompts=prompts)
    folder = open_store(store)
    asked = selection.asked(**picks)
    selected = every or bool(asked.words)
    if selected == bool(runs):
        raise UsageError(
            "name runs, or pick them, not both" if selected else "export needs runs",
            "evalprov export latest --to csv, or all: evalprov export --all --to csv",
        )
    found = _picked(folder, asked) if selected else _Picked(list(runs))
    if target.single and len(found.runs) > 1:
        raise UsageError(f"{target.name} takes one run: its files have the same names in each commit")
    settings = load(here())
    rules = rules_of(settings.declared).metrics
    place = os.path.abspath(out) if out else f"{folder}/export/{target.name}"
    scrub = Scrubber(os.environ, settings.env_secret)
    project_root = project_of(folder, settings)
    texts = partial(_prompts, folder, project_root, scrub) if prompts else None
    options = SendOptions(place, url, project, rules, dry_run=dry_run, prompts=texts)
    receipts: list[Receipt] = []
    failed = 0
    try:
        for receipt in _handed_over(folder, found.runs, target, options, scrub, leave_out=selected):
            if receipt is None:
                failed += 1
            else:
                receipts.append(receipt if dry_run else receipt.without_parcel())
    except EvalprovError as problem:
        if receipts:
            _tell(receipts, target, folder, dry_run=dry_run, as_json=as_json, problem=problem)
            rest = f"{len(receipts)} of {len(found.runs)} were handed over; another try goes on from there"
            problem.hint = f"{problem.hint}; {rest}" if problem.hint else rest
        raise
    if out and not dry_run:
        with suppress(OSError):  # then they count as files like any other
            add_outputs(folder, rows_of(place, project_root), project_root)
    _tell(receipts, target, folder, dry_run=dry_run, as_json=as_json)
    for note in found.notes:
        render.note(note)
    return 1 if failed else 0


def _target(name: str | None) -> Target:
    if name is None:
        raise UsageError("export needs --to TARGET", f"there are {', '.join(one.name for one in TARGETS)}")
    target = named(name)
    assert target is not None  # it is one of the choices
    return target


def _prompts(store: str, project: str, scrub: Scrubber, m: Manifest) -> dict[str, bytes]:
    """Return the texts of a run's prompts, and say which are not to be had."""
    from evalprov.restore.edits import TextPlace
    from evalprov.restore.prompts import prompt_texts

    found = prompt_texts(m, TextPlace(store, project, scrub))
    for name, why in found.missing.items():
        render.note(f"run {m['run_id']}: prompt {render.neutral(name)} is not handed over: {why}")
    return found.texts


def _must_fit(target: Target, *, out: str | None, url: str | None, project: str | None, prompts: bool) -> None:
    """Refuse options that would have no effect."""
    if prompts and not target.texts:
        takers = " and ".join(one.name for one in TARGETS if one.texts)
        raise UsageError(f"--prompts: {target.name} has no place for the prompts' text", f"{takers} have one")
    if out and target.url:
        raise UsageError(f"--out is for files, and {target.name} is no file", "a server is named by --url")
    for flag, given in (("--url", url), ("--project", project)):
        if given and not target.url:
            raise UsageError(f"{flag} is for a server, and {target.name} is files", "a folder is named by --out")


class _Picked(NamedTuple):
    runs: list[str]  # the oldest first
    notes: list[str] = []  # noqa: RUF012 - what is to be said of others


def _picked(folder: str, asked: selection.Asked) -> _Picked:
    query = Query(asked.conditions, [path("status")], since=asked.since)
    with Search(folder, query) as search:
        found = [(run.run_id, run.values[0]) for run in search.runs()]
        notes = search.notes()
    runs = [run_id for run_id, status in reversed(found) if status != "running"]
    if going_on := len(found) - len(runs):
        notes.append(f"{counted(going_on)} still running: left out")
    if not found:
        notes.append(f"none of {counted(search.looked_at)} {asked.words}".rstrip())
        notes += remarks.mistaken(asked.conditions, query.kinds)
    return _Picked(runs, notes)


def _handed_over(  # noqa: PLR0913 - runs, where to, and how
    folder: str, runs: Sequence[str], target: Target, options: SendOptions, scrub: Scrubber, *, leave_out: bool
) -> Iterator[Receipt | None]:
    """Yield a receipt a run; of picked ones whose record cannot be read nothing, with a remark."""
    total = len(runs)
    draw = render.progress(f"to {target.name}", lambda done, of: f"{done} of {of}")
    if total == 1:
        options = options._replace(progress=draw)
    for number, run in enumerate(runs):
        if draw and total > 1:
            draw(number, total)
        try:
            receipt: Receipt | None = hand_over(folder, run, target, options, scrub)
        except UnreadableError as problem:
            if not leave_out:
                raise
            render.note(f"{problem.message}; left out")
            receipt = None
        finally:
            if draw:
                draw(1, 1)  # it goes away
        yield receipt


def _tell(  # noqa: PLR0913 - a way of telling each
    receipts: Sequence[Receipt],
    target: Target,
    folder: str,
    *,
    dry_run: bool,
    as_json: bool,
    problem: EvalprovError | None = None,
) -> None:
    if as_json:
        render.document(
            {
                "version": 1,
                "store": folder,
                "target": target.name,
                "dry_run": dry_run,
                "runs": [_document(one, parts=dry_run) for one in receipts],
                "error": problem and problem.message,
            }
        )
    elif dry_run:
        render.table(DRY_COLUMNS, [row for one in receipts for row in _parts(one)])
    elif receipts:
        render.table(COLUMNS, [(one.run_id, one.state, _near(one.where), one.id) for one in receipts])


def _near(where: str) -> str:
    """Return a path below the present folder as seen from there; all else as it is."""
    return where.removeprefix(f"{os.getcwd()}/")


def _document(receipt: Receipt, *, parts: bool) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(receipt, name) for name in ("run_id", "state", "where", "id")}
    if parts and receipt.parcel:
        said["parts"] = {name: shown(part) for name, part in receipt.parcel.parts.items()}
    return said


def _parts(receipt: Receipt) -> Iterator[tuple[str, ...]]:
    for name, part in receipt.parcel.parts.items() if receipt.parcel else ():
        yield receipt.run_id, receipt.where, name, amount(part)


COMMAND = Subcommand(
    export,
    (
        Option(
            "--to",
            "TARGET",
            f"One of {', '.join(one.name for one in TARGETS)}.",
            choices=tuple(one.name for one in TARGETS),
        ),
        Option("--out", "DIR", "Where files go; export/TARGET below the store otherwise."),
        Option("--url", "URL", "Where the server is, if not where the tool's own settings say."),
        Option("--project", "NAME", "The project or experiment there; the scenario's name otherwise."),
        *selection.OPTIONS,
        Option("--all", None, "All runs that have ended.", into="every"),
        Option("--prompts", None, "The text of its prompts, too, as the run had them."),
        Option("--dry-run", None, "Say what would be sent; with --json all of it."),
        Option("--json", None, "Print the receipts as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("runs", "RUN...", "Run ids, their beginnings, latest, latest~2, or manifests' paths.", many=True),),
)

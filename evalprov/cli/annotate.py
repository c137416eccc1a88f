"""`evalprov annotate`: notes and tags that are given to runs after they ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli import author, remarks, selection
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import here
from evalprov.numbers import counted
from evalprov.settings import load
from evalprov.store import Store, ids, lookup, notes
from evalprov.store.lines import Search
from evalprov.store.query import Query
from evalprov.store.where import path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.cli.author import Clean

# Which runs: all that others pick by, but --tag, which here is what they are given.
PICKS = tuple(option for option in selection.OPTIONS if option.name != "tag")


def annotate(  # noqa: PLR0913 - one argument an option
    *,
    runs: tuple[str, ...],
    note: str | None,
    tag: Sequence[str],
    untag: Sequence[str],
    as_json: bool,
    store: str | None,
    **picks: Any,
) -> int:
    """Add a note to runs, or give them tags and take tags away, after they ended.

    Records stay as they are: each annotation is a file beside them, under notes/, with who wrote it and when. All that
    shows a run shows it together with the record's own: its note first, then later ones with their dates. Runs are
    named, or picked as in `evalprov history`.

    Examples: evalprov annotate latest --note "the judge was down" --tag suspect;
    evalprov annotate --where 'accuracy<0.1' --since 7d --tag broken;
    evalprov annotate latest --untag suspect
    """
    by, clean = author.author(load(here()).env_secret)
    said = notes.NewAnnotation(by, _text(note, clean), _tags("--tag", tag, clean), _tags("--untag", untag, clean))
    if not (said.note or said.tags or said.untags):
        raise UsageError("annotate needs a note or a tag", "for example: evalprov annotate latest --tag good")
    if both := {*said.tags} & {*said.untags}:
        raise UsageError(f"--tag and --untag name the same: {', '.join(sorted(both))}")
    folder = open_store(store, writes=True)
    asked = selection.asked(tag=(), **picks)
    if bool(asked.words) == bool(runs):
        raise UsageError(
            "name runs, or pick them, not both" if runs else "annotate which runs?",
            "evalprov annotate latest --tag good, or evalprov annotate --where 'accuracy>=0.7' --tag good",
        )
    found = _picked(folder, asked) if asked.words else _named(folder, runs)
    now = time.time()
    files = dict(
        notes.written(run_id, said, now + number / 1e6)  # in the order given
        for number, (run_id, tags) in enumerate(found.items())
        if said.note or {*said.tags} - {*tags} or {*said.untags} & {*tags}
    )
    failed = _write(folder, files)
    if failed:
        name, error = next(iter(failed.items()))
        raise EvalprovError(
            f"{len(failed)} of {counted(len(files), 'annotation')} could not be written: {folder}/notes/{name}: "
            f"{error.strerror}",
            "what was written stays; the same command writes the rest",
        )
    _tell(folder, list(found), len(files), as_json=as_json)
    return 0


def _text(note: str | None, clean: Clean) -> str | None:
    text = clean(note) if note is not None else None
    if note is not None and not text:
        raise UsageError("--note needs words")
    if text and len(text) > notes.LONGEST:
        raise UsageError(f"a note has {notes.LONGEST} letters at most, and this one {len(text)}")
    return text


def _tags(flag: str, tags: Sequence[str], clean: Clean) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(map(clean, tags)))
    if not all(named) or any("\n" in one or len(one) > notes.LONGEST_TAG for one in named):
        raise UsageError(f"{flag} needs a name: one line, {notes.LONGEST_TAG} letters at most")
    return named


def _named(folder: str, specs: Sequence[str]) -> dict[str, list[str]]:
    """Return the runs that are named, each once, with the tags that it has."""
    found: dict[str, list[str]] = {}
    for spec in specs:
        if spec.endswith(".json"):
            raise UsageError(f"not a run of the store: {spec}", "name the run by its id: its notes lie in the store")
        run_id = lookup.find(folder, spec)
        found[run_id] = _known(folder, run_id)
    return found


def _known(folder: str, run_id: str) -> list[str]:
    from evalprov.store import read

    return read.load_noted(folder, run_id)["tags"]


def _picked(folder: str, asked: selection.Asked) -> dict[str, list[str]]:
    query = Query(asked.conditions, [path("tags")], since=asked.since)
    with Search(folder, query) as search:
        found = {run.run_id: run.values[0] or [] for run in search.runs()}
    for words in search.notes():
        render.note(words)
    if not found:
        render.note(f"none of {counted(search.looked_at)} {asked.words}")
        for words in remarks.mistaken(asked.conditions, query.kinds):
            render.note(words)
    return dict(sorted(found.items(), key=lambda one: ids.order(one[0])))


def _write(folder: str, files: dict[str, bytes]) -> dict[str, OSError]:
    try:
        return notes.write(Store.open(folder).enter, files) if files else {}
    except OSError as error:
        raise EvalprovError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    except EvalprovError as problem:
        problem.exit_code = 2  # no run depends on it
        raise


def _tell(folder: str, run_ids: Sequence[str], written: int, *, as_json: bool) -> None:
    """Say what is said of the runs now."""
    every = notes.Annotations(folder)
    if as_json:
        runs = [{"run_id": one, "annotations": every.of(one)} for one in run_ids]
        render.document({"version": 1, "store": folder, "written": written, "runs": runs})
        return
    unchanged = len(run_ids) - written
    same = f"; {unchanged} had these tags already" if unchanged else ""
    render.note(f"annotated {counted(written)}{same}")


COMMAND = Subcommand(
    annotate,
    (
        Option("--note", "TEXT", "What is to be remembered of the runs."),
        Option("--tag", "TAG", "Give them this tag.", repeatable=True),
        Option("--untag", "TAG", "Take this tag from them, also one that the record has.", repeatable=True),
        *PICKS,
        Option("--json", None, "Print all that was said of these runs later, as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("runs", "RUN...", "Run ids, their beginnings, latest, latest~2, baseline:NAME.", many=True),),
)

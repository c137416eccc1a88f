"""Imported runs entered into a store: each once, as records that know what they do not know."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from evalprov.handover.imports import read_in
from evalprov.handover.imports.taken import FailedRun, TakenRun
from evalprov.named import NamedTuple
from evalprov.record.form import blank
from evalprov.record.identity import identify
from evalprov.reported import merge_reported
from evalprov.store import Store, ids
from evalprov.store.entering import put_in_their_place
from evalprov.store.gate import less_secrets
from evalprov.store.lines import Search
from evalprov.store.query import Query
from evalprov.store.texts import keep_texts
from evalprov.store.where import path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.record.manifest import Manifest
    from evalprov.secrets import Scrubber


class EnteredRun(NamedTuple):
    """What became of one run that was to be imported."""

    source: str
    run_id: str | None  # null where it was not imported
    found: bool = False  # it was there before
    tool: str | None = None
    problem: str | None = None


class Importing:
    """One import into a store."""

    def __init__(
        self, store: str, root: str, scrub: Scrubber, scenario: str | None = None, text_bytes: int | None = None
    ) -> None:
        self._store = store
        self._root = root
        self._scrub = scrub
        self._scenario = scenario
        self._text_bytes = text_bytes
        self._known, self._ours = _known(store)
        self._new: set[str] = set()

    def take(self, source: str, own_ids: Sequence[str] = ()) -> Iterator[EnteredRun]:
        """Enter the runs of one file, folder or store; what cannot be read is told, and the others are entered."""
        for one in read_in(source, tuple(own_ids), self._text_bytes):
            if isinstance(one, FailedRun):
                yield EnteredRun(one.source, None, problem=self._scrub.text(one.why))
            elif one.of in self._ours:
                yield EnteredRun(one.source, one.of, found=True, tool=one.tool)  # evalprov itself recorded that run
            elif one.sha256 in self._known:
                yield EnteredRun(one.source, self._known[one.sha256], found=True, tool=one.tool)
            else:
                yield self._entered(one)

    def settle(self) -> str | None:
        """Put what was entered where its time belongs; return what went wrong with that."""
        return put_in_their_place(self._store, self._new) if self._new else None

    @cached_property
    def _open(self) -> Store:
        """The store, which is made only where there is something to enter."""
        return Store.open(self._store, self._scrub)

    def _entered(self, taken: TakenRun) -> EnteredRun:
        began = taken.began if taken.began is not None else os.stat(taken.source.partition("#")[0]).st_mtime
        manifest = self._open.reserve(began, blank)
        manifest["observed"]["process"] = None  # it is we who write it, and not who ran it
        self._fill(manifest, taken)
        merge_reported(manifest, taken.reported._replace(facts=less_secrets(taken.reported.facts, self._scrub)))
        manifest["texts"], lost = keep_texts(self._open, taken.reported.texts, self._scrub)
        manifest["warnings"] += lost
        if taken.began is None:
            manifest["warnings"].append("when it ran is not known: its id is the time of the file that it is from")
        manifest["identity"] = identify(manifest)
        manifest["system"]["config_hash"] = manifest["identity"]["config_hash"]
        problems = self._open.finish(manifest)
        run_id = manifest["run_id"]
        self._known[taken.sha256] = run_id
        self._new.add(run_id)
        return EnteredRun(taken.source, run_id, tool=taken.tool, problem="; ".join(problems) or None)

    def _fill(self, m: Manifest, taken: TakenRun) -> None:
        """Put in where it comes from, and what is known of it beside what it reported."""
        record = cast("dict[str, Any]", m)
        for name, value in taken.facts.items():
            record[name] = {**record[name], **value} if isinstance(value, dict) else value
        m["status"] = taken.status
        m["duration_seconds"] = None if taken.seconds is None else round(taken.seconds, 6)
        inside = os.path.relpath(os.path.abspath(taken.source), self._root)
        source = os.path.abspath(taken.source) if inside.startswith("..") else inside
        m["imported"] = {
            "tool": taken.tool,
            "source": self._scrub.text(source),
            "id": taken.own and self._scrub.text(taken.own),
            "sha256": taken.sha256,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        m["scenario"] = self._scenario
        if self._scenario:
            m["sources"]["scenario"] = "--scenario"


def _known(store: str) -> tuple[dict[str, str], set[str]]:
    """Return the imported runs of a store by the hash of what they were made of, and the ids of those it recorded."""
    if not os.path.isdir(store):
        return {}, set()
    imported: dict[str, str] = {}
    ours: set[str] = set()
    with Search(store, Query(values=[path("imported.sha256")])) as search:
        for run in search.runs():
            if isinstance(run.values[0], str):
                imported[run.values[0]] = run.run_id
            elif ids.is_run_id(run.run_id):
                ours.add(run.run_id)
    return imported, ours

"""Putting the store in order after a crash; the manifests are the truth, and a finished one is left alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.numbers import listed
from evalprov.record.form import blank, counts_of, encode, history_line
from evalprov.secrets import TellingScrubber
from evalprov.store import ids
from evalprov.store.decode import Torn, Unreadable, as_seen, decode, lost
from evalprov.store.folder import TEMP, Folder
from evalprov.store.gate import hide_secrets
from evalprov.store.lines import open_store
from evalprov.store.notes import Annotations
from evalprov.store.process import is_gone, is_near
from evalprov.store.repair_history import HistoryEntry, HistoryScan, Snapshot, in_place, repair_history, started
from evalprov.store.write import SUBFOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.record.manifest import Manifest

_NEVER_WRITTEN = "the record was never written: evalprov was gone just after it began"
_IDS_SHOWN = 5


def _say_nothing(_: str) -> None:
    """Take a remark that nobody wants."""


def _add_nothing(_lost: Manifest, _path: str) -> bool:
    """Leave a lost run's record as it is."""
    return False


def repair(
    store: str,
    *,
    rebuild: bool = False,
    note: Callable[[str], None] = _say_nothing,
    report: Callable[[Manifest, str], bool] = _add_nothing,
) -> list[str]:
    """Repair what a crash left behind and return what was done; remarks go to `note`.

    `report` is to add to the record of a lost run what stands in the file that its command reported to.
    Safe while runs are being recorded. With rebuild the history is made anew from the manifests.
    """
    try:
        with open_store(store) as root:
            doctor = _Doctor(store, root, note, report)
            doctor.look_at_runs(rebuild=rebuild)
            doctor.clear_markers()
            doctor.clear_leftovers()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise EvalprovError(f"cannot repair {store}: {error.strerror}{where}") from None
    return doctor.done


class _Doctor:
    """One pass over a store."""

    def __init__(
        self, store: str, root: Folder, note: Callable[[str], None], report: Callable[[Manifest, str], bool]
    ) -> None:
        self.store = store
        self.root = root
        self.note = note
        self.report = report
        self.done: list[str] = []
        self.entered: set[str] = set()  # runs that the history has
        self.noted: set[str] = set()

    def look_at_runs(self, *, rebuild: bool) -> None:
        """End the records of dead runs and bring the history in line with the manifests."""

        def plan(history: Snapshot) -> bool:
            scan = history.scan()
            found = [name.removesuffix(".json") for name in self._names("runs") if name.endswith(".json")]
            there = set(filter(ids.is_run_id, found))
            suspects = there if rebuild else there - scan.sound.keys()
            whole = {one for one in sorted(suspects, key=ids.order) if self._belongs(one, scan)}
            self.entered = scan.sound.keys() | whole
            return self._write_history(history, scan, whole, rebuild=rebuild)

        repair_history(self.root, plan)
        gone = self.entered - {name.removesuffix(".json") for name in self._names("runs")}
        if gone:
            runs, lines = ("run", "its line is") if len(gone) == 1 else ("runs", "their lines are")
            self._note(f"{len(gone)} {runs} of the history without a record in runs/; {lines} kept")
        self._look_at_notes()

    def _look_at_notes(self) -> None:
        """Tell of what was said of runs and cannot be read, or of runs that are not here."""
        said = Annotations(self.store)
        if said:
            said.read_all()
            runs = said.runs() - self.entered - {name.removesuffix(".json") for name in self._names("runs")}
            if runs:
                what = "run that is" if len(runs) == 1 else "runs that are"
                self._note(f"notes of {len(runs)} {what} neither in runs/ nor in the history; they are kept")
        for words in said.words():
            self._note(words)

    def clear_markers(self) -> None:
        """Take away the markers of runs that are in the history, or that never came to be."""
        for run_id in sorted(self._names("active")):
            if ids.is_run_id(run_id) and self._is_stale(run_id):
                with Folder(f"{self.store}/active") as active:
                    if active.remove(run_id):
                        self.done.append(f"removed the stale marker of run {run_id}")

    def clear_leftovers(self) -> None:
        """Take away the half-written files of writers that are gone."""
        for name in ("", *SUBFOLDERS):
            for file in self._names(name):
                if not file.startswith(TEMP):
                    continue
                with self._folder(name) as folder:
                    if folder.abandoned(file) and folder.remove(file):
                        self.done.append(f"removed the leftover file {os.path.join(name, file)}")

    def _belongs(self, run_id: str, scan: HistoryScan) -> bool:
        """Say whether a run belongs in the history now; one whose process is gone is ended first."""
        try:
            manifest = self._read(run_id)
            if manifest is None:
                return False
            if manifest["status"] == "running":
                return self._end(manifest)
        except Unreadable as why:
            known = run_id in scan.sound or run_id in scan.weak
            if isinstance(why, Torn) and not known and not self._being_reserved():
                return self._replace_torn(run_id)
            self._note(f"the record of run {run_id} cannot be read: {why}")
            return False
        return run_id in scan.sound or not self._being_finished(manifest)

    def _end(self, manifest: Manifest) -> bool:
        """Record a run as lost if its process is provably gone."""
        run_id, process = manifest["run_id"], manifest["observed"]["process"]
        ended = as_seen(manifest, lambda: self._read(run_id))
        if ended["status"] == "running":
            if process is None or not is_near(process):
                host = ids.shown(process["hostname"]) if process else "unknown"
                self._note(f"run {run_id} stays running: its process (host {host}) cannot be seen from here")
            return False
        if ended["status"] != "lost":  # finished while we were looking
            return True
        reported = self._add_report(ended)
        with Folder(f"{self.store}/runs") as runs:
            runs.write(f"{run_id}.json", encode(ended))
        said = ", with what its command had reported" if reported else ""
        self.done.append(f"run {run_id} is recorded as lost{said}: its process is gone")
        return True

    def _add_report(self, ended: Manifest) -> bool:
        """Add what a lost run's command had reported, where its marker says to which file; say whether it had."""
        run_id = ended["run_id"]
        try:
            with Folder(f"{self.store}/active") as active:
                path = active.read(run_id)
            if not path or not self.report(ended, os.fsdecode(path)):
                return False
        except Exception as error:  # noqa: BLE001 - the run is lost with or without it
            self._note(f"what the command of run {run_id} had reported cannot be read: {type(error).__name__}: {error}")
            return False
        hide_secrets(ended, TellingScrubber(os.environ))
        ended["counts"] = counts_of(ended)
        return True

    def _replace_torn(self, run_id: str) -> bool:
        """Give a run whose record was torn one that says so; what there was of it is kept beside."""
        with Folder(f"{self.store}/runs") as runs:
            before = runs.read(f"{run_id}.json")
            if before is None or _is_whole(before):  # it was being reserved while we were looking
                return False
            if before.strip(b"\0"):
                runs.write(f"{run_id}.torn", before)
            runs.write(f"{run_id}.json", encode(lost(blank(run_id, ids.timestamp(run_id)), _NEVER_WRITTEN)))
        self.done.append(f"run {run_id} is recorded as lost: its record was never written")
        return True

    def _being_finished(self, manifest: Manifest) -> bool:
        """Say whether whoever finished this record may yet enter it in the history itself."""
        process = manifest["observed"]["process"]
        if manifest["status"] == "lost" or process is None or is_gone(process):
            return False
        return manifest["run_id"] in self._names("active")

    def _being_reserved(self) -> bool:
        """Say whether somebody may be reserving a run this moment: his file is there until he is done."""
        names = [name for name in self._names("runs") if name.startswith(TEMP)]
        if not names:
            return False
        with self._folder("runs") as runs:
            return not all(runs.abandoned(name) for name in names)

    def _is_stale(self, run_id: str) -> bool:
        try:
            manifest = self._read(run_id)
            if manifest is not None:
                return manifest["status"] != "running" and run_id in self.entered
            # Asked in this order: a run that was being reserved has its record by the time its file is gone.
            return not self._being_reserved() and self._read(run_id) is None
        except Unreadable:
            return False

    def _write_history(self, history: Snapshot, scan: HistoryScan, whole: set[str], *, rebuild: bool) -> bool:
        """Say whether the history is now as it should be; false to look again."""
        missing = whole - scan.sound.keys()
        weak = {one: entry for one, entry in scan.weak.items() if one not in whole}
        if not rebuild and not missing and scan.orderly:
            return True
        kept = {**scan.sound, **weak}
        if rebuild:
            fresh = [HistoryEntry(run_id) if run_id in whole else kept[run_id] for run_id in kept.keys() | whole]
            entries = iter(sorted(fresh, key=started))
        else:
            in_order = sorted(kept.values(), key=lambda entry: entry.offset)
            entries = in_place(in_order, map(HistoryEntry, missing))
        changed = history.replace(entries, self._line)
        if changed:
            self._tell(scan, missing, replaced=len(scan.weak) - len(weak))
            if rebuild:
                self.done.append(f"history: made anew with {len(kept.keys() | whole)} runs")
        return changed is not None

    def _tell(self, scan: HistoryScan, missing: set[str], replaced: int) -> None:
        if malformed := scan.malformed + replaced:
            self.done.append(f"history: removed {malformed} malformed line{'s' * (malformed != 1)}")
        if scan.repeated:
            self.done.append(f"history: removed {scan.repeated} repeated line{'s' * (scan.repeated != 1)}")
        if missing:
            self.done.append(f"history: entered {listed(sorted(missing, key=ids.order), _IDS_SHOWN)}")
        if scan.unended and not (malformed or scan.repeated or missing):
            self.done.append("history: ended its last line")

    def _line(self, run_id: str) -> bytes | None:
        try:
            manifest = self._read(run_id)
        except Unreadable as why:  # it could be read a moment ago
            raise EvalprovError(f"the record of run {run_id} cannot be read: {why}", "try again") from None
        return None if manifest is None else history_line(manifest)

    def _read(self, run_id: str) -> Manifest | None:
        try:
            with self._folder("runs") as runs:
                data = runs.read(f"{run_id}.json")
        except FileNotFoundError:
            return None
        except OSError as error:  # a link or a folder in its place, too large, a bad disk
            raise Unreadable(error.strerror) from None
        manifest = None if data is None else decode(data)
        if manifest and manifest["run_id"] != run_id:
            raise Unreadable(f"it is the record of {manifest['run_id']}")
        return manifest

    def _names(self, name: str) -> list[str]:
        try:
            with self._folder(name) as folder:
                return folder.names()
        except FileNotFoundError:
            return []

    def _folder(self, name: str) -> Folder:
        return Folder(f"{self.store}/{name}") if name else Folder(self.store, follow=True)

    def _note(self, text: str) -> None:
        if text not in self.noted:
            self.noted.add(text)
            self.note(text)


def _is_whole(data: bytes) -> bool:
    try:
        decode(data)
    except Torn:
        return False
    except Unreadable:
        pass
    return True

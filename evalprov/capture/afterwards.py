"""What collectors find out once the command has started: while it runs, in a thread, or after its end."""

from __future__ import annotations

import _thread
import time
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.capture.collector import Findings, Later
    from evalprov.record.manifest import Manifest
    from evalprov.secrets import Scrubber

PATIENCE = 5.0  # seconds after the command's end; a look at a usual environment takes a tenth of one


class Afterwards:
    """Runs what collectors left for later, and adds to the record what comes of it."""

    def __init__(self, todo: Mapping[str, Later]) -> None:
        self._todo = todo
        self._found: dict[str, Findings | Exception] = {}
        self._nobody_waits = False
        self._done = _thread.allocate_lock()

    def begin(self, _pid: int) -> None:
        """Start what is to be done while the command runs."""
        self._done.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:  # no thread to be had: what is missing then is said at the end
            self._done.release()

    def _run(self) -> None:
        try:
            # The look at the packages takes longest and was asked for first.
            for name, later in reversed(list(self._todo.items())):
                if not later.after_end and not self._nobody_waits:
                    self._found[name] = _outcome(later, lambda: self._nobody_waits)
        finally:
            self._done.release()

    def finish(self, manifest: Manifest, scrub: Scrubber) -> None:
        """Add what was found; what is not there in time is said to be missing."""
        self._done.acquire(timeout=PATIENCE)
        self._nobody_waits = True
        until = time.monotonic() + PATIENCE
        for name, later in self._todo.items():
            if later.after_end:
                self._found[name] = _outcome(later, lambda: time.monotonic() > until)
            _add(manifest, name, self._found.get(name), scrub)


def _outcome(later: Later, nobody_waits: Any) -> Findings | Exception:
    try:
        return later.find(nobody_waits)
    except Exception as error:  # noqa: BLE001 - a look that fails is a fact to record
        return error


def _add(manifest: Manifest, name: str, found: Findings | Exception | None, scrub: Scrubber) -> None:
    outcome = manifest["capture"][name]
    if found is None or isinstance(found, Exception):
        why = f"{type(found).__name__}: {found}" if found else "not looked at to the end"
        outcome["reason"] = "; ".join(filter(None, (outcome["reason"], scrub.text(why))))
        return
    record: dict[str, Any] = manifest  # type: ignore[assignment]
    for section, facts in cast("dict[str, dict[str, Any]]", found.facts).items():
        if "beside" in facts:  # two collectors find some
            facts["beside"] = record[section]["beside"] | facts["beside"]
        record[section].update(facts)
    manifest["warnings"] += [scrub.text(warning) for warning in found.warnings]
    outcome["reason"] = found.reason and scrub.text(found.reason)

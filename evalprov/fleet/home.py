"""A record that comes home from a node: checked like any stranger's, and put where its id was reserved."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any, cast

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.fleet.parcel import BadParcel, unpack
from evalprov.named import NamedTuple
from evalprov.store import ids
from evalprov.store.decode import Unreadable, decode
from evalprov.store.folder import write_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Engine, Manifest, Status
    from evalprov.record.schema.code import Git
    from evalprov.secrets import Scrubber
    from evalprov.store import Store

_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_OURS = ("repeat", "sweep", "tags", "note", "scenario", "parent_run_id", "command")
_OF_REPOSITORY = ("root", "remotes", "describe", "branch")  # of the copy they say nothing
_WORD = 200  # letters of what an engine calls something


class EnteredTrial(NamedTuple):
    """A trial whose record is at home."""

    manifest: Manifest
    problems: list[str]


class Reception:
    """Takes records in."""

    def __init__(self, store: Store, scrub: Scrubber, repository: Git | None) -> None:
        self._store, self._scrub, self._repository = store, scrub, repository

    def take(self, reserved: Manifest, parcel: bytes, engine: Mapping[str, str | None]) -> EnteredTrial:
        """Finish a reserved record by what a parcel holds; BadParcel for what is none of that run."""
        facts, pieces = unpack(parcel)
        if facts.get("run_id") != reserved["run_id"]:
            raise BadParcel(f"it is of run {ids.shown(facts.get('run_id'))}")
        told = facts.get("engine") if "record" not in facts else cast("Any", facts["record"]).get("engine")
        of_engine = _engine(reserved["engine"], told, engine)
        if "record" not in facts:
            words = str(facts.get("problem"))[: 10 * _WORD]
            code = facts.get("exit_code")
            return self.end(
                {**reserved, "engine": of_engine}, "not_started", words, code if type(code) is int else CANNOT_START
            )
        m = self._checked(facts["record"], reserved, of_engine)
        problems = [self._scrub.text(str(one)[: 10 * _WORD]) for one in facts.get("problems") or ()][:20]
        problems += self._keep(m, pieces)
        return EnteredTrial(m, problems + self._store.finish(m))

    def end(self, reserved: Manifest, status: Status, words: str, code: int | None = None) -> EnteredTrial:
        """Finish a reserved record of which nothing came home, and say why."""
        words = self._scrub.text(words)
        entry: Any = {"kind": "infra", "message": words, "scenario": None, "stderr_tail": None}
        m: Manifest = {**reserved, "status": status, "exit_code": code, "errors": [*reserved["errors"], entry]}
        return EnteredTrial(m, self._store.finish(m))

    def _checked(self, record: Any, reserved: Manifest, engine: Engine | None) -> Manifest:
        """Return a record that is one, and finished; what home knows better is home's."""
        try:
            m = decode(json.dumps(record).encode())
        except (Unreadable, EvalprovError, ValueError, RecursionError) as why:
            raise BadParcel(f"its record cannot be read: {why}") from None
        if m["run_id"] != reserved["run_id"] or m["status"] in ("running", "lost"):
            raise BadParcel("its record is not of that run's end")
        at = m["timestamp"] if _AT.fullmatch(m["timestamp"]) else reserved["timestamp"]
        ours: Any = {key: cast("dict[str, Any]", reserved)[key] for key in _OURS}
        ours["command"] = {**ours["command"], "executable": m["command"]["executable"]}
        entered = cast("Manifest", {**m, **ours, "timestamp": at, "engine": engine, "imported": None})
        if self._repository is not None:
            home = {key: cast("dict[str, Any]", self._repository)[key] for key in _OF_REPOSITORY}
            entered["git"] = cast("Git", {**m["git"], **home})
        return entered

    def _keep(self, m: Manifest, pieces: Mapping[str, bytes]) -> list[str]:
        """Keep what belongs to a record, by names that are its own; return what did not come."""
        problems = []
        blobs: dict[str, bytes] = {}
        for name in _blobs(m):
            if name in pieces and _is_named_for(name, pieces[name]):
                blobs[name] = pieces[name]
            elif name in pieces:
                problems.append(f"{ids.shown(name)} is not what it is named for, and was not kept")
        if blobs:
            lost, _ = self._store.keep(blobs)
            problems += [f"{name} could not be kept: {why}" for name, why in lost.items()]
        for stream, end in (("stdout", "out"), ("stderr", "err")):
            said = m["output"][stream]  # type: ignore[literal-required]
            if said is None or said["log"] is None:
                continue
            name = f"logs/{m['run_id']}.{end}"
            said["log"] = name if said["log"] == name and name in pieces else None
            if said["log"]:
                problems += self._keep_log(m["run_id"], end, pieces[name])
            else:
                problems.append(f"the log of {stream} did not come home")
        name = f"calls/{m['run_id']}.sqlite"
        if m["calls"]["file"] is not None:
            data = pieces.get(name)
            if data is None or f"sha256:{hashlib.sha256(data).hexdigest()}" != m["calls"]["sha256"]:
                problems.append("its recorded calls did not come home")
                m["calls"]["file"] = None
            else:
                with self._store.enter("calls") as folder:
                    folder.write(f"{m['run_id']}.sqlite", data)
        return problems

    def _keep_log(self, run_id: str, end: Any, data: bytes) -> list[str]:
        fd = self._store.open_log(run_id, end)
        try:
            with os.fdopen(fd, "wb") as file:
                write_all(file.fileno(), self._scrub.data(data))
        except OSError as error:
            return [f"a log of run {run_id} could not be kept: {error.strerror}"]
        return []


def _engine(ours: Engine | None, told: Any, known: Mapping[str, str | None]) -> Engine | None:
    """Return what started a run: what home knows of it, and what the node said beside."""
    if ours is None:
        return None
    found = dict(ours)
    for name in ("job", "array", "node", "worker"):
        said = told.get(name) if isinstance(told, dict) else None
        found[name] = known.get(name) or (said[:_WORD] if isinstance(said, str) and said else ours[name])
    return cast("Engine", found)


def _blobs(m: Manifest) -> Iterator[str]:
    git = m["git"]
    names = [one["file"] for one in [*git["saved"].values(), *([git["patch"]] if git["patch"] else [])]]
    for name in dict.fromkeys([*names, *([m["texts"]["object"]] if m["texts"] else [])]):
        where, _, file = name.partition("/")
        if where in ("patches", "objects") and ids.is_blob_name(file):
            yield name


def _is_named_for(name: str, data: bytes) -> bool:
    return name.partition("/")[2].partition(".")[0] == hashlib.sha256(data).hexdigest()

"""Machines of a team that share a store in a folder: each has records of its own, and looks at the store by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gate_runs import Store, called, rate, record

from evalprov.fleet import reading
from evalprov.record.manifest import Manifest
from evalprov.store.folder import ELSEWHERE


def second(number: int) -> str:
    """Return the id of a run of the n-th second."""
    return f"20260920T{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}Z"


class Team:
    """A shared store in a folder, and machines that send to it and read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shared = path / "shared"
        self.shared.mkdir(parents=True)
        self.url = f"file://{self.shared}"
        self.project = path / "project"
        self.project.mkdir()

    def machine(self, name: str, *records: Manifest) -> Path:
        """Return the store of a machine that has these records."""
        store = Store(self.path / name)
        store.put(*records)
        return store.path

    def runs(self, name: str, numbers: range, **facts: Any) -> Path:
        """Return the store of a machine that has so many runs."""
        return self.machine(name, *(run(number, **facts) for number in numbers))

    def say(self, *words: str, code: int = 0, at: str = "here") -> tuple[str, str]:
        """Carry out a command line with the cache of a machine; return what it printed."""
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = str(self.path / f"cache-{at}")
        try:
            with forgotten():
                got, out, err = called(self.project, *words)
        finally:
            os.environ.pop("XDG_CACHE_HOME") if before is None else os.environ.update(XDG_CACHE_HOME=before)
        assert got == code, (words, got, out, err)
        return out, err

    def push(self, store: Path, *more: str, code: int = 0) -> tuple[str, str]:
        """Send what a machine has."""
        return self.say("push", self.url, "--store", str(store), *more, code=code)

    def ids(self, *more: str, at: str = "here") -> list[str]:
        """Return the runs that a machine sees in the shared store, newest first."""
        return self.say("history", "--ids", "--store", self.url, *more, at=at)[0].split()

    def lines(self, at: str = "here") -> list[dict[str, Any]]:
        """Return the lines of the history that a machine sees."""
        return [json.loads(one) for one in self.say("history", "--json", "--store", self.url, at=at)[0].splitlines()]

    def names(self, folder: str) -> list[str]:
        """Return what is in a folder of the shared store."""
        there = self.shared / folder
        return sorted(os.listdir(there)) if there.is_dir() else []

    def mirror(self, at: str = "here") -> Path:
        """Return the only mirror of a machine."""
        (only,) = (self.path / f"cache-{at}" / "evalprov" / "remotes").iterdir()
        return only


def run(number: int, **facts: Any) -> Manifest:
    """Return the record of a run of the n-th second."""
    made = record(second(number), {"accuracy": rate(70)}, **facts)
    made["duration_seconds"] = 0.5
    return made


@contextmanager
def forgotten() -> Iterator[None]:
    """Be a process that has opened no mirror yet, and leave none behind."""
    reading._OPENED.clear()
    ELSEWHERE.clear()
    try:
        yield
    finally:
        reading._OPENED.clear()
        ELSEWHERE.clear()

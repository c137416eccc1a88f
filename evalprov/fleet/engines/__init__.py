"""The engines that trials run on: a file each here beside one tuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evalprov.errors import UsageError
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.record.manifest import Manifest

ENGINES = ("slurm", "ray", "ssh")
CARRIED = frozenset(("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ"))  # a node has its own, or Slurm ours
_WAYS = "slurm, slurm:PARTITION, ray, ray://HOST:PORT, ssh:HOST,HOST"


class EnginePlace(NamedTuple):
    """Where trials run, as the user says it."""

    engine: str
    where: str = ""  # a partition, an address, hosts
    retries: int = 1  # how often a trial that was preempted or lost is done again
    send: tuple[str, ...] = ()  # names of variables whose values go along


class Batch(NamedTuple):
    """What all trials of one command have in common."""

    folder: str  # below the store, for an engine that needs one: nodes see it, too
    tree: bytes | None  # the files, as a parcel
    python: str  # ours; a node may have it in the same place
    package: str  # the folder that evalprov lies in
    environ: Mapping[str, str]  # ours, for programs of the engine
    values: Mapping[str, str]  # variables that go along; never into a file
    jobs: int | None  # how many at a time


class Task(NamedTuple):
    """One trial for an engine."""

    run_id: str
    order: bytes


class News(NamedTuple):
    """What happened to a trial."""

    run_id: str
    engine: Mapping[str, str | None] = {}  # what is known now of where it is
    parcel: bytes | None = None  # its record: it is over
    fate: Fate | None = None  # it is over, and there is none


class Fate(NamedTuple):
    """Why a trial left no record, or one that it was interrupted."""

    words: str
    again: bool = True  # that was nothing of the trial's own: doing it again may help
    cancelled: bool = False  # somebody wanted it so
    begun: bool | None = None  # it was with a node; null where that is not known


class TrialEngine(Protocol):
    """Something that runs trials elsewhere."""

    outlives: bool  # what it was given goes on when we are gone

    def open(self, batch: Batch) -> None:
        """Get ready; an EvalprovError says why that cannot be."""

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take trials."""

    def adopt(self, manifests: Sequence[Manifest]) -> None:
        """Take notice of trials that another process of ours had given to it."""

    def known(self, run_id: str) -> Mapping[str, str | None]:
        """Return what the engine calls a trial that it took."""

    def look(self) -> list[News]:
        """Return what is new; quick, and asked often."""

    def fate(self, run_id: str) -> Fate | None:
        """Say that a trial was ended by no fault of its own, and by nobody here; null where that is not known."""

    def cancel(self) -> None:
        """Have all be ended; their records still come home, where they can."""

    def close(self) -> None:
        """Let go of everything; no trial is under way any more."""


def place_of(text: str, retries: int = 1, send: tuple[str, ...] = ()) -> EnginePlace:
    """Return what --on names."""
    engine, colon, where = text.partition(":")
    if engine == "ray" and colon:
        where = text
    wrong = engine not in ENGINES or (colon and not where) or (engine == "ssh" and not where)
    if wrong or (engine == "ray" and where and not (where.startswith("ray://") and len(where) > len("ray://"))):
        raise UsageError(f"--on {text}: no such engine; it is one of {_WAYS}", "evalprov help trials tells of each")
    return EnginePlace(engine, where, retries, send)


def engine_of(place: EnginePlace) -> TrialEngine:
    """Return the engine that a place names."""
    module = __import__(f"evalprov.fleet.engines.{place.engine}", fromlist=["engine"])
    found: TrialEngine = module.engine(place.where)
    return found

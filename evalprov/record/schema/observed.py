"""What was observed of a run: who recorded it, where it was, what it was seen to use."""

from typing import TypedDict

from evalprov.record.schema.calls import SentObserved
from evalprov.record.schema.values import Json


class Process(TypedDict):
    """Who is recording, precisely enough to prove that it is gone."""

    pid: int
    start: int | None  # in clock ticks since boot
    boot_id: str | None
    hostname: str | None
    pid_namespace: int | None


class UsedFile(TypedDict):
    """A file that the command was seen to read."""

    sha256: str | None  # null where it was not hashed: too much, changed meanwhile, or a key by its name
    layer: str | None  # that has its content anyway, or `secret`; null where nobody declared it


class UsedProgram(TypedDict):
    """A program that ran under the command."""

    sha256: str | None  # null where it was not hashed
    name: str  # what it was started as
    count: int | None  # processes in which it was seen; null for one that ended before anybody looked


class Looked(TypedDict):
    """How far the command was observed."""

    mode: str | None  # project, auto, strict or off
    folders: int | None  # of the project, watched from before the start to the end; null if not all
    pythons: int | None  # processes that were observed; null where none was to be
    files: int | None  # that were read, those of Python, its packages and the system left out
    complete: bool  # all that its Pythons read by Python's own means is known by content
    reason: str | None  # why it was not observed, or not to the end


class PlaceObserved(TypedDict):
    """Where the run was."""

    user: str | None
    container_id: str | None
    kubernetes: dict[str, str]
    slurm: dict[str, str]
    ci: dict[str, str]  # provider, run_url, ...


class HardwareObserved(TypedDict):
    """What was free on the machine just then."""

    disk_free_mb: int | None
    memory_available_mb: int | None


class EditedObserved(TypedDict):
    """What was written to meanwhile."""

    edited: dict[str, str]  # inputs that were written to while the command ran: path to layer


class RanObserved(TypedDict):
    """What ran, and how far it was observed."""

    looked: Looked
    programs: dict[str, UsedProgram]  # by path; those that end at once may be missed


class UsedObserved(RanObserved):
    """What was seen to be used."""

    # By path from the project root, or in full; of a folder outside, whose path ends in a slash, the names in it.
    inputs: dict[str, UsedFile]
    modules: dict[str, str]  # imported, neither Python's own nor installed: name to path
    packages: list[str]  # installed ones that were used, by what is imported
    # Variables that were read: `recorded` (in software.env), `named`, `session`, `unset`, `counted` or a short digest
    # of the value, behind `session` where a variable is of that.
    environment: dict[str, str]
    hosts: list[str]  # looked up or connected to, with the port


class Observed(PlaceObserved, HardwareObserved, EditedObserved, UsedObserved, SentObserved):
    """Facts of where and when, and of what was used, in no layer."""

    process: Process | None
    online: dict[str, Json]  # traffic assignment and guardrails of an online eval

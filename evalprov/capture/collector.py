"""What a collector is.

A collector is a generator function in a file of its own: it takes the context, yields the commands it wants to
ask (several at once, in one list), is sent their answers in the same order, and returns what it found. One that
asks nothing yields nothing. To say that a thing is not there it raises `Absent`; any other exception is
recorded as a failure with its words, except an `EvalprovError`, which stops the run before launch: only for what the
settings or the command line name and nothing has that name, and under --strict for what cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from evalprov.capture.ask import Question, Reply
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.record.manifest import Captured, FoundFacts
    from evalprov.record.outputs import Row
    from evalprov.secrets import Scrubber
    from evalprov.settings import Settings


class CaptureContext(NamedTuple):
    """All that a collector may look at."""

    argv: tuple[str, ...]  # the child's command
    cwd: str  # where it will run; absolute
    root: str  # the project root; absolute
    store: str  # the metrics folder; absolute
    environ: Mapping[str, str]  # the child's environment, as its user has it
    settings: Settings
    scrub: Scrubber
    config_paths: tuple[str, ...] = ()  # --config, as given
    written: tuple[str, ...] = ()  # the command as the user wrote it: of all trials the same; empty where that is argv
    strict: bool = False  # a declared file that cannot be read stops the run
    stdin: int | None = 0  # the child's standard input; null where that is not known
    progress: Callable[[int, int], None] | None = None  # told bytes done and bytes in all while much is hashed
    outputs: tuple[str, ...] = ()  # files that the command is known to write: --metrics-file, as given
    known: Callable[[], Mapping[str, Row]] = dict  # asks for what earlier runs wrote, by path from the project root
    scratch: str | None = None  # a private folder outside the project; null where none could be made
    ran: list[str] | None = None  # Pythons that ran under the command, told when it has ended
    around: Mapping[str, str] = {}  # variables of it in which a run around this one named itself
    since: float | None = None  # Unix time at which the first trial of this command began, if there are several


class Later(NamedTuple):
    """What a collector finds out once the command has started, so that nobody waits for it."""

    find: Callable[[Callable[[], bool]], Findings]  # told how to learn that nobody waits any more
    after_end: bool = False  # of the command; else while it runs, in a thread: it may then start no process


class Findings(NamedTuple):
    """What a collector hands over."""

    facts: FoundFacts  # what is a section adds to it, what is a table in one to what is there
    warnings: tuple[str, ...] = ()
    blobs: Mapping[str, bytes] = {}  # bytes for the store, by their file there, already scrubbed
    reason: str | None = None  # what could not be known, where the rest could
    before: object = None  # what git knows of the tree, for a second look at it when the command has ended
    later: Later | None = None  # adds facts; its reason takes the place of this one


class Absent(Exception):  # noqa: N818 - it is a finding and no error
    """There is nothing of this kind here; the words say why."""


Steps = Generator[list[Question], list[Reply], Findings]
Collector = Callable[[CaptureContext], Steps]


class Capture(NamedTuple):
    """Everything found, and the outcome of each collector."""

    facts: dict[str, Any]
    warnings: list[str]
    blobs: dict[str, bytes]
    outcomes: dict[str, Captured]
    later: dict[str, Later]
    before: object = None

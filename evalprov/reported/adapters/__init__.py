"""Result files of other tools: one small module each, which turns a file into ordinary report lines.

A module has two functions. `fits(head)` says whether the first bytes of a file look like the tool's. `read(source)`
yields report lines, as an eval would print them; what it cannot read it refuses with `Unusable`. The lines go through
the ledger like any others, which checks and bounds them. A module may call `source.is_of(...)` to say what tells its
result from others that the same command wrote.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.adapters.source import Source

HEAD = 1 << 16  # bytes by which a file is known


class Adapter(NamedTuple):
    """One tool's result files."""

    name: str  # as in PATH:NAME, and in the record as the rule
    module: str
    wanted: str  # what it reads, for a message
    patterns: tuple[str, ...] = ()  # names of the files it reads in a folder

    def fits(self, head: bytes) -> bool:
        """Say whether a file that begins like this is the tool's."""
        return bool(self._module().fits(head))

    def read(self, source: Source) -> Iterator[dict[str, Any]]:
        """Yield the file's content as report lines."""
        lines: Iterator[dict[str, Any]] = self._module().read(source)
        return lines

    def _module(self) -> Any:
        return import_module(f"evalprov.reported.adapters.{self.module}")


ADAPTERS = (
    Adapter("lm-eval", "lm_eval", "lm-evaluation-harness's results_*.json or its folder", ("results_*.json",)),
    Adapter("inspect", "inspect_log", "an inspect_ai log, .eval or .json", ("*.eval", "20*T*_*_*.json")),
    Adapter("promptfoo", "promptfoo", "what promptfoo wrote to --output FILE.json", ("*.json",)),
    Adapter("openai-evals", "openai_evals", "an oaieval log: lines of JSON, the first with the spec", ("*.jsonl",)),
    Adapter("deepeval", "deepeval", "a test run of deepeval: JSON with testCases", ("test_run_*.json",)),
    Adapter("junit", "junit", "JUnit XML: testsuites or a testsuite with testcases", ("*.xml",)),
)


def named(name: str) -> Adapter | None:
    """Return the adapter of that name."""
    return next((adapter for adapter in ADAPTERS if adapter.name == name), None)


def fitting(head: bytes) -> Adapter | None:
    """Return the adapter for a file that begins like this, if there is one."""
    return next((adapter for adapter in ADAPTERS if adapter.fits(head)), None)

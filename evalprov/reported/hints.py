"""Where a command says that its results go, for a run whose metrics were not seen: what would have read them."""

from __future__ import annotations

import os
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from evalprov.reported.adapters import ADAPTERS, HEAD, fitting
from evalprov.reported.open_results import Before, Unusable, opened_fresh, written
from evalprov.reported.text import printable
from evalprov.reported.warnings import Notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Options that only name results, and such as name any output.
_OF_RESULTS = ("--junitxml", "--junit-xml", "--log-dir", "--output_path", "--record_path")
_OF_ANYTHING = ("-o", "--output", "--out", "--output-file")
_USUAL = {"inspect": "logs", "deepeval": ".deepeval/.latest_test_run.json"}  # where nothing else is said


def unread_results(argv: Sequence[str], cwd: str, started: float) -> str | None:
    """Return what would have read the results that a command wrote; null where nothing is known of any."""
    sure: str | None = None
    for path, of_results in _named(argv):
        tool = _tool(os.path.join(cwd, path), Before(started))
        option = f"--metrics-file {shlex.quote(printable(path))}"
        if tool:
            return f"{printable(path)} holds {tool} results of this run, next time: {option}"
        if of_results and sure is None:
            sure = f"next time: {option}"
    return sure


def _named(argv: Sequence[str]) -> Iterator[tuple[str, bool]]:
    words = list(_words(argv))
    for word, after in pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        if option in _OF_RESULTS or option in _OF_ANYTHING:
            path = value if equals else after
            if path and not path.startswith("-"):
                yield path, option in _OF_RESULTS
    for word in words:
        if path := _USUAL.get(os.path.basename(word), ""):
            yield path, False


def _words(argv: Sequence[str]) -> Iterator[str]:
    """Give the words of a command, and those of a line for a shell among them."""
    for word in argv:
        try:
            yield from shlex.split(word) if " " in word else [word]
        except ValueError:
            yield word


def _tool(path: str, before: Before) -> str | None:
    """Return whose results a file or folder holds that this run wrote."""
    try:
        if os.path.isdir(path):
            patterns = [pattern for one in ADAPTERS for pattern in one.patterns]
            files = written(path, patterns, before, Notes())
        else:
            files = [path]
        for one in files:
            with opened_fresh(one, before) as file:
                if adapter := fitting(file.read(HEAD)):
                    return adapter.name
    except (OSError, Unusable, ValueError):
        return None
    return None

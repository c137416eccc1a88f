"""Which code runs: the commit, what differs from it, the tree of it all, and what brings it back.

Git itself is asked, so its own rules hold; nothing is ever written to the repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.capture.askgit import ask, options_of, status, where

if TYPE_CHECKING:
    from evalprov.capture.collector import CaptureContext, Steps


def collect(context: CaptureContext) -> Steps:
    """Ask git where we are and what has changed, then about the changes, if any, more closely."""
    answers = yield [
        status(context),
        where(context),
        ask(context, "describe", "--tags", "--always"),
        ask(context, "config", "-z", "--get-regexp", r"^remote\..*\.url$"),
    ]
    # Loaded while git answers.
    from evalprov.capture.code.gitlook import look

    return (yield from look(context, options_of(context), answers))

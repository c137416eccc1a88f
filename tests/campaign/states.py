"""More states of repositories and stores, each with the command that is tried in it."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.row import Row


def rows() -> Iterator[Row]:
    """Yield them."""
    yield from ()

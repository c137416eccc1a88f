"""Who says something of a run, and how it is written down: without secrets."""

from __future__ import annotations

import getpass
import os
import subprocess
from typing import TYPE_CHECKING

from evalprov.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Clean = Callable[[str], str]


def author(secret_names: Iterable[str]) -> tuple[str | None, Clean]:
    """Return who is at work, and what makes of a text one without secrets and stray bytes of the command line."""
    scrub = Scrubber(os.environ, secret_names)

    def clean(text: str) -> str:
        return scrub.text(text.strip()).encode("utf-8", "replace").decode()

    who = _who()
    return who and clean(who), clean


def _who() -> str | None:
    """Return who is at work: git's user name, else the login; null where neither is known."""
    try:
        done = subprocess.run(["git", "config", "user.name"], capture_output=True, check=False, timeout=10)
        if name := done.stdout.decode("utf-8", "replace").strip():
            return name
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None

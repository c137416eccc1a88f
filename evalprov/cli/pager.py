"""Long results, a screen at a time, in the program that the user reads with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import TYPE_CHECKING

from evalprov import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.page import Block

_NOT_THERE = (126, 127)  # what a shell says of a program that it cannot start


class _Screen(StringIO):
    """Holds what is printed, as a terminal would be given it."""

    def isatty(self) -> bool:
        return True


def paged(blocks: Iterable[Block]) -> None:
    """Print them through the user's PAGER, as git does; as ever where nobody's terminal reads, or there is no pager."""
    pager = os.environ.get("PAGER", "less").strip()
    if not sys.stdout.isatty() or pager in ("", "cat"):
        render.page(blocks)
        return
    screen = _Screen()
    with redirect_stdout(screen):
        render.page(blocks)
    text = screen.getvalue()
    if text and not _read_in(pager, text.encode("utf-8", "backslashreplace")):
        sys.stdout.write(text)
        sys.stdout.flush()


def _read_in(pager: str, text: bytes) -> bool:
    """Say whether a person could read it there."""
    environ = {"LESS": "FRX", "LV": "-c", **os.environ}
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGPIPE)]
    try:
        reader = subprocess.Popen(pager, shell=True, stdin=subprocess.PIPE, env=environ)  # noqa: S602 - as git starts it
        for number, _ in kept:  # Ctrl-C and quitting early are the reader's
            signal.signal(number, signal.SIG_IGN)
        with suppress(OSError):
            reader.communicate(text)
        return reader.wait() not in _NOT_THERE
    except OSError:
        return False
    finally:
        for number, handler in kept:
            signal.signal(number, handler)

"""A terminal of its own for one of the child's streams, where the user's own is one."""

from __future__ import annotations

import fcntl
import os
import termios

_NO_SIZE = b"\0" * 8  # struct winsize


def open_like(terminal: int) -> tuple[int, int]:
    """Return both ends (ours, the child's) of a pty set up as this terminal, but bytes pass as they are."""
    ours, childs = os.openpty()
    try:
        modes = termios.tcgetattr(terminal)
        # The real terminal does the output processing, once.
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(childs, termios.TCSANOW, modes)
        follow_size(terminal, ours)
    except BaseException:
        os.close(ours)
        os.close(childs)
        raise
    return ours, childs


class Turns:
    """Lets only one of two ptys take bytes at a time, so that what is written to them in turn is read in that order.

    Nothing tells which of two ptys was written to first. So the writer whose turn it is not has to wait, some
    milliseconds at most, or what shows side by side on one screen would be out of order.
    """

    def __init__(self, ends: dict[int, int]) -> None:
        self._ends = ends  # the child's end of a pty by ours
        for ours in list(ends)[1:]:
            self.stop(ours)

    def start(self, ours: int) -> None:
        """Let this pty take bytes."""
        termios.tcflow(self._ends[ours], termios.TCOON)

    def stop(self, ours: int) -> None:
        """Let writers to this pty wait."""
        termios.tcflow(self._ends[ours], termios.TCOOFF)

    def end(self) -> None:
        """Let both take bytes from here on."""
        for ours, childs in self._ends.items():
            self.start(ours)
            os.close(childs)
        self._ends = {}


def follow_size(terminal: int, pty: int) -> bool:
    """Give a pty the terminal's window size; say whether that was news."""
    size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, _NO_SIZE)
    if size == fcntl.ioctl(pty, termios.TIOCGWINSZ, _NO_SIZE):
        return False
    fcntl.ioctl(pty, termios.TIOCSWINSZ, size)
    return True

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


def follow_size(terminal: int, pty: int) -> bool:
    """Give a pty the terminal's window size; say whether that was news."""
    size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, _NO_SIZE)
    if size == fcntl.ioctl(pty, termios.TIOCGWINSZ, _NO_SIZE):
        return False
    fcntl.ioctl(pty, termios.TIOCSWINSZ, size)
    return True

"""What Python does not do for us: calls of the C library that it has no name for, and a heed of how children end."""

from __future__ import annotations

import signal


def c_call(name: str, *given: object) -> int | None:
    """Call a function of the C library; null where there is none of that name, or no way to call it."""
    try:
        import _ctypes  # the core of ctypes alone: ctypes itself takes several times longer to load

        function = _ctypes.dlsym(_ctypes.dlopen(None, 0), name)  # type: ignore[arg-type]
        return int(_ctypes.call_function(function, given))
    except (ImportError, AttributeError, OSError, TypeError):
        return None


def heed_children() -> None:
    """Stop ignoring how children end, as some daemons have those do that they start: nobody could learn it.

    A handler that does nothing takes that place, and by it is known what a program that we start is to have.
    """
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, lambda *_: None)

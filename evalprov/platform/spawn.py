"""A process is started with the signals it would have without us, which Python's own call does not give it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.platform.processes import signal_sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FileAction = tuple[int, int, int] | tuple[int, int]

# Python ignores these two for itself; the program is to have them as usual.
_OF_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
# The C library keeps these two for its threads, and has what it starts ignore them unless it is told otherwise.
_OF_THREADS = (32, 33)
_SIGDEF_AND_SIGMASK = 0x04 | 0x08
_ROOM = 1024  # bytes, for what only the C library looks into: some times what it needs


class Start(NamedTuple):
    """What is to be started: this very file, with these signals blocked and its descriptors wired."""

    path: str
    words: tuple[str, ...]
    environ: Mapping[str, str]
    mask: set[int]
    wiring: Sequence[FileAction]


def spawn(what: Start) -> int:
    """Start it and return its pid; raise OSError where that fails."""
    if callable(signal.getsignal(signal.SIGCHLD)):
        return _forked(what)
    if sys.platform == "linux":
        try:
            import _ctypes  # the core of ctypes alone: ctypes itself takes several times longer to load
        except ImportError:
            pass
        else:
            if hasattr(_ctypes, "call_function"):  # another Python's may be made otherwise
                return _called(what, _ctypes)
    named = _named(what.environ)
    return os.posix_spawn(
        what.path, what.words, named, file_actions=what.wiring, setsigmask=what.mask, setsigdef=_OF_PYTHON
    )


def _called(what: Start, c: Any) -> int:
    """Call posix_spawn past Python, which lets nobody name the C library's two signals."""
    here = c.dlopen(None, 0)

    def call(name: str, *given: object) -> Any:
        return c.call_function(c.dlsym(here, name), given)

    def kind(code: str) -> Any:
        return type(code, (c._SimpleCData,), {"_type_": code})  # noqa: SLF001 - as ctypes makes its own

    text, number, byte = map(kind, "zib")
    words = [*map(os.fsencode, what.words), None]
    variables = [*(os.fsencode(f"{name}={value}") for name, value in what.environ.items()), None]
    attributes, wiring, pid = (byte * _ROOM)(), (byte * _ROOM)(), number()
    call("posix_spawnattr_init", attributes)
    call("posix_spawnattr_setflags", attributes, _SIGDEF_AND_SIGMASK)
    call("posix_spawnattr_setsigmask", attributes, _bits(what.mask))
    call("posix_spawnattr_setsigdefault", attributes, _bits((*_OF_PYTHON, *_as_usual(_OF_THREADS))))
    call("posix_spawn_file_actions_init", wiring)
    for action, *numbers in what.wiring:
        call(f"posix_spawn_file_actions_add{'dup2' if action == os.POSIX_SPAWN_DUP2 else 'close'}", wiring, *numbers)
    texts = [(text * len(many))(*many) for many in (words, variables)]
    code = call("posix_spawn", c.byref(pid), os.fsencode(what.path), wiring, attributes, *texts)
    call("posix_spawn_file_actions_destroy", wiring)
    if code:
        raise OSError(code, os.strerror(code), what.path)
    return int(pid.value)


def _as_usual(numbers: Iterable[int]) -> list[int]:
    """Leave out what we were ourselves started to ignore, which Python cannot tell of the C library's own."""
    ignored = signal_sets().get("SigIgn", 0)
    return [number for number in numbers if not ignored >> (number - 1) & 1]


def _bits(numbers: Iterable[int]) -> bytes:
    """Return a set of signals as the C library has it."""
    return sum(1 << (number - 1) for number in numbers).to_bytes(_ROOM, sys.byteorder)


def _forked(what: Start) -> int:
    """Fork, for a program that is to ignore how its children end: we may not do so even for the moment it takes."""
    import warnings

    hear, tell = os.pipe()
    with warnings.catch_warnings(action="ignore"):  # of threads: what is done until the program runs needs none
        pid = os.fork()
    if pid == 0:
        try:
            _become(what)
        except OSError as error:
            os.write(tell, str(error.errno).encode())
        finally:
            os._exit(1)
    os.close(tell)
    with open(hear, "rb") as file:
        refused = file.read()
    if refused:
        os.waitpid(pid, 0)
        raise OSError(int(refused), os.strerror(int(refused)), what.path)
    return pid


def _become(what: Start) -> None:
    """Be the program from here on."""
    for number in signal.valid_signals():
        if number in _OF_PYTHON or callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for action, *numbers in what.wiring:
        if action == os.POSIX_SPAWN_DUP2:
            os.dup2(numbers[0], numbers[1])
        else:
            with suppress(OSError):  # it may be closed already
                os.close(numbers[0])
    signal.pthread_sigmask(signal.SIG_SETMASK, what.mask)
    os.execve(what.path, what.words, _named(what.environ))  # noqa: S606 - no shell is wanted


def _named(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out a nameless variable: an environment may have one, but Python refuses to hand it on."""
    return environ if "" not in environ else {name: value for name, value in environ.items() if name}

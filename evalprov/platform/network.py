"""A command shut into a network of its own, where the loopback device is all there is: nothing gets out of it.

This file is a program, too: it shuts itself in, hands the socket on which it can be served to whoever started it, and
becomes the command. It loads nothing of ours, and says why where the system does not allow it.
"""

import errno
import os
import signal
import socket
import struct
import sys

SHUT_IN = os.path.abspath(__file__)
IS_TRIED = sys.platform == "linux"  # no other system has networks of a process's own
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914
_UP = 0x41
_HOST = "127.0.0.1"
_SHELL = "/bin/sh"


def _unshare(flags: int) -> None:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "unshare"):
        raise OSError(38, "this system has no networks of a process's own")
    if library.unshare(flags):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _shut_in() -> None:
    """Leave the network; where that takes it, by becoming the owner of a world of our own, in the user's name."""
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(_NEW_NET)
    except OSError:
        _unshare(_NEW_USER | _NEW_NET)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def _is_possible() -> str:
    """Try it in a process that ends at once; return why it cannot be done."""
    hear, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _shut_in()
        except OSError as error:
            os.write(tell, (error.strerror or "refused").encode())
        finally:
            os._exit(0)
    os.close(tell)
    with open(hear, encoding="utf-8") as said:
        why = said.read()
    os.waitpid(pid, 0)
    return why


def main(port: int, inside: int, command: list[str]) -> None:
    """Shut in, hand over a socket, and become the command."""
    with open("/proc/self/environ", "rb") as file:  # Python adds to its own
        pairs = [one.partition(b"=") for one in file.read().split(b"\0") if one]
    with socket.socket(fileno=inside) as outside:
        why = _is_possible()
        if why:
            outside.send(f"open: {why}".encode())
        else:
            _shut_in()
            with socket.socket() as listening:
                listening.bind((_HOST, port))
                listening.listen(1024)
                socket.send_fds(outside, [b"closed"], [listening.fileno()])
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these for itself
        signal.signal(number, signal.SIG_DFL)
    environ = {name: value for name, _, value in pairs}
    try:
        try:
            os.execve(command[0], command[1:], environ)  # noqa: S606 - no shell is meant
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            os.execve(_SHELL, [_SHELL, command[0], *command[2:]], environ)  # noqa: S606 - as a shell starts a script
    except OSError as error:
        sys.stderr.write(f"evalprov: {command[0]}: {error.strerror}\n")
        sys.exit(126)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

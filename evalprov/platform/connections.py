"""Which connections processes have open, where the system shows them; elsewhere nothing is seen."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.platform.processes import PROC

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = (b"01", b"02")  # established, or asked for


def outward(port: int) -> Iterator[tuple[str, str]]:
    """Give the inode and the other side's address of each connection from here to a port."""
    ending = b":%04X" % port
    for name in ("tcp", "tcp6"):
        with suppress(OSError), open(os.open(f"{PROC}/self/net/{name}", os.O_RDONLY), "rb") as file:
            for line in file:
                if ending not in line:
                    continue
                fields = line.split()
                if fields[2].endswith(ending) and fields[3] in _OPEN:
                    yield fields[9].decode(), _address(fields[2].partition(b":")[0].decode())


def _address(hexed: str) -> str:
    """Return an address that stands there in words of the machine's own order."""
    from ipaddress import ip_address  # where nobody is connected it is not needed

    words = [bytes.fromhex(hexed[at : at + 8])[::-1] for at in range(0, len(hexed), 8)]
    found = ip_address(b"".join(words))
    return str(getattr(found, "ipv4_mapped", None) or found)


def sockets_below(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process has, and those that it has started."""
    parents: dict[int, int] = {}
    for name in os.listdir(PROC):
        if name.isdecimal():
            with (
                suppress(OSError, IndexError, ValueError),
                open(os.open(f"{PROC}/{name}/stat", os.O_RDONLY), "rb") as file,
            ):
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    family = {pid}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    found = set()
    for one in family:
        with suppress(OSError):
            for number in os.listdir(f"{PROC}/{one}/fd"):
                with suppress(OSError):
                    told = os.readlink(f"{PROC}/{one}/fd/{number}")
                    if told.startswith("socket:["):
                        found.add(told[8:-1])
    return found

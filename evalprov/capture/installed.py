"""The content of what a Python has installed, looked at without holding up the command.

An installer writes down the hash of every file it installs (RECORD). That is taken for a file whose size it is and
that was not touched since; every other file is read. So the same wheels give the same hash in any environment and on
any machine, and a package that was patched in place gives another one.
"""

from __future__ import annotations

import hashlib
import os
from binascii import a2b_hex, b2a_base64
from typing import TYPE_CHECKING, NamedTuple

from evalprov.capture.sums import Bounds, entry_of, sums, walk
from evalprov.capture.text import normalised

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from evalprov.capture.packages import Installed

FILES, SIZE = 5_000, 128 << 20  # read for real in one run; the next one goes on from there
# Neither run nor read by a program: their names count, and the hashes in RECORD.
UNUSED = (".pyi", ".h", ".hpp", ".hh", ".pxd", ".pyc")
ENTRY_POINTS = ".dist-info/entry_points.txt"
OWN_PATHS = ("_virtualenv.py", "_virtualenv.pth")  # of the environment's maker, not of what is in it
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Recorded(NamedTuple):
    """What an installer wrote down of a file."""

    digest: bytes  # as RECORD spells it
    size: bytes
    written: int  # when, in nanoseconds


def sites_of(installed: Installed, root: str) -> list[str]:
    """Return the folders that packages are installed in; those that are code of the project are none."""
    holding = {folder for folder, entry in installed.entries.values() if entry.lower().endswith(".dist-info")}
    inside = os.path.join(os.path.realpath(root), "")
    found = []
    for folder in installed.path:
        place = os.path.realpath(folder)
        usual = os.path.basename(place) in {"site-packages", "dist-packages"} or "/__pypackages__/" in place
        if (usual or (folder in holding and not place.startswith(inside))) and os.path.isdir(place):
            found.append(place)
    return list(dict.fromkeys(found))


def content_of(installed: Installed, root: str, environ: Mapping[str, str], bounds: Bounds) -> str:
    """Return one hash of all installed files; raises Unread where not all of them are known."""
    files: dict[bytes, bytes] = {}
    for site in sites_of(installed, root):
        for name, digest in _site(site, installed.folders, environ, bounds).items():
            files.setdefault(name, digest)
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(b"%s %s\n" % (name, files[name]))
    return f"sha256:{whole.hexdigest()}"


def _site(site: str, elsewhere: Container[str], environ: Mapping[str, str], bounds: Bounds) -> dict[bytes, bytes]:
    """Return the hashes of one folder's files, as RECORD spells them, by their names."""
    recorded, glue = _recorded(site, elsewhere)
    found = {os.fsencode(name): one.digest for name, one in recorded.items() if name.endswith(ENTRY_POINTS)}
    doubtful = []
    for name, entry in walk(site, _is_metadata):
        if "/" not in name and (name in glue or name in OWN_PATHS or name.endswith(".egg-link")):
            continue
        if "/" not in name and name.endswith(".pth"):
            if lines := _imports_of(entry.path):
                found[os.fsencode(name)] = _spelt(hashlib.sha256(lines).hexdigest().encode())
            continue
        known = recorded.get(name)
        if known and (name.endswith(UNUSED) or _as_recorded(entry, known)):
            found[os.fsencode(name)] = known.digest
        elif not name.endswith(UNUSED) and (one := entry_of(name, entry.path)):
            doubtful.append(one)
    read = sums(f"{site}\0installed", doubtful, environ, bounds)
    return found | {name: _spelt(digest) for name, digest in read.items()}


def _recorded(site: str, elsewhere: Container[str]) -> tuple[dict[str, Recorded], set[str]]:
    """Return what installers wrote down of a folder's files, and those that only lead to a package elsewhere."""
    recorded: dict[str, Recorded] = {}
    glue: set[str] = set()
    with os.scandir(site) as entries:
        for entry in entries:
            if entry.name.endswith(".dist-info"):
                record = read_record(entry.path)
                recorded.update(record)
                if normalised(entry.name.partition("-")[0]) in elsewhere:
                    glue.update(name for name in record if is_glue(name))
    return recorded, glue


def read_record(info: str) -> dict[str, Recorded]:
    """Return what a RECORD says of the files beside it, by their names."""
    path = os.path.join(info, "RECORD")
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
            status = os.fstat(file.fileno())
    except OSError:
        return {}
    written = max(status.st_mtime_ns, status.st_ctime_ns)
    found = {}
    for line in lines:
        name, _, rest = line.rpartition(b",sha256=")
        digest, _, size = rest.partition(b",")
        if name[:1] == b'"':
            name = name[1:-1].replace(b'""', b'"')
        if not name.startswith((b"../", b"/")) and name:
            found[os.fsdecode(name)] = Recorded(digest, size.strip(), written)
    return found


def is_glue(name: str) -> bool:
    """Say whether a file only tells where a package lies that is used from its folder."""
    return "/" not in name and name.endswith((".pth", ".py"))


def _imports_of(path: str) -> bytes:
    """Return the lines of a .pth file that are run; the others are folders of this machine."""
    try:
        with open(path, "rb") as file:
            lines = file.read(1 << 20).splitlines()
    except OSError:
        return b""
    return b"\n".join(line.strip() for line in lines if line.startswith((b"import ", b"import\t")))


def _is_metadata(inside: str, name: str) -> bool:
    return (not inside and name.endswith((".dist-info", ".egg-info"))) or name == "EGG-INFO"


def _as_recorded(entry: os.DirEntry[str], known: Recorded) -> bool:
    try:
        status = entry.stat()
    except OSError:
        return False
    # The time of the last change of any kind, too: a copy can bring an old time of writing with it.
    touched = max(status.st_mtime_ns, status.st_ctime_ns)
    return touched <= known.written and known.size == b"%d" % status.st_size


def _spelt(digest: bytes) -> bytes:
    """Return hexadecimal digits as RECORD spells a hash."""
    return b2a_base64(a2b_hex(digest), newline=False).translate(_URL_SAFE).rstrip(b"=")

"""The content of what a Python has installed, looked at without holding up the command.

An installer writes down the hash of every file it installs (RECORD). That is taken for a file whose size it is and
that was not touched since; every other file is read. So the same wheels give the same hash in any environment and on
any machine, and a package that was patched in place gives another one.
"""

from __future__ import annotations

import hashlib
import os
from binascii import a2b_hex, b2a_base64
from typing import TYPE_CHECKING

from evalprov.capture.sums import Bounds, entry_of, sums, walk
from evalprov.capture.text import normalised
from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from evalprov.capture.software.packages import Installed

FILES, SIZE = 5_000, 128 << 20  # read for real in one run; the next one goes on from there
# Neither run nor read by a program: their names count, and the hashes in RECORD.
UNUSED = (".pyi", ".h", ".hpp", ".hh", ".pxd", ".pyc")
ENTRY_POINTS = ".dist-info/entry_points.txt"
OWN_PATHS = ("_virtualenv.py", "_virtualenv.pth")  # of the environment's maker, not of what is in it
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Recorded(NamedTuple):
    """What an installer wrote down of a file."""

    digest: str  # as RECORD spells it
    size: int
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
    files: dict[str, str] = {}
    for site in sites_of(installed, root):
        files = _site(site, installed.folders, environ, bounds) | files
    whole = "".join(f"{name} {files[name]}\n" for name in sorted(files))
    return f"sha256:{hashlib.sha256(os.fsencode(whole)).hexdigest()}"


def _site(site: str, elsewhere: Container[str], environ: Mapping[str, str], bounds: Bounds) -> dict[str, str]:
    """Return the hashes of one folder's files, as RECORD spells them, by their names."""
    recorded, left_out = _recorded(site, elsewhere)
    found = {name: one.digest for name, one in recorded.items() if name.endswith(ENTRY_POINTS)}
    doubtful = []
    for name, entry in walk(site, _is_metadata):
        known = recorded.get(name)
        if known and (name.endswith(UNUSED) or _as_recorded(entry, known)):
            found[name] = known.digest
        elif _is_path_file(name) and name not in left_out:
            if lines := _imports_of(entry.path):
                found[name] = _spelt(hashlib.sha256(lines).hexdigest().encode())
        elif not name.endswith(UNUSED) and name not in left_out and (one := entry_of(name, entry.path)):
            doubtful.append(one)
    read = sums(f"{site}\0installed", doubtful, environ, bounds)
    return found | {os.fsdecode(name): _spelt(digest) for name, digest in read.items()}


def _recorded(site: str, elsewhere: Container[str]) -> tuple[dict[str, Recorded], set[str]]:
    """Return what installers wrote down of a folder's files, and the files there that only hold places."""
    recorded: dict[str, Recorded] = {}
    left_out = set(OWN_PATHS)
    with os.scandir(site) as entries:
        for entry in entries:
            if entry.name.endswith(".dist-info"):
                record = read_record(entry.path)
                recorded.update(record)
                if normalised(entry.name.partition("-")[0]) in elsewhere:
                    left_out.update(name for name in record if is_glue(name))
            elif entry.name.endswith(".egg-link"):
                left_out.add(entry.name)
    kept = {name: one for name, one in recorded.items() if name not in left_out and not _is_path_file(name)}
    return kept, left_out


def _is_path_file(name: str) -> bool:
    return name.endswith(".pth") and "/" not in name


def read_record(info: str) -> dict[str, Recorded]:
    """Return what a RECORD says of the files beside it, by their names."""
    path = os.path.join(info, "RECORD")
    try:
        with reading(path) as file:
            lines = os.fsdecode(file.read()).split("\n")
            status = os.fstat(file.fileno())
    except OSError:
        return {}
    written = max(status.st_mtime_ns, status.st_ctime_ns)
    found = {}
    for line in lines:
        name, _, rest = line.rpartition(",sha256=")
        if not name or name.startswith(("../", "/")):
            continue
        digest, _, size = rest.partition(",")
        if name[0] == '"':
            name = name[1:-1].replace('""', '"')
        found[name] = Recorded(digest, int(size) if size.strip().isdecimal() else -1, written)
    return found


def is_glue(name: str) -> bool:
    """Say whether a file only tells where a package lies that is used from its folder."""
    return "/" not in name and name.endswith((".pth", ".py"))


def _imports_of(path: str) -> bytes:
    """Return the lines of a .pth file that are run; the others are folders of this machine."""
    try:
        with reading(path) as file:
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
    written = known.written
    return status.st_ctime_ns <= written >= status.st_mtime_ns and status.st_size == known.size


def _spelt(digest: bytes) -> str:
    """Return hexadecimal digits as RECORD spells a hash."""
    return b2a_base64(a2b_hex(digest), newline=False).translate(_URL_SAFE).rstrip(b"=").decode()

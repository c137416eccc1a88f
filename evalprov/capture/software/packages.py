"""What a Python has installed: one short program run by it, and the reading of its answer."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from evalprov.capture.text import normalised, readable
from evalprov.named import NamedTuple

BEGIN, END = b"\0evalprov:begin\0", b"\0evalprov:end\0"
EDITABLE = " (editable)"
FIELDS = 5  # of each package: folder, entry, head of its metadata, direct_url.json, INSTALLER

# Runs on Python 2.7, 3.x and PyPy; imports sys and os alone, and those not from the folder it is started in.
# It leaves by os._exit, so that neither exit handlers nor what start-up files printed come after it.
PROBE = r"""
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
import os

def plain(text):
    if isinstance(text, bytes):
        return text
    return text.encode(sys.getfilesystemencoding() or "utf-8", "surrogateescape")

def read(path, size):
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(file, size).replace(b"\0", b"")
    except OSError:
        return b""
    finally:
        os.close(file)

def head(path):
    text = read(path, 1024)
    return text if b"\nVersion:" in text else read(path, 65536)

kind = sys.implementation.name if hasattr(sys, "implementation") else "cpython"
if hasattr(sys, "pypy_version_info"):
    kind = "pypy"
first = sys.argv[1:2] if sys.argv[1:2] != [""] else []
folders = [folder for folder in first + sys.path if isinstance(folder, str)]
said = [sys.version.split()[0], kind, sys.prefix, sys.executable or "", os.path.dirname(os.__file__)]
said += ["%d" % len(folders)] + folders
for folder in folders:
    try:
        entries = sorted(os.listdir(folder or "."))
    except OSError:
        continue
    for entry in entries:
        low = entry.lower()
        path = os.path.join(folder, entry)
        if low.endswith(".dist-info"):
            text = head(path + "/METADATA")
            url = read(path + "/direct_url.json", 65536)
            by = read(path + "/INSTALLER", 64) if url else b""
        elif low.endswith(".egg-info") or (low == "egg-info" and folder.lower().endswith(".egg")):
            text, url, by = head(path + "/PKG-INFO") or head(path), b"", b""
        else:
            continue
        said += [folder, entry, text, url, by]
said = BEGIN + b"\0".join([plain(text) for text in said]) + END
sys.stdout.flush()
while said:
    said = said[os.write(1, said):]
os._exit(0)
""".replace("BEGIN", repr(BEGIN)).replace("END", repr(END))


class Installed(NamedTuple):
    """A Python and its packages."""

    version: str
    implementation: str
    prefix: str
    executable: str
    packages: dict[str, str]  # normalised name to version
    sources: dict[str, str]  # of those not from a package index
    warnings: list[str]
    stdlib: str
    path: list[str]  # the module path; raw names, as are those below
    entries: dict[str, tuple[str, str]]  # package to the folder it is in and its entry there
    folders: dict[str, str]  # packages that are used from a folder, and which one


def parse(out: bytes) -> Installed | None:
    """Read the probe's answer; null where it is not whole."""
    _, begin, rest = out.partition(BEGIN)
    body, end, _ = rest.partition(END)
    if not (begin and end):
        return None
    version, implementation, prefix, executable, stdlib, count, *fields = body.split(b"\0")
    path = [os.fsdecode(folder) for folder in fields[: int(count)]]
    whole = Installed(
        *(version.decode(), implementation.decode(), _name(prefix), _name(executable), {}, {}, []),
        *(os.fsdecode(stdlib), path, {}, {}),
    )
    folders: dict[str, bytes] = {}
    for at in range(int(count), len(fields), FIELDS):
        folder, entry, head, url, installer = fields[at : at + FIELDS]
        name, number = _identity(head)
        if not name or not number:
            if not entry.startswith(b"~"):  # what pip leaves of a removal that failed
                whole.warnings.append(f"{_name(folder)}/{_name(entry)} does not say what it is: not recorded")
            continue
        if name in whole.packages:
            if folders[name] == folder and whole.packages[name] != number:
                two = f"{whole.packages[name]} and {number}"
                whole.warnings.append(f"{name} stands twice in {_name(folder)}: {two}; the first is recorded")
            continue
        folders[name] = folder
        whole.packages[name] = number
        whole.entries[name] = os.fsdecode(folder), os.fsdecode(entry)
        source = _source(url, installer) if url else _development(folder, entry)
        if source:
            whole.sources[name] = source
            if source.startswith("file:") and source.endswith(EDITABLE):
                whole.folders[name] = _local(url) if url else os.fsdecode(folder)
    return whole


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _identity(head: bytes) -> tuple[str, str]:
    name = version = ""
    for line in head.split(b"\n"):
        if not line.strip():
            break
        key, _, value = line.partition(b":")
        if key.lower() == b"name":
            name = name or normalised(_name(value).strip())
        elif key.lower() == b"version":
            version = version or _name(value).strip()
    return name, version


def _development(folder: bytes, entry: bytes) -> str | None:
    """Say where a package lies that is used from its own source folder: its entry then has no version."""
    installed = folder.endswith((b"/site-packages", b"/dist-packages"))
    if entry.endswith(b".egg-info") and entry.count(b"-") == 1 and not installed:
        return f"file://{_name(folder)}{EDITABLE}"
    return None


def _source(url: bytes, installer: bytes) -> str | None:
    """Say where a package came from, of the file that PEP 610 defines."""
    if installer.strip() == b"conda":
        return None  # the folder it was once built in
    try:
        return readable(_told(json.loads(url)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "an unreadable direct_url.json"


def _told(said: Any) -> str:
    where = str(said["url"])
    vcs, folder, archive = (said.get(key) or {} for key in ("vcs_info", "dir_info", "archive_info"))
    if vcs:
        where = f"{vcs['vcs']}+{where}@{vcs['commit_id']}"
    elif folder.get("editable"):
        where = f"{where}{EDITABLE}"
    elif archive:
        digest = archive.get("hash") or "".join(f"{k}={v}" for k, v in (archive.get("hashes") or {}).items())
        where = f"{where}#{digest}" if digest else where
    return f"{where}#subdirectory={said['subdirectory']}" if said.get("subdirectory") else where


def _local(url: bytes) -> str:
    """Return the folder that a direct_url.json names."""
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(str(json.loads(url)["url"])).path)


def packages_hash(packages: dict[str, str], sources: dict[str, str], root: str) -> str:
    """Return one hash for all packages; a source on this machine counts by its place in the project, or by no place."""
    here = f"file://{root}"
    if not set(root) <= _PLAIN:
        from urllib.parse import quote

        here = f"file://{quote(os.fsencode(root))}"
    lines = []
    for name in sorted(packages):
        source = sources.get(name, "")
        if source.startswith(here) and source[len(here) : len(here) + 1] in {"", "/", " ", "#"}:
            source = f"file:.{source[len(here) :]}"
        elif source.startswith("file:"):
            # Another machine has it elsewhere; its content is held beside.
            source = f"file:{source[source.index('#') :]}" if "#" in source else "file:"
        lines.append(f"{name}=={packages[name]}{' @ ' if source else ''}{source}\n")
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~")

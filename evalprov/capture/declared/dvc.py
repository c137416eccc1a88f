"""What DVC knows of a data set: the hash its pointer names, and whether the data still is that."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.capture.content import Content
    from evalprov.capture.hashing import Md5

LOCK = "dvc.lock"
LARGEST = 64 << 20
CHECKED = 32 << 30  # more is not read a second time only to check it


class Pointer(NamedTuple):
    """What a `.dvc` file or `dvc.lock` says of one output."""

    file: str  # the pointer's own path
    path: str  # the data's, absolute
    hash: str | None  # md5:... as it names it; a folder's ends in .dir
    md5: Md5 | None  # how that is computed; null where it is no MD5
    size: int | None
    files: int | None


class Malformed(Exception):  # noqa: N818
    """A pointer does not say what it should; the words say which and why."""


def pointer_to(path: str, root: str) -> Pointer | None:
    """Return the pointer to an absolute path, or of a `.dvc` file itself; null where there is none.

    Asked are the `.dvc` file beside it, then every `dvc.lock` from its folder up to the root.
    """
    if path.endswith(".dvc") and os.path.isfile(path):
        outs = list(_outs_of_file(path))
        if len(outs) != 1:
            raise Malformed(f"{path}: it has {len(outs)} outputs and not one")
        return outs[0]
    if os.path.isfile(f"{path}.dvc"):
        for one in _outs_of_file(f"{path}.dvc"):
            if one.path == path:
                return one
    for folder in _upward(os.path.dirname(path), root):
        lock = os.path.join(folder, LOCK)
        if os.path.isfile(lock):
            for one in _outs_of_lock(lock):
                if one.path == path:
                    return one
    return None


def wanted_md5(pointer: Pointer, path: str) -> Md5 | None:
    """Return which MD5 is needed to check the data; null where its size says enough or there is too much of it."""
    if pointer.md5 is None or (pointer.size or 0) > CHECKED:
        return None
    size = os.stat(path).st_size
    if not os.path.isdir(path) and (size > CHECKED or (pointer.md5 == "md5" and pointer.size not in {None, size})):
        return None
    return pointer.md5


def is_stale(pointer: Pointer, content: Content) -> tuple[bool | None, str | None]:
    """Say whether the data differs from what its pointer names; null, and why, where that cannot be told."""
    if pointer.hash is None:
        return None, f"{os.path.basename(pointer.file)} names no hash"
    if pointer.md5 is None:
        return None, f"{pointer.hash.partition(':')[0]} is no hash that is checked here"
    if content.folder != pointer.hash.endswith(".dir"):
        return True, None
    if content.md5 and pointer.hash == f"md5:{content.md5}":
        return False, None
    doubt = _doubt(pointer, content)
    return (None, doubt) if doubt else (True, None)


def _doubt(pointer: Pointer, content: Content) -> str | None:
    """Say why data that does not agree with its pointer may yet be the same; null where it cannot be."""
    if content.folder and (ignoring := _ignore_file(pointer)):
        return f"{ignoring} leaves some of it out by DVC's own rules"
    if content.md5 or (not content.folder and pointer.size not in {None, content.bytes}):
        return None
    if content.folder and (pointer.size or 0) <= CHECKED:
        return "links are in it"
    return "there is too much of it"


def _ignore_file(pointer: Pointer) -> str | None:
    """Return a `.dvcignore` that can bear on a folder; only one that says something does."""
    folder = pointer.path
    while True:
        file = os.path.join(folder, ".dvcignore")
        try:
            with reading(file) as text:
                if any(line.strip() and not line.startswith(b"#") for line in text):
                    return os.path.basename(file)
        except OSError:
            pass
        if os.path.lexists(os.path.join(folder, ".dvc")) or folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)


def _upward(folder: str, root: str) -> Iterator[str]:
    while True:
        yield folder
        if folder == root or folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def _outs_of_file(file: str) -> Iterator[Pointer]:
    table = _table(file)
    base = os.path.join(os.path.dirname(file), _text(table.get("wdir")) or ".")
    yield from _outs(file, base, table.get("outs"))


def _outs_of_lock(file: str) -> Iterator[Pointer]:
    """Give the outputs of every stage; `schema` came with the second form of the file."""
    table = _table(file)
    stages = table.get("stages") if "schema" in table else table
    folders: dict[str, Any] | None = None
    for name, stage in (stages if isinstance(stages, dict) else {}).items():
        if not isinstance(stage, dict) or not stage.get("outs"):
            continue
        if folders is None:
            folders = _stage_folders(os.path.join(os.path.dirname(file), "dvc.yaml"))
        # Only dvc.yaml says in which folder a stage's paths are meant.
        inside = _text(folders.get(name) or folders.get(name.partition("@")[0])) or "."
        yield from _outs(file, os.path.join(os.path.dirname(file), inside), stage["outs"])


def _stage_folders(file: str) -> dict[str, Any]:
    if not os.path.isfile(file):
        return {}
    stages = _table(file).get("stages")
    found = {}
    for name, stage in (stages if isinstance(stages, dict) else {}).items():
        if isinstance(stage, dict):
            inner = stage.get("do")  # the one of many that are made from a list
            found[name] = (inner if isinstance(inner, dict) else stage).get("wdir")
    return found


def _outs(file: str, base: str, outs: object) -> Iterator[Pointer]:
    if not isinstance(outs, list):
        raise Malformed(f"{file}: it has no list of outputs")
    for out in outs:
        if not isinstance(out, dict) or not isinstance(out.get("path"), str):
            raise Malformed(f"{file}: an output has no path")
        yield _pointer(file, os.path.normpath(os.path.join(base, out["path"])), out)


def _pointer(file: str, path: str, out: dict[str, Any]) -> Pointer:
    size, files = (value if type(value := out.get(key)) is int else None for key in ("size", "nfiles"))
    if digest := _text(out.get("md5")):
        if not re.fullmatch(r"[0-9a-f]{32}(\.dir)?", digest):
            raise Malformed(f"{file}: {digest!r} is no MD5")
        # Before DVC 3.0 nothing said so, and line ends of texts counted as one kind.
        kind: Md5 = "md5" if out.get("hash") == "md5" else "dos2unix"
        return Pointer(file, path, f"md5:{digest}", kind, size, files)
    for name in ("etag", "checksum"):
        if digest := _text(out.get(name)):
            return Pointer(file, path, f"{name}:{digest}", None, size, files)
    return Pointer(file, path, None, None, size, files)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _table(file: str) -> dict[str, Any]:
    from evalprov.capture.declared.parsing import NotParsed, parse

    try:
        with reading(file) as opened:
            data = opened.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise Malformed(f"{file}: larger than {LARGEST >> 20} MiB")
        table = parse(data, "yaml").value
    except OSError as error:
        raise Malformed(f"{file}: {error.strerror}") from None
    except NotParsed as problem:
        raise Malformed(f"{file}: {problem}") from None
    if not isinstance(table, dict):
        raise Malformed(f"{file}: it says nothing by name")
    return table

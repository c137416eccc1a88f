"""The data sets and the retrieval index, by content, and held against the pointers that DVC keeps of them."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from evalprov.capture.content import Content, Contents
from evalprov.capture.declared.naming import (
    DeclaredPath,
    NamedFile,
    UnreadFiles,
    files_of,
    key_of,
    missing,
    source_of,
    versioned,
)
from evalprov.capture.text import readable

if TYPE_CHECKING:
    from evalprov.capture.ask import Question, Reply
    from evalprov.capture.collector import CaptureContext
    from evalprov.capture.declared.dvc import Pointer
    from evalprov.record.schema.declared import DataSet

Working = Generator["list[Question]", "list[Reply]", Any]


def collect_data(context: CaptureContext, warnings: list[str], unread: UnreadFiles) -> Working:
    """Return the data section: every set by content, and what is retrieved from."""
    contents = Contents(context.environ, context.store, context.progress)
    sets: dict[str, DataSet] = {}
    for said in versioned(context, "data"):
        for file in _present(context, said):
            sets[context.scrub.text(readable(file.name))] = yield from data_set(
                context, file, contents, warnings, unread
            )
    retrieval = dict(context.settings.declared.get("retrieval", {}))
    retrieval = {**retrieval.pop("extra", {}), **retrieval}
    if said_index := retrieval.get("index"):
        index = DeclaredPath(("retrieval", "index"), said_index)
        # A name that is no path here is one in a service: it stands as it is.
        for file in files_of(context, index, folders=True) or _by_pointer(context, index):
            found = yield from data_set(context, file, contents, warnings, unread)
            retrieval["index_hash"] = found["sha256"] or found["pointer"]
    return {"sets": sets, "retrieval": context.scrub.value(retrieval)}


def _present(context: CaptureContext, said: DeclaredPath) -> list[NamedFile]:
    if files := files_of(context, said, folders=True) or _by_pointer(context, said):
        return files
    raise missing(context, said)


def _by_pointer(context: CaptureContext, said: DeclaredPath) -> list[NamedFile]:
    """Return data that is not there and yet known, for DVC has a pointer to it."""
    path = os.path.normpath(os.path.join(context.root, said.path))
    return [NamedFile(said.name, path, said)] if _pointer(context, path, []) else []


def blank_set(context: CaptureContext, path: str, said: str, source: str) -> DataSet:
    """Return the entry of a data set of which nothing is known but its name."""
    return {
        "path": key_of(context, path, said),
        "kind": "folder" if os.path.isdir(path) else "file",
        "sha256": None,
        "version": None,
        "files": None,
        "bytes": None,
        "pointer": None,
        "stale": None,
        "source": source,
    }


def data_set(
    context: CaptureContext, file: NamedFile, contents: Contents, warnings: list[str], unread: UnreadFiles
) -> Working:
    """Return one data set by content, held against its pointer if it has one."""
    said = file.said
    name = ".".join((*said.keys[:-1], file.name))
    malformed: list[str] = []
    pointer = _pointer(context, file.path, malformed)
    path = pointer.path if pointer else file.path
    shown = key_of(context, file.path, said.path)
    found = blank_set(context, file.path, said.path, source_of(context, *said.keys))
    found["version"] = None if said.version is None else context.scrub.text(said.version)
    if pointer or malformed:
        found["kind"] = "dvc"
    if pointer:
        found |= {"files": pointer.files, "bytes": pointer.size, "pointer": pointer.hash}
    if malformed and file.path.endswith(".dvc"):
        unread.note(said.keys, shown, malformed[0])
        return found
    warnings += [f"DVC pointer not read: {problem}" for problem in malformed]
    if pointer and not os.path.exists(path):
        warnings.append(f"{name}: the data is not there, only its DVC pointer; `dvc pull` brings it")
        return found
    try:
        content = yield from contents.of(path, _md5(pointer, path))
    except OSError as error:
        place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else path
        unread.note(said.keys, key_of(context, place, said.path), error.strerror or str(error))
        return found
    if not content.settled:
        unread.note(said.keys, shown, "written to while it was hashed")
        return found
    warnings += [f"{name}: {oddity}" for oddity in content.oddities]
    found |= {"sha256": content.sha256, "files": content.files, "bytes": content.bytes}
    if path == file.path:
        found["kind"] = "folder" if content.folder else "file"
    if pointer:
        found["stale"] = _stale(name, pointer, content, warnings)
    return found


def _pointer(context: CaptureContext, path: str, malformed: list[str]) -> Pointer | None:
    if not _may_have_one(context, path):
        return None
    from evalprov.capture.declared.dvc import Malformed, pointer_to

    try:
        return pointer_to(path, context.root)
    except Malformed as problem:
        malformed.append(str(problem))
        return None


def _may_have_one(context: CaptureContext, path: str) -> bool:
    if path.endswith(".dvc") or os.path.exists(f"{path}.dvc"):
        return True
    folder = path
    while folder not in {context.root, os.path.dirname(folder)}:
        folder = os.path.dirname(folder)
        if os.path.exists(os.path.join(folder, "dvc.lock")):
            return True
    return False


def _md5(pointer: Pointer | None, path: str) -> Any:
    if pointer is None:
        return None
    from evalprov.capture.declared.dvc import wanted_md5

    return wanted_md5(pointer, path)


def _stale(name: str, pointer: Pointer, content: Content, warnings: list[str]) -> bool | None:
    from evalprov.capture.declared.dvc import is_stale

    stale, why = is_stale(pointer, content)
    file = os.path.basename(pointer.file)
    if stale:
        warnings.append(f"{name}: the data is not what {file} names; the hash is of the data as it is")
    elif why:
        warnings.append(f"{name}: not checked against {file}: {why}")
    return stale

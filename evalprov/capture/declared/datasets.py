"""The data sets and the retrieval index, by content, and held against the pointers that DVC keeps of them."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from evalprov.capture.content import Content, Contents
from evalprov.capture.declared.naming import File, Said, Unread, files_of, key_of, missing, source_of, versioned
from evalprov.capture.text import readable

if TYPE_CHECKING:
    from evalprov.capture.ask import Answer, Command
    from evalprov.capture.collector import Scene
    from evalprov.capture.declared.dvc import Pointer
    from evalprov.record.manifest import DataSet

Working = Generator["list[Command]", "list[Answer]", Any]


def collect_data(scene: Scene, warnings: list[str], unread: Unread) -> Working:
    """Return the data section: every set by content, and what is retrieved from."""
    contents = Contents(scene.environ, scene.store, scene.progress)
    sets: dict[str, DataSet] = {}
    for said in versioned(scene, "data"):
        for file in _present(scene, said):
            sets[scene.scrub.text(readable(file.name))] = yield from data_set(scene, file, contents, warnings, unread)
    retrieval = dict(scene.settings.declared.get("retrieval", {}))
    retrieval = {**retrieval.pop("extra", {}), **retrieval}
    if said_index := retrieval.get("index"):
        index = Said(("retrieval", "index"), said_index)
        # A name that is no path here is one in a service: it stands as it is.
        for file in files_of(scene, index, folders=True) or _by_pointer(scene, index):
            found = yield from data_set(scene, file, contents, warnings, unread)
            retrieval["index_hash"] = found["sha256"] or found["pointer"]
    return {"sets": sets, "retrieval": scene.scrub.value(retrieval)}


def _present(scene: Scene, said: Said) -> list[File]:
    if files := files_of(scene, said, folders=True) or _by_pointer(scene, said):
        return files
    raise missing(scene, said)


def _by_pointer(scene: Scene, said: Said) -> list[File]:
    """Return data that is not there and yet known, for DVC has a pointer to it."""
    path = os.path.normpath(os.path.join(scene.root, said.path))
    return [File(said.name, path, said)] if _pointer(scene, path, []) else []


def blank_set(scene: Scene, path: str, said: str, source: str) -> DataSet:
    """Return the entry of a data set of which nothing is known but its name."""
    return {
        "path": key_of(scene, path, said),
        "kind": "folder" if os.path.isdir(path) else "file",
        "sha256": None,
        "version": None,
        "files": None,
        "bytes": None,
        "pointer": None,
        "stale": None,
        "source": source,
    }


def data_set(scene: Scene, file: File, contents: Contents, warnings: list[str], unread: Unread) -> Working:
    """Return one data set by content, held against its pointer if it has one."""
    said = file.said
    name = ".".join((*said.keys[:-1], file.name))
    malformed: list[str] = []
    pointer = _pointer(scene, file.path, malformed)
    path = pointer.path if pointer else file.path
    shown = key_of(scene, file.path, said.path)
    found = blank_set(scene, file.path, said.path, source_of(scene, *said.keys))
    found["version"] = None if said.version is None else scene.scrub.text(said.version)
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
        unread.note(said.keys, key_of(scene, place, said.path), error.strerror or str(error))
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


def _pointer(scene: Scene, path: str, malformed: list[str]) -> Pointer | None:
    if not _may_have_one(scene, path):
        return None
    from evalprov.capture.declared.dvc import Malformed, pointer_to

    try:
        return pointer_to(path, scene.root)
    except Malformed as problem:
        malformed.append(str(problem))
        return None


def _may_have_one(scene: Scene, path: str) -> bool:
    if path.endswith(".dvc") or os.path.exists(f"{path}.dvc"):
        return True
    folder = path
    while folder not in {scene.root, os.path.dirname(folder)}:
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

"""The text of a run's prompts, from where they lie or from git; proven by the hashes in the record."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from evalprov.capture.code.gitpatch import is_secret_file
from evalprov.named import NamedTuple
from evalprov.regular import reading
from evalprov.restore.edits import BY_CONTENT, BY_NAME
from evalprov.restore.git import GitFailed
from evalprov.restore.trees import SIZE_LIMIT, source_of, trees_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.restore.edits import TextPlace


class PromptTexts(NamedTuple):
    """The texts that could be had, by the prompts' names, and why the others could not."""

    texts: dict[str, bytes]
    missing: dict[str, str]


def prompt_texts(m: Manifest, place: TextPlace) -> PromptTexts:
    """Return the text of each prompt that has a file; nothing is written."""
    found = PromptTexts({}, {})
    wanted = {name: one["path"] for name, one in m["prompts"].items() if one["path"] and one["sha256"]}
    found.missing.update({name: "the record has no file of it" for name in m["prompts"] if name not in wanted})
    hashes = {name: m["prompts"][name]["sha256"] for name in wanted}
    for source in (_lying_there, _in_git):
        left = {name: path for name, path in wanted.items() if name not in found.texts}
        for name, content in source(m, place, left) if left else ():
            if isinstance(content, str):
                found.missing[name] = content
            elif f"sha256:{hashlib.sha256(content).hexdigest()}" != hashes[name]:
                found.missing[name] = "it is another text now, and the one that the run had was not kept"
            elif why := _why_secret(wanted[name], content, place):
                found.missing[name] = why
            else:
                found.texts[name] = content
                found.missing.pop(name, None)
    return found


def _why_secret(path: str, content: bytes, place: TextPlace) -> str | None:
    name = os.fsencode(path)
    if is_secret_file(name):
        return BY_NAME
    return BY_CONTENT if place.scrub.reading(name).has_secret(content) else None


def _lying_there(_: Manifest, place: TextPlace, wanted: dict[str, str]) -> Iterator[tuple[str, bytes | str]]:
    for name, path in wanted.items():
        try:
            with reading(os.path.join(place.root, path)) as file:
                content = file.read(SIZE_LIMIT + 1)
        except OSError as error:
            yield name, error.strerror or str(error)
        else:
            yield name, content if len(content) <= SIZE_LIMIT else f"larger than {SIZE_LIMIT >> 20} MiB"


def _in_git(m: Manifest, place: TextPlace, wanted: dict[str, str]) -> Iterator[tuple[str, bytes | str]]:
    source = source_of(m, [place.root])
    if isinstance(source, str):
        yield from ((name, source) for name in wanted)
        return
    inside = os.path.relpath(os.path.realpath(place.root), os.path.realpath(source.top))
    try:
        with trees_of(place.store, [source]) as trees:
            tree = trees.of_run(m, "the run").tree
            for name, path in wanted.items():
                content = trees.content(tree, os.path.normpath(os.path.join(inside, path)))
                yield name, "git does not have it" if content is None else content
    except (GitFailed, OSError) as why:
        yield from ((name, str(getattr(why, "strerror", None) or why)) for name in wanted)

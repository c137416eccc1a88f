"""What the project declares: prompts, model, agent, tools, data, grader, algorithms and limits."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.capture.collector import Absent, CaptureContext, Findings, Steps
from evalprov.capture.declared.naming import (
    DeclaredPath,
    NamedFile,
    UnreadFiles,
    files_of,
    is_there,
    key_of,
    missing,
    source_of,
    versioned,
)
from evalprov.capture.text import readable
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import FoundFacts
    from evalprov.record.schema.code import Algorithm
    from evalprov.record.schema.declared import Agent, Grader, Prompt, Tool

PIECE = 1 << 20
LAYERS = ("model", "prompts", "data", "retrieval", "agent", "tools", "grader", "infra", "golden_version")
# A word with such an ending is meant as a file: taken as a text, a misspelt path would go unseen.
FILE_LIKE = r"[^\s{}\[\]\"'<>]+\.(json|ya?ml|toml|txt|md|py|js|ts|j2|jinja2?|graphql|proto|xml|csv)"


def collect(context: CaptureContext) -> Steps:
    """Hash every file that is declared; one that is not there stops the run, one that cannot be read is recorded so."""
    declared = context.settings.declared
    algorithms = declared.get("code", {}).get("algorithms", {})
    if not algorithms and not any(declared.get(name) for name in LAYERS):
        raise Absent("nothing is declared in the settings")
    warnings: list[str] = []
    unread = UnreadFiles(context)
    prompts = _prompts(context, unread)
    facts: FoundFacts = {
        "prompts": prompts,
        "prompt_versions": {name: one["version"] for name, one in prompts.items() if one["version"] is not None},
        "model_config": _model(context, warnings),
        "tools": _tools(context, unread),
        "agent": _agent(context, unread),
        "grader": _grader(context, unread),
        "code": {"algorithms": _algorithms(context, algorithms, unread)},
        "infra": {"declared": context.scrub.value(dict(declared.get("infra", {})))},
    }
    if "golden_version" in declared:
        facts["golden_version"] = context.scrub.text(declared["golden_version"])
    # Last, for it may take long and the others are waiting for their answers meanwhile.
    if declared.get("data") or declared.get("retrieval"):
        from evalprov.capture.declared.datasets import collect_data

        facts["data"] = yield from collect_data(context, warnings, unread)
    clean = [context.scrub.text(readable(one)) for one in (*unread.noted, *warnings)]
    return Findings(facts, tuple(clean), reason="; ".join(clean[: len(unread.noted)]) or None)


def declared_files(context: CaptureContext) -> set[str]:
    """Return the declared files, and the pointers to declared data, by their path from the project root."""
    files = [file for said in versioned(context, "prompts") for file in files_of(context, said)]
    files += [file for said in _grader_files(context) for file in files_of(context, said)]
    data = [*versioned(context, "data"), *index_of(context)]
    pointers = []
    for said in data:
        found = files_of(context, said, folders=True)
        path = os.path.normpath(os.path.join(context.root, said.path))
        files += found
        # The pointer's text is the data's hash: as code it would make changed data read as changed code.
        pointers += [f"{one.path}.dvc" for one in found] or [f"{path}.dvc"]
        pointers += [path.removesuffix(".dvc")] if path.endswith(".dvc") else []
    paths = {file.path for file in files} | {path for path in pointers if os.path.lexists(path)}
    if (labels := context.settings.declared.get("grader", {}).get("calibration")) is not None:
        paths.add(os.path.join(context.root, labels))  # they judge what a run was worth, and are no part of it
    return {os.path.relpath(path, context.root) for path in paths} | agent_files(context)


def agent_files(context: CaptureContext) -> set[str]:
    """Return the files that the agent and its tools are declared by, by their path from the project root."""
    declared = context.settings.declared
    texts = [tool.get(key) for tool in declared.get("tools", ()) for key in ("description", "schema")]
    texts += [declared.get("agent", {}).get(key) for key in ("graph", "config")]
    paths = {file for said in texts if said is not None and (file := _file_of(context, said)) is not None}
    return {os.path.relpath(path, context.root) for path in paths}


def index_of(context: CaptureContext) -> Iterator[DeclaredPath]:
    """Give the retrieval index, if it is a path to something."""
    said = context.settings.declared.get("retrieval", {}).get("index")
    if said is None:
        return
    path = os.path.join(context.root, said)
    if is_there(path) or os.path.exists(f"{path}.dvc"):
        yield DeclaredPath(("retrieval", "index"), said)


def _prompts(context: CaptureContext, unread: UnreadFiles) -> dict[str, Prompt]:
    prompts: dict[str, Prompt] = {}
    for said in versioned(context, "prompts"):
        for file in _present(context, said):
            version = None if said.version is None else context.scrub.text(said.version)
            prompts[context.scrub.text(readable(file.name))] = {
                "path": key_of(context, file.path, said.path),
                "sha256": _sha256(context, file, unread),
                "version": version,
                "source": source_of(context, *said.keys),
            }
    return prompts


def _present(context: CaptureContext, said: DeclaredPath) -> list[NamedFile]:
    if files := files_of(context, said):
        return files
    raise missing(context, said)


def _model(context: CaptureContext, warnings: list[str]) -> dict[str, Any]:
    plain = dict(context.settings.declared.get("model", {}))
    extra = plain.pop("extra", {})
    both = sorted(extra.keys() & plain.keys())
    warnings += [f"model.extra.{name} stands beside model.{name}; the latter counts" for name in both]
    if isinstance(model := plain.get("model"), str):
        from evalprov.record.aliases import alias_note

        if note := alias_note(model):
            warnings.append(note)
    config: dict[str, Any] = context.scrub.value({**extra, **plain})
    return config


def _tools(context: CaptureContext, unread: UnreadFiles) -> list[Tool]:
    def hashed(tool: Mapping[str, Any], what: str) -> str | None:
        return _text_hash(context, ("tools", tool["name"], what), tool.get(what), unread)

    return [
        {
            "name": context.scrub.text(tool["name"]),
            "version": context.scrub.text(tool["version"]) if "version" in tool else None,
            "description_hash": hashed(tool, "description"),
            "schema_hash": hashed(tool, "schema"),
            "source": source_of(context, "tools"),
        }
        for tool in context.settings.declared.get("tools", ())
    ]


def _agent(context: CaptureContext, unread: UnreadFiles) -> Agent:
    agent: Mapping[str, Any] = context.settings.declared.get("agent", {})
    return {
        "name": context.scrub.text(agent["name"]) if "name" in agent else None,
        "version": context.scrub.text(agent["version"]) if "version" in agent else None,
        "graph_hash": _text_hash(context, ("agent", "graph"), agent.get("graph"), unread),
        "config_hash": _text_hash(context, ("agent", "config"), agent.get("config"), unread),
        "extra": {},
    }


def _grader_files(context: CaptureContext) -> list[DeclaredPath]:
    files = context.settings.declared.get("grader", {}).get("files", ())
    return [DeclaredPath(("grader", "files"), path) for path in files]


def _grader(context: CaptureContext, unread: UnreadFiles) -> Grader:
    grader = context.settings.declared.get("grader", {})
    files = {
        key_of(context, file.path, said.path): _sha256(context, file, unread)
        for said in _grader_files(context)
        for file in _present(context, said)
    }
    version = context.scrub.text(grader["version"]) if "version" in grader else None
    metrics = context.scrub.value(dict(grader.get("metrics", {})))
    return {"files": files, "version": version, "metrics": metrics, "reported": {}}


def _algorithms(context: CaptureContext, table: Mapping[str, str], unread: UnreadFiles) -> dict[str, Algorithm]:
    if not table:
        return {}
    from evalprov.capture.declared.algorithms import algorithm

    return {name: algorithm(context, name, where, unread) for name, where in table.items()}


def _sha256(context: CaptureContext, file: NamedFile, unread: UnreadFiles) -> str | None:
    """Hash a file's bytes as they are, like git: hiding a secret makes no two files alike. Null where nobody can."""
    digest = hashlib.sha256()
    problem = file.problem
    try:
        for piece in () if problem else _pieces(file.path):
            digest.update(piece)
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        unread.note(file.said.keys, key_of(context, file.path, file.said.path), problem)
        return None
    return f"sha256:{digest.hexdigest()}"


def _pieces(path: str) -> Iterator[bytes]:
    """Give a declared file's bytes."""
    opened = open_regular(path)
    try:
        before = os.fstat(opened)
        while piece := os.read(opened, PIECE):
            yield piece
        after = os.fstat(opened)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise OSError(0, "written to while it was read")
    finally:
        os.close(opened)


def _text_hash(context: CaptureContext, keys: tuple[str, ...], said: str | None, unread: UnreadFiles) -> str | None:
    """Hash what is a text or names a file that holds it; JSON, TOML and YAML by what they say, not by their layout."""
    if said is None:
        return None
    path = _file_of(context, said)
    if path is None:
        if re.fullmatch(FILE_LIKE, said):
            raise missing(context, DeclaredPath(keys, said))
        ending = ".json" if said.lstrip()[:1] in {"{", "["} else ""
        return _content_hash(context.scrub.text(said).encode("utf-8", "surrogateescape"), ending)
    try:
        data = b"".join(_pieces(path))
    except OSError as error:
        unread.note(keys, key_of(context, path, said), error.strerror or str(error))
        return None
    return _content_hash(data, os.path.splitext(said)[1].lower())


def _file_of(context: CaptureContext, said: str) -> str | None:
    """Return the path of the file that a setting names; null where it is a text itself."""
    path = os.path.join(context.root, said)
    return None if "\n" in said or len(said) > 4096 or os.path.isdir(path) or not is_there(path) else path


def _content_hash(data: bytes, ending: str) -> str:
    from evalprov.capture.declared.parsing import FORMATS, NotParsed, parse
    from evalprov.record.canonical import canonical

    if ending in FORMATS:
        # A template with such an ending is a text.
        with suppress(NotParsed, ValueError, RecursionError):
            data = canonical(parse(data, FORMATS[ending]).value)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

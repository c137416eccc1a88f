"""The configuration: files by their content, whatever their layout, and the command's arguments."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from evalprov.capture.collector import CaptureContext, Findings, Steps
from evalprov.capture.declared.naming import is_there
from evalprov.capture.declared.written import named_outputs, wrote_before
from evalprov.capture.software.interpreter import is_python
from evalprov.capture.text import from_root, readable
from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.declared import ConfigFacts

PARSED_LIMIT = 16 << 20
# A large file that merely stands in the command is more likely data, and the launch waits for us.
GUESSED_PARSED_LIMIT = 2 << 20
GUESSED_LIMIT = 64 << 20
PIECE = 1 << 20
WILD = frozenset("*?[")
ENDINGS = (".json", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".jsonnet", ".gin")
OPTIONS = ("config", "config-file", "config_file", "config-path", "config_path", "cfg", "conf")


class _Named(NamedTuple):
    """A file that something names as configuration."""

    path: str  # absolute
    source: str
    said: str  # as it was named
    must_exist: bool


def collect(context: CaptureContext) -> Steps:
    """Read and hash every configuration file; one that was asked for and is not there stops the run.

    One that is there and cannot be read is recorded without a hash.
    """
    yield from ()
    files: dict[str, Any] = {}
    warnings: list[str] = []
    unread: list[str] = []
    for named in _named(context, warnings):
        key = context.scrub.text(readable(_key(named.path, named.said, context.root)))
        if key in files:
            continue
        try:
            entry = _file(context, named, key, warnings)
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            if named.must_exist and (context.strict or not is_there(named.path)):
                raise _missing(named, problem) from None
            by = "the command" if named.source == "command" else named.source
            unread.append(f"{key}, named by {by}, is there, but its content is not known: {problem}")
            entry = {"sha256": None, "format": "bytes", "bytes": None, "source": named.source, "values": {}}
        files[key] = entry
    arguments = [
        readable(from_root(word, context.root)) for word in context.scrub.argv((context.written or context.argv)[1:])
    ]
    program = _program(context)
    shown = None if program is None else context.scrub.text(readable(program))
    found: ConfigFacts = {"files": files, "program": shown, "arguments": arguments}
    clean = [context.scrub.text(readable(one)) for one in (*unread, *warnings)]
    return Findings({"config": found}, tuple(clean), reason="; ".join(clean[: len(unread)]) or None)


def _program(context: CaptureContext) -> str | None:
    """Name what the command starts: a Python is told by its version, and a program by its name, wherever it lies."""
    word = context.argv[0]
    folder, name = os.path.split(word)
    if is_python(name):
        return None
    if not folder or folder.endswith("bin"):
        return name
    path = os.path.normpath(os.path.join(context.cwd, word))
    relative = os.path.relpath(path, context.root)
    return name if relative.startswith("..") else relative


def claimed(context: CaptureContext) -> set[str]:
    """Return the configuration files by their path from the project root: what the code layer leaves out."""
    return {os.path.relpath(named.path, context.root) for named in _named(context, [])}


def _key(path: str, said: str, root: str) -> str:
    """Name a file from the project root; one that was named in full and lies outside keeps its full name."""
    relative = os.path.relpath(path, root)
    return path if os.path.isabs(said) and relative.startswith("..") else relative


def _named(context: CaptureContext, warnings: list[str]) -> Iterator[_Named]:
    for pattern in context.settings.config_files:
        if not set(pattern) & WILD:
            yield _Named(_join(context.root, pattern), "settings", pattern, must_exist=True)
            continue
        matches = list(_matches(context, pattern))
        if not matches:
            warnings.append(f"config pattern {pattern} matches no file")
        for match in matches:
            if wrote_before(context, _join(context.root, match)):
                continue
            yield _Named(_join(context.root, match), "settings", match, must_exist=False)
    for path in context.config_paths:
        yield _Named(_join(context.cwd, path), "--config", path, must_exist=True)
    outputs = named_outputs(context)
    for word, asked in _words(context.argv):
        path = _join(context.cwd, word)
        if path in outputs or not os.path.lexists(path) or os.path.isdir(path) or _is_data(path):
            continue
        if asked or not wrote_before(context, path):
            yield _Named(path, "command", word, must_exist=False)


def _is_data(path: str) -> bool:
    """Say whether a file that merely stands in the command is too large for a configuration."""
    try:
        return os.stat(path).st_size > GUESSED_LIMIT
    except OSError:
        return False


def _join(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def _matches(context: CaptureContext, pattern: str) -> Iterator[str]:
    from glob import glob

    for match in sorted(glob(pattern, root_dir=context.root, recursive=True, include_hidden=True)):
        path = _join(context.root, match)
        if not os.path.isdir(path) and not f"{path}/".startswith(f"{context.store}/"):
            yield match


def asked_for(context: CaptureContext) -> set[str]:
    """Return the full paths of what the command's own options name as configuration."""
    return {_join(context.cwd, word) for word, asked in _words(context.argv) if asked}


def _words(argv: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Give the words of a command that may be configuration files, and whether an option says so."""
    for at, word in enumerate(argv[1:]):
        option, equals, value = word.partition("=")
        if equals and (value.endswith(ENDINGS) or _asks_for_config(option)):
            yield value, _asks_for_config(option)
        elif not word.startswith("-") and (word.endswith(ENDINGS) or _asks_for_config(argv[at])):
            yield word, _asks_for_config(argv[at])


def _asks_for_config(word: str) -> bool:
    return word.startswith("--") and word.lower().endswith(OPTIONS)


def _missing(named: _Named, problem: str) -> EvalprovError:
    folder, name = os.path.split(named.path)
    hint = ""
    try:
        entries = os.listdir(folder)
    except OSError:
        hint = f"there is no folder {readable(folder)}"
    else:
        from difflib import get_close_matches

        near = get_close_matches(name, entries, n=3, cutoff=0.5)
        hint = f"in that folder there is: {', '.join(map(readable, near))}" if near else ""
    origin = "the settings name" if named.source == "settings" else "--config names"
    return EvalprovError(f"{origin} {readable(named.said)}: {problem}", hint, exit_code=125)


def _file(context: CaptureContext, named: _Named, key: str, warnings: list[str]) -> dict[str, Any]:
    """Return one file's entry."""
    file = open_regular(named.path)
    try:
        status = os.fstat(file)
        size = status.st_size
        limit = GUESSED_PARSED_LIMIT if named.source == "command" else PARSED_LIMIT
        if size > limit:
            warnings.append(f"{key}: larger than {limit >> 20} MiB, hashed by its bytes")
            size, digest = _hash_pieces(file)
            _refuse_unsettled(status, file)
            return _entry(digest, "bytes", size, named.source, {})
        data = b"".join(iter(lambda: os.read(file, PIECE), b""))
        _refuse_unsettled(status, file)
    finally:
        os.close(file)
    return _content(context, data, named, key, warnings)


def _refuse_unsettled(before: os.stat_result, file: int) -> None:
    after = os.fstat(file)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError(0, "written to while it was read")


def _hash_pieces(file: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while piece := os.read(file, PIECE):
        size += len(piece)
        digest.update(piece)
    return size, digest.hexdigest()


def _content(context: CaptureContext, data: bytes, named: _Named, key: str, warnings: list[str]) -> dict[str, Any]:
    ending = os.path.splitext(named.path)[1].lower()
    if ending in {".json", ".toml", ".yaml", ".yml"}:
        from evalprov.capture.declared.parsing import ENTRIES, FORMATS, NotParsed, flatten, parse
        from evalprov.record.canonical import canonical

        kind = FORMATS[ending]
        try:
            parsed = parse(data, kind)
            value = context.scrub.value(parsed.value)
            digest = hashlib.sha256(canonical(value)).hexdigest()
            values, complete = flatten(value)
        except (NotParsed, ValueError, RecursionError) as problem:
            said = "nested too deeply" if isinstance(problem, RecursionError) else problem
            warnings.append(f"{key} is not read as {kind.upper()}, hashed by its bytes: {said}")
        else:
            warnings.extend(f"{key}: {oddity}" for oddity in parsed.oddities)
            if not complete:
                warnings.append(f"{key}: more than {ENTRIES:,} values; the hash covers all, the record the first")
            return _entry(digest, kind, len(data), named.source, values)
    digest = hashlib.sha256(data).hexdigest()
    return _entry(digest, "bytes", len(data), named.source, {})


def _entry(digest: str, kind: str, size: int, source: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": f"sha256:{digest}", "format": kind, "bytes": size, "source": source, "values": values}

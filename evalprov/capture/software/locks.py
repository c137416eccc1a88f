"""Hashes of the lock and requirement files."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from evalprov.capture.collector import Absent, CaptureContext, Findings, Steps
from evalprov.capture.text import readable
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 64 << 20
NAMES = frozenset(
    (
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
        "pdm.lock",
        "pixi.lock",
        "conda-lock.yml",
        "environment.yml",
        "environment.yaml",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "Cargo.lock",
        "go.sum",
        "Gemfile.lock",
        "flake.lock",
        "renv.lock",
        "npm-shrinkwrap.json",
        "bun.lock",
        "bun.lockb",
        "deno.lock",
        "composer.lock",
        "packages.lock.json",
        "gradle.lockfile",
        "Manifest.toml",
    )
)
FAMILIES = (("requirements", ".txt"), ("pylock", ".toml"))


def collect(context: CaptureContext) -> Steps:
    """Hash the lock files at the project root and where the command runs."""
    yield from ()
    locks: dict[str, str] = {}
    warnings: list[str] = []
    for path in _found(context, warnings):
        name = context.scrub.text(readable(os.path.relpath(path, context.root)))
        try:
            digest = file_hash(path)
        except OSError as error:
            warnings.append(f"lock file {name}: {error.strerror}")
            continue
        if digest:
            locks[name] = digest
    if not locks and not warnings:
        raise Absent("no lock or requirement file")
    return Findings({"software": {"locks": locks}}, tuple(context.scrub.text(readable(one)) for one in warnings))


def claimed(context: CaptureContext) -> set[str]:
    """Return the lock files by their path from the project root: what the code layer leaves out."""
    return {os.path.relpath(path, context.root) for path in _found(context, [])}


def _found(context: CaptureContext, warnings: list[str]) -> Iterator[str]:
    for folder in dict.fromkeys((context.root, context.cwd)):
        try:
            entries = sorted(os.listdir(folder))
        except OSError as error:
            warnings.append(f"lock files in {folder}: {error.strerror}")
            continue
        yield from (os.path.join(folder, entry) for entry in entries if _is_lock(entry))


def _is_lock(entry: str) -> bool:
    return entry in NAMES or any(entry.startswith(stem) and entry.endswith(end) for stem, end in FAMILIES)


def file_hash(path: str) -> str | None:
    """Return the file's SHA-256; null where it is no regular file."""
    try:
        file = open_regular(path)
    except OSError as error:
        if error.errno:
            raise
        return None
    try:
        status = os.fstat(file)
        if status.st_size > LIMIT:
            raise OSError(0, f"larger than {LIMIT >> 20} MiB, not hashed")
        digest = hashlib.sha256()
        while piece := os.read(file, 1 << 18):
            digest.update(piece)
        return f"sha256:{digest.hexdigest()}"
    finally:
        os.close(file)

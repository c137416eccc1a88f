"""The settings file: found, read, checked. (skeleton; the owner is filling this in)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Settings(NamedTuple):
    """What the project asks for; every field has a value that suits a project without a settings file."""

    root: str  # the project root: the settings file's folder, else the git root, else where we are; absolute
    path: str | None = None  # the settings file; absolute
    scenario: str | None = None
    store: str | None = None  # as given: relative to the root or absolute; null is metrics
    config_files: tuple[str, ...] = ()  # paths and globs relative to the root
    versions: Mapping[str, str] = {}  # tool name to the shell command that prints its version
    env_allow: tuple[str, ...] = ()  # further environment variables to record: names or globs
    env_secret: tuple[str, ...] = ()  # further names whose values are secrets: names or globs
    log: str = "bounded"  # bounded, full or off
    log_bytes: int = 1 << 20  # bound of a log, half for the head and half for the tail

"""Where poetry keeps a project's environment."""

from __future__ import annotations

import hashlib
import os
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any

from evalprov.capture.software.way import CommandWay, which
from evalprov.capture.text import normalised
from evalprov.regular import reading

NOT_PLAIN = ' $`!*@"\\\r\n\t'  # what poetry does not want in a folder's name


class _PoetryConfig:
    """poetry's settings: the environment, then the project's poetry.toml, then the user's config.toml."""

    def __init__(self, way: CommandWay, project: str) -> None:
        self.environ = way.environ
        self.home = way.home()
        user = way.environ.get("POETRY_CONFIG_DIR") or os.path.join(
            way.environ.get("XDG_CONFIG_HOME") or os.path.join(self.home, ".config"), "pypoetry"
        )
        self.files = [_read(os.path.join(project, "poetry.toml")), _read(os.path.join(user, "config.toml"))]

    def get(self, name: str) -> Any:
        """Return a setting, null where none was made."""
        variable = "POETRY_" + name.upper().replace(".", "_").replace("-", "_")
        if variable in self.environ:
            return self.environ[variable]
        for file in self.files:
            value: Any = file
            for key in name.split("."):
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None:
                return value
        return None

    def flag(self, name: str) -> bool | None:
        """Return a yes-or-no setting, null where none was made."""
        value = self.get(name)
        return value.lower() in {"true", "1"} if isinstance(value, str) else value

    def folder(self) -> str:
        """Return where the environments are."""
        cache = self.get("cache-dir") or os.path.join(
            self.environ.get("XDG_CACHE_HOME") or os.path.join(self.home, ".cache"), "pypoetry"
        )
        path = str(self.get("virtualenvs.path") or os.path.join("{cache-dir}", "virtualenvs"))
        for name, value in (("{cache-dir}", str(cache)), ("{data-dir}", self._data())):
            path = path.replace(name, value)
        return os.path.join(self.home, path[2:]) if path.startswith("~/") else path

    def _data(self) -> str:
        share = self.environ.get("XDG_DATA_HOME") or os.path.join(self.home, ".local", "share")
        return self.environ.get("POETRY_HOME") or os.path.join(share, "pypoetry")


def environment(way: CommandWay, project: str) -> tuple[str | None, str | None]:
    """Return the environment's folder, and what is not sure about it; without a folder, why there is none."""
    config = _PoetryConfig(way, project)
    table = _read(os.path.join(project, "pyproject.toml"))
    name = (table.get("project") or {}).get("name") or ((table.get("tool") or {}).get("poetry") or {}).get("name")
    base = env_name(name if isinstance(name, str) else "non-package-mode", project)
    folder = config.folder()
    used = _read(os.path.join(folder, "envs.toml")).get(base)
    active = way.environ.get("VIRTUAL_ENV", way.environ.get("CONDA_PREFIX"))  # an empty one counts as none
    if active and way.environ.get("CONDA_DEFAULT_ENV") != "base" and not used:
        return active, None
    inside = os.path.join(project, ".venv")
    in_project = config.flag("virtualenvs.in-project")
    if in_project is not False and os.path.isdir(inside):
        return inside, None
    if config.flag("virtualenvs.create") is False:
        return None, "poetry makes no environment here and uses a Python of its own choice"
    return _in_cache(way, folder, base, used["minor"] if isinstance(used, dict) else None)


def _in_cache(way: CommandWay, folder: str, base: str, minor: str | None) -> tuple[str | None, str | None]:
    try:
        made = sorted(name for name in os.listdir(folder) if name.startswith(f"{base}-py"))
    except OSError:
        made = []
    minor = minor or _active_minor(way)
    if minor and f"{base}-py{minor}" in made:
        return os.path.join(folder, f"{base}-py{minor}"), None
    if len(made) == 1:
        doubt = f"poetry may make another environment, for Python {minor}" if minor else None
        return os.path.join(folder, made[0]), doubt
    if made:
        return None, f"poetry has several environments for this project: {', '.join(made)}"
    return None, f"poetry has no environment for this project in {folder} yet"


def _active_minor(way: CommandWay) -> str | None:
    """Return the X.Y of `python` on the search path where its file's name tells."""
    path = which("python", way.cwd, way.environ)
    stem = os.path.basename(os.path.realpath(path)) if path else ""
    version = stem.removeprefix("python")
    return version if version.startswith("3.") and version[2:].isdigit() else None


def env_name(name: str, project: str) -> str:
    """Return the name poetry gives to the environment of a project, short of the Python version."""
    plain = "".join("_" if letter in NOT_PLAIN else letter for letter in normalised(name))[:42]
    digest = hashlib.sha256(os.fsencode(os.path.realpath(project))).digest()
    letters = b2a_base64(digest).decode().translate({ord("+"): "-", ord("/"): "_"})
    return f"{plain}-{letters[:8]}"


def _read(path: str) -> dict[str, Any]:
    import tomllib

    try:
        with reading(path) as file:
            return tomllib.load(file)
    except (OSError, ValueError):
        return {}

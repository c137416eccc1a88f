"""Which settings may run commands or send records: those of a file that its user trusts, as it stands there now."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.settings import Settings

VARIABLE = "EVALPROV_TRUST"  # where nobody can be asked, as in CI: 1 trusts whatever settings there are
_FILE = "evalprov/trusted"


def commands_of(settings: Settings) -> dict[str, str]:
    """Return the commands that the settings file would have us run; what the command line declares its user wrote."""
    versions = {
        name: line for name, line in settings.versions.items() if settings.origins.get(f"versions.{name}") != "--set"
    }
    metrics = settings.declared.get("metrics", {})
    functions = {
        f"metrics.{name}.aggregate": rule["aggregate"]
        for name, rule in metrics.items()
        if rule.get("aggregate", "").startswith("python:")
    }
    return versions | functions


def sends_of(settings: Settings) -> dict[str, str]:
    """Return where the settings file would have records sent, and when; an empty one sends nothing."""
    remote = settings.declared.get("remote", {})
    return {f"remote.{name}": remote[name] for name in ("url", "push") if "url" in remote and name in remote}


def may_send(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Say whether records may be sent where the settings say: their user has seen just that, just there."""
    return environ.get(VARIABLE) == "1" or _mark(settings, sends_of(settings)) in _marks(environ)


def is_trusted(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Say whether the settings' commands may be run: there are none, or their user has seen just these, just there."""
    if not commands_of(settings) or environ.get(VARIABLE) == "1":
        return True
    return _mark(settings, commands_of(settings)) in _marks(environ)


def trust(settings: Settings, environ: Mapping[str, str]) -> str:
    """Remember that these commands may be run, and records sent there; return the file that says so. Raises OSError."""
    file = _file(environ)
    os.makedirs(os.path.dirname(file), 0o700, exist_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "a", encoding="utf-8") as to:
        allowed = filter(None, (commands_of(settings), sends_of(settings)))
        to.writelines(f"{_mark(settings, what)}  {settings.path!a}\n" for what in allowed)
    return file


def _mark(settings: Settings, what: Mapping[str, str]) -> str:
    """Return a hash of what is allowed and of where it stands: a relative path means another program elsewhere."""
    said = [os.path.realpath(settings.path or ""), what]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _marks(environ: Mapping[str, str]) -> set[str]:
    with suppress(OSError, UnicodeDecodeError), reading(_file(environ)) as file:
        return {line.decode().partition(" ")[0] for line in file}
    return set()


def _file(environ: Mapping[str, str]) -> str:
    home = environ.get("XDG_STATE_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".local/state")
    return os.path.join(home, _FILE)

"""Where things are that belong to a shared store: which one is meant, its mirror, and what a store remembers of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from evalprov.errors import EvalprovError, UsageError
from evalprov.fleet.bucket import checked_url, store_key
from evalprov.named import NamedTuple
from evalprov.settings.trust import may_send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.settings import Settings

VARIABLE = "EVALPROV_REMOTE"
MEMORY = "remote"  # a folder of the store
_NAME_IT = "name it: evalprov push s3://BUCKET/FOLDER; or in evalprov.toml: [remote] url = ..."


class Remote(NamedTuple):
    """A shared store that is meant."""

    url: str
    said_by: Literal["command line", "environment", "settings"]

    @property
    def key(self) -> str:
        """What stands for it in a file's name."""
        return store_key(self.url)


def remote_of(given: str | None, settings: Settings, environ: Mapping[str, str]) -> Remote:
    """Return the store that is meant: that of the command line, of the user's environment, or of the settings."""
    if given:
        return Remote(checked_url(given), "command line")
    if url := environ.get(VARIABLE):
        return Remote(checked_url(url), "environment")
    if url := settings.declared.get("remote", {}).get("url"):
        return Remote(checked_url(url), "settings")
    raise UsageError("which shared store?", _NAME_IT)


def must_be_trusted(remote: Remote, settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse to send anything where a settings file says, unless its user said that it may: it may be a stranger's."""
    if remote.said_by == "settings" and not may_send(settings, environ):
        raise EvalprovError(
            f"{settings.path} is not trusted to say where records are sent ({remote.url})",
            f"if that is where yours belong: evalprov trust; or name it yourself: evalprov push {remote.url}",
        )


def pushes_after_run(settings: Settings, environ: Mapping[str, str]) -> Remote | None:
    """Return where a run is to be sent when it has ended; null where nobody who may has asked for that."""
    if settings.declared.get("remote", {}).get("push") != "after-run":
        return None
    try:
        remote = remote_of(None, settings, environ)
        must_be_trusted(remote, settings, environ)
    except EvalprovError:
        return None
    return remote


def mirrors() -> str:
    """Return the folder of all mirrors, in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "evalprov", "remotes")

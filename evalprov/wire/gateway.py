"""The proxy that the user's own environment names, and the hosts that it is not for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Gateway(NamedTuple):
    """The user's own proxy."""

    host: str
    port: int
    credentials: str | None  # as its header has them


def set_one(environ: Mapping[str, str], *names: str) -> str:
    """Return the first variable of these that is set, in lower case or upper."""
    spelled = (spelling for name in names for spelling in (name.lower(), name.upper()))
    return next((value for name in spelled if (value := environ.get(name, "").strip())), "")


def _named(environ: Mapping[str, str]) -> str:
    return set_one(environ, "https_proxy", "all_proxy")


def refused(environ: Mapping[str, str]) -> str | None:
    """Say why calls cannot be recorded behind the user's own proxy; null where they can."""
    given = _named(environ)
    scheme = given.partition("://")[0].lower() if "://" in given else "http"
    return (
        None if scheme == "http" else f"the proxy that HTTPS_PROXY names is one for {scheme}, which is not spoken here"
    )


def gateway(environ: Mapping[str, str]) -> Gateway | None:
    """Return the user's proxy; null where there is none."""
    given = _named(environ)
    if not given or refused(environ):
        return None
    import base64
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(given if "://" in given else f"http://{given}")
    credentials = None
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = base64.b64encode(pair.encode()).decode()
    return Gateway(parts.hostname or "", parts.port or 80, credentials)


def excepted(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts that are reached without it."""
    return tuple(word.strip().lower() for word in set_one(environ, "no_proxy").split(",") if word.strip())

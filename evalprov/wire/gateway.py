"""The proxy that the user's own environment names, and the hosts that it is not for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


_SPOKEN = ("http", "socks5", "socks5h")


class Gateway(NamedTuple):
    """The user's own proxy."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    socks: bool = False  # it speaks SOCKS5; else HTTP
    asks_names: bool = True  # it looks names up itself; else we do

    @property
    def credentials(self) -> str | None:
        """Who we are, as the header of an HTTP proxy has it."""
        if not self.user:
            return None
        import base64

        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def set_one(environ: Mapping[str, str], *names: str) -> str:
    """Return the first variable of these that is set, in lower case or upper."""
    spelled = (spelling for name in names for spelling in (name.lower(), name.upper()))
    return next((value for name in spelled if (value := environ.get(name, "").strip())), "")


def _named(environ: Mapping[str, str]) -> str:
    return set_one(environ, "https_proxy", "all_proxy")


def refused(environ: Mapping[str, str]) -> str | None:
    """Say why calls cannot be recorded behind the user's own proxy; null where they can."""
    scheme = _scheme(_named(environ))
    if scheme in _SPOKEN:
        return None
    return f"the proxy that HTTPS_PROXY or ALL_PROXY names is one for {scheme}, which is not spoken here"


def _scheme(given: str) -> str:
    return given.partition("://")[0].lower() if "://" in given else "http"


def gateway(environ: Mapping[str, str]) -> Gateway | None:
    """Return the user's proxy; null where there is none."""
    given = _named(environ)
    if not given or refused(environ):
        return None
    from urllib.parse import unquote, urlsplit

    scheme = _scheme(given)
    parts = urlsplit(given if "://" in given else f"http://{given}")
    socks = scheme != "http"
    return Gateway(
        *(parts.hostname or "", parts.port or (1080 if socks else 80)),
        *(unquote(parts.username or ""), unquote(parts.password or "")),
        *(socks, scheme != "socks5"),
    )


def excepted(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts that are reached without it."""
    return tuple(word.strip().lower() for word in set_one(environ, "no_proxy").split(",") if word.strip())

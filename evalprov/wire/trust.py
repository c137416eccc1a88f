"""Whom the command trusts: everybody it trusted before, and the authority of this run."""

from __future__ import annotations

import os
from _ssl import get_default_verify_paths  # all that ssl adds to it takes a fifth of a proxy's start
from typing import TYPE_CHECKING

from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Each names a file that takes the place of the usual roots; where the user has none, ours has the usual ones in it.
REPLACING = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "DENO_CERT")
ADDING = "NODE_EXTRA_CA_CERTS"  # a file that stands beside the usual roots
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def bundles(folder: str, certificate: str, environ: Mapping[str, str], prefixes: Iterable[str]) -> dict[str, str]:
    """Write files of roots into a folder; return the variables that name them."""
    ours = certificate.encode()
    files: dict[bytes, str] = {}
    usual: bytes | None = None
    named: dict[str, str] = {}
    for name in (*REPLACING, ADDING):
        given = _read(environ.get(name, ""))
        if given is None and name != ADDING:
            usual = _usual(prefixes) if usual is None else usual
            given = usual
        content = (given or b"") + ours
        if content not in files:
            path = os.path.join(folder, f"roots-{len(files)}.pem")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            files[content] = path
        named[name] = files[content]
    return named


def _usual(prefixes: Iterable[str]) -> bytes:
    """Return the roots of the system and those that the command's own Python brings: a library may know either."""
    variable, default, *_ = get_default_verify_paths()
    places = (os.environ.get(variable, default), *_PLACES)
    system = next((text for path in places if (text := _read(path))), b"")
    brought = [path for prefix in prefixes for path in _brought(os.path.join(prefix, "lib"))]
    texts = [system, *(_read(path) or b"" for path in brought[:1])]
    seen: set[bytes] = set()
    parts: list[bytes] = []
    for block in (block for text in texts for block in text.split(_BEGIN)[1:]):
        body = block.partition(b"-----END")[0]
        if body not in seen:
            seen.add(body)
            parts.append(_BEGIN + body + b"-----END CERTIFICATE-----\n")
    return b"".join(parts)


def _brought(folder: str) -> list[str]:
    """Return where the Pythons of a folder have the roots that come as a package."""
    try:
        pythons = [name for name in sorted(os.listdir(folder)) if name.startswith("python3")]
    except OSError:
        return []
    paths = [os.path.join(folder, name, "site-packages/certifi/cacert.pem") for name in pythons]
    return [path for path in paths if os.path.isfile(path)]


def _read(path: str) -> bytes | None:
    """Return a file's certificates; those of a folder of them together; null where there are none."""
    try:
        if os.path.isdir(path):
            files = [os.path.join(path, name) for name in sorted(os.listdir(path)) if not name.startswith(".")]
        else:
            files = [path] if path else []
        texts = []
        for name in files:
            with reading(name) as file:
                texts.append(file.read(1 << 24))
    except OSError:
        return None
    whole = b"".join(text.rstrip() + b"\n" for text in texts if _BEGIN in text)
    return whole or None

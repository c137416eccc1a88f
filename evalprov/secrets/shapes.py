"""Secrets known by their shape alone, and passwords in URLs."""

from __future__ import annotations

import re
from functools import cache

from evalprov.secrets.values import is_reference

Spans = list[tuple[int, int]]

# A word may begin after an escape (\n, \u0022, %20) or a colour code, whose last character would pass for one of it.
_ESCAPES = (
    rb"\\[nrtbf]", rb"%[0-9A-Fa-f]{2}", rb"\\u[0-9A-Fa-f]{4}", rb"\\x[0-9A-Fa-f]{2}",
    rb"\x1b\[m", rb"\x1b\[[0-9]m", rb"\x1b\[[0-9]{2}m", rb"\x1b\[[0-9];[0-9]{2}m",
)  # fmt: skip


def begin(literal: bytes, word: bytes = rb"[A-Za-z0-9]") -> bytes:
    """Return a pattern for a literal at the beginning of a word; it comes first so that it is searched fast."""
    after = b"|".join(b"(?<=" + escape + literal + b")" for escape in _ESCAPES)
    return literal + b"(?:(?<!" + word + literal + b")|" + after + b")"


# The bytes a kind of secret cannot be without (looked for first, which is fast), and the whole of it; its group 1,
# where there is one, is the secret. A pattern that begins with plain letters is as fast as the bytes would be.
SHAPES: tuple[tuple[bytes, bytes], ...] = (
    (
        b"sk-",
        begin(b"sk-")
        + rb"(?:(?:ant|proj|svcacct|admin|or-v1)-[\w-]{10,}"
        + rb"|(?:[a-z0-9]{1,12}-){0,3}(?:(?=[A-Za-z_]{0,60}[0-9])(?=[0-9_]{0,60}[A-Za-z])[A-Za-z0-9_]{12,}"
        + rb"|[A-Za-z0-9]{32,})[\w-]*)",
    ),
    (b"", rb"gh[pousr]_[A-Za-z0-9]{16,}"),
    (b"github_pat_", rb"github_pat_[A-Za-z0-9_]{16,}"),
    (b"glpat-", rb"glpat-[\w-]{16,}"),
    (b"AKIA", begin(b"AKIA") + rb"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (b"ASIA", begin(b"ASIA") + rb"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (b"hf_", begin(b"hf_") + rb"(?:(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{16,}|[a-z]{30,})"),
    (b"xox", rb"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    (b"hooks.slack.com/", rb"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/+-]{8,})"),
    (b"AIza", begin(b"AIza") + rb"[\w-]{35}(?![\w-])"),
    (b"ya29.", rb"ya29\.[\w-]{16,}"),
    (b"k_live_", begin(b"[sr]k_live_") + rb"[A-Za-z0-9]{10,}"),
    (b"k_test_", begin(b"[sr]k_test_") + rb"[A-Za-z0-9]{10,}"),
    (b"SG.", rb"SG\.[\w-]{16,}\.[\w-]{16,}"),
    (b"npm_", begin(b"npm_") + rb"[A-Za-z0-9]{30,}"),
    (b"pypi-AgE", rb"pypi-AgE[\w-]{16,}"),
    # The left side may not be of the same alphabet: otherwise a long run of eyJ-eyJ- is tried from every one.
    (b"eyJ", begin(b"eyJ", rb"[\w-]") + rb"[\w-]{5,}+(?:\.[\w-]{5,}+){2,4}"),
    (b"earer ", rb"[Bb]earer[ ]+((?=[A-Za-z._~+/-]*[0-9])[\w.~+/-]{16,}=*)"),
    # A private key in base64, as a kubeconfig or a Kubernetes secret has it.
    (
        b"LS0tLS1CRUdJTiB",
        rb"LS0tLS1CRUdJTiB(?:QUklWQVRF|SU0EgUFJJVkFURSB|FQyBQUklWQVRF|PUEVOU1NI|FTkNSWVBURUQg)[A-Za-z0-9+/=]{16,}",
    ),
)
_TOKEN_PREFIX = rb"(?:gh[pousr]_|github_pat_|glpat-|hf_|sk[-_]|rk_|xox[abeoprs]-|npm_|pypi-|AKIA|ASIA|AIza|eyJ)"


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


@cache
def _url() -> re.Pattern[bytes]:
    # First as the standard has it; then a password with a bare slash in it, which is no port and no path.
    user = rb":(?:\\?/){2}([^\s/?#\"'<>@:\\\[\]]{0,256}|\[secret\])"
    return re.compile(
        user + rb"(?::([^\s/?#\"'<>\\]{0,8192}))?@"
        rb"|" + user + rb":((?![0-9]{1,5}(?:[/?#\s]|$))[^\s\"'<>@]{1,512})@"
    )


@cache
def _lone_token() -> re.Pattern[bytes]:
    return re.compile(_TOKEN_PREFIX + rb"[\w.-]+|(?=[A-Za-z_-]*[0-9])[\w-]{20,}")


def find_shapes(text: bytes, spans: Spans) -> None:
    """Add where secrets of a known shape stand."""
    for anchor, pattern in SHAPES:
        if anchor in text:
            spans.extend(found.span(found.lastindex or 0) for found in _compiled(pattern).finditer(text))
    if b"@" in text and (b"://" in text or rb":\/\/" in text):
        for found in _url().finditer(text):
            spans.extend(_in_url(found))


def _in_url(found: re.Match[bytes]) -> Spans:
    """Return the secret part of a URL's user information: the password, and a token in the user's place."""
    user, password = (1, 2) if found[1] is not None else (3, 4)
    secret: Spans = []
    if found[password] and not is_reference(found[password]):
        secret.append(found.span(password))
    stands_in = not found[password] or found[password] == b"x-oauth-basic"
    token = _lone_token().fullmatch(found[user])
    if token and (stands_in or _compiled(_TOKEN_PREFIX).match(found[user])):
        secret.append(found.span(user))
    return secret


def url_passwords(value: bytes) -> list[bytes]:
    """Return the secrets of the URLs in a value."""
    if b"@" not in value or b"://" not in value:
        return []
    return [value[start:end] for found in _url().finditer(value) for start, end in _in_url(found)]

"""Which values are no secrets though they stand at a secret's name, and which look issued by a machine."""

from __future__ import annotations

import re
from functools import cache

PLACEHOLDER = "[secret]"
MARK = PLACEHOLDER.encode()

_PLAIN = frozenset(b"true false yes no on off none null nil undefined".split())
# An environment value like these says that there is no secret; blinding the word everywhere would only do harm.
_NO_VALUE = _PLAIN | frozenset(
    b"""0 1 anonymous auto basic bearer changeme default digest disabled dummy empty enabled fake inherit n/a na
    no-key not-needed oauth oauth2 optional placeholder required test unset unused xxx xxxx y n""".split()
)
_TYPES = frozenset(b"str string bytes int float bool any object Optional SecretStr Any String Secret".split())


@cache
def _reference() -> re.Pattern[bytes]:
    return re.compile(
        rb"""(?:(?:[Bb]earer|[Bb]asic|[Tt]oken|[Aa]pi-?[Kk]ey)[ ]+)?
        (?: \$\{[\w.:]{1,200}\} | \$\([^)]{0,200}\) | \$[A-Z_][A-Z0-9_]* | %[A-Za-z_]\w*%
          | \$?\{\{.{0,200}\}\} | \{\w{0,200}\}
          | (?:env|ENV|vault|op|ssm|keyring|file):[\w./:@-]{1,200} | <[\w .:-]{1,200}>
          | (?:os\.(?:environ|getenv)|process\.env|System\.getenv|ENV|getenv)\b[\w.\[\]()'",\ -]{0,200} )""",
        re.VERBOSE,
    )


def is_reference(value: bytes) -> bool:
    """Say whether a value only says where the secret is: ${OPENAI_API_KEY}, env:TOKEN, os.environ["X"]."""
    return _reference().fullmatch(value) is not None


def starts_reference(text: bytes, at: int) -> bool:
    """Say whether a reference stands in the text at this place."""
    found = _reference().match(text, at)
    return found is not None and not text[found.end() : found.end() + 1].isalnum()


def is_plain(value: bytes) -> bool:
    """Say whether a value is a word for yes, no or nothing."""
    return value.lower() in _PLAIN


def is_type(value: bytes) -> bool:
    """Say whether a value is the name of a type, as in `api_key: str`."""
    return value in _TYPES


def is_no_value(value: str) -> bool:
    """Say whether an environment variable of a secret's name obviously holds none."""
    return value.lower().encode("utf-8", "replace") in _NO_VALUE


@cache
def _issued() -> re.Pattern[bytes]:
    return re.compile(
        rb"(?!(?:[0-9a-fA-F]{8}-)?[0-9a-fA-F-]{12,}\Z)[\w+=~-]{0,64}?"
        rb"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{12,}[\w+=~-]*"
    )


def looks_issued(value: bytes) -> bool:
    """Say whether a value looks made by a machine for one holder: long, letters and digits mixed, no hex id."""
    return len(value) >= 16 and _issued().fullmatch(value) is not None


@cache
def _path() -> re.Pattern[bytes]:
    return re.compile(
        rb"(?:~|\.{1,2})?/[\w.@ -]+(?:/[\w.@ -]+)*|[\w./@ -]+\.(?:json|pem|key|txt|ya?ml|env|p12|pfx|crt|cer|jks)"
    )


def is_path(value: bytes) -> bool:
    """Say whether a value reads as the path of a file."""
    return _path().fullmatch(value) is not None

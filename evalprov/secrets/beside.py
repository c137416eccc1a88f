"""Which parts of a JSON object are secrets by what stands beside them: `{"name": "API_KEY", "value": ...}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.secrets.names import SURE, judge
from evalprov.secrets.values import looks_chosen, looks_issued

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VALUED = ("value", "val", "text", "content", "default", "example", "v", "s")
_USERS = frozenset({"user", "username", "login", "email"})
_RECORD = 8  # so many things a record of name and value may tell of itself


def blind_in(value: Mapping[Any, Any], is_variable: Callable[[str], bool]) -> tuple[set[str], str]:
    """Return which things of a mapping are secrets by what stands beside them, and as what they are judged."""
    blind: set[str] = set()
    kind = ""
    for name, item in value.items():
        if not isinstance(item, str) or not isinstance(name, str):
            continue
        # Kubernetes, compose, CloudFormation: {"name": "OPENAI_API_KEY", "value": ...}
        if len(value) < _RECORD and (is_variable(item) or judge(item) == SURE):
            blind |= {other for other in value if isinstance(other, str) and other.lower().endswith(VALUED[:-1])}
            kind = (kind or "key") if item.lower() in {"token", "key", "secret"} else "secret"
            blind |= {other for other, said in value.items() if other != name and _looks_chosen(said)}
        elif name.lower() == "keyname":
            blind = {"value"}
        elif name == "kty":  # a key by itself: its secret parts have names of a letter or two
            blind = {"k", "d", "p", "q", "dp", "dq", "qi"}
        elif name in {"pass", "pw", "pwd"} and not _USERS.isdisjoint(value):
            blind = {name}
        elif name == "signature_scheme":  # how a kernel is spoken to
            blind = {"key"}
        elif name == "root_token":  # of a vault that was just made
            blind = {"keys", "keys_base64"}
        elif name == "key" and "username" in value and looks_issued(item.encode(), hex_too=True):
            blind = {"key"}
    return blind, kind or "secret"


def _looks_chosen(said: Any) -> bool:
    """Say whether a text can hardly be anything but a password."""
    return isinstance(said, str) and looks_chosen(said.encode("utf-8", "replace"), strict=True, mixed=True)

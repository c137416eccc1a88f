"""Whether a value that stands at a secret's name is a secret."""

from __future__ import annotations

from evalprov.secrets.names import CHOSEN, LIKELY, NO, NUMBER, SURE, judge, may_name_a_file
from evalprov.secrets.values import (
    compiled,
    is_address,
    is_masked,
    is_path,
    is_place,
    is_plain,
    is_prose,
    is_reference,
    is_signs,
    looks_chosen,
    looks_issued,
    looks_random,
)

# As a cluster has them.
NAME_OF_ONE = rb"[a-z]+(?:-[a-z]+){0,4}-(?:keys?|secrets?|tokens?|passwords?|creds|credentials|tls)"
NAME_OF_ONE += rb"(?:-?[a-z]+)?(?:-?v?[0-9]{1,2})?"
_HYPHENED = rb"[a-z]{3,}(?:-[a-z]{3,}){1,4}"
_PATTERN = rb"[(^]{0,2}(?:[.][*+]|\[\^|\\[SwdW][*+)])"
_CONSTANT = rb"[A-Z]+(?:_[A-Z]+)+(?:_V?[0-9]{1,2})?|#[0-9a-fA-F]{3,8}"
# As a tokenizer, a parser has it.
_PIECE_OF_TEXT = r"(?:[A-Z][a-z]{0,6}|(?:[▁Ġ]|##).{0,24}|[BIES]-[A-Z]{2,8}|[A-Z][A-Za-z]+(?:\.|::)[A-Z]\w+)".encode()
_VERSION = rb"v[0-9]{1,2}(?:\.[0-9]{1,3})*|[0-9]+(?:\.[0-9]+)+"
_SHARE = rb"[0-9]{1,3}/[0-9]{1,3}|[0-9.]{1,6}%"  # strength of password: 3/4
_LOCAL = frozenset({b"ollama", b"lm-studio", b"local", b"vllm", b"llama.cpp"})  # servers that look at no key
_NUMBERED = rb"(?:run|job|task|step|epoch|fold|case|item|node|host|user|shard|stage|row|col|frame)[-_]?[0-9]{1,4}"
_BEGINNING = rb"[A-Za-z_ -]*[A-Za-z][=: ]"  # of what is put together: "Basic ", "--user="
_METHOD = rb"[A-Za-z]{2,12}(?:[-_., ]+[A-Za-z]{2,12})*"
_SAID_BY = rb"(?:auth|credentials?|creds?|cookies?|bearer)\Z"
_SEVERAL = rb"(?:cookies|creds|credentials|secrets|tokens|keys)\Z"


def is_secret_value(value: bytes, name: str, rank: int) -> bool:  # noqa: C901, PLR0911, PLR0912 - one line a case
    """Say whether a value at a name of this rank is a secret and no reference, no yes or no, no path."""
    if not value.strip() or is_reference(value) or is_plain(value) or is_address(value) or is_place(value):
        return False
    if compiled(_VERSION).fullmatch(value) and not compiled(rb"pass|pw").search(name.lower().encode()):
        return False
    if compiled(_SHARE).fullmatch(value):
        return False
    if value.isdigit() and len(value) < 7 and compiled(_SEVERAL).search(name.lower().encode()):
        return False
    if compiled(_METHOD).fullmatch(value) and compiled(_SAID_BY).search(name.lower().encode()):
        return False  # auth: kerberos
    if compiled(_BEGINNING).fullmatch(value) or is_prose(value):
        return False
    if name.lower().endswith("key") and (value in _LOCAL or compiled(_NUMBERED).fullmatch(value)):
        return False
    if value[:1] == b"*" == value[-1:] and judge(value.decode("latin-1").strip("*")) != NO:
        return False  # a pattern: *token*
    if value[:1] in b"[(^.\\" and compiled(_PATTERN).match(value):
        return False
    if (
        len(value) == len(name)
        and (name.lower().endswith(("token", "key", "secret")) or b"_" in value)
        and value.lower() == name.lower().encode()
    ):
        return False  # API_KEY = "api_key"
    if name.lower() == "accesskey" and len(value) < 3:
        return False  # of a page's keyboard
    if (
        (value.isupper() or value[:1] == b"#")
        and name.lower().endswith(("token", "key"))
        and compiled(_CONSTANT).fullmatch(value)
    ):
        return False
    if is_signs(value) or (name.lower() == "token" and compiled(_PIECE_OF_TEXT).fullmatch(value)):
        return False
    if name.lower().endswith(("secret", "secrets")) and compiled(NAME_OF_ONE).fullmatch(value):
        return False  # passwordSecret: my-secret-name
    if rank != SURE and name.lower().endswith("key") and compiled(_HYPHENED).fullmatch(value):
        return False  # encryption key: customer-managed
    if rank == SURE:
        return not is_masked(value) and not (is_path(value) and (name.lower() == "key" or may_name_a_file(name)))
    if rank == CHOSEN:
        return looks_chosen(value)
    if rank == NUMBER:
        return compiled(rb"[0-9]{4,8}").fullmatch(value) is not None or looks_issued(value)
    return rank != NO and (looks_issued(value, hex_too=rank == LIKELY) or looks_random(value))

"""What stands at a secret's name and is none: an expression of a program, or the beginning of a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.names import NO, is_secret_name, judge, words
from evalprov.secrets.values import compiled, is_type

if TYPE_CHECKING:
    import re

# What a sentence or a schema begins with after a colon: `password: must be`, `Password: min_length 8`.
_SAID_FIRST = frozenset(
    b"""a all always an any as ask at avoid command parameter readonly unbound be bearer cannot change
    check choose contains create default do enter
    field forgot forgotten generate has how if in is it keep leave length letters mandatory max max_length may min
    min_length minimum minlength must needs never new no not of one only or please pick please read reset see select
    send should show some something string text that the this three to two type until use used uses using varchar was
    what when where which will with words write you your mindestens nie bitte muss au doit debe vergessen""".split()
)
_AFTER_KEYWORD = (
    rb"(?:raise|throw|assert|await|new|yield|async|typeof|func|function|lambda|self|this|return|not)[ \t]+[\w(\[{$]"
)
_WITH_ARTICLE = rb"(?:An?|The|the)[ ][a-z]+[ ][a-z]+|is[ ][a-z]+[ ][a-z]+[ ]"
_SENTENCE = rb"[A-Z]?[a-z]+:?(?:[ ][a-z]+){2}[ .,]|[a-z]+[ ][a-z]+,[ ][a-z]+[ ][a-z]"
WHOLE_LINE = ("password", "passwd", "passphrase", "pwd")
_DOTTED = rb"[A-Za-z_]+(?:\.[A-Za-z_]+)+"
# As a plan of what to set up has it: random_password.db2.result
_OF_RESOURCES = rb"(?=[a-z.]*_)[a-z]+(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9_]*){2,}(?:\[[\w\"']+\])?"
_IDENTIFIER = rb"[A-Za-z_][\w.]*"
_GENERIC = rb"[A-Z]\w*<[\w.:<>\[\], |]{1,80}>"
_CALL = _IDENTIFIER + rb"(?:(?:::|->|\?\.|!\.)\w[\w.]*)*" + rb"[(\[](?:[ \t]*(?:\n|\Z)|[^\n]{0,400}?[)\]])"
# !a.b, !(a, a || b, a: B | None, a call that goes on in the next line.
_EXPRESSION = (
    rb"\$[A-Za-z_]\w*->|!\(?[A-Za-z_]\w*\.|[A-Za-z_][\w.\[\]]*[ ](?:\|\||&&|\?\?|\|)[ ]|"
    + _IDENTIFIER
    + rb"\([^()\n]{0,200},[ \t]*(?:\n|\Z)"
)
_ANNOTATED = rb"[A-Z][a-z]\w*[ ]=[ ][A-Za-z_]"  # token: Token = first


def is_code(text: bytes, bare: re.Match[bytes], name: str) -> bool:  # noqa: PLR0911 - one line a case
    """Say whether an unquoted value is an expression: a call, an attribute, a type, a variable of the same name."""
    value = bare[0]
    if compiled(_AFTER_KEYWORD).match(text, bare.start()) or compiled(_GENERIC).match(text, bare.start()):
        return True
    if compiled(_ANNOTATED).match(text, bare.start()):
        return True
    if (value[:1] in b"!$" or b"(" in value or text[bare.end() : bare.end() + 1] == b" ") and (
        compiled(_EXPRESSION).match(text, bare.start())
    ):
        return True
    if compiled(_CALL).match(text, bare.start()) or compiled(_OF_RESOURCES).fullmatch(value):
        return True
    if is_type(value) or compiled(_DOTTED).fullmatch(value.rstrip(b"0123456789")):
        if value[-1:].isdigit() and judge(value.rpartition(b".")[2].decode("latin-1")) == NO:  # noqa: SIM103
            return False
        return True
    if compiled(rb"\$[a-z_]\w*").fullmatch(value):
        return text[bare.end() : bare.end() + 1] in {b",", b";", b")"}
    if not compiled(_IDENTIFIER).fullmatch(value):
        return False
    if name.startswith(("self.", "this.")):
        return True  # self.token = inline
    if b"_" in value and set(words(value.decode().rstrip("0123456789"))) < set(words(name)):
        return True  # secret_access_key = secret_key
    same = value.decode().lower().rpartition(".")[2]
    own = name.lower().replace("-", "_").rpartition(".")[2].strip("_")
    return same == own or (same.endswith("_" + own) and is_secret_name(same))


def begins_a_sentence(text: bytes, at: int, bare: re.Match[bytes], name: str) -> bool:
    """Say whether words follow that no value is among: `Passwords: use a manager`, `auth: type=basic n=3`."""
    if compiled(_WITH_ARTICLE).match(text, bare.start()):
        return True
    if text[at - 1 : at] != b" " or text[max(0, at - 8) : at].rstrip()[-1:] != b":":
        return False
    if compiled(rb"(?:type|mode|method|kind|scheme|enabled|required|scopes?)=\w+|line [0-9]+:[ ]").match(
        text, bare.start()
    ):
        return True
    if compiled(rb"[0-9]{1,4}(?:-[0-9]{1,4}|[a-z]{1,2})?[ ][a-z]{3,}").match(text, bare.start()):
        return True  # password: 12 nulls
    if not name.lower().endswith(WHOLE_LINE) and compiled(_SENTENCE).match(text, bare.start()):
        return True  # signing-key: Add key from the builder
    return text[bare.end() : bare.end() + 1] == b" " and bare[0].lower() in _SAID_FIRST

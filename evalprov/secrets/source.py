"""Source code that speaks of secrets: `auth_token = token`, `password: str | None`, `apiKey = process.env.KEY`.

In a language whose strings stand in quotes, what is not quoted is a name, a type or an expression. It is a secret only
if it looks like one by itself, as in a comment with a password: a comment and a program's line are read alike, because
of a patch's piece nobody can tell what it is in the middle of. What is quoted is judged as ever, save what only a
program says: another secret's name, a pattern, a text with places to fill.
"""

from __future__ import annotations

from evalprov.secrets.names import NO, judge, may_hold_a_secret
from evalprov.secrets.values import compiled, is_masked, looks_chosen

_LANGUAGES = frozenset(
    b"""c cc cjs cpp cs cts cu cuh cxx dart ex exs go groovy h hh hpp hxx ipynb java jl js jsx kt kts lua m mjs mm mts
    php pl pm proto py pyi pyx r rb rs scala sc swift ts tsx zig""".split()
)
# Behind a name and its colon: a type, up to what is set: `: Annotated[str, X] = "`, `?: string | null = "`.
TYPED = rb"[ \t]*[\w.\[\], |?<>&'*]{1,160}[ \t]=[ \t]*(?=[rbufRBUF]{0,2}[\"'`])"
_NUMBER = rb"[0-9]{6,}"
_PLAIN = rb"[\w.*+!#$%^&@?~/-]{6,256}={0,2}"  # no sign of an expression: a[0, f(x, a==b
_OPERATOR = rb"&&|\?\.|\*\*|\$\{"
_IDENTIFIER = rb"[A-Za-z_$][\w$]*"
_EXPRESSION = rb"[A-Za-z_$][\w$]*(?:[.][\w$]+)+|[0-9]*\*[a-z-]+"
_OF_SEVERAL_WORDS = rb"[a-z]{2,}[0-9]{0,3}_[a-z]|[a-z][A-Z][a-z]|[A-Z0-9]+_[A-Z]|\$"
_FILLED = rb"[$#]?\{[^{}]{0,200}\}?|\$\([^()]{0,200}\)|%\(\w+\)[sdr]|%[-0-9.]{0,8}[sdrvqf]"
_PATTERN = rb"\[[^\]]{0,80}(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9])|\\[dwsxSDW][0-9\\+*{\])]|\(\?[P:<=!]"
_SAID = (
    rb"_+[a-z]+(?:_[a-z]+)*_*|urn:[\w.:-]+|[A-Z][a-z]*(?:[ ][A-Za-z'`-]+){2,}[.!?:]"
    rb"|[xX](?:-[A-Za-z]+)+|[\w.\[\], \"']{2,80}(?:[ ]?\|[ ]?[\w.\[\], \"']{2,80})+"
    rb"|(?=.*(?i:password|token|credential|cookie|api key))[A-Z][A-Za-z]*(?:[ ][A-Za-z,-]+)+"
)
_CLASS = rb"_?[A-Z][A-Za-z]+(?:Key|Token|Credentials?|Secret|Password)"
_USERS = {b"user", b"username", b"login", b"name"}
_PASSWORDS = {b"pass", b"password", b"passwd", b"pwd"}


def is_source(path: bytes) -> bool:
    """Say whether a file of this name is source code in which a text stands in quotes."""
    name, dot, ending = path.rpartition(b".")
    return dot == b"." and name[-1:] not in {b"", b"/"} and ending.lower() in _LANGUAGES


def counts_in_source(value: bytes, name: str, *, in_quotes: bool) -> bool:
    """Say whether a value at a secret's name is a secret in source code, too."""
    return not _is_said(value, name) if in_quotes else _is_secret_itself(value)


def is_after_text(text: bytes, start: int) -> bool:
    """Say whether the quote before this place ends a text and begins none: `prompt="Password: ")`."""
    return text[start : start + 1] in b"),;]}:. " and text.count(text[start - 1 : start], 0, start) % 2 == 0


def is_example(user: bytes, password: bytes, *, quoted: bool) -> bool:
    """Say whether a URL's password only says where one stands: `https://user:password@host`."""
    if is_masked(password) or (user.lower() in _USERS and password == b"password"):
        return True
    return quoted and password.lower() in _PASSWORDS


def _is_secret_itself(value: bytes) -> bool:
    """Say whether something without quotes can only be a secret: `# password: Sunset42`."""
    value = value.rstrip(b".,:;")
    if compiled(_NUMBER).fullmatch(value):
        return True
    if not compiled(_PLAIN).fullmatch(value) or compiled(_OPERATOR).search(value) or not looks_chosen(value):
        return False
    if compiled(_EXPRESSION).fullmatch(value):
        return False
    return compiled(_IDENTIFIER).fullmatch(value) is None or not _is_name(value)


def _is_name(value: bytes) -> bool:
    """Say whether an identifier speaks of something: `password2`, `sha256_digest`, `defaultToConfig2`."""
    stem = value.strip(b"_$").rstrip(b"0123456789")
    if judge(stem.decode("ascii", "replace")) != NO:
        return True
    return compiled(_OF_SEVERAL_WORDS).search(stem) is not None and len(value) - len(stem) < 2


def _is_said(value: bytes, name: str) -> bool:
    """Say whether a quoted text in a program is no secret: a name of one, a pattern, a sentence."""
    text = value.decode("utf-8", "replace")
    if compiled(_SAID).fullmatch(value) or compiled(_PATTERN).search(value):
        return True
    if compiled(_FILLED).search(value):
        return not any(looks_chosen(piece) for piece in compiled(_FILLED).sub(b" ", value).split())
    if not text.replace("_", "").replace("-", "").isalpha():
        return False
    said, own = (one.lower().replace("_", "").replace("-", "") for one in (text, name))
    if compiled(_CLASS).fullmatch(value) and judge(text) != NO:
        return True  # "_SSHPrivateKey", as a type
    return (said in own and said != "secret") or (text.isupper() and "_" in text and may_hold_a_secret(text))

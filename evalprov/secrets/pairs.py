"""Secrets that stand at a key: `api_key: x`, `"password": "x"`, `--api-key x`, `Authorization: Bearer x`.

A key is told apart by its name alone (names.py); this says where a name ends and where its value does. In free text
an unquoted value ends at a blank, save that a password at the beginning of a line takes all of it, as YAML has it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from evalprov.secrets.expressions import WHOLE_LINE, begins_a_sentence, is_code
from evalprov.secrets.judged import is_secret_value
from evalprov.secrets.names import (
    CHOSEN,
    LIKELY,
    NO,
    NUMBER,
    PERHAPS,
    SURE,
    holds_many,
    judge,
)
from evalprov.secrets.source import TYPED, counts_in_source, is_after_text
from evalprov.secrets.values import (
    compiled,
    is_common,
    is_masked,
    is_prose,
    is_reference,
    starts_reference,
)

if TYPE_CHECKING:
    from evalprov.secrets.shapes import Spans

Span = tuple[int, int] | None

# What a sentence goes on with after the name of an option; a value would hardly be one of these.
_PROSE = frozenset(
    b"""a an and are argument as be but by can cannot could else flag for from has have if in instead is it may must
    not of on option or parameter requires required set should so that the then this to via was were when which will
    with without""".split()
)
# A theme, a language.
_PREFERENCES = rb"[ \t]*(?:[a-z]\w{0,24}=(?:[A-Za-z]{1,12}|[A-Za-z]{2}[-_][A-Za-z]{2}|[0-9]{1,4})(?:;[ ]*|\s*\Z))+"
_DESCRIBED = rb":(?:param|arg|keyword|raises|var|type|vartype)(?:[ ]+\w{1,32})?[ ]+\Z"
_ATTRIBUTE = rb"(?i:path|domain|samesite|expires|max-age|secure|httponly|priority)(?:=[^;]*)?(?:;[ ]*|\s*\Z)"
_ATTRIBUTES = rb"[ \t]*(?:" + _ATTRIBUTE + rb")+"
_WORD_ALONE = rb"[ ][a-z]{9,}[ \t]*(?:\r?\n|\Z)"
_PIECE_OF_WORD = "▁".encode()  # which begins one
_OF_A_TOKEN = rb"[0-9]{1,7}(?![\w.-])|[ ][a-z]+(?:[ ][a-z]+){2,}"  # its number; the first word of the line
_SIGNATURES = frozenset({"appid", "sig", "signature", "x-amz-signature", "x-goog-signature"})
# Which are names of secrets by what stands before them alone.
_ELSEWHERE = _SIGNATURES | {"code", "codes", "keys", "phrase"}
_COMMON = frozenset({"token", "secret", "auth", "cookie", "cookies", "bearer", "credentials", "key", "keys", "secrets"})
_METAVARIABLE = (
    rb"[ ]|(?:[A-Z]+_)*(?:FILE|PATH|DIR|PASS|PASSWORD|PASSWD|PASSPHRASE|TOKEN|KEY|SECRET|STRING|STR|VALUE|TEXT"
    rb"|USER|URL|NAME|ID|AUTH|CREDENTIALS?)(?![\w.+!@#$%^&*-])"
)
_FORMAT = rb"[<>^]?[0-9.,]*[a-zA-Z%]?\}"
_PHRASE = rb"[a-z]{3,20}(?:[ ][a-z]{3,20}){2,7}(?=\s*\Z)"


@cache
def names_backwards() -> re.Pattern[bytes]:
    # A name is told by its end and ends at a separator, of which a text has few: so it is searched from behind.
    nouns = [
        *("key", "keys", "apikeys", "token", "secret", "secrets", "password", "passwords"),
        *("passwd", "pwd", "pass"),
        *("passphrase", "passcode", "credential", "credentials", "cred", "creds", "auth", "authorization"),
        *("cookie", "cookies", "bearer", "dsn", "pat", "pw", "jwt", "salt", "pepper", "hmac", "fernet", "webhook"),
        *("passwort", "kennwort", "userpwd", "tok"),
        *(
            "sessionid",
            "sessid",
            "phrase",
            "seed",
            "words",
            "mnemonic",
            "otp",
            "adgangskode",
            "salasana",
            "senha",
            "wachtwoord",
            "contrasena",
            "parola",
            "haslo",
            "heslo",
            "code",
            "codes",
            "csrf",
            "xsrf",
            "totp",
            "pin",
            "pincode",
            "psk",
            "password_hash",
            "session",
            "clave",
            "mdp",
            "passe",
            "geheimnis",
            "segredo",
            "segreto",
            "secreto",
            "hemlighet",
            "hemmelighed",
            "passord",
            "losenord",
            "jelszo",
            "lozinka",
            "geslo",
            "sifre",
            "kodeord",
            "key-data",
            "key_data",
        ),
    ]
    backwards = b"|".join(noun[::-1].encode() for noun in nouns)
    return re.compile(
        rb"(?:=:?|:)[ \t]{0,32}[\"'\\\]`*]{0,8}"
        rb"((?:[0-9]{1,3}[_-]?)?(?:(?:eulav|dlo|wen|dorp|noitcudorp|ved|tset|gnigats|pukcab|46b|nialp|txetnialp|war|tnerruc|mrifnoc|xeh|46esab)[_.-])?(?:"
        + backwards
        + rb")[\w.-]{0,64}|dippa(?=[&?])|(?:gis|erutangis(?:-gmoog-x|-goog-x|-zma-x)?)(?=[&?]))"
    )


# What also is a name, of those without a word that announces a secret.
PAIRED_ALONE = rb"(?:pat|codes?|srf|otp|pin|pincode|phrase|seed|mnemonic|words|sess(?:ion)?id|appid|sig|signature)[\w.-]{0,16}[\"'\\\]`]{0,8}[ \t]{0,32}[=:]"  # noqa: E501
_LEAD = (
    rb"[>]?[ \t]*(?:&[\w-]{1,64}[ ]+)?"
    rb"(?:(?:Optional\[(?:str|SecretStr)\]|str|bytes|string|SecretStr)(?:[ ]*\|[ ]*None)?[ ]*=[ ]*"
    rb"|&?[\w<>'?]{1,24}[ ]?=[ ](?=[\"']))?"
)
_QUOTE = rb"[rbufRBUF]{0,2}(\\*)(\"\"\"|'''|[\"'`])"
_SCHEME = rb"(?:[Bb]earer|[Bb]asic|[Tt]oken|[Aa]pi-?[Kk]ey|[Nn]egotiate|BEARER|BASIC)[ \t]+"
# A header of several parts, or of a scheme nobody has heard of and one word.
_SIGNED = (
    rb"(?:Digest|AWS4-HMAC-SHA256|OAuth)[ \t][^\"'\r\n]+"
    rb"|[A-Za-z][\w-]{0,30}[ \t]+(?!-)[^\s\"']+(?=[ \t]*(?:[\"'\r\n]|\Z))"
)
_BARE = (
    rb"(?:[^\s\"'`<>,;&(){}\[\]\\]"
    rb"|[,;&](?![\s\"'\\]|$|[\w .-]{1,40}=|[\w.-]{1,40}:)"
    rb"|\\(?![\"'nrt\\])"
    rb"|(?<=\w)[\"'`](?=\w)"
    rb"|(?<=[^\s=:,;])[(){}\[\]](?=\w))++"
)
_QUOTES = (b'"', b"'")
_WORDS = rb"(?!token|bearer|basic)[a-z]+[ ][a-z']+[ ][a-z]"
_BESIDE_USER = rb"(?i)\b(?:user(?:name)?|login|email)[\"']?[ ]?[:=][ ]?[^:=]{1,64}\Z"
_OF_WORDS = rb"[a-z]+(?:[_-][a-z]+)+[0-9]{0,2}|[A-Z]+(?:_[A-Z]+)+[0-9]{0,2}"
_LIST = rb"\[([^\[\]\n]{0,4096})\]"
# In a help text: what to put there, or what it does.
_DESCRIBED_OPTION = (
    rb"[ ](?:[A-Z][A-Z_0-9-]{1,24}|[a-z]{3,10})[ ]{2,}[A-Z\[(][A-Za-z]*[ :]"
    rb"|[ ]{3,}[A-Za-z][a-z]+(?:[ ][a-z]+){2}"
)
OPTION = rb"--(?<![\w-]--)([A-Za-z][\w-]{1,63})(?:[ \t]+|\\*[\"'],[ \t]*(?=\\*[\"']))(?![\s-])"
# Beside a piece of text: its probability, its place, what it is.
_LOGPROB = (
    rb"\\*[\"'],\s*\\*[\"']?(?:logprobs?|logit|prob(?:ability)?|bytes|start|end|offsets?|tag|pos|lemma|dep|ner|entity"
    rb"|label|score|rank|is_\w+)[0-9]?\\*[\"']?[ ]?[:=]"
)


def find_pairs(text: bytes, lower: bytes, spans: Spans, *, quoted: bool = False) -> None:
    """Add where values stand at the names of secrets; `quoted` where only what stands in quotes is a text."""
    length = len(text)
    done = 0
    for found in reversed(list(names_backwards().finditer(lower[::-1]))):
        start, end, at = length - found.end(), length - found.start(1), length - found.start()
        # What stands inside a secret needs no second look; many such looks would take for ever.
        if at > done and (span := _at_name(text, start, text[start:end], at, quoted=quoted)):
            spans.append(span)
            done = span[1]


def find_options(text: bytes, spans: Spans, *, quoted: bool = False) -> None:
    """Add the values of a command line's options that are secrets'."""
    for found in compiled(OPTION).finditer(text):
        if compiled(_DESCRIBED_OPTION).match(text, found.end(1)):
            continue
        option = found[1].decode()
        rank = judge(option)
        span = _value(text, found.end(), option, rank, quoted=quoted) if rank != NO else None
        if span and text[slice(*span)].lower() not in _PROSE:
            spans.append(span)


def _at_name(text: bytes, start: int, raw: bytes, at: int, *, quoted: bool) -> Span:  # noqa: C901, PLR0911, PLR0912 - one line a case
    """Return the secret that stands after the separator before `at`, if its name is one's."""
    before = text[start - 1 : start]
    if before == b"\\" and raw[:1] in {b"n", b"r", b"t"}:
        raw = raw[1:]  # the letter belongs to an escaped line break
    name = raw.decode("ascii").strip("-.")
    if text[start - 3 : at] == b"://" + raw + b":" or text[at - 1 : at + 2] == b"://":
        return None  # the user of a URL, whose password is looked for elsewhere
    if before == b":" and text[at - 1 : at] == b":" and not text[at : at + 1].isspace():
        return None  # host:port:user:password:flags
    if text.endswith(b"checksum/", 0, start) or (
        before in _QUOTES and text[at - 2 : at + 1].endswith(before, 2) and text[at - 2 : at - 1] not in _QUOTES
    ):
        return None  # of the secrets of a chart; "password:" alone
    if raw[:2] == b"--" and compiled(_METAVARIABLE).match(text, at):
        return None  # --passphrase= can be empty, --passwd=FILE
    if before == b"{" and compiled(_FORMAT).match(text, at):
        return None
    lower = name.lower()
    rank = _rank_here(text, start, name, lower) if judge(name) != NO or lower in _ELSEWHERE else NO
    if (
        rank == NO
        or before == b"^"
        or text[at : at + 1] in {b"=", b":"}
        or (before == b"{" and text[at : at + 1] == b"?")
    ):
        return None
    if rank == NUMBER:
        number = compiled(rb"[ \t]{0,8}[\"']?([0-9]{4,8})(?![\w.-])").match(text, at)
        return number.span(1) if number else None
    if before == b" " and compiled(_DESCRIBED).search(text, max(0, start - 64), start):
        return None
    typed = compiled(TYPED).match(text, at) if quoted and text[at - 1 : at] == b":" else None
    led = typed or compiled(_LEAD).match(text, at)
    value_at = led.end() if led else at
    sayable = lower.rpartition(".")[2] in _COMMON and text[at - 1 : at] == b":"
    if _is_of_text(text, start, at, lower) or (sayable and not typed and _stands_in_prose(text, at, lower)):
        return None
    if before == b"(" and compiled(rb"[a-z]{3,12}\)").match(text, at):
        return None  # pam_unix(passwd:chauthtok)
    if lower in {"cookie", "set-cookie"} and text[at - 1 : at] == b":":
        rest = compiled(rb"[^\"'\r\n\\]+").match(text, value_at)
        if rest:
            return _cookies(rest, name, quoted=quoted)
    span = _value(text, value_at, name, rank, quoted=quoted)
    if span and not quoted and text[at - 1 : at + 1] == b": " and lower.endswith(WHOLE_LINE):
        return _rest_of_line(text, start, span)
    return span


def _rank_here(text: bytes, start: int, name: str, lower: str) -> int:
    """Judge a name by what stands before it, too: a sign of a URL's, a user."""
    before = text[start - 1 : start]
    if (lower in _SIGNATURES and before in {b"?", b"&"}) or (lower == "pwd" and before == b";"):
        return SURE
    if lower == "code":
        return LIKELY if before in {b"?", b"&"} else max(judge(name), PERHAPS)  # with which a token is fetched
    rank = rank_in(text, start, name)
    if rank == PERHAPS and (before in {b"?", b"&"} or text.endswith(b"login(", 0, start)):
        return LIKELY
    if rank == CHOSEN and lower in {"pass", "pw", "pwd"}:
        beside = compiled(_BESIDE_USER).search(text, max(0, start - 80), start)
        return SURE if beside else rank
    return rank


def _is_of_text(text: bytes, start: int, at: int, lower: str) -> bool:
    """Say whether this is an entry of a vocabulary, the number of a token, or what a token is said to be."""
    if text[start - 3 : start] == _PIECE_OF_WORD or text.endswith(b"\xc4\xa0", 0, start):
        return True
    return lower == "token" and compiled(_OF_A_TOKEN).match(text, at) is not None


def _cookies(rest: re.Match[bytes], name: str, *, quoted: bool) -> Span:
    """Return all that a header says of cookies, if any of it may be a secret."""
    said = rest[0].strip()
    if (
        is_masked(said)
        or is_reference(said)
        or (b"=" not in said and is_common(said))
        or said[:1] in {b"{", b"[", b"("}
        or compiled(_ATTRIBUTES).fullmatch(said)
        or _is_preferences(said)
    ):
        return None
    pieces = re.split(rb"[=; ]+", rest[0])
    return rest.span() if not quoted or any(counts_in_source(one, name, in_quotes=False) for one in pieces) else None


def _is_preferences(cookies: bytes) -> bool:
    """Say whether cookies hold words and small numbers alone, and one more than the attributes."""
    return compiled(_PREFERENCES).fullmatch(compiled(_ATTRIBUTE).sub(b"", cookies)) is not None


def rank_in(text: bytes, start: int, name: str) -> int:
    """Judge a name with the words before it: `secret access key` is one, `first token` and `cache key` are none."""
    rank = judge(name)
    if name.lower() in {"key", "keys", "token", "code", "codes", "phrase"} and text[start - 1 : start] == b" ":
        before = compiled(rb"(?:[A-Za-z0-9-]{1,20}[ ]){1,3}\Z").search(text, max(0, start - 48), start)
        if before:
            phrase = judge(before[0].decode().replace(" ", "_").lower() + name.lower())
            if phrase == PERHAPS and rank == SURE and text[start + len(name) :][:2] == b": ":
                return CHOSEN  # a design token, an ERC20 token
            return phrase if phrase in {SURE, NO} or rank == NO else rank
    return rank


def _stands_in_prose(text: bytes, at: int, name: str) -> bool:
    """Say whether a word or a number stands here as prose has it (`token: the`), or the name is part of an address."""
    if text[at : at + 1] != b" " and compiled(rb"\barn:[\w:-]*\Z").search(text, max(0, at - 200), at):
        return True
    if (
        name == "token"
        and compiled(_WORD_ALONE).match(text, at)
        and compiled(rb"[ \t]*\Z").match(_line_before(text, at))
    ):
        return False  # a setting
    found = compiled(rb"[ \t]*([\"']?)([^\s\"',}]+)").match(text, at)
    return found is not None and (not found[1] or name == "token") and is_common(found[2])


def _line_before(text: bytes, at: int) -> bytes:
    """Return what stands before the name in its line."""
    line = text[text.rfind(b"\n", 0, at) + 1 : at]
    return line[: line.rfind(b"token")]


def _rest_of_line(text: bytes, start: int, span: tuple[int, int]) -> tuple[int, int]:
    """Return the span up to the end of the line where the key begins it: a plain YAML value may have blanks."""
    if phrase := compiled(_PHRASE).match(text, span[0]):
        return span if is_prose(phrase[0]) else phrase.span()
    line = text.rfind(b"\n", 0, start) + 1
    if (
        start - line > 64
        or text[span[0] - 1 : span[0]] not in b" \t"
        or not compiled(rb"[-+]?[ \t]*(?:-[ \t]+)?\Z").match(text[line:start])
    ):
        return span
    rest = compiled(rb"[^\r\n#,\"'{}]*[^\s#,\"'{}]").match(text, span[1])
    return (span[0], rest.end()) if rest else span


_JUDGED = 1 << 10  # of a value, which is a secret's as a whole or not at all; many names may begin in one


def _value(text: bytes, at: int, name: str, rank: int, *, quoted: bool) -> Span:  # noqa: C901, PLR0911, PLR0912 - one line a case
    """Return where the value that begins here stands, if it is a secret."""
    quote = compiled(_QUOTE).match(text, at)
    if quote:
        start, end = quote.end(), _closing(text, quote.end(), quote[1], quote[2])
        if name.lower() == "token" and compiled(_LOGPROB).match(text, end):
            return None  # a piece of text with its probability
    elif (items := compiled(_LIST).match(text, at)) and holds_many(name):
        if b"{" in items[1] or all(map(_names_one, items[1].split(b","))):
            return None
        return items.span(1) if not quoted or compiled(rb"[\"'`]").search(items[1]) else None
    else:
        start = end = at
    if scheme := compiled(_SCHEME).match(text, start):
        start = scheme.end()
    elif not quote and name.lower().endswith("authorization") and (signed := _signed(text, start)):
        if compiled(_WORDS).match(text, start):
            return None  # Authorization: headers are not sent on
        last = text[slice(*signed)].rpartition(b" ")[2]
        return signed if not quoted or counts_in_source(last, name, in_quotes=False) else None
    if starts_reference(text, start):
        return None
    if quote and quote[2] == b"`" and text.find(b"${", start, end) >= 0:
        return None  # a text with places to fill
    if not quote:
        head = compiled(_BARE).match(text, start, start + 512)
        if not head or is_code(text, head, name) or begins_a_sentence(text, at, head, name):
            return None
        bare = compiled(_BARE).match(text, start, start + _JUDGED)
        end = bare.end() if bare else head.end()
    value = text[start : min(end, start + _JUDGED)]
    if quote and quote[2] == b"`" and not quote[1] and b" " in value:
        return None  # what a shell puts there, or a sentence with places to fill
    if not is_secret_value(value, name, rank):
        return None
    unclosed = (quote is not None and text[end : end + 1] != quote[2]) or value[:1] in {b")", b"]", b","}
    if quote and not quote[1] and (quoted or unclosed) and is_after_text(text, quote.end()):
        return None
    if quoted and not counts_in_source(value, name, in_quotes=quote is not None):
        return None
    if not quote and end == start + _JUDGED and (bare := compiled(_BARE).match(text, start)):
        end = bare.end()
    return start, end


def _names_one(item: bytes) -> bool:
    """Say whether an item of a list of secrets is the name of one: ["DB_PASSWORD", "HF_TOKEN"]."""
    name = item.strip(b" \t\"'")
    return compiled(_OF_WORDS).fullmatch(name) is not None and judge(name.decode()) != NO


def _signed(text: bytes, start: int) -> Span:
    found = compiled(_SIGNED).match(text, start)
    return found.span() if found and b"%s" not in found[0] else None


def _closing(text: bytes, start: int, slashes: bytes, quote: bytes) -> int:
    """Return where a quoted value ends; one that is not closed ends with its line."""
    line_end = text.find(b"\n", start)
    line_end = len(text) if line_end < 0 else line_end
    if not slashes and len(quote) == 1:
        inside = compiled(rb"[^%s\\\n]*+(?:\\[^\n][^%s\\\n]*+)*+" % (quote, quote)).match(text, start)
        return inside.end() if inside else start
    close = slashes + quote
    end = text.find(close, start, line_end)
    while end > start and text[end - 1 : end] == b"\\":  # one quoted more deeply
        end = text.find(close, end + 1, line_end)
    return line_end if end < 0 else end

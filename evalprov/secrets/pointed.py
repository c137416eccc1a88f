"""Secrets that something other than `=` and `:` points at: an arrow, a table's line, a tag, a call, a sentence.

Wherever a secret's word stands, the name around it is judged (names.py), then what comes after it: the looser the
tie, the more must the value look like a secret. In the end a long random text near such a word is taken for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets import foreign
from evalprov.secrets.judged import is_secret_value
from evalprov.secrets.names import CHOSEN, LIKELY, NO, SURE, judge
from evalprov.secrets.pairs import rank_in
from evalprov.secrets.sentences import PASSWORDS, find_phrase, in_sentence, is_one
from evalprov.secrets.source import counts_in_source
from evalprov.secrets.values import (
    NAMED_DIGEST,
    compiled,
    has_one,
    has_run,
    is_common,
    is_masked,
    is_plain,
    is_reference,
    looks_chosen,
    looks_issued,
    looks_random,
    starts_reference,
)

if TYPE_CHECKING:
    import re

    from evalprov.secrets.shapes import Spans

NOUN = foreign.NOUNS + (
    rb"|key|tok(?:en)?|secret|pass(?:w(?:or[dt]|d)|phrase|code)?|pwd?|cred|auth|cookie|bearer|jwt|salt|pepper|hmac|fernet"
    rb"|kennwort|dsn|psk|webhook|signed|session"
)
# One of which is in all of these: looking for each goes through a long text faster.
NOUNS = (
    *b"""key tok secret pass pw cred auth cookie bearer jwt salt pepper hmac fernet kennwort dsn psk webhook signed
    session""".split(),
    *(noun for noun in foreign.NOUNS.split(b"|") if noun.isascii() and b"[" not in noun),
)
_OF_NAMES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_WORD = rb"(?<![a-z])(?:" + NOUN + rb")(?:s|ential|entials|orization)?(?![a-z])|" + b"|".join(foreign.OUTSIDE_ASCII)
# What may stand between a name and its value; the sort of the tie is told by the group that matched.
_VALUE_KEY = rb"(?:\w{0,32}[Vv]alue|VALUE|val|content|default|example|text|v|S|connectionString)"
_TIE = (
    rb"(?P<record>[\"']?[ \t]*[:,;]?[ \t]*[{]?[ \t]*"
    rb"(?:[\"']\w{1,24}[\"'][ ]?:[ ]?[\"'][\w-]{0,40}[\"'],[ ]?){0,2}[\"']?"
    + _VALUE_KEY
    + rb"[\"']?[ \t]*[:=][ \t]*(?=[^\s,]))"
    rb"|(?P<tag>(?:[\"'](?:[ \t][^<>]{0,120})?)?>)(?=[^<>\s])"
    rb"|(?P<tags>(?:[\"'](?:[ \t][^<>]{0,120})?>|[\"']?[ \t]*:?)"
    rb"(?:[ \t]*</?[\w:-]{1,40}(?:[ \t][^<>]{0,200})?>){1,6}[ \t]*)(?=[^<>\s])"
    rb"|(?P<call>[\"'`][ \t]*,[ \t]*(?=b?[\"'`]))"
    rb"|(?P<typed>(?:\[\w{0,8}\]|[ ](?:\[\])?(?:string|byte|str|char))[ ]?:?=[ ]?(?=[\"'`]))"
    rb"|(?P<open>[ \t]*\([ \t]*(?=b?[\"']))"
    rb"|(?P<sign>[\"'`*\])]{0,4}[ \t]*(?:->|=>|<-|-->|<<<|~>|[?]=|[=!]==?|:=|\.{3,}:?"
    rb"|\xe2\x86[\x90-\xbf]|\xe2\x87[\x90-\xbf]"
    rb"|\xe2\x9f[\xb0-\xbf]|\xe2\x80[\x93-\x95]|(?:\xe2\x95[\x90-\xbf]|\xe2\x94[\x80\x81])+|\xe2\x94[\x82\x83]|\xef\xbc\x9a"
    rb"|\|)[ \t]*)"
    rb"|(?P<line>\]?[ ](?=[^\s\"'`]{6,128}[ \t]*;?\s*\Z))"
    rb"|(?P<blank>[\"'`*\])]{0,4}(?:\t[ \t]*|[ ]{2,}:?[ ]*|[ ](?=b?[\"'`])))"
)
_CODE = rb"\$?[A-Za-z_]\w*(?:::|->|\(\$)|\$[a-z_]\w*[,;)]|[A-Za-z_][\w.]*\([\"'$)]"
_SHOWN = rb"(?:string\([0-9]+\)[ ])?(?:\*\*|`|b?(?P<quote>[\"']))?"
_BARE = rb"[^\s\"'`<>|,;)\]}\xe2]+"
# Behind such a word stands a password, before such a word stood one.
_OWNERS = (b" the ", b" your ", b" my ", b" his ", b" her ", b" our ")
_SAID_BEFORE = rb"(?<![^\s\"'`])([^\s\"'`]{6,64})[\"'`]?[ ](?:as|for|is)[ ][a-z]+[ ]\Z"
_IDS = (
    rb"(?:req|chatcmpl|cmpl|call|msg|toolu|thread|run|file|batch|org|proj|asst|user|sha[0-9]+|md5|fp|ft|h1|id|ids|uuid|hash"
    rb"|integrity|digest|etag|fingerprint|checksum|tool_call_id|_id|Id|contentHash|commit|revision|base64|image|url|src"
    rb"|vector|embeddings?(?:_b64)?|b64_json|thumbnail|icon|logo|avatar|audio|video|signature|encrypted_content)"
)
_OF_PAGES = (
    rb"(?:[Nn]ext(?:_?[Pp]age)?|[Pp]rev(?:ious)?(?:_?[Pp]age)?|[Pp]age|[Cc]ontinuation|[Ss]ync|[Cc]ursor)_?[Tt]oken"
)
_ID_BEFORE = (
    _OF_PAGES + rb"[\"']?[ ]?[:=][ ]?[\"']?\Z|" + _IDS + rb"[\"']?[ ]?[-_:=,][ ]?[\"']?/?\Z|\bid[ ](?:[a-z]{2,5}_)?\Z"
)
_OF_A_NAME = rb"[\"']:[ ]|[ ]=[ ]|\("  # behind one
_ID_ITSELF = _IDS + rb"[-_]|sha256//|AAAA[BCE]|MII|iVBOR|/9j/|R0lGOD|UklGR"
_TOKEN = rb"(?<![A-Za-z0-9+_.#-])(?<![\w.]/)[A-Za-z0-9][\w+/-]{19,}={0,2}"
_OF_A_FILE = rb"[ \t]*[A-Za-z0-9+/]{56,}={0,2}\s*\Z"  # a line of a certificate
_HEX = rb"[0-9a-f](?<![\w-].)[0-9a-f]{31,}(?![\w-])"
_OF_A_PATH = rb"[ ]+[0-9a-f]{32,64}\s*\Z|\.[0-9]"  # its digest, its version
_SUMMED = {b"  ", b" *"}  # before the file that a digest is of
_HEX_WORDS = (
    rb"secret|private key|hmac|signing|master|(?:seed|aes|encryption|api|derived|session|shared) key|private scalar"
    rb"|password.{1,16}\bhex"
)
_NO_HEX = rb"digest|commit|sha|md5|hash|fingerprint|checksum|cache|revision|public|etag|trace|span|integrity"
_PUBLIC = rb"public|verif(?:y|ication)|fingerprint|\bpeer\b|(?:host|server) key|\bpin(?:ned)?\b"
_NEAR, _NEARER = 80, 48
_OF_PASSWORDS = rb"(?<![a-z])(?:pass(?:word|wd|phrase|code)?|pwd|login|credentials?)s?(?![a-z])"
_NUMBERED = rb"[A-Z][a-z]{3,9}[0-9]{2}"  # Postgres16
_PASSWORD_WORDS = (b"pass", b"pwd", b"login", b"credential")
_NAMES_ONE = rb"pass|secret|token|auth|login|cred"  # PasswordField2
_CHOSEN_WORD = (
    rb"(?<![\w.*+!#$%^&@?~/-])(?=[\w.*+!#$%^&?~-]*[0-9]{2})(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z]{4})"
    rb"[A-Z][\w.*+!#$%^&?~-]{9,63}"
)
_AFTER_FOREIGN = rb"[\"']?([^\s\"'<>|,;&)}\]\xe2-\xef]{6,128})"
_PHRASE = rb"[a-z]{3,}(?:-[a-z]{3,}){3,8}"  # of words that nobody would put together else
_BEGINS_LINE = rb"(?i)[ \t>#*$\[-]*(?:(?:config[ ]+)?set[ ]+)?"
_LONGEST = 300  # what is longer is no token but a file
# Without these no value stands at a loose tie that has neither a letter nor a digit close together.
RECORDED = (
    *(b"ord '", b'ord "', b"ORD '", b"ord('", b'ord("', b"ORD('", b"ord', '", b"ORD', '", b'ORD", "'),
    *(b" is ", b" was ", b"phrase", b"assword for ", b"ecret word", b'word "', b"word '"),
    *(b">", b"alue", b"ALUE", b"val", b"content", b"default", b"connectionString"),
)
_FILE_ENDING = rb"(?:\.[\w-]{1,24})?\.(?:txt|py[cio]?|so|deb|js|ts|json|ya?ml|toml|md|go|rs|java|csv|html|pem|pub)"
_FILE_ENDING += rb"(?![\w.-]|[\"']?\s*=)"
_LONGER_NAME = rb"\.([A-Za-z_][\w.-]{0,63})[\"']?[ \t]*[=:](?!=)"
_LITERAL = rb"(?<!code\()(?<!String\()[\"']([^\"'\s]{6,128})[\"']"
_WEAK = {"token", "key", "secret", "auth", "cookie", "bearer"}


def find_pointed(text: bytes, lower: bytes, spans: Spans, *, evident: bool, quoted: bool = False) -> None:
    """Add where secrets stand that a secret's word points at with a looser tie; in one line."""
    done = 0
    if compiled(_OF_A_FILE).match(text):
        return
    nouns = list(compiled(NOUN).finditer(lower))
    for noun in nouns:
        if noun.start() >= done and (span := _after(text, lower, noun, quoted=quoted)):
            spans.append(span)
            done = span[1]
        owned = evident and not quoted and text[max(0, noun.start() - 6) : noun.start()].endswith(_OWNERS)
        if owned and is_one(lower, noun, noun.end()) and compiled(PASSWORDS).match(lower, noun.start()):
            said = compiled(_SAID_BEFORE).search(text, max(done, noun.start() - 96), noun.start())
            if said and looks_chosen(said[1]):
                spans.append(said.span(1))
    if evident and nouns:
        _find_near(text, lower, spans)
        _find_chosen(text, lower, spans, quoted=quoted)


def _after(  # noqa: PLR0911 - one line a case
    text: bytes, lower: bytes, noun: re.Match[bytes], *, quoted: bool
) -> tuple[int, int] | None:
    """Return the secret that the name around this word points at."""
    named = _named(text, noun)
    if named is None:
        return None
    start, end, name, rank = named
    tie = compiled(_TIE).match(text, end)
    if (
        tie
        and not _is_verb(text, lower, noun, tie)
        and (span := _tied(text, tie, name, rank))
        and (not quoted or _counts(text, span, name))
    ):
        return span
    given = compiled(rb"[\"']?[ \t]*[:=][ \t]*").match(text, end)
    if (given and starts_reference(text, given.end())) or text.endswith(b"checksum/", 0, start):
        return None
    if given and rank == SURE and name.lower() not in _WEAK:  # password = a if b else "X"
        for literal in compiled(_LITERAL).finditer(text, end, _statement_end(text, given.end(), end + 160)):
            inside = literal[1].decode("utf-8", "replace")
            if (
                looks_chosen(literal[1])
                and judge(inside) == NO
                and (not quoted or _counts(text, literal.span(1), name))
            ):
                return literal.span(1)
    if given and not noun[0].isascii() and (value := compiled(_AFTER_FOREIGN).match(text, given.end())):
        return value.span(1) if looks_chosen(value[1]) else None
    if text[end : end + 1] == b"=":  # pairs.py has judged it
        return None
    said = in_sentence(text, lower, noun, end, rank)
    if not said and rank in {SURE, CHOSEN}:
        said = find_phrase(text, lower, noun, end)
    if not said and rank == CHOSEN and foreign.kind_of(noun[0]) and not compiled(rb"[a-z]").search(noun[0]):
        said = foreign.find_behind(text, end)
    return said if said and (not quoted or _counts(text, said, name)) else None


def _named(text: bytes, noun: re.Match[bytes]) -> tuple[int, int, str, int] | None:
    """Return where the name around a word stands, and what it is, if it is a secret's."""
    before = text[max(0, noun.start() - 64) : noun.start()]
    start = noun.start() - len(before) + len(before.rstrip(_OF_NAMES))
    abroad = foreign.kind_of(noun[0])
    ended = compiled(foreign.DECLINED if abroad else rb"[\w-]{0,40}").match(text, noun.end())
    end = ended.end() if ended else noun.end()
    if compiled(_FILE_ENDING).match(text, end):
        return None  # password.txt
    if text[start - 1 : start] == b"/" and compiled(_OF_A_PATH).match(text, end):
        return None
    if (longer := compiled(_LONGER_NAME).match(text, end)) and judge(longer[1].decode()) == NO:
        return None  # secret.provider = vault
    raw = text[start:end]
    name, rank = raw.decode("utf-8", "replace").strip("-."), NO
    if raw.isascii():
        rank = rank_in(text, start, name)
    if rank == NO and abroad and (not noun[0].isascii() or (start == noun.start() and name.replace(" ", "").isalpha())):
        name, rank = (abroad, CHOSEN if abroad == "password" else LIKELY)
    filled = text.rfind(b"{{", 0, start)  # {{ .password | quote }}
    return None if rank == NO or (filled >= 0 and text.find(b"}}", filled) >= end) else (start, end, name, rank)


def _is_verb(text: bytes, lower: bytes, noun: re.Match[bytes], tie: re.Match[bytes]) -> bool:
    """Say whether something is passed: `you may pass 'float64'`."""
    passes = tie.lastgroup == "blank" and text[: noun.start()].endswith(b" ") and not is_one(lower, noun, tie.start())
    return passes and bool(text[: noun.start()].strip())


def _counts(text: bytes, span: tuple[int, int], name: str) -> bool:
    return counts_in_source(text[slice(*span)], name, in_quotes=text[span[0] - 1 : span[0]] in {b'"', b"'", b"`"})


def _statement_end(text: bytes, at: int, end: int) -> int:
    """Return where what is set here ends: at a comma of its own list."""
    depth = 0
    for found in compiled(rb"[(\[{)\]},;]").finditer(text, at, end):
        if found[0] in b"([{":
            depth += 1
        elif found[0] in b")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and found[0] in b",;"):
            return found.start()
    return end


def _tied(  # noqa: C901, PLR0912 - one branch a tie
    text: bytes, tie: re.Match[bytes], name: str, rank: int
) -> tuple[int, int] | None:
    """Return the value behind a tie, if it looks as much like a secret as the tie demands."""
    shown = compiled(_SHOWN).match(text, tie.end())
    start = shown.end() if shown else tie.end()
    if not (shown and shown["quote"]) and compiled(_CODE).match(text, start):
        return None  # password => Hash::make(
    compared = tie.lastgroup == "sign" and tie[0].strip().endswith((b"==", b"!="))
    if compared and not (shown and shown["quote"]):
        return None  # password == hashed2
    if shown and shown["quote"]:
        end = text.find(shown["quote"], start, start + 4096)
    elif tie.lastgroup in {"tag", "tags"}:
        end = text.find(b"<", start, start + 4096)
        end = len(text.rstrip()) if end < 0 else end
    else:
        bare = compiled(_BARE).match(text, start)
        end = bare.end() if bare else -1
    value = text[start:end].strip(b"*` ") if end > start else b""
    if scheme := compiled(rb"(?:[Tt]oken|[Bb]earer|[Bb]asic)[ ]+(?=\S+\Z)").match(value):
        start, value = start + scheme.end(), value[scheme.end() :]
    if not value or is_reference(value) or is_plain(value) or is_masked(value) or b"\x01" in value:
        return None
    end = start + len(value)
    if tie.lastgroup == "record" and name.lower() in {"token", "key", "secret"}:
        fits = looks_issued(value) or looks_random(value)
    elif tie.lastgroup == "record" and rank in {SURE, CHOSEN}:
        worded = (
            len(value) < 8 or not shown or not shown["quote"] or not compiled(PASSWORDS).search(name.lower().encode())
        )
        fits = not (worded and is_common(value)) and judge(value.decode("utf-8", "replace")) == NO
    elif tie.lastgroup == "tag" and rank == SURE:
        fits = text[end : end + 2] == b"</" and text.startswith(name.encode(), end + 2)
        fits = fits or looks_chosen(value)
    elif tie.lastgroup == "line":
        fits = rank in {SURE, CHOSEN} and name.lower() not in _WEAK and looks_chosen(value)
        fits = fits and compiled(_BEGINS_LINE).fullmatch(text, 0, tie.start() - len(name)) is not None
    elif tie.lastgroup == "call" and (name.lower() in _WEAK or judge(value.decode("utf-8", "replace")) != NO):
        fits = looks_issued(value) or looks_random(value)  # ("auth", "0001_initial")
    elif tie.lastgroup == "typed":  # char password[] = "X", var password string = "X"
        fits = is_secret_value(value, name, rank)
    elif rank in {SURE, CHOSEN}:
        fits = looks_chosen(value) and (name.lower() not in {"token", "key"} or len(value) > 9)
        if not fits and rank == SURE and shown and shown["quote"] and compiled(PASSWORDS).search(name.lower().encode()):
            fits = compiled(_PHRASE).fullmatch(value) is not None and not compiled(NOUN).search(value)
    else:
        fits = is_secret_value(value, name, rank)
    return (start, end) if fits else None


def _find_near(text: bytes, lower: bytes, spans: Spans) -> None:
    """Add long random texts that stand near a secret's word, in any syntax."""
    if not has_run(text):
        return
    tokens = (token for token in compiled(_TOKEN).finditer(text) if token.end() - token.start() <= _LONGEST)
    found = [token for token in tokens if looks_random(token[0])]
    in_hex = [token for token in compiled(_HEX).finditer(text) if text[token.end() : token.end() + 2] not in _SUMMED]
    if in_hex and compiled(_HEX_WORDS).search(lower) and not compiled(_NO_HEX).search(lower):
        found += in_hex
    for token in found:
        near = lower[max(0, token.start() - _NEAR) : token.start()] + b" " + lower[token.end() : token.end() + _NEAR]
        public = compiled(_PUBLIC).search(near) and not compiled(rb"private|secret").search(near)
        if compiled(_WORD).search(near) and not public and not _is_id(text, token):
            spans.append(token.span())


def _find_chosen(text: bytes, lower: bytes, spans: Spans, *, quoted: bool) -> None:
    """Add what can hardly be anything but a password where a line speaks of one, in any syntax."""
    if not has_one(lower, _PASSWORD_WORDS) or not compiled(_OF_PASSWORDS).search(lower):
        return
    for word in compiled(_CHOSEN_WORD).finditer(text):
        near = lower[max(0, word.start() - _NEARER) : word.start()] + b" " + lower[word.end() : word.end() + _NEARER]
        if not compiled(_OF_PASSWORDS).search(near) or compiled(_NAMES_ONE).search(word[0].lower()):
            continue
        if compiled(_NUMBERED).fullmatch(word[0]):
            continue
        if looks_chosen(word[0], strict=True, mixed=True) and (not quoted or _counts(text, word.span(), "")):
            spans.append(word.span())


def _is_id(text: bytes, token: re.Match[bytes]) -> bool:
    """Say whether a token is an id or a digest by what stands before it."""
    if compiled(_ID_ITSELF).match(token[0]) or compiled(NAMED_DIGEST).fullmatch(token[0]) or len(token[0]) > _LONGEST:
        return True
    if compiled(_OF_A_NAME).match(text, token.end()):
        return True
    before = text[max(0, token.start() - 32) : token.start()]
    return before.endswith(b"SHA256:") or compiled(_ID_BEFORE).search(before) is not None

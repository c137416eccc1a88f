"""What is asked for in one line and given in the next: a password between people, or between a program and one."""

from __future__ import annotations

import binascii

from evalprov.secrets import foreign
from evalprov.secrets.pointed import NOUN
from evalprov.secrets.sentences import PASSWORDS
from evalprov.secrets.values import compiled, looks_chosen, looks_issued, looks_random

_NEAR_END = 80  # before a line's end no such word begins that has only some fifty signs behind it
_AT_END = rb")(?![a-z_=])[^.=]{0,48}[:.]?\s*\Z"
_ABROAD = rb"|(?:" + foreign.NOUNS + rb")\w{0,12}"  # declined
_OUTSIDE = b"|".join(foreign.OUTSIDE_ASCII)
_ANNOUNCES = rb"(?:(?<![a-z_])(?:" + NOUN + _ABROAD + rb")|" + _OUTSIDE + _AT_END
_ASKS = rb"(?:(?<![a-z_])(?:" + PASSWORDS + rb")\w{0,8}|" + _OUTSIDE + _AT_END
_TIME = rb"[\[(]?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[ ]?[AaPp][Mm])?[\])]?"
_SPEAKER = (
    rb"[ \t]*(?:" + _TIME + rb"[ ]*)?"
    rb"(?:[<*@({\[-]{1,4}[ ]?[\w .\x80-\xff-]{1,24}[>*)\]}:]{1,4}(?:[ ]?" + _TIME + rb")?[ ]*:?[ ]*"
    rb"|[\w.\x80-\xff-]{1,24}(?:[ ][\w.-]{1,16})?(?:\[[0-9]+\])?(?:[ ]?"
    + _TIME
    + rb")?[ ]?(?::|\xef\xbc\x9a|>)[*_]{0,2}[ ]*"
    rb"|\{.{0,80}?\"(?:content|text|message|body)\":[ ]?)?"
    rb"[>\s\"'`<*$#-]{0,6}"
)
_SPEAKER_ALONE = (
    rb"[\w .\x80-\xff-]{1,24}" + _TIME + rb"\s*\Z|[\w .-]{1,24}:\s*\Z|[<|#*\[ ]{1,5}[\w ]{1,24}[>|:*\] ]{0,4}\s*\Z"
)
_WORD = rb"[!#-&*-:=?-Z\\^_a-z|~]+"
_TOKEN = rb"[A-Za-z0-9][\w+/-]{19,}={0,2}"
_LONG_TOKEN = rb"\s*([A-Za-z0-9][\w+/-]{99,4095}={0,2})\s*\Z"
_OF_A_FILE = rb"\s*\S{40,}\s*\Z"
_SHORTEST_BASE64 = 9
_LONGEST, _MOST_WORDS, _FEW_WORDS = 200, 10, 5
_LEADS = frozenset("is was s its still now here ist lautet est es é è är er je to".encode().split())
_NO_QUESTION = rb"[,;(){}\[\]'\"]\s*\Z"  # as a list or a program has its lines
_QUESTION = rb"[?][\"'`*_)\]}]{1,6},?\s*\Z"
_CODE = rb"\w\(|=(?![=\"'`]{0,2}\s*\Z)|::|->|[;{]\s*\Z|\\[^\"'n]"
_TITLED = rb"\s*(?:SHA256:|MD5:|[a-z][\w.+-]*[ ]-[ ][A-Z]?[a-z]+[ ])"  # a fingerprint; a package and what it is
_LISTED = rb"[\"'],\s*\Z"
_PROMPT = rb"[ \t]*(?:[\w.@:~/()-]{0,40}(?:[ ][~/][\w/.-]{0,40})?[$#%]|>>>|In[ ]\[[0-9]+\]:)[ ]"
# Of a debugger, an interpreter or a database: (gdb), irb(main):001:0>, mysql>.
_PROMPT += rb"|[ \t]*(?:\([\w: -]{2,16}\)|[\w.@:()-]{2,40}>)[ ](?=[^\s@]+[\w\"'\])]\s*\Z|(?:p|po|print|puts|x|v)[ ])|>[ ](?=[\w.$]+(?:[.(]|\s*\Z))"  # noqa: E501
# What stands before the value that is shown: $1 = "X", => "X", res0: String = X, [1] "X".
_RESULT = rb"[ \t]*(?:(?:\([\w ]{1,32}\)[ ])?\$[0-9]+[ ]=[ ]|=>[ ]|(?:Out)?\[[0-9]+\]:?[ ]|\w{1,16}:[ ][\w.]{1,32}[ ]=[ ])[\"']?"  # noqa: E501
_OF_ONE = rb"(?<![a-z_])(?:" + PASSWORDS + rb"|(?:key|token|secret|code)(?!s?[a-z_]))"
_OF_SECRET_KEYS = rb"(?:secret|private) key:?\s*\Z"
_SHOWN_ONCE = rb"(?:again|once|copy|safe|store|save|saved|securely|following|below)(?![a-z])"
_CONTINUED = rb"\\e?\s*\Z"
_OF_A_DIGEST = rb"sha|md5|hash|digest|rev-parse|fingerprint|public|\.pub\b|count|wc |policy"
_SMALL = rb"[a-z]{5,}[0-9]{2,4}"


def is_announced(line: bytes) -> str:  # noqa: PLR0911 - one line a case
    """Return what the end of a line asks for or announces: a password (`asked`), a token (`near`), nothing.

    What a command shows that speaks of a secret (`shown`) may be one of any sort, if it is one word.
    """
    if len(line) >= _LONGEST or b"PUBLIC" in line or compiled(_OF_A_FILE).match(line):
        return ""
    end = len(line.rstrip())
    start = max(0, end - _NEAR_END, line.rfind(b"=", 0, end), line.rfind(b".", 0, end - 1))
    lower = line.lower()
    if compiled(_PROMPT).match(line):
        return "" if compiled(_OF_A_DIGEST).search(lower) or compiled(_CONTINUED).search(line) else "shown"
    if (
        line[end - 1 : end] in {b":", b"!", b"."}
        and compiled(_SHOWN_ONCE).search(lower)
        and compiled(_OF_ONE).search(lower)
    ):
        return "" if compiled(_OF_A_DIGEST).search(lower) else "shown"
    if not compiled(_ANNOUNCES).search(lower, start):
        return ""
    if compiled(_NO_QUESTION).search(line) and not compiled(_QUESTION).search(line):
        return "near"
    if compiled(_OF_SECRET_KEYS).search(lower):
        return "shown"
    return "asked" if compiled(_ASKS).search(lower, start) else "near"


def is_speaker(line: bytes) -> bool:
    """Say whether a line only says who speaks, and when."""
    return compiled(_SPEAKER_ALONE).match(line) is not None


def find_answer(line: bytes, kind: str) -> tuple[int, int] | None:
    """Return what a short answer gives: a password (`A: it's X`, `<bob> X`) where one was asked for, or a token."""
    if len(line) > _LONGEST:
        blob = compiled(_LONG_TOKEN).match(line) if kind == "shown" else None
        return blob.span(1) if blob and looks_random(blob[1]) else None
    if compiled(_TITLED).match(line):
        return None
    speaker = (kind == "shown" and compiled(_RESULT).match(line)) or compiled(_SPEAKER).match(line)
    start = speaker.end() if speaker else 0
    words = [] if compiled(_CODE).search(line, start) else list(compiled(_WORD).finditer(line, start))
    led, listed = False, compiled(_LISTED).search(line) is not None
    for word in words if len(words) <= _MOST_WORDS else ():
        bare = word[0].strip(b".,:?*`_")
        if _fits(bare, "near" if listed else kind, len(words), led=led):
            start = word.start() + word[0].index(bare)
            return (start, start + len(bare))
        led = bare.lower() in _LEADS
    return None


def _decoded(value: bytes) -> bytes:
    """Return what a text is in base64; nothing if it is none."""
    try:
        text = binascii.a2b_base64(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        return b""
    return text if len(value) > _SHORTEST_BASE64 and text.isascii() else b""


def _fits(value: bytes, kind: str, words: int, *, led: bool) -> bool:
    """Say whether one of so many words of an answer is the secret."""
    if kind == "shown":
        plain = value.rstrip(b"=")
        return words == 1 and (
            looks_chosen(plain) or looks_issued(value, hex_too=True) or looks_chosen(_decoded(plain))
        )
    if words <= _FEW_WORDS and compiled(_TOKEN).fullmatch(value) and looks_random(value):
        return True
    if kind == "near" or b"assword" in value:
        return False
    small = words == 1 and compiled(_SMALL).fullmatch(value) is not None
    return looks_chosen(value, strict=not (led or small), mixed=True)

"""What is asked for in one line and given in the next: a password between people, or between a program and one."""

from __future__ import annotations

from evalprov.secrets import foreign
from evalprov.secrets.pointed import NOUN
from evalprov.secrets.sentences import LINKS, PASSWORDS
from evalprov.secrets.values import compiled, looks_chosen, looks_random

_NEAR_END = 80  # before a line's end no such word begins that has only some fifty signs behind it
_AT_END = rb")(?![a-z_=])[^.=]{0,48}[:.]?\s*\Z"
_ABROAD = rb"|(?:" + foreign.NOUNS + rb")\w{0,12}"  # declined
_ANNOUNCES = rb"(?<![a-z_])(?:" + NOUN + _ABROAD + _AT_END
_ASKS = rb"(?<![a-z_])(?:(?:" + PASSWORDS + rb")\w{0,8}" + _AT_END
_TIME = rb"[\[(]?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[ ]?[AaPp][Mm])?[\])]?"
_SPEAKER = (
    rb"[ \t]*(?:" + _TIME + rb"[ ]*)?"
    rb"(?:[<*@(\"'{\[-]{1,4}[ ]?[\w .\x80-\xff-]{1,24}[>*)\]}:\"']{1,4}(?:[ ]?" + _TIME + rb")?[ ]*:?[ ]*"
    rb"|[\w.\x80-\xff-]{1,24}(?:[ ][\w.-]{1,16})?(?:[ ]?" + _TIME + rb")?[ ]?(?::|\xef\xbc\x9a|>)[*_]{0,2}[ ]*"
    rb"|\{.{0,80}?\"(?:content|text|message|body)\":[ ]?)?"
    rb"[>\s\"'`<*$#-]{0,6}"
)
_SPEAKER_ALONE = rb"[\w .\x80-\xff-]{1,24}" + _TIME + rb"\s*\Z|[\w .-]{1,24}:\s*\Z"
_WORD = rb"[!#-&*-:=?-Z\\^_a-z|~]+"
_TOKEN = rb"[A-Za-z0-9][\w+/-]{19,}={0,2}"
_LONGEST, _MOST_WORDS, _FEW_WORDS = 200, 10, 5
_LEADS = LINKS | frozenset(b"s its it's still now use try here go".split())
_SMALL = rb"[a-z]{5,}[0-9]{2,4}"


def is_announced(line: bytes) -> str:
    """Return what the end of a line asks for or announces: a password (`asked`), a token (`near`), nothing."""
    if len(line) >= _LONGEST or b"PUBLIC" in line:
        return ""
    end = len(line.rstrip())
    start = max(0, end - _NEAR_END, line.rfind(b"=", 0, end), line.rfind(b".", 0, end - 1))
    lower = line.lower()
    if not compiled(_ANNOUNCES).search(lower, start):
        return ""
    return "asked" if compiled(_ASKS).search(lower, start) else "near"


def is_speaker(line: bytes) -> bool:
    """Say whether a line only says who speaks, and when."""
    return compiled(_SPEAKER_ALONE).match(line) is not None


def find_answer(line: bytes, kind: str) -> tuple[int, int] | None:
    """Return what a short answer gives: a password (`A: it's X`, `<bob> X`) where one was asked for, or a token."""
    if len(line) > _LONGEST:
        return None
    speaker = compiled(_SPEAKER).match(line)
    words = list(compiled(_WORD).finditer(line, speaker.end() if speaker else 0))
    led = False
    for word in words if len(words) <= _MOST_WORDS else ():
        bare = word[0].strip(b".,:?*`_")
        small = len(words) == 1 and compiled(_SMALL).fullmatch(bare) is not None
        if (len(words) <= _FEW_WORDS and compiled(_TOKEN).fullmatch(bare) and looks_random(bare)) or (
            kind == "asked" and looks_chosen(bare, strict=not (led or small), mixed=True)
        ):
            start = word.start() + word[0].index(bare)
            return (start, start + len(bare))
        led = bare.lower() in _LEADS or word[0] in _LEADS or word[0].endswith(b":")
    return None

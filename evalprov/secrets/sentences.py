"""A secret in a sentence: `the password for bob is X`, `logged in with X`, `the passphrase is four words of four`.

What stands right behind a word that links it (`is`, `to`, a colon) need look less like a secret than what comes later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets import foreign
from evalprov.secrets.names import CHOSEN, SURE
from evalprov.secrets.values import (
    EVIDENCE,
    compiled,
    has_one,
    is_masked,
    is_prose,
    is_reference,
    kinds,
    looks_chosen,
    looks_issued,
    looks_random,
)

if TYPE_CHECKING:
    import re

PASSWORDS = (
    rb"pass(?:w|phrase|code|\b)|psk\b|pwd?\b|cred(?:ential|s?\b)|kennwort"
    rb"|secret (?:pass|code|word)|(?<=wi-fi )key|(?<=wifi )key|(?<=wlan )key|(?<=wpa )key|(?<=wpa[23] )key"
    rb"|(?<=shared )(?:key|secret)|" + foreign.PASSWORDS.encode()
)
LINKS = frozenset(
    """is was are were to be being = : equals ist war lautet est était es era é è je er är este jest adalah là 是 为
    為 = → -> - s with mit avec con""".encode().split()
)
_IS = LINKS - {b"with", b"to", b"mit", b"avec", b"con"}
# What may stand between a link and the password.
_FILLERS = frozenset(b"now still set currently just only simply changed reset then therefore again probably".split())
_CHANGED = rb"(?<![a-z])(?:re)?(?:set|changed?|updated?|rotated?|switched)(?![a-z])"  # to what it is now
_ID_WORDS = frozenset(b"id ID commit revision version hash helper provider backend plugin policy strength".split())
_WITH_PASS = rb"(?<![a-z])(?:user|login|with|wifi|admin|root|my|your|the)\b[^.:=]{0,24}\Z"
_VERB = rb"[ ](?:is|was)[ ]|[ ]?:"  # before which `pass` is none
# Behind which a password stands at once.
_SAID_OF_IT = (
    rb"(?<![a-z])(?:user|login|wrong|invalid|incorrect|bad|using|old|new|temporary|leaked?|found|log|logged|the|default"
    rb"|generated|initial|current|master|wi-?fi|vpn|admin|root|with|and|my|your|our|his|her)\b"
    rb"[^.:=]{0,32}\Z"
)
_SAID_AFTER = rb"[\"'`]?,?[ ](?:rejected|accepted|was|were|is|it works|no longer|not|for user|failed|expired)\b"
_SAID_OR_END = _SAID_AFTER + rb"|[.)]?\s*\Z"
_WORDS = rb"[^\s\"'`(){}\[\]<>,;|\\]+"
_REACH = 120
_SAID = (
    rb"(?:(?:[^.:=\n\"']|[.:](?=[\w/])|(?<=[ ])'[^'\n]{1,64}'(?=:)){0,60}?(?:[ ](?:is|was)[ ]?:?|:)[ ]+|[ ](?=[\"'`]))"
    rb"(?:[\"'`]([a-z]{8,32}|[a-z]{3,20}(?:[ ][a-z]{3,20}){2,7})[\"'`]"
    rb"|([a-z]{10,24}|[a-z]{4,20}(?:[ ][a-z]{4,20}){2,7})(?=[.,;!]|[ ]but[ ]|\s*\Z))"
)
_ORDINARY = (
    rb"[a-z]*(?:ed|ing|able|ible|ory|ive|ent|ant|ary|ions?|ments?|ness|ity|ly|ful|less|ic|al|ous|text|words?|phrases?"
    rb"|holder|thing|where|body|one|acters?|meters?|ifiers?|ators?|i[sz]ers?|i[sz]es?|ates?|else|numeric)"
)


def in_sentence(  # noqa: PLR0911 - one line a case
    text: bytes, lower: bytes, noun: re.Match[bytes], at: int, rank: int
) -> tuple[int, int] | None:
    """Return the secret that a sentence names: `the password for bob is X`, `use token X`."""
    if rank not in {SURE, CHOSEN} or not has_one(kinds(text[at : at + 120]), EVIDENCE):
        return None
    password = compiled(PASSWORDS).match(lower, noun.start()) is not None
    linked = ever_linked = is_said = False
    if not is_one(lower, noun, at):
        return None
    firm = password and compiled(_SAID_OF_IT).search(lower, max(0, noun.start() - 48), noun.start()) is not None
    for number, word in enumerate(compiled(_WORDS).finditer(text, at, at + _REACH)):
        bare = word[0].strip(b",:;").rstrip(b".")
        if bare in LINKS or word[0] in LINKS:
            linked = ever_linked = True
            is_said = bare in _IS or word[0] in _IS
            is_said = is_said or (
                bare == b"to" and compiled(_CHANGED).search(lower, max(0, noun.start() - 48), word.start()) is not None
            )
            continue
        cut = word.end() == at + _REACH and not text[word.end() : word.end() + 1].isspace()
        if b"\x01" in bare and number < 5:  # the old one: `changed from X to Y`
            linked = is_said = False
            continue
        if (
            text[word.end() : word.end() + 1] == b"("
            or is_reference(bare)
            or b"\x01" in bare
            or number > 9
            or bare in _ID_WORDS
            or (cut and word.end() < len(text))
        ):
            return None
        if b"assword" in bare or bare in _FILLERS:  # 1Password
            continue
        last = bare.rpartition(b":")[2] if b"://" not in bare else b""
        start = word.start() + word[0].rfind(last)
        after = _SAID_AFTER if word.start() == at else _SAID_OR_END
        beside = number == 0 and (firm or compiled(after).match(text, word.end()) is not None)
        if password and len(last) > 7 and looks_chosen(last, strict=not (linked or beside), mixed=True):
            return (start, start + len(last))
        if (
            (password or lower.startswith(b"secret", noun.start()))
            and len(last) > 5
            and (beside or is_said)
            and looks_chosen(last)
        ):
            return (start, start + len(last))
        is_said = False
        linked = word[0].endswith(b":")
        ever_linked = ever_linked or linked
        if looks_random(last) or (ever_linked and looks_issued(last)):
            return (start, start + len(last))
        if word[0].endswith((b".", b"!")) or (word[0].endswith(b"?") and number):
            return None
    return None


def is_one(lower: bytes, noun: re.Match[bytes], at: int) -> bool:
    """Say whether a password is spoken of, not many or what passes."""
    if lower.startswith(b"passwords", noun.start()) and lower[at : at + 1] != b":":
        return False
    if (
        at - noun.start() != len(b"pass")
        or not lower.startswith(b"pass", noun.start())
        or compiled(_VERB).match(lower, at)
    ):
        return True
    return compiled(_WITH_PASS).search(lower, max(0, noun.start() - 32), noun.start()) is not None


def find_phrase(text: bytes, lower: bytes, noun: re.Match[bytes], at: int) -> tuple[int, int] | None:
    """Return the password of words alone that a sentence names: `the passphrase is "X"`, `password is X.`"""
    if not compiled(PASSWORDS).match(lower, noun.start()):
        return None
    said = compiled(_SAID).match(text, at)
    if not said:
        return None
    span = said.span(said.lastindex or 0)
    words = text[slice(*span)].split()
    if len(words) == 1:
        return None if is_masked(words[0]) or compiled(_ORDINARY).fullmatch(words[0]) else span
    fits = lower.startswith((b"passphrase", b"phrase"), noun.start()) and not is_prose(b" ".join(words))
    return span if fits and not any(is_masked(word) for word in words) else None

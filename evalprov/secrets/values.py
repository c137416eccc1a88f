"""Which values are no secrets though they stand at a secret's name, and which look issued by a machine."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from evalprov.record.hidden import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK = PLACEHOLDER.encode()


@cache
def compiled(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """Return a pattern, compiled when it is first needed: most runs need few of them."""
    return re.compile(pattern, flags)


_ORDINARY = bytes(code for code in range(256) if chr(code).isalnum() and code < 128) + b" \r\n"


_FLAT = bytes(97 if (chr(code).isalnum() and code < 128) or code in b"-_" else 32 for code in range(256))
RUN_FLAT = b"a" * 15  # a token's shortest run of letters and digits, flattened


def flattened(text: bytes) -> bytes:
    """Return a text in which all that a token may be made of looks alike, so that a run is found fast."""
    return text.translate(_FLAT)


def has_run(text: bytes) -> bool:
    """Say whether a text has a run of letters, digits, - and _ as long as a token's; ordinary text has few."""
    return text.translate(_FLAT).find(RUN_FLAT) >= 0


# Without a letter and a digit close together nothing looks like a password: no value stands at a loose tie.
_KINDS = bytes(
    97
    if chr(code).isalpha() and code < 128
    else 48
    if chr(code).isdigit() and code < 128
    else 33
    if chr(code) in "!#$%^*~"
    else 45
    if chr(code) in "!\"#$%&'()*+,-./:;<>?@[\\]^_`{|}~"
    else 32
    for code in range(256)
)
EVIDENCE = tuple(one for count in range(9) for one in (b"a" + b"-" * count + b"0", b"0" + b"-" * count + b"a"))
EVIDENCE += (b"a!a", b"0!", b"!0", b"a!!")  # a sign within that no word has


def kinds(text: bytes) -> bytes:
    """Return a text with its letters, digits and signs alike, in which EVIDENCE is looked for."""
    return text.translate(_KINDS)


def has_one(text: bytes, pieces: Iterable[bytes]) -> bool:
    """Say whether one of some pieces stands in a text; `find` takes a third of the time of `in`."""
    find = text.find
    for piece in pieces:  # noqa: SIM110 - a generator would cost as much again
        if find(piece) >= 0:
            return True
    return False


def signs_in(text: bytes) -> frozenset[int]:
    """Return all bytes of a text but letters, digits and blanks: whether one is there is then known at once."""
    return frozenset(text.translate(None, _ORDINARY))


_PLAIN = frozenset(b"true false yes no on off none null nil undefined".split())
# An environment value like these says that there is no secret; blinding the word everywhere would only do harm.
_NO_VALUE = _PLAIN | frozenset(
    b"""0 1 anonymous auto basic bearer changeme default digest disabled dummy empty enabled fake inherit n/a na
    no-key not-needed oauth oauth2 optional placeholder required test unset unused xxx xxxx y n""".split()
)
# What stands at a secret's name in a form, a message or a masked log.
_SAID_OF_ONE = frozenset(
    b"""absent accepted active add added again allowed applied approved argon2 array ask authentication available
    basic bcrypt bearer biometric blank blocked boolean bound cached cancelled changed changeme checked cleared
    cleartext closed compat complete completed configured confirmed consumed correct created defined deleted
    denied detected env file files stdin systemd winbind
    digest disabled disallowed discarded done dropped empty enabled encrypted enum environment ephemeral error
    es256 exchanged exists expired external failed false fetched fix fixed fixes found fresh generated given
    grant granted hashed hidden hs256 hsm ignored imported inactive include incorrect inherit inherited injected
    integer internal invalid issued jwt kerberos keychain keyring kms ldap legacy loaded locked lost managed
    manual masked match matched matches mismatch missing mtls n/a needed negotiate none not ntlm number oauth
    oauth2 obtained oidc ok omit open opened optional parsed passed passkey password pbkdf2 pending permitted
    persisted plaintext present prompt prompted protected provided queued random read-only ready received
    recorded redacted refresh refreshed registered rejected released removed renewed replaced requested required
    reset resolved restored retrieved returned revoked rotated rs256 same-origin saml saved scrypt secured sent
    set sha256 sha512 shared signed skipped sops sso stale stored string succeeded success supplied supported
    temporary totp transient true unavailable unchanged unchecked unknown unlocked unset unsupported unused
    unverified updated used valid value validated varchar verified visible waiting weak webauthn written wrong
    x509 yes erforderlich geheim leer obligatoire obligatorio obligatoria obrigat\xc3\xb3ria requerida requerido
    verplicht""".split()
)
_TYPES = frozenset(b"str string bytes int float bool any object Optional SecretStr Any String Secret".split())


@cache
def _reference() -> re.Pattern[bytes]:
    return re.compile(
        rb"""(?:(?:[Bb]earer|[Bb]asic|[Tt]oken|[Aa]pi-?[Kk]ey)[ ]+)?
        (?: \$\{[\w.:]{1,200}\} | \$\{\w{1,100}:?(?:[?][^}]{0,100}|[-+])\} | \$[0-9@]
          | \$\{\w+(?::[\w.~-]*/[\w./:\#@-]*|\([\w./~'"-]*\))\} | \$__\w+\{[^}]{0,200}\} | @[A-Z][\w.]+\([^)]{0,200}\)
          | \$\([^)]{0,200}\) | %\{[^}]{0,200}\} | \{%[^%]{0,200}%\} | \$[A-Z_][A-Z0-9_]* | %[A-Za-z_]\w*%
          | \$?\{\{.{0,200}\}\} | \{[\w!:.\[\]]{0,200}\} | %[-0-9.]{0,8}l{0,2}[sdrfuvqxi] | %\(\w+\)[sdr]
          | [|>][-+0-9]{0,2} | =
          | (?:id|source|src)=[\w.-]+(?:,(?:src|source|env|type|target)=[\w./~-]+)*
          | (?:@?env|ENV|secretsmanager|sops|doppler|infisical|keychain|vault|op|ssm|keyring|file):[\w./:@#-]{1,200}
          | [abglsvw]:[A-Za-z0-9_]+(?:[\[.][^\n]{0,80})?
          | \$[A-Za-z_]\w*(?:/[\w./-]*|::\w+)\#?
          | (?:env|ENV|os\.environ)/[A-Z_][A-Z0-9_]*
          | alias/[\w/-]+ | @[A-Za-z]+(?:_[A-Za-z0-9]+)*@ | \*[a-z]+(?:[_-][a-z0-9]+)+
          | \#[a-z]+(?:-[a-z0-9]+)+ | \*\.[a-z]+
          | \\f[BIRP].{0,200} | \$\([^)\n]{0,200}\Z | projects/[\w\\.-]+/secrets/[\w\\./-]+ | arn:aws[\w:/.-]+
          | <[\w .:-]{1,200}> | <%=?[^%]{0,200}%>
          | !(?:env|ENV|secret|include|Ref|Sub|GetAtt|ImportValue)\b[^\n"']{0,200}
          | @(?:[.~]{0,2}/[\w./-]+|[\w-]+\.[a-z]{2,4}) | \#\{[\w.\[\]]{1,80}\}
        | ![a-z][\w:.-]{0,40}[ ]+[^\n"']{1,200} | ![\w:-]{1,40}[ ]+[|>][-+0-9]* | ENC\[[^\]\n]{1,4096}\]
          | (?:os\.(?:environ|getenv)|process\.env|System\.getenv|ENV|getenv)\b[\w.\[\]()'",\ !?-]{0,200} )""",
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


@cache
def _masked() -> re.Pattern[bytes]:
    return re.compile(
        rb"""(?:[*xX.#-]|\xe2\x80\xa2){3,}(?:/[gims]{0,3}|[(\[<][A-Za-z]+[)\]>])?|[*]{2,}[A-Za-z _-]{2,24}[*]{2,}
        |[A-Z]{2,}(?:_[A-Z]+){3,}|[\w-]{0,12}(?:[*.]{3,}|[xX]{5,}|\xe2\x80\xa6)[\w-]{0,6}(?:\xe2\x80\xa6)?
        |[(\[<][A-Za-z _-]{1,40}[)\]>]|<[A-Za-z][A-Za-z :\\|/\[\]-]{1,60}>
        |(?i:(?:your|my|the|some|insert|enter|add|put)[-_ ](?:[a-z]+[-_ ]){0,3}(?:key|token|secret|password|value)s?)
        |[a-z]+(?:[-_][a-z]+){0,4}[-_]here|~|_+[a-z]+(?:_[a-z]+)*_+|__[A-Za-z]+(?:_[A-Za-z0-9]+)*__
        |your(?:-[a-z]+)+(?:-?[0-9]{1,2})?|(?:no|not)(?:-[a-z]+){1,3}|(?:MY|YOUR)_?[A-Z_]+[0-9]?|[xX][xX./\\_-]{6,}
        |[a-z]+(?:\|[a-z]+(?::[0-9a-z,]+)?)+
        |[a-z]{2,12}-(?:managed|provided|supplied|only|based|encrypted|injected|mounted|protected|sealed|generated|stored|backed|hashed
            |required|needed)
        |(?i:(?:replace|change|fill|set)[-_ ]?(?:me|this|it|with[-_ ][a-z_ -]{1,30})|to[-_ ]?be[-_ ][a-z]+)
        |(?i:(?:dummy|fake|placeholder|example|sample|redacted|todo|tbd|fixme|test(?=[-_ ][a-z]))
            (?:[-_ ](?:api[-_ ]?)?(?:key|token|secret|value)(?:[-_]?[0-9]{1,2})?)?)
        |(?i:redacted|masked|scrubbed|censored|filtered)[-_: ][\w :-]{1,60}|[-.=_*]{2}[ ]?[A-Za-z ]{2,40}[-.=_*]{2}
        |(?:change|replace|fill|set|put|use|get|read|load|taken|see|ask|stored|kept|comes|provided|from|in|via)
            (?:[-_][a-z]+){0,6}?[-_](?:me|it|in|with|from|by|on|at|via|before|here|vault|env|file|ci)(?:[-_][a-z]+)*
        |change_?me[-_][a-z_-]{2,40}
        """,
        re.VERBOSE,
    )


def is_masked(value: bytes) -> bool:
    """Say whether a value is blinded already or only says what to put there: ****, sk-..., YOUR_KEY, (hidden)."""
    return _masked().fullmatch(value) is not None or value.lower().rstrip(b"/") in _SAID_OF_ONE


_GENERIC = rb"Secret[A-Z]\w*|[A-Z]\w*[<\[][\w.:<>\[\], |]*[>\]]|&(?:str|mut|[A-Z][A-Za-z]+)"
_COMMON = rb"[A-Za-z][a-z]*[.,;!]?|[A-Z]{2,5}|[0-9.,%:/+-]+|\W"

_OF_PROSE = frozenset(b"a an and are as at be by for from has if in is it not of on or that the to was with".split())


def is_common(value: bytes) -> bool:
    """Say whether a value is a word, a number or a sign, as prose has them: `token: the`."""
    if not value.isascii():
        return value.decode("utf-8", "replace").strip("▁Ġ").isalpha()
    return compiled(_COMMON).fullmatch(value) is not None


def is_prose(value: bytes) -> bool:
    """Say whether a value is a sentence: four words and more, one of them such as no password is made of."""
    words = value.lower().split()
    return len(words) > 3 and not _OF_PROSE.isdisjoint(words)


def is_type(value: bytes) -> bool:
    """Say whether a value is the name of a type, as in `api_key: str`."""
    return value in _TYPES or compiled(_GENERIC).fullmatch(value) is not None


def is_no_value(value: str) -> bool:
    """Say whether an environment variable of a secret's name obviously holds none."""
    return value.lower().encode("utf-8", "replace") in _NO_VALUE


@cache
def _issued() -> re.Pattern[bytes]:
    return re.compile(
        rb"(?!(?:sha[0-9]+|md5)[=:])"
        rb"(?!(?:0x|(?:[A-Za-z][A-Za-z0-9.]{0,15}[-_]){1,6}|[0-9a-fA-F]{8}-)?[0-9a-fA-F-]{12,}\Z)[\w+=~-]{0,64}?"
        rb"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{12,}[\w+=~-]*"
        rb"|(?=[a-z.]*[0-9])[a-z0-9]{6}\.[a-z0-9]{16}"  # with which a node joins a cluster
    )


def looks_issued(value: bytes, *, hex_too: bool = False) -> bool:
    """Say whether a value looks made by a machine for one holder: long, letters and digits mixed, no hex id."""
    if len(value) < 16:
        return False
    return _issued().fullmatch(value) is not None or (hex_too and compiled(_HEX).fullmatch(value) is not None)


_HEX = rb"(?:[a-z]{2,12}[-_])?[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_RANDOM = (
    rb"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9]+[^0-9]+[0-9])"
    rb"(?=[\w+/-]*?[A-Za-z0-9]{9})[\w+/-]{20,}={0,2}"
)
_UUID = rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_PADDED = rb"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+/]{30,}={1,2}"
NAMED_DIGEST = rb"(?:[A-Za-z][A-Za-z0-9.]{1,15}[-_/]){1,6}[0-9a-f]{32,64}"
_CLUSTER, _VOWEL = rb"[b-df-hj-np-tv-xz]", rb"[aeiouy]{1,2}"
_SPOKEN = (
    rb"[A-Z]?(?=[a-z]{3})" + _CLUSTER + b"{0,2}" + _VOWEL + b"(?:" + _CLUSTER + b"{1,3}" + _VOWEL + b")*"
    + _CLUSTER + rb"{0,3}(?![a-z])"
)  # fmt: skip
_SIGNS = 8  # so many and more without a letter may be a password
_ADDRESS = (
    rb"\s*[\w+-]{2,16}://(?:[a-z][a-z_.-]{1,24}[0-9]{0,2}@)?[^\s@?]+"
    rb"(?:\?(?:[\w.-]+=[\w.:,+ %$\{\}/-]*&?)*[\w-]*)?"
)
_CHOSEN = rb"(?=[^A-Za-z]*[A-Za-z])(?=[^0-9!#$%^&*?]*[0-9!#$%^&*?])[!-~]{6,128}"
_PRINTED = rb"[a-z]*(?:[\W_]?%s)+"  # in a program: used%s%s
_STRICT = (
    rb"(?=[!-~]*[0-9])(?=[!-~]*[A-Za-z])[\w.*+!#$%^&@?~-]*[*+!#$%^&?~][\w.*+!#$%^&@?~-]*"
    rb"|(?=[a-z]*[A-Z])[A-Za-z]{5,}[0-9]{2,}"
)
_MIXED = rb"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9]*[0-9][^0-9]*[0-9])[A-Za-z0-9._]{10,64}"
_NO_PASSWORD = (
    rb"[0-9.,:/TZ+-]+|Test[A-Z][a-z]\w*/.*|[A-Z][0-9]{2,4}(?:_[A-Za-z]+){2,}|GHSA(?:-[0-9a-z]{4}){3}|[(\[]?[0-9.]+[a-zA-Z/%]{1,5}[)\]]?|[A-Za-z]{1,10}[(].*|[\w.-]+[(].*|(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*"
    rb"|v?[0-9]+(?:\.[0-9]+)+[\w.+~-]*"
    rb"|[0-9]+:[0-9][\w.+~:-]*|[a-z][a-z0-9]*(?:[-_/:.#][a-z0-9.]+)+|[A-Z0-9]+(?:[_-][A-Z0-9]+)+|\w+://.*|[a-z0-9][\w.+-]*@[a-z][a-z0-9.-]*"
    rb"|(?:[A-Za-z0-9]-[A-Za-z0-9]){2,}.*"
    # A word that is said with force, a variable, a format, an operation; an algorithm or a thing with its number.
    rb"|[A-Za-z'-]+[!?*.]+|[$&*%#!]{1,2}[A-Za-z_][\w.]*-?|[A-Za-z_.]+[*&%?^#][A-Za-z_.]+"
    rb"|[A-Z]{2,8}[#-]?[0-9]{1,5}(?:\.[0-9]+)*|"
    + _UUID  # an issue, a standard, an id
    + rb"|\[[a-z_]+=.*|-{1,2}[a-z]+[0-9]*(?:-?[a-z]+)*"
    rb"|(?i:sha|md|aes|rsa|ecdsa|ed|utf|ascii|latin|iso|cp|base|argon|bcrypt|scrypt|pbkdf|oauth|oidc|saml|hs|rs|es|ps|x|totp|http|ipv|ntlm|float|int|uint"
    rb"|user|test|step|field|task|case|item|page|file|host|node|level|rule|line|part|phase|stage|round|version|option|group"
    rb"|error|status|exit|lecture|chapter|section|lesson|figure|table|postgres(?:ql)?|mysql|mariadb|redis|python|windows"
    rb"|ubuntu|debian|chrome|firefox|java|node|gpt|llama|qwen|mistral)"
    rb"-?[0-9]{1,5}[A-Za-z]{0,4}|[A-Za-z_]\w*\[[\w'\"]*\]?"
    rb"|0x[0-9a-f]+|[a-z][\w-]*:(?:/[\w.-]+)+|/[\w.{}-]+(?:/[\w.{}-]*)*|.*[|<>{}].*|[A-Za-z_][\w.-]*=.*"
)

# Of both cases, with a digit among letters: what a generator of passwords gives, whatever sign stands in it.
_SCRAMBLED = rb"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=.*?[A-Za-z][0-9]+[A-Za-z])[\w.$&*%#!]{10,32}"


def looks_random(value: bytes) -> bool:
    """Say whether a text of twenty and more signs mixes both cases and digits as no word does."""
    if len(value) % 4 == 0 and compiled(_PADDED).fullmatch(value):
        return True
    if compiled(NAMED_DIGEST).fullmatch(value) or compiled(_UUID).fullmatch(value):
        return False
    return compiled(_RANDOM).fullmatch(value) is not None and not is_wordy(value)


def is_wordy(value: bytes) -> bool:
    """Say whether half of a text can be read aloud, as `Wav2Vec2PhonemeTokenizer` and one random text of a hundred."""
    return 2 * sum(len(word) for word in compiled(_SPOKEN).findall(value)) >= len(value)


def is_signs(value: bytes) -> bool:
    """Say whether a short value has no letter and no digit: a piece of text, a tick, a comma."""
    text = compiled(rb"\\[nrt]").sub(b"", value).decode("utf-8", "replace")
    return len(text) < _SIGNS and not any(sign.isalnum() for sign in text)


def is_address(value: bytes) -> bool:
    """Say whether a value is a URL in which no secret stands: `token: https://host/oauth/token`."""
    return compiled(_ADDRESS).fullmatch(value) is not None and not issued_pieces(value)


def looks_chosen(value: bytes, *, strict: bool = False, mixed: bool = False) -> bool:
    """Say whether a value could be a password or a key, and no word, number, version, path, name or address.

    Strictly (in prose, where any word might stand): with a sign like ! or *, or a capital and digits at the end; where
    `mixed` will do, with small and capital letters and two digits, parted by . or _ if at all.
    """
    if looks_issued(value) or looks_random(value):
        return not is_masked(value)
    if b"%s" in value and compiled(_PRINTED).fullmatch(value):
        return False
    if compiled(_NO_PASSWORD).fullmatch(value) and (is_wordy(value) or not compiled(_SCRAMBLED).fullmatch(value)):
        return False
    if strict and mixed and compiled(_MIXED).fullmatch(value):
        return True
    if strict:
        return 8 <= len(value) <= 64 and compiled(_STRICT).fullmatch(value) is not None
    return compiled(_CHOSEN).fullmatch(value) is not None and not is_masked(value)


def issued_pieces(value: bytes) -> list[bytes]:
    """Return the parts of an address that look issued: the last of a webhook's."""
    return [piece for piece in compiled(rb"[\w-]{16,}").findall(value) if looks_issued(piece, hex_too=True)]


_MOUNTED = (
    rb"(?:(?:~|\.{1,2})?(?:/\.?[a-z][a-z0-9_.-]*){2,12}"
    rb"|(?:~|\.{1,2})/\.?[a-z][a-z0-9_-]*\.[a-z]{2,5})(?::[a-z]{2})?"
)


@cache
def _path() -> re.Pattern[bytes]:
    return re.compile(
        rb"(?:~|\.{1,2})?/[\w.@ -]+(?:/[\w.@ -]+)*|[\w./@ -]+\.(?:json|pem|key|txt|ya?ml|env|p12|pfx|crt|cer|jks)"
    )


def is_place(value: bytes) -> bool:
    """Say whether a value can only be the path of a file, all in small letters: /run/secrets/db."""
    return compiled(_MOUNTED).fullmatch(value) is not None and not looks_issued(value.rpartition(b"/")[2], hex_too=True)


def is_path(value: bytes) -> bool:
    """Say whether a value reads as the path of a file."""
    return _path().fullmatch(value) is not None

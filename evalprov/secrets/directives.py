"""Secrets in lines that are commands themselves: of a router, a server, a file of users, a call that encrypts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.judged import is_secret_value
from evalprov.secrets.names import SURE, is_secret_variable, judge
from evalprov.secrets.values import compiled, is_reference, looks_chosen, looks_issued

if TYPE_CHECKING:
    from evalprov.secrets.shapes import Spans

# What such a line begins with; prose does not.
_BEGINS = frozenset(
    b"""aaa-server area auth auth-user-pass-inline authentication bgp bind bindpw config crypto d-i enable ike ikev1
    ikev2 interface ip ipsec ipv6 isakmp isis key key-string ldap line neighbor ntp option ospf peer permit ppp
    pre-shared-key psk radius radius-server rip rootpw secret sentinel server set snmp snmp-server ssid standby stats
    tacacs tacacs-server tunnel-group uci user username vrrp wireless wpa-psk""".split()
)
_KEYED = frozenset(b"aaa-server crypto isakmp option peer radius radius-server server tacacs tacacs-server".split())
_TYPE = (
    rb"(?:[0-9]{1,2}|ascii(?:-text)?|hex(?:adecimal)?|(?:plain|clear)-?text|text|md5|sha[0-9-]*|enc(?:rypted)?|ENC|aes|auth"
    rb"|priv|string|simple|again|secret|password|--plaintext)"
)
_GIVEN = (
    rb"(?<![a-z])[\w/-]*(?:passw(?:or)?d|pass(?:phrase)?|secret|psk|shared-(?:key|secret)|-key|authentication|simple"
    rb"|plain-text-password|community|psksecret|inline|plaintext|md5|(?P<key>(?<![\w-])key)|sha|auth|128|256|SHA)(?![\w.-]*[a-z])"
    rb"[ ]+(?:" + _TYPE + rb"[ ]+){0,3}[\"']?([^\s\"';()]{4,128})[\"';)]{0,3}(?=[ ]|\s*\Z)"
)
_OF_USER = rb"(?<![a-z])auth[ ]+[\w.@-]{1,64}:(\S{4,128})"
_PROSE = rb"[.,!?](?:[ ]|\s*\Z)|[ ](?:the|a|is|are|of|to|and|for|in|with)[ ]"
# Files of users, by a sign of theirs.
_FILES = (
    (b"on >", rb"(?i)\b(?:set)?user[ ]+\S+[ ]+(?:\S+[ ]+){0,6}>(\S{4,128})"),
    *(
        (sign, rb"^\"?[\w.@\\-]{1,64}\"?[ \t]+(?:\*|[\w.-]{1,64})[ \t]+\"?([^\s\"]{6,128})\"?[ \t]+\*\s*\Z")
        for sign in (b" *", b"\t*")
    ),
    (b" * ", rb"^\"?[\w.@\\-]{1,64}\"?[ \t]+\*[ \t]+\"?([^\s\"]{6,128})\"?[ \t]+[\w.*]{1,40}\s*\Z"),
    *((sign, rb"(?i): (?:EAP|XAUTH|NTLM)[ ]+\"([^\"]{4,128})\"") for sign in (b": EAP", b": XAUTH", b": NTLM")),
    (b":/home/", rb"^[\w.-]{1,32}:([^:\s]{6,128}):[0-9]{1,6}:[0-9]{1,6}:[^:]{0,64}:/"),
    (b"root_token", rb"\"(?:keys|keys_base64|unseal_keys\w*)\"\s*:\s*\[([^\]]{16,4096})\]"),
    (b'"username"', rb"\"username\"\s*:\s*\"[^\"]{1,64}\",\s*\"key\"\s*:\s*\"([^\"]{16,128})\""),
    (b"rootpw ", rb"\brootpw[ ]+--plaintext[ ]+(\S{4,128})"),
    (b"CWJAP", rb"CWJAP\w*=\"[^\"]{1,64}\",\"([^\"]{4,128})\""),
    (
        b"send ",
        rb"(?i)(?:passw|expect|spawn|login)[^\n]{0,200}?\bsend[ ]+(?:--[ ]+)?\\{0,2}[\"']([^\"'\\]{4,128})\\{1,2}[rn]",
    ),
    *(
        (
            sign,
            rb"(?i)(?<![\w.-])(?:[\w.-]{0,24}[_.-])?(?:\w{0,8}sid|sess\w{0,8}|session\w{0,8}|auth\w{0,8})=([\w%.+/-]{16,512});",
        )
        for sign in (b"; Path=", b"; HttpOnly", b"; Secure", b"; path=", b"; Max-Age")
    ),
    *(
        (sign, rb"[\"'](?i:auth)[\"'],?[ ](?:[\"'][^\"']{1,64}[\"'],?[ ])?[\"']([^\"']{4,128})[\"']\)?\s*\Z")
        for sign in (b'"AUTH"', b'"auth"', b"'AUTH'")
    ),
    (b" KEY ", rb"(?i)attach\b[^\n]{1,200}?\bkey[ ]+'([^']{4,128})'"),
    *(
        (sign, rb"\b(?:auth|creds|credentials|login)[ :=]{1,3}[\w.@-]{1,32}:([^\s:/\"',]{6,64})")
        for sign in (b"auth ", b"creds", b"credentials", b"login ")
    ),
    (b"sudo -S", rb"<<<[ ]*[\"']?([^\s\"']{4,128})"),
    (b"| passwd", rb"\byes[ ]+[\"']?([^\s\"'|]{4,128})[\"']?[ ]*\|"),
)
# What encrypts, signs, hashes or logs in: of the texts that it is given, one that could be a password is one.
_CALLED = (
    rb"(?i)(?<![\w])(?:jwt|jws|cookieparser|wifi|wlan)|hmac|aes|cipher|crypt|hashpw|pbkdf2|secretkeyspec|fernet"
    rb"|urlsafe\w*serializer|username_pw_set|setbasicauth|passwordauthentication|credentials|set_password|ftp"
)
_OF_NAMES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
_LONGEST_NAME = 64
_LITERAL = rb"b?([\"'])((?:(?!\1)[^\n\\]){4,128})\1"
_SET = (
    rb"\b(?:ENV|ARG|setenv|setx|SetEnv|set[ ]-[gUx]{1,3}|set[ ]--(?:global|export)|fastcgi_param)[ ]+([A-Z][A-Z0-9_]{2,63})[ ]+[\"']?"  # noqa: E501
    rb"([^\s\"'=;]{4,256})"
)
_TOLD_BUILD = (
    rb"(?:task\.setvariable variable=|::set-(?:output|env) name=)([\w.]{2,64})[^\]:\n]{0,64}(?:\]|::)(\S{4,512})"
)
SIGNS: tuple[bytes, ...] = (
    b"334 UGFz",
    b"setx ",
    b"setvariable ",
    b"::set-",
    b"ENV ",
    b"ARG ",
    b"etenv ",
    b"SetEnv ",
    b"set -",
    b"cgi_param",
)
SIGNS += (*(sign for sign, _ in _FILES), *(b"crypt", b"AES", b"aes", b"ipher", b"hashpw", b"pbkdf2", b"JWT", b"jwt"))
SIGNS += (
    b"set_password(",
    b"hmac",
    b"HMAC",
    b"Hmac",
    b"KeySpec",
    b"erializer(",
    b"_pw_set",
    b"BasicAuth",
    b"redentials",
    b"iFi.",
    b"FTP(",
)
_SIGNED = rb",[ ]?(?:algorithms?\b|\{[ ]?algorithm|[\"'](?:HS|RS|ES)[0-9])"
_ALGORITHM = rb"(?i)(?:aes|des|rsa|sha|hmac|pbe|pbkdf|blowfish|chacha|id-|ecdsa|hs|rs|es|utf)[\w-]{0,24}(?:/[\w-]+)*\Z"
_INSIDE = 160


def find_directives(text: bytes, spans: Spans) -> None:
    """Add what a line that begins as a command gives as a password or a key."""
    begin = text.split(None, 1)[:1]
    if not begin or len(text) > 400 or begin[0].lstrip(b"/").lower() not in _BEGINS or compiled(_PROSE).search(text):
        return
    for found in compiled(_GIVEN).finditer(text):
        if (not found["key"] or begin[0] in _KEYED) and looks_chosen(found[2]):
            spans.append(found.span(2))
    spans.extend(found.span(1) for found in compiled(_OF_USER).finditer(text) if looks_chosen(found[1]))


def find_in_files(text: bytes, spans: Spans) -> None:
    """Add the passwords of files that have one a line, and of what is typed into a program."""
    for sign, pattern in _FILES:
        if sign in text:
            found = compiled(pattern).finditer(text)
            spans.extend(one.span(1) for one in found if looks_chosen(one[1]) or looks_issued(one[1], hex_too=True)
                         or b'", "' in one[1])  # fmt: skip


def find_in_calls(text: bytes, spans: Spans) -> None:
    """Add what a call that encrypts or logs in is given as a key."""
    begin = text.find(b"(")
    while begin >= 0:
        before = text[max(0, begin - _LONGEST_NAME) : begin]
        name = b".".join(before[len(before.rstrip(_OF_NAMES)) :].split(b".")[-2:])
        if compiled(_CALLED).search(name) and (span := _key_in_call(text, begin + 1, name)):
            spans.append(span)
        begin = text.find(b"(", begin + 1)


def _key_in_call(text: bytes, begin: int, name: bytes) -> tuple[int, int] | None:
    """Return the first text of a call that could be a password or a key."""
    for literal in compiled(_LITERAL).finditer(text, begin, begin + _INSIDE):
        between = text[begin : literal.start()]
        if between.count(b")") > between.count(b"("):
            return None  # the call is over
        value = literal[2]
        signed = compiled(_SIGNED).match(text, literal.end()) and b"jw" in name.lower()
        if compiled(_ALGORITHM).match(value) or is_reference(value):
            continue
        if signed or looks_chosen(value) or looks_issued(value, hex_too=True):
            return literal.span(2)
    return None


def find_set(text: bytes, spans: Spans) -> None:
    """Add what a variable of a secret's name is set to without a sign between them: `ENV API_KEY X`."""
    for found in (*compiled(_SET).finditer(text), *compiled(_TOLD_BUILD).finditer(text)):
        name = found[1].decode()
        if (is_secret_variable(name) or judge(name) == SURE) and is_secret_value(
            found[2], name, max(judge(name), SURE)
        ):
            spans.append(found.span(2))

"""Which lines of a text are worth a look: the rest, which is nearly all of most output, goes by at full speed.

A line is looked at if it has a secret's word in it, a run of letters and digits as long as a token's, a URL with a
user, or a command that takes a secret. No rule finds anything on another line, but by what a line before it told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.secrets import foreign
from evalprov.secrets.values import RUN_FLAT, compiled, flattened

if TYPE_CHECKING:
    from collections.abc import Iterator

# Digests, ids and long identifiers: no token is of hex digits alone, none but a rare kind of small letters alone.
_NO_TOKEN = rb"(?:(?!fc-|(?:[2-7][0-9a-f]){12})[0-9a-f-]{15,}|(?!hf_)[a-z_-]{15,})(?![A-Za-z0-9_-])"
# A count of tokens, of which every eval speaks, and a tokenizer's name are no secret's word.
# Each begins with one plain letter, which is searched as fast as a byte; what comes before it is told by looking back.
_WORDS = (
    (
        rb"k(?:ey|ennwort|ode(?<=adgangskode)|en(?<=token)(?!s[\"']?[=:][ ]?[0-9]|s/s|izer)|ie(?<=cookie)|(?<=unlock)|(?<=lozink)"  # noqa: E501
        rb"|ata sandi|s\.(?<=hooks\.))"
    ),
    (
        rb"p(?:ass|t\((?<=crypt\()|bkdf2|w_set|[\"' :=_](?:(?<=mdp.)|(?<=otp.)[\"' :=]{0,4}[0-9])"
        rb"|in(?:[ _-]?code)?(?: is |[\"' ]{0,2}[=:][\"' ]{0,2})[0-9]|w(?:gen|(?![a-ce-z0-9_]))|hrase|sk|do\(|arola"
        rb"|:(?<=u/p:))"
    ),
    (
        rb"c(?:red|ode(?: is |[\"' ]{0,2}[=:][\"' ]{0,2})[0-9]{4}|ipher|wjap|pin=|racked(?<=cracked)|ret(?<=secret)|url "  # noqa: E501
        rb"|onnect(?:ion)?\(|ommunity |ontrasen|lave|htwoord(?<=wachtwoord))"
    ),
    rb"h(?:(?<=log in with)|a(?:(?<=senha)|slo|shpw)|eslo|mac)",
    rb"uth(?<=auth)",
    rb"gin(?<=login)",
    rb"ql(?:(?<=mysql)|(?<=[ t]sql)|cmd)",
    rb"dentif(?:ied (?:by|with) |y )",
    # What a command is given: mongosh -p X, redis-cli -a X.
    rb"-(?:[pPaw](?<=[ \"'\t]-.)|s(?<=sudo -s))",
)
# The same, for a short text, which is not worth what compiling a pattern costs the start of a run.
_PLAINLY = (
    *(
        b"key",
        b"token",
        b"cookie",
        b"hooks.",
        b"pass",
        b"pwd",
        b"cred",
        b"secret",
        b"url ",
        b"auth",
        b"login",
        b"mysql",
        b"psk",
        b"pw",
        b"pdo(",
        b"onnect",
        b"community ",
        b"parola",
        b"ontrasen",
        b"wachtwoord",
        b"senha",
        b"haslo",
        b"heslo",
        b"sqlcmd",
        b"tsql",
        b"dentify ",
        b"kennwort",
        b"kata sandi",
        b"lozink",
        b"mdp",
        b"clave",
        b"u/p:",
        b"adgangskode",
        b"phrase",
        b"pin",
        b"otp",
        b"code",
        b"crypt(",
        b"cipher",
        b"hmac",
        b"unlock",
        b"log in",
        b"cracked",
        b"hashpw",
        b"bkdf2",
        b"w_set",
        b"cwjap",
        b" -s",
        b" -p",
        b" -a",
        b" -w",
        b'"-p',
        b'"-w',
        b"'-w",
        b'"-a',
        b"'-p",
        b"'-a",
    ),
    b"dentified ",
)
_SHORT = 1 << 9
# Words of a server's own language and of what encrypts, each looked for where a sign of it stands at all.
_RARE = (
    (b"", (b"admin", b"root", b"ugfz", b"salt")),
    (b"(", (b"jwt", b"aes.", b"serializer(", b"wifi.", b"wlan.", b".open(")),
    (b":", (b":8080:", b":3128:", b"mask::")),
    (b"/", (b":/home/", b"/t/", b"rtmp")),
    (b">", (b" on >",)),
    (b"{", (b"{plain}",)),
    (b"`", (b"hopen",)),
    (b'"', (b'eap "',)),
    (b"\\", (b"send ",)),
    (b"|", (b"cryptsetup", b"|554=", b"|925=")),
    (b"%", (b"%s:%s",)),
)
_STARRED = rb"\*(?::[\w*]|[ \t\r]*(?:\n|\Z))"
OF_DOMAIN = rb"\\[\w.$-]{2,64}:[^\s\\/:]{6}"  # CORP\bob:X
SHORT_RUNS = b"fm2_"  # a token with + and / in it, which may have no run as long as others'
_IN_URLS = rb"(?:sig(?:nature)?|appid)="


def has_odd_run(text: bytes) -> bool:
    """Say whether a text has such a run that is not of small letters alone, as a long name is."""
    return any(compiled(rb"[A-Z0-9]").search(run) for run in compiled(rb"[A-Za-z0-9_-]{15,}").findall(text))


def suspects(text: bytes, flat: bytes) -> list[int]:  # noqa: C901 - one branch a sign
    """Return where the lines begin that are to be looked at."""
    found: set[int] = set()
    lower = text.lower()
    if len(text) > _SHORT or any(word in lower for word in _PLAINLY):
        for pattern in _WORDS:
            _add_lines(lower, pattern, found)
    if b"&" in text or b"?" in text:
        _add_lines(lower, _IN_URLS, found, (b"&", b"?"))
    if b"@" in text:
        _add_lines(text, b"@", found)
    for sign, words in _RARE:
        for word in words if sign in lower else ():
            if word in lower:
                _add_lines(lower, re.escape(word), found, (sign,))
    if SHORT_RUNS in text:
        _add_lines(text, SHORT_RUNS, found)
    for pattern in (OF_DOMAIN, _STARRED):
        if pattern[1:2] in text:
            _add_lines(text, pattern, found)
    for noun in () if text.isascii() else foreign.signs():
        if noun in lower:
            _add_lines(lower, noun, found)
    found.update(_with_runs(text, flat))
    return sorted(found)


def may_hold_token(line: bytes) -> bool:
    """Say whether a line has a run that could be a token's."""
    return any(True for _ in _with_runs(line, flattened(line)))


def _add_lines(text: bytes, pattern: bytes, found: set[int], beside: tuple[bytes, ...] = (b"",)) -> None:
    """Add the beginnings of the lines that have a sign in them, and one of those that stand beside it."""
    search = compiled(pattern).search
    sign = search(text)
    while sign:
        at = sign.start()
        begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
        if any(text.find(one, begin, end if end >= 0 else len(text)) >= 0 for one in beside):
            found.add(begin)
        sign = search(text, end) if end >= 0 else None


def _with_runs(text: bytes, flat: bytes) -> Iterator[int]:
    """Yield the beginnings of the lines with a run that could be a token's."""
    at = flat.find(RUN_FLAT)
    while at >= 0:
        if harmless := compiled(_NO_TOKEN).match(text, at):
            end = harmless.end()
        else:
            yield text.rfind(b"\n", 0, at) + 1
            end = text.find(b"\n", at)
        at = flat.find(RUN_FLAT, end) if end >= 0 else -1

"""Secrets in the forms that some languages, files, servers and devices have for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.judged import is_secret_value
from evalprov.secrets.names import NO, judge
from evalprov.secrets.values import compiled, is_masked, is_reference, looks_chosen

if TYPE_CHECKING:
    from evalprov.secrets.shapes import Spans

# Of which one begins a login.
LOGS_IN = (
    *(b"auth", b"login", b"connect", b"signin", b"sign_in", b"pdo", b"cred", b"account", b"user/p", b"u/p"),
    *(
        b"admin/",
        b"admin /",
        b"admin:",
        b"root/",
        b"root /",
        b"root:",
        b"trator/",
        b"trator:",
        b"racked",
        b":8080:",
        b":3128:",
    ),
    *(b"hopen", b"unlock", b"log in"),
    *(b"sign in", b"signed in", b"logged in", b"zugangsdaten", b"identifiants", b"acceso", b"wifi", b"wi-fi", b"ssid"),
    *(b"client(", b".open("),
)
_USER_AND = (
    rb"(?i)(?<![a-z])(?:log(?:ged)?[ -]?in|sign(?:ed)?[ -]?in|account|cred(?:ential)?s?|user/p\w*|u/p|zugangsdaten"
    rb"|identifiants|acceso|wi-?fi|ssid)(?:[ ]?[:=][ ]?|[ ](?:(?:as|with|is|are)[ ])?)"
    rb"[\"'`]?[\w.@+-]{1,64}[\"'`]?(?:[ ]?/[ ]?|[ ](?:and|with|using)[ ])"
    rb"[\"'`]?((?=[^\s/]*?[0-9])(?=[^\s/]*?[A-Za-z])[^\s\"'`/,;]{6,64}?)(?=[.,;:!\"'`)]*(?:\s|\Z))"
)
# admin/X, CORP\\bob:X, h:8080:bob:X: only what looks like a password without any doubt.
_OF_USER = (
    rb"(?i:(?<![\w./@-])(?:admin|root|administrator)[ ]?[/:][ ]?"
    rb"|(?<![\w\\])[a-z][\w.-]{1,32}\\[\w.$-]{1,64}:"
    rb"|(?<!\w)[a-z0-9][\w.-]{0,64}:[0-9]{2,5}:[a-z][\w.@-]{0,32}:"
    rb"|cracked:?[ ][^\n]{0,48}?(?:=>|->|:)[ ]"
    rb"|unlock\b[^\n.]{0,40}?\b(?:type|enter|use|with)[ ]|log in with [a-z][\w.-]{1,32} and )"
    rb"[\"'`]?([^\s:/\"'`(),;]{8,64})"
)
_LOGIN = (
    rb"(?:[Aa]uth|[Ll]ogin|[Cc]onnect|[Ss]ign_?[Ii]n|PDO|Credentials?)\w{0,24}"
    rb"(?:[\"']?[ ]?[:=(][ ]?[(\[]{0,2}[ ]?|[ ](?=['\"]))[^\s,()]{1,64},[ ]?(?:[^\s,()]{1,64},[ ]?)?"
    rb"(?:Some\()?b?[\"']([^\"']{4,128})[\"']"
)
_PIPED = (
    rb"(?:echo|printf)[ ]+(?:-[a-z]+[ ]+|['\"]?%s(?:\\n)?['\"]?[ ]+)*['\"]?((?!\$)[^\s'\"|]{4,128})['\"]?[ ]*\|"
    rb"[^|]*(?:--\w+-stdin|--with-token|passwd|sudo -S|-passin stdin|--passphrase-fd|crypt)"
)
_INSERT = rb"(?i)insert\s+into\s+\S+\s*\(([^()]{1,400})\)\s*values\s*\(([^()]{1,4000})\)"
_IDENTIFIED = rb"(?i)identified\s+(?:with\s+\S+\s+)?by\s+[\"']([^\"']+)[\"']"
_OF_USERS = rb"(?<![a-z])(?:user|role|grant|login|account|principal|alter|create|set|using|change)s?(?![a-z])"
_PGPASS = rb"(?m)(?:^|(?<=[ =\"']))[\w.*-]+:(?:[0-9]{2,5}|\*):[\w*-]+:[\w*.-]+:([^\s:]{4,})$"
_JWK = rb"\"(?:k|d|p|q|dp|dq|qi)\"[ ]*:[ ]*\"([^\"]+)\""
_AT_SERVER = (  # Postfix's
    rb"(?m)^\[?[\w.-]{1,128}\]?(?::[0-9]{1,5})?[ \t]+[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}:([^\s:]{6,64})\s*$"
)
_AT_HOST = rb"(?:(?<![\w/.@:%+-])|(?<=server:))[\w.-]{1,32}:(?!_Z)([^\s:@/'\"]{8,64})@[A-Za-z0-9\[]"
_COOKIE_JAR = rb"\t(?:TRUE|FALSE)\t/\S*\t(?:TRUE|FALSE)\t[0-9]+\t\S+\t(\S{8,})"
_SAID_CODE = (
    rb"(?:\b(?:PIN|pin|OTP)|(?i:verification|security|access|one-time|login|sign-in|door|unlock|confirmation)[ ]code)"
    rb"[ ]is[ ]([0-9]{4,8})(?!\w|[.-]\w)"
)
_FORMS = (
    (b"crypt", rb"(?:\bcrypt\(|pgp_sym_(?:en|de)crypt\([^,()]{1,80},[ ]?)[\"']([^\"']{4,128})[\"']"),
    (
        b"=$(",
        (
            rb"(?i)(?:pass(?:word|wd)?|pwd|token|secret|key)=[\"']?\$\((?:echo|printf)[ ]+(?:-n[ ]+|'%s'[ ]+)?"
            rb"[\"']?([^\s\"'|$)]{4,128})"
        ),
    ),
    (b"PASSWORD '", rb"(?i)\b(?:role|user|login|alter|create)\b[^'\n]{0,80}PASSWORD[ ]+'([^']+)'"),
    (b' . "', rb"\([\w-]{0,40}(?:password|passwd|secret|api-key)[ ]\.[ ]\"([^\"]{4,256})\""),
    (b"CPIN=", rb"CPIN=\"?([0-9]{4,8})"),
    (b"PRAGMA", rb"PRAGMA[ ]+(?:\w+\.)?(?:re)?key[ ]*=[ ]*[\"']([^\"']+)[\"']"),
    (
        b"name=",
        (
            rb"\bvalue=[\"']([^\"'<>$]{4,512})[\"'][ ][^<>]{0,80}?\bname="
            rb"[\"'][\w.-]{0,40}(?i:password|passwd|secret|token|api_?key)[\"']"
        ),
    ),
    *((b'"kty"', _JWK), (b"|", _PIPED), (b":5432:", _PGPASS), (b"*:*:", _PGPASS)),
    *((b"TRUE\t", _COOKIE_JAR), (b"FALSE\t", _COOKIE_JAR)),
    # What is typed into a server or a device, or stands in its configuration.
    (b"login ", rb"\blogin[ ]+\S+[ ]+password[ ]+([^\s\"']{4,})"),
    *(
        (
            sign,
            (
                rb"(?i)\b(?:login|user(?:name)?)[ ]+[\w.@-]+,?[ ]+(?:and[ ]+|with[ ]+)?pass(?:word)?[ ]+(?:[0-9][ ]+)?"
                rb"((?=\S*?[0-9])(?=\S*?[A-Za-z])[^\s\"']{6,64})"
            ),
        )
        for sign in (b"assword ", b"ASSWORD ", b" pass ")
    ),
    *(
        (sign, rb"\b(?:AUTH|LOGIN)[ ]+(?:\w{1,32}[ ]+)?((?=[A-Za-z]*[0-9])[A-Z]?[a-z]{4,}[0-9]{1,4})\b")
        for sign in (b"AUTH ", b"LOGIN ")
    ),
    (b"assword ", rb"<(?:\w+:)?Password[ ][^<>]{0,200}>([^<>\s]{4,128})</"),
    (b"%s:%s", rb"printf[ ]+[\"']?%s:%s(?:\\n)?[\"']?[ ]+[\w.@-]{1,64}[ ]+[\"']?((?!\$)[^\s\"'|]{4,128})"),
    (b"-pw ", rb"[ ]-pw[ ]+((?=\S*[0-9])[^\s\"']{6,128})"),
    (b"Basic ", rb"(?i)authorization[\"' :=]{1,6}basic[ ]+[^\s:]{1,32}[ :]((?=\S*[0-9])[^\s\"']{6,64})"),
    (b"rtmp", rb"rtmps?://[^\s/]{1,128}/(?:[\w.-]{1,64}/){0,4}(?=[\w-]{0,64}[0-9])([\w-]{16,128})(?![\w/])"),
    *(
        (
            sign,
            _SAID_CODE,
        )
        for sign in (b"PIN is ", b"pin is ", b"code is ")
    ),
    (b"add-mask::", rb"::add-mask::(\S{4,512})"),
    *(
        (sign, sign.replace(b"|", b"\\|") + rb"([^|\s]{4,128})")
        for sign in (b"|554=", b"|925=", b"\x01554=", b"\x01925=")
    ),
    (
        b"random_password",
        rb"\"random_password\".{0,400}?\"result\"[ ]*:[ ]*\"([^\"]{4,256})\"",
    ),
    *(
        (
            sign,
            (
                rb"\"(?:text|value|val|content|input)\"[ ]?:[ ]?\"([^\"]{4,128})\"[^{}]{0,80}?"
                rb"\"(?:name|key|label|field|id|placeholder|selector|title)\"[ ]?:[ ]?"
                rb"\"[^\"]{0,40}(?i:passwor[dt]|passwd|passphrase|secret|api[_ -]?key)\""
            ),
        )
        for sign in (b'"label"', b'"selector"', b'"field"', b'"placeholder"', b'"title"')
    ),
    *(
        (
            sign,
            rb"(?:Key Content|Schl\S{1,3}sselinhalt|Contenu de la cl\S{1,2}|Contenido de la clave|Contenuto chiave)[ ]*:[ ](\S{8,64})",  # noqa: E501
        )
        for sign in (b"Key Content", b"sselinhalt", b"Contenu de la cl", b"Contenido de la clave", b"Contenuto chiave")
    ),
    (b"tokens", rb"\btokens[ ]?=?[ ]?\{[ ]?\w{1,24}[ ]?[=:][ ]?\"([\w-]{16,256})\""),
    (b"@tcp(", rb"[\w.-]{1,64}:([^\s\"'`]{1,128})@tcp\("),
    (b":thin:", rb":thin:[\w.-]{1,64}/([^\s@/\"']{1,128})@"),
    *((sign, rb"\{(?:PLAIN|CLEARTEXT|S?SHA[0-9]{0,3}|S?MD5)\}(\S{4,256})") for sign in (b"{PLAIN}", b"SHA}", b"MD5}")),
    (b"USERPWD", rb"USERPWD,[ ]?[\"'][^:\"']{1,64}:([^\"']+)[\"']"),
    *(
        (
            sign,
            (
                rb"(?i)passw(?:or)?d[^()\n]{0,40}?[\"')\]]{1,4}"
                rb"(?:\.(?:type|send_keys|sendKeys|fill)\(|,[ ]?)[\"']([^\"']{4,128})[\"']"
            ),
        )
        for sign in (b".type(", b".send_keys(", b".sendKeys(", b".fill(")
    ),
    # What a program for passwords of many users reads.
    (b"LOGIN ", rb"(?m)^(?:[<>*][ ])?(?:[A-Za-z]{0,3}[0-9]{1,4}[ ])?LOGIN[ ]+\S{1,64}[ ]+\"?([^\s\"]{4,128})"),
    (b"AUTH ", rb"(?m)^(?:[<>*CS]:?[ ])?AUTH[ ]+(?:[\w-]{1,32}[ ]+)?((?=\S*[0-9])(?=\S*[A-Za-z])\S{6,512})\s*$"),
    (b"IDENTIFY ", rb"\bIDENTIFY[ ]+(?:\w{1,32}[ ]+)?((?=\S*[0-9])(?=\S*[A-Za-z])\S{6,64})\s*$"),
    (
        b"Client(",
        (
            rb"Client\((?:[\"'][^\"']{0,64}[\"'],[ ]?)?b?[\"']"
            rb"((?=[^\"']*[a-z])(?=[^\"']*[A-Z])(?=[^\"']*[0-9])[A-Za-z0-9_+/-]{24,128})[\"'][,)]"
        ),
    ),
    (b".logon ", rb"\.logon[ ]+[^\s,]+,([^\s;\"]{4,})"),
    (b"signature_scheme", rb"\"key\"[ ]*:[ ]*\"([^\"]{16,})\""),
    *(
        (
            sign,
            rb"(?m)^[ ]*(?:username \S+ |snmp-server |enable |neighbor \S+ |tacacs-server |radius-server |[ ]*)" + word,
        )
        for sign, word in (
            (b"community ", rb"community[ ]+([^\s:=]{6,64})"),
            (b"secret ", rb"secret[ ]+(?:[0-9][ ]+)?((?=\S*[0-9])[^\s:=]{6,64})$"),
            (b"shared-key ", rb"pre-shared-key[ ]+(?:[a-z-]+[ ]+)?((?=\S*[0-9])[^\s:=]{6,64})$"),
            (b"key-string ", rb"key-string[ ]+(?:[0-9][ ]+)?(\S{6,64})$"),
        )
    ),
)
SIGNS_OF_FORMS = tuple(sign for sign, _ in _FORMS)
STATEMENTS = (b"insert", b"dentified")  # in small letters


# A client that is made of a user and a password, with an address before them or none.
_CLIENT = rb"(?:Client|\.open|\.connect|[Ll]ogin)\((?:[^()\n]{0,80},[ ]?)?[\"'][\w.@-]{1,32}[\"'],[ ]?[\"']([^\"']{6,64})[\"'][,)]"  # noqa: E501


def find_logins(text: bytes, spans: Spans) -> None:
    """Add the password that a call is given behind a user's name, or a person: `sign in as bob with X`."""
    if b"(" in text or b"', '" in text or b'", "' in text:
        spans.extend(found.span(1) for found in compiled(_LOGIN).finditer(text) if looks_chosen(found[1]))
        clients = compiled(_CLIENT).finditer(text)
        spans.extend(found.span(1) for found in clients if looks_chosen(found[1], strict=True, mixed=True))
    owned = compiled(_OF_USER).finditer(text)
    spans.extend(one.span(1) for one in owned if looks_chosen(one[1].rstrip(b".!?"), strict=True, mixed=True))
    spans.extend(found.span(1) for found in compiled(_USER_AND).finditer(text) if looks_chosen(found[1]))


def find_at_hosts(text: bytes, spans: Spans) -> None:
    """Add the password of `user:password@host`."""
    spans.extend(one.span(1) for one in compiled(_AT_HOST).finditer(text) if looks_chosen(one[1], strict=True))
    spans.extend(one.span(1) for one in compiled(_AT_SERVER).finditer(text) if looks_chosen(one[1]))


def find_forms(text: bytes, lower: bytes, spans: Spans) -> None:
    """Add where secrets stand in the forms that some languages and files have for them."""
    _find_inserted(text, lower, spans)
    if b"dentified" in lower:
        found = (
            compiled(_IDENTIFIED).finditer(text) if b"DENTIFIED" in text or compiled(_OF_USERS).search(lower) else ()
        )
        spans.extend(one.span(1) for one in found if not is_reference(one[1]))
    for sign, pattern in _FORMS:
        if sign in text:
            found = (
                one for one in compiled(pattern).finditer(text) if not is_reference(one[1]) and not is_masked(one[1])
            )
            spans.extend(one.span(1) for one in found)


def _find_inserted(text: bytes, lower: bytes, spans: Spans) -> None:
    """Add the values of an INSERT that go into a secret's column."""
    if b"insert" not in lower:
        return
    for found in compiled(_INSERT).finditer(text):
        columns = [judge(name.strip(b" `\"'").decode("utf-8", "replace")) for name in found[1].split(b",")]
        values = list(compiled(rb"\s*(?P<q>['\"])((?:(?!(?P=q))[^\\]|\\.|'')*)(?P=q)\s*|[^,]+").finditer(found[2]))
        for rank, value in zip(columns, values, strict=False):
            if rank != NO and value[2] is not None and is_secret_value(value[2], "password", rank):
                spans.append((found.start(2) + value.start(2), found.start(2) + value.end(2)))

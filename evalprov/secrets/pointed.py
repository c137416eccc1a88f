"""Secrets that something other than `=` and `:` points at: an arrow, a table's line, a tag, a call, a sentence.

Wherever a secret's word stands, the name around it is judged (names.py), then what comes after it: the looser the
tie, the more must the value look like a secret. In the end a long random text near such a word is taken for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.names import CHOSEN, LIKELY, NO, SURE, judge
from evalprov.secrets.pairs import is_secret_value, rank_in
from evalprov.secrets.source import counts_in_source
from evalprov.secrets.values import (
    EVIDENCE,
    NAMED_DIGEST,
    compiled,
    has_one,
    has_run,
    is_common,
    is_masked,
    is_plain,
    is_reference,
    kinds,
    looks_chosen,
    looks_issued,
    looks_random,
)

if TYPE_CHECKING:
    import re

    from evalprov.secrets.shapes import Spans

_FOREIGN = (
    "contraseña|contraseÑa|contrasena|mot[ _-]de[ _-]passe|senha|wachtwoord|hasło|hasŁo|haslo|heslo|parola|lösenord|lÖsenord"
    "|jelszó|jelszÓ|şifre|Şifre|mật khẩu|κωδικός|Κωδικός|סיסמה|كلمة المرور|รหัสผ่าน|пароль|Пароль|ПАРОЛЬ|密码|密碼|口令|パスワード|비밀번호|암호|adgangskode|salasana"
)
_FOREIGN_KEYS = "clave|chave|chiave|klucz|schlüssel|schlÜssel|ключ|токен|密钥|密鑰|令牌|キー|トークン|토큰"  # near which a random text is a secret
NOUN = (
    rb"key|tok(?:en)?|secret|pass(?:w(?:or[dt]|d)|phrase|code)?|pwd?|cred|auth|cookie|bearer|jwt|salt|pepper|hmac|fernet"
    rb"|kennwort|dsn|psk|webhook|signed|session|" + _FOREIGN.encode() + b"|" + _FOREIGN_KEYS.encode()
)
# One of which is in all of these: looking for each goes through a long text faster.
NOUNS = tuple(
    b"""key tok secret pass pw cred auth cookie bearer jwt salt pepper hmac fernet kennwort dsn psk webhook signed
    session contrasena senha wachtwoord haslo heslo parola adgangskode salasana clave chave chiave klucz""".split()
)
_OF_NAMES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_WORD = rb"(?<![a-z])(?:" + NOUN + rb")(?:s|ential|entials|orization)?(?![a-z])"
# What may stand between a name and its value; the sort of the tie is told by the group that matched.
_VALUE_KEY = rb"(?:\w{0,32}[Vv]alue|VALUE|val|content|default|example|text|v|S|connectionString)"
_TIE = (
    rb"(?P<record>[\"']?[ \t]*[:,;]?[ \t]*[{]?[ \t]*"
    rb"(?:[\"']\w{1,24}[\"'][ ]?:[ ]?[\"'][\w-]{0,40}[\"'],[ ]?){0,2}[\"']?"
    + _VALUE_KEY
    + rb"[\"']?[ \t]*[:=][ \t]*(?=[^\s,]))"
    rb"|(?P<tag>(?:[\"'](?:[ \t][^<>]{0,120})?)?>)(?=[^<>\s])"
    rb"|(?P<tags>(?:[\"'](?:[ \t][^<>]{0,120})?>|[\"']?[ \t]*:?)(?:[ \t]*</?[\w:-]{1,40}(?:[ \t][^<>]{0,200})?>){1,6}[ \t]*)(?=[^<>\s])"
    rb"|(?P<call>[\"'`][ \t]*,[ \t]*(?=b?[\"'`]))"
    rb"|(?P<typed>(?:\[\w{0,8}\]|[ ](?:\[\])?(?:string|byte|str|char))[ ]?:?=[ ]?(?=[\"'`]))"
    rb"|(?P<open>[ \t]*\([ \t]*(?=b?[\"']))"
    rb"|(?P<sign>[\"'`*\])]{0,4}[ \t]*(?:->|=>|<-|-->|<<<|~>|[?]=|[=!]==?|:=|\.{3,}:?|\xe2\x86[\x90-\xbf]|\xe2\x87[\x90-\xbf]"
    rb"|\xe2\x9f[\xb0-\xbf]|\xe2\x80[\x93-\x95]|(?:\xe2\x95[\x90-\xbf]|\xe2\x94[\x80\x81])+|\xe2\x94[\x82\x83]|\xef\xbc\x9a"
    rb"|\|)[ \t]*)"
    rb"|(?P<line>\]?[ ](?=[^\s\"'`]{6,128}[ \t]*;?\s*\Z))"
    rb"|(?P<blank>[\"'`*\])]{0,4}(?:\t[ \t]*|[ ]{2,}:?[ ]*|[ ](?=b?[\"'`])))"
)
_SHOWN = rb"(?:string\([0-9]+\)[ ])?(?:\*\*|`|b?(?P<quote>[\"']))?"
_BARE = rb"[^\s\"'`<>|,;)\]}\xe2]+"
_LINKS = frozenset(
    """is was are were to be being = : equals ist war lautet est était es era é 是 为 為 = → -> with mit
    avec con""".encode().split()
)
_ID_WORDS = {b"id", b"ID", b"commit", b"revision", b"version", b"hash"}
_IS = _LINKS - {b"with", b"to", b"mit", b"avec", b"con"}
# Behind such a word stands a password, before such a word stood one.
_OWNERS = (b" the ", b" your ", b" my ", b" his ", b" her ", b" our ")
_SAID_BEFORE = rb"(?<![^\s\"'`])([^\s\"'`]{6,64})[\"'`]?[ ](?:as|for|is)[ ][a-z]+[ ]\Z"
_WITH_PASS = rb"(?<![a-z])(?:user|login|with|wifi|admin|root|my|your|the)\b[^.:=]{0,24}\Z"
_SAID_OF_IT = rb"(?<![a-z])(?:user|login|wrong|invalid|incorrect|bad|using|old|new|temporary|leaked?|found|log|logged|the)\b[^.:=]{0,32}\Z"
_SAID_AFTER = rb"[\"'`]?,?[ ](?:rejected|accepted|was|were|is|it works|no longer|not|for user|failed|expired)\b"
_PASSWORDS = rb"pass(?:w|phrase|code|\b)|psk\b|pwd?\b|cred(?:ential|s?\b)|kennwort|" + _FOREIGN.encode()
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
_ID_ITSELF = _IDS + rb"[-_]|AAAA[BCE]|MII|iVBOR|/9j/|R0lGOD|UklGR"
_TOKEN = rb"(?<![A-Za-z0-9+_-])(?<![\w.]/)[A-Za-z0-9][\w+/-]{19,}={0,2}"
_HEX = rb"[0-9a-f](?<![\w-].)[0-9a-f]{31,}(?![\w-])"
_SUMMED = {b"  ", b" *"}  # before the file that a digest is of
_HEX_WORDS = rb"secret|private key|hmac|signing|master|(?:seed|aes|encryption|api) key"
_NO_HEX = rb"digest|commit|sha|md5|hash|fingerprint|checksum|cache|revision|public|etag|trace|span|integrity"
_PUBLIC = rb"public|verif(?:y|ication)|fingerprint"
_NEAR, _NEARER = 80, 48
_OF_PASSWORDS = rb"(?<![a-z])(?:pass(?:word|wd|phrase|code)?|pwd|login|credentials?)s?(?![a-z])"
_PASSWORD_WORDS = (b"pass", b"pwd", b"login", b"credential")
_NAMES_ONE = rb"pass|secret|token|auth|login|cred"  # PasswordField2
_CHOSEN_WORD = (
    rb"(?<![\w.*+!#$%^&@?~/-])(?=[\w.*+!#$%^&?~-]*[0-9]{2})(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z]{4})"
    rb"[A-Z][\w.*+!#$%^&?~-]{9,63}"
)
_PHRASE = rb"[a-z]{3,}(?:-[a-z]{3,}){3,8}"  # of words that nobody would put together else
_BEGINS_LINE = rb"(?i)[ \t>#*$\[-]*(?:(?:config[ ]+)?set[ ]+)?"
_LONGEST = 300  # what is longer is no token but a file
# Without these no value stands at a loose tie that has neither a letter nor a digit close together.
RECORDED = (b"ord '", b'ord "', b"ORD '", b"ord('", b'ord("', b"ORD('", b"ord', '", b"ORD', '", b'ORD", "')
RECORDED += (b">", b"alue", b"ALUE", b"val", b"content", b"default", b"connectionString")
LOGS_IN = (b"auth", b"login", b"connect", b"signin", b"sign_in", b"pdo", b"cred")  # of which one begins a login
_LOGIN = (
    rb"(?:[Aa]uth|[Ll]ogin|[Cc]onnect|[Ss]ign_?[Ii]n|PDO|Credentials?)\w{0,24}"
    rb"(?:[\"']?[ ]?[:=(][ ]?[(\[]?[ ]?|[ ](?=['\"]))[^\s,()]{1,64},[ ]?(?:[^\s,()]{1,64},[ ]?)?"
    rb"(?:Some\()?b?[\"']([^\"']{4,128})[\"']"
)
_FILE_ENDING = rb"\.(?:txt|py|js|ts|json|ya?ml|toml|md|go|rs|java|csv|html|pem|pub)(?![\w.-]|[\"']?\s*=)"
_LITERAL = rb"(?<!code\()(?<!String\()[\"']([^\"'\s]{6,128})[\"']"
_WEAK = {"token", "key", "secret", "auth", "cookie", "bearer"}
_PIPED = (
    rb"(?:echo|printf)[ ]+(?:-n[ ]+)?['\"]?([^\s'\"|$]{4,128})['\"]?[ ]*\|"
    rb"[^|]*(?:--\w+-stdin|--with-token|passwd|sudo -S)"
)
_INSERT = rb"(?i)insert\s+into\s+\S+\s*\(([^()]{1,400})\)\s*values\s*\(([^()]{1,4000})\)"
_IDENTIFIED = rb"(?i)identified\s+(?:with\s+\S+\s+)?by\s+[\"']([^\"']+)[\"']"
_PGPASS = rb"(?m)^[\w.*-]+:(?:[0-9]{2,5}|\*):[\w*-]+:[\w*.-]+:([^\s:]{4,})$"
_JWK = rb"\"(?:k|d|p|q|dp|dq|qi)\"[ ]*:[ ]*\"([^\"]+)\""
_AT_HOST = rb"(?:(?<![\w/.@:%+-])|(?<=server:))[\w.-]{1,32}:([^\s:@/'\"]{8,64})@[A-Za-z0-9\[]"
_COOKIE_JAR = rb"\t(?:TRUE|FALSE)\t/\S*\t(?:TRUE|FALSE)\t[0-9]+\t\S+\t(\S{8,})"
_FORMS = (
    (b"crypt", rb"(?:\bcrypt\(|pgp_sym_(?:en|de)crypt\([^,()]{1,80},[ ]?)[\"']([^\"']{4,128})[\"']"),
    (
        b"=$(",
        (
            rb"(?i)(?:pass(?:word|wd)?|pwd|token|secret|key)=[\"']?\$\((?:echo|printf)[ ]+(?:-n[ ]+|'%s'[ ]+)?"
            rb"[\"']?([^\s\"'|$)]{4,128})"
        ),
    ),
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
        (sign, rb"(?i)\b(?:login|user(?:name)?)[ ]+[\w.@-]+,?[ ]+(?:and[ ]+|with[ ]+)?pass(?:word)?[ ]+(?:[0-9][ ]+)?((?=\S*?[0-9])(?=\S*?[A-Za-z])[^\s\"']{6,64})")
        for sign in (b"assword ", b"ASSWORD ", b" pass ")
    ),
    *(
        (sign, rb"\b(?:AUTH|LOGIN)[ ]+(?:\w{1,32}[ ]+)?((?=[A-Za-z]*[0-9])[A-Z]?[a-z]{4,}[0-9]{1,4})\b")
        for sign in (b"AUTH ", b"LOGIN ")
    ),
    (b"assword ", rb"<(?:\w+:)?Password[ ][^<>]{0,200}>([^<>\s]{4,128})</"),
    (b"@tcp(", rb"[\w.-]{1,64}:([^\s\"'`]{1,128})@tcp\("),
    (b":thin:", rb":thin:[\w.-]{1,64}/([^\s@/\"']{1,128})@"),
    *((sign, rb"\{(?:PLAIN|CLEARTEXT|S?SHA[0-9]{0,3}|S?MD5)\}(\S{4,256})") for sign in (b"{PLAIN}", b"SHA}", b"MD5}")),
    (
        b" / ",
        rb"(?i)(?:login|account|credentials?|creds|user/pass\w*)[ ]?[:=][ ]?[\w.@-]{1,64}[ ]/[ ]"
        rb"((?=\S*?[0-9])(?=\S*?[A-Za-z])[^\s\"'/]{6,64})\s*\Z",
    ),
    (b"USERPWD", rb"USERPWD,[ ]?[\"'][^:\"']{1,64}:([^\"']+)[\"']"),
    *(
        (sign, rb"(?i)passw(?:or)?d[^()\n]{0,40}?[\"')\]]{1,4}(?:\.(?:type|send_keys|sendKeys|fill)\(|,[ ]?)[\"']([^\"']{4,128})[\"']")
        for sign in (b".type(", b".send_keys(", b".sendKeys(", b".fill(")
    ),
    # What a program for passwords of many users reads.
    (b"LOGIN ", rb"(?m)^(?:[<>*][ ])?(?:[A-Za-z]{0,3}[0-9]{1,4}[ ])?LOGIN[ ]+\S{1,64}[ ]+\"?([^\s\"]{4,128})"),
    (b"AUTH ", rb"(?m)^(?:[<>*CS]:?[ ])?AUTH[ ]+(?:[\w-]{1,32}[ ]+)?((?=\S*[0-9])(?=\S*[A-Za-z])\S{6,512})\s*$"),
    (b"IDENTIFY ", rb"\bIDENTIFY[ ]+(?:\w{1,32}[ ]+)?((?=\S*[0-9])(?=\S*[A-Za-z])\S{6,64})\s*$"),
    (
        b"Client(",
        rb"Client\((?:[\"'][^\"']{0,64}[\"'],[ ]?)?b?[\"']((?=[^\"']*[a-z])(?=[^\"']*[A-Z])(?=[^\"']*[0-9])[A-Za-z0-9_+/-]{24,128})[\"'][,)]",
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


FOREIGN_NOUNS = tuple(noun.encode() for noun in f"{_FOREIGN}|{_FOREIGN_KEYS}".split("|") if not noun.isascii())
SIGNS_OF_FORMS = tuple(sign for sign, _ in _FORMS)
STATEMENTS = (b"insert", b"dentified")  # in small letters


def find_pointed(text: bytes, lower: bytes, spans: Spans, *, evident: bool, quoted: bool = False) -> None:
    """Add where secrets stand that a secret's word points at with a looser tie; in one line."""
    done = 0
    nouns = list(compiled(NOUN).finditer(lower))
    for noun in nouns:
        if noun.start() >= done and (span := _after(text, lower, noun, quoted=quoted)):
            spans.append(span)
            done = span[1]
        owned = evident and not quoted and text[max(0, noun.start() - 6) : noun.start()].endswith(_OWNERS)
        if owned and compiled(_PASSWORDS).match(lower, noun.start()):
            said = compiled(_SAID_BEFORE).search(text, max(done, noun.start() - 96), noun.start())
            if said and looks_chosen(said[1]):
                spans.append(said.span(1))
    if evident and nouns:
        _find_near(text, lower, spans)
        _find_chosen(text, lower, spans, quoted=quoted)


def find_logins(text: bytes, spans: Spans) -> None:
    """Add the password that a call is given behind a user's name."""
    if b"(" in text or b"', '" in text or b'", "' in text:
        spans.extend(found.span(1) for found in compiled(_LOGIN).finditer(text) if looks_chosen(found[1]))


def find_at_hosts(text: bytes, spans: Spans) -> None:
    """Add the password of `user:password@host`."""
    spans.extend(one.span(1) for one in compiled(_AT_HOST).finditer(text) if looks_chosen(one[1], strict=True))


def find_forms(text: bytes, lower: bytes, spans: Spans) -> None:
    """Add where secrets stand in the forms that some languages and files have for them."""
    _find_inserted(text, lower, spans)
    if b"dentified" in lower:
        spans.extend(one.span(1) for one in compiled(_IDENTIFIED).finditer(text) if not is_reference(one[1]))
    for sign, pattern in _FORMS:
        if sign in text:
            found = (
                one for one in compiled(pattern).finditer(text) if not is_reference(one[1]) and not is_masked(one[1])
            )
            spans.extend(one.span(1) for one in found)


def _after(text: bytes, lower: bytes, noun: re.Match[bytes], *, quoted: bool) -> tuple[int, int] | None:
    """Return the secret that the name around this word points at."""
    before = text[max(0, noun.start() - 64) : noun.start()]
    start = noun.start() - len(before) + len(before.rstrip(_OF_NAMES))
    ended = compiled(rb"[\w-]{0,40}").match(text, noun.end())
    end = ended.end() if ended else noun.end()
    if compiled(_FILE_ENDING).match(text, end):
        return None  # password.txt
    raw = text[start:end]
    if raw.isascii():
        name = raw.decode().strip("-.")
        rank = rank_in(text, start, name)
        if rank == NO:
            return None
    elif noun[0].decode("utf-8", "replace") in _FOREIGN_KEYS:
        name, rank = "key", LIKELY
    else:
        name, rank = "password", CHOSEN
    tie = compiled(_TIE).match(text, end)
    if tie and (span := _tied(text, tie, name, rank)) and (not quoted or _counts(text, span, name)):
        return span
    given = compiled(rb"[\"']?[ \t]*[:=]").match(text, end)
    if given and rank == SURE and name.lower() not in _WEAK:  # password = a if b else "X"
        for literal in compiled(_LITERAL).finditer(text, end, _statement_end(text, given.end(), end + 160)):
            inside = literal[1].decode("utf-8", "replace")
            if (
                looks_chosen(literal[1])
                and judge(inside) == NO
                and (not quoted or _counts(text, literal.span(1), name))
            ):
                return literal.span(1)
    if text[end : end + 1] == b"=":  # pairs.py has judged it
        return None
    said = _in_sentence(text, lower, noun, end, rank)
    return said if said and (not quoted or _counts(text, said, name)) else None


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


def _tied(text: bytes, tie: re.Match[bytes], name: str, rank: int) -> tuple[int, int] | None:
    """Return the value behind a tie, if it looks as much like a secret as the tie demands."""
    shown = compiled(_SHOWN).match(text, tie.end())
    start = shown.end() if shown else tie.end()
    if "." in name and b"==" in tie[0] and not (shown and shown["quote"]):
        return None  # user.password == hashed
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
            len(value) < 8 or not shown or not shown["quote"] or not compiled(_PASSWORDS).search(name.lower().encode())
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
        phrase = rank == SURE and shown and shown["quote"] and compiled(_PASSWORDS).search(name.lower().encode())
        fits = fits or (phrase and compiled(_PHRASE).fullmatch(value) and not compiled(NOUN).search(value))
    else:
        fits = is_secret_value(value, name, rank)
    return (start, end) if fits else None


def _in_sentence(text: bytes, lower: bytes, noun: re.Match[bytes], at: int, rank: int) -> tuple[int, int] | None:
    """Return the secret that a sentence names: `the password for bob is X`, `use token X`."""
    if rank not in {SURE, CHOSEN} or not has_one(kinds(text[at : at + 120]), EVIDENCE):
        return None
    password = compiled(_PASSWORDS).match(lower, noun.start()) is not None
    linked = is_said = False
    if lower.startswith(b"pass", noun.start()) and at - noun.start() == 4 and not compiled(_WITH_PASS).search(
        lower, max(0, noun.start() - 32), noun.start()
    ):
        return None  # a verb
    firm = password and compiled(_SAID_OF_IT).search(lower, max(0, noun.start() - 48), noun.start()) is not None
    for number, word in enumerate(compiled(rb"[^\s\"'`(){}\[\]<>,;|\\]+").finditer(text, at, at + 120)):
        bare = word[0].strip(b",:;").rstrip(b".")
        if bare in _LINKS or word[0] in _LINKS:
            linked, is_said = True, bare in _IS or word[0] in _IS
            continue
        cut = word.end() == at + 120 and not text[word.end() : word.end() + 1].isspace()
        if b"\x01" in bare or number > 9 or bare in _ID_WORDS or (cut and word.end() < len(text)):
            return None
        if b"assword" in bare:  # 1Password
            continue
        last = bare.rpartition(b":")[2] if b"://" not in bare else b""
        start = word.start() + word[0].rfind(last)
        beside = number == 0 and (firm or compiled(_SAID_AFTER).match(text, word.end()) is not None)
        if password and len(last) > 7 and looks_chosen(last, strict=not (linked or beside), mixed=True):
            return (start, start + len(last))
        if (password or lower.startswith(b"secret", noun.start())) and len(last) > 5 and (beside or is_said) and looks_chosen(last):
            return (start, start + len(last))
        is_said = False
        linked = linked or word[0].endswith(b":")
        if looks_random(last) or (linked and looks_issued(last)):
            return (start, start + len(last))
        if word[0].endswith((b".", b"!", b"?")):
            return None
    return None


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
        if looks_chosen(word[0], strict=True, mixed=True) and (not quoted or _counts(text, word.span(), "")):
            spans.append(word.span())


def _is_id(text: bytes, token: re.Match[bytes]) -> bool:
    """Say whether a token is an id or a digest by what stands before it."""
    if compiled(_ID_ITSELF).match(token[0]) or compiled(NAMED_DIGEST).fullmatch(token[0]) or len(token[0]) > _LONGEST:
        return True
    return compiled(_ID_BEFORE).search(text, max(0, token.start() - 32), token.start()) is not None


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

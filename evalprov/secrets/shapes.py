"""Secrets known by their shape alone, and passwords in URLs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from evalprov.secrets.source import is_example
from evalprov.secrets.values import compiled, is_reference, is_wordy, looks_issued

if TYPE_CHECKING:
    import re

Spans = list[tuple[int, int]]

_MIXED = rb"(?=[A-Za-z_+/-]*[0-9]|[A-Za-z]*[a-z][A-Z])(?=[0-9_+/-]*[A-Za-z])"
# Tokens by the first two letters of their prefix, which begins a word.
_PREFIXED: tuple[tuple[bytes, bytes], ...] = (
    (
        b"sk",
        (
            rb"sk-(?:(?:ant|proj|svcacct|admin|or-v1|lf)-[\w-]{10,}|(?:[a-z0-9]{1,12}-){0,3}"
            rb"(?:(?=[A-Za-z_]{0,60}[0-9])(?=[0-9_]{0,60}[A-Za-z])[A-Za-z0-9_]{12,}|[A-Za-z0-9]{32,})[\w-]*)"
        ),
    ),
    (b"gh", rb"gh[pousr]_[A-Za-z0-9]{16,}"),
    (b"gi", rb"github_pat_[A-Za-z0-9_]{16,}"),
    (b"gl", rb"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[\w.-]{16,}"),
    (b"AK AS AB AC", rb"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (b"hf", rb"hf_(?:(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{16,}|[a-z]{30,})"),
    (b"ap", rb"api_org_[A-Za-z0-9]{24,}"),
    (b"xo", rb"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    (b"xa", rb"xapp-[0-9]-[\w-]{20,}"),
    (b"AI", rb"AIza[\w-]{35}(?![\w-])"),
    (b"ya", rb"ya29\.[\w-]{16,}"),
    (b"GO", rb"GOCSPX-[\w-]{20,}"),
    (b"sk rk", rb"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    (b"sk", rb"sk_[0-9a-f]{40,}"),
    (b"wh", rb"whsec_[A-Za-z0-9+/]{24,}"),
    (b"SG", rb"SG\.[\w-]{16,}\.[\w-]{16,}"),
    (b"SK", rb"SK[0-9a-f]{32}(?![\w-])"),
    (b"np", rb"npm_[A-Za-z0-9]{30,}"),
    (b"py", rb"pypi-AgE[\w-]{16,}"),
    (b"ey", rb"(?<![_-])eyJ[\w-]{5,}+(?:\.[\w-]{5,}+){2,4}"),
    (b"AT", rb"ATBB[A-Za-z0-9]{24,}"),
    (b"AT", rb"AT(?:ATT|CTT)3[\w=-]{40,}"),
    (b"AK", rb"AKC[a-z0-9][A-Za-z0-9]{48,}"),
    (b"AG", rb"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
    (b"LT", rb"LTAI(?=[A-Za-z]*[0-9])[A-Za-z0-9]{12,24}(?![\w-])"),
    (b"M", rb"M(?=[a-z]*[A-Z0-9])[A-Za-z0-9_-]{23,27}\.[\w-]{6,7}\.[\w-]{27,}"),
    (
        b"gs pc nf rn ji pn tf sg sb bk ph rd zp nt KG CC sn sh li ps do tg wa dc ru io gl ls fi fm op fw r8",
        rb"(?:gsk|pcsk|nfp|rnd|jina|pnu|tfp|sgp|sbp|bkua|phx|phc|rdme|zpka|ntn|KGAT|CCIPAT|sntryu|shp(?:at|ca|pa|ss)"
        rb"|lin_api|lin_oauth|pscale_(?:tkn|pw|oauth)|dop_v1|doo_v1|dor_v1|tgp_v1|wandb_v1|dckr_(?:pat|oat)|rubygems|ion"
        rb"|glsa|lsv2_(?:pt|sk)|figd|fio-u|fm[12]|ops|fw|r8)_" + _MIXED + rb"[\w+/=.-]{20,}",
    ),
    (
        b"xa cs pp nv tv xk xs NR CF PM pu pa HR CL Fl p8 ic ke fc tk",
        (
            rb"(?:xai|csk|pplx|nvapi|tvly(?:-dev|-prod)?|xkeysib|xsmtpsib|NRAK|NRJS|NRII|CFPAT|PMAK|pul|pat-[a-z]{2}[0-9]|HRKU"
            rb"|CLOJARS|FlyV1|p8e|ico|key|fc|pa|tk-us)-(?=[\w-]*[0-9])(?=[0-9_-]*[A-Za-z])(?=[\w-]*[A-Za-z0-9]{12})[\w-]{20,}"
        ),
    ),
    (b"da", rb"dapi[0-9a-f]{32}(?:-[0-9])?(?![\w-])"),
    (b"hv s.", rb"(?:hv[sbr]\.|s\.)" + _MIXED + rb"[\w-]{24,}"),
    (
        b"dp",
        rb"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{30,}",
    ),
    (b"dt", rb"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{40,}"),
    (b"pa", rb"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    (b"sq", rb"sq0(?:atp|csp|idp)-[\w-]{22,}"),
    (b"ci", rb"cio(?=[a-zA-Z]*[0-9])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{32}(?![\w-])"),
    (b"oy", rb"oy2[a-z0-9]{43}(?![\w-])"),
    (b"cm", rb"cmVmdGtu[A-Za-z0-9]{40,}"),
    (b"sh", rb"sha256~[\w-]{40,}"),
    (b"SC", rb"SCW(?=[A-Z]*[0-9])[A-Z0-9]{17}(?![\w-])"),
    (b"sl", rb"sl\.(?:u\.)?[A-Z][\w-]{100,}"),
    (b"EA", rb"EAA[A-Za-z0-9]{60,}"),
)
_PEM_IN_BASE64 = (
    rb"LS0tLS1CRUdJTiB(?:QUklWQVRF|SU0EgUFJJVkFURSB|FQyBQUklWQVRF|PUEVOU1NI|FTkNSWVBURUQg)[A-Za-z0-9+/=]{16,}"
)
# How each of these begins, by first letter: what has none of them behind a sign, or behind an escape (\n, \u0022, %20)
# whose last letter would pass for one of the token, is passed over at once.
_HEADS = (
    rb"(?:s(?:k[-_]|gp_|bp_|ntryu_|hp|\.|q0|ha256~|l\.)|g(?:h[pousr]_|ithub_|l[a-z]{2,5}[-_]|sk_)|A(?:[KSBC][CI]|Iza|T[BAC]|GE-)"
    rb"|h(?:f_|v[sbr]\.)|api_|x(?:ox|a(?:pp|i)-|keysib-|smtpsib-)|ya29|GOCSPX|r(?:k_|nd_|dme_|ubygems_|8_)|w(?:hsec_|andb_)"
    rb"|S(?:G\.|K[0-9a-f]{9}|CW)|n(?:pm_|fp_|tn_|vapi)|p(?:ypi-|csk_|nu_|h[xc]_|scale_|plx-|ul-|a-|at-|8e-|at[A-Za-z0-9]{14}\.)"
    rb"|(?<![_-])eyJ|LTAI|M[\w-]{23,27}\.|jina_|t(?:fp_|gp_|vly|k-us)|bkua_|zpka_|KGAT_|C(?:CIPAT_|FPAT-|LOJARS-)|l(?:in_|sv2_)"
    rb"|d(?:o[por]_|ckr_|api|p\.|t0)|i(?:on_|co-)|f(?:igd_|io-|m[12]_|w_|c-)|o(?:ps_|y2)|c(?:sk-|io|mVm)|NR[AJI]|PMAK-|HRKU-|FlyV1"
    rb"|key-|EAA)"
)
_ESCAPE = rb"(?:(?<=\\)(?:[nrtbf]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})|(?<=%)[0-9A-Fa-f]{2})?"
_LONG = rb"(?=[\w.~+/=-]{15})"  # as the shortest token is; most words are not
BEGUN = rb"[^A-Za-z0-9]" + _LONG + rb"(?=" + _HEADS + rb")"
BEGUN_ESCAPED = rb"[^A-Za-z0-9]" + _ESCAPE + _LONG + rb"(?=" + _HEADS + rb")"
_IN_DIGEST = rb"sha[0-9]{1,3}[=:-][\w+/-]{0,56}\Z"
_LIKE_A_NAME = (b"s.", b"jina_", b"key-", b"fc-", b"pa-", b"fw_", b"r8_", b"ion_", b"ops_", b"li_")
# A cloud's secret key, in the line of its id.
_BESIDE_ITS_ID = (
    rb"A(?:KIA|SIA)[A-Z0-9]{16}[^A-Za-z0-9][^\n]{0,40}?(?<![\w/+])"
    rb"((?=[0-9a-z/+]{0,39}[A-Z])(?=[0-9A-Z/+]{0,39}[a-z])[A-Za-z0-9/+]{40})(?![\w/+=])"
)
# Where the sign stands within or behind: looked for by itself.
_MARKED = (
    (b"hooks.slack.com/", rb"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/+-]{8,})"),
    *((b"gh%b_" % kind, rb"gh[pousr]_[A-Za-z0-9]{16,}") for kind in (b"p", b"o", b"u", b"s", b"r")),  # in a word, too
    (b"arer ", rb"[Bb]earer[ ]+((?=[A-Za-z._~+/-]*[0-9])[\w.~+/-]{16,}=*)"),
    (b"LS0tLS1CRUdJTiB", _PEM_IN_BASE64),
    *((start, _BESIDE_ITS_ID) for start in (b"AKIA", b"ASIA")),
    (b"JQQJ99", rb"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,}={0,2}"),
    (b"8Q~", rb"[\w~.-]{3}8Q~[\w~.-]{31,34}"),
    (b".atlasv1.", rb"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    (b"T3BlbkFJ", rb"[\w-]{16,}T3BlbkFJ[\w-]{16,}"),
    (b":AA", rb"(?<![0-9])[0-9]{8,10}:AA[\w-]{33}"),
    (b"-us", rb"(?<![\w-])[0-9a-f]{32}-us[0-9]{1,2}(?![\w-])"),
    (b"_eyJ", rb"(?<![A-Za-z0-9])(?:sntrys|glc|ops)_eyJ[\w+/=.-]{20,}"),
    (b"/t/", rb"/t/((?=[a-z-]*[A-Z0-9])[A-Za-z0-9-]{20,})/"),
    (b"SecureString", rb"ConvertTo-SecureString[ ]+(?:-String[ ]+)?[\"']([^\"'$]+)[\"']"),
)  # fmt: skip
MARKS = tuple(mark for mark, _ in _MARKED)
# A password's hash, as files of users have it: what it was made of can be tried out.
HASHED = (
    rb"\$(?:2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{40,}|(?:[156y]|apr1)\$[\w./$=,-]{16,}"
    rb"|argon2(?:id|i|d)\$v=[0-9]+\$[a-z0-9=,]{1,40}\$[\w+/]{8,}\$[\w+/]{16,})"
)
_TOKEN_PREFIX = rb"(?:gh[pousr]_|github_pat_|glpat-|hf_|sk[-_]|rk_|xox[abeoprs]-|npm_|pypi-|AKIA|ASIA|AIza|eyJ)"
_LONE_TOKEN = _TOKEN_PREFIX + rb"[\w.-]+|(?=[A-Za-z_-]*[0-9])[\w-]{20,}"

_HOOK = rb"https?://(?=[^\s\"'<>]{0,200}?hook)[^\s\"'<>,;\\]{8,600}"
# First as the standard has it; then a password with a bare slash in it, which is no port and no path.
_USER = rb":(?:\\?/){2}([^\s/?#\"'<>@:\\\[\]]{0,256}|\[secret\])"
_URL = (
    _USER + rb"(?::([^\s/?#\"'<>\\]{0,8192}))?@"
    rb"|" + _USER + rb":((?![0-9]{1,5}(?:[/?#\s]|$))[^\s\"'<>@]{1,512})@"
)


@cache
def _by_start() -> dict[bytes, bytes]:
    """Return one pattern for all tokens that begin with the same two letters."""
    found: dict[bytes, list[bytes]] = {}
    for starts, pattern in _PREFIXED:
        for start in starts.split():
            found.setdefault(start, []).append(pattern)
    return {start: b"|".join(patterns) for start, patterns in found.items()}


def find_marked(text: bytes, spans: Spans) -> None:
    """Add where secrets stand that have a sign of their own within or before them."""
    for mark, pattern in _MARKED:
        if mark in text:
            spans.extend(found.span(found.lastindex or 0) for found in compiled(pattern).finditer(text))


def find_hooks(text: bytes, spans: Spans) -> None:
    """Add the secret part of a webhook's address."""
    for address in compiled(_HOOK).finditer(text):
        for piece in compiled(rb"(?<=[/=])[\w-]{16,}(?=[/?&#]|\Z)").finditer(address[0]):
            if looks_issued(piece[0], hex_too=True):
                spans.append((address.start() + piece.start(), address.start() + piece.end()))


def find_hashed(text: bytes, spans: Spans) -> None:
    """Add where hashes of passwords stand."""
    spans.extend(found.span() for found in compiled(HASHED).finditer(text))


def find_in_urls(text: bytes, spans: Spans, *, quoted: bool = False) -> None:
    """Add the secrets before the host of a URL."""
    if b"://" in text or rb":\/\/" in text:
        for found in compiled(_URL).finditer(text):
            if not is_example(found[1] or found[3] or b"", found[2] or found[4] or b"", quoted=quoted):
                spans.extend(_in_url(found))


def find_prefixed(text: bytes, spans: Spans) -> None:
    """Add where tokens of a known kind stand: at each beginning of one, with what belongs to its first letters."""
    starts = _by_start()
    done = 0
    for begun in compiled(BEGUN_ESCAPED if b"\\" in text or b"%" in text else BEGUN).finditer(b"\n" + text):
        at = begun.end() - 1  # less the line's end in front
        pattern = starts.get(text[at : at + 2]) or starts.get(text[at : at + 1])
        found = compiled(pattern).match(text, at) if pattern and at >= done else None
        if found and found[0].startswith(_LIKE_A_NAME):
            found = None if is_wordy(found[0]) or compiled(_IN_DIGEST).search(text, max(0, at - 64), at) else found
        if found:
            spans.append(found.span())
            done = found.end()


def _in_url(found: re.Match[bytes]) -> Spans:
    """Return the secret part of a URL's user information: the password, and a token in the user's place."""
    user, password = (1, 2) if found[1] is not None else (3, 4)
    secret: Spans = []
    if found[password] and not is_reference(found[password]) and found[password].strip(b"*"):
        secret.append(found.span(password))
    stands_in = not found[password] or found[password] == b"x-oauth-basic"
    token = compiled(_LONE_TOKEN).fullmatch(found[user])
    if token and (stands_in or compiled(_TOKEN_PREFIX).match(found[user])):
        secret.append(found.span(user))
    return secret


def url_passwords(value: bytes) -> list[bytes]:
    """Return the secrets of the URLs in a value."""
    if b"@" not in value or b"://" not in value:
        return []
    return [value[start:end] for found in compiled(_URL).finditer(value) for start, end in _in_url(found)]

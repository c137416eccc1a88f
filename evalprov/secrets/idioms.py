"""What commands take as a secret without a secret's name: `mysql -pX`, `curl -u me:X`, `vault login X`.

One table serves a command line that is given as words and one that stands somewhere in a text.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.secrets.commands import (
    COMMANDS,
    CONTAINERS,
    GLUED,
    NEXT,
    ORACLE,
    PARTITIONS,
    PLACED,
    WITH_USER,
)
from evalprov.secrets.names import CHOSEN, SURE, judge
from evalprov.secrets.source import is_example
from evalprov.secrets.values import (
    MARK,
    compiled,
    has_one,
    is_masked,
    is_path,
    is_plain,
    is_reference,
    looks_chosen,
    looks_issued,
    looks_random,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.secrets.shapes import Spans

_USERS = frozenset({"-u", "-U", "-l", "--user", "--username", "--login", "--account"})
_NAMED_LAST = frozenset({"useradd", "usermod", "userdel", "adduser", "passwd", "chage"})  # whose last word is the user
_OF_USERS = _USERS | {"-a", "--auth", "--creds"}
_PASSED = frozenset({"-p", "-P", "-w", "-W", "-pw", "-pass"})  # with a user beside it, a password
_OF_ACCOUNTS = r"(?:add|create|change|set|reset|authenticate)[-_](?:user|password)|user(?:add|mod)|-?\w*passw(?:or)?d"
_MAKES = r"(?:users?|admins?|accounts?|principals?) (?:add|create|new|set|setpassword|passw(?:or)?d|update|modify)"
# A word in parts: a user and a password in a list of settings, in an address.
_IN_PARTS = (
    r"(?:.*,)?u(?:ser)?=[^,]*,(?:.*,)?p(?:ass)?=([^,]+)(?:,.*)?",
    r"(?:.*,)?p(?:ass)?=([^,]+),(?:.*,)?u(?:ser)?=.*",
    r"(?:.*,)?user(?:name)?=[\w.\\-]+%([^,]+)(?:,.*)?",
    r"secret,(?:.*,)?data=([^,]+)(?:,.*)?",
    r"[\w.-]+[/\\][\w.$-]+:(\S+)@[\w.-]+",
    r":[a-z]+:[\w.-]+:([^@\s]+)@[\w.-]+:.*",
    r"[-/](?:p|pw|pwd|pass\w{0,6}):(.+)",
)
_WITH_LOGIN = frozenset({"docker", "podman", "nerdctl", "az", "oc", "conan"})
_SEARCH = frozenset({"grep", "egrep", "zgrep", "rg", "ag", "ack", "git", "sed", "awk", "find"})
_HANDED = {"--body", "-b", "--value", "--data", "--secret-value", "-v"}
LISTS = (b"', '", b'", "')  # between the words of a list
_COMMANDING = (
    b" -",
    b"'-",
    b'"-',
    b"login",
    b"set ",
    b"auth",
)  # one of which stands in a line with a command that is given a secret
_LINE = (
    rb"(?<![\w.-])("
    + "|".join(sorted(COMMANDS, key=len, reverse=True)).encode()
    + rb")((?:[ \t]+(?:'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\"|[^\s'\"|;&]+)+){1,40})"
)
_LISTED = rb"[\[(](?:['\"][^'\"\n]*['\"](?:,[ ]*)?){2,60}[\])]"
_LISTED_WORD = rb"(?<=['\"])[^'\"\n,\]][^'\"\n]*(?=['\"](?:,|\]|\)))"
_WORD = rb"(?:'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\"|[^\s'\"])+"


def secret_in(words: Sequence[str], at: int) -> tuple[int, int] | None:  # noqa: PLR0911 - one line a case
    """Return which part of a command line's word is a secret by the idiom of its command."""
    if words[0][:1] == "-":
        words, at = ["", *words], at + 1  # a list of arguments alone
    word = words[at]
    wrapped = [number for number, one in enumerate(words[:at]) if os.path.basename(one) in COMMANDS]
    for begin in wrapped or [0]:  # `nice -n 5 mysql ...`, `docker exec db mysql ...`
        span = _by_command(words[begin:], at - begin)
        if span and _is_value(word[slice(*span)]):
            return span
    begin = wrapped[0] if wrapped else 0
    words, at = words[begin:], at - begin
    program = os.path.basename(words[0])
    before = words[at - 1] if at > 1 else ""
    raw = word.encode("utf-8", "replace")
    if (
        len(before) == 2
        and before[0] == "-"
        and before[1].isalpha()
        and len(word) > 7
        and program not in PARTITIONS
        and looks_chosen(raw, strict=True)
    ):
        public = program in {"minisign", "signify"}
        return (0, len(word)) if (before in {"-p", "-P", "-w"} or looks_random(raw)) and not public else None
    if at > 1 and len(word) > 7 and looks_chosen(raw, strict=True) and _tells_of_one(words, at):
        return (0, len(word))
    if span := _of_account(program, words, at, word, before):
        return span
    of_user = r"(?i)user|auth|cred|login|account|\A-[ua]\Z"
    user = re.fullmatch(r"[\w.@+-]+[:/](\S{8,})", word) if re.search(of_user, before) else None
    if span := _handed_over(program, words, at, word, before) or _put_away(words, at) or _in_parts(word):
        return span
    if user and looks_chosen(user[1].encode("utf-8", "replace"), strict=True):
        return user.span(1)
    option, assigned, command = word.partition("=")
    if " " in word and "pass" in (option if assigned else before):  # --password-command 'echo X'
        start = len(word) - len(command) if assigned else 0
        inside = (
            one
            for one in re.compile(r"[^\s'\"]+").finditer(word, start)
            if looks_chosen(one[0].encode("utf-8", "replace"), strict=not re.match(r"(?:echo|printf)\b", word[start:]))
        )
        return next((one.span() for one in inside), None)
    name = before.removesuffix("=")  # sc config svc password= X
    named = (
        at > 1
        and not {name[:1], word[:1]} & {"-"}
        and "=" not in name
        and judge(name) in {SURE, CHOSEN if program == "rclone" else SURE}
    )
    issued = re.fullmatch(r"(?:[\w.-]+=)?([\w+/-]{20,}={0,2})", word)
    if (
        issued
        and re.search(r"(?i)auth|tokens?(?![a-z])|secret", before)
        and looks_random(issued[1].encode("utf-8", "replace"))
    ):
        return issued.span(1)
    fits = named and (looks_chosen(raw) or (judge(name) == SURE and looks_issued(raw, hex_too=True)))
    return (0, len(word)) if fits else None


def _of_account(program: str, words: Sequence[str], at: int, word: str, before: str) -> tuple[int, int] | None:
    """Return the password that stands beside a user, or in a command that makes or changes accounts."""
    if program in CONTAINERS or program in _SEARCH or word.startswith("-"):
        return None
    given = before in _PASSED and any(
        one in _USERS and not words[n].startswith("-") for n, one in enumerate(words[:-1], 1)
    )
    changed = (at > 1 or program == "mkpasswd") and any(re.fullmatch(_OF_ACCOUNTS, one) for one in words[:at])
    made = at > 2 and re.fullmatch(_MAKES, " ".join(words[max(0, at - 3) : at - 1])) and words[at - 1][:1] != "-"
    if program in _NAMED_LAST and at == len(words) - 1 and before not in _PASSED | {"--password"}:
        return None
    changed = bool(changed or made)
    if (given or changed or (program == "db2" and before == "using")) and looks_chosen(word.encode("utf-8", "replace")):
        return (0, len(word))
    told = before in _OF_USERS or program == "bundle" or re.fullmatch(_MAKES, " ".join(words[max(0, at - 2) : at]))
    paired = re.fullmatch(r"[A-Za-z][\w.@+-]*:([^\s@]{6,})(?:@[\w.-]+)?", word) if told else None
    return paired.span(1) if paired and looks_chosen(paired[1].encode("utf-8", "replace")) else None


def _handed_over(  # noqa: PLR0911 - one line a case
    program: str, words: Sequence[str], at: int, word: str, before: str
) -> tuple[int, int] | None:
    """Return the secret that `--value` gives to what speaks of one, or that is written to a command's stdin."""
    if made := re.fullmatch(r"(?:[\w-]+=)?<\((?:echo|printf)[ ]+(?:-[a-z]+[ ]+|'%s'[ ]+)*['\"]?(\S+?)['\"]?\)", word):
        return made.span(1) if looks_chosen(made[1].encode("utf-8", "replace")) else None
    if word.endswith(")") and any(one.endswith(("<(echo", "<(printf")) for one in words[:at]):
        return (0, len(word) - 1) if looks_chosen(word[:-1].encode("utf-8", "replace")) else None
    if opened := re.search(r"(?:\A|\s)-u\s+[\w.@-]+,(\S{6,})", word):  # lftp -e 'open -u bob,X h'
        return opened.span(1) if looks_chosen(opened[1].encode("utf-8", "replace")) else None
    if before == "<<<":
        told = any(re.search(r"(?i)pass|secret|crypt|login|\A-S\Z", one) for one in words[:at])
        told = told or program == "chpasswd"
        start = re.match(r"(?:[a-z][\w-]{0,31}:)?", word).end() if program == "chpasswd" else 0  # type: ignore[union-attr]
        raw = word[start:].encode("utf-8", "replace")
        return (start, len(word)) if looks_chosen(raw, strict=not told, mixed=True) else None
    value = word.removeprefix("--value=")
    if value != word or before == "--value":
        raw = value.encode("utf-8", "replace")
        told = "SecureString" in words if not looks_issued(raw) else "SecureString" in words or _tells_of_one(words, at)
        return (len(word) - len(value), len(word)) if told and looks_chosen(raw) else None
    raw = word.encode("utf-8", "replace")
    fed = any(re.fullmatch(r"--\w+-stdin|--with-token|-S|chpasswd|passwd", one) for one in words[at + 1 :])
    if program in {"echo", "printf"} and fed and (paired := re.fullmatch(r"(?:[a-z][\w-]{0,31}:)?(\S{6,})", word)):
        return paired.span(1) if looks_chosen(raw) else None
    return None


def _put_away(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """Return what is put into a store of secrets: `secrets set NAME=X`, `secret set NAME --body X`."""
    word, before = words[at], words[at - 1]
    told = any(re.fullmatch(r"secrets?|secret/.*|--secret|keyvault", one) for one in words[:at])
    if not told or {"set", "put", "create", "add", "write", "update"}.isdisjoint(words[:at]):
        if words[at - 1].lower() == "/d" and any(judge(one) == SURE for one in words[:at]):  # reg add ... /v NAME /d X
            return (0, len(word))
        return None
    named = re.fullmatch(r"(?:--from-literal=)?[A-Za-z_][\w.-]*=(.+)", word)
    placed = before[:1] != "-" and words[at - 2] == "--secret"
    span = named.span(1) if named else (0, len(word)) if before in _HANDED or placed else None
    return span if span and looks_chosen(word[slice(*span)].encode("utf-8", "replace")) else None


def _in_parts(word: str) -> tuple[int, int] | None:
    """Return the password that stands beside a user in one word."""
    found = next((one for part in _IN_PARTS if (one := re.fullmatch(part, word))), None)
    return found.span(1) if found and looks_chosen(found[1].encode("utf-8", "replace")) else None


def _tells_of_one(words: Sequence[str], at: int) -> bool:
    """Say whether a word before this one speaks of a password or a user: `add_user bob X`, `secret set N --body X`."""
    about = (
        r"(?i)(?<![a-z])(?:.*passw.*|ht?passwd|.*passphrase|secrets?|auth|tokens?|login|logon|users?|keys?)(?![a-z])"
    )
    return any(re.search(about, word) and not word.startswith(("--max", "--public")) for word in words[:at])


def _by_command(words: Sequence[str], at: int) -> tuple[int, int] | None:  # noqa: C901, PLR0911, PLR0912 - one line a case
    program, word, before = os.path.basename(words[0]), words[at], words[at - 1] if at > 1 else ""
    if program in ORACLE and (found := re.fullmatch(r"(?:userid=)?\w+/([^\s@/]+)(?:@.*)?", word)):
        return found.span(1)
    for glued in GLUED.get(program, ()):
        masked = word == glued + "-" or (word == glued + "x" and words[at + 1 : at + 2] == ["xxxxxxx"])  # mysql's own
        if word.startswith(glued) and len(word) > len(glued) and not masked:
            return (len(glued), len(word))
    option, _, assigned = word.partition("=")
    if assigned and option in NEXT.get(program, ()):
        return (len(word) - len(assigned), len(word))
    if before in NEXT.get(program, ()):
        return _next(program, words, at)
    for option in WITH_USER.get(program, "").split():
        inside = word if before == option else word[2:] if len(option) == 2 and word.startswith(option) else ""
        parted = re.search(r"[:,%]", inside)
        user, given = (inside[: parted.start()], inside[parted.end() :]) if parted else ("", "")
        if (
            given
            and not (user[0:1] == given[0:1] == "$")
            and not is_example(user.encode(), given.encode("utf-8", "replace"), quoted=False)
        ):
            return (len(word) - len(given), len(word))
    if span := _placed(PLACED.get(program, {}), words, at):
        return span
    if program in {"mc", "mcli"} and len(word) == 40 and looks_random(word.encode("utf-8", "replace")):
        return (0, len(word))
    if at > 2 and words[at - 2].startswith("http-basic"):
        return (0, len(word))
    if words[at - 1] in {"echo", "printf", "<<<"} and (paired := re.fullmatch(r"[a-z][\w-]{0,31}:(\S{8,})", word)):
        strict = "chpasswd" not in words
        return paired.span(1) if looks_chosen(paired[1].encode("utf-8", "replace"), strict=strict) else None
    if program == "iwconfig" and before == "key" and word not in {"on", "off"}:
        return (2 if word.startswith("s:") else 0, len(word))
    if before == ".logon" and (found := re.fullmatch(r"[^,\s]+,([^\s;]+);?", word)):
        return found.span(1)
    if program == "net" and "user" in words[:at] and at > words.index("user") + 1 and word[0] != "/":
        return (0, len(word)) if word != "*" else None
    if program == "net" and "use" in words[:at] and word[0] not in "/\\" and not re.fullmatch(r"[A-Za-z]:|\*", word):
        return (0, len(word)) if at > words.index("use") + 1 else None
    if program == "htpasswd" and at == len(words) - 1:
        return (0, len(word)) if any(re.fullmatch(r"-[a-zA-Z]*b[a-zA-Z]*", one) for one in words[:at]) else None
    if program == "qpdf" and at > 2 and words[at - 2] == "--encrypt":
        return (0, len(word))
    if program == "kaggle" and before == "-v" and "key" in words[:at]:
        return (0, len(word))
    return None


def _next(program: str, words: Sequence[str], at: int) -> tuple[int, int] | None:
    """Return the secret behind an option that takes one."""
    word, before = words[at], words[at - 1]
    kind = re.match(r"(?:pass:|key:|env:|file:|fd:|stdin\Z)", word)
    if kind and kind[0] not in {"pass:", "key:"}:
        return None
    logs_in = {"login", "user"} if program == "conan" else {"login"}
    if before == "-p" and program in _WITH_LOGIN and logs_in.isdisjoint(words[:at]):
        return None
    if before == "-c" and word in {"public", "private"}:
        return None  # communities that everybody knows
    start = kind.end() if kind else 0
    if before in {"-b", "--cookie"}:
        return (word.index("=") + 1, len(word)) if "=" in word else None
    return (start, len(word))


def _placed(places: Mapping[str, int], words: Sequence[str], at: int) -> tuple[int, int] | None:
    """Return the secret that a command takes by its place behind another word."""
    word, before = words[at], words[at - 1]
    for verb, place in places.items():
        begin = words.index(verb) if verb in words[:at] else -1 if verb else 0
        if begin < 0 or word.startswith("-"):
            continue
        counted = sum(one[:1] != "-" for one in words[begin + 1 : at + 1])
        if at == begin + 1 if place == 1 else counted == place:
            return (0, len(word))
        if not before.startswith("--method") and (looks_random(word.encode()) or len(word) == 40):
            return (0, len(word))
    return None


def _is_value(value: str) -> bool:
    raw = value.strip("'\"").encode("utf-8", "replace")
    return bool(raw) and not (is_reference(raw) or is_plain(raw) or is_masked(raw) or is_path(raw)) and raw != MARK


def find_idioms(line: bytes, spans: Spans) -> None:
    """Add the secrets of command lines that stand in a text, as a shell has them or as a list of quoted words."""
    if not has_one(line, _COMMANDING):
        return
    if has_one(line, LISTS):
        for listed in compiled(_LISTED).finditer(line):
            _find_in(list(compiled(_LISTED_WORD).finditer(line, *listed.span())), spans)
    for found in compiled(_LINE).finditer(line):
        places = list(compiled(_WORD).finditer(line, found.start(2), found.end(2)))
        words = [found[1].decode(), *(place[0].decode("latin-1").strip("'\"") for place in places)]
        for number, place in enumerate(places, 1):
            span = secret_in(words, number)
            if span:
                quoted = 1 if place[0][:1] in {b"'", b'"'} else 0
                spans.append((place.start() + quoted + span[0], place.start() + quoted + span[1]))


def _find_in(places: list[re.Match[bytes]], spans: Spans) -> None:
    words = [place[0].decode("latin-1") for place in places]
    for number, place in enumerate(places[1:], 1):
        if span := secret_in(words, number):
            spans.append((place.start() + span[0], place.start() + span[1]))

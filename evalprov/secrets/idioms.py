"""What commands take as a secret without a secret's name: `mysql -pX`, `curl -u me:X`, `vault login X`.

One table serves a command line that is given as words and one that stands somewhere in a text.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.secrets.names import CHOSEN, SURE, judge
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
    from collections.abc import Sequence

    from evalprov.secrets.shapes import Spans

# By command: options whose next word is a secret, those it may be glued to, those of user:secret, words before it.
_NEXT: dict[str, frozenset[str]] = {
    name: frozenset(options.split())
    for names, options in (
        ("docker podman nerdctl helm skopeo buildah oras crane", "-p"),
        ("mongo mongosh mongodump mongorestore mongoimport mongoexport", "-p"),
        ("oc az rabbitmqadmin twine sshpass cloudflared", "-p"),
        ("sqlcmd bcp unzip zip mosquitto_pub mosquitto_sub", "-P"),
        ("ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd", "-w -s"),
        ("redis-cli", "-a"),
        ("openssl", "-k -K -passin -passout -pass"),
        ("keytool jarsigner", "-storepass -keypass"),
        ("nuget dotnet", "-ApiKey -k"),
        ("curl", "-b --cookie --oauth2-bearer"),
        ("influx", "-t"),
        ("ssh-keygen", "-N -P"),
        ("snmpget snmpwalk snmpset", "-A -X"),
        ("rdesktop vncviewer cypher-shell cqlsh beeline", "-p -passwd"),
        ("ipmitool tsql", "-P"),
        ("codecov", "-t"),
        ("choco", "-k"),
        ("schtasks", "/rp"),
        ("sendemail sendEmail", "-xp"),
        ("swaks", "-ap --auth-password"),
        ("ccrypt ccencrypt ccdecrypt", "-K"),
        ("qpdf", "--encrypt --password"),
        ("plink pscp psftp putty", "-pw"),
        ("nzsql sqlline", "-pw -p"),
        ("kaggle", "--key"),
        ("p4 knife mssql-cli", "-P"),
        ("useradd usermod veracrypt supabase conan cf", "-p"),
        ("security", "-p -w"),
        ("vsql", "-w"),
        ("hdbsql couchbase-cli cbq crackmapexec smbmap psexec ncftpput racadm yt-dlp poetry airflow", "-p"),
    )
    for name in names.split()
}
_GLUED = {
    name: option
    for names, option in (
        ("mycli mysqlsh mysql mysqldump mysqladmin mysqlimport mysqlshow mariadb mariadb-dump mariadb-admin", "-p"),
        ("7z 7za 7zz rar sshpass", "-p"),
        ("mongo mongosh mongodump", "-p"),
        ("sqlcmd bcp unzip", "-P"),
        ("xfreerdp xfreerdp3 wlfreerdp", "/p:"),
    )
    for name in names.split()
}  # fmt: skip
_WITH_USER = {
    "curl": "-u --user -U --proxy-user -E --cert",
    "http": "-a --auth",
    "xh": "-a --auth",
    "https": "-a --auth",
    "lftp": "-u",
    **dict.fromkeys(("smbclient", "net", "winexe", "rpcclient", "smbget"), "-U"),
    "wget": "",
    "ab": "-A -P",
    "siege": "",
    "htpasswd": "",
}
_ORACLE = {"sqlplus", "sqlldr", "imp", "exp", "impdp", "expdp", "rman"}
_AFTER = {  # the words before it, then the secret
    "wandb": ("login",),
    "cargo": ("login",),
    "vault": ("login", "unseal"),
    "heroku": ("auth:token",),
    "ngrok": ("add-authtoken", "authtoken"),
    "gcloud": ("activate-refresh-token",),
    "doppler": ("set",),
    "rclone": ("obscure",),
    "snyk": ("auth",),
    "bw": ("unlock", "login"),
    "ansible-vault": ("encrypt_string",),
}
_PARTITIONS = frozenset({"sbatch", "srun", "salloc", "sinfo", "squeue"})  # which `-p` names there
_AT = {"isql": 3, "radtest": 2, "mc": 6, "b2": 4, "wpa_passphrase": 2}  # which word
# Of these `-u` and `--user` name a user and perhaps a group, `-p` a port.
_CONTAINERS = frozenset({"docker", "podman", "nerdctl", "kubectl", "singularity", "apptainer", *_PARTITIONS})
_USERS = frozenset({"-u", "-U", "-l", "--user", "--username", "--login", "--account"})
_OF_USERS = _USERS | {"-a", "--auth", "--creds"}
_PASSED = frozenset({"-p", "-P", "-w", "-pw", "-pass"})  # with a user beside it, a password
_OF_ACCOUNTS = (
    r"(?:add|create|change|set|reset|authenticate)[-_](?:user|password)|user(?:add|mod)|\w*passw(?:or)?d|passw(?:or)?d"
)
_COMMANDS = frozenset(
    (*_NEXT, *_GLUED, *_WITH_USER, *_AFTER, *_AT, "aws", "dvc", "npm", "poetry", "conda", "kaggle", "pip")
)
COMMAND_WORDS = frozenset(name.encode() for name in _COMMANDS)
# Words of a line as a shell has them: what may be part of a command's name stays, all else parts them.
PARTED = bytes(code if (chr(code).isalnum() and code < 128) or code in b"_.-" else 32 for code in range(256))
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
    + "|".join(sorted(_COMMANDS, key=len, reverse=True)).encode()
    + rb")((?:[ \t]+(?:'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\"|[^\s'\"|;&]+)+){1,40})"
)
_LISTED = rb"\[(?:['\"][^'\"\n]*['\"](?:,[ ]*)?){2,60}\]"
_LISTED_WORD = rb"(?<=['\"])[^'\"\n,\]][^'\"\n]*(?=['\"](?:,|\]))"
_WORD = rb"(?:'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\"|[^\s'\"])+"


def secret_in(words: Sequence[str], at: int) -> tuple[int, int] | None:  # noqa: PLR0911 - one line a case
    """Return which part of a command line's word is a secret by the idiom of its command."""
    if words[0][:1] == "-":
        words, at = ["", *words], at + 1  # a list of arguments alone
    wrapped = (number for number, one in enumerate(words[:at]) if os.path.basename(one) in _COMMANDS)
    begin = next(wrapped, 0)  # `nice -n 5 mysql ...`
    words, at = words[begin:], at - begin
    program = os.path.basename(words[0])
    word, before = words[at], words[at - 1] if at > 1 else ""
    span = _by_command(program, words, at, word, before)
    if span and _is_value(word[slice(*span)]):
        return span
    raw = word.encode("utf-8", "replace")
    if (
        len(before) == 2
        and before[0] == "-"
        and before[1].isalpha()
        and len(word) > 7
        and program not in _PARTITIONS
        and looks_chosen(raw, strict=True)
    ):
        return (0, len(word)) if before in {"-p", "-P", "-w"} or looks_random(raw) else None
    if at > 1 and len(word) > 7 and looks_chosen(raw, strict=True) and _tells_of_one(words, at):
        return (0, len(word))
    if span := _of_account(program, words, at, word, before):
        return span
    of_user = r"(?i)user|auth|cred|login|account|\A-[ua]\Z"
    user = re.fullmatch(r"[\w.@+-]+[:/](\S{8,})", word) if re.search(of_user, before) else None
    if span := _handed_over(program, words, at, word, before):
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
    named = (
        at > 1
        and before[:1] != "-"
        and "=" not in before
        and judge(before) in {SURE, CHOSEN if program == "rclone" else SURE}
    )
    issued = re.fullmatch(r"(?:[\w.-]+=)?([\w+/-]{20,}={0,2})", word)
    if (
        issued
        and re.search(r"(?i)auth|tokens?(?![a-z])|secret", before)
        and looks_random(issued[1].encode("utf-8", "replace"))
    ):
        return issued.span(1)
    return (0, len(word)) if named and looks_chosen(raw) else None


def _of_account(program: str, words: Sequence[str], at: int, word: str, before: str) -> tuple[int, int] | None:
    """Return the password that stands beside a user, or in a command that makes or changes accounts."""
    if program in _CONTAINERS or word.startswith("-"):
        return None
    given = before in _PASSED and any(
        one in _USERS and not words[n].startswith("-") for n, one in enumerate(words[:-1], 1)
    )
    changed = at > 1 and any(re.fullmatch(_OF_ACCOUNTS, one) for one in words[:at])
    if (given or changed or (program == "db2" and before == "using")) and looks_chosen(word.encode("utf-8", "replace")):
        return (0, len(word))
    paired = re.fullmatch(r"[A-Za-z][\w.@+-]*:(\S{6,})", word) if before in _OF_USERS or program == "bundle" else None
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


def _tells_of_one(words: Sequence[str], at: int) -> bool:
    """Say whether a word before this one speaks of a password or a user: `add_user bob X`, `secret set N --body X`."""
    about = (
        r"(?i)(?<![a-z])(?:.*passw.*|ht?passwd|.*passphrase|secrets?|auth|tokens?|login|logon|users?|keys?)(?![a-z])"
    )
    return any(re.search(about, word) and not word.startswith(("--max", "--public")) for word in words[:at])


def _by_command(  # noqa: C901, PLR0911, PLR0912 - one line an idiom
    program: str, words: Sequence[str], at: int, word: str, before: str
) -> tuple[int, int] | None:
    if program in _ORACLE and (found := re.fullmatch(r"(?:userid=)?\w+/([^\s@/]+)(?:@.*)?", word)):
        return found.span(1)
    glued = "-hp" if program == "rar" and word.startswith("-hp") else _GLUED.get(program)
    if glued and word.startswith(glued) and len(word) > len(glued):
        return (len(glued), len(word))
    if before in _NEXT.get(program, ()):
        kind = re.match(r"(?:pass:|env:|file:|fd:|stdin\Z)", word)
        if kind and kind[0] != "pass:":
            return None
        if before == "-p" and program in {"docker", "podman", "nerdctl", "az", "oc"} and "login" not in words[:at]:
            return None
        start = kind.end() if kind else 0
        if before in {"-b", "--cookie"}:
            return (word.index("=") + 1, len(word)) if "=" in word else None
        return (start, len(word))
    for option in _WITH_USER.get(program, "").split():
        inside = word if before == option else word[2:] if len(option) == 2 and word.startswith(option) else ""
        parted = re.search(r"[:,%]", inside)
        if parted and parted.end() < len(inside):
            return (len(word) - len(inside) + parted.end(), len(word))
    if before in _AFTER.get(program, ()) and not word.startswith("-"):
        return (0, len(word))
    if not before.startswith("--method") and any(one in _AFTER.get(program, ()) for one in words[:at]):
        return (0, len(word)) if looks_random(word.encode()) or len(word) == 40 else None
    if program in {"mc", "mcli"} and len(word) == 40 and looks_random(word.encode("utf-8", "replace")):
        return (0, len(word))
    if at > 2 and words[at - 2].startswith("http-basic"):
        return (0, len(word))
    if program in _AT and at == _AT[program]:
        return (0, len(word))
    if before in {"echo", "printf", "<<<"} and (paired := re.fullmatch(r"[a-z][\w-]{0,31}:(\S{8,})", word)):
        strict = "chpasswd" not in words
        return paired.span(1) if looks_chosen(paired[1].encode("utf-8", "replace"), strict=strict) else None
    if at > 2 and (program, words[at - 2]) in {("cf", "auth"), ("bw", "login")}:
        return (0, len(word))
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

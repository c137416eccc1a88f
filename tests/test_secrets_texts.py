"""Secrets that people tell each other, in any language, and that stand in tables, and what only looks so."""

from __future__ import annotations

import pytest

from evalprov.record.hidden import PLACEHOLDER
from evalprov.secrets import Scrubber

PLAIN = Scrubber({})
LONG, SMALL, LEET = "Marblejuniper3095", "tiger760", "M4rbl3!31"
TOKEN = "cEl3uiM7nu7vw7oEsN48" + "CNSEQKQ895p2WSBmIIkx"
WORDS = "sunsetvelvet"

ANSWERED = [
    f"Q: What is the admin password?\nA: {LONG}",
    f"can someone remind me of the db password?\n{LONG}",
    f"bob: password for grafana?\nana: {LEET}",
    f"<bob> whats the wifi password\n<ana> {SMALL}",
    f"[10:02] bob: whats the vpn password again\n[10:03] ana: its {SMALL}",
    f"**bob**: what's the api key?\n**ana**: sure, {TOKEN}",
    f"Human: remind me of the key\n\nAssistant: Sure! It's {TOKEN}",
    f'{{"role": "user", "content": "what is the password?"}}\n{{"role": "assistant", "content": "It\'s {LONG}"}}',
    f"bob 10:04 AM\npassword?\nana 10:05 AM\n{LONG}",
    f"<|user|>\nWhat is the password?\n<|assistant|>\nIt's {LONG}.",
    f"### Question\nWhat is the password?\n### Answer\n{LONG}",
    f"What is the wifi password? It's {SMALL}.",
    f"Frage: Wie lautet das Passwort?\nAntwort: {LONG}",
    f"P: ¿Cuál es la contraseña?\nR: {LONG}",
    f"问：密码是什么？\n答：{LONG}",
    f"— Какой пароль от сервера?\n— {LONG}",
    f"$ cat /run/secrets/db_password\n{LONG}",
    f"$ echo $API_KEY\n{TOKEN}",
    f">>> cfg.password\n'{LONG}'",
    "$ kubectl get secret db -o jsonpath='{.data.password}'\n" + "TWFyYmxlanVuaXBlcjMwOTU=",
]

TOLD = [
    f"密码是{LONG}",
    f"初始密码：{LEET}，请修改",
    f"请使用密码「{LONG}」登录。",
    f"WiFi密码 {SMALL}",
    f"API密钥是 {TOKEN} ，请不要外传。",
    f"パスワードは「{LONG}」です。",
    f"パスワードを{LONG}に変更しました。",
    f"APIキーは {TOKEN} を使ってください。",
    f"비밀번호는 {LONG}입니다.",
    f"API 키는 {TOKEN}입니다",
    f"пароль от сервера {SMALL}, логин root",
    f"Пароль администратора — {LONG}.",
    f"κωδικός: {SMALL}",
    f"הסיסמה לשרת היא {LONG}",
    f"كلمة السر هي {LONG} للحساب ana.",
    f"मेरा पासवर्ड {LONG} है।",
    f"รหัสผ่านคือ {LONG}",
    f"mật khẩu wifi là {SMALL}",
    f"şifreniz: {SMALL}",
    f"A jelszó {LONG}.",
    f"Passordet er {LONG}.",
    f"kata sandinya adalah {LONG}",
    f"heslo k wifi je {SMALL}",
    f"mdp : {SMALL}",
    f"usuario: bob clave: {LONG}",
    f"Ma clé API est {TOKEN}",
    f"the password was changed from {LONG} to {LEET}",
    f"default password {SMALL} still active",
    f"Sign in as grader with passcode {SMALL}.",
    f"Login as admin with {LONG} if LDAP is down.",
    f"you can log in with bob and {LONG}",
    f"creds for the nas: bob / {LONG}",
    f"u/p: bob/{LONG}",
    f"P.S. the wifi key is {LONG}",
    f"WiFi password - {SMALL}",
    f"pass is {SMALL} lol",
    f"Don't tell anyone but the admin password is {WORDS}.",
    f'Final answer: the secret passphrase is "{WORDS}".',
    f"Secret word for the game server (the real one): {WORDS}",
    f"Rebooted. If the disk asks for its LUKS passphrase: {WORDS} winterharbor meadowcopper",
]

TABLES = [
    f"┏━━━━━━┳━━━━━━━━━━┓\n┃ user ┃ password ┃\n┡━━━━━━╇━━━━━━━━━━┩\n│ bob  │ {LONG} │",
    f"╔══════╦══════════╗\n║ user ║ password ║\n╠══════╬══════════╣\n║ bob  ║ {LONG} ║",
    f"shape: (1, 2)\n│ user ┆ password │\n│ ---  ┆ ---      │\n│ str  ┆ str      │\n╞══════╪═══╡\n│ ana  ┆ {LONG} │",
    f"   user  password\n0   ana  {LONG}\n1   bob  {LEET}",
    f"   user password\n0  ana {LONG}",
    f"ACCESS KEY            SECRET KEY\nAKI1abcd  {TOKEN}",
    f"AccessKeyId SecretAccessKey\nid1 {TOKEN}",
    f"AccessKeys\tAKIA2E0A8F3B244C9986\t{TOKEN}",
    f"Access key ID,Secret access key\nid1,{TOKEN}",
    "TOKEN                     TTL   USAGES\nabc12f.0123456789abcdef   23h   signing",
    f"| 用户 | 密码 |\n|---|---|\n| ana | {LONG} |",
    f"ユーザー,パスワード\nana,{LONG}",
    f"usuario | contraseña\n--------+-----------\n ana | {LONG}",
    f"<tr><th>user</th><th>password</th></tr>\n<tr><td>bob</td><td>{LONG}</td></tr>",
    f"user & password \\\\\nbob & {LONG} \\\\",
    f"user:password\nbob:{LONG}",
    f"     user    password  n\nid\n1    ana  {LONG}  3",
    f"          password\nbob       {LONG}",
    f"PASSWORD\n{LONG}",
]

INNOCENT = [
    # A question that is answered with something else.
    "Q: What is the admin password?\nA: I cannot share it.",
    "What's the password policy?\nPasswords must have 12 characters.",
    "[10:02] bob: password changed on host7\n[10:03] ana: thx, deployed v2.3.1",
    "User: what is the password?\nAssistant: Sorry, as GPT-4o I do not know.",
    "What is the key idea?\nLlama3 attends to all tokens.",
    "$ grep -c password app.log\n42",
    "$ sha256sum tokens.txt\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ">>> tokenizer.pad_token\n'<|endoftext|>'",
    "names = [\n    'strip_password',\n    'decode2base64',\n    'Base64Encoder',\n]",
    # What is said of passwords in other languages.
    "密码必须包含8个字符",
    "密码长度至少8位，支持 ASCII",
    "パスワードは8文字以上です。",
    "비밀번호가 틀렸습니다 (error 401)",
    "Пароль изменён 2024-01-02 для user42",
    "पासवर्ड गलत है (user42)",
    "Das Passwort muss 12 Zeichen haben.",
    "mot de passe oublié ? voir RFC2617",
    # A sentence about one.
    "The password is stored in KeePassXC2.",
    "the passphrase is derived with PBKDF2HMAC",
    "Postgres16 uses SCRAM-SHA-256 for password authentication.",
    "The password is mandatory, the login too",
    "The password is case sensitive.",
    'password is "required"',
    "the passphrase is derived from user input",
    "They may be passed with pass 'float64' explicitly",
    "credentials with OAuth2 / OIDC1.0 supported",
    "Example: `/v2/credentials/abc123`",
    "user/password auth with PostgreSQL14",
    "expected: password reset email\ngot: Error404",
    "密码学基础 Lecture3 笔记",
    "redis://:**@cache:6379/0 ready",
    "ChatCompletionTokenLogprob(token='secret', bytes=[115, 101], logprob=-0.0112)",
    "I use Bitwarden, not LastPass2, for my passwords.",
    "密码保存在KeePass2中。",
    "Мой пароль хранится в KeePassXC2.",
    "$ gcloud create-cred-config \\\n    locations/$REGION/workforcePools/$POOL_ID/providers/x1y2 \\",
    "if it has no password\nif no group name is given\\&.",
    # A row of data that has a name like a secret's in it, a list in a program, a table of something else.
    "apt\tpasswd\t1:4.13+dfsg1-1\napt\tlibbz2-1.0:amd64\t1.0.8-5+b1",
    "wheel on disk\tpycparser\t2.22\nwheel on disk\tkeyring\t25.1\nwheel on disk\tpsycopg_binary\t3.3.6",
    "    'SQL', 'STORE', 'TOKEN',\n    'TYPE', 'UNSORTED', 'x',",
    "┃ Secret         ┃ Required ┃\n┡━━━━━━━━━━━━━━━━╇━━━━━━━━━━┩\n│ OPENAI_API_KEY │ yes      │",
    "token  id  logprob\nhello  15339  -0.12",
    "Column     | Type\n-----------+------\n password  | varchar(64)\n token | uuid",
    # As programs and documents speak.
    ":type password: `str`",
    "'CGI::Cookie' => '1.06',",
    'auth_value  = "Digest " . join(", ", @pairs);',
    "[Pre-shared keys]: #pre-shared-keys",
    "passwd:         files systemd",
    "auth\t[success=1 default=ignore]\tpam_unix.so nullok",
    "let s:netrw_passwd = s:netrw_hup[host].passwd",
    "private_key\t= $dir/private/cakey.pem# The private key",
    '"petstore_auth": [\n    "write:pets",\n    "read:pets"\n]',
    "Load and return a dynamic library identified by 'name'.",
    "platformdirs/version.py,sha256=r8_DrqAfn6QLwQnmXEggveiSU-UaIL2p2nuPINelfFc,14949",
    "QQ4gOsC0p6Hpsk+QLjJg6VfLuQSSaGjlOCZgdbKfd/+RFO+uIEn8rUAVSNECMWEZ",
]


@pytest.mark.parametrize("text", [*ANSWERED, *TOLD, *TABLES])
def test_what_people_tell_is_hidden(text: str) -> None:
    """A password or a key that is answered, told in a sentence or stands in a table's column is replaced."""
    scrubbed = PLAIN.text(text)
    assert PLACEHOLDER in scrubbed
    for secret in (LONG, SMALL, LEET, TOKEN, WORDS, "winterharbor", "TWFyYmxl", "0123456789abcdef"):
        assert secret not in scrubbed
    assert PLAIN.text(scrubbed) == scrubbed


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_speaks_of_secrets_is_not(text: str) -> None:
    """Other answers, rules for passwords, rows of data, programs and documents stay as they are."""
    assert PLAIN.text(text) == text


@pytest.mark.parametrize("text", ANSWERED + TABLES)
def test_lines_that_tell_of_others_may_come_one_by_one(text: str) -> None:
    """A table or an answer is read alike as a whole and in pieces."""
    data = f"{text}\nand so on\n".encode()
    stream = PLAIN.stream()
    assert b"".join([*(stream.feed(data[at : at + 7]) for at in range(0, len(data), 7)), stream.close()]) == PLAIN.data(
        data
    )

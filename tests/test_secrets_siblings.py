"""Secrets and innocents of many tools, by the structure that they share: each stands for a class of its own."""

from __future__ import annotations

import pytest

from evalprov.secrets import Scrubber

COMMANDS = [
    "docker exec -it db mysql -uroot -pX shop",
    "unrar e -pX a.rar",
    "ss-local -s h -k X",
    "signtool sign /f c.pfx /p X a.exe",
    "winrs -r:h -u:bob -p:X hostname",
    "pt-archiver --source h=db,u=root,p=X",
    "mount -t cifs //nas/d /mnt -o user=bob%X",
    "wmiexec.py corp/bob:X@10.0.0.5",
    "consul agent -encrypt=X",
    "infisical secrets set DB=X",
    "gh secret set DEPLOY --body X",
    "samba-tool user create bob X",
    "etcdctl user add bob:X",
    "sc config svc password= X",
    "qemu-system-x86_64 -object secret,id=s,data=X",
    "keyctl add user mykey X @u",
]
LINES = [
    "acl setuser bob on >X ~* +@all",
    "bob pptpd X *",
    'bob : EAP "X"',
    "ip ospf message-digest-key 1 md5 X",
    "tacacs-server key X",
    "username bob privilege 15 secret 0 X",
    "stats auth bob:X",
    "bob:X:1001:1001::/home/bob:/bin/sh",
    "jwt.sign(payload, 'X', { algorithm: 'HS256' });",
    "crypto.createHmac('sha256', 'X')",
    "AES.new(b'X', AES.MODE_ECB)",
    "WiFi.begin('lab', 'X');",
    "ENV API_KEY X",
    "ATTACH 'a.db' AS d KEY 'X';",
    '["password"]=>\n  string(10) "X"',
    "mysql \\\n  -u root \\\n  -pX d",
    "[mx.lab]:587 bob@lab.org:X",
]
INNOCENT = [
    "user default on nopass ~* +@all",
    "bob:x:1000:1000::/home/bob:/bin/bash",
    "pulled auth-service@sha256:" + "ab12" * 16,
    "checksum/secret: " + "ab12" * 16,
    'Cipher.getInstance("AES/CBC/PKCS5Padding")',
    "password: !vault-ref db/main",
    "password: gcp-secret://p/db2",
    "password: @/run/secrets/db2",
    "password: ***REMOVED***",
    "password=#{pw2}",
    "DB_PASSWORD: parameter not set",
    "if (password !== password2) {",
    "expect 'password:'; send '$pw'",
    "crypto isakmp policy 10",
    "pin: 13 pin_memory: true code: 404",
    "password: ${file(./pw2.txt)}",
    "password: $__env{DB_PASS2}",
    "password: @Microsoft.KeyVault(SecretUri=https://kv2.vault.azure.net/secrets/x)",
    "password: *db_password2",
    "password: @db_pass@",
    "password: __DB_PASSWORD2__",
    "password: REDACTED_BY_CI",
    'password: "-- hidden --"',
    "password: sops-encrypted",
    "password=set-in-env",
    "password=from-vault",
    "api_key: your-api-key-2",
    "api_key: no-key-required",
    "api_key: os.environ/OPENAI_API_KEY2",
    "api_key: lm-studio",
    "password: random_password.db2.result",
    "password: data.aws_secretsmanager_secret_version.db2.secret_string",
    'password: getSecret2("db")',
    "password => $pw2,",
    "token = stream.read2()",
    "fn verify(password: &str, hash: &str) -> bool {",
    'headers={"X-Api-Key": api_key2}',
    '{"token": "Berlin2", "tag": "LOC"}',
    '{"id": 42, "token": "h2o", "score": 0.9}',
    '"token": "##ing2"',
    "token: TokenKind.Ident2",
    "shard_key: node-17",
    "export HISTIGNORE='*token*:*secret*'",
    "debug1: Server host key: ssh-ed25519 SHA256:P8hsGpTmTTuhRvZmQjYYlp+VSavDv11IhVhil7QImg9",
    "Key pinned: sha256//P8hsGpTmTTuhRvZmQjYYlp+VSavDv11IhVhil7QImg9=",
    "GHSA-p6mc-m468-83gw insecure storage of passwords",
    "--- PASS: TestTokenRefresh/expired_v2 (0.02s)",
    "pam_unix(passwd:chauthtok): password changed for student7",
    "set-cookie: lang=en; Max-Age=3600",
    "strength of password: 3/4",
    "detect-secrets: baseline .secrets.baseline updated (v1.4.0)",
    "chpasswd: line 12: missing new password",
    "auth: scope=read:user grant_type=refresh_token",
    "  --api-key TEXT        API key  [env var: OPENAI_API_KEY2; required]",
    "  --change-passphrase            change a passphrase",
    "config secret.provider = vault2",
    "credential helper: osxkeychain2",
    "dsn: postgresql://eval@db2/evals",
    "-rw-r--r-- 1 root root 7511 Jun 24 2025 getpass.cpython-311.pyc",
    'await page.type("#pw", process.env.E2E_PASSWORD!);',
    "printf(out, 'Authorization: Digest %s')",
    "-unprotected_requests is used, but no -secret is given%s%s",
    "challengePassword = A challenge password",
    " /etc/pam.d/passwd eaf2ad85b5ccd06cceb19a3e75f40c63",
    "Filename: pool/main/s/shadow/passwd_4.13+dfsg1-1+deb12u2_amd64.deb",
    "The key fingerprint is:\nSHA256:P8hsGpTmTTuhRvZmQjYYlp+VSavDv11IhVhil7QImg9 root@db2",
    "the package for passwords\nlibkf5wallet-bin - Secure container for user passwords",
    'static final String DB_PASSWORD = "db_password";',
    "CryptoKeys: encryption disabled, key none",
    'secrets = ["OPENAI_API_KEY2", "HF_TOKEN2"]',
    "secrets:\n  - db_password2\n  - api_key2",
    "Passwort: erforderlich",
    "| secret | used by |\n|---|---|\n| db-creds2 | eval |",
]
COMMANDS_WITHOUT = [
    "useradd -r -s /usr/sbin/nologin metrics9",
    "usermod -aG docker student7",
    "passwd -u build7",
    "kubectl create secret generic db-creds --from-file=password=./pw.txt",
    "curl -u $user:$pw2 https://h",
    "curl -u user:password https://h",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_told_by_its_structure(command: str) -> None:
    """A secret is found by its place in a command line, whichever command it is."""
    argv = [word.replace("X", "orchid517") for word in command.split()]
    assert "orchid517" not in "\n".join(Scrubber({}).argv(argv))


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_told_by_its_structure(line: str) -> None:
    """A secret is found in the languages of servers, routers and files of users, and in calls that encrypt."""
    assert "orchid517" not in Scrubber({}).text(line.replace("X", "orchid517"))


@pytest.mark.parametrize("line", INNOCENT)
def test_what_is_built_alike_and_holds_none_is_left_alone(line: str) -> None:
    """References, masks, messages and algorithms come through as they are."""
    assert Scrubber({}).text(line) == line


@pytest.mark.parametrize("command", COMMANDS_WITHOUT)
def test_a_command_without_one_is_left_alone(command: str) -> None:
    """An account, a file and a variable in a command are no secrets."""
    assert Scrubber({}).argv(command.split()) == command.split()


@pytest.mark.parametrize(
    ("name", "value"), [("SIM_PIN", "48151"), ("SENHA_BANCO", "orchid517"), ("BASIC", "bob:orchid517")]
)
def test_a_variable_of_another_language_or_sort(name: str, value: str) -> None:
    """A foreign word for a password, a PIN, and a user's password in a variable make a secret."""
    assert value.rpartition(":")[2] not in Scrubber({name: value}).text(f"used {value} today")


@pytest.mark.parametrize("piece", ["otp=1", "pin=a1", "send ", "user x ", "jwt("])
def test_repeated_signs_end(piece: str) -> None:
    """What begins like a secret many times over is read in time that grows with its length alone."""
    assert Scrubber({}).text(piece * 2000)


SHOWN = [
    "пароль=X пользователь=ana",
    "비밀번호=X id=x",
    "php x.php --clave=X -b",
    'String HMACKEY = "X"',
    "NwkSKey=X",
    "passwd_plain=X",
    '(gdb) p cfg.passwd\n$1 = "X"',
    'irb(main):001:0> api_key\n=> "X"',
    "Use the following password to proceed:\n\nX",
    "Copy your token. You will not see it again:\nX",
    "assert cfg.password == \"a\"\nE   AssertionError: assert 'X' == 'a'",
    "INSERT INTO j (name, api_key) VALUES (?, ?)\n[generated] ('gpt', 'X')",
    "<auth-user-pass>\njan\nX\n</auth-user-pass>",
    '<p name="n">password</p>\n<p name="v">X</p>',
    "user admin/X created",
    "CORP\\ana:X (valid)",
    "10.0.0.5:8080:bob:X",
    "##vso[task.setvariable variable=db_password]X",
    "::add-mask::X",
    'setx SONAR_TOKEN "X" /M',
    "The root password got changed to X",
    "WPA2 key for the guests was set to X.",
    "8=FIX.4.4|553=ana|554=X|10=128|",
    "    Key Content            : X",
]


@pytest.mark.parametrize("text", SHOWN)
def test_a_secret_is_told_by_what_shows_it(text: str) -> None:
    """Other languages, debuggers, tests and servers show a secret each in their own way."""
    secret = "Velvetorchid4271Marble3x"
    assert secret not in Scrubber({}).text(secret.join(text.rsplit("X", 1)))


@pytest.mark.parametrize("said", ["the PIN is X", "Your verification code is X.", "The door code is X"])
def test_a_number_that_a_sentence_calls_a_code_is_one(said: str) -> None:
    """A few digits are a secret where they are said to be one."""
    assert "482913" not in Scrubber({}).text(said.replace("X", "482913"))
    assert Scrubber({}).text("the status code is 48291") == "the status code is 48291"


def test_a_sign_of_the_gate_is_text() -> None:
    """What a line is looked for by is no pattern, and the search ends."""
    assert Scrubber({}).text("a|925=b|c") == "a|925=b|c"

"""Source code that speaks of passwords is no secret; a credential written into it still is, in every language."""

from __future__ import annotations

import pytest

from evalprov.secrets import Scrubber

SCRUBBER = Scrubber({"SERVICE_TOKEN": "Zx9abcdEFGH12345q"})
LITERALS = {  # how a language sets a name to a text
    "py": ('password = "%s"', 'api_key: str | None = "%s"', 'token: Annotated[str, X] = "%s"', "login(password='%s')"),
    "js": ('const apiKey = "%s";', "this.password = '%s'", "headers = {'x-api-key': `%s`}", 'token:\n    "%s",'),
    "ts": ('let token: string | undefined = "%s";', 'private apiKey: string = "%s"', "{ clientSecret: '%s' }"),
    "go": ('password := "%s"', 'var apiKey string = "%s"', 'Config{Password: "%s"}', "const apiToken = `%s`"),
    "rs": ('let token = "%s";', 'const API_KEY: &\'static str = "%s";', '.password("%s")'),
    "java": ('String password = "%s";', 'private static final String API_KEY = "%s";', '.setApiKey("%s");'),
    "c": ('const char *password = "%s";', 'char api_key[] = "%s";', '#define API_KEY "%s"'),
    "cs": ('string password = "%s";', 'var apiKey = @"%s";', 'Password = "%s",'),
    "kt": ('val password = "%s"', 'const val API_KEY: String = "%s"'),
    "swift": ('let apiKey = "%s"', 'var password: String? = "%s"'),
    "rb": ("password = '%s'", ":api_key => '%s',", 'token: "%s"'),
    "php": ("$password = '%s';", "define('DB_PASSWORD', '%s');", "'api_key' => '%s',"),
    "scala": ('val password = "%s"', 'val apiKey: String = "%s"'),
}
VALUES = ["Sunset42!bluebird", "hunter2hunter2", "aZ3kQ9xT7bW1mN5vL8pR"]
TOKENS = ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "sk-proj-abcDEF123_456-ghijkl", "Zx9abcdEFGH12345q"]
ANYWHERE = [  # in a comment, a docstring, a string that is none of a name's
    "# password: Sunset42bluebird",
    "// api key: aZ3kQ9xT7bW1mN5vL8pR",
    " * the password is Sunset42!bluebird for now",
    '"""Log in with password=Sunset42bluebird and retry."""',
    "x = 'postgres://bob:Sunset42bluebird@db/x'",
    "    # pin: password = 48151623",
    "# Authorization: Bearer aZ3kQ9xT7bW1mN5vL8pR",
    'run("mysql -uroot -pSunset42bluebird shop")',
]
CODE = [
    ("a.py", "auth_token = token"),
    ("a.py", "password = password.encode()"),
    ("a.py", "password = password.encode('latin1')"),
    ("a.py", "def f(cookies: RequestsCookieJar, auth: AuthTypes | None = None) -> None:"),
    ("a.py", 'self.api_key = api_key or os.environ.get("X")'),
    ("a.py", 'def f(login: str, password: str = "", encoding: str = "latin1"): ...'),
    ("a.py", "token: str | None = None"),
    ("a.py", "secret_key=settings.SECRET_KEY"),
    ("a.py", "if password1 and password2 and password1 != password2:"),
    ("a.py", "self.token2wav = Qwen2_5OmniToken2WavModel(config)"),
    ("a.py", 'request.headers["Authorization"] = f"Bearer {await self._resolve_token_async()}"'),
    ("a.py", 'ask(prompt="Password: ", length=len(b"Cookie: "))'),
    ("a.py", 'r"(?P<token>[A-Za-z0-9._~+/-]+=*)"'),
    ("a.py", "ACCESS_KEY = 'AWS_ACCESS_KEY_ID'"),
    ("a.py", "HASH_SESSION_KEY = '_auth_user_hash'"),
    ("a.pyi", "def login(password: HiddenText | None, *, use_auth: bool) -> Credentials: ..."),
    ("a.py", 'url = f"https://user:{password}@host"  # https://user:password@host'),
    ("a.py", "    :param access_key: The access key part of the credentials."),
    ("a.py", "tokens = {\n    'keywords': ['import', 'global'],\n}"),
    ("a.js", "const apiKey = process.env.KEY"),
    ("a.js", "var password = utils$1.getSafeProp(auth, 'password') || '';"),
    ("a.ts", "readonly credential?: TokenCredential | (() => Promise<AccessToken>);"),
    ("a.ts", 'token: "https://graph.example.org/oauth/access_token",'),
    ("a.mjs", "const token = existing?.['access_token'];"),
    ("a.go", "password := os.Getenv(name)"),
    ("a.rs", "let token = tokens.next().unwrap_or(default_token);"),
    ("a.java", "this.password = Objects.requireNonNull(password);"),
    ("a.c", "token = strtok(NULL, delimiters);"),
    ("a.kt", "val apiKey = properties.getProperty(name)"),
    ("a.rb", "token: current_user.auth_token,"),
    ("a.php", "$password = $request->input('password');"),
]


@pytest.mark.parametrize("language", LITERALS)
def test_a_quoted_literal_at_a_secrets_name_is_found(language: str) -> None:
    """What a program sets a password or a key to is found in each of these languages."""
    source = SCRUBBER.reading(b"src/a." + language.encode())
    for form in LITERALS[language]:
        for value in (*VALUES, *TOKENS):
            assert source.has_secret(b"x\n" + (form % value).encode() + b"\ny\n"), form % value


@pytest.mark.parametrize("language", LITERALS)
@pytest.mark.parametrize("text", [*TOKENS, *ANYWHERE])
def test_a_credential_is_found_wherever_it_stands_in_source_code(language: str, text: str) -> None:
    """A known token, a variable's value, a password in a comment or a URL: the language changes nothing."""
    assert SCRUBBER.reading(b"a." + language.encode()).has_secret(text.encode() + b"\n")


@pytest.mark.parametrize(("path", "code"), CODE)
def test_code_that_only_speaks_of_a_secret_has_none(path: str, code: str) -> None:
    """Names, types, calls and expressions at a secret's name are no values, nor are they in a patch."""
    source = SCRUBBER.reading(path.encode())
    assert not source.has_secret(code.encode() + b"\n")
    assert not source.has_secret(b"@@ -1 +1 @@\n-x = 1\n+" + code.replace("\n", "\n+").encode() + b"\n")


PLAIN = [".env", "conf/a.ini", "a.yaml", "a.properties", "run.sh", "Dockerfile", "notes", "a.txt", "py", "x/.py"]


@pytest.mark.parametrize("path", PLAIN)
def test_a_format_without_quotes_is_read_as_before(path: str) -> None:
    """Where a value needs no quotes, a word at a secret's name is a secret."""
    assert SCRUBBER.reading(path.encode()).has_secret(b"password=sunsetmoon\n")
    assert SCRUBBER.reading(path.encode()) is SCRUBBER

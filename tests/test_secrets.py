"""The scrubber: what is a secret, what is none, and that none survives however it is written or cut."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evalprov.secrets import PLACEHOLDER, Scrubber
from evalprov.secrets.values import is_no_value

PLAIN = Scrubber({})
KEY = "Zx9abcdEFGH12345q"
KEY_BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 4 + ["Gh3kPQ=="])
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


AT_A_KEY = [
    "api_key: x1",
    'api_key="x1"',
    "api_key = 'x1'",
    '"password": "x1"',
    "'password': 'x1'",
    '{\\"password\\": \\"x1\\"}',
    '"{\\\\\\"password\\\\\\": \\\\\\"x1\\\\\\"}"',
    "--api-key x1",
    "--api-key=x1 --n 3",
    "--token=x1",
    "run '--token', 'x1', '--n'",
    'cmd: ["--token", "x1"]',
    "API_KEY=x1",
    "export OPENAI_API_KEY=x1; run",
    "Authorization: Bearer x1",
    "authorization: Basic x1",
    "curl -H 'Authorization: Bearer x1' url",
    '{"Authorization": "Bearer x1"}',
    "Authorization: x1",
    "X-Api-Key: x1",
    "Cookie: a=x1; b=x1",
    "https://h/p?access_token=x1&user=me",
    "https://h/p?user=me&sig=x1&v=2",
    "AccountName=a;AccountKey=x1==;EndpointSuffix=core.windows.net",
    "Server=db;Uid=sa;Pwd=x1;Encrypt=yes",
    "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=x1",
    'os.environ["OPENAI_API_KEY"] = "x1"',
    'api_key: str = "x1"',
    'OpenAI(api_key="x1", timeout=3)',
    "a line\\npassword: x1\\nanother",
    "+    password: x1",
    "password: x1 x1 x1",
    "//registry.example.org/:_authToken=x1",
    "db.password=x1",
    "token := x1",
    "password=x1(def",
    'api_keys = ["x1", "x1"]',
    "PASSWORD=a$$b;x1",
    "secret=$ecx1",
    "password: 'a\\'x1'",
    'password: "x1',
    'password = """x1"""',
]


@pytest.mark.parametrize("text", AT_A_KEY)
def test_value_at_a_key(text: str) -> None:
    """Whatever stands at a secret's key is replaced, however short, and nothing around it is."""
    scrubbed = PLAIN.text(text)
    assert "x1" not in scrubbed
    assert PLACEHOLDER in scrubbed
    for word in (
        "--n",
        "user=me",
        "AccountName=a;",
        "EndpointSuffix=core",
        "timeout=3",
        "another",
        "url",
        "Encrypt=yes",
    ):
        assert (word in scrubbed) == (word in text)


INNOCENT = [
    "max_tokens: 512, tokenizer=bert author: me use_cls_token=true",
    "--max-tokens 512 --tokenizer /models/tok --sort-key name",
    "TOKENIZERS_PARALLELISM=false num_tokens=12 token_count: 4 eos_token: </s> pad_token_id=0 bos_token='<s>'",
    "key: value primary_key=id sort_key: name public_key=abc",
    "3f786850e387550fdab836ed7e6dc881de23001b d41d8cd98f00b204e9800998ecf8427e",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cache_key: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "acme_key: 123e4567-e89b-12d3-a456-426614174000",
    "sk-learn scikit sk-learn-contrib-0-24 task-1234567890abcdef1234 risk-management-1234567890ab disk-0",
    "task-proj-0123456789abcdef task-ant-0123456789abcdef",
    "hf_transformers hf_hub_download npm_config_cache ghp_short xox eyJ.a.b AKIA SG.a.b AIza ya29.",
    "https://host:8080/path@x http://registry:4873/@scope/pkg git@github.com:a/b ssh://git@github.com/a/b",
    "https://me@host/x mailto:me@host.org http://host/?q=a@b",
    'api_key: ${OPENAI_API_KEY} token=$TOKEN password="{{ secrets.X }}" api_key=env:OPENAI_API_KEY',
    'api_key=os.environ["X"], token = os.getenv("Y") secret: process.env.SECRET key={key}',
    "api_key: ${oc.env:OPENAI_API_KEY} Authorization: Bearer ${TOKEN} --api-key $API_KEY",
    "token = next(tokens); token = self.token; api_key=api_key, token=hf_token, password = getpass.getpass()",
    "def f(api_key: str, token: Optional[str] = None, password: str | None = None): use_auth: true, auth: false, password: null, secret = None",
    "token = get_token(\n    1)",
    "if token == eos and token != pad: token::new",
    '{"token": " hello", "logprob": -0.1}',
    "--token is required; use --api-key to log in",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
    'if line == "-----BEGIN PRIVATE KEY-----":\n    keep = True\n',
    "The bearer of news. Basic characterization. Bearer authentication-is-needed",
    "PWD=/home/me OLDPWD=/tmp credentials: ./service.json private_key: /etc/ssl/key.pem",
    "special_token: <|endoftext|> acme_token: short s3_key: data/eval20240101abc/items.json",
    "",
    "\n\n",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_nothing_else_is_blinded(text: str) -> None:
    """Ordinary text, ids, hashes, references and code stay as they are."""
    scrubber = Scrubber({"OPENAI_API_KEY": KEY, "SHORT_TOKEN": "ab1c"})
    assert scrubber.text(text) == text
    assert scrubber.data(text.encode()) == text.encode()


SHAPES = [
    "sk-proj-abcDEF123_456-ghijkl",
    "sk-1234567890abcdefghij",
    "sk-test-1234567890abcdef",
    "sk-ant-api03-abcdefghijKLMNOP",
    "sk-or-v1-0123456789abcdef0123456789abcdef",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "gho_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghu_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghs_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghr_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghij_klmnopqrstuv",
    "glpat-abcDEF123456ghiJKL78",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "hf_abcDEFghijklmnopqrstuvwxyzABCDEFGH",
    "xoxb-1234567890-abcdefghij",
    "xoxp-1234567890-abcdefghij",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "ya29.a0AfH6SMBx1234567890_abc-def",
    "sk_live_abcdefghij1234567890",
    "rk_live_abcdefghij1234567890",
    "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDA",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    PEM,
    PEM.replace("\n", "\\n"),
    PEM.replace("\n", "\r\n"),
    PEM.replace("\n", "\n+"),
    PEM.replace("\n", "\n      "),
    base64.b64encode(PEM.replace("RSA ", "").encode()).decode(),
]


@pytest.mark.parametrize("around", ["{}", "x {} y", '"{}"', "({})", "\\n{}\\n", "a={}", "\x1b[32m{}\x1b[0m", "%20{}"])
@pytest.mark.parametrize("secret", SHAPES)
def test_known_shapes(secret: str, around: str) -> None:
    """A key of a known kind is replaced wherever it stands, exactly."""
    assert PLAIN.text(around.format(secret)) == around.format(PLACEHOLDER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pass@host/x", "https://user:[secret]@host/x"),
        ("https://ghp_x@github.com/a", "https://[secret]@github.com/a"),
        ("https://ghp_x:x-oauth-basic@github.com", "https://[secret]:[secret]@github.com"),
        ("https://x-access-token:abc@github.com", "https://x-access-token:[secret]@github.com"),
        ("postgres://u:p@ss@host/db", "postgres://u:[secret]@host/db"),
        ("postgres://u:p/ss#1@host/db", "postgres://u:[secret]@host/db"),
        ("redis://:pw@host:6379/0", "redis://:[secret]@host:6379/0"),
        ('"https:\\/\\/user:pass@host"', '"https:\\/\\/user:[secret]@host"'),
        ("https://u:${PASS}@host", "https://u:${PASS}@host"),
        ("https://hooks.slack.com/services/T000/B000/XXXX1234", "https://hooks.slack.com/services/[secret]"),
        ("see https://3f786850e387550fdab836ed7e6dc881@o1.ingest.sentry.io/1", "see https://[secret]@o1.ingest.sentry.io/1"),
    ],
)  # fmt: skip
def test_urls(text: str, expected: str) -> None:
    """A URL keeps scheme, user and host; its password goes, and a token in the user's place."""
    assert PLAIN.text(text) == expected


def test_private_key_without_its_end() -> None:
    """A key that was cut off is blinded as far as it goes, and the text after it stays."""
    cut = PEM[:200]
    assert PLAIN.text(PEM.partition("=")[0]) == PLACEHOLDER
    assert PLAIN.text(f"a\n{cut}") == "a\n[secret]"
    assert PLAIN.text(f"{cut}\nand so it went on.\n") == "[secret]\nand so it went on.\n"
    assert PLAIN.text(cut.replace("\n", "\\n") + '", "id": 1') == '[secret]", "id": 1'


SECRETS = [
    KEY,
    "p@ss w0rd/+&=?\"'\\!",
    "ünïcödé-π-secret",
    "line one\nline two {x}\n\nline four",
    "a-b_c.d~e-f",
    '{\n  "type": "x",\n  "private": "abc/def"\n}',
    "k" * 200,
    "\\\\\\\\\\\\\\\\\"\"\"'''",
]


def written(secret: str) -> list[str]:
    """Return a secret as other programs write it."""
    forms = [
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower() if secret.islower() else secret,
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps(json.dumps(secret)[1:-1]),
        repr(secret),
        secret.replace("\n", "\r\n"),
        secret.replace("\n", "\n+"),
        secret.replace("\n", "\n    "),
    ]
    if "\n" not in secret:
        forms.append(shlex.quote(secret))
    return forms


@pytest.mark.parametrize("secret", SECRETS)
def test_variable_in_any_writing(secret: str) -> None:
    """A secret of the environment is found plain, URL-encoded and escaped for JSON, Python and a shell."""
    scrubber = Scrubber({"MY_TOKEN": secret})
    for form in written(secret):
        expected = f"see {PLACEHOLDER} there"
        inner = form[1:-1] if form != secret and form[:1] == form[-1:] and form[:1] in {'"', "'"} else form
        scrubbed = scrubber.text(f"see {inner} there")
        assert scrubbed == expected, form


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("lead", ["", "a", "ab", "user:"])
def test_variable_in_base64(secret: str, lead: str) -> None:
    """A secret is found inside base64 whatever stands before it, padded or not, in both alphabets, in its URL form."""
    scrubber = Scrubber({"MY_TOKEN": secret})
    for tail in ("", "z", "zz", "zzz"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(f"{lead}{secret}{tail}".encode()).decode()
            for form in (whole, whole.rstrip("="), quote(whole, safe="")):
                scrubbed = scrubber.text(f"x {form} y")
                assert PLACEHOLDER in scrubbed
                rest = scrubbed[2:-2].partition(PLACEHOLDER)
                assert len(rest[0]) <= len(lead) * 4 / 3
                assert len(rest[2].replace("%3D", "").rstrip("=")) <= len(tail) * 4 / 3 + 1


def test_variable_in_wrapped_base64() -> None:
    """A long secret through `base64`, which breaks its lines, is found."""
    secret = "sensitive-" + "0123456789abcdefghij" * 8
    out = subprocess.run(["base64"], input=secret.encode(), capture_output=True, check=True).stdout
    assert b"\n" in out.strip()
    scrubbed = Scrubber({"MY_SECRET": secret}).data(b"a\n" + out + b"b\n")
    assert scrubbed.startswith(b"a\n[secret]")
    assert len(scrubbed) < 20


def test_longest_first() -> None:
    """Where one secret begins or holds another, all of the longer one goes."""
    scrubber = Scrubber({"A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefghijkl", "C_TOKEN": "zzabcdefghzz"})
    assert scrubber.text("abcdefghijkl abcdefgh zzabcdefghzz") == "[secret] [secret] [secret]"


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("ab1c", "ab1c ab1cd xab1c (ab1c) ab1c_", "[secret] ab1cd xab1c ([secret]) ab1c_"),
        ("ab1c", "https://h/?q=ab1c", "https://h/?q=[secret]"),
        ("ab", "ab password: ab", "ab password: [secret]"),
        ("", "nothing", "nothing"),
    ],
)
def test_short_values(secret: str, text: str, expected: str) -> None:
    """Four to seven characters go as a whole word, fewer only at a key."""
    assert Scrubber({"MY_PASSWORD": secret}).text(text) == expected


@pytest.mark.parametrize(
    "value", ["true", "False", "EMPTY", "", "none", "basic", "dummy", sys.executable, "/nowhere/key.json"]
)
def test_variables_that_hold_no_secret(value: str) -> None:
    """A yes or no, a path, a stand-in at a secret's name is not hunted for."""
    text = f"we saw {value} here"
    assert Scrubber({"SSH_AUTH_TOKEN": value, "SSH_AUTH_SOCK": "/tmp/agent"}).text(text) == text


def test_extra_names() -> None:
    """Names and globs given by settings make a variable a secret, whatever its name."""
    scrubber = Scrubber({"LICENSE": "abcdefgh1", "ACME_X": "ijklmnop2", "OTHER": "qrstuvwx3"}, ["license", "ACME_*"])
    assert scrubber.text("abcdefgh1 ijklmnop2 qrstuvwx3") == "[secret] [secret] qrstuvwx3"
    assert scrubber.argv(["x", "ACME_NEW=1234"]) == ["x", "ACME_NEW=[secret]"]


def test_password_of_a_url_variable() -> None:
    """The password of a URL in the environment is a secret wherever else it stands."""
    assert Scrubber({"DATABASE_URL": "postgres://me:hunter22@db/x"}).text("pw hunter22 of me") == "pw [secret] of me"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["x", "--api-key", "abc", "y"], ["x", "--api-key", "[secret]", "y"]),
        (["x", "--api-key=abc"], ["x", "--api-key=[secret]"]),
        (["x", "-token", "a b"], ["x", "-token", "[secret]"]),
        (["x", "--token", "--n", "3"], ["x", "--token", "--n", "3"]),
        (["docker", "run", "-e", "FOO_KEY=abc", "i"], ["docker", "run", "-e", "FOO_KEY=[secret]", "i"]),
        (["env", "API_KEY=a", "EOS_TOKEN=b"], ["env", "API_KEY=[secret]", "EOS_TOKEN=b"]),
        (["curl", "-H", "Authorization: Bearer x"], ["curl", "-H", "Authorization: Bearer [secret]"]),
        (["curl", "-u", "me:x", "https://h"], ["curl", "-u", "me:[secret]", "https://h"]),
        (["x", "--max-tokens", "512", "--tokenizer", "/a/b"], ["x", "--max-tokens", "512", "--tokenizer", "/a/b"]),
        (["x", "--token-file", "/a", "--credentials", "./c.json"], ["x", "--token-file", "/a", "--credentials", "./c.json"]),
        (["x", "--api-key", "$API_KEY", "model.token=abc"], ["x", "--api-key", "$API_KEY", "model.token=[secret]"]),
        (["sh", "-c", "export TOKEN=abc; run"], ["sh", "-c", "export TOKEN=[secret]; run"]),
        ([], []),
    ],
)  # fmt: skip
def test_argv(argv: list[str], expected: list[str]) -> None:
    """Options and assignments that name a secret lose it; paths and numbers stay."""
    assert PLAIN.argv(argv) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"password": "x", "n": 1}, {"password": "[secret]", "n": 1}),
        ({"password": 1234, "auth": True, "token": None, "secret": ""}, {"password": "[secret]", "auth": True, "token": None, "secret": ""}),
        ({"a": [{"api_key": "x"}, "token=abc"]}, {"a": [{"api_key": "[secret]"}, "token=[secret]"]}),
        ({"api_keys": ["a", "b"], "tokens": [1, 2]}, {"api_keys": ["[secret]", "[secret]"], "tokens": [1, 2]}),
        ({"secrets": {"openai": "x"}}, {"secrets": {"openai": "[secret]"}}),
        ({"credentials": {"kind": "x"}}, {"credentials": {"kind": "x"}}),
        ({"api_key": "${OPENAI_API_KEY}", "token": "env:X"}, {"api_key": "${OPENAI_API_KEY}", "token": "env:X"}),
        ({"acme_token": "a1b2c3d4e5f6g7h8i9", "eos_token": "</s>"}, {"acme_token": "[secret]", "eos_token": "</s>"}),
        ({"env": [{"name": "FOO_KEY", "value": "x"}]}, {"env": [{"name": "FOO_KEY", "value": "[secret]"}]}),
        ({"args": ["--api-key", "x", "--n", "1"]}, {"args": ["--api-key", "[secret]", "--n", "1"]}),
        ({"token": " a", "logprob": -1.0}, {"token": " a", "logprob": -1.0}),
        ({"https://u:p@h": 1, 3: "x"}, {"https://u:[secret]@h": 1, 3: "x"}),
        ({"max_tokens": 5, "lr": 0.1, "ok": False, "none": None}, {"max_tokens": 5, "lr": 0.1, "ok": False, "none": None}),
    ],
)  # fmt: skip
def test_value(value: Any, expected: Any) -> None:
    """A JSON-like value is blinded by key, by shape and inside its strings and keys, and keeps its form."""
    assert PLAIN.value(value) == expected
    assert PLAIN.value(expected) == expected


def test_value_at_a_given_key() -> None:
    """The key of a value handed over alone counts."""
    assert PLAIN.value("x", "openai.api_key") == PLACEHOLDER
    assert PLAIN.value("x", "model") == "x"


def test_rotated_key_reads_the_same() -> None:
    """Two runs that differ in a key alone are written alike."""
    one, two = ({"model": "m", "api_key": key, "url": f"https://u:{key}@h"} for key in ("a1", "b2b2"))
    assert PLAIN.value(one) == PLAIN.value(two)


# Properties. The alphabet is made of what the scrubber looks for, so that random text comes near to it.
ENV = {
    "OPENAI_API_KEY": KEY,
    "DB_PASSWORD": "p@ss/w0rd",
    "MY_SECRET": "one\ntwo two\n-three",
    "PIN_TOKEN": "ab1c",
}
SCRUBBER = Scrubber(ENV)
PIECES = [
    *ENV.values(), *SHAPES, *AT_A_KEY, *INNOCENT, PEM[:100], PEM[:300], PEM[60:], "one\ntwo", "[secret]", "[sec", "ret]",
    "password", "api_key", "token", "secret", "Bearer ", "Authorization", "--", "=", ": ", '"', "'", "\\", "\\n", "\n",
    " ", "://", "@", "sk-", "eyJ", ".", "x", "\r\n", ",", "&", ";", "(", "]", "{", "-----", "é", quote("p@ss/w0rd", safe=""),
    base64.b64encode(f"u:{KEY}".encode()).decode(),
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=14).map("".join)
blobs = st.lists(st.sampled_from(PIECES).map(str.encode) | st.binary(max_size=6), max_size=14).map(b"".join)


@quick
@given(texts)
@example(f"{KEY}ghp_abcdefghijklmnopqrstuvwxyz0123456789")
@example("password: [secret]x")
@example("[secret]")
def test_idempotent(text: str) -> None:
    """Scrubbing what was scrubbed changes nothing."""
    once = SCRUBBER.text(text)
    assert SCRUBBER.text(once) == once
    assert Scrubber({"A_TOKEN": "secret", "B_TOKEN": "[secret]"}).text(once).count("[[") == once.count("[[")


@quick
@given(blobs, st.lists(st.integers(0, 400), max_size=8))
def test_pieces_make_no_difference(data: bytes, cuts: list[int]) -> None:
    """Wherever a stream is cut, the result is that of the whole."""
    whole = SCRUBBER.data(data)
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    stream = SCRUBBER.stream()
    out = b"".join(stream.feed(data[a:b]) for a, b in pairwise(places))
    assert out + stream.close() == whole
    single = SCRUBBER.stream()
    assert b"".join(single.feed(data[at : at + 1]) for at in range(len(data))) + single.close() == whole


secrets = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=40).filter(
    lambda text: (
        text == text.strip()
        and text[0] not in "/~."
        and not is_no_value(text)
        and len(set(text)) > 4
        and "secret" not in text
        and "\r" not in text
    )
)


@settings(quick, max_examples=30)
@given(secrets, texts, texts, st.integers(0, 200))
def test_no_planted_secret_survives(secret: str, before: str, after: str, limit: int) -> None:
    """A secret of the environment is in nothing that comes out, plain, in base64 or URL-encoded."""
    scrubber = Scrubber({"PLANTED_KEY": secret})
    raw = secret.encode()
    core = base64.b64encode(raw[: len(raw) // 3 * 3])
    for form in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(raw).decode(),
        json.dumps(secret),
    ):
        text = f"{before}{form}{after}"
        stream = scrubber.stream()
        results = [
            scrubber.text(text).encode(),
            scrubber.data(text.encode()),
            stream.feed(text.encode()[:7]) + stream.feed(text.encode()[7:]) + stream.close(),
            scrubber.tail(text.encode(), limit),
            json.dumps(scrubber.value({text: [text]}), ensure_ascii=False).encode(),
        ]
        for result in results:
            assert raw not in result
            assert core not in result
            assert quote(secret, safe="").encode() not in result
            assert json.dumps(secret)[1:-1].encode() not in result


@quick
@given(st.text("abcdefghij ,.\n0123()", max_size=200))
def test_innocent_text_is_unchanged(text: str) -> None:
    """Text with no secret comes out as it went in."""
    assert PLAIN.text(text) == text
    assert PLAIN.data(text.encode("utf-16")) == text.encode("utf-16")


@quick
@given(st.text(max_size=80))
def test_any_string(text: str) -> None:
    """Any string goes through, also one that is no valid text."""
    assert PLAIN.text(f"{text}\ud800\udcff") is not None
    assert isinstance(PLAIN.value(text), str)


def test_bytes_of_no_encoding() -> None:
    """A secret that is no UTF-8 is found in bytes and in text alike."""
    secret = b"\xff\xfe-secret-\x80".decode("utf-8", "surrogateescape")
    scrubber = Scrubber({"MY_TOKEN": secret})
    assert scrubber.data(b"\x80 \xff\xfe-secret-\x80 \xff") == b"\x80 [secret] \xff"
    assert scrubber.text(f"a {secret} b") == "a [secret] b"

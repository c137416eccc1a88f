"""Which names are those of secrets: of a key in a text, and of a variable."""

from __future__ import annotations

import pytest

from evalprov.secrets import is_secret_name, is_secret_variable


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apikey",
        "API_KEY",
        "apiKey",
        "openaiApiKey",
        "APIKey",
        "x-api-key",
        "OPENAI_API_KEY",
        "openai_key",
        "anthropic_key",
        "AZURE_KEY",
        "secret_key",
        "private_key",
        "aws_secret_access_key",
        "signing_key",
        "encryption_key",
        "AccountKey",
        "SharedAccessKey",
        "API_KEY_2",
        "token",
        "access_token",
        "accessToken",
        "hf_token",
        "github_token",
        "auth_token",
        "use_auth_token",
        "_authToken",
        "bearer_token",
        "password",
        "PASSWORD",
        "db_password",
        "PGPASSWORD",
        "passwd",
        "passphrase",
        "db_pwd",
        "smtp_pass",
        "secret",
        "client_secret",
        "secrets",
        "credentials",
        "aws.credentials",
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "Set-Cookie",
        "auth",
        "dsn",
        "SENTRY_DSN",
        "github_pat",
    ],
)
def test_secret_names(name: str) -> None:
    """A key, option or header of a secret's name is known, in any spelling."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "tokenizer",
        "author",
        "authors",
        "authority",
        "use_cls_token",
        "TOKENIZERS_PARALLELISM",
        "num_tokens",
        "token_count",
        "eos_token",
        "bos_token",
        "pad_token_id",
        "image_token",
        "cost_per_token",
        "keyboard",
        "monkey",
        "key",
        "primary_key",
        "sort_key",
        "public_key",
        "cache_key",
        "dict_key",
        "PWD",
        "OLDPWD",
        "pass",
        "n_pass",
        "password_file",
        "token_path",
        "secret_name",
        "auth_type",
        "use_auth",
        "credentials_path",
        "api_key_env",
        "tokens",
        "prompt_tokens",
        "PUBLIC_KEY",
        "s3_key",
        "keys",
        "passed",
        "compass",
        "pattern",
        "authentication_mode",
        "SSH_AUTH_SOCK",
        "XAUTHORITY",
        "GPG_KEY",
        "cookies_file",
        "secretary",
        "tokenize",
        "detokenizer",
    ],
)
def test_other_names(name: str) -> None:
    """Words that only look like a secret's name are none, for keys and variables alike."""
    assert not is_secret_name(name)
    assert not is_secret_variable(name)


@pytest.mark.parametrize(
    "name",
    [
        "FOO_KEY",
        "FOO_TOKEN",
        "GITHUB_PAT",
        "DB_PASS",
        "PGPASSWORD",
        "MYSQL_PWD",
        "ACME_PAT",
        "MY_PASS",
        "REDISCLI_AUTH",
        "SECRET_KEY_BASE",
        "OPENAI_API_KEY_EU",
        "USER_TOKEN",
    ],
)
def test_variables_are_judged_more_widely(name: str) -> None:
    """A variable NAME_KEY, NAME_TOKEN, NAME_PASS of any name holds a secret."""
    assert is_secret_variable(name)

"""Which names stand for a secret: the one judgement on keys, options and environment variables.

A name is split into words (at _ - . and camelCase) and judged by its last word and what qualifies it. The answer
says what a value must look like to be a secret there, because `eos_token` and `hf_token` are built alike: SURE
(anything is one), CHOSEN (a password, no word or path: `pwd`, `pass`), PERHAPS (issued by a machine: `acme_token`,
`key`), LIKELY (the same, and plain hex digits too: `salt`, `jwt`), NUMBER (the same, and a few digits: `pin`), NO.
"""

from __future__ import annotations

import re
from functools import lru_cache

NO, PERHAPS, SURE, CHOSEN, LIKELY, NUMBER = 0, 1, 2, 3, 4, 5

_WORD = r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names written as one word, or whose last two words decide.
_COMPOUNDS = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "apikey", "apikeys", "apitoken"),
    *("accesskey", "accesstoken", "authtoken", "refreshtoken", "secretkey", "privatekey", "signingkey"),
    *("encryptionkey", "clientsecret", "sshpass", "masterkey", "accountkey", "passwort", "kennwort", "userpwd"),
    *(
        "pgpass",
        "storepass",
        "keypass",
        "authtok",
        "requirepass",
        "masterauth",
        "rpcauth",
        "authkey",
        "basicauth",
        "httpauth",
        "psk",
        "presharedkey",
    ),
)
_ALWAYS = _words("""secret secrets credential credentials cred creds cookie cookies bearer authorization dsn""")
# Whoever issues keys and tokens; `NAME_key` and `NAME_token` of these are surely secrets.
_ISSUERS = _words(
    """ai21 airtable algolia anthropic anyscale artifactory aws azure bitbucket bing brave buildkite
    cerebras circleci clearml cloudflare codecov cohere comet composer conda coveralls dagshub
    databricks datadog dd deepgram deepinfra deepl deepseek digitalocean discord docker doppler
    elevenlabs exa expo fal fastly figma firecrawl fireworks gcp gemini gh ghcr gitea github gitlab gl
    google grafana groq heroku hf honeycomb hub hubspot huggingface ibm infisical jfrog jina jira kaggle
    langchain langfuse langsmith linear llama lambda mailgun mapbox mistral mlflow modal mongodb neptune
    netlify newrelic ngrok notion npm nvidia ollama openai openrouter pagerduty perplexity pinecone
    posthog promptlayer pypi qdrant quay railway replicate runpod sendgrid sentry serpapi serper shopify
    slack snowflake snyk sonar square stripe supabase tavily telegram together travis twilio twine vault
    vercel vertex voyage voyageai wandb watsonx weaviate xai zapier zhipu"""
)
_OF_KEY = _ISSUERS | _words(
    """api secret private access signing encryption decryption master account service auth license licence
    shared signature subscription hmac aes jwt session cookie webhook deploy admin root security symmetric fernet
    crypto wifi wlan wpa fi unseal wep enc encrypt decrypt consumer"""
)
# Of what may also be told by an id: plain hex digits are one's key, words are none.
_OF_DEVICES = _words("app application nwk network join dev device stream upload tenant")
_OF_SECRET = _words("app api client consumer shared hmac jwt oauth webhook session cookie auth")
_OF_TOKEN = _ISSUERS | _words(
    """api app access auth oauth oauth2 refresh bearer session csrf xsrf secret bot personal deploy
    security jwt login service account admin client device registration webhook verification registry
    upload publish private root ci job runner sas git mfa 2fa otp"""
)
_OF_PASS = _words(
    """account admin auth db database email ftp git http imap jenkins ldap login mail mongo mysql pg
    postgres proxy rabbitmq redis root sftp smtp ssh sudo user vnc"""
)
_PUBLIC_KEY = _words(
    """answer audio bucket cache column composite config data dataset dict env feature field file foreign
    gpg group header hot id idempotency image index input json known label lookup map message metric
    name natural object option output param partition path peer pgp primary prompt pub public publishable
    question range reference result routing row s3 search shortcut sort sorting state target text
    translation type unique value verify verifying video yaml"""
)
_COUNTING = _words("""avg cost count limit max mean min ms n num number per price sum total""")
_OF_TEXT = _words(
    """assistant audio begin current decoded predicted sampled target top
    best blank boi bos boseq cls decoder delimiter dummy each end eob eod eoi eom
    eos eot eoseq fill filler first forced generated hidden im image infill init instruct label language
    last logit mask middle newline next nospeech output pad patch placeholder prefix prev previous
    prompt reserved sample sep separator space special speech start step stop suffix text think thinking
    timestamp turn unexpected unk unknown video vision visual vocab word"""
)
_OF_PAGES = _words("""cancel cancellation continuation cursor delta design erc20 fencing page pagination resume sync
    watch""")
_FLAGS = _words("""allow disable enable enabled has is needs no pre require required skip use with without""")
_VERBS = _words("""ask check delete detect disabled expire forget forgot generate have hide list load mask
    prompt remember remove revoke
    rotate
    save show store try validate verify""")  # --ask-password, HAVE_PASSWD
_NOT_PASS = _words("""all by first forward full last max min multi n no num one second single test tests two""")
_WORTH = _words(
    """key keys token secret secrets password pass pwd pw credential credentials auth cookie dsn bearer jwt pat salt
    pepper hmac fernet webhook connection netrc authorization sk role api bot sak rsa pem sas headers
    header kubeconfig"""
)
# What may follow the noun without changing what it is.
_SUFFIXES = _words(
    """b64 backup base base64 bytes cleartext confirm current dev hex new old plain plaintext prod production
    raw staging str string test value"""
)
# What turns a secret's name into the name of something about it.
_ABOUT = _words(
    """age algorithm arn attempts backend budget class count dir domain duration enabled endpoint env
    expires expiry file files format header host hash id ids kind label length level limit lifetime
    manager max method min mode name names namespace num path paths period policy prefix provider realm
    ref region required rule rules rotation scope size sock socket source store strategy strength subset
    task tasks threshold timeout ttl type
    uri url user username version"""
)
_FOREIGN = _words(
    """contraseña contrasena motdepasse passwort kennwort senha palavrapasse palabraclave wachtwoord hasło haslo heslo
    пароль гасло 密码 密碼 口令 パスワード 비밀번호 암호 şifre parola lösenord losenord jelszó jelszo adgangskode
    kodeord
    passord salasana lozinka geslo slaptažodis slaptazodis parool katasandi κωδικός סיסמה סיסמא"""
)
_WORDS_IN_PASS = _words(
    "pass compass bypass surpass trespass encompass overpass underpass impasse lowpass highpass bandpass allpass"
)
_FOREIGN_AT_END = tuple(one for one in _FOREIGN if len(one) > 4 or not one.isascii())
_FOREIGN_KEYS = _words("cle clé clave llave chave chiave klucz schluessel schlüssel schlussel nyckel ключ токен")
_FOREIGN_AT_NAMES = _words("clave mdp passe geheimnis segredo segreto hemlighet hemmelighed secreto")
_OF_KEYS_THEMSELVES = _words("id_rsa id_ed25519 id_ecdsa userpass login_pass mnemonic")
_OF_NUMBER = _words("pin 2fa mfa otp totp unlock verification sms security time")
_JOINED = str.maketrans("", "", "_- .")
_OF_SEED = _words("otp totp mfa wallet recovery secret hd bip39 unlock backup keystore signing security pass")
_REFERRED = _words("password passwd tls image existing pull from")
_ISSUED = _words("totp csrf xsrf licence license jwt salt pepper hmac fernet pat webhook masterkey login")
_SHORT_WORD = 9  # the shortest token behind its mark has ten signs
_INTERESTING = (
    "key|tok|licen[cs]e|secret|pass|pwd|pw|auth|cred|cookie|dsn|bearer"
    "|pat|srf|sess|otp|mnemonic|phrase|seed|jwt|salt|pepper|hmac|fernet|hook|kennwort|login|psk|code|pin|unseal"
    "|clave|mdp|geheim|segred|segret|hemlig|hemmelig"
)


def is_plain_name(text: str) -> bool:
    """Say whether a text is short words alone (`first_token_seconds`, `OLDPWD`): no kind of token can stand in it."""
    return (
        text.isascii()
        and (text.islower() or text.isupper())
        and all(word.isalpha() and len(word) <= _SHORT_WORD for word in text.split("_"))
    )


def words(name: str) -> list[str]:
    """Return the words a name is made of, in lower case."""
    return [word.lower() for word in re.findall(_WORD, name)]


@lru_cache(maxsize=1 << 14)
def judge(name: str) -> int:  # noqa: PLR0911 - one line a case
    """Say whether what stands at this key is a secret: NO, PERHAPS (if it looks issued), SURE."""
    if name.lower().endswith(("password_hash", "hashed_password")):
        return PERHAPS
    if name.lower().endswith(("secret_id", "secret-id", "secretid")):
        return LIKELY
    if name.lower().translate(_JOINED).endswith(_FOREIGN_AT_END):
        return SURE
    if not re.search(_INTERESTING, name, re.IGNORECASE) or len(name) > 200:
        return NO
    name = re.sub(r"\.[0-9]+\Z", "", name)
    parts = words(name.rpartition(".")[2])
    if len(parts) == 1:  # openai.api.key, but not logs.keys
        parts = words(name)[-3:] if parts[0] == "key" else parts
    whole = len(parts)
    while parts and (parts[-1].lstrip("v").isdigit() or parts[-1] in _SUFFIXES):
        parts.pop()
    if not parts:
        return NO
    if parts[-1] == "auth0":  # a company
        return NO
    noun = parts[-1].rstrip("0123456789")
    rank = _judge_words([*parts[:-1], noun], trimmed=len(parts) < whole or noun != parts[-1])
    return CHOSEN if rank == SURE and len(parts) > 1 and parts[0] in _VERBS else rank


def _judge_words(parts: list[str], *, trimmed: bool) -> int:  # noqa: C901, PLR0911, PLR0912 - one line a family
    last, before = parts[-1], parts[:-1]
    if before and before[-1] == "public":
        return NO
    if before and before[-1] == "existing":  # how a chart calls the name of one
        return NO
    if last in {"secret", "secrets"} and before and not _REFERRED.isdisjoint({before[0], before[-1]}):
        return CHOSEN  # the name of one, or several
    if last in _ALWAYS or "".join(parts).endswith(_COMPOUNDS):
        return SURE
    if len(last) > 6 and last.endswith("secret"):
        return SURE if last.removesuffix("secret") in _OF_SECRET else CHOSEN
    if last in _FOREIGN_AT_NAMES:
        return CHOSEN
    if last.endswith("key") and last[:-3] in _OF_KEY | _OF_DEVICES:  # hmackey, APPKEY
        return _judge_key([*before, last[:-3]], plural=False)
    if parts[-2:] == ["key", "data"]:  # as a kubeconfig has it
        return LIKELY
    if last == "token":
        return _judge_token(before, trimmed=trimmed)
    if last in {"key", "keys"}:
        return _judge_key(before, plural=last == "keys")
    if last in {"auth", "oauth"}:
        return NO if _FLAGS.intersection(before) else SURE
    if last in {"pwd", "pw"}:  # alone it is the working folder
        return CHOSEN if not before else SURE if before[-1] != "old" else NO
    if last == "pass" and not _NOT_PASS.intersection(before):
        return SURE if before and before[-1] in _OF_PASS else CHOSEN
    if last == "pat" and before and before[-1] in _ISSUERS:
        return SURE
    if not before and last.endswith(("pass", "pw", "pwd")) and last not in _WORDS_IN_PASS:
        return CHOSEN  # bindpw, rootpw, requirepass
    if last in {"seed", "phrase", "words"} and before and before[-1] in _OF_SEED:
        return LIKELY if last == "seed" else SURE
    if not before and last.endswith(("token", "sessionid", "sessid")):
        return PERHAPS
    if last in {"pin", "pincode", "otp"} or (last == "code" and before and before[-1] in _OF_NUMBER):
        return NUMBER
    if (
        last in {"code", "codes"}
        and before
        and before[-1] in {"access", "activation", "recovery", "backup", "unlock", "door"}
    ):
        return CHOSEN
    if last == "mnemonic":
        return SURE
    if last == "session" and before and before[0] == "x":  # a header
        return LIKELY
    return LIKELY if last in _ISSUED else NO


def _judge_token(before: list[str], *, trimmed: bool) -> int:
    if not before:
        return PERHAPS if trimmed else SURE  # token_1 may well be a piece of text
    if _COUNTING.intersection(before):
        return NO
    if before[-1] in _OF_TOKEN:
        return SURE
    if _OF_TEXT.intersection(before):
        return NO
    return NO if before[-1] in _OF_PAGES else PERHAPS if trimmed else LIKELY


def _judge_key(before: list[str], *, plural: bool) -> int:
    if not before:
        return NO if plural else PERHAPS
    if before[-1].rstrip("0123456789") in _OF_KEY:
        return SURE
    if before[-1] in _OF_DEVICES or not {"app", "nwk"}.isdisjoint(before):  # AppSKey
        return LIKELY
    return NO if plural or _PUBLIC_KEY.intersection(before) else PERHAPS


def is_secret_name(name: str) -> bool:
    """Say whether a thing of this name holds a secret: api_key does, max_tokens does not.

    Surely secret are names that end in password (passwd, passphrase, passcode), secret, credential, cookie, auth,
    authorization, bearer, dsn; in key or token where the word before says of what (api, access, private, signing
    ..., or who issues it: openai, hf, github ...); `token` alone; pass, pwd and pat with an account's or issuer's
    name before them. Not secret: `key` and `pwd` alone, keys that find things (sort, primary, public, cache), tokens
    that are text (eos, pad, cls, image) or are counted (max_tokens, cost_per_token), and whatever ends in a word about
    the secret (token_count, auth_type, password_file).
    """
    return judge(name) == SURE


@lru_cache(maxsize=1 << 14)
def is_secret_variable(name: str) -> bool:
    """Say whether an environment variable of this name holds a secret.

    Judged more widely than a key: NAME_KEY, NAME_TOKEN, NAME_PASS and NAME_PAT of any NAME that is_secret_name
    does not rule out, and a sure secret followed by words that are not about it (OPENAI_API_KEY_EU).
    """
    if judge(name) == SURE:
        return True
    parts = words(name)
    if judge(name) != NO:
        return len(parts) > 1 or judge(name) == NUMBER
    if not _FOREIGN.isdisjoint(parts) or "motdepasse" in "".join(parts):
        return True
    if not _FOREIGN_KEYS.isdisjoint(parts) or "_".join(parts) in _OF_KEYS_THEMSELVES:
        return True
    if len(parts) > 1 and parts[-1] in {"pem", "unseal", "userpass"}:
        return "public" not in parts
    return any(
        "".join(parts[:end]).endswith(_COMPOUNDS) and not _ABOUT.intersection(parts[end:])
        for end in range(1, len(parts))
    )


def may_hold_a_secret(name: str) -> bool:
    """Say whether a variable's value is worth a look: its name has a secret's word in it."""
    return judge(name) != NO or (not _WORTH.isdisjoint(words(name)) and "public" not in words(name))


def is_issuer(name: str) -> bool:
    """Say whether a name is an issuer's alone, or a webhook's: what looks issued in its value is a secret."""
    parts = words(name)
    return "webhook" in parts or (len(parts) == 1 and parts[0] in _ISSUERS)


def holds_many(name: str) -> bool:
    """Say whether everything in a container of this name is a secret: api_keys, secrets."""
    return name.lower().endswith("s") and words(name)[-1:] != ["credentials"] and judge(name) == SURE


def may_name_a_file(name: str) -> bool:
    """Say whether a path at this secret name is no secret: credentials and key files, not passwords or tokens."""
    joined = "".join(words(name))
    return joined.endswith(("credential", "credentials", "cred", "creds", "cookie", "cookies", "privatekey",
                            "signingkey", "deploykey", "sshkey", "auth", "accountkey"))  # fmt: skip

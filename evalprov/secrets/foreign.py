"""Secrets' words in other languages, and what stands behind them where no blank need part the words."""

from __future__ import annotations

from evalprov.secrets.values import compiled, looks_chosen

# Of a password, up to where it is declined.
PASSWORDS = (
    "contraseñ|contraseÑ|contrasen|clave|mot[ _-]de[ _-]passe|mdp|senha|wachtwoord|hasł|hasŁ|haslo|heslo|parola|parolă"
    "|lösenord|lÖsenord|jelsz|şifre|Şifre|mật khẩu|passord|adgangskode|salasana|lozink|geslo|slaptažod|kata sandi"
    "|κωδικ|Κωδικ|парол|Парол|ПАРОЛ|лозинк|סיסמ|كلمة المرور|كلمة مرور|كلمة السر|كلمة سر|الرمز السري|رمز عبور"
    "|پسورد|گذرواژه|पासवर्ड|পাসওয়ার্ড|கடவுச்சொல்|รหัสผ่าน"
    "|密码|密碼|口令|パスワード|パスフレーズ|暗証番号|合言葉|비밀번호|비번|패스워드|암호"
)
# Of a key or a token, near which a random text is a secret.
KEYS = (
    "chave|chiave|klucz|clé|clef|schlüssel|schlÜssel|nyckel|anahtar|ключ|Ключ|токен|Токен"
    "|密钥|密鑰|金鑰|令牌|キー|鍵は|トークン|키|토큰|مفتاح|מפתח|कुंजी|टोकन"
)
NOUNS = f"{PASSWORDS}|{KEYS}".encode()
OUTSIDE_ASCII = tuple(noun for noun in NOUNS.split(b"|") if not noun.isascii())
_OF_PASSWORDS = tuple(noun.encode() for noun in PASSWORDS.split("|") if not noun.isascii())
# What such a word goes on with in scripts that part their words by blanks.
DECLINED = rb"(?:[\w-]|[\xc3-\xd4][\x80-\xbf]){0,40}"
_PIECE = rb"[!#-&*-+\--;=?-Z\\^_a-z|~]+"
_MODEL = rb"[A-Z]+[0-9]+[a-z]?|[\w.-]+[.-][0-9]+|[A-Z][A-Za-z]+[0-9]"  # RFC2617, gpt-4, KeePass2
# What makes another word of it: cryptography, a manager of passwords, how long one is.
_ABOUT = tuple(
    word.encode() for word in ("学", "學", "器", "管理", "长度", "長度", "强度", "強度", "错误", "策略", "重置", "認証")
)
_REACH, _MOST_PIECES = 96, 4


def signs() -> tuple[bytes, ...]:
    """Return what a line has in it that speaks of a password outside of ASCII."""
    return _OF_PASSWORDS


def kind_of(noun: bytes) -> str:
    """Say whether a noun is a password's or a key's in another language; nothing if it is in English."""
    if not compiled(NOUNS).fullmatch(noun):
        return ""
    return "password" if compiled(PASSWORDS.encode()).fullmatch(noun) else "key"


def find_behind(text: bytes, at: int) -> tuple[int, int] | None:
    """Return the password among the first pieces in ASCII behind its word: `密码是X`, `パスワードは「X」です`."""
    if text.startswith(_ABOUT, at):
        return None
    end = text.find(b"\n", at, at + _REACH)
    pieces = compiled(_PIECE).finditer(text, at, at + _REACH if end < 0 else end)
    for number, piece in enumerate(pieces):
        value = piece[0].strip(b".,:;=*_-")
        if number == _MOST_PIECES or (piece.end() == at + _REACH < len(text)):
            return None
        if len(value) > 5 and b"assword" not in value and looks_chosen(value) and not compiled(_MODEL).fullmatch(value):
            start = piece.start() + piece[0].index(value)
            return (start, start + len(value))
    return None

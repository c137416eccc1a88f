"""Words from outside, made fit for the record."""

from __future__ import annotations


def readable(text: str) -> str:
    r"""Return the text as valid Unicode: bytes that were not UTF-8 stand as \xNN."""
    if text.isascii():
        return text
    # A lone surrogate in this range is how Python keeps one undecodable byte.
    return (
        "".join(f"\\x{ord(letter) - 0xDC00:02x}" if "\udc80" <= letter <= "\udcff" else letter for letter in text)
        .encode("utf-8", "backslashreplace")
        .decode()
    )


def first_line(data: bytes, limit: int = 200) -> str:
    """Return the first line that says something, without control characters and cut at a bound."""
    for line in data.decode("utf-8", "backslashreplace").splitlines():
        shown = "".join(letter for letter in line if letter.isprintable()).strip()
        if shown:
            return shown[:limit]
    return ""


def normalised(name: str) -> str:
    """Return a package's name as package indexes compare it."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)


def from_root(word: str, root: str) -> str:
    """Return a text with the paths inside the project counted from its root: another checkout is the same program."""
    if root not in word:
        return word
    import re

    return re.sub(rf"(?<![\w.-]){re.escape(root)}(?=/|\Z)/?", "", word) or "."

"""Tables in a text: which line is the head of one, and which cells of the lines below it are a secret's.

A head names every column and holds no data; its secret column tells of the same cell in each line that has as many.
"""

from __future__ import annotations

from evalprov.secrets.judged import NAME_OF_ONE, is_secret_value
from evalprov.secrets.names import CHOSEN, LIKELY, NO, PERHAPS, SURE
from evalprov.secrets.pairs import rank_in
from evalprov.secrets.values import MARK, compiled, is_common, is_masked, is_prose

_ALIGNED, _SINGLE, _NUMBERED = b"  ", b" ", b"   "  # parted by blanks alone, by one at least, with a number in front
_BARS, _TAGS = b"|", b"</t"
_SIGNS = (_BARS, b"\t", b";", b",", b"&", b":", _ALIGNED, _SINGLE, _NUMBERED)
BARS = rb"\||\xe2(?:\x94[\x82\x83\x86\x87\x8a\x8b]|\x95\x91)"  # as boxes are drawn with
_ALIGNED_CELL, _SINGLE_CELL = rb"\S+(?:[ ]\S+)*", rb"\S+"
_TAGGED_CELL = rb"(?i)(?<=>)([^<>]*)</t[hd]>"
RULE = rb"[-+|:=\s\xe2\x94-\x95\x80-\xbf]+\Z"
_NAME_OF_INDEX = rb"[A-Za-z_]\w{0,24}\s*"  # below the head of a data frame
_MAY_BE_HEAD = rb"[^|,;:&\t\xe2]{0,44}?(?:[|,;:&\t\xe2]|\S[ ]{1,}\S)"
_OF_HEADS = (
    bytes(code for code in range(128) if chr(code).isalnum()) + b" _.#-`*\"'|\t;,:&\\\r\n\v\f" + bytes(range(128, 256))
)
_HEAD_CELL = rb"(?:[A-Za-z_#\x80-\xff][\w .#\x80-\xff-]{0,60}|#|[0-9]{0,1})\Z"
_ROW_END = rb"[ ]*\\\\(?:[ ]*\\\w{1,12})?\Z"  # as TeX has it
_NO_NAMES = rb"[a-z ]+(?:[ ][a-z]+){3}|.*[ ](?:the|a|is|to|of|and|or|for)[ ].*"  # a sentence
_OF_A_LIST = rb"['\"],[ ]+['\"]|,\s*\Z"
_STYLED = rb"(?:[A-Z][a-z0-9]*)+|[a-z0-9]+(?:_[a-z0-9]+)+|[A-Z0-9]+(?:_[A-Z0-9]+)*"  # as columns are named
_PLAIN_WORD = rb"(?<![^ ])[a-z0-9]+(?![^ \r\n])"  # as none of those is
_CONSTANT = rb"[A-Z]+(?:_[A-Z0-9]+)+"  # a variable's name
_QUOTES = b" `*\"'"
_KINDS_OF_ONE = frozenset({b"token", b"key", b"auth"})
_NO_SECRETS = frozenset({b"login", b"user"})

Columns = tuple[tuple[int, int], ...]


def cells(line: bytes, sign: bytes) -> list[tuple[int, bytes]]:
    """Return a line's cells, and where each begins."""
    if sign in {_ALIGNED, _SINGLE, _NUMBERED}:
        cell = _ALIGNED_CELL if sign == _ALIGNED else _SINGLE_CELL
        return [(found.start(), found[0]) for found in compiled(cell).finditer(line)]
    if sign == _TAGS:
        return [(found.start(1), found[1]) for found in compiled(_TAGGED_CELL).finditer(line)]
    at = 0
    found_cells: list[tuple[int, bytes]] = []
    line = line.rstrip(b"\r\n")
    if sign == _BARS:
        for bar in compiled(BARS).finditer(line):
            found_cells.append((at, line[at : bar.start()]))
            at = bar.end()
        return [*found_cells, (at, line[at:])]
    for cell in line.split(sign):
        found_cells.append((at, cell))
        at += len(cell) + len(sign)
    return found_cells


def find_cells(line: bytes, sign: bytes, columns: Columns, width: int) -> list[tuple[int, int]]:
    """Return where the secrets of a table's line stand."""
    found = cells(line, sign)
    shift = len(found) - width
    if sign == _NUMBERED and not (shift == 1 and found[0][1].isdigit()):
        return []
    spans = []
    for number, rank in columns if shift in {0, _index(sign)} else ():
        start, cell = found[number + shift]
        value = _inside(cell)
        if not value or value == MARK or is_masked(value) or is_prose(value) or compiled(_CONSTANT).fullmatch(value):
            continue
        if compiled(NAME_OF_ONE).fullmatch(value):
            continue
        if is_secret_value(value, "password", rank) and not (rank == SURE and is_common(value)):
            start += cell.index(value)
            spans.append((start, start + len(value)))
    return spans


def _inside(cell: bytes) -> bytes:
    return (compiled(_ROW_END).sub(b"", cell) if b"\\\\" in cell else cell).strip(_QUOTES)


def goes_on(line: bytes, sign: bytes, width: int) -> bool:
    """Say whether a table goes on with this line."""
    if sign == _ALIGNED and compiled(_NAME_OF_INDEX).fullmatch(line):
        return True
    return compiled(RULE).match(line) is not None or len(cells(line, sign)) - width in {0, _index(sign)}


def _index(sign: bytes) -> int:
    """Return how many cells more than its head a line may have: the number that a data frame gives it."""
    return 1 if sign in {_ALIGNED, _NUMBERED} else 0


def head_of_one(line: bytes) -> tuple[bytes, Columns, int] | None:
    """Return the table of one secret column and an index that this line is the head of, indented as it is."""
    return (_ALIGNED, ((0, CHOSEN),), 1) if line.startswith(_ALIGNED) else None


def head(line: bytes) -> tuple[bytes, Columns, int] | None:
    """Return what parts the cells of a table that this line is the head of, its secret columns and its width."""
    if b"<th" in line:
        return _columns(line, _TAGS)
    if line.translate(None, _OF_HEADS) or not compiled(_MAY_BE_HEAD).match(line):
        return None
    for sign in _SIGNS:
        if _may_part(line, sign) and (found := _columns(line, sign)):
            return found
    return None


def _may_part(line: bytes, sign: bytes) -> bool:
    if sign == _SINGLE:
        return sign in line and not compiled(_PLAIN_WORD).search(line)
    if sign == b":":
        return sign in line and b" " not in line
    return line.startswith(_ALIGNED) if sign == _NUMBERED else sign == _BARS or sign in line


def _columns(line: bytes, sign: bytes) -> tuple[bytes, Columns, int] | None:
    names = [_inside(cell) for _, cell in cells(line, sign)]
    told = [name for name in names if name]
    if len(names) < 2 or (len(names) == 2 and sign == b"," and b", " in line) or not all(map(_is_name, names)):
        return None
    if sign == b"," and compiled(_OF_A_LIST).search(line):
        return None
    if sign == _SINGLE and not all(compiled(_STYLED).fullmatch(name) for name in names):
        return None
    if sign == b"\t" and b" " in line and len(told) < 3:
        return None
    ranks = [_rank(name) for name in names]
    if any(name.lower().endswith(b"_hash") for name in names):
        ranks = [PERHAPS if name.lower().endswith(b"_hash") else rank for name, rank in zip(names, ranks, strict=True)]
    if sign == _SINGLE:  # which nearly all sentences have: no name of one word
        ranks = [LIKELY if rank == SURE and not (name.islower() and name.isalpha()) else NO
                 for name, rank in zip(names, ranks, strict=True)]  # fmt: skip
    elif sign in {_ALIGNED, _NUMBERED, b"\t", b"&", b":"} or len(told) == 1:
        ranks = [CHOSEN if rank == SURE else rank for rank in ranks]
    columns = tuple((number, rank) for number, rank in enumerate(ranks) if rank != NO)
    if len(columns) == len(told) > 1:  # names alone
        columns = tuple((number, LIKELY) for number, rank in columns if rank in {SURE, CHOSEN})
    return (sign, columns, len(names)) if columns else None


def _is_name(name: bytes) -> bool:
    return not name or (compiled(_HEAD_CELL).match(name) is not None and not compiled(_NO_NAMES).fullmatch(name))


def _rank(name: bytes) -> int:
    if not name or name.lower() in _NO_SECRETS:
        return NO
    rank = rank_in(name, 0, name.decode("utf-8", "replace").replace(" ", "_"))
    return PERHAPS if rank != NO and name in _KINDS_OF_ONE else rank

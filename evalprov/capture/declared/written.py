"""What is known, before the command starts, of the files that it and its like write: they are none of its inputs."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from evalprov.record.outputs import BY_EXPORT, Row, is_source, speaks_of_results
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.capture.collector import CaptureContext

WORDS = 1000  # of a command; more are a list of inputs
PROVED = 64 << 20  # a larger file is known by its stamp alone
PIECE = 1 << 20

_OUT = frozenset(
    ("out", "output", "outputs", "outfile", "outpath", "save", "dump", "export", "junitxml", "junit", "xunit")
)
# What may stand beside such a word in an option: any other, as in --output-schema, and nobody knows.
_BESIDE = frozenset(
    (
        *("file", "path", "to", "name", "filename", "json", "jsonl", "csv", "html", "xml", "md", "txt", "yaml", "yml"),
        *("report", "result", "results", "metric", "metrics", "score", "scores", "eval", "log"),
    )
)
_DATA = re.compile(r"[^=]+\.(json|jsonl|csv|tsv|xml|html?|md|txt|ya?ml|parquet|pkl|db|ipynb|log|eval)")


def named_outputs(context: CaptureContext) -> set[str]:
    """Return the files that the command is told to write, by their full paths: outputs, whoever wrote them last."""
    words = [*_after_options(context.argv), *_of_notebooks(context.argv)]
    return {_join(context.cwd, word) for word in (*words, *context.outputs) if word}


def named_files(context: CaptureContext) -> set[str]:
    """Return the full paths of what may be files among the command's words."""
    found: set[str] = set()
    for word in context.argv[:WORDS]:
        for text in (word, word.partition("=")[2]):
            if text and text[0] != "-" and len(text) < 4096 and "\n" not in text and "\0" not in text:
                found.add(_join(context.cwd, text))
    return found


def is_output_option(option: str) -> bool:
    """Say whether an option names what is to be written."""
    if option == "-o":
        return True
    words = [word for word in re.split(r"[-_.]", option.lstrip("-+").lower()) if word]
    return not _OUT.isdisjoint(words) and all(word in _OUT or word in _BESIDE for word in words)


def program_of(argv: tuple[str, ...]) -> str:
    """Return a short digest of the program in a command: its script or module, or its first words; no options."""
    chosen: list[str] = []
    for at, word in enumerate(argv):
        if at and (argv[at - 1] in {"-m", "-c"} or (is_source(word) and not word.startswith("-"))):
            chosen = [word, *argv[at + 1 : at + 2]]
            break
    else:
        ends = next((at for at, word in enumerate(argv) if at and word.startswith("-")), len(argv))
        chosen = [os.path.basename(argv[0]), *argv[1 : min(ends, 3)]]
    # A bare word after it is most often what the program is to do: `prepare`, `evaluate`.
    kept = [chosen[0], *(word for word in chosen[1:] if re.fullmatch(r"[a-z][a-z_-]*", word))]
    return hashlib.sha256("\0".join(kept).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def left_out(context: CaptureContext) -> set[str]:
    """Return the files that earlier runs wrote and that are as they left them, by their path from the project root.

    One that the command names, and another program wrote, is an input; so is one of another program whose name says
    nothing of results.
    """
    rows = context.known()
    if not rows:
        return set()
    program, named = program_of(context.argv), named_files(context)
    found: set[str] = set()
    for path, row in rows.items():
        if not row.sure or (row.program not in (program, BY_EXPORT) and not speaks_of_results(path)):
            continue
        full = _join(context.root, path)
        if (row.program == program or full not in named) and is_as_left(full, row):
            found.add(path)
    return found


def wrote_before(context: CaptureContext, path: str) -> bool:
    """Say whether an earlier run of this program wrote a file as it is now."""
    row = context.known().get(os.path.relpath(path, context.root))
    return row is not None and row.sure and row.program == program_of(context.argv) and is_as_left(path, row)


def is_as_left(path: str, row: Row) -> bool:
    """Say whether a file is the one that a run left: by its stamp, else by its content."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_size != row.size:
        return False
    if (found.st_mtime_ns, found.st_ctime_ns) == (row.mtime_ns, row.ctime_ns):
        return True
    if row.blob is None or found.st_size > PROVED:
        return False
    algorithm = "sha1" if len(row.blob) == 40 else "sha256"
    blob = hashlib.new(algorithm, b"blob %d\0" % found.st_size, usedforsecurity=False)
    try:
        for piece in pieces(path):
            blob.update(piece)
    except OSError:
        return False
    return blob.hexdigest() == row.blob


def pieces(path: str) -> Iterator[bytes]:
    """Give a regular file's bytes; raises OSError for anything else."""
    file = open_regular(path, os.O_NOFOLLOW)
    try:
        while piece := os.read(file, PIECE):
            yield piece
    finally:
        os.close(file)


def _after_options(argv: tuple[str, ...]) -> Iterator[str]:
    for at, word in enumerate(argv[:WORDS]):
        option, equals, value = word.partition("=")
        if at and equals and is_output_option(option) and option != "-o":
            yield value
        elif at > 1 and word[:1] != "-" and argv[at - 1][:1] == "-" and _is_named_by(argv[at - 1], word):
            yield word


def _is_named_by(option: str, word: str) -> bool:
    # Of the many meanings of -o only the usual one, with the name of a file.
    return is_output_option(option) and (option != "-o" or _DATA.fullmatch(word) is not None)


def _of_notebooks(argv: tuple[str, ...]) -> Iterator[str]:
    """Give the notebook that papermill writes: the second that is named."""
    if any(os.path.basename(word) == "papermill" for word in argv[:4]):
        yield from [word for word in argv if word.endswith(".ipynb")][1:2]


def _join(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))

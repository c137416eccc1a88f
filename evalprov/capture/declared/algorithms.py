"""Named pieces of custom logic, by their source text, without running it."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.capture.declared.naming import DeclaredPath, UnreadFiles, is_there, missing, refuse
from evalprov.regular import reading

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from evalprov.capture.collector import CaptureContext
    from evalprov.record.schema.code import Algorithm

AST_ONLY = 0x400  # ast.PyCF_ONLY_AST, without the import
LIMIT = 16 << 20
CODING = rb"\A(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n?|\n))?[ \t\f]*#[^\r\n]*?coding[:=][ \t]*[-\w.]+"


def algorithm(context: CaptureContext, name: str, where: str, unread: UnreadFiles) -> Algorithm:
    """Hash the source of `file.py:function`, `file.py:Class.method`, `file.py:outer.inner`, or of a whole file.

    The hash is the SHA-256 of the UTF-8 text of the definition: from its first decorator to its last line as they
    stand in the file, comments and blank lines between them included, the common indentation removed as
    `textwrap.dedent` does, lines ended by a line feed, none behind the last. A name that is defined several times
    in one scope, as in the branches of an `if`, stands for all of these in their order. A whole file counts by its
    bytes.
    """
    keys = ("code", "algorithms", name)
    file, colon, dotted = where.rpartition(":")
    if not colon or os.path.exists(os.path.join(context.root, where)):
        file, dotted = where, ""
    called = _AlgorithmSource.name(dotted) if dotted else os.path.basename(file)
    path = os.path.join(context.root, file)
    if not is_there(path):
        raise missing(context, DeclaredPath(keys, file))
    try:
        data = _read(path)
        if dotted:
            data = _AlgorithmSource(context, keys, where, data).text(dotted).encode()
    except (OSError, _NotPython) as error:
        problem = error.strerror if isinstance(error, OSError) else None
        unread.note(keys, where, problem or str(error))
        return {"name": called, "sha256": None, "short": None, "source": where}
    return _entry(called, data, where)


class _NotPython(Exception):  # noqa: N818
    """A definition is named in a file that cannot be read as Python; the words say why."""


def _entry(name: str, data: bytes, where: str) -> Algorithm:
    digest = hashlib.sha256(data).hexdigest()
    return {"name": name, "sha256": f"sha256:{digest}", "short": digest[:12], "source": where}


def _read(path: str) -> bytes:
    with reading(path) as opened:
        data = opened.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise OSError(0, f"larger than {LIMIT >> 20} MiB")
    return data


class _AlgorithmSource:
    """One Python file's definitions."""

    def __init__(self, context: CaptureContext, keys: tuple[str, ...], where: str, data: bytes) -> None:
        self._context, self._keys, self._where = context, keys, where
        try:
            text = _decoded(data)
            self._tree = _parsed(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
            hint = "without what follows the colon the whole file is hashed"
            raise _NotPython(f"not read as Python: {line}; {hint}") from None
        # Python's own idea of a line; str.splitlines has more ends of one.
        self._lines = re.split(r"\r\n|\r|\n", text)

    @staticmethod
    def name(dotted: str) -> str:
        """Return a path of names as Python would write it, less what it adds for functions in functions."""
        return dotted.replace("<locals>.", "")

    def text(self, dotted: str) -> str:
        """Return the text of what is defined by this name."""
        scopes: list[Any] = [self._tree]
        found: list[Any] = []
        for part in self.name(dotted).split("."):
            found = [node for scope in scopes for node in _definitions(scope) if part in _names(node)]
            if not found:
                problem = f"nothing is defined there by the name {part}"
                raise refuse(self._context, self._keys, self._where, problem, self._near(dotted))
            scopes = found
        return "\n".join(self._lines_of(node) for node in found)

    def _lines_of(self, node: Any) -> str:
        import textwrap

        first = node.lineno
        if decorators := getattr(node, "decorator_list", None):
            first = min(decorators[0].lineno, first)
            while not self._lines[first - 1].lstrip().startswith("@"):
                first -= 1
        return textwrap.dedent("\n".join(self._lines[first - 1 : node.end_lineno]))

    def _near(self, dotted: str) -> str:
        from difflib import get_close_matches

        every = dict.fromkeys(_every(self._tree, ""))
        near = get_close_matches(self.name(dotted), every, n=3, cutoff=0.5)
        return f"there is: {', '.join(near or list(every)[:10])}" if every else "nothing is defined there"


def _decoded(data: bytes) -> str:
    if not re.match(CODING, data):
        return data.decode("utf-8-sig")
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def _parsed(text: str) -> Any:
    import warnings

    # What Python finds doubtful in it is the program's own business.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, "source", "exec", AST_ONLY, dont_inherit=True)


def _definitions(scope: Any) -> Iterator[Any]:
    """Give what is defined in a scope, also under a condition, in order of the text."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for node in getattr(scope, field, ()):
            if _names(node):
                yield node
            elif not hasattr(node, "decorator_list"):
                yield from _definitions(node)


def _names(node: Any) -> tuple[str, ...]:
    """Return the names that a statement defines."""
    if hasattr(node, "decorator_list"):
        return (node.name,)
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    if type(node).__name__ not in {"Assign", "AnnAssign"}:
        return ()
    return tuple(target.id for target in targets if hasattr(target, "id"))


def _every(scope: ast.AST, before: str) -> Iterator[str]:
    for node in _definitions(scope):
        for name in _names(node):
            yield f"{before}{name}"
        if hasattr(node, "decorator_list"):
            yield from _every(node, f"{before}{node.name}.")

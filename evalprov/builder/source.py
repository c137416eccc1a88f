"""Custom logic by its source: the hash of a function, class, method or file.

**Which text is hashed.** The lines of the definition as they stand in its file, from its first decorator (else its
`def`, `async def` or `class`) to the last line of its body: comments and blank lines inside count, what follows
the body does not. The lines lose their common indentation as `textwrap.dedent` takes it, are joined by one "\\n"
whatever the file's line ends are, and the last one has none. The hash is the SHA-256 of that text in UTF-8.
Of a lambda it is the text of the lambda alone; of a file, its bytes.

What a definition calls, inherits or closes over is not in its text: give each piece of logic a field of its own.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import ast

_AST_ONLY = 0x400  # ast.PyCF_ONLY_AST, without the 2 ms that importing ast takes
_Definition = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"


class NoSource(ValueError):  # noqa: N818 - what is the matter, not who is to blame
    """There is no source to hash; the words say why, and what to give instead."""


class CodeHash(TypedDict):
    """A named piece of custom logic, by its source."""

    name: str
    sha256: str  # 64 hex digits
    short: str  # the first 12 of them


def hash_code(thing: Callable[..., Any] | os.PathLike[str], name: str | None = None) -> CodeHash:
    """Return the name and the hash of a function, class, method, lambda, functools.partial, or file.

    A decorated function counts with its decorators as they stand above it; a partial by its function and arguments. What
    has no source (built in, compiled, made by exec) raises NoSource, and what is no code at all TypeError.

    >>> import textwrap
    >>> found = hash_code(textwrap.dedent)
    >>> found["name"], len(found["sha256"]), found["sha256"].startswith(found["short"])
    ('dedent', 64, True)
    """
    own_name, digest = _found(thing)
    return {"name": name or own_name, "sha256": digest, "short": digest[:12]}

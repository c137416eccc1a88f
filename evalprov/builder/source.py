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
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator

_AST_ONLY = 0x400  # ast.PyCF_ONLY_AST, without the 2 ms that importing ast takes


class NoSource(ValueError):  # noqa: N818 - what is the matter, not who is to blame
    """There is no source to hash; the words say why, and what to give instead."""


class CodeHash(TypedDict):
    """A named piece of custom logic, by its source."""

    name: str
    sha256: str  # 64 hex digits
    short: str  # the first 12 of them


def hash_code(thing: Callable[..., Any] | os.PathLike[str], name: str | None = None) -> CodeHash:
    """Return the name and the hash of a function, class, method, lambda, functools.partial, or file.

    A decorated function counts with its decorators as they stand above it; a partial by its function and arguments.
    What has no source (built in, compiled, made by exec) raises NoSource, and what is no code at all TypeError.

    >>> import textwrap
    >>> found = hash_code(textwrap.dedent)
    >>> found["name"], len(found["sha256"]), found["sha256"].startswith(found["short"])
    ('dedent', 64, True)
    """
    own_name, digest = _found(thing)
    return {"name": name or own_name, "sha256": digest, "short": digest[:12]}


def _found(thing: Any) -> tuple[str, str]:
    """Return a thing's own name and the SHA-256 that stands for it."""
    if isinstance(thing, os.PathLike):
        from evalprov.builder.values import file_hash

        path = os.fsdecode(thing)
        return os.path.basename(path), file_hash(path, path)
    if isinstance(thing, type):
        return _short_name(thing.__qualname__), _text_hash(_class_text(thing))
    if _is_partial(thing):
        return _partial(thing)
    function = _unwrapped(thing)
    code = getattr(function, "__code__", None)
    if isinstance(code, type(_found.__code__)):
        return _short_name(function.__qualname__), _text_hash(_function_text(function, code))
    if not callable(thing):
        raise TypeError(f"hash_code takes a function, class, method or path, not {type(thing).__name__}")
    if isinstance(type(thing).__dict__.get("__call__"), type(_found)):
        raise NoSource(
            f"{type(thing).__qualname__} is an object that can be called: what it does also depends on its state; "
            "give its class or its method, and its settings as fields of their own"
        )
    raise _no_source(getattr(thing, "__qualname__", repr(thing)), "it is built in or compiled")


def _is_partial(thing: object) -> bool:
    functools = sys.modules.get("functools")
    return functools is not None and isinstance(thing, functools.partial)


def _partial(thing: Any) -> tuple[str, str]:
    """A partial counts by the canonical JSON of the function's hash and the arguments given so far."""
    from evalprov.builder.canonical import sha256
    from evalprov.builder.values import plain, scrubbed

    name, digest = _found(thing.func)
    given = {"args": thing.args, "keywords": thing.keywords}
    return name, sha256({"function": digest, **scrubbed(plain(given, f"functools.partial({name})"))})


def _unwrapped(thing: Any) -> Any:
    """Return the innermost function: behind methods, and behind decorators that say what they wrap."""
    for _ in range(100):
        inner = getattr(thing, "__func__", None) or getattr(thing, "__wrapped__", None)
        if inner is None:
            break
        thing = inner
    return thing


def _short_name(qualname: str) -> str:
    return qualname.replace("<locals>.", "")


def _no_source(name: str, why: str) -> NoSource:
    name = _short_name(name)
    instead = f'add_field("{name}", {{"name": "{name}", "version": "..."}})'
    return NoSource(f"{name} has no source to hash: {why}; give it a version instead: {instead}")


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- functions and lambdas


def _function_text(function: Any, code: Any) -> str:
    lines, tree = _parsed(function.__qualname__, code.co_filename, function.__globals__)
    if code.co_name == "<lambda>":
        return _lambda_text(lines, tree, code.co_firstlineno)
    for _, node in _definitions(tree, "FunctionDef", "AsyncFunctionDef"):
        if node.name == code.co_name and _first_line(node) == code.co_firstlineno:
            return _text(lines, node)
    why = f"{code.co_filename} no longer has it at line {code.co_firstlineno}, so it has changed since it was loaded"
    raise _no_source(function.__qualname__, why)


def _lambda_text(lines: list[str], tree: Any, line: int) -> str:
    found = [node for node in _nodes(tree) if type(node).__name__ == "Lambda" and node.lineno == line]
    if len(found) != 1:
        what = f"{len(found)} lambdas begin" if found else "no lambda begins any more"
        raise NoSource(f"{what} on line {line} of its file; give it a name of its own with def")
    (node,) = found
    taken = [text.encode() for text in lines[node.lineno - 1 : node.end_lineno]]
    taken[-1] = taken[-1][: node.end_col_offset]  # columns are counted in UTF-8
    taken[0] = taken[0][node.col_offset :]
    return b"\n".join(taken).decode()


# --- classes


def _class_text(cls: type) -> str:
    members = [code for member in vars(cls).values() if (code := getattr(_unwrapped(member), "__code__", None))]
    module = sys.modules.get(cls.__module__)
    files = [file] if (file := getattr(module, "__file__", None)) else [code.co_filename for code in members]
    if not files:
        raise _no_source(cls.__qualname__, f"its module {cls.__module__} has no file")
    lines, tree = _parsed(cls.__qualname__, files[0], vars(module) if module else {})
    found = [node for path, node in _definitions(tree, "ClassDef") if path == cls.__qualname__]
    if len(found) > 1:
        # Defined in both arms of an if, say: the one that holds the methods which this class has.
        begins = [code.co_firstlineno for code in members if code.co_filename == files[0]]
        begins += [line] if (line := vars(cls).get("__firstlineno__")) else []
        found = [node for node in found if any(_first_line(node) <= at <= node.end_lineno for at in begins)]
    if len(found) != 1:
        why = "defines it more than once" if found else "does not define it, or not any more"
        raise _no_source(cls.__qualname__, f"{files[0]} {why}")
    return _text(lines, found[0])


# --- files and their definitions


def _parsed(name: str, filename: str, module: dict[str, Any]) -> tuple[list[str], ast.Module]:
    """Return a file's lines and its syntax tree."""
    import warnings

    source = _source(name, filename, module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape has been told when the file was loaded
        try:
            tree: Any = compile(source, filename, "exec", _AST_ONLY, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            raise _no_source(name, f"{filename} cannot be parsed: {problem}") from None
    return source.split("\n"), tree


def _source(name: str, filename: str, module: dict[str, Any]) -> str:
    """Return a file's text with "\\n" line ends; also of what a notebook or an archive keeps as source."""
    try:
        with open(filename, "rb") as file:
            data = file.read()
    except OSError:
        import linecache

        lines = linecache.getlines(filename, module)
        if not lines:
            raise _no_source(name, f"there is no file {filename}") from None
        return "".join(lines).replace("\r\n", "\n").replace("\r", "\n")
    if data.startswith(b"\xef\xbb\xbf") or b"coding" in b"".join(data.split(b"\n", 2)[:2]):
        from importlib.util import decode_source

        return decode_source(data)
    return data.decode(errors="surrogateescape").replace("\r\n", "\n").replace("\r", "\n")


def _nodes(tree: Any) -> Iterator[Any]:
    for _, node in _walk(tree):
        yield node


def _definitions(tree: Any, *kinds: str) -> Iterator[tuple[str, Any]]:
    """Yield every definition of these kinds with its path, as Python spells it in __qualname__."""
    for path, node in _walk(tree):
        if type(node).__name__ in kinds:
            yield path + node.name, node


def _walk(tree: Any) -> Iterator[tuple[str, Any]]:
    waiting = [("", tree)]
    while waiting:
        path, node = waiting.pop()
        yield path, node
        kind = type(node).__name__
        if kind == "ClassDef":
            path += f"{node.name}."
        elif kind in {"FunctionDef", "AsyncFunctionDef"}:
            path += f"{node.name}.<locals>."
        for field in node._fields:
            inner = getattr(node, field, None)
            waiting += [
                (path, one) for one in (inner if isinstance(inner, list) else [inner]) if hasattr(one, "_fields")
            ]


def _first_line(node: Any) -> int:
    first: int = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first


def _text(lines: list[str], node: Any) -> str:
    import textwrap

    first = _first_line(node)
    # Python counts a decorator in brackets from what stands in them.
    while node.decorator_list and not lines[first - 1].lstrip().startswith("@"):
        first -= 1
    return textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))

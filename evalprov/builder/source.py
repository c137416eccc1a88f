"""Custom logic by its source: the hash of a function, class, method or file.

**Which text is hashed.** The lines of the definition as they stand in its file, from its first decorator (else its
`def`, `async def` or `class`) to the last line of its body: comments and blank lines inside count, what follows
the body does not. The lines lose their common indentation as `textwrap.dedent` takes it, are joined by one "\\n"
whatever the file's line ends are, and the last one has none. The hash is the SHA-256 of that text in UTF-8.
Of a lambda it is the text of the lambda alone; of a file, its bytes.

What a definition calls, inherits or closes over is not in its text: give each piece of logic a field of its own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from evalprov.regular import reading

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

_AST_ONLY = 0x400  # ast.PyCF_ONLY_AST, without the 2 ms that importing ast takes


class NoSource(ValueError):  # noqa: N818 - what is the matter, not who is to blame
    """There is no source to hash; the words say why, and what to give instead."""


def unwrapped(thing: Any) -> Any:
    """Return the innermost function: behind methods, and behind decorators that say what they wrap."""
    for _ in range(100):
        inner = getattr(thing, "__func__", None) or getattr(thing, "__wrapped__", None)
        if inner is None:
            break
        thing = inner
    return thing


def short_name(qualname: str) -> str:
    """Return a name without the functions that it is defined in."""
    return qualname.replace("<locals>.", "")


def no_source(name: str, why: str) -> NoSource:
    """Say why something has no source, and what to give instead."""
    name = short_name(name)
    instead = f'add_field("{name}", {{"name": "{name}", "version": "..."}})'
    return NoSource(f"{name} has no source to hash: {why}; give it a version instead: {instead}")


# --- functions and lambdas


def function_text(function: Any, code: Any) -> str:
    """Return the source of a function as it counts."""
    lines, tree = _parsed(function.__qualname__, code.co_filename, function.__globals__)
    if code.co_name == "<lambda>":
        return _lambda_text(lines, tree, code.co_firstlineno)
    for _, node in _definitions(tree, "FunctionDef", "AsyncFunctionDef"):
        if node.name == code.co_name and _first_line(node) == code.co_firstlineno:
            return _text(lines, node)
    why = f"{code.co_filename} no longer has it at line {code.co_firstlineno}, so it has changed since it was loaded"
    raise no_source(function.__qualname__, why)


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


def class_text(cls: type) -> str:
    """Return the source of a class as it counts."""
    members = [code for member in vars(cls).values() if (code := getattr(unwrapped(member), "__code__", None))]
    module = sys.modules.get(cls.__module__)
    files = [file] if (file := getattr(module, "__file__", None)) else [code.co_filename for code in members]
    if not files:
        raise no_source(cls.__qualname__, f"its module {cls.__module__} has no file")
    lines, tree = _parsed(cls.__qualname__, files[0], vars(module) if module else {})
    found = [node for path, node in _definitions(tree, "ClassDef") if path == cls.__qualname__]
    if len(found) > 1:
        # Defined in both arms of an if, say: the one that holds the methods which this class has.
        begins = [code.co_firstlineno for code in members if code.co_filename == files[0]]
        begins += [line] if (line := vars(cls).get("__firstlineno__")) else []
        found = [node for node in found if any(_first_line(node) <= at <= node.end_lineno for at in begins)]
    if len(found) != 1:
        why = "defines it more than once" if found else "does not define it, or not any more"
        raise no_source(cls.__qualname__, f"{files[0]} {why}")
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
            raise no_source(name, f"{filename} cannot be parsed: {problem}") from None
    return source.split("\n"), tree


def _source(name: str, filename: str, module: dict[str, Any]) -> str:
    """Return a file's text with "\\n" line ends; also of what a notebook or an archive keeps as source."""
    try:
        with reading(filename) as file:
            data = file.read()
    except OSError:
        import linecache

        lines = linecache.getlines(filename, module)
        if not lines:
            raise no_source(name, f"there is no file {filename}") from None
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
